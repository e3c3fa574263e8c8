/**
 * Subscripts: `a[1]`, `a[1:2][:3]`, `doc['key'][0]`, read (`bindSubscripts`) and assigned to (`bindPartAssignment`).
 *
 * All brackets behind one value are one operation, as in PostgreSQL: one slice among them makes slices of all.
 */
import type { A_Indices, Node } from 'libpg-query'
import { findType, formatType } from '../../../model/table/types/registry.ts'
import type { Shape } from '../../../model/table/types/geometry/shape.ts'
import type { SqlValue } from '../contract.ts'
import { constant, type Expression, type Implementation, plainCall } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { costOfTypes } from '../functions/cost.ts'
import { type Bound, elementAt, sliceOf, withElement, withSlice } from '../functions/arrays/subscripts.ts'
import { partAt, partTypeOf, withPartAt } from '../functions/geometry/shape-parts.ts'
import { jsonAt, withJsonAt } from '../functions/json/json-subscripts.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { beginningOf, fold, tryCoerce } from './coerce.ts'
import type { Scope } from './scope.ts'
import { stringsOf } from './tree.ts'

type List = readonly SqlValue[]
type Bind = (node: Node) => Expression

/** Vectors of the catalog begin at 0. */
const vectors: ReadonlySet<number> = new Set<number>([oid.int2vector, oid.oidvector])

export function bindSubscripts(
  binder: Binder,
  scope: Scope,
  value: Expression,
  steps: readonly A_Indices[],
): Expression {
  const bind: Bind = (node) => binder.expression(scope, node)
  if (value.type === oid.jsonb) {
    const keys = jsonKeys(binder, steps, bind)
    const at = (json: string, ...path: (string | number)[]): SqlValue => jsonAt(json, path)
    return subscriptCall('subscript', value.type, [value, ...keys], at, value.location)
  }
  const part = partTypeOf(value.type)
  const element = part ?? (value.type === oid.name ? oid.char : elementOf(value))
  const { from, to, isSlice } = bindBounds(binder, steps, bind)
  if (value.type === oid.name) {
    refuseSlices(isSlice)
    return plainCall('subscript', element, [value, ...(to as Expression[])], characterOf, value.location)
  }
  if (part !== undefined) {
    refuseSlices(isSlice)
    const at = (shape: Shape, ...places: number[]): SqlValue =>
      places.length === 1 ? partAt(value.type, shape, places[0]!) : null
    return plainCall('subscript', part, [value, ...(to as Expression[])], at, value.location)
  }
  if (!isSlice) {
    const offset = vectors.has(value.type) ? 1 : 0
    const at = (list: List, ...subscripts: number[]): SqlValue =>
      elementAt(list, offset === 0 ? subscripts : subscripts.map((one) => one + offset))
    return {
      ...plainCall('subscript', element, [value, ...(to as Expression[])], at, value.location),
      modifier: value.modifier,
    }
  }
  const { expressions, take } = gather(from, to)
  const slice = (list: List, ...bounds: number[]): SqlValue => sliceOf(list, ...take(bounds))
  const text = from.map((one, i) => `${one === undefined ? '' : '0'}:${to[i] === undefined ? '' : '0'}`).join(',')
  const call = subscriptCall(`slice ${text}`, value.type, [value, ...expressions], slice, value.location)
  return { ...call, modifier: value.modifier }
}

/** A name is 64 characters from 0 on, and none behind its end. */
function characterOf(name: string, ...places: number[]): SqlValue {
  const [place = -1] = places
  if (places.length > 1 || place < 0 || place > 63) return null
  return name.charAt(place)
}

function refuseSlices(isSlice: boolean): void {
  if (isSlice) throw failure('0A000', 'slices of fixed-length arrays not implemented')
}

function subscriptCall(
  name: string,
  type: number,
  parts: readonly Expression[],
  implementation: Implementation,
  location: number | undefined,
): Expression {
  return fold({ ...plainCall(name, type, parts, implementation, location), cost: costOfTypes([type]) })
}

function elementOf(value: Expression): number {
  const element = findType(value.type)?.element
  if (element !== undefined) return element.oid
  const message = `cannot subscript type ${formatType(value.type, -1)} because it does not support subscripting`
  throw failure('42804', message, { location: value.location })
}

interface Bounds {
  readonly from: readonly (Expression | undefined)[]
  readonly to: readonly (Expression | undefined)[]
  readonly isSlice: boolean
}

function bindBounds(binder: Binder, steps: readonly A_Indices[], bind: Bind): Bounds {
  if (steps.length > maxDimensions) {
    throw failure(
      '54000',
      `number of array dimensions (${steps.length}) exceeds the maximum allowed (${maxDimensions})`,
    )
  }
  const isSlice = steps.some((step) => step.is_slice === true)
  const bound = (node: Node | undefined): Expression | undefined => {
    if (node === undefined) return undefined
    const given = bind(node)
    const converted = tryCoerce(binder, given, oid.int4, -1, 'assignment')
    if (converted !== undefined) return converted
    throw failure('42804', 'array subscript must have type integer', { location: beginningOf(given) })
  }
  // Among slices, `[3]` is `[1:3]`.
  const from = steps.map((step) => (step.is_slice === true ? bound(step.lidx) : constant(1, oid.int4)))
  const to = steps.map((step) => bound(step.uidx))
  return { from, to, isSlice }
}

