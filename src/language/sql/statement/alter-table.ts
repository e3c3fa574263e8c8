/** ALTER TABLE: columns, keys, checks, defaults. */
import { privilege } from '../../../database/access/privileges.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import type { AlterTableCmd, AlterTableStmt, Node, RoleSpec } from 'libpg-query'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { checksOf, compileCheck, defaultOf, generatedOf } from '../../../model/table/expressions.ts'
import type { CheckDefinition, ColumnDefault, GeneratedDefinition, NewColumn } from '../../../model/table/definition.ts'
import { fillColumn } from '../../../model/table/index-build.ts'
import { addForeignKey, alterForeignKey, validateForeignKey } from '../../../model/table/reference-schema.ts'
import {
  addCheck,
  addColumn,
  addPrimaryKey,
  createTableIndex,
  dropCheck,
  dropNotNull,
  refuseSecondPrimaryKey,
  setDefault,
  setNotNull,
} from '../../../model/table/schema.ts'
import { type Column, Table } from '../../../model/table/table.ts'
import { isSequence } from '../../../model/table/sequence.ts'
import { isView } from '../../../model/table/view-kind.ts'
import { columnPart, constraintPart, hasConstraint } from '../../../model/table/table-kind.ts'
import { getType } from '../../../model/table/types/registry.ts'
import { createBareBinder } from '../bind/bind.ts'
import type { Binder } from '../bind/binder.ts'
import type { Notice } from '../contract.ts'
import { compile } from '../expression/compile.ts'
import { isVolatile } from '../expression/volatile.ts'
import { failure, notBuilt } from '../failure.ts'
import { Planner } from '../plan/planner.ts'
import { noRow, currentContext, type SqlRun } from '../plan/run.ts'
import { retypeStep } from './alter-column-type.ts'
import { ownSequence, planOwnSequence } from './alter-sequence.ts'
import { assignTo } from './assignment.ts'
import { giveSequence, keyColumns, keyIndex, makeSequence } from './create-table.ts'
import { skipping } from './create-schema.ts'
import { dropTargets } from './drop-objects.ts'
import { nothing, type Outcome, settled } from './execution.ts'
import { bindForeignKey, constraintNames } from './foreign-keys.ts'
import { bindGeneration, dropExpressionStep, refuseGenerated } from './generated-columns.ts'
import { identityStep } from './identity-columns.ts'
import { lockToAlter } from './lock-table.ts'
import { missingRelation } from './missing-relation.ts'
import { findCollection, freeName, getOwnTable, isNameTaken } from './naming.ts'
import { giveCollection, newOwner } from './owners.ts'
import { rowSecurityStep } from './policies.ts'
import { storageStep } from './column-storage.ts'
import { leavePublications } from './publication-columns.ts'
import { replicaIdentityStep } from './publications.ts'
import { isTriggerCommand, setTriggerState } from '../trigger/create-trigger.ts'
import {
  addCheckToChildren,
  dropSharedConstraint,
  refuseAddingCheck,
  refuseDroppingConstraint,
  validateInFamily,
} from './partitions/constraints.ts'
import { currentTable, shareWithPartitions } from './partitions/links.ts'
import { refusePartialKeys } from './partitions/new-partition.ts'
import { planAlterIndex } from './partitions/alter-index.ts'
import { detachesConcurrently, partitionStep } from './partitions/partition-steps.ts'
import {
  childrenOf,
  mergeAdded,
  partColumn,
  type Reach,
  refuseAdding,
  refuseDropping,
  type Step,
  withChildren,
} from './partitions/recursion.ts'
import { type Planned, planSteps } from './prepared.ts'
import { alterView, planAlterView, unsupportedOn } from './views/alter-view.ts'
import { storedDefault } from './stored-expressions.ts'
import { objectWords } from './statement-names.ts'
import {
  bindCheck,
  bindColumnDefault,
  checkChangedOptions,
  type ColumnPlan,
  type ConstraintPlan,
  type KeyPlan,
  readColumn,
  readConstraint,
} from './table-definition.ts'

