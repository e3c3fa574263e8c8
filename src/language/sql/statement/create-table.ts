/** CREATE TABLE, with its keys, checks and the sequences of its serial and identity columns. */
import { inPlace } from '../../../database/transaction/wait.ts'
import type { ColumnDef, CreateStmt, PartitionBoundSpec, PartitionSpec } from 'libpg-query'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import {
  checkColumnCount,
  type CheckDefinition,
  type ColumnDefault,
  type NewColumn,
  newTable,
  withNotNull,
  withPrimaryKey,
  type TableDefinition,
} from '../../../model/table/definition.ts'
import { addForeignKey } from '../../../model/table/reference-schema.ts'
import { createTable, createTableIndex, type NewIndex } from '../../../model/table/schema.ts'
import { createSequence, setOwner } from '../../../model/table/sequence.ts'
import { newSequence } from '../../../model/table/sequence-definition.ts'
import type { Column, Table } from '../../../model/table/table.ts'
import { createBareBinder } from '../bind/bind.ts'
import type { Binder } from '../bind/binder.ts'
import { qualify } from '../bind/objects.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import type { Notice } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import { quoteIdentifier, quoteLiteral } from '../functions/text-functions.ts'
import { currentContext, type SqlRun } from '../plan/run.ts'
import { skipping } from './create-schema.ts'
import type { Outcome } from './execution.ts'
import { bindForeignKey, type ForeignKeyPlan } from './foreign-keys.ts'
import { type BoundGeneration, bindGeneration } from './generated-columns.ts'
import { copyIndexes, hasLike, readLike } from './like-clause.ts'
import { freeName, freeNames, isNameTaken, targetNamespace } from './naming.ts'
import {
  type Heritage,
  heritageOf,
  inheritedColumns,
  mergedChecks,
  mergedColumns,
  type SeenColumn,
} from './partitions/heritage.ts'
import { joinParents, newBound, refusePartialKeys } from './partitions/new-partition.ts'
import { readPartitioning } from './partitions/partition-key.ts'
import { type Planned, planSteps } from './prepared.ts'
import { commitActionOf, dropAtCommit } from './temporary.ts'
import { sequenceClauses, sequenceName } from './sequences.ts'
import { storedDefault } from './stored-expressions.ts'
import {
  bindCheck,
  type ColumnPlan,
  type ConstraintPlan,
  type KeyPlan,
  readColumn,
  readConstraint,
  readOptions,
} from './table-definition.ts'

interface TablePlan {
  readonly name: string
  readonly engine?: string
  readonly onCommit?: 'delete' | 'drop' | undefined
  /** Of generated columns, by their names. */
  readonly generations: ReadonlyMap<string, BoundGeneration>
  readonly columns: readonly ColumnPlan[]
  readonly keys: readonly KeyPlan[]
  readonly checks: readonly CheckDefinition[]
  readonly foreignKeys: readonly ForeignKeyPlan[]
  readonly heritage: Heritage | undefined
  readonly partitioning: PartitionSpec | undefined
  readonly bound: PartitionBoundSpec | undefined
}

export function planCreateTable(binder: Binder, statement: CreateStmt): Planned {
  refuseVariants(statement)
  const options = readOptions(statement.options)
  // What depends on other tables is read when they are as the statement finds them.
  const isAlone = statement.inhRelations === undefined && !hasLike(statement)
  const early = isAlone ? readTable(binder, statement, undefined, undefined) : undefined
  const relation = statement.relation!
  return planSteps({ kind: 'schema' }, 'CREATE TABLE', function* (run): StatementSteps<Outcome> {
    const namespace = targetNamespace(run, relation)
    const { relname: name = '' } = relation
    if (isNameTaken(run.transaction, namespace.name, name)) {
      if (statement.if_not_exists !== true) throw failure('42P07', `relation "${name}" already exists`)
      return { rowCount: 0, notices: [skipping('42P07', `relation "${name}" already exists`)] }
    }
    const notices: Notice[] = []
    const heritage = yield* inPlace(run.transaction, () => heritageOf(run, statement))
    const read = early ?? readTable(createBareBinder(currentContext(run)), statement, heritage, run)
    const action = commitActionOf(statement.oncommit, isTemporaryName(namespace.name))
    const table = yield* createFrom(run, { ...read, ...options, onCommit: action }, namespace, notices)
    yield* copyIndexes(run, statement.tableElts ?? [], table)
    if (action === 'drop') dropAtCommit(run.transaction, table.collection)
    return { rowCount: 0, notices }
  })
}

