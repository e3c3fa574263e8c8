/** Random expressions of a wanted type, over the columns that are in scope. */
import { poolOf } from './argument-pools.ts'
import { joined, type Part, type Piece, piece } from './piece.ts'
import type { Random } from './random.ts'
import { type Signature, signatures } from './signatures.ts'
import { isNumber, isType, literal, quote, randomText, sqlName, type TypeName, types, wrongText } from './values.ts'

export interface ScopeColumn {
  /** As it is written: with its table's name where that is needed. */
  readonly text: string
  readonly type: TypeName
}

export interface ExpressionOptions {
  readonly columns: readonly ScopeColumn[]
  /** Values may be parameters. */
  readonly hasParameters: boolean
  /** Makes a query of one column of the type, for subqueries; left out where there is no table. */
  readonly subquery?: (type: TypeName, options: ExpressionOptions) => Piece
  /** Rows of two. */
  readonly rows?: (types: readonly [TypeName, TypeName], options: ExpressionOptions) => Piece
}

interface Concrete {
  readonly name: string
  readonly takes: readonly TypeName[]
  readonly isOperator: boolean
}

const polymorphic: readonly Readonly<Record<string, TypeName>>[] = [
  { anyarray: '_int4', anyelement: 'int4', anycompatible: 'int4', anycompatiblearray: '_int4', anynonarray: 'int4' },
  { anyarray: '_text', anyelement: 'text', anycompatible: 'text', anycompatiblearray: '_text', anynonarray: 'bool' },
]

/** Signatures by what they give. */
const byResult: ReadonlyMap<string, readonly Concrete[]> = index()

function index(): Map<string, Concrete[]> {
  const found = new Map<string, Concrete[]>()
  for (const signature of signatures) {
    const isGeneric = [...signature.takes, signature.gives].some((type) => type.startsWith('any'))
    for (const substitution of isGeneric ? polymorphic : [{}]) {
      const { gives, ...entry } = substitute(signature, substitution)
      found.set(gives, [...(found.get(gives) ?? []), entry])
    }
  }
  return found
}

function substitute(
  { name, takes, gives, isOperator }: Signature,
  by: Readonly<Record<string, TypeName>>,
): Concrete & { gives: TypeName } {
  const concrete = (type: string): TypeName => {
    const known = by[type] ?? type
    if (!isType(known)) throw new Error(`${name} has an argument of an unknown type: ${type}`)
    return known
  }
  return { name, takes: takes.map(concrete), gives: concrete(gives), isOperator }
}

/** A function takes text where a varchar is given, and so on: what may stand where a type is wanted. */
const alike: Partial<Record<TypeName, readonly TypeName[]>> = {
  text: ['varchar', 'text', 'bpchar'],
  int4: ['int2'],
  int8: ['int4', 'int2'],
  numeric: ['int4', 'int8'],
  float8: ['int4', 'float4', 'numeric'],
  timestamp: ['date'],
  timestamptz: ['timestamp', 'date'],
  interval: ['time'],
}

export function expression(random: Random, type: TypeName, depth: number, options: ExpressionOptions): Piece {
  if (depth <= 0 || random.chance(0.15)) return leaf(random, type, options)
  const roll = random.next()
  if (type === 'bool' && roll < 0.6) return predicate(random, depth, options)
  if (roll < 0.7) return call(random, type, depth, options) ?? leaf(random, type, options)
  if (roll < 0.82) return converted(random, type, depth, options)
  if (roll < 0.97 || options.subquery === undefined) return conditional(random, type, depth, options)
  return piece(type, '(', options.subquery(type, options), ')')
}

function leaf(random: Random, type: TypeName, options: ExpressionOptions): Piece {
  const columns = options.columns.filter((column) => column.type === type)
  if (columns.length > 0 && random.chance(0.75)) return piece(type, random.pick(columns).text)
  if (options.hasParameters && random.chance(0.4)) return parameter(random, type)
  return piece(type, literal(random, type, options.columns.length > 0))
}

/** `$1::type`, or in a place that says its type, `$1` alone. */
function parameter(random: Random, type: TypeName): Piece {
  const value: Piece = { kind: 'parameter', parts: [], parameter: random.chance(0.1) ? null : randomText(random, type) }
  return random.chance(0.7) ? piece(type, value, `::${sqlName(type)}`) : piece(type, value)
}

