/** ALTER VIEW, and ALTER TABLE of a view: its name, schema, owner, options, and what is said of its columns. */
import { changeView } from '../../../../model/table/view-triggers.ts'
import type { AlterTableCmd, AlterTableStmt, RenameStmt } from 'libpg-query'
import { wordOf } from '../../../../database/access/rights.ts'
import type { Collection } from '../../../../database/catalog/catalog.ts'
import {
  isView,
  type ViewColumn,
  type ViewDefinition,
  viewDefinitionOf,
  type ViewOptions,
} from '../../../../model/table/view-kind.ts'
import { createBareBinder } from '../../bind/bind.ts'
import { failure } from '../../failure.ts'
import { currentContext, type SqlRun } from '../../plan/run.ts'
import { nothing, type Outcome } from '../execution.ts'
import { missingRelation } from '../missing-relation.ts'
import { findCollection, isNameTaken, refuseBusy } from '../naming.ts'
import { giveCollection, newOwner } from '../owners.ts'
import { renamePolicies } from '../policy-expressions.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { storedDefault } from '../stored-expressions.ts'
import { bindColumnDefault } from '../table-definition.ts'
import { viewOptions } from './create-view.ts'
import { renameInQueries } from './view-text.ts'

type Definition = ViewDefinition

/** ALTER VIEW v …; of one that is no view, its error. */
export function planAlterView(statement: AlterTableStmt): Planned {
  const { relation, cmds = [], missing_ok: missingOk } = statement
  const commands = cmds.map((node) => ('AlterTableCmd' in node ? node.AlterTableCmd : {}))
  return planSteps({ kind: 'schema' }, 'ALTER VIEW', (run): Outcome => {
    const view = findCollection(run, relation!)
    if (view === undefined) return missingRelation(relation!, missingOk)
    if (!isView(view)) throw failure('42809', `"${view.name}" is not a view`)
    alterView(run, view, commands)
    return nothing
  })
}

export function alterView(run: SqlRun, view: Collection, commands: readonly AlterTableCmd[]): void {
  run.transaction.principal.rights.requireOwner(view)
  refuseBusy(run, view, 'ALTER VIEW')
  let now = view
  for (const command of commands) now = alterBy(run, now, command)
}

function alterBy(run: SqlRun, view: Collection, command: AlterTableCmd): Collection {
  const { transaction } = run
  const nodes = command.def !== undefined && 'List' in command.def ? (command.def.List.items ?? []) : []
  switch (command.subtype) {
    case 'AT_ColumnDefault':
      return changeView(transaction, view, (definition) => withDefault(run, view, definition, command))
    case 'AT_ChangeOwner':
      return giveCollection(run, view, newOwner(run, command.newowner))
    case 'AT_SetRelOptions': {
      const set = viewOptions(nodes)
      return changeView(transaction, view, ({ options, ...rest }) => ({ ...rest, options: { ...options, ...set } }))
    }
    case 'AT_ResetRelOptions': {
      const names = nodes.map((node) => ('DefElem' in node ? (node.DefElem.defname ?? '') : ''))
      return changeView(transaction, view, (definition) => withoutOptions(definition, names))
    }
    default:
      throw unsupportedOn(view, command)
  }
}

function withoutOptions({ options, ...rest }: Definition, names: readonly string[]): Definition {
  const keys: Readonly<Record<string, keyof ViewOptions>> = {
    check_option: 'checkOption',
    security_barrier: 'securityBarrier',
    security_invoker: 'securityInvoker',
  }
  const gone = new Set(names.map((name) => keys[name] as string | undefined))
  const left = Object.fromEntries(Object.entries(options ?? {}).filter(([key]) => !gone.has(key)))
  return Object.keys(left).length === 0 ? rest : { ...rest, options: left }
}

function withDefault(
  run: SqlRun,
  view: Collection,
  definition: Definition,
  { name = '', def }: AlterTableCmd,
): Definition {
  const at = definition.columns.findIndex((column) => column.name === name)
  if (at < 0) throw failure('42703', `column "${name}" of relation "${view.name}" does not exist`)
  const { default: _, defaultSequences: __, ...column } = definition.columns[at]!
  const target = { name, type: column.type, modifier: column.modifier ?? -1 }
  const bound = def && bindColumnDefault(createBareBinder(currentContext(run)), def, target)
  const changed: ViewColumn = { ...column, ...(bound && storedDefault(run.transaction.catalog, bound)) }
  return { ...definition, columns: definition.columns.with(at, changed) }
}