function refuseVariants(statement: CreateStmt): void {
  if (statement.relation?.relpersistence === 'u') throw notBuilt('an unlogged table', statement.relation.location)
  if (statement.ofTypename !== undefined) throw notBuilt('CREATE TABLE OF')
  if (statement.tablespacename !== undefined) throw notBuilt('TABLESPACE')
  checkAccessMethod(statement.accessMethod)
}

/** PostgreSQL's own is the only one: where a table lies otherwise is its engine. */
export function checkAccessMethod(name: string | undefined): void {
  if (name !== undefined && name !== 'heap') throw failure('42704', `access method "${name}" does not exist`)
}

function readTable(
  binder: Binder,
  statement: CreateStmt,
  heritage: Heritage | undefined,
  run: SqlRun | undefined,
): TablePlan {
  const name = statement.relation?.relname ?? ''
  const inherited = heritage === undefined ? [] : inheritedColumns(heritage)
  const columns: ColumnPlan[] = []
  const constraints: ConstraintPlan[] = []
  const add = (column: ColumnPlan): void => {
    if (columns.some((one) => one.name === column.name)) {
      throw failure('42701', `column "${column.name}" specified more than once`)
    }
    columns.push(column)
    constraints.push(...column.constraints)
  }
  checkColumnCount((statement.tableElts ?? []).filter((node) => 'ColumnDef' in node).length)
  for (const node of statement.tableElts ?? []) {
    if ('ColumnDef' in node) add(readColumn(binder, name, node.ColumnDef, ofInherited(node.ColumnDef, inherited)))
    else if ('Constraint' in node) constraints.push(...readConstraint(node.Constraint))
    else if ('TableLikeClause' in node && run !== undefined) {
      const like = readLike(run, binder, node.TableLikeClause)
      like.columns.forEach(add)
      constraints.push(...like.constraints)
    }
  }
  const keys = constraints.filter((one): one is KeyPlan => one.kind === 'primary' || one.kind === 'unique')
  const foreignKeys = constraints.filter((one) => one.kind === 'foreign')
  const [, second] = keys.filter(({ kind }) => kind === 'primary')
  if (second !== undefined) {
    throw failure('42P16', `multiple primary keys for table "${name}" are not allowed`, { location: second.location })
  }
  const taken = new Set<string>()
  const freeCheckName = freeNames((candidate) => taken.has(candidate))
  const visible = withInherited(inherited, columns)
  const checks = constraints.flatMap((one): CheckDefinition[] => {
    if (one.kind !== 'check') return []
    const { text, columns: read, called } = bindCheck(binder, name, visible, one.node)
    const only = one.column ?? (read.length === 1 ? read[0]! : '')
    const checkName = one.name ?? freeCheckName(name, only, 'check')
    taken.add(checkName)
    return [{ name: checkName, expression: text, ...called, ...(one.noInherit && { noInherit: true as const }) }]
  })
  const generations = bindGenerations(binder, name, columns, inherited)
  const { partspec: partitioning, partbound: bound } = statement
  return { name, columns, generations, keys, checks, foreignKeys, heritage, partitioning, bound }
}

/** Of a column that PARTITION OF says more of: the type that it has. */
function ofInherited({ colname, typeName }: ColumnDef, inherited: readonly SeenColumn[]): SeenColumn | undefined {
  if (typeName !== undefined) return undefined
  const found = inherited.find((one) => one.name === colname)
  if (found === undefined) throw failure('42703', `column "${colname}" does not exist`)
  return found
}