function call(random: Random, type: TypeName, depth: number, options: ExpressionOptions): Piece | undefined {
  const choices = byResult.get(type)
  if (choices === undefined) return undefined
  const { name, takes, isOperator } = random.pick(choices)
  const values = takes.map((_, place) => argument(random, name, place, takes, depth, options))
  if (!isOperator) return piece(type, `${name}(`, ...joined(values, ', '), ')')
  if (values.length === 1) return piece(type, `(${name} `, values[0]!, ')')
  return piece(type, '(', values[0]!, ` ${name} `, values[1]!, ')')
}

function argument(
  random: Random,
  name: string,
  place: number,
  takes: readonly TypeName[],
  depth: number,
  options: ExpressionOptions,
): Piece {
  const type = takes[place]!
  const pool = poolOf(name, place, takes)
  if (pool !== undefined) return piece(`pool ${name} ${place}`, random.pick(pool))
  const roll = random.next()
  if (roll < 0.05) return piece(type, quote(randomText(random, type, options.columns.length > 0)))
  if (roll < 0.07) return piece(type, 'null')
  const other = alike[type]
  if (roll < 0.15 && other !== undefined) return piece(type, expression(random, random.pick(other), depth - 1, options))
  return expression(random, type, depth - 1, options)
}

/** A cast; of a literal that it cannot read, now and then. */
function converted(random: Random, type: TypeName, depth: number, options: ExpressionOptions): Piece {
  const modified = modifier(random, type)
  if (random.chance(0.12)) return piece(type, `cast(${quote(wrongText(random))} as ${modified})`)
  if (random.chance(0.1)) return piece(type, `${quote(randomText(random, type))}::${modified}`)
  const from = castable(random, type)
  return piece(type, 'cast(', expression(random, from, depth - 1, options), ` as ${modified})`)
}

