/** CREATE TABLE, with its keys, checks and the sequences of its serial and identity columns. */
import { inPlace } from '../../../database/transaction/wait.ts'
import type { CreateStmt, CreateTableAsStmt } from 'libpg-query'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import {
  type CheckDefinition,
  type ColumnDefault,
  type NewColumn,
  newTable,
  withNotNull,
  withPrimaryKey,
  type TableDefinition,
} from '../../../model/table/definition.ts'
import { insertRow } from '../../../model/table/rows.ts'
import { addForeignKey } from '../../../model/table/reference-schema.ts'
import { createTable, createTableIndex, type NewIndex } from '../../../model/table/schema.ts'
import { createSequence, setOwner } from '../../../model/table/sequence.ts'
import { newSequence } from '../../../model/table/sequence-definition.ts'
import type { Column, Table } from '../../../model/table/table.ts'
import type { Binder } from '../bind/binder.ts'
import { qualify } from '../bind/objects.ts'
import { Scope } from '../bind/scope.ts'
import { failure, notBuilt } from '../failure.ts'
import { quoteIdentifier, quoteLiteral } from '../functions/text-functions.ts'
import { Planner } from '../plan/planner.ts'
import { currentContext, type SqlRun } from '../plan/run.ts'
import { skipping } from './create-schema.ts'
import { nothing, type Outcome } from './execution.ts'
import { eachHeld, holdRows, RowsOfPlan } from './held-rows.ts'
import { bindForeignKey, type ForeignKeyPlan } from './foreign-keys.ts'
import { type BoundGeneration, bindGeneration } from './generated-columns.ts'
import { freeName, isNameTaken, targetNamespace } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'
import { sequenceClauses } from './sequences.ts'
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
  /** Of generated columns, by their names. */
  readonly generations: ReadonlyMap<string, BoundGeneration>
  readonly columns: readonly ColumnPlan[]
  readonly keys: readonly KeyPlan[]
  readonly checks: readonly CheckDefinition[]
  readonly foreignKeys: readonly ForeignKeyPlan[]
}

export function planCreateTable(binder: Binder, statement: CreateStmt): Planned {
  refuseVariants(statement)
  const options = readOptions(statement.options)
  const plan = { ...readTable(binder, statement), ...options }
  const relation = statement.relation!
  return planSteps({ kind: 'schema' }, 'CREATE TABLE', function* (run): StatementSteps<Outcome> {
    const namespace = targetNamespace(run, relation)
    if (isNameTaken(run.transaction, namespace.name, plan.name)) {
      if (statement.if_not_exists !== true) throw failure('42P07', `relation "${plan.name}" already exists`)
      return { rowCount: 0, notices: [skipping('42P07', `relation "${plan.name}" already exists`)] }
    }
    yield* createFrom(run, plan, namespace)
    return nothing
  })
}

function refuseVariants(statement: CreateStmt): void {
  if (statement.relation?.relpersistence === 't') throw notBuilt('a temporary table', statement.relation.location)
  if (statement.relation?.relpersistence === 'u') throw notBuilt('an unlogged table', statement.relation.location)
  if (statement.inhRelations !== undefined) throw notBuilt('INHERITS and PARTITION OF')
  if (statement.partspec !== undefined) throw notBuilt('PARTITION BY')
  if (statement.ofTypename !== undefined) throw notBuilt('CREATE TABLE OF')
  if (statement.tablespacename !== undefined) throw notBuilt('TABLESPACE')
  checkAccessMethod(statement.accessMethod)
}

/** PostgreSQL's own is the only one: where a table lies otherwise is its engine. */
function checkAccessMethod(name: string | undefined): void {
  if (name !== undefined && name !== 'heap') throw failure('42704', `access method "${name}" does not exist`)
}

function readTable(binder: Binder, statement: CreateStmt): TablePlan {
  const name = statement.relation?.relname ?? ''
  const columns: ColumnPlan[] = []
  const constraints: ConstraintPlan[] = []
  for (const node of statement.tableElts ?? []) {
    if ('ColumnDef' in node) {
      const column = readColumn(binder, name, node.ColumnDef)
      if (columns.some((one) => one.name === column.name)) {
        throw failure('42701', `column "${column.name}" specified more than once`)
      }
      columns.push(column)
      constraints.push(...column.constraints)
    } else if ('Constraint' in node) constraints.push(...readConstraint(node.Constraint))
    else throw notBuilt('LIKE in CREATE TABLE')
  }
  const keys = constraints.filter((one): one is KeyPlan => one.kind === 'primary' || one.kind === 'unique')
  const foreignKeys = constraints.filter((one) => one.kind === 'foreign')
  const [, second] = keys.filter(({ kind }) => kind === 'primary')
  if (second !== undefined) {
    throw failure('42P16', `multiple primary keys for table "${name}" are not allowed`, { location: second.location })
  }
  const taken = new Set<string>()
  const checks = constraints.flatMap((one): CheckDefinition[] => {
    if (one.kind !== 'check') return []
    const { text, columns: read } = bindCheck(binder, name, columns, one.node)
    const only = one.column ?? (read.length === 1 ? read[0]! : '')
    const checkName = one.name ?? freeName((candidate) => taken.has(candidate), name, only, 'check')
    taken.add(checkName)
    return [{ name: checkName, expression: text }]
  })
  return { name, columns, generations: bindGenerations(binder, name, columns), keys, checks, foreignKeys }
}

