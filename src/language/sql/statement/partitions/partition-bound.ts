/** FOR VALUES …: the bound of a partition out of the grammar's tree, and what stands against it among its siblings. */
import type { Node, PartitionBoundSpec } from 'libpg-query'
import {
  above,
  below,
  type Bound,
  compareEdges,
  type Edge,
  overlap,
  valueName,
} from '../../../../model/table/partitions/bounds.ts'
import type { Partition, Partitioning } from '../../../../model/table/partitions/partitioning.ts'
import { formatType } from '../../../../model/table/types/registry.ts'
import type { SqlValue } from '../../contract.ts'
import { edgeText } from '../../catalog/bound-text.ts'
import { createBareBinder } from '../../bind/bind.ts'
import { tryCoerce } from '../../bind/coerce.ts'
import { Scope } from '../../bind/scope.ts'
import { locationOf } from '../../bind/tree.ts'
import { compile } from '../../expression/compile.ts'
import { someExpression } from '../../expression/expression.ts'
import { failure } from '../../failure.ts'
import { Planner } from '../../plan/planner.ts'
import { currentContext, noRow, type SqlRun } from '../../plan/run.ts'

const words: Readonly<Record<string, 'list' | 'range' | 'hash'>> = { l: 'list', r: 'range', h: 'hash' }

export function readBoundSpec(run: SqlRun, partitioning: Partitioning, spec: PartitionBoundSpec): Bound {
  const { strategy } = partitioning
  const { location } = spec
  if (spec.is_default === true) {
    if (strategy !== 'hash') return { kind: 'default' }
    throw failure('42P16', 'a hash-partitioned table may not have a default partition', { location })
  }
  if (words[spec.strategy ?? ''] !== strategy) {
    throw failure('42P16', `invalid bound specification for a ${strategy} partition`, { location })
  }
  if (strategy === 'hash') return hashBound(spec)
  if (strategy === 'list') return listBound(run, partitioning, spec)
  return {
    kind: 'range',
    from: rangeEdge(run, partitioning, spec.lowerdatums ?? [], 'FROM'),
    to: rangeEdge(run, partitioning, spec.upperdatums ?? [], 'TO'),
  }
}

function hashBound({ modulus = 0, remainder = 0, location }: PartitionBoundSpec): Bound {
  if (modulus <= 0) {
    throw failure('42P16', 'modulus for hash partition must be an integer value greater than zero', { location })
  }
  if (remainder < 0) {
    const message = 'remainder for hash partition must be an integer value greater than or equal to zero'
    throw failure('42P16', message, { location })
  }
  if (remainder < modulus) return { kind: 'hash', modulus, remainder }
  throw failure('42P16', 'remainder for hash partition must be less than modulus', { location })
}

function listBound(run: SqlRun, partitioning: Partitioning, { listdatums = [] }: PartitionBoundSpec): Bound {
  const type = partitioning.types[0]!
  const seen = new Map<string, SqlValue>()
  for (const node of listdatums) {
    const value = boundValue(run, partitioning, 0, node)
    const name = valueName(type, value)
    if (!seen.has(name)) seen.set(name, value)
  }
  return { kind: 'list', values: [...seen.values()] }
}

function rangeEdge(run: SqlRun, partitioning: Partitioning, nodes: readonly Node[], word: 'FROM' | 'TO'): Edge {
  if (nodes.length !== partitioning.types.length) {
    throw failure('42P16', `${word} must specify exactly one value per partitioning column`)
  }
  const edge: Edge[number][] = []
  for (const [i, node] of nodes.entries()) {
    const infinite = infinity(node)
    const before = edge[i - 1]
    if ((before === below || before === above) && infinite !== before) {
      const name = before === below ? 'MINVALUE' : 'MAXVALUE'
      throw failure('42804', `every bound following ${name} must also be ${name}`, { location: locationOf(node) })
    }
    if (infinite !== undefined) {
      edge.push(infinite)
      continue
    }
    const value = boundValue(run, partitioning, i, node)
    if (value === null) throw failure('42P16', 'cannot specify NULL in range bound')
    edge.push(value)
  }
  return edge
}

