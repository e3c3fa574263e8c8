/**
 * The bounds of partitions as values: where a key lies among them, in which order they come, and whether two overlap.
 *
 * A range holds what is not below `from` and below `to`; edges compare column by column, and what stands behind a column
 * without a bound does not count. A list holds its values, NULL perhaps among them; a hash bound the keys whose hash
 * leaves its remainder. What none of them holds belongs to the default partition, where there is one.
 */
import { KeyWriter } from '../../../base/tuple.ts'
import { sliceToLatin1 } from '../../../base/slice.ts'
import { inStyle, plainStyle } from '../types/text-style.ts'
import type { SqlType } from '../types/type.ts'
import type { SqlValue } from '../types/value.ts'
import type { BoundDefinition, RangeEdge } from './partition-definition.ts'

export type Edge = readonly (SqlValue | typeof below | typeof above)[]
export const below: unique symbol = Symbol('minvalue')
export const above: unique symbol = Symbol('maxvalue')

export type Bound =
  | { readonly kind: 'default' }
  | { readonly kind: 'list'; readonly values: readonly SqlValue[] }
  | { readonly kind: 'range'; readonly from: Edge; readonly to: Edge }
  | { readonly kind: 'hash'; readonly modulus: number; readonly remainder: number }

export function readBound(types: readonly SqlType[], bound: BoundDefinition): Bound {
  return inStyle(plainStyle, (): Bound => {
    if (bound.kind === 'list') {
      return { kind: 'list', values: bound.values.map((one) => (one === null ? null : types[0]!.parseText(one))) }
    }
    if (bound.kind !== 'range') return bound
    return { kind: 'range', from: readEdge(types, bound.from), to: readEdge(types, bound.to) }
  })
}

function readEdge(types: readonly SqlType[], edge: readonly RangeEdge[]): Edge {
  return edge.map((one, i) => {
    if (one === 'minvalue') return below
    return one === 'maxvalue' ? above : types[i]!.parseText(one.value)
  })
}

export function writeBound(types: readonly SqlType[], bound: Bound): BoundDefinition {
  const text = (value: SqlValue, i: number): string => types[i]!.formatText(value)
  const writeEdge = (edge: Edge): RangeEdge[] =>
    edge.map((one, i) => (one === below ? 'minvalue' : one === above ? 'maxvalue' : { value: text(one, i) }))
  return inStyle(plainStyle, (): BoundDefinition => {
    if (bound.kind === 'list') {
      return { kind: 'list', values: bound.values.map((one) => (one === null ? null : text(one, 0))) }
    }
    if (bound.kind !== 'range') return bound
    return { kind: 'range', from: writeEdge(bound.from), to: writeEdge(bound.to) }
  })
}

/** Of two edges; one that ends where nothing is below or above says nothing of the columns behind. */
export function compareEdges(types: readonly SqlType[], a: Edge, b: Edge): number {
  for (const [i, type] of types.entries()) {
    const order = compareAt(type, a[i]!, b[i]!)
    if (order !== 0) return order
    if (a[i] === below || a[i] === above) return 0
  }
  return 0
}

function compareAt(type: SqlType, a: Edge[number], b: Edge[number]): number {
  if (a === b) return 0
  if (a === below || b === above) return -1
  if (a === above || b === below) return 1
  return type.compare(a, b)
}

const writer = new KeyWriter(64)

/** Equal of equal values. */
export function valueName(type: SqlType, value: SqlValue): string {
  if (value === null) return 'null'
  writer.reset()
  type.writeKey(value, writer)
  return `=${sliceToLatin1(writer)}`
}

/** As PostgreSQL goes through partitions: by their edges, values or remainders, the default one last. */
export function compareBounds(types: readonly SqlType[], a: Bound, b: Bound): number {
  if (a.kind === 'default' || b.kind === 'default') return Number(a.kind === 'default') - Number(b.kind === 'default')
  if (a.kind === 'range' && b.kind === 'range') return compareEdges(types, a.from, b.from)
  if (a.kind === 'hash' && b.kind === 'hash') return a.modulus - b.modulus || a.remainder - b.remainder
  if (a.kind === 'list' && b.kind === 'list') return compareLeast(types[0]!, a.values, b.values)
  return 0
}

function compareLeast(type: SqlType, a: readonly SqlValue[], b: readonly SqlValue[]): number {
  const least = (values: readonly SqlValue[]): SqlValue => {
    const known = values.filter((one) => one !== null)
    return known.length === 0 ? null : known.reduce((one, other) => (type.compare(other, one) < 0 ? other : one))
  }
  const [first, second] = [least(a), least(b)]
  if (first === null || second === null) return Number(first === null) - Number(second === null)
  return type.compare(first, second)
}

/** Whether some key would belong to both; the default one is not asked. */
export function overlap(types: readonly SqlType[], a: Bound, b: Bound): boolean {
  if (a.kind === 'range' && b.kind === 'range') {
    return compareEdges(types, a.from, b.to) < 0 && compareEdges(types, b.from, a.to) < 0
  }
  if (a.kind === 'list' && b.kind === 'list') {
    const known = new Set(a.values.map((one) => valueName(types[0]!, one)))
    return b.values.some((one) => known.has(valueName(types[0]!, one)))
  }
  if (a.kind === 'hash' && b.kind === 'hash') {
    // One modulus is a multiple of the other.
    return a.remainder % Math.min(a.modulus, b.modulus) === b.remainder % Math.min(a.modulus, b.modulus)
  }
  return false
}
