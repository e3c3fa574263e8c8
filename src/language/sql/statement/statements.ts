/** Which file plans which kind of statement. What the grammar knows and nothing here builds is refused by its name. */
import type { Node } from 'libpg-query'
import type { Binder } from '../bind/binder.ts'
import type { Scope } from '../bind/scope.ts'
import type { Work } from './execution.ts'
import type { ParsedStatement } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import { planMoveObject } from './set-schema.ts'
import { planAlterTable } from './alter-table.ts'
import { planComment } from './comment.ts'
import { planCopy } from './copy.ts'
import { planCreateDatabase } from './create-database.ts'
import { planCreateIndex } from './create-index.ts'
import { planCreateTable } from './create-table.ts'
import { asCreateTable, planCreateTableAs } from './create-table-as.ts'
import { planDrop } from './drop.ts'
import { planDropDatabase } from './drop-database.ts'
import { planExplain } from './explain.ts'
import { planAlterExtension, planCreateExtension } from './extensions.ts'
import { planAlterDefaultPrivileges } from './default-privileges.ts'
import { planGrant, planGrantRole } from './grant.ts'
import { planInsert } from './insert.ts'
import { planLockTable } from './lock-table.ts'
import { planTruncate } from './truncate.ts'
import { planMerge } from './merge.ts'
import { planListen, planNotify, planUnlisten } from './messages.ts'
import { planNamed } from './named-statements.ts'
import { planAlterOwner, planDropOwned, planReassignOwned } from './owners.ts'
import { planAlterPolicy, planCreatePolicy } from './policies.ts'
import type { Planned } from './prepared.ts'
import { planCreateSchema } from './create-schema.ts'
import {
  planAlterDatabase,
  planAlterDatabaseSettings,
  planAlterRole,
  planAlterRoleSettings,
  planCreateRole,
  planDropRole,
  planRenameRole,
} from './roles.ts'
import { planAlterRoutine, planOwnRoutine } from './routines/alter-routine.ts'
import { planCall, planDo } from './routines/call-statement.ts'
import { planCreateRoutine } from './routines/create-routine.ts'
import { routineWord } from './routines/named-routine.ts'
import { planCreateTrigger } from '../trigger/create-trigger.ts'
import { planReindex } from './reindex.ts'
import { planSelect } from './select.ts'
import { planAlterSequence, planCreateSequence } from './sequences.ts'
import { planSetConstraints } from './set-constraints.ts'
import { planSet, planShow } from './settings-statements.ts'
import { statementName } from './statement-names.ts'
import { planTransaction } from './transaction-control.ts'
import { planRename } from './rename.ts'
import { planAlterPublication, planCreatePublication, planOwnPublication } from './publications.ts'
import { planMoveType, planOwnType, planRenameType } from './types/change-type.ts'
import { planCreateComposite } from './types/composites.ts'
import { planAlterDomain, planCreateDomain } from './types/domains.ts'
import { planDropType } from './types/drop-type.ts'
import { planAlterEnum, planCreateEnum } from './types/enums.ts'
import { planDeleteStatement, planUpdateStatement } from './update.ts'
import { planWithWrites, writtenInWith } from './with-writes.ts'
import { planVacuum } from './vacuum.ts'
import { planCreateView } from './views/create-view.ts'
import { planRefresh } from './views/materialized-views.ts'

export function planStatement(binder: Binder, node: Node, statement: ParsedStatement): Planned {
  binder.planWriting = planInWith
  const query = 'ExplainStmt' in node ? node.ExplainStmt.query! : node
  binder.written ??= writtenInWith(binder, query)
  if (binder.written === undefined || query !== node) return planOne(binder, node, statement)
  return planWithWrites(binder, () => planOne(binder, node, statement))
}

