/** Conditions on numbers and names: the catalogs read the rows of that object alone, and the same rows as without. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Database } from '../../../database/database.ts'
import { openCountedDatabase, rowsRead } from '../counted-testing.ts'
import { TestSql } from '../testing.ts'

let database: Database
let sql: TestSql

beforeAll(async () => {
  database = await openCountedDatabase()
  sql = new TestSql(database)
  await sql.query("create type mood as enum ('sad', 'happy')")
  await sql.query('create domain small as int constraint is_small check (value < 10)')
  await sql.query('create table base (id int primary key)')
  await sql.query('create table whole (id int primary key, at int) partition by range (id)')
  await sql.query('create table part partition of whole for values from (0) to (10)')
  for (let i = 0; i < 30; i++) {
    await sql.query(`create table t${i} (id int primary key, a int default 3 check (a > 0), b int references base)`)
    await sql.query(`create index t${i}_a on t${i} (a)`)
  }
  await sql.query('create view v as select * from t7')
  await sql.query('create sequence s')
  await sql.query('create schema other')
  await sql.query('create table other.t7 (id int primary key)')
})
afterAll(() => database.close())

/** `plain`: a condition that says the same and that nothing can be looked up by. */
const cases = [
  ['pg_class', 'oid', "'t7'::regclass"],
  ['pg_class', 'oid', "'t7_a'::regclass"],
  ['pg_class', 'oid', "'pg_class'::regclass"],
  ['pg_class', 'oid', '0'],
  ['pg_class', 'relname', "'t7'"],
  ['pg_class', 'relname', "'t7_pkey'"],
  ['pg_class', 'relname', "'pg_type'"],
  ['pg_attribute', 'attrelid', "'t7'::regclass"],
  ['pg_attribute', 'attrelid', "'t7_a'::regclass"],
  ['pg_attribute', 'attrelid', "'v'::regclass"],
  ['pg_index', 'indrelid', "'t7'::regclass"],
  ['pg_index', 'indexrelid', "'t7_a'::regclass"],
  ['pg_indexes', 'tablename', "'t7'"],
  ['pg_tables', 'tablename', "'t7'"],
  ['pg_constraint', 'conrelid', "'t7'::regclass"],
  ['pg_constraint', 'contypid', "'small'::regtype"],
  ['pg_constraint', 'oid', "(select min(oid) from pg_constraint where conname = 't7_b_fkey')"],
  ['pg_attrdef', 'adrelid', "'t7'::regclass"],
  ['pg_sequence', 'seqrelid', "'s'::regclass"],
  ['pg_inherits', 'inhrelid', "'part'::regclass"],
  ['pg_type', 'oid', "'int4'::regtype"],
  ['pg_type', 'oid', "'mood'::regtype"],
  ['pg_type', 'oid', "'t7[]'::regtype"],
  ['pg_type', 'typname', "'_t7'"],
  ['pg_type', 'typname', "'mood'"],
  ['pg_type', 'typrelid', "'t7'::regclass"],
  ['pg_enum', 'enumtypid', "'mood'::regtype"],
] as const

/** What all rows refer to, or none has. */
const wide = [
  ['pg_constraint', 'confrelid', "'base'::regclass"],
  ['pg_inherits', 'inhparent', "'whole'::regclass"],
  ['pg_inherits', 'inhparent', "'whole_pkey'::regclass"],
  ['pg_constraint', 'conrelid', '0'],
  ['pg_constraint', 'contypid', '0'],
  ['pg_constraint', 'confrelid', '0'],
  ['pg_type', 'typrelid', '0'],
] as const

function selected(catalog: string, condition: string): Promise<string> {
  return sql.show(`select * from ${catalog} where ${condition}`)
}

describe('a condition on a number or name', () => {
  it.each([...cases, ...wide])('of %s finds what is there: %s = %s', async (catalog, column, value) => {
    const found = await selected(catalog, `${column} = ${value}`)
    expect(found).toBe(await selected(catalog, `(${column} = ${value}) is true`))
    if (value !== '0') expect(found).not.toContain('(0 rows)')
  })

  it.each(cases)('of %s reads no other rows: %s = %s', async (catalog, column, value) => {
    const { rows } = await sql.query(`select 1 from ${catalog} where ${column} = ${value}`)
    const text = `select * from ${catalog} where ${column} = `
    // Its value is computed before, where that takes reading.
    const literal = value.startsWith('(') ? String((await sql.query(`select ${value}`)).rows[0]![0]) : value
    expect(await rowsRead(sql, text + literal)).toBe(rows.length)
  })

  it('is what psql asks for by a pattern', async () => {
    const text = "select relname from pg_class where relname operator(pg_catalog.~) '^(t7)$' collate pg_catalog.default"
    expect(await sql.show(text)).toBe('relname\nt7\nt7\n(2 rows)')
    expect(await rowsRead(sql, text)).toBe(2)
    expect(await sql.show("select relname from pg_class where relname ~ '^t.7$' order by 1")).toBe(
      'relname\nt17\nt27\n(2 rows)',
    )
  })

  it('comes from a join, too', async () => {
    const text = `select a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.oid = 't7'::regclass and a.attnum > 0`
    expect(await sql.show(text)).toBe('attname\nid\na\nb\n(3 rows)')
    expect(await rowsRead(sql, text)).toBeLessThan(10)
  })

  it('finds nothing by null', async () => {
    expect(await sql.show('select 1 from pg_class where oid = (select null::oid)')).toContain('(0 rows)')
  })
})