export function planAlterTable(binder: Binder, statement: AlterTableStmt): Planned {
  if (statement.objtype === 'OBJECT_SEQUENCE') return planOwnSequence(statement)
  if (statement.objtype === 'OBJECT_VIEW') return planAlterView(statement)
  if (statement.objtype === 'OBJECT_INDEX') return planAlterIndex(statement)
  if (statement.objtype !== 'OBJECT_TABLE' && statement.objtype !== 'OBJECT_MATVIEW') {
    throw notBuilt(`ALTER ${objectWords(statement.objtype)}`)
  }
  const commands = (statement.cmds ?? []).map((node) => {
    if (!('AlterTableCmd' in node)) throw notBuilt('this ALTER TABLE')
    return node.AlterTableCmd
  })
  const relation = statement.relation!
  const steps = planCommands(binder, commands, relation.relname ?? '', { isOnly: relation.inh !== true })
  const tag = statement.objtype === 'OBJECT_MATVIEW' ? 'ALTER MATERIALIZED VIEW' : 'ALTER TABLE'
  const planned = planSteps({ kind: 'schema' }, tag, function* (run): StatementSteps<Outcome> {
    if (statement.missing_ok === true && findCollection(run, relation) === undefined) {
      return missingRelation(relation, true)
    }
    const notices: Notice[] = []
    const sequence = ownedSequence(run, statement)
    if (sequence !== undefined) {
      ownSequence(run, sequence.collection, newOwner(run, sequence.owner))
      return nothing
    }
    const view = findCollection(run, relation)
    if (view !== undefined && isView(view)) {
      alterView(run, view, commands)
      return nothing
    }
    let table = getOwnTable(run, relation, 'ALTER TABLE')
    refuseOnMaterialized(table, commands)
    if (commands.some(({ subtype }) => readsRows.has(subtype ?? ''))) requireRows(run, table)
    yield* inPlace(run.transaction, () => lockToAlter(run, table, commands))
    for (const step of steps) {
      const before = table
      const changed = yield* inPlace(run.transaction, () => step(run, before, notices))
      table = 'next' in changed ? yield* changed : changed
    }
    return { rowCount: 0, notices }
  })
  return commands.some(detachesConcurrently) ? { ...planned, endsTransactions: true } : planned
}

const onMaterialized: ReadonlySet<string | undefined> = new Set(['AT_ChangeOwner', 'AT_ClusterOn', 'AT_SetStatistics'])

function refuseOnMaterialized({ definition, collection }: Table, commands: readonly AlterTableCmd[]): void {
  const refused = commands.find(({ subtype }) => !onMaterialized.has(subtype))
  if (definition.materialized !== undefined && refused !== undefined) throw unsupportedOn(collection, refused)
}

/** What looks at the rows that are there, or writes them anew. */
const readsRows: ReadonlySet<string> = new Set([
  'AT_AlterColumnType',
  'AT_AddConstraint',
  'AT_ValidateConstraint',
  'AT_SetNotNull',
  'AT_AddColumn',
])

/** Who may change definitions only comes to no row by it. */
function requireRows({ transaction }: SqlRun, { collection }: Table): void {
  const { rights } = transaction.principal
  if (!rights.owns(collection)) rights.require(collection, privilege.read | privilege.update)
}

/** As PostgreSQL's passes: what goes first, then all new types together, then what comes. */
function planCommands(binder: Binder, commands: readonly AlterTableCmd[], tableName: string, reach: Reach): Step[] {
  const drops = commands.filter(isDrop)
  const retyping = commands.filter(({ subtype }) => subtype === 'AT_AlterColumnType')
  const others = commands.filter((command) => !drops.includes(command) && !retyping.includes(command))
  const plan = (command: AlterTableCmd): Step =>
    withChildren([command], reach, planCommand(binder, command, tableName, reach))
  const retype = retyping.length === 0 ? [] : [withChildren(retyping, reach, retypeStep(binder, retyping))]
  return [...drops.map(plan), ...retype, ...others.map(plan)]
}

function isDrop({ subtype, def }: AlterTableCmd): boolean {
  return subtype?.startsWith('AT_Drop') === true || (subtype === 'AT_ColumnDefault' && def === undefined)
}

