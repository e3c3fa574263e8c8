/** Random statements that change tables, and those that begin and end transactions. */
import { expression, predicate } from './expressions.ts'
import { joined, type Part, type Piece, piece } from './piece.ts'
import type { QueryMaker } from './queries.ts'
import type { Random } from './random.ts'
import type { Column, Table } from './tables.ts'
import { isNumber, literal, quote, randomText } from './values.ts'

export interface ChangeOptions {
  readonly queries: QueryMaker
  readonly tables: readonly Table[]
  readonly hasParameters: boolean
}

function value(random: Random, { type, declared }: Column, { hasParameters }: ChangeOptions): Piece {
  if (random.chance(0.12)) return piece(type, 'null')
  if (random.chance(0.06)) return piece(type, 'default')
  // Texts that are too long for the column are an error to see, but not in every row.
  const isShort = /\((1|5|8)\)/.test(declared)
  const text = isShort && random.chance(0.8) ? random.pick(['a', 'b', 'x', '']) : randomText(random, type, true)
  if (hasParameters && random.chance(0.5)) return { kind: 'parameter', parts: [], parameter: text }
  if (isNumber(type) && /^-?[\d.]+$/.test(text)) return piece(type, text)
  return random.chance(0.9) ? piece(type, quote(text)) : piece(type, literal(random, type, true))
}

function key(random: Random): Piece {
  return piece('key', String(random.chance(0.7) ? random.int(1, 400) : random.int(1, 12)))
}

function returning(random: Random, table: Table, options: ChangeOptions): Piece {
  if (random.chance(0.5)) return piece('?returning')
  if (random.chance(0.4)) return piece('?returning', ' returning *')
  const columns = table.columns.map(({ name, type }) => ({ text: `${table.name}.${name}`, type }))
  const type = random.pick(table.columns).type
  const { hasParameters } = options
  return piece(
    '?returning',
    ` returning ${table.name}.${table.key}, `,
    expression(random, type, 1, { columns, hasParameters }),
  )
}

export function insert(random: Random, options: ChangeOptions): Piece {
  const table = random.pick(options.tables)
  const others = table.columns.slice(1).filter(() => random.chance(0.85))
  const names = [table.key, ...others.map(({ name }) => name)].join(', ')
  const rows = random.times(1, 4, () => {
    const values = [key(random), ...others.map((column) => value(random, column, options))]
    return piece('row', '(', ...joined(values, ', '), ')')
  })
  const conflict = random.chance(0.4) ? onConflict(random, table, options) : piece('?conflict')
  const start = `insert into ${table.name} (${names}) values `
  return piece('statement', start, ...joined(rows, ', '), conflict, returning(random, table, options))
}

function onConflict(random: Random, table: Table, { queries, hasParameters }: ChangeOptions): Piece {
  if (random.chance(0.3)) return piece('?conflict', ' on conflict do nothing')
  if (random.chance(0.3)) return piece('?conflict', ` on conflict (${table.key}) do nothing`)
  const column = random.pick(table.columns.slice(1))
  const columns = table.columns.map(({ name, type }) => ({ text: `${table.name}.${name}`, type }))
  const excluded = table.columns.map(({ name, type }) => ({ text: `excluded.${name}`, type }))
  const options = queries.options([...columns, ...excluded], hasParameters)
  const to = random.chance(0.5)
    ? piece(column.type, `excluded.${column.name}`)
    : expression(random, column.type, 1, options)
  const where = random.chance(0.3) ? [' where ', predicate(random, 1, options)] : []
  const start = ` on conflict (${table.key}) do update set ${column.name} = `
  return piece('?conflict', start, to, piece('?where', ...where))
}

/** Rows of another table, in the order of their key. */
export function insertQuery(random: Random, options: ChangeOptions): Piece {
  const [into, from] = [random.pick(options.tables), random.pick(options.tables)]
  const columns = from.columns.map(({ name, type }) => ({ text: `s.${name}`, type }))
  const scope = options.queries.options(columns, options.hasParameters)
  const others = into.columns.slice(1)
  const values = others.map((column) => expression(random, column.type, 1, scope))
  const names = [into.key, ...others.map(({ name }) => name)].join(', ')
  const list = joined([`s.id + ${random.int(400, 4000)}`, ...values], ', ')
  const where = piece('?where', ...(random.chance(0.5) ? [' where ', predicate(random, 1, scope)] : []))
  return piece(
    'statement',
    `insert into ${into.name} (${names}) select `,
    ...list,
    ` from ${from.name} s`,
    where,
    ' order by s.id',
    returning(random, into, options),
  )
}

