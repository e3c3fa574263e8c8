/** A row of a table that breaks a rule is one document's error through MongoDB's door: the others of its command stay. */
import { MongoBulkWriteError, type Collection } from 'mongodb'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type AllDoors, openAllDoors } from './testing.ts'

interface Row {
  _id: number
  owner?: number
  size?: number
  name?: string
}

let doors: AllDoors
let items: Collection<Row>
let people: Collection<{ _id: number }>

beforeAll(async () => {
  doors = await openAllDoors()
  await doors.pg.query(`
    CREATE TABLE person (id int PRIMARY KEY);
    CREATE TABLE item (id int PRIMARY KEY, owner int REFERENCES person, size int NOT NULL CHECK (size < 100), name text UNIQUE);
    CREATE TABLE late (id int PRIMARY KEY, owner int REFERENCES person DEFERRABLE INITIALLY DEFERRED)`)
  items = doors.mongo.db('public').collection('item')
  people = doors.mongo.db('public').collection('person')
})

beforeEach(async () => {
  await doors.pg.query(`TRUNCATE person, item, late; INSERT INTO person VALUES (1), (2);
    INSERT INTO item VALUES (1, 1, 10, 'one'), (2, 2, 20, 'two'), (3, NULL, 30, 'three')`)
})

afterAll(() => doors.close())

/** Of the index and code of each error, and what was counted. */
async function errorsOf(write: Promise<unknown>): Promise<{ errors: [number, number][]; result: MongoBulkWriteError }> {
  const error: unknown = await write.then(
    () => undefined,
    (failed: unknown) => failed,
  )
  expect(error).toBeInstanceOf(MongoBulkWriteError)
  const result = error as MongoBulkWriteError
  const list = [result.writeErrors].flat()
  return { errors: list.map(({ index, code }) => [index, code]), result }
}

async function ids(): Promise<number[]> {
  const { rows } = await doors.pg.query<{ id: number }>('SELECT id FROM item ORDER BY id')
  return rows.map(({ id }) => id)
}

const mixed: Row[] = [
  { _id: 4, size: 1, owner: 1 },
  { _id: 5, size: 1, owner: 9 }, // refers to nobody
  { _id: 6, size: 100 }, // a check
  { _id: 7 }, // not null
  { _id: 8, size: 1, name: 'one' }, // unique, after the row itself was written
  { _id: 4, size: 1 }, // the key
  { _id: 9, size: 1 },
]

describe('inserts', () => {
  it('stop at the first error in order', async () => {
    const { errors, result } = await errorsOf(items.insertMany(mixed))
    expect([errors, result.insertedCount]).toEqual([[[1, 121]], 1])
    expect(await ids()).toEqual([1, 2, 3, 4])
  })

  it('go on after errors where order does not matter', async () => {
    const { errors, result } = await errorsOf(items.insertMany(mixed, { ordered: false }))
    const expected = [
      [1, 121],
      [2, 121],
      [3, 121],
      [4, 11_000],
      [5, 11_000],
    ]
    expect([errors, result.insertedCount]).toEqual([expected, 2])
    expect(await ids()).toEqual([1, 2, 3, 4, 9])
    expect((await doors.library.verify()).total).toBe(0)
  })

  it('of one document answer that document’s error', async () => {
    const reply = await doors.mongo.db('public').command({ insert: 'item', documents: [mixed[1]!] })
    expect(reply).toMatchObject({ ok: 1, n: 0, writeErrors: [{ index: 0, code: 121 }] })
    expect(await ids()).toEqual([1, 2, 3])
  })

  it('may refer to a document before them in the command, not to one behind', async () => {
    await doors.pg.query('CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree)')
    const tree = doors.mongo.db('public').collection<{ _id: number; up?: number }>('tree')
    await tree.insertMany([{ _id: 1 }, { _id: 2, up: 1 }])
    const { errors } = await errorsOf(
      tree.insertMany(
        [
          { _id: 3, up: 4 },
          { _id: 4, up: 1 },
        ],
        { ordered: false },
      ),
    )
    expect(errors).toEqual([[0, 121]])
  })
})

