/** What a sequence is: its type, bounds and steps, with PostgreSQL's defaults and checks (init_params of sequence.c). */
import { sqlError } from './types/type.ts'

export interface SequenceDefinition {
  readonly kind: 'sequence'
  /** Of its values, OID: 21, 23 or 20. */
  readonly type: number
  /** 64-bit integers, as text. */
  readonly start: string
  readonly increment: string
  readonly minimum: string
  readonly maximum: string
  readonly cycle: boolean
  /** Shown only: numbers are given out from memory in any case. Left out for 1. */
  readonly cache?: string
  readonly owner?: SequenceOwner
}

/** The column it belongs to and is dropped with. */
export interface SequenceOwner {
  readonly table: number
  readonly column: number
  /** It is an identity column's, and cannot be dropped alone. */
  readonly isIdentity?: boolean
}

const types: Readonly<Record<number, { readonly name: string; readonly limit: bigint }>> = {
  21: { name: 'smallint', limit: 1n << 15n },
  23: { name: 'integer', limit: 1n << 31n },
  20: { name: 'bigint', limit: 1n << 63n },
}

export interface SequenceOptions {
  readonly type?: number
  readonly start?: bigint
  readonly increment?: bigint
  /** `default`: NO MINVALUE, which takes back what was given before. */
  readonly minimum?: bigint | 'default'
  readonly maximum?: bigint | 'default'
  readonly cycle?: boolean
  readonly cache?: bigint
  readonly owner?: SequenceOwner
}

/** Fills in the defaults and checks what was given. */
export function newSequence(options: SequenceOptions): SequenceDefinition {
  const { minimum = 'default', maximum = 'default' } = options
  return makeDefinition({ ...options, minimum, maximum }, undefined)
}

/** ALTER SEQUENCE: bounds that were those of the type follow a change of the type. */
export function alteredSequence(old: SequenceDefinition, options: SequenceOptions): SequenceDefinition {
  if (options.type === undefined || options.type === old.type) return makeDefinition(options, old)
  const { limit } = types[old.type]!
  const own = typeOf(options.type).limit
  const maximum = options.maximum ?? (BigInt(old.maximum) === limit - 1n ? own - 1n : undefined)
  const minimum = options.minimum ?? (BigInt(old.minimum) === -limit ? -own : undefined)
  return makeDefinition(
    { ...options, ...(maximum !== undefined && { maximum }), ...(minimum !== undefined && { minimum }) },
    old,
  )
}

function typeOf(type: number): (typeof types)[number] {
  const known = types[type]
  if (known === undefined) throw sqlError('wrong_type', '22023', 'sequence type must be smallint, integer, or bigint')
  return known
}

function makeDefinition(options: SequenceOptions, old: SequenceDefinition | undefined): SequenceDefinition {
  const type = options.type ?? old?.type ?? 20
  const { name, limit } = typeOf(type)
  const increment = options.increment ?? BigInt(old?.increment ?? 1)
  if (increment === 0n) throw invalid('INCREMENT must not be zero')
  const isUpward = increment > 0n
  const given = (bound: bigint | 'default' | undefined, before: string | undefined, standard: bigint): bigint =>
    bound === undefined ? BigInt(before!) : bound === 'default' ? standard : bound
  const maximum = given(options.maximum, old?.maximum, isUpward ? limit - 1n : -1n)
  const minimum = given(options.minimum, old?.minimum, isUpward ? 1n : -limit)
  if (maximum >= limit || maximum < -limit) throw outside('MAXVALUE', maximum, name)
  if (minimum >= limit || minimum < -limit) throw outside('MINVALUE', minimum, name)
  if (minimum >= maximum) throw invalid(`MINVALUE (${minimum}) must be less than MAXVALUE (${maximum})`)
  const start = options.start ?? (old === undefined ? (isUpward ? minimum : maximum) : BigInt(old.start))
  checkWithin('START', start, minimum, maximum)
  const cache = options.cache ?? BigInt(old?.cache ?? 1)
  if (cache <= 0n) throw invalid(`CACHE (${cache}) must be greater than zero`)
  const owner = options.owner ?? old?.owner
  return {
    kind: 'sequence',
    type,
    start: String(start),
    increment: String(increment),
    minimum: String(minimum),
    maximum: String(maximum),
    cycle: options.cycle ?? old?.cycle ?? false,
    ...(cache !== 1n && { cache: String(cache) }),
    ...(owner !== undefined && { owner }),
  }
}

/** Throws where the number that a sequence stands at lies outside of its bounds. */
export function checkLast({ minimum, maximum }: SequenceDefinition, last: bigint): void {
  checkWithin('RESTART', last, BigInt(minimum), BigInt(maximum))
}

function checkWithin(what: 'START' | 'RESTART', value: bigint, minimum: bigint, maximum: bigint): void {
  if (value < minimum) throw invalid(`${what} value (${value}) cannot be less than MINVALUE (${minimum})`)
  if (value > maximum) throw invalid(`${what} value (${value}) cannot be greater than MAXVALUE (${maximum})`)
}

function outside(what: string, value: bigint, type: string): Error {
  return invalid(`${what} (${value}) is out of range for sequence data type ${type}`)
}

function invalid(message: string): Error {
  return sqlError('invalid_argument', '22023', message)
}