/** Of a statement in WITH: what it returns, and what it does. */
function planInWith(binder: Binder, scope: Scope, node: Node): { columns: Planned['columns']; work: Work } {
  if ('MergeStmt' in node) throw failure('0A000', 'MERGE not supported in WITH query')
  const planned =
    'InsertStmt' in node
      ? planInsert(binder, node.InsertStmt, scope)
      : 'UpdateStmt' in node
        ? planUpdateStatement(binder, node.UpdateStmt, scope)
        : 'DeleteStmt' in node
          ? planDeleteStatement(binder, node.DeleteStmt, scope)
          : refuse(node)
  return { columns: planned.columns, work: planned.work! }
}

function planOne(binder: Binder, node: Node, statement: ParsedStatement): Planned {
  if ('SelectStmt' in node) {
    const into = asCreateTable(node.SelectStmt)
    return into === undefined ? planSelect(binder, node.SelectStmt) : planCreateTableAs(binder, into)
  }
  if ('InsertStmt' in node) return planInsert(binder, node.InsertStmt)
  if ('UpdateStmt' in node) return planUpdateStatement(binder, node.UpdateStmt)
  if ('DeleteStmt' in node) return planDeleteStatement(binder, node.DeleteStmt)
  if ('MergeStmt' in node) return planMerge(binder, node.MergeStmt)
  if ('TransactionStmt' in node) return planTransaction(node.TransactionStmt)
  if ('CopyStmt' in node) return planCopy(binder, node.CopyStmt)
  if ('ExplainStmt' in node) {
    return planExplain(binder, node.ExplainStmt, (inner) => planStatement(binder, inner, statement))
  }
  return (
    planWithout(binder, node) ??
    planRoutine(binder, node, statement) ??
    planSession(binder, node, statement) ??
    refuse(node)
  )
}

/** Of statements that define something, but for those with a query that runs, nobody gives parameters. */
function planWithout(binder: Binder, node: Node): Planned | undefined {
  binder.takesParameters = 'CreateTableAsStmt' in node
  const planned = planDefinition(binder, node)
  if (planned === undefined) binder.takesParameters = !('CreateTrigStmt' in node)
  return planned
}

