/**
 * Row security: which rows of a table its policies let a caller see, change and add.
 *
 * A policy is a part of the table's definition: its expressions as text, like a check's, and what they read. They hold where the table
 * says so (`enabled`), for everybody but superusers, roles that bypass them, and the owner, whom they concern where they are
 * forced. A row passes where one of the permissive policies lets it through, and all restrictive ones do; where there is no
 * permissive one for the command, no row does.
 *
 *   to see a row              USING of the policies for SELECT
 *   to change or delete it    USING of those for UPDATE or DELETE; of SELECT as well where the statement reads columns
 *   to add or leave one       WITH CHECK of those for INSERT or UPDATE, USING where there is none; an error where it fails
 *
 * Where this is asked: `language/sql/bind/row-security.ts` for SQL's plans, `query/secured-rows.ts` for whoever reads a table as
 * documents; new rows pass a `RowGuard` in `rows.ts`. Below them, a transaction gives no key of the table to a caller who is
 * subject to policies unless one of those two said that it filters (`database/access/transaction-access.ts`): a way that knows
 * no policies is refused.
 */
import { PolylogError } from '../../base/errors.ts'
import { AccessError, type Rights } from '../../database/access/rights.ts'
import type { Transaction } from '../../database/contract.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { TableDefinition } from './definition.ts'
import type { Values } from './keys.ts'
import type { Table } from './table.ts'
import { isSubject } from './table-kind.ts'

export { isSubject } from './table-kind.ts'

export type PolicyCommand = 'select' | 'insert' | 'update' | 'delete'

export interface PolicyExpression {
  readonly text: string
  /** Columns, by number, of its own table and of those that its subqueries read. */
  readonly reads: readonly { readonly id: number; readonly columns: readonly number[] }[]
}

export interface PolicyDefinition {
  /** Never given out again in the table. */
  readonly id: number
  readonly name: string
  readonly restrictive?: true
  readonly command: PolicyCommand | 'all'
  /** Numbers; 0 is everybody. */
  readonly roles: readonly number[]
  readonly using?: PolicyExpression
  readonly check?: PolicyExpression
}

export interface RowSecurity {
  readonly enabled: boolean
  /** Also for the owner. */
  readonly forced: boolean
}

// ---- changes of a definition

export function withPolicy(definition: TableDefinition, policy: Omit<PolicyDefinition, 'id'>): TableDefinition {
  const id = definition.nextPolicy ?? 1
  return { ...definition, policies: [...(definition.policies ?? []), { ...policy, id }], nextPolicy: id + 1 }
}

/** `change` answers undefined for one that goes. */
export function withChangedPolicies(
  definition: TableDefinition,
  change: (policy: PolicyDefinition) => PolicyDefinition | undefined,
): TableDefinition {
  return { ...definition, policies: (definition.policies ?? []).flatMap((one) => change(one) ?? []) }
}

export function policiesOf({ definition }: Table): readonly PolicyDefinition[] {
  return definition.policies ?? []
}

// ---- whom they concern

/** Of those for a command: what must be true of all that pass. Each inner list is an "or"; an empty one is false. */
export interface PolicyTerms {
  readonly restrictive: readonly PolicyTerm[]
  readonly permissive: readonly PolicyTerm[]
}

export interface PolicyTerm {
  readonly policy: PolicyDefinition
  readonly expression: PolicyExpression
}

/** `part`: what is asked of them; `check` is USING where a policy has no WITH CHECK. */
export function termsFor(rights: Rights, table: Table, command: PolicyCommand, part: 'using' | 'check'): PolicyTerms {
  const roles = rights.member!.roles
  const terms = policiesOf(table)
    .filter((policy) => policy.command === command || policy.command === 'all')
    .filter((policy) => policy.roles.some((role) => roles.has(role)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((policy): PolicyTerm[] => {
      const expression = part === 'check' ? (policy.check ?? policy.using) : policy.using
      return expression === undefined ? [] : [{ policy, expression }]
    })
  return {
    restrictive: terms.filter(({ policy }) => policy.restrictive === true),
    permissive: terms.filter(({ policy }) => policy.restrictive !== true),
  }
}

// ---- new rows

/** Throws where the caller may not leave such a row. It is as it will be stored. */
export type RowGuard = (row: Values, transaction: Transaction) => void

/** What rules of tables change for others: they act for the owner, whom policies do not concern. */
export const asOwner: RowGuard = () => undefined

/** `guard` undefined: of a writer that knows no policies, who is stopped where there are some for it. */
export function passNewRow(transaction: Transaction, table: Table, row: Values, guard: RowGuard | undefined): void {
  if (guard !== undefined) guard(row, transaction)
  else if (table.definition.rowSecurity !== undefined && isSubject(transaction.principal.rights, table.collection)) {
    throw wouldBeAffected(transaction.principal.rights, table.collection)
  }
}

// ---- errors

/** Of a new row, which its writer has at hand: it may be told why. */
export class PolicyViolation extends AccessError {}

/** What a policy is asked of: a row that is left, or one that was there before ON CONFLICT … DO UPDATE, or before MERGE. */
export type CheckedRow = 'new' | 'conflicting' | 'target'

/** `policy`: the restrictive one that fails. */
export function policyViolation({ name }: Table, policy: string | undefined, of: CheckedRow = 'new'): PolicyViolation {
  const named = policy === undefined ? '' : ` "${policy}"`
  const what = of === 'new' ? '' : ' (USING expression)'
  const row = of === 'target' ? 'target row' : 'new row'
  const message = `${row} violates row-level security policy${named}${what} for table "${name}"`
  return new PolicyViolation('table', name, message)
}

/** Of `SET row_security = off`, and of a way to the rows that knows no policies. */
export function wouldBeAffected(rights: Rights, collection: Collection): PolylogError {
  const message = `query would be affected by row-level security policy for table "${collection.name}"`
  if (!rights.owns(collection)) return new AccessError('table', collection.name, message)
  const hint = "To disable the policy for the table's owner, use ALTER TABLE NO FORCE ROW LEVEL SECURITY."
  return new PolylogError('denied', message, { detail: { sqlState: '42501', hint } })
}
