/** Types of parameters that stand for others: what a call gives decides. */
import { oid } from '../types/oids.ts'

/** Beside `anyelement` and `anyarray`, with what each is resolved as. */
const resolvedAs: ReadonlyMap<number, number> = new Map([
  [2776, oid.anyelement],
  [3500, oid.anyelement],
  [5077, oid.anyelement],
  [5079, oid.anyelement],
  [5078, oid.anyarray],
])

export function isPolymorphic(type: number): boolean {
  return type === oid.anyelement || type === oid.anyarray || resolvedAs.has(type)
}

/** What `functions/resolve.ts` knows it as. */
export function asResolved(type: number): number {
  return resolvedAs.get(type) ?? type
}
