/** Generated columns follow from their row by every door, and the verifier computes them again. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { ByteWriter } from '../base/bytes.ts'
import { KeyWriter } from '../base/tuple.ts'
import { encodeRow } from '../model/table/codec.ts'
import { writePrimaryKey } from '../model/table/rows.ts'
import { Table } from '../model/table/table.ts'
import { type AllDoors, copyIn, openAllDoors } from './testing.ts'

let doors: AllDoors
let pg: AllDoors['pg']

beforeAll(async () => {
  doors = await openAllDoors()
  ;({ pg } = doors)
  await pg.query(`CREATE TABLE line (id int PRIMARY KEY, count int NOT NULL DEFAULT 1, price int,
    total int GENERATED ALWAYS AS (count * price) STORED UNIQUE CHECK (total < 1000))`)
})

beforeEach(async () => {
  await pg.query('TRUNCATE line; INSERT INTO line VALUES (1, 2, 3)')
})

afterAll(() => doors.close())

const rows = async (): Promise<unknown[]> => (await pg.query('SELECT * FROM line ORDER BY id')).rows

it('are left out of COPY, in both directions', async () => {
  expect(await copyIn(pg, 'COPY line FROM STDIN', '2\t5\t5\n3\t1\t\\N\n')).toBe('COPY 2')
  expect(await rows()).toEqual([
    { id: 1, count: 2, price: 3, total: 6 },
    { id: 2, count: 5, price: 5, total: 25 },
    { id: 3, count: 1, price: null, total: null },
  ])
  await expect(copyIn(pg, 'COPY line (id, total) FROM STDIN', '4\t5\n')).rejects.toMatchObject({ code: '42P10' })
})

it("follow from documents of MongoDB's door", async () => {
  const lines = doors.mongo.db('public').collection<{ _id: number; price?: number; total?: number }>('line')
  await lines.insertOne({ _id: 2, price: 7 })
  expect(await lines.findOne({ total: 7 })).toEqual({ _id: 2, id: 2, count: 1, price: 7, total: 7 })
  await lines.updateOne({ _id: 2 }, { $set: { price: 8 }, $inc: { count: 1 } })
  expect(await lines.findOne({ _id: 2 })).toMatchObject({ count: 2, price: 8, total: 16 })
  await lines.replaceOne({ _id: 2 }, { price: 9, count: 3 } as never)
  expect(await lines.findOne({ _id: 2 })).toMatchObject({ count: 3, price: 9, total: 27 })
  await expect(lines.insertOne({ _id: 3, total: 5 })).rejects.toMatchObject({ code: 121 })
  await expect(lines.updateOne({ _id: 2 }, { $set: { total: 5 } })).rejects.toMatchObject({ code: 121 })
  await expect(lines.updateOne({ _id: 2 }, { $set: { price: 2, count: 3 } })).rejects.toMatchObject({ code: 11_000 })
  await expect(lines.updateOne({ _id: 2 }, { $set: { price: 1000 } })).rejects.toMatchObject({ code: 121 })
})

it('follow from documents of the library', async () => {
  await doors.library.write(async (tx) => {
    await tx.documents('public', 'line').insert({ _id: 2, price: 7 })
    await tx.documents('public', 'line').update({ _id: 1 }, { $set: { price: 5 } })
    await tx.sql('UPDATE line SET count = 10 WHERE id = 1')
  })
  expect(await rows()).toEqual([
    { id: 1, count: 10, price: 5, total: 50 },
    { id: 2, count: 1, price: 7, total: 7 },
  ])
})

it('are computed again only where what they read changes', async () => {
  await pg.query('CREATE TABLE costly (id int, a int, b int, c int GENERATED ALWAYS AS (10 / a) STORED)')
  await pg.query('INSERT INTO costly VALUES (1, 5)')
  await pg.query('ALTER TABLE costly ALTER c DROP EXPRESSION')
  await pg.query('UPDATE costly SET c = 77')
  await pg.query('ALTER TABLE costly ADD d int GENERATED ALWAYS AS (a + 1) STORED')
  expect((await pg.query('UPDATE costly SET b = 1 RETURNING *')).rows).toEqual([{ id: 1, a: 5, b: 1, c: 77, d: 6 }])
  expect((await pg.query('UPDATE costly SET a = 8, d = DEFAULT RETURNING *')).rows[0]).toMatchObject({ c: 77, d: 9 })
})

it('are recomputed by the verifier', async () => {
  expect((await doors.library.verify()).total).toBe(0)
  const session = doors.parts.sessions.openSession({ user: 'test', door: 'test' })
  await session.run((transaction) => {
    const table = Table.of(transaction.catalog.findCollection('public', 'line')!)
    const writer = new ByteWriter(64)
    encodeRow(table.layout, [1, 2, 4, 6], writer)
    transaction.put(writePrimaryKey(table, [1], new KeyWriter(16)), writer)
  })
  session.close()
  const { differences } = await doors.library.verify()
  expect(differences.map(({ message }) => message)).toEqual([
    'the generated column "total" is not what it follows from',
  ])
})
