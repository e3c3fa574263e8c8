/** Values of SQL's types and calls of all that is registered for them: functions, operators, aggregates, casts. */
import { allAggregates, allEntries, allSetFunctions } from '../../../src/language/sql/functions/registry.ts'
import { specialFunctions } from '../../../src/language/sql/bind/special-functions.ts'
import { allTypes, findType } from '../../../src/model/table/types/registry.ts'
import type { SqlType } from '../../../src/model/table/types/type.ts'
import type { Choices } from '../choices.ts'

const integers = ['1', '0', '-1', '32767', '-2147483648', '9223372036854775807', '-9223372036854775808', 'x']
const numbers = ['1.50', '0', '-1e10', 'NaN', 'Infinity', '1e-300', '9007199254740993', '-0', '0.00001', '1e131071']
const texts = [
  'x',
  '',
  'a b',
  'é😀',
  '%',
  '{1,2}',
  '[1]',
  '(',
  '\\',
  'YYYY-MM-DD HH24:MI:SS.US',
  'FM999.99EEEE',
  'hour',
]
const times = [
  '2024-02-29 12:00:00.123456',
  'epoch',
  'infinity',
  '-infinity',
  '4713-01-01 BC',
  '294276-12-31',
  '1999-13-1',
]
const json = ['{"a": [1, 2.5e3, "x", null, {"__proto__": true}], "a": 1}', '[]', '1', '"x"', 'null', '{']
const names = [
  '1',
  '0',
  't',
  'w',
  'pg_class',
  'nope',
  '__proto__',
  'public.t',
  '"',
  'int4',
  'postgres',
  'public',
  'now',
]

/** Texts of each type; others are given names and numbers. */
const samples: Readonly<Record<string, readonly string[]>> = {
  bool: ['t', 'off', 'x'],
  bytea: ['\\x00ff', 'a\\000', '\\x', '\\xf'],
  int2: integers,
  int4: integers,
  int8: integers,
  oid: integers,
  float4: numbers,
  float8: numbers,
  numeric: numbers,
  json,
  jsonb: json,
  text: texts,
  bpchar: texts,
  varchar: texts,
  name: texts,
  char: texts,
  date: times,
  timestamp: times,
  timestamptz: [...times, '2024-02-29T12:00:00+15:59'],
  time: ['23:59:59.999999', '24:00', '00:00', '25:00'],
  interval: [
    '1 year 2 mons -3 days 04:05:06.7',
    'P1Y2M3DT4H5M6S',
    '0',
    '-178000000 years',
    '1 microsecond',
    'infinity',
  ],
  uuid: ['01234567-89ab-cdef-0123-456789abcdef', 'ffffffffffffffffffffffffffffffff', 'x'],
  timetz: ['12:00:00+02', '23:59:59.999999-15:59', '24:00+00', '25:00'],
  bit: ['1', '0', '10', 'xf', '2'],
  varbit: ['101', '', 'x1f', '2'],
  money: ['$1,234.56', '-92233720368547758.08', '0', 'x'],
  inet: ['192.168.0.1/24', '::1', '2001:db8::/32', '1.2.3.4.5'],
  cidr: ['10.0.0.0/8', '::/0', '192.168.0.1/24'],
  macaddr: ['08:00:2b:01:02:03', '0800.2b01.0203', 'x'],
  macaddr8: ['08:00:2b:01:02:03:04:05', '08002b0102030405', 'x'],
  pg_lsn: ['16/B374D848', '0/0', 'x'],
  xid8: integers,
  tid: ['(0,1)', '(4294967295,65535)', 'x'],
  jsonpath: ['$.a[*] ? (@ > 1)', 'strict $."x".**{1 to 2}.size()', '$', '$['],
  point: ['(1,2.5)', '(NaN,infinity)', '1,2', '('],
  lseg: ['[(0,0),(1,1)]', '((0,0),(1,1))', 'x'],
  path: ['[(0,0),(1,1),(2,0)]', '((0,0),(1,1))', '[]'],
  box: ['(1,1),(0,0)', '((0,0),(1,1))', 'x'],
  polygon: ['((0,0),(1,1),(2,0))', '((0,0))', 'x'],
  line: ['{1,-1,0}', '[(0,0),(1,1)]', '{0,0,1}'],
  circle: ['<(0,0),5>', '((1,1),0)', '<(0,0),-1>'],
  int4range: ['[1,10)', 'empty', '(,)', '[2147483647,2147483647]', '[2,1]'],
  int8range: ['[1,10)', 'empty', '(,9223372036854775807]', '[2,1]'],
  numrange: ['[1.5,2.5]', '(,1e10)', 'empty', '[2,1]'],
  daterange: ['[2024-02-29,infinity)', 'empty', '(,)', '[2,1]'],
  tsrange: ['[2024-02-29 12:00,2024-03-01)', '(,infinity]', 'x'],
  tstzrange: ['[2024-02-29 12:00+02,2024-03-01)', '(,infinity]', 'x'],
  int4multirange: ['{[1,3),[7,9)}', '{}', '{(,)}', '{[1'],
  int8multirange: ['{[1,3),[2,9)}', '{}', 'x'],
  nummultirange: ['{[1.5,2.5],(3,)}', '{}', 'x'],
  datemultirange: ['{[2024-01-01,2024-02-01)}', '{}', 'x'],
  tsmultirange: ['{[2024-01-01,2024-02-01)}', '{}', 'x'],
  tstzmultirange: ['{[2024-01-01,2024-02-01)}', '{}', 'x'],
  int2vector: ['1 2', '', 'x'],
  oidvector: ['1 2', '', 'x'],
}

