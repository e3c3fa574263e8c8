/** ALTER COLUMN … TYPE writes every row anew: what others see meanwhile, what they find after it, and that all of it agrees. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type AllDoors, openAllDoors } from './testing.ts'

let doors: AllDoors
let pg: AllDoors['pg']
const count = 3000

beforeAll(async () => {
  doors = await openAllDoors()
  ;({ pg } = doors)
  await pg.query(`
    CREATE TABLE parent (id int PRIMARY KEY, code text NOT NULL UNIQUE, size int CHECK (size >= 0));
    CREATE INDEX ON parent (size, code);
    CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON UPDATE CASCADE);
    COMMENT ON CONSTRAINT parent_pkey ON parent IS 'the key';
    INSERT INTO parent SELECT g, 'code ' || g, g % 10 FROM generate_series(1, ${count}) g;
    INSERT INTO child SELECT g, g FROM generate_series(1, ${count}) g`)
})

afterAll(() => doors.close())

const one = async (sql: string): Promise<unknown> => (await pg.query(sql)).rows[0]

async function expectSound(): Promise<void> {
  const { differences } = await doors.library.verify()
  expect(differences).toEqual([])
}

it('gives a primary key another type that reverses its order, with references to it', async () => {
  await pg.query(`ALTER TABLE parent ALTER id TYPE bigint USING ${count + 1} - id, ALTER size TYPE text USING 's' || size,
    DROP CONSTRAINT parent_size_check`)
  expect(await one('SELECT code, size FROM parent WHERE id = 1')).toEqual({ code: `code ${count}`, size: 's0' })
  expect(await one("SELECT id FROM parent WHERE code = 'code 1'")).toEqual({ id: `${count}` })
  expect(await one("SELECT count(*) FROM parent WHERE size = 's3'")).toEqual({ count: `${count / 10}` })
  expect(await one("SELECT obj_description(oid) FROM pg_constraint WHERE conname = 'parent_pkey'")).toEqual({
    obj_description: 'the key',
  })
  await expectSound()
  await pg.query('UPDATE parent SET id = 99999 WHERE id = 5')
  expect(await one('SELECT parent FROM child WHERE id = 5')).toEqual({ parent: 99_999 })
  await expect(pg.query('INSERT INTO child VALUES (0, -1)')).rejects.toMatchObject({ code: '23503' })
  expect(await doors.mongo.db('public').collection('parent').findOne({ size: 's4' })).toMatchObject({ size: 's4' })
})

it('leaves everything as it was where a row, a key or a reference does not allow it', async () => {
  const before = await pg.query('SELECT * FROM parent ORDER BY id')
  for (const [sql, code] of [
    ['ALTER TABLE parent ALTER id TYPE bigint USING id / 2', '23505'],
    ['ALTER TABLE parent ALTER id TYPE bigint USING id + 1', '23503'],
    ['ALTER TABLE parent ALTER id TYPE text', '42804'],
    ["ALTER TABLE parent ALTER code TYPE text USING 'same'", '23505'],
    ['ALTER TABLE parent ALTER code TYPE int USING nullif(length(code), 9)', '23502'],
    ['ALTER TABLE parent ALTER code TYPE varchar(8)', '22001'],
  ] as const) {
    await expect(pg.query(sql), sql).rejects.toMatchObject({ code })
  }
  expect((await pg.query('SELECT * FROM parent ORDER BY id')).rows).toEqual(before.rows)
  await expectSound()
})

it('is not seen by who reads an older snapshot, and goes back with its transaction', async () => {
  const reader = await doors.connectPg()
  const sum = 'SELECT sum(length(size)) AS n, max(size) AS most FROM parent'
  const { rows } = await reader.query(sum)
  // Whoever has read the table in a block holds it against the change.
  await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
  await reader.query('SELECT count(*) FROM child')
  await pg.query('BEGIN')
  await pg.query('ALTER TABLE parent ALTER size TYPE int USING substr(size, 2)::int')
  expect(await one('SELECT max(size) + 1 AS more FROM parent')).toEqual({ more: 10 })
  await pg.query('ROLLBACK')
  await pg.query('ALTER TABLE parent ALTER size TYPE int USING substr(size, 2)::int')
  expect((await reader.query(sum)).rows).toEqual(rows)
  await reader.query('COMMIT')
  expect((await reader.query('SELECT max(size) + 1 AS more FROM parent')).rows).toEqual([{ more: 10 }])
  await reader.end()
  await expectSound()
})
