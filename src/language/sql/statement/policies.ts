/** CREATE, ALTER and DROP POLICY, and what ALTER TABLE says of row security: changes of a table's definition, by its owner alone. */
import type { AlterPolicyStmt, CreatePolicyStmt, Node, RangeVar, RenameStmt, RoleSpec } from 'libpg-query'
import { everybody } from '../../../database/access/access-list.ts'
import { notOwner } from '../../../database/access/rights.ts'
import type { ObjectAddress } from '../../../database/catalog/objects.ts'
import type { TableDefinition } from '../../../model/table/definition.ts'
import {
  policiesOf,
  type PolicyDefinition,
  type RowSecurity,
  withChangedPolicies,
  withPolicy,
} from '../../../model/table/policies.ts'
import { redefine } from '../../../model/table/schema.ts'
import type { Table } from '../../../model/table/table.ts'
import { policyPart } from '../../../model/table/table-kind.ts'
import type { Notice } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { nothing } from './execution.ts'
import { granteeId } from './grant.ts'
import { findCollection, getTable, refuseBusy, shownName } from './naming.ts'
import { storedPolicy } from './policy-expressions.ts'
import { type Planned, planSteps } from './prepared.ts'

export function planCreatePolicy(statement: CreatePolicyStmt): Planned {
  const { policy_name: name = '', table: relation, cmd_name: word = 'all', permissive, roles } = statement
  const { qual, with_check: check } = statement
  const command = word as PolicyDefinition['command']
  if ((command === 'select' || command === 'delete') && check !== undefined) {
    throw failure('42601', 'WITH CHECK cannot be applied to SELECT or DELETE')
  }
  if (command === 'insert' && qual !== undefined) {
    throw failure('42601', 'only WITH CHECK expression allowed for INSERT')
  }
  return planSteps({ kind: 'schema' }, 'CREATE POLICY', (run) => {
    const notices: Notice[] = []
    const to = rolesOf(run, roles, notices)
    const table = getSecuredTable(run, relation!, 'CREATE POLICY')
    const using = qual && storedPolicy(run, table, qual)
    const withCheck = check && storedPolicy(run, table, check)
    if (findPolicy(table, name) !== undefined) throw duplicate(table, name)
    const policy = {
      name,
      ...(permissive !== true && { restrictive: true as const }),
      command,
      roles: to,
      ...(using && { using }),
      ...(withCheck && { check: withCheck }),
    }
    redefine(run.transaction, table, withPolicy(table.definition, policy))
    return { rowCount: 0, notices }
  })
}

export function planAlterPolicy(statement: AlterPolicyStmt): Planned {
  const { policy_name: name = '', table: relation, roles, qual, with_check: check } = statement
  return planSteps({ kind: 'schema' }, 'ALTER POLICY', (run) => {
    const notices: Notice[] = []
    const to = roles === undefined ? undefined : rolesOf(run, roles, notices)
    const table = getSecuredTable(run, relation!, 'ALTER POLICY')
    const using = qual && storedPolicy(run, table, qual)
    const withCheck = check && storedPolicy(run, table, check)
    const { id, command } = getPolicy(table, name)
    if ((command === 'select' || command === 'delete') && check !== undefined) {
      throw failure('42601', 'only USING expression allowed for SELECT, DELETE')
    }
    if (command === 'insert' && qual !== undefined) {
      throw failure('42601', 'only WITH CHECK expression allowed for INSERT')
    }
    change(run, table, id, (policy) => ({
      ...policy,
      ...(to && { roles: to }),
      ...(using && { using }),
      ...(withCheck && { check: withCheck }),
    }))
    return { rowCount: 0, notices }
  })
}

export function planRenamePolicy({ relation, subname = '', newname = '' }: RenameStmt): Planned {
  return planSteps({ kind: 'schema' }, 'ALTER POLICY', (run) => {
    const table = getSecuredTable(run, relation!, 'ALTER POLICY')
    if (findPolicy(table, newname) !== undefined) throw duplicate(table, newname)
    change(run, table, getPolicy(table, subname).id, (policy) => ({ ...policy, name: newname }))
    return nothing
  })
}

