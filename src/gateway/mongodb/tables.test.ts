/** Tables through MongoDB's door: rows as documents, constraints kept, nothing lost. */
import { Binary, Decimal128, Double, Int32, Long, MongoClient, type Collection, type Document } from 'mongodb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Decimal } from '../../base/decimal.ts'
// oxlint-disable-next-line import/no-unassigned-import -- the checks and defaults of tables are in its language
import '../../language/sql/sql.ts'
import { newTable, withPrimaryKey } from '../../model/table/definition.ts'
import { insertRow } from '../../model/table/rows.ts'
import { createTable, createTableIndex } from '../../model/table/schema.ts'
import { Table } from '../../model/table/table.ts'
import { findTypeByName } from '../../model/table/types/registry.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { openTestMongodb, type TestMongodb } from './testing.ts'

let server: TestMongodb
let client: MongoClient
let accounts: Collection

const oid = (name: string): number => findTypeByName(name)!.oid

async function makeTable(name: string, columns: [string, string][], key: number[], rows: SqlValue[][]): Promise<void> {
  const session = server.test.sessions.openSession({ user: 'test', door: 'test' })
  await session.run((tx) => {
    const namespace = tx.catalog.namespaces.get('public') ?? tx.createNamespace('public')
    const definition = newTable(columns.map(([column, type]) => ({ name: column, type: oid(type) })))
    const primary = key.length === 0 ? undefined : { name: `${name}_pkey`, columns: key }
    createTable(tx, namespace, name, withPrimaryKey(definition, primary))
  })
  await session.run((tx) => {
    const table = Table.of(tx.catalog.findCollection('public', name)!)
    for (const row of rows) insertRow(tx, table, row)
  })
  session.close()
}

beforeAll(async () => {
  server = await openTestMongodb()
  client = new MongoClient(server.url)
  accounts = client.db('public').collection('account')
  const columns: [string, string][] = [
    ['id', 'int4'],
    ['owner', 'text'],
    ['balance', 'numeric'],
    ['visits', 'int8'],
    ['rate', 'float8'],
    ['data', 'jsonb'],
    ['since', 'timestamptz'],
    ['code', 'uuid'],
  ]
  const uuid = '00112233-4455-6677-8899-aabbccddeeff'
  await makeTable(
    'account',
    columns,
    [1],
    [
      [1, 'ann', Decimal.parse('10.50')!, 9007199254740993n, 0.1, '{"a": [1, 2.5]}', 1_700_000_000_123_000n, uuid],
      [2, 'bob', Decimal.parse('7')!, null, 1, null, 1n, null],
      [3, 'eve', Decimal.parse(`${'9'.repeat(40)}`)!, 3n, 2, '"text"', null, null],
    ],
  )
  await makeTable(
    'grade',
    [
      ['who', 'text'],
      ['what', 'text'],
      ['mark', 'int4'],
    ],
    [1, 2],
    [
      ['ann', 'math', 1],
      ['bob', 'math', 2],
    ],
  )
  await makeTable('log', [['line', 'text']], [], [['first'], ['second']])
})
afterAll(async () => {
  await client.close()
  await server.close()
})

describe('a row', () => {
  it('is a document of exact types', async () => {
    expect(await accounts.findOne({ _id: 1 as never }, { promoteValues: false })).toEqual({
      _id: new Int32(1),
      id: new Int32(1),
      owner: 'ann',
      balance: Decimal128.fromString('10.50'),
      visits: Long.fromString('9007199254740993'),
      rate: new Double(0.1),
      data: { a: [new Int32(1), new Double(2.5)] },
      since: new Date(1_700_000_000_123),
      code: new Binary(Buffer.from('00112233445566778899aabbccddeeff', 'hex'), 4),
    })
  })

  it('shows as text what BSON cannot hold', async () => {
    const found = await accounts
      .find({ id: { $in: [2, 3] } }, { projection: { balance: 1, since: 1, _id: 0 } })
      .toArray()
    expect(found).toEqual([
      { balance: Decimal128.fromString('7'), since: '1970-01-01 00:00:00.000001+00' },
      { balance: '9'.repeat(40), since: null },
    ])
  })

  it('has an object for a compound key, and a number without one', async () => {
    const grades = client.db('public').collection('grade')
    expect(await grades.findOne({ _id: { who: 'bob', what: 'math' } })).toMatchObject({ mark: 2 })
    const lines = await client.db('public').collection('log').find().sort({ _id: 1 }).toArray()
    expect(lines.map(({ line }) => line)).toEqual(['first', 'second'])
    const [first] = lines
    expect(await client.db('public').collection('log').findOne({ _id: first!._id })).toEqual(first)
  })

  it('is found by any number that equals its key, and by nothing else', async () => {
    for (const id of [1, new Double(1), Long.fromInt(1), Decimal128.fromString('1.0')]) {
      expect(await accounts.countDocuments({ _id: id as never })).toBe(1)
      expect(await accounts.countDocuments({ id })).toBe(1)
    }
    for (const id of ['1', 1.5, null, new Date(1)]) expect(await accounts.countDocuments({ _id: id as never })).toBe(0)
  })

  it('is grouped and sorted as any document', async () => {
    const rows = accounts.aggregate([
      { $match: { visits: { $ne: null } } },
      { $sort: { owner: -1 } },
      { $project: { _id: 1 } },
    ])
    expect(await rows.toArray()).toEqual([{ _id: 3 }, { _id: 1 }])
  })

  it('is looked up by its key', async () => {
    const plan = async (filter: Document): Promise<Document> =>
      (await accounts.find(filter).explain('queryPlanner'))['queryPlanner'].winningPlan
    expect(await plan({ id: 1 })).toMatchObject({ inputStage: { stage: 'IXSCAN', indexName: 'account_pkey' } })
    expect(await plan({ owner: 'ann' })).toMatchObject({ stage: 'COLLSCAN' })
  })
})