/** All columns in their order, those that are inherited first. */
function withInherited(inherited: readonly SeenColumn[], own: readonly ColumnPlan[]): SeenColumn[] {
  const merged = inherited.map((one) => own.find(({ name }) => name === one.name) ?? one)
  return [...merged, ...own.filter(({ name }) => !inherited.some((one) => one.name === name))]
}

function bindGenerations(
  binder: Binder,
  table: string,
  columns: readonly ColumnPlan[],
  inherited: readonly SeenColumn[],
): ReadonlyMap<string, BoundGeneration> {
  const visible = withInherited(inherited, columns).map(({ name, type, modifier }) => {
    const own = columns.find((one) => one.name === name)
    return { name, type, modifier, isGenerated: own?.generated !== undefined }
  })
  const bound = new Map<string, BoundGeneration>()
  for (const column of columns) {
    if (column.generated === undefined) continue
    bound.set(column.name, bindGeneration(binder, table, visible, column, column.generated))
  }
  return bound
}

function* createFrom(
  run: SqlRun,
  plan: TablePlan,
  namespace: ReturnType<typeof targetNamespace>,
  notices: Notice[],
): StatementSteps<Table> {
  const { transaction } = run
  const { heritage } = plan
  const schema = namespace.name
  const names = withInherited(heritage === undefined ? [] : inheritedColumns(heritage), plan.columns)
  const taken = (name: string): boolean => name === plan.name || isNameTaken(transaction, schema, name)
  const own = plan.columns.map((column): NewColumn => {
    const sequence =
      column.serial || column.identity !== undefined ? makeSequence(run, plan, column, namespace, taken) : undefined
    const bound = column.default
    const generation = plan.generations.get(column.name)
    // A column's number in a new table is its place.
    const numberOf = (name: string): number => names.findIndex((one) => one.name === name) + 1
    const value = sequence?.default ?? (bound === undefined ? undefined : storedDefault(transaction.catalog, bound))
    return {
      name: column.name,
      type: column.type,
      ...(column.modifier >= 0 ? { modifier: column.modifier } : {}),
      ...(column.notNull ? { notNull: true } : {}),
      ...value,
      ...(generation && {
        generated: { expression: generation.expression, reads: generation.reads.map(numberOf), ...generation.called },
      }),
      ...(column.identity === undefined ? {} : { identity: column.identity }),
      ...(sequence === undefined ? {} : { sequence: sequence.id }),
      ...(column.storage && { storage: column.storage }),
    }
  })
  const columns = heritage === undefined ? own : mergedColumns(heritage, own, notices)
  const checks = heritage === undefined ? plan.checks : mergedChecks(heritage, plan.checks, notices)
  let definition: TableDefinition = withPartitioning(run, plan, {
    ...newTable(columns),
    checks,
    ...(plan.onCommit === 'delete' && { onCommit: plan.onCommit }),
  })
  const primary = plan.keys.find(({ kind }) => kind === 'primary')
  if (primary?.deferrable !== undefined) definition = withNotNull(definition, numbersOf(definition, primary))
  else if (primary !== undefined) {
    const name = primary.name ?? freeName(taken, plan.name, 'pkey')
    definition = withPrimaryKey(definition, { name, ...keyColumns(definition, primary) })
  }
  refusePartialKeys(plan.name, definition, plan.keys)
  let table = createTable(transaction, namespace, plan.name, definition, plan.engine)
  for (const column of table.columns) giveSequence(transaction, table, column)
  const isTaken = (one: string): boolean => isNameTaken(transaction, schema, one)
  for (const key of plan.keys) {
    if (key !== primary || key.deferrable !== undefined) {
      table = yield* createTableIndex(transaction, table, keyIndex(table, key, isTaken))
    }
  }
  for (const foreignKey of plan.foreignKeys) {
    table = yield* addForeignKey(transaction, table, bindForeignKey(run, table, foreignKey))
  }
  return heritage === undefined ? table : yield* joinParents(run, heritage, table)
}

