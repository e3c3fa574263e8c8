/** Random tables: their columns, constraints and indexes. */
import { piece, type Piece } from './piece.ts'
import type { Random } from './random.ts'
import { literal, types, type TypeName } from './values.ts'

export interface Column {
  readonly name: string
  readonly type: TypeName
  /** With its modifier. */
  readonly declared: string
}

export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
  /** The primary key's column, of type int4. */
  readonly key: string
}

const declarations: Readonly<Record<TypeName, readonly string[]>> = {
  int2: ['smallint'],
  int4: ['integer'],
  int8: ['bigint'],
  float4: ['real'],
  float8: ['double precision'],
  numeric: ['numeric(10,2)', 'numeric(6,3)', 'decimal(12,2)'],
  text: ['text'],
  varchar: ['varchar(8)', 'varchar', 'character varying(20)'],
  bpchar: ['char(5)', 'char(1)', 'character(8)'],
  bool: ['boolean'],
  date: ['date'],
  time: ['time', 'time(3)'],
  timestamp: ['timestamp', 'timestamp(0)', 'timestamp without time zone'],
  timestamptz: ['timestamptz', 'timestamp(3) with time zone'],
  interval: ['interval'],
  uuid: ['uuid'],
  bytea: ['bytea'],
  json: ['json'],
  jsonb: ['jsonb'],
  _int4: ['int[]'],
  _text: ['text[]'],
}

/** What most columns are, more often. */
const columnTypes: readonly TypeName[] = [...types, 'int4', 'text', 'numeric']

export function makeTable(random: Random, name: string): Table {
  const others = random.times(2, 6, (i): Column => {
    const type = random.pick(columnTypes)
    return { name: random.chance(0.08) ? `"C ${i}"` : `c${i}`, type, declared: random.pick(declarations[type]) }
  })
  return { name, key: 'id', columns: [{ name: 'id', type: 'int4', declared: 'integer' }, ...others] }
}

export function createTable(random: Random, { name, columns }: Table): Piece {
  const lines = columns.map((column, i) => {
    const parts = [`${column.name} ${column.declared}`]
    if (i === 0) parts.push(random.pick([' primary key', ' not null primary key', ' primary key default 7']))
    else parts.push(...constraints(random, column))
    return parts.join('')
  })
  const named = columns.filter(({ type }) => type === 'int4' || type === 'numeric')
  if (random.chance(0.3) && named.length > 1) {
    lines.push(`constraint ${name}_order check (${named[0]!.name} <> ${named[1]!.name} or ${named[1]!.name} > 3)`)
  }
  if (random.chance(0.2)) lines.push(`unique (${columns[0]!.name}, ${columns[1]!.name})`)
  return piece('statement', `create table ${name} (\n  ${lines.join(',\n  ')}\n)`)
}

function constraints(random: Random, { name, type }: Column): string[] {
  const parts: string[] = []
  if (random.chance(0.15)) parts.push(' not null')
  if (random.chance(0.2)) parts.push(` default ${literal(random, type, true)}`)
  if (random.chance(0.1) && type !== 'json') parts.push(' unique')
  if (random.chance(0.15)) {
    if (['int2', 'int4', 'int8', 'numeric', 'float8'].includes(type)) parts.push(` check (${name} > -50)`)
    else if (type === 'text' || type === 'varchar') parts.push(` check (length(${name}) < 9)`)
  }
  return parts
}

export function createIndex(random: Random, { name, columns }: Table): Piece {
  const usable = columns.filter(({ type }) => !['json', 'jsonb', '_int4', '_text'].includes(type))
  const chosen = random.times(1, 2, () => random.pick(usable).name)
  const keys = [...new Set(chosen)].map((one) => `${one}${random.pick(['', '', ' desc', ' nulls first'])}`)
  const unique = random.chance(0.1) ? 'unique ' : ''
  const where = random.chance(0.1) ? ` where ${usable.at(-1)!.name} is not null` : ''
  return piece('statement', `create ${unique}index on ${name} (${keys.join(', ')})${where}`)
}
