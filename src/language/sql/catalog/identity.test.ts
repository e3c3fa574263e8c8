import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { Database } from '../../../database/database.ts'
import { openTestDatabase } from '../../../database/testing.ts'
import { loadSql } from '../sql.ts'
import { TestSql } from '../testing.ts'
import { defaultOid, foreignKeyOid, indexByOid, indexOid } from './identity.ts'

const collection = (id: number): Collection => ({ id }) as Collection

describe('the numbers of parts', () => {
  it('do not meet, whatever came and went', () => {
    const seen = new Set<number>()
    let count = 0
    for (const id of [16, 17, 300, 16_000]) {
      for (let part = 0; part < 1700; part++) {
        for (const numberOf of [indexOid, defaultOid, foreignKeyOid]) {
          seen.add(numberOf(collection(id), part))
          count++
        }
      }
    }
    expect(seen.size).toBe(count)
    expect(Math.max(...seen)).toBeLessThan(2 ** 32)
    expect(Math.min(...seen)).toBeGreaterThan(2 ** 28)
  })

  it('lead back to an index', () => {
    const catalog = { collectionById: collection } as Parameters<typeof indexByOid>[0]
    for (const place of [
      { collection: collection(16), indexId: 0 },
      { collection: collection(17), indexId: 255 },
      { collection: collection(16), indexId: 256 },
      { collection: collection(9000), indexId: 65_535 },
    ]) {
      expect(indexByOid(catalog, indexOid(place.collection, place.indexId))).toEqual(place)
    }
  })
})

describe('a table whose indexes come and go', () => {
  let database: Database
  let sql: TestSql

  beforeEach(async () => {
    await loadSql()
    database = await openTestDatabase()
    sql = new TestSql(database)
  })
  afterEach(() => database.close())

  it('shows each of them under a number of its own', async () => {
    await sql.query('CREATE TABLE t (a int PRIMARY KEY, b int)')
    await sql.query('CREATE INDEX first ON t (b)')
    for (let i = 0; i < 256; i++) await sql.query('CREATE INDEX passing ON t (b); DROP INDEX passing')
    await sql.query('CREATE INDEX second ON t (b)')
    const { rows } = await sql.query(`SELECT relname, oid::regclass::text FROM pg_class
      WHERE oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 't'::regclass) ORDER BY 1`)
    expect(rows).toEqual([
      ['first', 'first'],
      ['second', 'second'],
      ['t_pkey', 't_pkey'],
    ])
  })
})
