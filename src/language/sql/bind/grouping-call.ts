/** GROUPING(a, b): which of the keys are not in the grouping of a row, as bits; the last argument is the lowest one. */
import type { GroupingFunc } from 'libpg-query'
import { type CallExpression, type Expression, plainCall } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { AggregateOwner } from './aggregate-owner.ts'
import type { Binder } from './binder.ts'
import type { Scope } from './scope.ts'

const maxArguments = 31

function unplaced(): never {
  throw new Error('invariant broken: GROUPING was not bound to the groupings of its block')
}

/** Until its block's groupings are known. */
export function bindGroupingCall(binder: Binder, scope: Scope, { args = [], location }: GroupingFunc): Expression {
  if (args.length > maxArguments) throw failure('54023', 'GROUPING must have fewer than 32 arguments', { location })
  const owner = new AggregateOwner(scope)
  const parts = args.map((one) => binder.expression(scope, one))
  const call = owner.lift(plainCall('grouping', oid.int4, parts, unplaced, location, false))
  owner.check(location, 'grouping operations')
  return owner.bring(call)
}

export function isGroupingCall(expression: Expression): expression is CallExpression {
  return expression.kind === 'call' && expression.implementation === unplaced
}

/** `places`: of its arguments among the keys; `number`: of the grouping, undefined where there is one alone. */
export function groupingBits(
  call: CallExpression,
  places: readonly number[],
  sets: readonly (readonly number[])[] | undefined,
  number: Expression | undefined,
): Expression {
  const { type, modifier, location } = call
  if (sets === undefined || number === undefined) return { kind: 'constant', type, modifier, location, value: 0 }
  const bits = sets.map((set) => places.reduce((all, place) => all * 2 + (set.includes(place) ? 0 : 1), 0))
  return plainCall('grouping', oid.int4, [number], (grouping: number) => bits[grouping]!, location)
}