const pseudoTypes: ReadonlySet<string> = new Set(
  allTypes.filter(({ name, category }) => category === 'P' || name === 'unknown').map(({ name }) => name),
)

/** What a column may have, but for what only the catalog's own tables have. */
export const columnTypes: readonly SqlType[] = allTypes.filter(
  ({ name }) => !pseudoTypes.has(name) && !/^_?(pg_|aclitem|char$)/.test(name),
)

function textsOf(name: string): readonly string[] {
  const own = samples[name]
  if (own !== undefined) return own
  if (!name.startsWith('_')) return names
  const element = samples[name.slice(1)]?.[0] ?? '1'
  const shown = JSON.stringify(element)
  const comma = name === '_box' ? ';' : ','
  return [
    `{${shown}${comma}NULL}`,
    '{}',
    `{{${shown}}${comma}{NULL}}`,
    `[-1:0]={${shown}${comma}${shown}}`,
    '{',
    '[2147483647:2147483647]={1}',
  ]
}

export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** `int4[]`, not `_int4`. */
export const typeName = (name: string): string => (name.startsWith('_') ? `${name.slice(1)}[]` : `"${name}"`)

export const columnOf = (name: string): string => `c${name.startsWith('_') ? 's' : ''}_${name.replace('_', '')}`

interface Callable {
  readonly kind: 'function' | 'operator' | 'aggregate'
  readonly name: string
  readonly takes: readonly number[]
  readonly gives: number
}

/** In the order of their registration, which is the same in each run. */
const callables: Callable[] = [
  ...[...allEntries()].map(({ name, takes, gives, remote }): Callable => {
    return { kind: remote.kind === 'operator' ? 'operator' : 'function', name, takes, gives }
  }),
  ...[...allAggregates()].map(({ name, takes, gives }): Callable => ({ kind: 'aggregate', name, takes, gives })),
  ...[...allSetFunctions()].map(({ name, takes }): Callable => ({ kind: 'function', name, takes, gives: 0 })),
  ...[...specialFunctions.keys()]
    .filter((name) => !name.includes(' '))
    .flatMap((name) =>
      [[25], [2276, 2276], [25, 2276, 2276]].map((takes): Callable => ({ kind: 'function', name, takes, gives: 0 })),
    ),
]

