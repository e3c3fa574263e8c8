/** A call with OVER: a window function, or an aggregate over the rows of a frame. */
import type { FuncCall, WindowDef } from 'libpg-query'
import { formatType } from '../../../../model/table/types/registry.ts'
import { type Expression, plainCall, someExpression, type WindowExpression } from '../../expression/expression.ts'
import { failure } from '../../failure.ts'
import { aggregatesNamed } from '../../functions/registry.ts'
import { concreteResult, resolve } from '../../functions/resolve.ts'
import { windowFunctionsNamed } from '../../functions/window-functions.ts'
import type { Binder } from '../binder.ts'
import { coerce, commonType } from '../coerce.ts'
import { isOrderedSet } from '../bind-ordered-set.ts'
import { type Scope, windowCalls } from '../scope.ts'

/** What the aggregate's own file knows to bind: arguments, types, what its result goes through. */
export type BindAggregateCall = (binder: Binder, scope: Scope, node: FuncCall, name: string) => Expression

/** A function of that name may stand without OVER as well: it is an aggregate, or nothing with a window. */
export function bindWindowCall(
  binder: Binder,
  scope: Scope,
  node: FuncCall,
  name: string,
  bindAggregateCall: BindAggregateCall,
): Expression {
  const { location } = node
  const isAggregate = aggregatesNamed(name).length > 0
  if (node.agg_within_group === true && isOrderedSet(name)) {
    throw failure('0A000', `OVER is not supported for ordered-set aggregate ${name}`, { location })
  }
  if (!isAggregate && windowFunctionsNamed(name).length === 0) throw noWindowFunction(binder, scope, node, name)
  const bound = scope.withoutSets(windowCalls, () =>
    isAggregate
      ? windowedAggregate(binder, scope, node, name, bindAggregateCall)
      : windowFunction(binder, scope, node, name),
  )
  scope.checkWindow(location)
  const nested = findWindow(bound.arguments) ?? findWindow(bound.filter === undefined ? [] : [bound.filter])
  if (nested !== undefined) {
    throw failure('42P20', 'window function calls cannot be nested', { location: nested.location })
  }
  const finishing = bound.aggregate?.finishing
  if (finishing === undefined) return bound
  const { type, call, cost } = finishing
  return { ...plainCall(name, type, [bound], call, location), cost, remote: { kind: 'finishing', name } }
}

/** Throws where a window function stands without OVER. */
export function requireOver(node: FuncCall, name: string): void {
  if (windowFunctionsNamed(name).length === 0 || aggregatesNamed(name).length > 0) return
  throw failure('42809', `window function ${name} requires an OVER clause`, { location: node.location })
}

export function findWindow(expressions: readonly Expression[]): Expression | undefined {
  let found: Expression | undefined
  for (const one of expressions) {
    someExpression(one, (part) => {
      if (part.kind !== 'window') return false
      found ??= part
      return true
    })
  }
  return found
}

function noWindowFunction(binder: Binder, scope: Scope, node: FuncCall, name: string): Error {
  const { over: _, ...rest } = node
  // That there is no such function at all is said first.
  binder.expression(scope, { FuncCall: rest })
  const message = `OVER specified, but ${name} is not a window function nor an aggregate function`
  return failure('42809', message, { location: node.location })
}

function windowedAggregate(
  binder: Binder,
  scope: Scope,
  node: FuncCall,
  name: string,
  bindAggregateCall: BindAggregateCall,
): WindowExpression {
  const { location } = node
  if (node.agg_distinct === true) {
    throw failure('0A000', 'DISTINCT is not implemented for window functions', { location })
  }
  if (node.agg_order !== undefined) {
    throw failure('0A000', 'aggregate ORDER BY is not implemented for window functions', { location })
  }
  if (node.args === undefined && node.agg_star !== true && name === 'count') throw withoutArguments(name, location)
  const bound = bindAggregateCall(binder, scope, node, name)
  if (bound.kind !== 'aggregate') throw new Error('invariant broken: an aggregate was bound to something else')
  const { type, modifier, aggregate, arguments: parts, filter } = bound
  return { ...over(node.over!), name, type, modifier, location, aggregate, arguments: parts, filter }
}

export function withoutArguments(name: string, location: number | undefined): Error {
  return failure('42809', `${name}(*) must be used to call a parameterless aggregate function`, { location })
}

function over(definition: WindowDef): Pick<WindowExpression, 'kind' | 'window' | 'definition'> {
  return { kind: 'window', window: windowId(definition), definition }
}

/** Of a window by what is written: the same text means the same window. */
export function windowId(definition: WindowDef): string {
  if (definition.name !== undefined) return `name ${definition.name}`
  return JSON.stringify(definition, (key, value: unknown) => (key === 'location' ? undefined : value))
}

function windowFunction(binder: Binder, scope: Scope, node: FuncCall, name: string): WindowExpression {
  const { location } = node
  if (node.agg_distinct === true) {
    throw failure('0A000', 'DISTINCT is not implemented for window functions', { location })
  }
  if (node.agg_within_group === true) {
    throw failure('42809', `window function ${name} cannot have WITHIN GROUP`, { location })
  }
  if (node.agg_order !== undefined) {
    throw failure('0A000', 'aggregate ORDER BY is not implemented for window functions', { location })
  }
  if (node.agg_filter !== undefined) {
    throw failure('0A000', 'FILTER is not implemented for non-aggregate window functions', { location })
  }
  const given = (node.args ?? []).map((one) => binder.expression(scope, one))
  const types = given.map(({ type }) => type)
  const found = resolve(windowFunctionsNamed(name), types)
  const shared = given.length === 3 ? sharedType(given) : undefined
  if (found.kind !== 'found' || (given.length === 3 && shared === undefined)) throw noSuchFunction(node, name, types)
  const { entry, takes } = found
  const wanted = takes.map((type, i) => (shared !== undefined && i !== 1 ? shared : type))
  const parts = given.map((one, i) => coerce(binder, one, wanted[i]!))
  const type = shared ?? concreteResult(entry.gives, entry.takes, wanted)
  const base = { name, type, modifier: -1, location, aggregate: undefined, filter: undefined }
  return { ...over(node.over!), ...base, arguments: parts }
}

/** The type in which a value and what stands in for it meet. */
function sharedType([value, , missing]: readonly Expression[]): number | undefined {
  try {
    return commonType([value!, missing!], 'LAG')
  } catch {
    return undefined
  }
}

function noSuchFunction({ location, agg_star: isStar }: FuncCall, name: string, types: readonly number[]): Error {
  if (isStar === true && types.length === 0) {
    return failure('42883', `function ${name}() does not exist`, { location, hint })
  }
  const shown = types.map((type) => formatType(type, -1)).join(', ')
  return failure('42883', `function ${name}(${shown}) does not exist`, { location, hint })
}

const hint = 'No function matches the given name and argument types. You might need to add explicit type casts.'