function planCommand(binder: Binder, command: AlterTableCmd, tableName: string, reach: Reach): Step {
  const name = command.name ?? ''
  const missingOk = command.missing_ok === true
  const isCascade = command.behavior === 'DROP_CASCADE'
  const definition = command.def
  switch (command.subtype) {
    case 'AT_AddColumn':
      return addColumnStep(binder, definition!, missingOk, tableName, reach)
    case 'AT_DropColumn':
      return dropColumnStep(name, missingOk, isCascade, reach)
    case 'AT_AddConstraint':
      return addConstraintStep(definition!, reach)
    case 'AT_DropConstraint':
      return dropConstraintStep(name, missingOk, isCascade, reach)
    case 'AT_ValidateConstraint':
      return validateConstraintStep(name, reach)
    case 'AT_AlterConstraint':
      return alterConstraintStep(definition!)
    case 'AT_SetNotNull':
      return (run, table) => setNotNull(run.transaction, table, name)
    case 'AT_DropNotNull':
      return (run, table) => dropNotNull(run.transaction, table, name)
    case 'AT_ColumnDefault':
      return (run, table) => {
        const column = table.getColumn(name)
        refuseGenerated(table, column, definition)
        if (definition === undefined) return setDefault(run.transaction, table, name, undefined)
        const target = { name, type: column.type.oid, modifier: column.modifier }
        return setDefault(
          run.transaction,
          table,
          name,
          storedDefault(run.transaction.catalog, bindColumnDefault(freshBinder(run), definition, target)),
        )
      }
    case 'AT_DropExpression':
      return dropExpressionStep(name, missingOk)
    case 'AT_ChangeOwner':
      return (run, table) => {
        return Table.of(giveCollection(run, table.collection, newOwner(run, command.newowner)))
      }
    case 'AT_SetRelOptions':
    case 'AT_ResetRelOptions':
      checkChangedOptions(command)
      return (_run, table) => table
    case 'AT_SetStorage':
      return storageStep(name, definition)
    case 'AT_SetStatistics':
    case 'AT_ClusterOn':
      return (_run, table) => table
    default:
      return (
        identityStep(command) ??
        partitionStep(command) ??
        triggerStep(command) ??
        rowSecurityStep(command.subtype) ??
        replicaIdentityStep(command) ??
        refuse(command)
      )
  }
}

/** ENABLE and DISABLE TRIGGER. */
function triggerStep({ subtype, name }: AlterTableCmd): Step | undefined {
  if (!isTriggerCommand(subtype)) return undefined
  return (run, table) => setTriggerState(run, table, subtype!, name)
}

function refuse({ subtype }: AlterTableCmd): never {
  const words = (subtype ?? '').replace('AT_', '').replace(/([a-z])([A-Z])/g, '$1 $2')
  throw notBuilt(`ALTER TABLE ${words.toUpperCase()}`)
}

/** Bound when it runs: earlier steps of the same statement may have changed the table. */
function freshBinder(run: SqlRun): Binder {
  return createBareBinder(currentContext(run))
}

function addColumnStep(binder: Binder, node: Node, missingOk: boolean, tableName: string, { isOnly }: Reach): Step {
  if (!('ColumnDef' in node)) throw notBuilt('this ADD COLUMN')
  const column = readColumn(binder, tableName, node.ColumnDef)
  return function* (run, table, notices): StatementSteps<Table> {
    refuseAdding(run, table, isOnly)
    if (missingOk && table.findColumn(column.name) !== undefined) {
      notices.push(skipping('42701', `column "${column.name}" of relation "${table.name}" already exists`))
      return table
    }
    if (column.identity !== undefined && childrenOf(run, table).length > 0) {
      throw failure('0A000', 'cannot recursively add identity column to table that has child tables')
    }
    let changed = yield* addPlannedColumn(run, table, column)
    yield* addToChildren(run, changed, column, notices)
    for (const constraint of column.constraints) {
      changed = yield* addConstraint(run, currentTable(run, changed), constraint, { isOnly }, notices)
    }
    return currentTable(run, changed)
  }
}

