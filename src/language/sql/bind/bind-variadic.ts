/** `f(…, VARIADIC array)` of functions that are built in: called with the array's elements, however many there are. */
import { findType } from '../../../model/table/types/registry.ts'
import { flatElements } from '../../../model/table/types/array.ts'
import type { SqlValue } from '../contract.ts'
import { type Expression, type Implementation, plainCall } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { type FunctionEntry, functionsNamed } from '../functions/registry.ts'
import { resolve } from '../functions/resolve.ts'
import type { Binder } from './binder.ts'
import { coerce, fold } from './coerce.ts'
import { specialImplementation } from './special-functions.ts'
import { noSuchFunction, specialFunctions } from './specials.ts'

interface OpenList {
  /** How many parameters stand before those that may be of any type. */
  readonly fixed: number
  /** Of an array without elements; a null array gives null. */
  readonly ofNone?: SqlValue
}

/** Functions that take any number of values of any types. */
const openLists: ReadonlyMap<string, OpenList> = new Map([
  ['concat', { fixed: 0, ofNone: '' }],
  ['concat_ws', { fixed: 1, ofNone: '' }],
  ['format', { fixed: 1 }],
  ['num_nulls', { fixed: 0, ofNone: 0 }],
  ['num_nonnulls', { fixed: 0, ofNone: 0 }],
  ['json_build_array', { fixed: 0, ofNone: '[]' }],
  ['json_build_object', { fixed: 0, ofNone: '{}' }],
  ['jsonb_build_array', { fixed: 0, ofNone: '[]' }],
  ['jsonb_build_object', { fixed: 0, ofNone: '{}' }],
])

/** Undefined of a function that has no such parameter: to PostgreSQL the word says nothing then. */
export function bindVariadic(
  binder: Binder,
  name: string,
  given: readonly Expression[],
  location: number | undefined,
): Expression | undefined {
  const open = openLists.get(name)
  if (open !== undefined) return bindOpenList(binder, name, open, given, location)
  const entries = functionsNamed(name).filter(({ variadic, takes }) => variadic && takes.length === given.length)
  if (entries.length === 0) return undefined
  const candidates = entries.map((entry) => {
    const element = findType(entry.takes.at(-1)!)!
    return { entry, takes: [...entry.takes.slice(0, -1), element.arrayOid] }
  })
  const types = given.map(({ type }) => type)
  const found = resolve(candidates, types)
  if (found.kind !== 'found') throw noSuchFunction(name, given, location)
  const { entry } = found.entry
  const parts = given.map((part, i) => coerce(binder, part, found.takes[i]!))
  const call = plainCall(name, entry.gives, parts, spreading(entry), location, true)
  return fold({ ...call, needsRun: entry.needsRun, cost: entry.cost })
}

function spreading({ implementation, strict }: FunctionEntry): Implementation {
  const implement = implementation as (...values: readonly SqlValue[]) => SqlValue
  const spread = (...values: SqlValue[]): SqlValue => {
    const list = flatElements(values.pop() as SqlValue[])
    return strict && list.includes(null) ? null : implement(...values, ...list)
  }
  return spread
}

function bindOpenList(
  binder: Binder,
  name: string,
  { fixed, ofNone }: OpenList,
  given: readonly Expression[],
  location: number | undefined,
): Expression {
  if (given.length !== fixed + 1) throw noSuchFunction(name, given, location)
  const list = given[fixed]!
  const element = findType(findType(list.type)?.base?.oid ?? list.type)?.element
  if (element === undefined) {
    throw failure('42804', 'VARIADIC argument must be an array', { location })
  }
  const column: Expression = { kind: 'column', type: element.oid, modifier: -1, index: 0, name: '' }
  const one = specialFunctions.get(name)!(binder, [...given.slice(0, fixed), column], location)
  if (one.kind !== 'call') throw noSuchFunction(name, given, location)
  const parts = [...one.arguments.slice(0, fixed), list]
  const fixedTypes = parts.slice(0, fixed).map(({ type }) => type)
  const ofCount = implementationsByCount(name, fixedTypes, element.oid)
  const implementation = (...values: SqlValue[]): SqlValue => {
    const array = values.pop() as SqlValue[] | null | undefined
    // A template without values may be one that wants none.
    if (array == null && name !== 'format') return null
    const elements = array == null ? [] : flatElements(array)
    if (elements.length === 0 && ofNone !== undefined) return fixed > 0 && values[0] === null ? null : ofNone
    return ofCount(elements.length)(...values, ...elements)
  }
  const call = plainCall(name, one.type, parts, implementation, location, false)
  return fold({ ...call, stable: one.stable === true, cost: one.cost })
}

/** Rows of one statement mostly have as many as the row before. */
function implementationsByCount(
  name: string,
  fixedTypes: readonly number[],
  element: number,
): (count: number) => (...values: readonly SqlValue[]) => SqlValue {
  let last:
    | { readonly count: number; readonly implementation: (...values: readonly SqlValue[]) => SqlValue }
    | undefined
  return (count) => {
    if (last?.count !== count) {
      const types = [...fixedTypes, ...Array.from({ length: count }, () => element)]
      last = { count, implementation: specialImplementation(name, types) as never }
    }
    return last.implementation
  }
}