describe('a write', () => {
  it('goes through where nothing is lost', async () => {
    await accounts.insertOne({
      _id: 10 as never,
      owner: 'new',
      balance: Decimal128.fromString('1.25'),
      visits: Long.fromInt(5),
    })
    await accounts.updateOne(
      { _id: 10 as never },
      { $inc: { balance: Decimal128.fromString('0.5'), visits: 1 }, $set: { data: { x: [1] } } },
    )
    expect(await accounts.findOne({ id: 10 }, { promoteValues: false })).toMatchObject({
      _id: new Int32(10),
      balance: Decimal128.fromString('1.75'),
      visits: Long.fromInt(6),
      data: { x: [new Int32(1)] },
      rate: null,
    })
    expect((await accounts.deleteOne({ _id: 10 as never })).deletedCount).toBe(1)
    expect(await accounts.findOne({ id: 10 })).toBeNull()
  })

  it('leaves alone what it does not change, also what is shown as text', async () => {
    await accounts.updateOne({ id: 3 }, { $set: { owner: 'eva' } })
    expect(await accounts.findOne({ id: 3 })).toMatchObject({ owner: 'eva', balance: '9'.repeat(40) })
  })

  it('takes the key from its column where a driver made an _id', async () => {
    await accounts.insertOne({ id: 11, owner: 'driver' })
    expect(await accounts.findOne({ _id: 11 as never })).toMatchObject({ owner: 'driver' })
    await accounts.deleteOne({ id: 11 })
  })

  const refused: [string, Document, number][] = [
    ['an unknown field', { _id: 20, nick: 'x' }, 121],
    ['a fraction in an integer', { _id: 20, visits: 1.5 }, 121],
    ['a text in a number', { _id: 20, balance: 'much' }, 121],
    ['a double that is no decimal', { _id: 20, balance: 0.1 }, 121],
    ['a date in JSON', { _id: 20, data: { at: new Date() } }, 121],
    ['a key of another type', { _id: 'x' }, 121],
    ['a taken key', { _id: 1 }, 11_000],
    ['two keys', { _id: 20, id: 21 }, 121],
  ]
  it.each(refused)('of %s is refused', async (_, document, code) => {
    await expect(accounts.insertOne(document as never)).rejects.toMatchObject({ code })
    expect(await accounts.countDocuments()).toBe(3)
  })

  it('keeps unique indexes, each row as a whole or not at all', async () => {
    const session = server.test.sessions.openSession({ user: 'test', door: 'test' })
    await session.run(function* (tx) {
      const table = Table.of(tx.catalog.findCollection('public', 'account')!)
      const index = { name: 'owner_key', isUnique: true, columns: [{ number: table.getColumn('owner').number }] }
      yield* createTableIndex(tx, table, index)
    })
    session.close()
    const many = accounts.insertMany(
      [
        { _id: 30 as never, owner: 'fresh' },
        { _id: 31 as never, owner: 'ann' },
      ],
      { ordered: false },
    )
    await expect(many).rejects.toMatchObject({ code: 11_000 })
    expect(await accounts.countDocuments({ _id: 31 as never })).toBe(0)
    expect((await accounts.deleteOne({ owner: 'fresh' })).deletedCount).toBe(1)
    expect(await accounts.countDocuments()).toBe(3)
  })

  it('keeps checks and fills in defaults', async () => {
    const session = server.test.sessions.openSession({ user: 'test', door: 'test' })
    await session.run((tx) => {
      const namespace = tx.catalog.namespaces.get('public')!
      const columns = [
        { name: 'id', type: oid('int4') },
        { name: 'n', type: oid('int4'), default: '40 + 2' },
      ]
      const definition = withPrimaryKey(newTable(columns), { name: 'limited_pkey', columns: [1] })
      const checks = [{ name: 'small', expression: 'n < 100' }]
      createTable(tx, namespace, 'limited', { ...definition, checks })
    })
    session.close()
    const limited = client.db('public').collection<{ _id: number; n?: number }>('limited')
    await limited.insertOne({ _id: 1 })
    expect(await limited.findOne({ _id: 1 })).toEqual({ _id: 1, id: 1, n: 42 })
    await expect(limited.insertOne({ _id: 2, n: 100 })).rejects.toMatchObject({ code: 121 })
    await expect(limited.updateOne({ _id: 1 }, { $inc: { n: 58 } })).rejects.toMatchObject({ code: 121 })
    await limited.updateOne({ _id: 1 }, { $inc: { n: 57 } })
    expect(await limited.findOne({ _id: 1 })).toMatchObject({ n: 99 })
  })

  it('of the schema is left to SQL', async () => {
    await expect(accounts.drop()).rejects.toMatchObject({ code: 115 })
    await expect(accounts.createIndex({ rate: 1 })).rejects.toMatchObject({ code: 67 })
  })
})