function* addToChildren(run: SqlRun, parent: Table, column: ColumnPlan, notices: Notice[]): StatementSteps<void> {
  for (const child of childrenOf(run, parent)) {
    if (child.findColumn(column.name) !== undefined) {
      yield* inPlace(run.transaction, () => mergeAdded(run, parent, child, column.name, notices))
    } else {
      const added = yield* addPlannedColumn(run, child, column, parent.getColumn(column.name))
      yield* addToChildren(run, added, column, notices)
    }
  }
}

/** `from`: the parent's, of one that inherits it. */
function* addPlannedColumn(run: SqlRun, table: Table, column: ColumnPlan, from?: Column): StatementSteps<Table> {
  const { transaction } = run
  const taken = (name: string): boolean => isNameTaken(transaction, table.schema, name)
  const sequence = yield* inPlace(transaction, () => {
    if (from !== undefined || (!column.serial && column.identity === undefined)) return undefined
    return makeSequence(run, table, column, table.collection.namespace, taken)
  })
  const value = column.default
  const shares = from !== undefined && column.serial ? defaultOfColumn(from) : undefined
  const stored =
    sequence?.default ?? shares ?? (value === undefined ? undefined : storedDefault(transaction.catalog, value))
  const sized = value === undefined ? undefined : assignTo(freshBinder(run), value, column)
  const evaluate = sized === undefined ? undefined : compile(sized, new Planner().compilerAt(0))
  // One value for all rows there are; what differs per row is written into each.
  const isFilled = sequence !== undefined || shares !== undefined || column.generated !== undefined
  const isShared = evaluate !== undefined && value !== undefined && !isVolatile(value)
  const shared = isShared ? yield* settled(() => evaluate(noRow, run)) : null
  const generation = bindAddedGeneration(run, table, column)
  const added: NewColumn = {
    name: column.name,
    type: column.type,
    ...(column.modifier >= 0 ? { modifier: column.modifier } : {}),
    ...(column.notNull && !isFilled ? { notNull: true } : {}),
    ...(generation && { generated: generation }),
    ...stored,
    ...(column.identity === undefined ? {} : { identity: column.identity }),
    ...(sequence === undefined ? {} : { sequence: sequence.id }),
    ...(shared === null ? {} : { missing: getType(column.type).formatText(shared) }),
    ...(from !== undefined && { inherited: 1, local: false as const }),
  }
  let changed = yield* addColumn(transaction, table, added)
  if (sequence !== undefined) giveSequence(transaction, changed, changed.getColumn(column.name))
  if (sequence !== undefined || shares !== undefined || (evaluate !== undefined && !isShared)) {
    const filled = changed.getColumn(column.name)
    yield* fillColumn(transaction, changed, filled, () => defaultOf(transaction, filled))
  }
  if (generation !== undefined) {
    const [now, filled] = [changed, changed.getColumn(column.name)]
    yield* fillColumn(transaction, now, filled, (row) => generatedOf(transaction, now, filled, row))
  }
  if (isFilled && column.notNull) changed = yield* setNotNull(transaction, changed, column.name)
  return changed
}

function defaultOfColumn({ definition }: Column): ColumnDefault {
  const { default: text = '', defaultSequences } = definition
  return { default: text, ...(defaultSequences !== undefined && { defaultSequences }) }
}

function bindAddedGeneration(run: SqlRun, table: Table, column: ColumnPlan): GeneratedDefinition | undefined {
  if (column.generated === undefined) return undefined
  const visible = table.columns.map(({ name, type, modifier, generated }) => {
    return { name, type: type.oid, modifier, isGenerated: generated !== undefined }
  })
  const all = [...visible, { ...column, isGenerated: true }]
  const { expression, reads, called } = bindGeneration(freshBinder(run), table.name, all, column, column.generated)
  return { expression, reads: reads.map((name) => table.getColumn(name).number), ...called }
}