export function update(random: Random, options: ChangeOptions): Piece {
  const table = random.pick(options.tables)
  const other = random.chance(0.25) ? options.tables.find((one) => one !== table) : undefined
  const columns = [table, ...(other === undefined ? [] : [other])].flatMap((one) =>
    one.columns.map(({ name, type }) => ({ text: `${one.name}.${name}`, type })),
  )
  const scope = options.queries.options(columns, options.hasParameters)
  const targets = [...new Set(random.times(1, 2, () => random.pick(table.columns.slice(1))))]
  const set = joined(
    targets.map((column): Piece => {
      const to = random.chance(0.1) ? piece('value', 'default') : expression(random, column.type, 2, scope)
      return piece('set', `${column.name} = `, to)
    }),
    ', ',
  )
  const from = other === undefined ? [] : [` from ${other.name}`]
  const bound: Part[] = other === undefined ? [] : [`${other.name}.id = ${table.name}.id and `]
  const narrow = random.chance(0.5) ? piece('bool', `${table.name}.id = `, key(random)) : predicate(random, 1, scope)
  const where = other === undefined && random.chance(0.15) ? [] : [' where ', ...bound, narrow]
  return piece('statement', `update ${table.name} set `, ...set, ...from, ...where, returning(random, table, options))
}

export function remove(random: Random, options: ChangeOptions): Piece {
  const table = random.pick(options.tables)
  const other = random.chance(0.25) ? options.tables.find((one) => one !== table) : undefined
  const columns = table.columns.map(({ name, type }) => ({ text: `${table.name}.${name}`, type }))
  const scope = options.queries.options(columns, options.hasParameters)
  const using = other === undefined ? '' : ` using ${other.name}`
  const bound = other === undefined ? '' : `${other.name}.id = ${table.name}.id and `
  const narrow = random.chance(0.6)
    ? piece('bool', `${table.name}.id between `, key(random), ' and ', key(random))
    : piece('bool', predicate(random, 1, scope), ` and ${table.name}.id > 100`)
  return piece(
    'statement',
    `delete from ${table.name}${using} where ${bound}`,
    narrow,
    returning(random, table, options),
  )
}

const transactions = [
  'begin',
  'begin',
  'begin isolation level repeatable read',
  'start transaction',
  'commit',
  'commit',
  'rollback',
  'savepoint s1',
  'savepoint s2',
  'rollback to savepoint s1',
  'rollback to s2',
  'release savepoint s1',
  'end',
]

export function transaction(random: Random): Piece {
  return piece('statement', random.pick(transactions))
}

export function alter(random: Random, { tables }: ChangeOptions): Piece {
  const { name, columns } = random.pick(tables)
  const last = columns.at(-1)!.name
  const text = random.pick([
    `truncate ${name}`,
    `alter table ${name} add column extra int default 3`,
    `alter table ${name} add column extra2 text not null default 'x'`,
    `alter table ${name} drop column if exists extra`,
    `alter table ${name} alter column ${last} set default null`,
    `alter table ${name} alter column ${last} drop not null`,
    `alter table ${name} alter column ${last} set not null`,
    `create table ${name} (id int)`,
    `create table if not exists ${name} (id int)`,
    `drop table if exists missing_${name}`,
    `drop table missing_${name}`,
    `alter table ${name} rename column ${last} to ${last}`,
    `insert into ${name} values (1)`,
    `insert into ${name} (id, missing) values (1, 2)`,
    `update ${name} set missing = 1`,
    `select missing from ${name}`,
    `select id from missing_${name}`,
    `insert into ${name} (id) values (null)`,
    `insert into ${name} (id) values ('x')`,
    `insert into ${name} default values`,
  ])
  return piece('statement', text)
}
