import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../database/database.ts'
import { Instance } from '../../database/instance.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let instance: Instance
let database: Database
let sql: TestSql

beforeEach(async () => {
  await loadSql()
  const host = { ...createRealHost(), disk: createMemoryDisk() }
  instance = await Instance.open({ host, directory: 'data', engines: { handOverBytes: 2_000 } }, 'main')
  database = await instance.use('main')
  sql = new TestSql(database)
})
afterEach(() => instance.close())

test('a table of an engine has everything that a table has', async () => {
  await sql.query(
    "CREATE TABLE part (id int PRIMARY KEY, name text UNIQUE, price numeric) WITH (engine = 'sorted', fillfactor = 70)",
  )
  await sql.query('CREATE INDEX ON part (price)')
  await sql.query("INSERT INTO part SELECT i, 'part ' || i, i % 10 FROM generate_series(1, 500) i")
  await database.checkpoint()
  await sql.query('UPDATE part SET price = 100 WHERE id <= 5')
  await sql.query('DELETE FROM part WHERE id > 490')
  await sql.query("CREATE TABLE beside (id int PRIMARY KEY, part int REFERENCES part) WITH (engine = 'memory')")
  await sql.query('INSERT INTO beside SELECT i, i FROM generate_series(1, 20) i')
  expect(await sql.show('SELECT count(*), sum(price) FROM part')).toContain('490|2690')
  expect(await sql.show("SELECT id FROM part WHERE name = 'part 77'")).toContain('77')
  expect(await sql.show('SELECT count(*) FROM part WHERE price = 100')).toContain('5')
  expect(await sql.show('SELECT count(*) FROM beside JOIN part ON part.id = beside.part WHERE price < 50')).toContain(
    '15',
  )
  await expect(sql.query("INSERT INTO part VALUES (600, 'part 7', 0)")).rejects.toMatchObject({
    detail: { sqlState: '23505' },
  })
  await expect(sql.query('DELETE FROM part WHERE id = 3')).rejects.toMatchObject({ detail: { sqlState: '23503' } })
  expect(await sql.show("SELECT reloptions FROM pg_class WHERE relname IN ('part', 'beside') ORDER BY 1")).toMatch(
    /\{engine=sorted\}\n\n|\{engine=sorted\}/,
  )
  expect(
    await sql.show("SELECT name, engine FROM polylog.collections WHERE name IN ('part', 'beside') ORDER BY 1"),
  ).toMatch(/beside\|memory\s+part\|sorted/)
  await sql.query('TRUNCATE part, beside')
  expect(await sql.show('SELECT count(*) FROM part')).toContain('0')
  await sql.query('DROP TABLE beside, part')
})

test('a table is made of a query, in the engine that it names', async () => {
  await sql.query("CREATE TABLE many WITH (engine = 'sorted') AS SELECT i AS id FROM generate_series(1, 30) i")
  expect(await sql.show('SELECT max(id) FROM many')).toContain('30')
  expect(await sql.show("SELECT engine FROM polylog.collections WHERE name = 'many'")).toContain('sorted')
})

test('engines that do not exist, and what one cannot change, are refused', async () => {
  await expect(sql.query("CREATE TABLE x (id int) WITH (engine = 'toad')")).rejects.toMatchObject({
    message: 'invalid value for enum option "engine": toad',
    detail: { sqlState: '22023', detail: 'Valid values are "memory" and "sorted".' },
  })
  await sql.query('CREATE TABLE x (id int)')
  await expect(sql.query("ALTER TABLE x SET (engine = 'sorted')")).rejects.toMatchObject({
    detail: { sqlState: '0A000' },
  })
  await expect(sql.query("CREATE INDEX ON x (id) WITH (engine = 'sorted')")).rejects.toMatchObject({
    detail: { sqlState: '0A000' },
  })
  const inMemory = await openTestDatabase()
  await expect(new TestSql(inMemory).query("CREATE TABLE x (id int) WITH (engine = 'sorted')")).rejects.toMatchObject({
    code: 'unsupported',
  })
  await inMemory.close()
})