function planDefinition(binder: Binder, node: Node): Planned | undefined {
  if ('RefreshMatViewStmt' in node) return planRefresh(node.RefreshMatViewStmt)
  if ('ViewStmt' in node) return planCreateView(node.ViewStmt)
  if ('CreateStmt' in node) return planCreateTable(binder, node.CreateStmt)
  if ('CreateTableAsStmt' in node) return planCreateTableAs(binder, node.CreateTableAsStmt)
  if ('IndexStmt' in node) return planCreateIndex(binder, node.IndexStmt)
  if ('CommentStmt' in node) return planComment(node.CommentStmt)
  if ('DropStmt' in node) return planDropType(node.DropStmt) ?? planDrop(binder, node.DropStmt)
  if ('CreatedbStmt' in node) return planCreateDatabase(node.CreatedbStmt)
  if ('DropdbStmt' in node) return planDropDatabase(node.DropdbStmt)
  if ('CreateRoleStmt' in node) return planCreateRole(node.CreateRoleStmt)
  if ('AlterRoleStmt' in node) return planAlterRole(node.AlterRoleStmt)
  if ('AlterRoleSetStmt' in node) return planAlterRoleSettings(binder, node.AlterRoleSetStmt)
  if ('AlterDatabaseSetStmt' in node) return planAlterDatabaseSettings(binder, node.AlterDatabaseSetStmt)
  if ('AlterDatabaseStmt' in node) return planAlterDatabase(node.AlterDatabaseStmt)
  if ('DropRoleStmt' in node) return planDropRole(node.DropRoleStmt)
  if ('GrantStmt' in node) return planGrant(node.GrantStmt)
  if ('AlterDefaultPrivilegesStmt' in node) return planAlterDefaultPrivileges(node.AlterDefaultPrivilegesStmt)
  if ('GrantRoleStmt' in node) return planGrantRole(node.GrantRoleStmt)
  if ('AlterOwnerStmt' in node) {
    const { objectType } = node.AlterOwnerStmt
    if (objectType === 'OBJECT_PUBLICATION') return planOwnPublication(node.AlterOwnerStmt)
    return routineWord(objectType) === undefined
      ? (planOwnType(node.AlterOwnerStmt) ?? planAlterOwner(node.AlterOwnerStmt))
      : planOwnRoutine(node.AlterOwnerStmt)
  }
  if ('ReassignOwnedStmt' in node) return planReassignOwned(node.ReassignOwnedStmt)
  if ('DropOwnedStmt' in node) return planDropOwned(node.DropOwnedStmt)
  if ('CreateExtensionStmt' in node) return planCreateExtension(node.CreateExtensionStmt)
  if ('AlterExtensionStmt' in node) return planAlterExtension(node.AlterExtensionStmt)
  if ('CreateSchemaStmt' in node) return planCreateSchema(node.CreateSchemaStmt)
  if ('AlterTableStmt' in node) return planAlterTable(binder, node.AlterTableStmt)
  if ('RenameStmt' in node && node.RenameStmt.renameType === 'OBJECT_ROLE') return planRenameRole(node.RenameStmt)
  if ('RenameStmt' in node) return planRenameType(node.RenameStmt) ?? planRename(node.RenameStmt)
  if ('AlterObjectSchemaStmt' in node) {
    return planMoveType(node.AlterObjectSchemaStmt) ?? planMoveObject(node.AlterObjectSchemaStmt)
  }
  if ('TruncateStmt' in node) return planTruncate(binder, node.TruncateStmt)
  if ('CreateEnumStmt' in node) return planCreateEnum(node.CreateEnumStmt)
  if ('CreateDomainStmt' in node) return planCreateDomain(node.CreateDomainStmt)
  if ('AlterDomainStmt' in node) return planAlterDomain(node.AlterDomainStmt)
  if ('CompositeTypeStmt' in node) return planCreateComposite(node.CompositeTypeStmt)
  if ('AlterEnumStmt' in node) return planAlterEnum(node.AlterEnumStmt)
  if ('CreateSeqStmt' in node) return planCreateSequence(binder, node.CreateSeqStmt)
  if ('CreatePolicyStmt' in node) return planCreatePolicy(node.CreatePolicyStmt)
  if ('AlterPolicyStmt' in node) return planAlterPolicy(node.AlterPolicyStmt)
  if ('CreatePublicationStmt' in node) return planCreatePublication(node.CreatePublicationStmt)
  if ('AlterPublicationStmt' in node) return planAlterPublication(node.AlterPublicationStmt)
  if ('AlterSeqStmt' in node) return planAlterSequence(binder, node.AlterSeqStmt)
  return undefined
}

function planRoutine(binder: Binder, node: Node, statement: ParsedStatement): Planned | undefined {
  if ('CreateFunctionStmt' in node) return planCreateRoutine(node.CreateFunctionStmt, statement)
  if ('CreateTrigStmt' in node) return planCreateTrigger(binder, node.CreateTrigStmt)
  if ('AlterFunctionStmt' in node) return planAlterRoutine(node.AlterFunctionStmt)
  if ('CallStmt' in node) return planCall(binder, node.CallStmt)
  return 'DoStmt' in node ? planDo(node.DoStmt) : undefined
}

function planSession(binder: Binder, node: Node, statement: ParsedStatement): Planned | undefined {
  if ('VariableSetStmt' in node) return planSet(node.VariableSetStmt)
  if ('VariableShowStmt' in node) return planShow(node.VariableShowStmt)
  if ('ConstraintsSetStmt' in node) return planSetConstraints(node.ConstraintsSetStmt)
  if ('ListenStmt' in node) return planListen(node.ListenStmt)
  if ('UnlistenStmt' in node) return planUnlisten(node.UnlistenStmt)
  if ('NotifyStmt' in node) return planNotify(node.NotifyStmt)
  if ('LockStmt' in node) return planLockTable(node.LockStmt)
  if ('VacuumStmt' in node) return planVacuum(node.VacuumStmt)
  if ('ReindexStmt' in node) return planReindex(node.ReindexStmt)
  return planNamed(binder, node, statement)
}

function refuse(node: Node): never {
  throw notBuilt(statementName(node))
}