/** The grammar reads MINVALUE and MAXVALUE as names of columns. */
function infinity(node: Node): typeof below | typeof above | undefined {
  if (!('ColumnRef' in node) || node.ColumnRef.fields?.length !== 1) return undefined
  const [field] = node.ColumnRef.fields
  const name = field !== undefined && 'String' in field ? field.String.sval?.toLowerCase() : undefined
  return name === 'minvalue' ? below : name === 'maxvalue' ? above : undefined
}

function boundValue(run: SqlRun, { parent, types }: Partitioning, place: number, node: Node): SqlValue {
  const binder = createBareBinder(currentContext(run))
  const scope = new Scope()
  scope.forbidsAggregates = 'partition bound'
  const location = locationOf(node)
  if ('ColumnRef' in node) {
    throw failure('0A000', 'cannot use column reference in partition bound expression', { location })
  }
  const bound = scope.withoutSets('partition bound', () => binder.expression(scope, node))
  if (someExpression(bound, ({ kind }) => kind === 'subquery')) {
    throw failure('0A000', 'cannot use subquery in partition bound', { location })
  }
  const key = parent.definition.partitioning!.keys[place]!
  const type = types[place]!
  const converted = tryCoerce(binder, bound, type.oid, key.modifier ?? -1, 'assignment')
  if (converted === undefined) {
    const what = key.column === undefined ? 'expression' : parent.columnByNumber(key.column).name
    const message = `specified value cannot be cast to type ${formatType(type.oid, -1)} for column "${what}"`
    throw failure('42804', message, { location })
  }
  return compile(converted, new Planner().compilerAt(0))(noRow, run)
}

/** `name`: of the partition that is to be. Errors: 42P17 where it cannot stand beside its siblings. */
export function checkBound(
  partitioning: Partitioning,
  name: string,
  bound: Bound,
  { location, listdatums, lowerdatums, upperdatums }: PartitionBoundSpec,
): void {
  const { types, partitions, defaultPartition } = partitioning
  if (bound.kind === 'default') {
    if (defaultPartition === undefined) return
    const message = `partition "${name}" conflicts with existing default partition "${defaultPartition.table.name}"`
    throw failure('42P17', message, { location })
  }
  if (bound.kind === 'range' && compareEdges(types, bound.from, bound.to) >= 0) {
    throw failure('42P17', `empty range bound specified for partition "${name}"`, {
      location: locationOf(lowerdatums?.[0]),
      detail:
        `Specified lower bound ${edgeText(partitioning, bound.from)} is greater than or equal to` +
        ` upper bound ${edgeText(partitioning, bound.to)}.`,
    })
  }
  if (bound.kind === 'hash') checkModulus(partitions, bound.modulus)
  const other = partitions.find((one) => one.bound.kind !== 'default' && overlap(types, one.bound, bound))
  if (other === undefined) return
  const at = (): number | undefined => {
    if (bound.kind === 'list')
      return locationOf(listdatums?.find((_, i) => isAmong(types, other.bound, bound.values[i])))
    if (bound.kind !== 'range' || other.bound.kind !== 'range') return location
    const beginsWithin = compareEdges(types, other.bound.from, bound.from) <= 0
    return locationOf((beginsWithin ? lowerdatums : upperdatums)?.[0])
  }
  throw failure('42P17', `partition "${name}" would overlap partition "${other.table.name}"`, { location: at() })
}

function isAmong(types: Partitioning['types'], bound: Bound, value: SqlValue | undefined): boolean {
  return value !== undefined && overlap(types, bound, { kind: 'list', values: [value] })
}

/** Each modulus is a factor of the next larger one. */
function checkModulus(partitions: readonly Partition[], modulus: number): void {
  const others = partitions.flatMap(({ bound, table }) =>
    bound.kind === 'hash' ? [{ modulus: bound.modulus, table }] : [],
  )
  const message = 'every hash partition modulus must be a factor of the next larger modulus'
  const smaller = others.findLast((one) => one.modulus <= modulus)
  if (smaller !== undefined && modulus % smaller.modulus !== 0) {
    const detail = `The new modulus ${modulus} is not divisible by ${smaller.modulus}, the modulus of existing partition "${smaller.table.name}".`
    throw failure('42P17', message, { detail })
  }
  const larger = others.find((one) => one.modulus > modulus)
  if (larger === undefined || larger.modulus % modulus === 0) return
  const detail = `The new modulus ${modulus} is not a factor of ${larger.modulus}, the modulus of existing partition "${larger.table.name}".`
  throw failure('42P17', message, { detail })
}