function dropColumnStep(name: string, missingOk: boolean, isCascade: boolean, { isOnly }: Reach): Step {
  return function* (run, table, notices): StatementSteps<Table> {
    const column = table.findColumn(name)
    if (column === undefined && missingOk) {
      notices.push(skipping('00000', `column "${name}" of relation "${table.name}" does not exist`))
      return table
    }
    table.getColumn(name)
    refuseDropping(run, table, name, isOnly)
    yield* dropColumnOf(run, table, name, isCascade, isOnly, notices)
    return currentTable(run, table)
  }
}

/** Of the table, and then of those that have it from there. */
function* dropColumnOf(
  run: SqlRun,
  table: Table,
  name: string,
  isCascade: boolean,
  isOnly: boolean,
  notices: Notice[],
): StatementSteps<void> {
  const column = table.getColumn(name)
  leavePublications(run, table, column, isCascade, notices)
  for (const check of checksReading(run, table, name)) {
    yield* inPlace(run.transaction, () => dropCheck(run.transaction, currentTable(run, table), check))
  }
  yield* dropTargets(run, [{ id: table.id, part: columnPart(column.number) }], isCascade, notices)
  for (const child of childrenOf(run, table)) {
    yield* partColumn(run, child, name, isOnly, (freed) => dropColumnOf(run, freed, name, isCascade, false, notices))
  }
}

function addConstraintStep(node: Node, reach: Reach): Step {
  if (!('Constraint' in node)) throw notBuilt('this constraint')
  const { skip_validation: notValid, contype } = node.Constraint
  const isTold = contype === 'CONSTR_FOREIGN' || contype === 'CONSTR_CHECK'
  if (notValid === true && !isTold) throw notBuilt('NOT VALID')
  const [read] = readConstraint(node.Constraint)
  const constraint = read?.kind === 'check' ? { ...read, notValid: notValid === true } : read
  return (run, table, notices) => {
    return constraint === undefined ? table : addConstraint(run, table, constraint, reach, notices)
  }
}

function* addConstraint(
  run: SqlRun,
  table: Table,
  constraint: ConstraintPlan,
  reach: Reach,
  notices: Notice[],
): StatementSteps<Table> {
  if (constraint.kind === 'check') return yield* addCheckConstraint(run, table, constraint, reach, notices)
  if (constraint.kind === 'foreign') {
    const made = yield* addForeignKey(run.transaction, table, bindForeignKey(run, table, constraint, reach.isOnly))
    return yield* shareWithPartitions(run, made)
  }
  refusePartialKeys(table.name, table.definition, [constraint])
  const taken = (name: string): boolean => isNameTaken(run.transaction, table.schema, name)
  if (constraint.name !== undefined && taken(constraint.name)) {
    throw failure('42P07', `relation "${constraint.name}" already exists`)
  }
  const keyed = yield* addKey(run, table, constraint, taken)
  return reach.isOnly ? keyed : yield* shareWithPartitions(run, keyed)
}

function* addKey(run: SqlRun, table: Table, key: KeyPlan, taken: (name: string) => boolean): StatementSteps<Table> {
  const { transaction } = run
  if (key.kind === 'primary' && key.deferrable === undefined) {
    const name = key.name ?? freeName(taken, table.name, 'pkey')
    return yield* addPrimaryKey(transaction, table, { name, ...keyColumns(table.definition, key) })
  }
  let changed = table
  if (key.kind === 'primary') {
    refuseSecondPrimaryKey(table)
    for (const name of key.columns) changed = yield* setNotNull(transaction, changed, name)
  }
  return yield* createTableIndex(transaction, changed, keyIndex(changed, key, taken))
}

