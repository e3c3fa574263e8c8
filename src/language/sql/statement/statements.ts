/** Which file plans which kind of statement. What the grammar knows and nothing here builds is refused by its name. */
import type { Node } from 'libpg-query'
import type { Binder } from '../bind/binder.ts'
import type { ParsedStatement } from '../contract.ts'
import { notBuilt } from '../failure.ts'
import { planMoveObject } from './alter-sequence.ts'
import { planAlterTable, planRename } from './alter-table.ts'
import { planComment } from './comment.ts'
import { planCopy } from './copy.ts'
import { planCreateDatabase } from './create-database.ts'
import { planCreateIndex } from './create-index.ts'
import { planCreateTable, planCreateTableAs } from './create-table.ts'
import { planDrop } from './drop.ts'
import { planDropDatabase } from './drop-database.ts'
import { planExplain } from './explain.ts'
import { planAlterDefaultPrivileges } from './default-privileges.ts'
import { planGrant, planGrantRole } from './grant.ts'
import { planInsert } from './insert.ts'
import { planMaintenance, planTruncate } from './maintenance.ts'
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
import { planSelect } from './select.ts'
import { planAlterSequence, planCreateSequence } from './sequences.ts'
import { planSetConstraints } from './set-constraints.ts'
import { planSet, planShow } from './settings-statements.ts'
import { statementName } from './statement-names.ts'
import { planTransaction } from './transaction-control.ts'
import { planDeleteStatement, planUpdateStatement } from './update.ts'

export function planStatement(binder: Binder, node: Node, statement: ParsedStatement): Planned {
  if ('SelectStmt' in node) return planSelect(binder, node.SelectStmt)
  if ('InsertStmt' in node) return planInsert(binder, node.InsertStmt)
  if ('UpdateStmt' in node) return planUpdateStatement(binder, node.UpdateStmt)
  if ('DeleteStmt' in node) return planDeleteStatement(binder, node.DeleteStmt)
  if ('TransactionStmt' in node) return planTransaction(node.TransactionStmt)
  if ('CopyStmt' in node) return planCopy(binder, node.CopyStmt)
  if ('ExplainStmt' in node) {
    return planExplain(binder, node.ExplainStmt, (inner) => planStatement(binder, inner, statement))
  }
  return planDefinition(binder, node) ?? planSession(binder, node, statement) ?? refuse(node)
}

function planDefinition(binder: Binder, node: Node): Planned | undefined {
  if ('CreateStmt' in node) return planCreateTable(binder, node.CreateStmt)
  if ('CreateTableAsStmt' in node) return planCreateTableAs(binder, node.CreateTableAsStmt)
  if ('IndexStmt' in node) return planCreateIndex(binder, node.IndexStmt)
  if ('CommentStmt' in node) return planComment(node.CommentStmt)
  if ('DropStmt' in node) return planDrop(binder, node.DropStmt)
  if ('CreatedbStmt' in node) return planCreateDatabase(node.CreatedbStmt)
  if ('DropdbStmt' in node) return planDropDatabase(node.DropdbStmt)
  if ('CreateRoleStmt' in node) return planCreateRole(node.CreateRoleStmt)
  if ('AlterRoleStmt' in node) return planAlterRole(node.AlterRoleStmt)
  if ('AlterRoleSetStmt' in node) return planAlterRoleSettings(node.AlterRoleSetStmt)
  if ('AlterDatabaseSetStmt' in node) return planAlterDatabaseSettings(node.AlterDatabaseSetStmt)
  if ('AlterDatabaseStmt' in node) return planAlterDatabase(node.AlterDatabaseStmt)
  if ('DropRoleStmt' in node) return planDropRole(node.DropRoleStmt)
  if ('GrantStmt' in node) return planGrant(node.GrantStmt)
  if ('AlterDefaultPrivilegesStmt' in node) return planAlterDefaultPrivileges(node.AlterDefaultPrivilegesStmt)
  if ('GrantRoleStmt' in node) return planGrantRole(node.GrantRoleStmt)
  if ('AlterOwnerStmt' in node) return planAlterOwner(node.AlterOwnerStmt)
  if ('ReassignOwnedStmt' in node) return planReassignOwned(node.ReassignOwnedStmt)
  if ('DropOwnedStmt' in node) return planDropOwned(node.DropOwnedStmt)
  if ('CreateSchemaStmt' in node) return planCreateSchema(node.CreateSchemaStmt)
  if ('AlterTableStmt' in node) return planAlterTable(binder, node.AlterTableStmt)
  if ('RenameStmt' in node && node.RenameStmt.renameType === 'OBJECT_ROLE') return planRenameRole(node.RenameStmt)
  if ('RenameStmt' in node) return planRename(binder, node.RenameStmt)
  if ('AlterObjectSchemaStmt' in node) return planMoveObject(node.AlterObjectSchemaStmt)
  if ('TruncateStmt' in node) return planTruncate(binder, node.TruncateStmt)
  if ('CreateSeqStmt' in node) return planCreateSequence(binder, node.CreateSeqStmt)
  if ('CreatePolicyStmt' in node) return planCreatePolicy(node.CreatePolicyStmt)
  if ('AlterPolicyStmt' in node) return planAlterPolicy(node.AlterPolicyStmt)
  if ('AlterSeqStmt' in node) return planAlterSequence(binder, node.AlterSeqStmt)
  return undefined
}

function planSession(binder: Binder, node: Node, statement: ParsedStatement): Planned | undefined {
  if ('VariableSetStmt' in node) return planSet(node.VariableSetStmt)
  if ('VariableShowStmt' in node) return planShow(node.VariableShowStmt)
  if ('ConstraintsSetStmt' in node) return planSetConstraints(node.ConstraintsSetStmt)
  if ('VacuumStmt' in node) return planMaintenance(binder, node.VacuumStmt)
  return planNamed(node, statement)
}

function refuse(node: Node): never {
  throw notBuilt(statementName(node))
}