/** Of DROP POLICY and COMMENT ON POLICY; a text where there is none, which DROP … IF EXISTS tells. */
export function policyTarget(run: SqlRun, relation: RangeVar, name: string): ObjectAddress | string {
  const collection = findCollection(run, relation)
  if (collection === undefined) return `relation "${shownName(relation)}" does not exist`
  const table = getTable(run, relation)
  const policy = findPolicy(table, name)
  if (policy === undefined) return `policy "${name}" for relation "${shownName(relation)}" does not exist`
  if (!run.transaction.principal.rights.owns(collection)) throw notOwner('relation', collection.name)
  return { id: table.id, part: policyPart(policy.id) }
}

/** The same, where it must be there. */
export function getPolicyTarget(run: SqlRun, relation: RangeVar, name: string): ObjectAddress {
  const found = policyTarget(run, relation, name)
  if (typeof found !== 'string') return found
  throw missing(getTable(run, relation), name)
}

const switches: Readonly<Record<string, Partial<RowSecurity>>> = {
  AT_EnableRowSecurity: { enabled: true },
  AT_DisableRowSecurity: { enabled: false },
  AT_ForceRowSecurity: { forced: true },
  AT_NoForceRowSecurity: { forced: false },
}

/** ALTER TABLE … ENABLE ROW LEVEL SECURITY and its like; undefined of other commands. */
export function rowSecurityStep(subtype: string | undefined): ((run: SqlRun, table: Table) => Table) | undefined {
  const to = switches[subtype ?? '']
  if (to === undefined) return undefined
  return (run, table) => {
    requireOwner(run, table)
    const { rowSecurity = { enabled: false, forced: false }, ...rest } = table.definition
    return redefine(run.transaction, table, { ...rest, rowSecurity: { ...rowSecurity, ...to } })
  }
}

/** Who may change the definition is not who may say whom it hides rows from. */
function requireOwner({ transaction }: SqlRun, { collection }: Table): void {
  if (!transaction.principal.rights.owns(collection)) throw notOwner('table', collection.name)
}

function getSecuredTable(run: SqlRun, name: RangeVar, command: string): Table {
  const table = getTable(run, name)
  requireOwner(run, table)
  refuseBusy(run, table, command)
  return table
}

function change(
  { transaction }: SqlRun,
  table: Table,
  id: number,
  to: (policy: PolicyDefinition) => PolicyDefinition,
): void {
  const changed: TableDefinition = withChangedPolicies(table.definition, (one) => (one.id === id ? to(one) : one))
  redefine(transaction, table, changed)
}

function findPolicy(table: Table, name: string): PolicyDefinition | undefined {
  return policiesOf(table).find((policy) => policy.name === name)
}

function getPolicy(table: Table, name: string): PolicyDefinition {
  const found = findPolicy(table, name)
  if (found === undefined) throw missing(table, name)
  return found
}

function missing(table: Table, name: string): Error {
  return failure('42704', `policy "${name}" for table "${table.name}" does not exist`)
}

function duplicate(table: Table, name: string): Error {
  return failure('42710', `policy "${name}" for table "${table.name}" already exists`)
}

function rolesOf(run: SqlRun, nodes: readonly Node[] | undefined, notices: Notice[]): number[] {
  const specs = (nodes ?? []).map((node) => (node as { RoleSpec: RoleSpec }).RoleSpec)
  const isPublic = specs.length === 0 || specs.some(({ roletype }) => roletype === 'ROLESPEC_PUBLIC')
  if (!isPublic) return specs.map((spec) => granteeId(run, spec))
  if (specs.length > 1) {
    notices.push({
      severity: 'WARNING',
      sqlState: '22023',
      message: 'ignoring specified roles other than PUBLIC',
    })
  }
  return [everybody]
}