const maxDimensions = 6

type Taken = [from: Bound[], to: Bound[]]

/** The bounds that are there, as arguments of a call; and what brings them back to their places. */
function gather(
  from: Bounds['from'],
  to: Bounds['to'],
): { expressions: Expression[]; take: (values: number[]) => Taken } {
  const given = [...from, ...to]
  const take = (values: number[]): Taken => {
    let at = 0
    const all = given.map((one) => (one === undefined ? undefined : values[at++]!))
    return [all.slice(0, from.length), all.slice(from.length)]
  }
  return { expressions: given.filter((one) => one !== undefined), take }
}

function jsonKeys(binder: Binder, steps: readonly A_Indices[], bind: Bind): Expression[] {
  return steps.map((step) => {
    if (step.is_slice === true) {
      const bound = step.uidx ?? step.lidx
      const location = bound === undefined ? undefined : beginningOf(bind(bound))
      throw failure('42804', 'jsonb subscript does not support slices', { location })
    }
    const key = bind(step.uidx!)
    const number = key.type === oid.unknown ? undefined : tryCoerce(binder, key, oid.int4, -1, 'implicit')
    const text = tryCoerce(binder, key, oid.text, -1, 'implicit')
    if (number === undefined && text === undefined) {
      throw failure('42804', `subscript type ${formatType(key.type, -1)} is not supported`, {
        location: beginningOf(key),
        hint: 'jsonb subscript must be coercible to either integer or text.',
      })
    }
    return number ?? text!
  })
}

export interface AssignedColumn {
  readonly name: string
  readonly type: number
  readonly modifier: number
}

/** What a column holds once `value` stands in the part of it that `steps` name; `base` is what it holds before. */
export function bindPartAssignment(
  binder: Binder,
  scope: Scope,
  base: Expression,
  column: AssignedColumn,
  nodes: readonly Node[],
  value: Expression,
  location: number | undefined,
): Expression {
  const bind: Bind = (node) => binder.expression(scope, node)
  const steps = nodes.map((node) => {
    if ('A_Indices' in node) return node.A_Indices
    throw notBuilt(`assignment to field "${stringsOf([node])[0]!}" of a column`, location)
  })
  if (column.type === oid.jsonb) {
    const keys = jsonKeys(binder, steps, bind)
    const json = assigned(binder, value, oid.jsonb, -1, column, location)
    const put = (given: SqlValue, to: SqlValue, ...path: SqlValue[]): SqlValue =>
      withJsonAt(given as string | null, notNull(path) as (string | number)[], to as string | null)
    return assignment(oid.jsonb, [base, json, ...keys], put, column)
  }
  const part = partTypeOf(column.type)
  if (part !== undefined) {
    const { to, isSlice } = bindBounds(binder, steps, bind)
    refuseSlices(isSlice || steps.length > 1)
    const one = assigned(binder, value, part, -1, column, location)
    const put = (shape: SqlValue, given: SqlValue, at: SqlValue): SqlValue =>
      withPartAt(column.type, shape as Shape | null, notNull([at])[0] as number, given)
    return assignment(column.type, [base, one, to[0]!], put, column)
  }
  const element = findType(column.type)?.element
  if (element === undefined) {
    const message = `cannot subscript type ${formatType(column.type, -1)} because it does not support subscripting`
    throw failure('42804', message, { location })
  }
  const { from, to, isSlice } = bindBounds(binder, steps, bind)
  if (!isSlice) {
    const one = assigned(binder, value, element.oid, column.modifier, column, location)
    const put = (list: SqlValue, to: SqlValue, ...subscripts: SqlValue[]): SqlValue =>
      withElement(list as List | null, notNull(subscripts) as number[], to)
    return assignment(column.type, [base, one, ...(to as Expression[])], put, column)
  }
  const source = assigned(binder, value, column.type, column.modifier, column, location)
  const { expressions, take } = gather(from, to)
  const put = (list: SqlValue, values: SqlValue, ...bounds: SqlValue[]): SqlValue =>
    withSlice(list as List | null, ...take(notNull(bounds) as number[]), values as List | null)
  return assignment(column.type, [base, source, ...expressions], put, column)
}

function assignment(
  type: number,
  parts: readonly Expression[],
  implementation: Implementation,
  { modifier }: AssignedColumn,
): Expression {
  const call = plainCall('assign to a part', type, parts, implementation, undefined, false)
  return { ...fold({ ...call, cost: costOfTypes([type]) }), modifier }
}

function notNull(subscripts: SqlValue[]): SqlValue[] {
  if (!subscripts.includes(null)) return subscripts
  throw failure('22004', 'array subscript in assignment must not be null')
}

function assigned(
  binder: Binder,
  value: Expression,
  type: number,
  modifier: number,
  { name }: AssignedColumn,
  location: number | undefined,
): Expression {
  const converted = tryCoerce(binder, value, type, modifier, 'assignment')
  if (converted !== undefined) return converted
  const [wanted, given] = [formatType(type, -1), formatType(value.type, -1)]
  const message = `subscripted assignment to "${name}" requires type ${wanted} but expression is of type ${given}`
  throw failure('42804', message, {
    location,
    hint: 'You will need to rewrite or cast the expression.',
  })
}