function* addCheckConstraint(
  run: SqlRun,
  table: Table,
  constraint: ConstraintPlan & { kind: 'check' },
  { isOnly }: Reach,
  notices: Notice[],
): StatementSteps<Table> {
  const binder = freshBinder(run)
  const columns = table.columns.map(({ name, type, modifier }) => ({ name, type: type.oid, modifier }))
  const { text, columns: read, called } = bindCheck(binder, table.name, columns, constraint.node)
  const isTaken = (name: string): boolean => constraintNames(table).includes(name)
  if (constraint.name !== undefined && isTaken(constraint.name)) {
    throw failure('42710', `constraint "${constraint.name}" for relation "${table.name}" already exists`)
  }
  const only = read.length === 1 ? read[0]! : ''
  const name = constraint.name ?? freeName(isTaken, table.name, only, 'check')
  refuseAddingCheck(run, table, constraint.noInherit, isOnly)
  const { noInherit, notValid } = constraint
  const marks = { ...(noInherit && { noInherit }), ...(notValid === true && { notValid }) }
  const added: CheckDefinition = { name, expression: text, ...called, ...marks }
  const check = compileCheck(run.transaction.catalog, table, name, text)
  yield* addCheck(run.transaction, table, added, check)
  if (!constraint.noInherit) yield* addCheckToChildren(run, table, added, notices)
  return currentTable(run, table)
}

function dropConstraintStep(name: string, missingOk: boolean, isCascade: boolean, { isOnly }: Reach): Step {
  return function* (run, table, notices): StatementSteps<Table> {
    refuseDroppingConstraint(run, table, name, isOnly)
    if (hasConstraint(table.collection, name)) {
      const drop = (of: Table): StatementSteps<void> =>
        dropTargets(run, [{ id: of.id, part: constraintPart(name) }], isCascade, notices)
      yield* dropSharedConstraint(run, table, name, isOnly, drop)
      return currentTable(run, table)
    }
    const message = `constraint "${name}" of relation "${table.name}" does not exist`
    if (!missingOk) throw failure('42704', message)
    notices.push(skipping('00000', message))
    return table
  }
}

function validateConstraintStep(name: string, { isOnly }: Reach): Step {
  return (run, table) => {
    const foreignKey = table.foreignKeys.find((one) => one.name === name)
    if (foreignKey?.notValid === true) return validateForeignKey(run.transaction, table, name)
    if (foreignKey !== undefined) return table
    const check = table.checks.find((one) => one.name === name)
    if (check !== undefined) return validateInFamily(run, table, check, isOnly)
    if (!constraintNames(table).includes(name)) throw missingConstraint(table, name)
    const message = `constraint "${name}" of relation "${table.name}" is not a foreign key or check constraint`
    throw failure('42809', message)
  }
}

function alterConstraintStep(node: Node): Step {
  if (!('ATAlterConstraint' in node)) throw notBuilt('ALTER CONSTRAINT')
  const { conname: name = '', alterDeferrability, deferrable, initdeferred } = node.ATAlterConstraint
  if (alterDeferrability !== true) throw notBuilt('this ALTER CONSTRAINT')
  return (run, table) => {
    if (table.foreignKeys.some((one) => one.name === name)) {
      const timing = initdeferred === true ? 'deferred' : deferrable === true ? 'immediate' : undefined
      return alterForeignKey(run.transaction, table, name, timing)
    }
    if (!constraintNames(table).includes(name)) throw missingConstraint(table, name)
    throw failure('42809', `constraint "${name}" of relation "${table.name}" is not a foreign key constraint`)
  }
}

function missingConstraint(table: Table, name: string): Error {
  return failure('42704', `constraint "${name}" of relation "${table.name}" does not exist`)
}

/** Names of the checks that read a column. */
function checksReading(run: SqlRun, table: Table, name: string): string[] {
  const { ordinal } = table.getColumn(name)
  const checks = checksOf(run.transaction.catalog, table)
  return checks.filter(({ reads }) => reads.has(ordinal)).map((check) => check.name)
}

/** ALTER TABLE … OWNER TO of a sequence. */
function ownedSequence(
  run: SqlRun,
  { relation, cmds = [] }: AlterTableStmt,
): { collection: Collection; owner: RoleSpec | undefined } | undefined {
  const [only, ...others] = cmds
  const command = only !== undefined && 'AlterTableCmd' in only ? only.AlterTableCmd : undefined
  const collection = findCollection(run, relation!)
  if (collection === undefined || !isSequence(collection)) return undefined
  if (command?.subtype !== 'AT_ChangeOwner' || others.length > 0) return undefined
  return { collection, owner: command.newowner }
}
