/** PARTITION BY: the columns and expressions by which a table's rows are told apart, as its definition keeps them. */
import type { Node, PartitionSpec } from 'libpg-query'
import type {
  PartitioningDefinition,
  PartitionKeyDefinition,
  PartitionStrategy,
} from '../../../../model/table/partitions/partition-definition.ts'
import { isHashable } from '../../../../model/table/partitions/hash.ts'
import { refusePseudo } from '../../../../model/table/types/column-type.ts'
import { getType } from '../../../../model/table/types/registry.ts'
import type { Binder } from '../../bind/binder.ts'
import { lastName } from '../../bind/tree.ts'
import { deparse } from '../../expression/deparse.ts'
import { columnsRead, type Expression, someExpression } from '../../expression/expression.ts'
import { failure, notBuilt } from '../../failure.ts'
import { scopeOfColumns } from '../table-scope.ts'

/** A column of the table that is being made. */
export interface KeyColumn {
  readonly name: string
  readonly type: number
  readonly modifier: number
  readonly number: number
  readonly isGenerated: boolean
}

const strategies: Readonly<Record<string, PartitionStrategy>> = {
  PARTITION_STRATEGY_LIST: 'list',
  PARTITION_STRATEGY_RANGE: 'range',
  PARTITION_STRATEGY_HASH: 'hash',
}

const maxKeys = 32

export function readPartitioning(
  binder: Binder,
  table: string,
  spec: PartitionSpec,
  columns: readonly KeyColumn[],
): PartitioningDefinition {
  const strategy = strategies[spec.strategy ?? '']!
  const parts = spec.partParams ?? []
  if (parts.length > maxKeys) {
    throw failure('54011', `cannot partition using more than ${maxKeys} columns`, { location: spec.location })
  }
  if (strategy === 'list' && parts.length > 1) {
    throw failure('42P17', 'cannot use "list" partition strategy with more than one column')
  }
  const keys = parts.map((node, i) => readKey(binder, table, node, { strategy, number: i + 1 }, columns))
  return { strategy, keys }
}

function readKey(
  binder: Binder,
  table: string,
  node: Node,
  { strategy, number }: { readonly strategy: PartitionStrategy; readonly number: number },
  columns: readonly KeyColumn[],
): PartitionKeyDefinition {
  if (!('PartitionElem' in node)) throw notBuilt('this partition key')
  const { name, expr, collation, opclass, location } = node.PartitionElem
  const named = {
    ...(collation !== undefined && { collation: knownCollation(lastName(collation), location) }),
    ...(opclass !== undefined && { operatorClass: lastName(opclass) }),
  }
  const column = name ?? plainColumn(expr)
  if (column !== undefined) {
    const found = columns.find((one) => one.name === column)
    if (found === undefined) {
      if (systemColumns.has(column)) {
        throw failure('42P17', `cannot use system column "${column}" in partition key`, { location })
      }
      throw failure('42703', `column "${column}" named in partition key does not exist`, { location })
    }
    if (found.isGenerated) throw generatedKey(found.name, location)
    checkType(found.type, strategy, collation, location)
    return { column: found.number, type: found.type, ...modifierOf(found.modifier), ...named }
  }
  const bound = bindKey(binder, table, expr!, columns)
  refusePseudo(`partition key column ${number}`, bound.type)
  checkType(bound.type, strategy, collation, location)
  const read = [...columnsRead(bound)].map((index) => columns[index]!)
  const generated = read.find(({ isGenerated }) => isGenerated)
  if (generated !== undefined) throw generatedKey(generated.name, location)
  const reads = read.map(({ number }) => number).sort((a, b) => a - b)
  return { expression: deparse(bound), reads, type: bound.type, ...modifierOf(bound.modifier), ...named }
}

function modifierOf(modifier: number): { modifier?: number } {
  return modifier >= 0 ? { modifier } : {}
}

const systemColumns: ReadonlySet<string> = new Set(['tableoid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax'])

function plainColumn(node: Node | undefined): string | undefined {
  if (node === undefined || !('ColumnRef' in node)) return undefined
  const fields = node.ColumnRef.fields ?? []
  return fields.length === 1 && 'String' in fields[0]! ? fields[0].String.sval : undefined
}

/** The order of texts is that of their code points. */
export function knownCollation(name: string, location: number | undefined): string {
  if (['C', 'POSIX', 'default', 'ucs_basic'].includes(name)) return name
  throw notBuilt(`collation "${name}"`, location)
}

function generatedKey(name: string, location: number | undefined): Error {
  return failure('42P17', 'cannot use generated column in partition key', {
    location,
    detail: `Column "${name}" is a generated column.`,
  })
}

function bindKey(binder: Binder, table: string, node: Node, columns: readonly KeyColumn[]): Expression {
  const scope = scopeOfColumns(table, columns)
  scope.forbidsAggregates = 'partition key expressions'
  const bound = scope.withoutSets('partition key expressions', () => binder.expression(scope, node))
  if (someExpression(bound, ({ kind }) => kind === 'subquery')) {
    throw failure('0A000', 'cannot use subquery in partition key expression', { location: bound.location })
  }
  if (someExpression(bound, (one) => one.kind === 'call' && (one.volatile || one.stable === true))) {
    throw failure('42P17', 'functions in partition key expression must be marked IMMUTABLE')
  }
  if (bound.kind === 'constant') throw failure('42P17', 'cannot use constant expression as partition key')
  return bound
}

function checkType(
  type: number,
  strategy: PartitionStrategy,
  collation: readonly Node[] | undefined,
  location: number | undefined,
): void {
  const found = getType(type)
  if (collation !== undefined && found.category !== 'S') {
    throw failure('42804', `collations are not supported by type ${found.title}`, { location })
  }
  const method = strategy === 'hash' ? 'hash' : 'btree'
  if (strategy === 'hash' ? isHashable(found) : found.isOrdered) return
  throw failure('42704', `data type ${found.title} has no default operator class for access method "${method}"`, {
    hint: `You must specify a ${method} operator class or define a default ${method} operator class for the data type.`,
  })
}