/** What makes it a partition, or one that has some. */
function withPartitioning(run: SqlRun, plan: TablePlan, definition: TableDefinition): TableDefinition {
  const { heritage, partitioning, bound, name } = plan
  const columns = definition.columns.map(({ name: column, number, type, modifier = -1, generated }) => {
    return { name: column, number, type, modifier, isGenerated: generated !== undefined }
  })
  const binder = createBareBinder(currentContext(run))
  return {
    ...definition,
    ...(heritage !== undefined && { inherits: heritage.parents.map(({ id }) => id) }),
    ...(heritage?.isPartition === true && { bound: newBound(run, heritage.parents[0]!, name, bound!) }),
    ...(partitioning !== undefined && { partitioning: readPartitioning(binder, name, partitioning, columns) }),
  }
}

/** The index of a UNIQUE constraint, or of a deferrable PRIMARY KEY. */
export function keyIndex(table: Table, key: KeyPlan, isTaken: (name: string) => boolean): NewIndex {
  const isPrimary = key.kind === 'primary'
  const parts = isPrimary ? ['pkey'] : [...key.columns, ...key.include, 'key']
  const name = key.name ?? freeName(isTaken, table.name, ...parts)
  const { columns: numbers, ...more } = keyColumns(table.definition, key)
  const columns = numbers.map((number) => ({ number }))
  return { name, isUnique: true, isConstraint: true, isPrimary, deferrable: key.deferrable, columns, more }
}

export function keyColumns(
  definition: TableDefinition,
  key: KeyPlan,
): { readonly columns: readonly number[]; readonly include?: readonly number[] } {
  const include = key.include.map((name) => numberOf(definition, name, key))
  return { columns: numbersOf(definition, key), ...(include.length > 0 && { include }) }
}

function numbersOf(definition: TableDefinition, key: KeyPlan): number[] {
  return key.columns.map((name, i) => {
    const number = numberOf(definition, name, key)
    if (key.columns.indexOf(name) !== i) {
      const what = key.kind === 'primary' ? 'primary key' : 'unique'
      throw failure('42701', `column "${name}" appears twice in ${what} constraint`, { location: key.location })
    }
    return number
  })
}

function numberOf(definition: TableDefinition, name: string, { location }: KeyPlan): number {
  const column = definition.columns.find((one) => one.name === name && one.dropped !== true)
  if (column === undefined) throw failure('42703', `column "${name}" named in key does not exist`, { location })
  return column.number
}

/** The sequence of a serial or identity column, and the default that draws from it. */
export function makeSequence(
  run: SqlRun,
  plan: { readonly name: string },
  column: Pick<ColumnPlan, 'name' | 'type' | 'sequenceOptions'>,
  namespace: ReturnType<typeof targetNamespace>,
  taken: (name: string) => boolean,
): { id: number; default: ColumnDefault } {
  const { path, others } = sequenceName(column.sequenceOptions)
  const [name = freeName(taken, plan.name, column.name, 'seq'), schema] = path.toReversed()
  if (schema !== undefined && schema !== namespace.name) {
    if (!run.transaction.catalog.namespaces.has(schema)) throw failure('3F000', `schema "${schema}" does not exist`)
    throw failure('55000', 'sequence must be in same schema as table it is linked to')
  }
  if (taken(name)) throw failure('42P07', `relation "${name}" already exists`)
  const { options } = sequenceClauses(others)
  const sequence = createSequence(run.transaction, namespace, name, newSequence({ type: column.type, ...options }))
  const shown = qualify(currentContext(run), namespace.name, name)
  const full = namespace.name === 'public' ? shown : `${quoteIdentifier(namespace.name)}.${quoteIdentifier(name)}`
  return {
    id: sequence.id,
    default: { default: `nextval(${quoteLiteral(full)}::regclass)`, defaultSequences: [sequence.id] },
  }
}

/** The sequence of a serial or identity column belongs to it from when there is a column. */
export function giveSequence(transaction: Transaction, table: Table, { number, definition }: Column): void {
  const { sequence, identity } = definition
  const collection = sequence === undefined ? undefined : transaction.catalog.collectionById(sequence)
  if (collection === undefined) return
  setOwner(transaction, collection, {
    table: table.id,
    column: number,
    ...(identity !== undefined && { isIdentity: true }),
  })
}
