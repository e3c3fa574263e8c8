/** Aggregates with WITHIN GROUP: what is given directly, and what the rows are sorted by. */
import type { FuncCall, Node, SortBy } from 'libpg-query'
import { formatType } from '../../../model/table/types/registry.ts'
import type { AggregateExpression, Expression, SortKey } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { hypotheticalSet, isHypothetical, orderedSetsNamed } from '../functions/ordered-sets.ts'
import { aggregatesNamed, functionsNamed } from '../functions/registry.ts'
import { concreteResult, resolve } from '../functions/resolve.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { coerce, commonType } from './coerce.ts'
import type { Scope } from './scope.ts'

export function isOrderedSet(name: string): boolean {
  return isHypothetical(name) || orderedSetsNamed(name).length > 0
}

/** Throws where WITHIN GROUP stands behind what takes none, or is missing. */
export function checkWithinGroup(node: FuncCall, name: string): void {
  const { location, agg_within_group: isGiven = false } = node
  const isOther = aggregatesNamed(name).length > 0
  if (isGiven && !isOrderedSet(name)) {
    if (isOther) {
      throw failure('42809', `${name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP`, { location })
    }
    if (functionsNamed(name).length > 0) {
      throw failure('42809', `WITHIN GROUP specified, but ${name} is not an aggregate function`, { location })
    }
  }
  if (isGiven || isOther || !isOrderedSet(name)) return
  const isWindowed = isHypothetical(name) && node.args === undefined
  if (!isWindowed) throw failure('42809', `WITHIN GROUP is required for ordered-set aggregate ${name}`, { location })
}

interface Parts {
  readonly direct: readonly Expression[]
  readonly keys: readonly SortKey[]
}

/** `filter`: bound already. */
export function bindOrderedSet(
  binder: Binder,
  scope: Scope,
  node: FuncCall,
  name: string,
  {
    filter,
    directionOf,
  }: {
    readonly filter: Expression | undefined
    readonly directionOf: (node: SortBy) => { descending: boolean; nullsFirst: boolean }
  },
): AggregateExpression {
  const keyOf = (one: Node): SortKey => {
    if (!('SortBy' in one)) throw notBuilt('this ORDER BY')
    return { expression: binder.expression(scope, one.SortBy.node!), ...directionOf(one.SortBy) }
  }
  const direct = (node.args ?? []).map((one) => binder.expression(scope, one))
  const keys = (node.agg_order ?? []).map(keyOf)
  const bound = isHypothetical(name)
    ? bindHypothetical(binder, node, name, { direct, keys })
    : bindPercentile(binder, node, name, { direct, keys })
  return { ...bound, kind: 'aggregate', modifier: -1, location: node.location, distinct: false, filter }
}

type Bound = Pick<AggregateExpression, 'type' | 'aggregate' | 'arguments' | 'order' | 'direct'>

function bindHypothetical(binder: Binder, node: FuncCall, name: string, { direct, keys }: Parts): Bound {
  if (direct.length !== keys.length) throw wrongCount(node, name, { direct, keys })
  const types = keys.map(({ expression }, i) => commonType([expression, direct[i]!], 'WITHIN GROUP'))
  const given = direct.map((one, i) => coerce(binder, one, types[i]!))
  const order = keys.map((key, i) => ({ ...key, expression: coerce(binder, key.expression, types[i]!) }))
  const aggregate = {
    name,
    ...hypotheticalSet(
      name,
      order.map((key, i) => ({ ...key, type: types[i]! })),
    ),
  }
  const parts = [...given, ...order.map(({ expression }) => expression)]
  return { type: aggregate.result, aggregate, arguments: parts, order, direct: given.length }
}

function wrongCount({ location }: FuncCall, name: string, { direct, keys }: Parts): Error {
  const hint =
    `To use the hypothetical-set aggregate ${name}, the number of hypothetical direct arguments (here ${direct.length}) ` +
    `must match the number of ordering columns (here ${keys.length}).`
  return failure('42883', `function ${signature(name, direct, keys)} does not exist`, { location, hint })
}

function signature(name: string, direct: readonly Expression[], keys: readonly SortKey[]): string {
  const types = [...direct, ...keys.map(({ expression }) => expression)].map(({ type }) => formatType(type, -1))
  return `${name}(${types.join(', ')})`
}

function bindPercentile(binder: Binder, { location }: FuncCall, name: string, { direct, keys }: Parts): Bound {
  const all = orderedSetsNamed(name)
  const candidates = all.map((entry) => ({ entry, takes: [...entry.direct, entry.sorted] }))
  const types = [...direct, ...keys.map(({ expression }) => expression)].map(({ type }) => type)
  const found = resolve(candidates, types)
  if (found.kind !== 'found') {
    const what = signature(name, direct, keys)
    if (found.kind === 'ambiguous') {
      const hint = 'Could not choose a best candidate aggregate. You might need to add explicit type casts.'
      throw failure('42725', `function ${what} is not unique`, { location, hint })
    }
    const hint = 'No function matches the given name and argument types. You might need to add explicit type casts.'
    throw failure('42883', `function ${what} does not exist`, { location, hint })
  }
  const { entry, takes } = found
  const { direct: fractions, sorted, gives, make } = entry.entry
  const given = direct.map((one, i) => coerce(binder, one, takes[i]!))
  const order = keys.map((key) => ({ ...key, expression: coerce(binder, key.expression, takes[given.length]!) }))
  const sortedType = order[0]!.expression.type
  const type =
    gives === oid.anyelement || gives === oid.anyarray ? concreteResult(gives, [sorted], [sortedType]) : gives
  const aggregate = { name, result: type, strict: false, keeps: 'all', ...make(sortedType) } as const
  const parts = [...given, ...order.map(({ expression }) => expression)]
  return { type, aggregate, arguments: parts, order, direct: fractions.length }
}