/** In PostgreSQL's words (`alter_table_type_to_string`). */
const actions: Readonly<Record<string, string>> = {
  AT_AddColumn: 'ADD COLUMN',
  AT_DropColumn: 'DROP COLUMN',
  AT_AlterColumnType: 'ALTER COLUMN ... SET DATA TYPE',
  AT_SetNotNull: 'ALTER COLUMN ... SET NOT NULL',
  AT_DropNotNull: 'ALTER COLUMN ... DROP NOT NULL',
  AT_SetStatistics: 'ALTER COLUMN ... SET STATISTICS',
  AT_AddConstraint: 'ADD CONSTRAINT',
  AT_DropConstraint: 'DROP CONSTRAINT',
  AT_ValidateConstraint: 'VALIDATE CONSTRAINT',
  AT_EnableRowSecurity: 'ENABLE ROW SECURITY',
  AT_DisableRowSecurity: 'DISABLE ROW SECURITY',
  AT_ForceRowSecurity: 'FORCE ROW SECURITY',
  AT_NoForceRowSecurity: 'NO FORCE ROW SECURITY',
  AT_AddIdentity: 'ALTER COLUMN ... ADD IDENTITY',
  AT_SetIdentity: 'ALTER COLUMN ... SET',
  AT_DropIdentity: 'ALTER COLUMN ... DROP IDENTITY',
  AT_DropExpression: 'ALTER COLUMN ... DROP EXPRESSION',
  AT_SetLogged: 'SET LOGGED',
  AT_SetUnLogged: 'SET UNLOGGED',
  AT_AddInherit: 'INHERIT',
  AT_DropInherit: 'NO INHERIT',
  AT_AttachPartition: 'ATTACH PARTITION',
  AT_DetachPartition: 'DETACH PARTITION',
  AT_SetStorage: 'ALTER COLUMN ... SET STORAGE',
  AT_SetOptions: 'ALTER COLUMN ... SET',
  AT_ClusterOn: 'CLUSTER ON',
  AT_ReplicaIdentity: 'REPLICA IDENTITY',
}

export function unsupportedOn(collection: Collection, { subtype }: AlterTableCmd): Error {
  const action = actions[subtype ?? ''] ?? String(subtype).replace('AT_', '')
  return failure('42809', `ALTER action ${action} cannot be performed on relation "${collection.name}"`, {
    detail: `This operation is not supported for ${wordOf(collection)}s.`,
  })
}

/** ALTER VIEW … RENAME TO, RENAME COLUMN. */
export function planRenameView(statement: RenameStmt): Planned {
  const { relation, newname = '', missing_ok: missingOk, renameType } = statement
  return planSteps({ kind: 'schema' }, 'ALTER VIEW', (run): Outcome => {
    const view = findCollection(run, relation!)
    if (view === undefined) return missingRelation(relation!, missingOk)
    if (!isView(view)) throw failure('42809', `"${view.name}" is not a view`)
    if (renameType === 'OBJECT_VIEW') renameView(run, view, newname)
    else renameViewColumn(run, view, statement)
    return nothing
  })
}

export function renameView(run: SqlRun, view: Collection, to: string): void {
  const { transaction } = run
  transaction.principal.rights.requireOwner(view)
  if (isNameTaken(transaction, view.namespace.name, to)) throw failure('42P07', `relation "${to}" already exists`)
  const before = transaction.catalog
  transaction.alterCollection(view, { name: to })
  renameInTexts(run, before, view.id)
}

export function renameViewColumn(run: SqlRun, view: Collection, { subname = '', newname = '' }: RenameStmt): void {
  const { transaction } = run
  transaction.principal.rights.requireOwner(view)
  const { columns } = viewDefinitionOf(view)
  if (!columns.some(({ name }) => name === subname)) throw failure('42703', `column "${subname}" does not exist`)
  if (columns.some(({ name }) => name === newname)) {
    throw failure('42701', `column "${newname}" of relation "${view.name}" already exists`)
  }
  const before = transaction.catalog
  changeView(transaction, view, (definition) => ({
    ...definition,
    columns: columns.map((column) => (column.name === subname ? { ...column, name: newname } : column)),
  }))
  renameInTexts(run, before, view.id)
}

/** All that names the relation. */
export function renameInTexts(run: SqlRun, before: SqlRun['transaction']['catalog'], id: number): void {
  renamePolicies(run, before, id)
  renameInQueries(run, before, id)
}