describe('updates and deletes', () => {
  it('keep what other operations did', async () => {
    const operations = [
      { updateOne: { filter: { _id: 1 }, update: { $set: { size: 11 } } } },
      { updateOne: { filter: { _id: 2 }, update: { $set: { owner: 7 } } } },
      { updateOne: { filter: { _id: 3 }, update: { $set: { name: 'one', size: 31 } } } },
      { updateOne: { filter: { _id: 3 }, update: { $set: { size: 32 } } } },
    ]
    const { errors } = await errorsOf(items.bulkWrite(operations, { ordered: false }))
    expect(errors).toEqual([
      [1, 121],
      [2, 11_000],
    ])
    expect(await items.find().sort({ _id: 1 }).toArray()).toMatchObject([
      { size: 11 },
      { owner: 2 },
      { size: 32, name: 'three' },
    ])
  })

  it('of many documents keep those before the one that fails', async () => {
    await expect(items.updateMany({}, [{ $set: { size: { $add: ['$size', 75] } } }])).rejects.toMatchObject({
      code: 121,
    })
    expect((await items.find().sort({ _id: 1 }).toArray()).map(({ size }) => size)).toEqual([85, 95, 30])
  })

  it('are refused where others refer to a row', async () => {
    const removals = [{ deleteOne: { filter: { _id: 1 } } }, { deleteOne: { filter: { _id: 2 } } }]
    await items.deleteOne({ _id: 2 })
    const { errors, result } = await errorsOf(people.bulkWrite(removals, { ordered: false }))
    expect([errors, result.deletedCount]).toEqual([[[0, 121]], 1])
  })

  it('answer the document as the rules have left it', async () => {
    await doors.pg.query(
      'CREATE TABLE made (id int PRIMARY KEY, a int DEFAULT 4, b int GENERATED ALWAYS AS (a + id) STORED)',
    )
    const made = doors.mongo.db('public').collection<{ _id: number; a?: number }>('made')
    const options = { returnDocument: 'after', upsert: true } as const
    expect(await made.findOneAndUpdate({ _id: 1 }, { $set: {} }, options)).toEqual({ _id: 1, id: 1, a: 4, b: 5 })
    expect(await made.findOneAndUpdate({ _id: 1 }, { $set: { a: 6 } }, options)).toEqual({ _id: 1, id: 1, a: 6, b: 7 })
  })
})

describe('in a transaction', () => {
  it('an error ends it', async () => {
    const session = doors.mongo.startSession()
    session.startTransaction()
    await items.insertOne({ _id: 4, size: 1 }, { session })
    await expect(items.insertOne({ _id: 5, size: 1, owner: 9 }, { session })).rejects.toMatchObject({ code: 121 })
    await expect(items.insertOne({ _id: 6, size: 1 }, { session })).rejects.toMatchObject({ code: 251 })
    await session.abortTransaction()
    await session.endSession()
    expect(await ids()).toEqual([1, 2, 3])
  })

  it('what is deferred fails with the commit, and without one with the command', async () => {
    const late = doors.mongo.db('public').collection<{ _id: number; owner: number }>('late')
    const both = [
      { _id: 1, owner: 5 },
      { _id: 2, owner: 1 },
    ]
    await expect(late.insertMany(both, { ordered: false })).rejects.toMatchObject({ code: 121, writeErrors: [] })
    expect(await late.countDocuments()).toBe(0)
    const session = doors.mongo.startSession()
    session.startTransaction()
    await late.insertMany(both, { session })
    await people.insertOne({ _id: 5 }, { session })
    await session.commitTransaction()
    await session.endSession()
    expect(await late.countDocuments()).toBe(2)
  })
})

describe('an update of many of which one breaks a rule', () => {
  it('keeps what it did before, and counts nothing of the update that failed, as the real server', async () => {
    const things = doors.mongo.db('shop').collection<{ _id: number; key?: number; seen?: number }>('half')
    await things.createIndex({ key: 1 }, { unique: true })
    await things.insertMany([1, 2, 3, 4].map((_id) => ({ _id, key: _id })))
    // The second one meets the third one's key.
    const updates = [
      {
        updateMany: {
          filter: { _id: { $lte: 2 } },
          update: [{ $set: { key: { $add: ['$_id', { $cond: [{ $eq: ['$_id', 1] }, 9, 1] }] } } }],
        },
      },
      { updateOne: { filter: { _id: 4 }, update: { $set: { seen: 1 } } } },
    ]
    const { errors, result } = await errorsOf(things.bulkWrite(updates, { ordered: true }))
    expect(errors).toEqual([[0, 11_000]])
    expect([result.matchedCount, result.modifiedCount]).toEqual([0, 0])
    expect(await things.find().sort({ _id: 1 }).toArray()).toEqual([
      { _id: 1, key: 10 },
      { _id: 2, key: 2 },
      { _id: 3, key: 3 },
      { _id: 4, key: 4 },
    ])
    await things.updateOne({ _id: 1 }, { $set: { key: 1 } })
    const unordered = await errorsOf(things.bulkWrite(updates, { ordered: false }))
    expect(unordered.errors).toEqual([[0, 11_000]])
    expect([unordered.result.matchedCount, unordered.result.modifiedCount]).toEqual([1, 1])
    expect(await things.findOne({ _id: 1 })).toEqual({ _id: 1, key: 10 })
  })

  it('likewise where documents are rows, whose checks and references are kept for each of them', async () => {
    const update = { $mul: { size: 4 } }
    const { errors, result } = await errorsOf(
      items.bulkWrite([{ updateMany: { filter: { size: { $gt: 0 } }, update } }]),
    )
    expect(errors).toEqual([[0, 121]])
    expect(result.modifiedCount).toBe(0)
    const { rows } = await doors.pg.query('SELECT size FROM item ORDER BY id')
    expect(rows).toEqual([{ size: 40 }, { size: 80 }, { size: 30 }])
  })
})