function bindGenerations(
  binder: Binder,
  table: string,
  columns: readonly ColumnPlan[],
): ReadonlyMap<string, BoundGeneration> {
  const visible = columns.map(({ name, type, modifier, generated }) => {
    return { name, type, modifier, isGenerated: generated !== undefined }
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
): StatementSteps<Table> {
  const { transaction } = run
  const schema = namespace.name
  const taken = (name: string): boolean => name === plan.name || isNameTaken(transaction, schema, name)
  const columns = plan.columns.map((column): NewColumn => {
    const sequence =
      column.serial || column.identity !== undefined ? makeSequence(run, plan, column, namespace, taken) : undefined
    const bound = column.default
    const generation = plan.generations.get(column.name)
    // A column's number in a new table is its place.
    const numberOf = (name: string): number => plan.columns.findIndex((one) => one.name === name) + 1
    const value = sequence?.default ?? (bound === undefined ? undefined : storedDefault(transaction.catalog, bound))
    return {
      name: column.name,
      type: column.type,
      ...(column.modifier >= 0 ? { modifier: column.modifier } : {}),
      ...(column.notNull ? { notNull: true } : {}),
      ...value,
      ...(generation && {
        generated: { expression: generation.expression, reads: generation.reads.map(numberOf) },
      }),
      ...(column.identity === undefined ? {} : { identity: column.identity }),
      ...(sequence === undefined ? {} : { sequence: sequence.id }),
    }
  })
  let definition: TableDefinition = { ...newTable(columns), checks: plan.checks }
  const primary = plan.keys.find(({ kind }) => kind === 'primary')
  if (primary?.deferrable !== undefined) definition = withNotNull(definition, numbersOf(definition, primary))
  else if (primary !== undefined) {
    const name = primary.name ?? freeName(taken, plan.name, 'pkey')
    definition = withPrimaryKey(definition, { name, columns: numbersOf(definition, primary) })
  }
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
  return table
}

/** The index of a UNIQUE constraint, or of a deferrable PRIMARY KEY. */
export function keyIndex(table: Table, key: KeyPlan, isTaken: (name: string) => boolean): NewIndex {
  const isPrimary = key.kind === 'primary'
  const parts = isPrimary ? ['pkey'] : [...key.columns, 'key']
  const name = key.name ?? freeName(isTaken, table.name, ...parts)
  const columns = numbersOf(table.definition, key).map((number) => ({ number }))
  return { name, isUnique: true, isConstraint: true, isPrimary, deferrable: key.deferrable, columns }
}

export function numbersOf(definition: TableDefinition, key: KeyPlan): number[] {
  return key.columns.map((name, i) => {
    const column = definition.columns.find((one) => one.name === name && one.dropped !== true)
    if (column === undefined)
      throw failure('42703', `column "${name}" named in key does not exist`, { location: key.location })
    if (key.columns.indexOf(name) !== i) {
      const what = key.kind === 'primary' ? 'primary key' : 'unique'
      throw failure('42701', `column "${name}" appears twice in ${what} constraint`, { location: key.location })
    }
    return column.number
  })
}

/** The sequence of a serial or identity column, and the default that draws from it. */
export function makeSequence(
  run: SqlRun,
  plan: { readonly name: string },
  column: ColumnPlan,
  namespace: ReturnType<typeof targetNamespace>,
  taken: (name: string) => boolean,
): { id: number; default: ColumnDefault } {
  const name = freeName(taken, plan.name, column.name, 'seq')
  const { options } = sequenceClauses(column.sequenceOptions)
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

/** CREATE TABLE … AS SELECT …: the query's columns, then its rows. */
export function planCreateTableAs(binder: Binder, statement: CreateTableAsStmt): Planned {
  const { query, into } = statement
  if (statement.objtype === 'OBJECT_MATVIEW') throw notBuilt('a materialized view')
  if (query === undefined || !('SelectStmt' in query) || into?.rel === undefined) throw notBuilt('this CREATE TABLE AS')
  if (into.rel.relpersistence === 't') throw notBuilt('a temporary table', into.rel.location)
  checkAccessMethod(into.accessMethod)
  const { engine } = readOptions(into.options)
  const bound = binder.query(new Scope(), query.SelectStmt)
  const names = (into.colNames ?? []).map((one) => ('String' in one ? one.String.sval : undefined))
  const columns = bound.columns.map(({ name, type, modifier }, i): NewColumn => {
    return { name: names[i] ?? name, type, ...(modifier >= 0 ? { modifier } : {}) }
  })
  const definition = newTable(columns)
  const plan = new Planner(binder.progress).planQuery(bound)
  const { rel } = into
  return planSteps({ kind: 'schema' }, 'SELECT', function* (run): StatementSteps<Outcome> {
    const namespace = targetNamespace(run, rel)
    const name = rel.relname ?? ''
    if (isNameTaken(run.transaction, namespace.name, name)) {
      if (statement.if_not_exists !== true) throw failure('42P07', `relation "${name}" already exists`)
      return { rowCount: 0, notices: [skipping('42P07', `relation "${name}" already exists`)] }
    }
    const held = into.skipData === true ? undefined : yield* holdRows(new RowsOfPlan(plan, run), run, 0)
    const table = yield* inPlace(run.transaction, () =>
      createTable(run.transaction, namespace, name, definition, engine),
    )
    if (held === undefined) return { rowCount: 0 }
    const { rowCount } = yield* eachHeld(held, run, function* (row) {
      yield* inPlace(run.transaction, () => insertRow(run.transaction, table, row))
      return true
    })
    return { rowCount }
  })
}
