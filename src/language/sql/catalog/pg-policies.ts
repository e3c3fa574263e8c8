/** `pg_policy` and `pg_policies`: what CREATE POLICY has made. */
import { everybody } from '../../../database/access/access-list.ts'
import { policiesOf, type PolicyDefinition, type PolicyExpression } from '../../../model/table/policies.ts'
import type { Table } from '../../../model/table/table.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { collectionOid, policyOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { roleOidById, shownRoleName } from './roles.ts'
import { allObjects, objectBy, type StoredObjects } from './stored-objects.ts'
import { tablesAmong } from './stored-tables.ts'

/** How the expression of a policy is shown: told by who binds them. */
type ShowPolicy = (run: SqlRun, table: Table, expression: PolicyExpression) => string
let show: ShowPolicy = (_run, _table, { text }) => text

export function showPoliciesBy(shown: ShowPolicy): void {
  show = shown
}

/** PostgreSQL's letters. */
const letters = { all: '*', select: 'r', insert: 'a', update: 'w', delete: 'd' } as const

function* eachPolicy({
  relations,
}: StoredObjects): Generator<{ readonly table: Table; readonly policy: PolicyDefinition }> {
  for (const table of tablesAmong(relations())) {
    // In the order in which they were made: psql shows them as they come.
    for (const policy of policiesOf(table)) yield { table, policy }
  }
}

function textOf(run: SqlRun, table: Table, expression: PolicyExpression | undefined): string | null {
  return expression === undefined ? null : show(run, table, expression)
}

function roleOids(run: SqlRun, { roles }: PolicyDefinition): number[] {
  return roles.map((id) => roleOidById(run, id))
}

function* policies(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<readonly SqlValue[]> {
  for (const { table, policy } of eachPolicy(objects)) {
    yield [
      policyOid(table.collection, policy.id),
      policy.name,
      collectionOid(table.collection),
      letters[policy.command],
      policy.restrictive !== true,
      roleOids(run, policy),
      policy.using?.text ?? null,
      policy.check?.text ?? null,
    ]
  }
}

function* shownPolicies(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<readonly SqlValue[]> {
  for (const { table, policy } of eachPolicy(objects)) {
    const names = roleOids(run, policy).map((number) => shownRoleName(run.context, number))
    yield [
      table.schema,
      table.name,
      policy.name,
      policy.restrictive === true ? 'RESTRICTIVE' : 'PERMISSIVE',
      policy.roles.includes(everybody) ? ['public'] : [...new Set(names)].sort(),
      policy.command.toUpperCase(),
      textOf(run, table, policy.using),
      textOf(run, table, policy.check),
    ]
  }
}

export const pgPolicies: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_policy',
    [
      ['oid', oid.oid],
      ['polname', oid.name],
      ['polrelid', oid.oid],
      ['polcmd', oid.char],
      ['polpermissive', oid.bool],
      ['polroles', oid.oidArray],
      ['polqual', oid.nodeTree],
      ['polwithcheck', oid.nodeTree],
    ],
    policies,
    { polrelid: objectBy.relation },
  ),
  memoryRelation(
    'pg_catalog',
    'pg_policies',
    [
      ['schemaname', oid.name],
      ['tablename', oid.name],
      ['policyname', oid.name],
      ['permissive', oid.text],
      ['roles', oid.nameArray],
      ['cmd', oid.text],
      ['qual', oid.text],
      ['with_check', oid.text],
    ],
    shownPolicies,
    { tablename: objectBy.name },
  ),
]
