/**
 * What may answer differently each time it is evaluated, and so is evaluated as often as the text says, and there.
 *
 * A subquery that captures nothing is computed once per execution, whatever it calls (PostgreSQL's InitPlan); so is a WITH
 * query. One that captures something is volatile where anything in it is.
 */
import type { BoundQuery, FromItem } from '../bind/query.ts'
import { expressionsOfWindow } from '../bind/windows/window.ts'
import { oid } from '../types/oids.ts'
import { type Expression, someExpression } from './expression.ts'

export function isVolatile(expression: Expression): boolean {
  return someExpression(
    expression,
    (one) =>
      (one.kind === 'call' && one.volatile) ||
      (one.kind === 'subquery' && one.captures.length > 0 && isVolatileQuery(one.query)),
  )
}

/**
 * The same arguments always give the same value, whoever asks, whenever: what may be stored. Values that are shown as text or
 * read from it by settings, and those that depend on a time zone, are not.
 */
export function isImmutable(expression: Expression): boolean {
  return !someExpression(expression, (one) => {
    if (one.kind === 'subquery') return true
    if (one.kind !== 'call') return false
    if (one.volatile || one.needsRun || one.stable === true) return true
    const [argument] = one.arguments
    return one.name === 'cast' && argument !== undefined && !isImmutableCast(argument.type, one.type)
  })
}

const texts: ReadonlySet<number> = new Set([oid.text, oid.varchar, oid.bpchar, oid.name])
/** Read from text by the settings of a session, and shown so. */
const readBySettings: ReadonlySet<number> = new Set([oid.date, oid.time, oid.timestamp, oid.timestamptz, oid.interval])
const shownBySettings: ReadonlySet<number> = new Set([oid.date, oid.timestamp, oid.timestamptz])

function isImmutableCast(from: number, to: number): boolean {
  if (texts.has(from)) return !readBySettings.has(to) && to !== oid.regclass
  if (texts.has(to)) return !shownBySettings.has(from) && from !== oid.regclass
  if (from === to) return true
  const isZoned = (type: number): boolean => type === oid.timestamptz
  return !isZoned(from) && !isZoned(to)
}

const known = new WeakMap<BoundQuery, boolean>()

export function isVolatileQuery(query: BoundQuery): boolean {
  let answer = known.get(query)
  if (answer === undefined) known.set(query, (answer = computeVolatile(query)))
  return answer
}

function computeVolatile({ body }: BoundQuery): boolean {
  const { limit, offset } = body.tail
  if (hasVolatile([limit, offset])) return true
  if (body.kind === 'values') return body.rows.some(hasVolatile)
  if (body.kind === 'set') return isVolatileQuery(body.left) || isVolatileQuery(body.right)
  const { from, where, grouping, windows = [], targets } = body
  if (from !== undefined && isVolatileItem(from)) return true
  const grouped = grouping === undefined ? [] : [...grouping.keys, ...grouping.aggregates, grouping.having]
  return hasVolatile([where, ...grouped, ...windows.flatMap(expressionsOfWindow), ...targets])
}

function isVolatileItem(item: FromItem): boolean {
  if (item.kind === 'join') {
    return isVolatileItem(item.left) || isVolatileItem(item.right) || hasVolatile([item.condition])
  }
  if (item.kind === 'query') return isVolatileQuery(item.query)
  return item.kind === 'function' && hasVolatile(item.arguments)
}

function hasVolatile(expressions: readonly (Expression | undefined)[]): boolean {
  return expressions.some((one) => one !== undefined && isVolatile(one))
}
