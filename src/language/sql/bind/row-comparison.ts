/** (a, b) = (c, d), `<>`, and the lexicographic orders: of rows that are written out, and of those of a subquery. */
import type { Node } from 'libpg-query'
import type { Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { isVolatile } from '../expression/volatile.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import type { Scope } from './scope.ts'

/** PostgreSQL's MaxTupleAttributeNumber. */
const maxRowEntries = 1664

export function bindRowComparison(
  binder: Binder,
  scope: Scope,
  left: readonly Node[],
  right: readonly Node[],
  name: string,
  location: number | undefined,
): Expression {
  if (left.length !== right.length) throw failure('42601', 'unequal number of entries in row expressions', { location })
  if (left.length === 0) throw failure('0A000', 'cannot compare rows of zero length', { location })
  checkWidth(left.length, location)
  const bind = (one: Node): Expression => binder.expression(scope, one)
  const pairs = binder.each(scope, left, (one, i) => [bind(one), bind(right[i]!)] as const)
  return compareRows(binder, pairs, name, location)
}

export function checkWidth(entries: number, location: number | undefined): void {
  if (entries > maxRowEntries) {
    throw failure('54011', `ROW expressions can have at most ${maxRowEntries} entries`, { location })
  }
}

/** Of entries in pairs, at least one. */
export function compareRows(
  binder: Binder,
  pairs: readonly (readonly [Expression, Expression])[],
  symbol: string,
  location: number | undefined,
): Expression {
  const name = symbol === '!=' ? '<>' : symbol
  const compare = (by: string, at: number): Expression => binder.operator(by, [...pairs[at]!], location)
  const compareAgain = (by: string, at: number): Expression => {
    for (const one of pairs[at]!) binder.repetition.shared(one)
    return compare(by, at)
  }
  if (pairs.length === 1) return compare(name, 0)
  const logic = (kind: 'and' | 'or', parts: readonly Expression[]): Expression =>
    parts.length === 1 ? parts[0]! : { kind, type: oid.bool, modifier: -1, location, arguments: parts }
  const all = (): Expression[] => pairs.map((_, at) => compare(name, at))
  if (name === '=') return logic('and', all())
  if (name === '<>') return logic('or', all())
  const strict = name.startsWith('<') ? '<' : '>'
  if (!['<', '<=', '>', '>='].includes(name)) {
    // One that is not there is an error of its own.
    compare(name, 0)
    throw failure('0A000', `could not determine interpretation of row comparison operator ${name}`, {
      location,
      hint: 'Row comparison operators must be associated with btree operator families.',
    })
  }
  const equalUpTo = (from: number, to: number): Expression[] =>
    pairs.slice(from, to).map((_pair, i) => compareAgain('=', from + i))
  // By halves where it is long: (a, b) < (c, d) where a < c, or a = c and b < d.
  const order = (from: number, to: number, last: string): Expression => {
    if (to - from > maxFlatRow) {
      const middle = (from + to) >> 1
      const behind = logic('and', [...equalUpTo(from, middle), order(middle, to, last)])
      return logic('or', [order(from, middle, strict), behind])
    }
    const terms = pairs.slice(from, to).map((_, i) => {
      const at = from + i
      return logic('and', [...equalUpTo(from, at), compare(at === to - 1 ? last : strict, at)])
    })
    return logic('or', terms)
  }
  const ordered = order(0, pairs.length, name)
  // Follows from it, and an index can use it.
  if (pairs[0]!.some(isVolatile)) return ordered
  return logic('and', [compareAgain(`${strict}=`, 0), ordered])
}

const maxFlatRow = 8