const callablesGiving = new Map<number, Callable[]>()
for (const callable of callables) {
  const known = callablesGiving.get(callable.gives)
  if (known === undefined) callablesGiving.set(callable.gives, [callable])
  else known.push(callable)
}

/** What makes as much as a number says: each row and each character of it would be looked at. */
const multiplying = new Set(['generate_series', 'repeat', 'lpad', 'rpad'])

/** What waits as long as it is told to, and what tells it not to. */
const waiting: ReadonlyMap<string, string> = new Map([
  ['pg_sleep', "'0'"],
  ['pg_sleep_for', "'0'"],
  ['pg_sleep_until', "'-infinity'"],
])

export class SqlValues {
  readonly #choices: Choices
  readonly #other: () => string

  /** `other`: an expression of any kind. */
  constructor(choices: Choices, other: () => string) {
    this.#choices = choices
    this.#other = other
  }

  literal(): string {
    return this.#literalOf(this.#choices.of(columnTypes).name)
  }

  #literalOf(name: string): string {
    return `${quoted(this.#choices.of(textsOf(name)))}::${typeName(name)}`
  }

  /** Of two values of one type. */
  comparison(): string {
    const { oid } = this.#choices.of(columnTypes)
    const operator = this.#choices.of(['=', '<', '>=', '<>', 'is distinct from', 'like', 'between symmetric null and'])
    return `${this.typed(oid)} ${operator} ${this.typed(oid)}`
  }

  cast(): string {
    const [from, to] = [this.#choices.of(columnTypes), this.#choices.of(columnTypes)]
    const modifier =
      this.#choices.below(8) === 1 ? `(${this.#choices.of(['1', '0', '3,1', '1000,-1', '-1', '6'])})` : ''
    return `cast(${this.typed(from.oid)} as ${typeName(to.name)}${to.name.startsWith('_') ? '' : modifier})`
  }

  /** An expression that has that type, as a rule. */
  typed(oid: number): string {
    const type = findType(oid)
    const isAny = type === undefined || pseudoTypes.has(type.name)
    const { name } = isAny ? this.#choices.of(columnTypes) : type
    return this.#choices.way([
      () => this.#literalOf(name),
      () => columnOf(name),
      () => columnOf(name),
      () => this.#call(this.#choices.of(callablesGiving.get(oid) ?? callables)),
      () => `null::${typeName(name)}`,
      this.#other,
    ])
  }

  call(): string {
    return this.#call(this.#choices.of(callables))
  }

  #call({ kind, name, takes }: Callable): string {
    if (multiplying.has(name)) return `${name}(${name === 'generate_series' ? '0' : "'ab'"}, ${this.#choices.below(9)})`
    const parts = waiting.has(name) ? [waiting.get(name)!] : takes.map((oid) => this.typed(oid))
    if (kind === 'operator') {
      return parts.length === 1 ? `(${name} ${parts[0]})` : `(${parts[0]} operator(pg_catalog.${name}) ${parts[1]})`
    }
    if (this.#choices.below(8) === 1) parts.push(this.#other())
    const isAggregate = kind === 'aggregate'
    const words = isAggregate ? this.#choices.of(['', '', 'distinct ', 'all ']) : ''
    const order = isAggregate && this.#choices.below(4) === 1 ? ` order by ${parts[0] ?? '1'} desc` : ''
    const filter = isAggregate && this.#choices.below(4) === 1 ? ` filter (where ${this.#other()})` : ''
    return `"${name}"(${words}${parts.join(', ')}${order})${filter}`
  }
}

/** A table with a column of each type, and a few rows of what their texts say. */
export function wideTable(): string[] {
  const columns = columnTypes.map(({ name }) => `${columnOf(name)} ${typeName(name)}`)
  const row = (at: number): string => {
    const value = ({ name }: { name: string }): string => `${quoted(textsOf(name)[at]!)}::${typeName(name)}`
    return `insert into w values (${columnTypes.map(value).join(', ')})`
  }
  return [`create table w (${columns.join(', ')})`, row(0), 'insert into w default values', row(1)]
}
