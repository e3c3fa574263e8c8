/** Rules of tables hold whichever door writes: SQL, the documents of MongoDB's door, the library, COPY; real drivers. */
import { MongoClient, type Collection, type Document } from 'mongodb'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { open, serve } from '../../src/polylog.ts'

type Database = Awaited<ReturnType<typeof open>>
type Server = Awaited<ReturnType<typeof serve>>

let database: Database
let server: Server
let sql: pg.Client
let mongo: MongoClient
let authors: Collection
let books: Collection

beforeAll(async () => {
  database = await open({ memory: true })
  server = await serve(database, { port: 0 })
  sql = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'me', database: 'polylog' })
  await sql.connect()
  mongo = await MongoClient.connect(`mongodb://127.0.0.1:${server.port}/?directConnection=true`)
  authors = mongo.db('public').collection('author')
  books = mongo.db('public').collection('book')
})

afterAll(async () => {
  await sql.end()
  await mongo.close()
  await server.close()
  await database.close()
})

beforeEach(async () => {
  await sql.query('drop table if exists book, author')
  await sql.query('create table author (id int primary key, name text default current_user)')
  await sql.query(`create table book (id int primary key, author int default 1 references author on delete cascade,
    editor int references author on delete set null deferrable initially deferred, pages int check (pages > 0))`)
  await sql.query("insert into author values (1, 'ann'), (2, 'bob')")
})

const rowsOf = async (table: string): Promise<Document[]> =>
  (await sql.query(`select * from ${table} order by id`)).rows as Document[]

/** The driver's own messages: what it calls a query object decides what they say. */
interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(bytes: Buffer): void
  endCopyFrom(): void
}

function copyIn(text: string, lines: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    const ended = (): void => (failure === undefined ? resolve() : reject(failure))
    const query = {
      submit: (connection: CopyConnection) => connection.query(text),
      handleCopyInResponse: (connection: CopyConnection) => {
        connection.sendCopyFromChunk(Buffer.from(lines))
        connection.endCopyFrom()
      },
      handleCommandComplete: () => undefined,
      handleError: (error: Error) => reject((failure = error)),
      handleReadyForQuery: ended,
    }
    sql.query(query as unknown as pg.Submittable)
  })
}

describe("through MongoDB's door", () => {
  it('a document that refers to nothing is refused, and those before it stay', async () => {
    const inserting = books.insertMany([
      { id: 1, author: 2 },
      { id: 2, author: 9 },
    ] as Document[])
    await expect(inserting).rejects.toMatchObject({
      code: 121,
      message: 'insert or update on table "book" violates foreign key constraint "book_author_fkey"',
    })
    expect(await rowsOf('book')).toEqual([{ id: 1, author: 2, editor: null, pages: null }])
  })

  it('defaults are filled in, and what they refer to must be there', async () => {
    await books.insertOne({ id: 1 })
    expect(await rowsOf('book')).toEqual([{ id: 1, author: 1, editor: null, pages: null }])
    await authors.deleteOne({ id: 1 })
    expect(await rowsOf('book')).toEqual([])
    await expect(books.insertOne({ id: 2 })).rejects.toMatchObject({ code: 121 })
  })

  it('an update and a delete are followed by what the foreign key says', async () => {
    await books.insertMany([
      { id: 1, author: 1, editor: 2 },
      { id: 2, author: 2 },
    ] as Document[])
    await expect(books.updateOne({ id: 1 }, { $set: { author: 7 } })).rejects.toMatchObject({ code: 121 })
    await authors.deleteOne({ id: 2 })
    expect(await rowsOf('book')).toEqual([{ id: 1, author: 1, editor: null, pages: null }])
  })

  it('what is deferred is checked when the transaction commits', async () => {
    const session = mongo.startSession()
    const write = async (editor: number, makesAuthor: boolean): Promise<void> => {
      session.startTransaction()
      await books.insertOne({ id: editor, author: 1, editor }, { session })
      if (makesAuthor) await authors.insertOne({ id: editor }, { session })
      await session.commitTransaction()
    }
    await expect(write(40, false)).rejects.toMatchObject({
      message: 'insert or update on table "book" violates foreign key constraint "book_editor_fkey"',
    })
    await write(41, true)
    await session.endSession()
    expect(await rowsOf('book')).toEqual([{ id: 41, author: 1, editor: 41, pages: null }])
    expect(await rowsOf('author')).toContainEqual({ id: 41, name: expect.any(String) as string })
  })
})