function castable(random: Random, type: TypeName): TypeName {
  if (random.chance(0.2)) return random.pick(types)
  if (isNumber(type)) return random.pick(['int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'text'] as const)
  if (type === 'date' || type === 'timestamp' || type === 'timestamptz' || type === 'time')
    return random.pick(['date', 'timestamp', 'timestamptz', 'text'] as const)
  return random.pick(['text', 'varchar', 'bpchar', type] as const)
}

function modifier(random: Random, type: TypeName): string {
  if (random.chance(0.5)) return sqlName(type)
  if (type === 'numeric') return random.pick(['numeric(5,2)', 'numeric(3,0)', 'numeric(10,4)', 'numeric(30)'])
  if (type === 'varchar') return random.pick(['varchar(3)', 'varchar(1)', 'varchar(20)'])
  if (type === 'bpchar') return random.pick(['char(3)', 'char', 'char(8)'])
  if (type === 'timestamp' || type === 'timestamptz' || type === 'time') return `${type}(${random.int(0, 6)})`
  return sqlName(type)
}

function conditional(random: Random, type: TypeName, depth: number, options: ExpressionOptions): Piece {
  const one = (): Piece => expression(random, type, depth - 1, options)
  const roll = random.next()
  if (roll < 0.3) return piece(type, 'coalesce(', ...joined(random.times(1, 3, one), ', '), ')')
  if (roll < 0.45 && !['json', 'jsonb'].includes(type)) return piece(type, 'nullif(', one(), ', ', one(), ')')
  if (roll < 0.6 && type !== 'json') {
    const name = random.pick(['greatest', 'least'])
    return piece(type, `${name}(`, ...joined(random.times(1, 3, one), ', '), ')')
  }
  const branches = random.times(1, 2, () => [' when ', predicate(random, depth - 1, options), ' then ', one()])
  if (random.chance(0.7)) return piece(type, 'case', ...branches.flat(), piece('?else', ' else ', one()), ' end')
  const subject = random.pick(['int4', 'text', 'bool'] as const)
  const when = (): Part[] => [' when ', expression(random, subject, 0, options), ' then ', one()]
  const start = expression(random, subject, depth - 1, options)
  return piece(type, 'case ', start, ...random.times(1, 2, when).flat(), ' else ', one(), ' end')
}

/** Types whose equal values look the same: what may be grouped by, or told apart by order. */
export const exactTypes: readonly TypeName[] = [
  'int2',
  'int4',
  'int8',
  'text',
  'varchar',
  'bool',
  'date',
  'timestamp',
  'timestamptz',
  'time',
  'uuid',
  'bytea',
]

/** What an index can narrow: a column against values, and several of them joined. */
function narrowing(random: Random, options: ExpressionOptions): Piece {
  const usable = options.columns.filter(({ type }) => exactTypes.includes(type) || isNumber(type))
  if (usable.length === 0) return leaf(random, 'bool', options)
  const test = (): Piece => {
    const { text, type } = random.pick(usable)
    const value = (): Piece => leaf(random, type, { ...options, columns: [] })
    const roll = random.next()
    if (roll < 0.15) return piece('bool', `${text} in (`, ...joined(random.times(1, 4, value), ', '), ')')
    if (roll < 0.25) return piece('bool', `${text} between `, value(), ' and ', value())
    if (roll < 0.35) return piece('bool', text, random.pick([' is null', ' is not null']))
    if (roll < 0.4 && type === 'text')
      return piece('bool', `${text} like ${random.pick(["'a%'", "'1%'", "'A_'", "'%'"])}`)
    if (roll < 0.5) return piece('bool', value(), random.pick([' = ', ' < ', ' >= ']), text)
    return piece('bool', text, random.pick([' = ', ' = ', ' <> ', ' < ', ' <= ', ' > ', ' >= ']), value())
  }
  return piece('bool', '(', ...joined(random.times(1, 3, test), random.pick([' and ', ' and ', ' or '])), ')')
}

export function predicate(random: Random, depth: number, options: ExpressionOptions): Piece {
  if (options.columns.length > 0 && random.chance(0.35)) return narrowing(random, options)
  const bool = (): Piece => (depth <= 1 ? leaf(random, 'bool', options) : predicate(random, depth - 1, options))
  const type = random.pick(types.filter((one) => one !== 'json'))
  const value = (): Piece => expression(random, type, depth - 1, options)
  switch (random.int(0, options.subquery === undefined ? 9 : 12)) {
    case 0:
      return piece('bool', '(', bool(), random.pick([' and ', ' or ']), bool(), ')')
    case 1:
      return piece('bool', '(not ', bool(), ')')
    case 2:
      return piece('bool', '(', bool(), ` is ${random.pick(['true', 'not true', 'false', 'not false', 'unknown'])})`)
    case 3:
      return piece('bool', '(', value(), random.pick([' is null', ' is not null']), ')')
    case 4:
      return piece('bool', '(', value(), random.pick([' is distinct from ', ' is not distinct from ']), value(), ')')
    case 5: {
      const values = joined(random.times(1, 4, value), ', ')
      return piece('bool', '(', value(), random.pick([' in (', ' not in (']), ...values, '))')
    }
    case 6: {
      const between = random.pick([' between ', ' not between ', ' between symmetric '])
      return piece('bool', '(', value(), between, value(), ' and ', value(), ')')
    }
    case 7:
      return quantified(random, depth, options)
    case 8:
    case 9:
      return call(random, 'bool', depth, options) ?? bool()
    case 10:
      return piece('bool', random.pick(['exists (', 'not exists (']), options.subquery!('int4', options), ')')
    case 11: {
      const exact = random.pick(exactTypes)
      const left = expression(random, exact, depth - 1, options)
      const word = random.pick([' in (', ' not in (', ' = any (', ' > all ('])
      if (exact === 'bytea' || exact === 'uuid') return bool()
      return piece('bool', '(', left, word, options.subquery!(exact, options), '))')
    }
    default:
      return rowAmongRows(random, depth, options)
  }
}

function rowAmongRows(random: Random, depth: number, options: ExpressionOptions): Piece {
  const pair = [random.pick(exactTypes), random.pick(exactTypes)] as const
  const left = joined(
    pair.map((type) => expression(random, type, depth - 1, options)),
    ', ',
  )
  const words = [' in (', ' in (', ' not in (', ' not in (', ' = any (', ' <> all (', ' < any (', ' >= all (', ' = (']
  const word = random.pick(words)
  // More than one row is an error only where it is evaluated, which is the planner's to say.
  const single = word === ' = (' ? ' limit 1' : ''
  return piece('bool', '((', ...left, ')', word, options.rows!(pair, options), `${single}))`)
}

function quantified(random: Random, depth: number, options: ExpressionOptions): Piece {
  const [element, array] = random.pick([
    ['int4', '_int4'],
    ['text', '_text'],
  ] as const)
  const left = expression(random, element, depth - 1, options)
  const right = expression(random, array, depth - 1, options)
  return piece(
    'bool',
    '(',
    left,
    ` ${random.pick(['=', '<>', '<', '>='])} ${random.pick(['any', 'all'])} (`,
    right,
    '))',
  )
}
