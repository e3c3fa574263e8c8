/** JSON that functions put together nests no deeper than what can be read again. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { loadSql } from './sql.ts'
import { TestSql } from './testing.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  await loadSql()
  database = await openTestDatabase()
  sql = new TestSql(database)
  const nested = (depth: number): string => `${'['.repeat(depth)}"]["${']'.repeat(depth)}`
  await sql.query('create table deep (levels int, j jsonb, t json)')
  for (const depth of [999, 1000]) {
    await sql.query(`insert into deep values (${depth}, '${nested(depth)}', '${nested(depth)}')`)
  }
})

afterAll(async () => database.close())

it.each([
  'jsonb_agg(j)',
  'json_agg(t)',
  'json_agg(j)',
  "jsonb_object_agg('k', j)",
  "json_object_agg('k', t)",
  'min(jsonb_build_array(j)::text)',
  'min(json_build_array(t)::text)',
  "min(jsonb_build_object('k', j)::text)",
  "min(json_build_object('k', t)::text)",
  "min(jsonb_set('[0]', '{0}', j)::text)",
  'min(to_jsonb(array[j])::text)',
  'min(to_json(array[t])::text)',
])('%s', async (made) => {
  const value = `select length((${made})::text) > 1990 as fits from deep where levels =`
  expect(await sql.show(`${value} 999`)).toBe('fits\nt\n(1 row)')
  await expect(sql.query(`${value} 1000`)).rejects.toMatchObject({ detail: { sqlState: '54001' } })
})

it('what adds no level is refused nothing', async () => {
  expect(await sql.show('select count(to_jsonb(j)), count(to_json(t)) from deep')).toBe('count|count\n2|2\n(1 row)')
  const flat = `select length(json_agg(repeat('[', 3000))::text) as n`
  expect(await sql.show(flat)).toBe('n\n3004\n(1 row)')
})