describe('through the library', () => {
  it('documents of a table keep its foreign keys, at once and deferred', async () => {
    const insert = (document: Document): Promise<void> =>
      database.write((tx) => tx.documents('public', 'book').insert(document))
    await expect(insert({ id: 1, author: 9 })).rejects.toMatchObject({
      code: 'foreign_key_violation',
      detail: { constraint: 'book_author_fkey', collection: 'book' },
    })
    await expect(insert({ id: 1, author: 1, editor: 9 })).rejects.toMatchObject({
      code: 'foreign_key_violation',
      detail: { constraint: 'book_editor_fkey' },
    })
    await insert({ id: 1, author: 2, editor: 1 })
    await database.write((tx) => tx.documents('public', 'author').delete({ id: 2 }))
    expect(await rowsOf('book')).toEqual([])
  })

  it('one transaction over doors is checked as one', async () => {
    await database.write(async (tx) => {
      await tx.sql('insert into book (id, author, editor) values (1, 1, 50)')
      await tx.keys().set('seen', 'yes')
      await tx.documents('public', 'author').insert({ id: 50 })
    })
    expect(await rowsOf('book')).toEqual([{ id: 1, author: 1, editor: 50, pages: null }])
    const failing = database.write(async (tx) => {
      await tx.keys().set('seen', 'no')
      await tx.sql('insert into book (id, author, editor) values (2, 1, 60)')
    })
    await expect(failing).rejects.toMatchObject({ code: 'foreign_key_violation' })
    expect(Buffer.from((await database.read((tx) => tx.keys().get('seen')))!).toString()).toBe('yes')
  })
})

describe("through PostgreSQL's door", () => {
  it('errors have the fields that drivers read', async () => {
    await expect(sql.query('insert into book values (1, 9)')).rejects.toMatchObject({
      code: '23503',
      detail: 'Key (author)=(9) is not present in table "author".',
      schema: 'public',
      table: 'book',
      constraint: 'book_author_fkey',
    })
    await sql.query('alter table book drop constraint book_author_fkey')
    await sql.query('alter table book add foreign key (author) references author')
    await sql.query('insert into book values (1, 2)')
    await expect(sql.query('delete from author where id = 2')).rejects.toMatchObject({
      code: '23503',
      detail: 'Key (id)=(2) is still referenced from table "book".',
      table: 'book',
      constraint: 'book_author_fkey',
    })
  })

  it('a commit that violates a deferred constraint is an error, and rolls back', async () => {
    await sql.query('begin')
    await sql.query('insert into book values (1, 1, 9)')
    await expect(sql.query('commit')).rejects.toMatchObject({ code: '23503', constraint: 'book_editor_fkey' })
    expect(await rowsOf('book')).toEqual([])
  })

  it('rows with RETURNING are told only when they may stay', async () => {
    const failing = sql.query('insert into book values (1, 1), (2, 9) returning id')
    await expect(failing).rejects.toMatchObject({ code: '23503' })
    const { rows } = await sql.query('insert into book values (1, 1) returning id')
    expect(rows).toEqual([{ id: 1 }])
  })

  it('COPY keeps the rules of what it goes into, a table or not', async () => {
    await copyIn('copy book (id, author) from stdin', '1\t1\n2\t2\n')
    await expect(copyIn('copy book (id, author) from stdin', '3\t1\n4\t9\n')).rejects.toMatchObject({ code: '23503' })
    expect((await rowsOf('book')).map(({ id }) => id as number)).toEqual([1, 2])
    const notes = mongo.db('public').collection('note')
    await notes.insertOne({ text: 'first' })
    await copyIn('copy note (text) from stdin', 'second\nthird\n')
    expect((await notes.find().sort({ text: 1 }).toArray()).map(({ text }) => text as string)).toEqual([
      'first',
      'second',
      'third',
    ])
  })

  it('SET CONSTRAINTS reaches back to what was deferred, and a savepoint takes it back', async () => {
    await sql.query('begin')
    await sql.query('insert into book values (1, 1, 9)')
    await sql.query('savepoint s')
    await expect(sql.query('set constraints all immediate')).rejects.toMatchObject({ code: '23503' })
    await sql.query('rollback to s')
    await sql.query("insert into author values (9, 'eve')")
    await sql.query('set constraints book_editor_fkey immediate')
    await sql.query('commit')
    expect(await rowsOf('book')).toEqual([{ id: 1, author: 1, editor: 9, pages: null }])
  })
})
