/**
 * Policies of rows in a statement: which of them apply to what it does, and their expressions bound to its binder.
 *
 * They are bound as a part of the statement, so that subqueries in them ask for the caller's own privileges and for the policies of
 * the tables that they read. Of its own table's columns a policy asks for none. What it means does not depend on the search
 * path: the text that is kept has all names with their schemas.
 *
 * Invariants: what is bound here holds for as long as the caller's rights are the same and the table's definition is, which is what
 * plans depend on.
 */
import {
  type CheckedRow,
  isSubject,
  type PolicyCommand,
  type PolicyExpression,
  type PolicyTerms,
  termsFor,
  wouldBeAffected,
} from '../../../model/table/policies.ts'
import type { Table } from '../../../model/table/table.ts'
import type { Relation } from '../../../query/relation.ts'
import { FamilyRelation } from '../../../query/family-relation.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { constant, type Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { parseExpression } from '../parse-expression.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { Scope } from './scope.ts'
import { SecuredRelation } from './secured-relation.ts'

/** The relation as the caller sees it by such a command. Errors: 42501 where `row_security` is off. */
export function securedFor(binder: Binder, relation: Relation, command: PolicyCommand): Relation {
  if (!isSecured(binder, relation)) return relation
  return new SecuredRelation(relation, conditionsFor(binder, relation.table, command))
}

/** Only rows that another command may touch, too: SELECT … FOR UPDATE, and an UPDATE that reads. */
export function secureAlso(binder: Binder, relation: Relation, command: PolicyCommand): void {
  if (!(relation instanceof SecuredRelation)) return
  const more = conditionsFor(binder, relation.inner.table, command)
  relation.conditions = command === 'select' ? [...relation.conditions, ...more] : [...more, ...relation.conditions]
}

/** Whether policies concern the caller. Errors: 42501 where `row_security` is off. */
export function isSecured(binder: Binder, relation: Relation): relation is TableRelation | FamilyRelation {
  const isStored = relation instanceof TableRelation || relation instanceof FamilyRelation
  if (!isStored || !isSubject(binder.rights, relation.collection)) return false
  if (binder.context.getSetting('row_security') !== 'off') return true
  throw wouldBeAffected(binder.rights, relation.collection)
}

function conditionsFor(binder: Binder, table: Table, command: PolicyCommand): Expression[] {
  const { restrictive, permissive } = termsFor(binder.rights, table, command, 'using')
  if (permissive.length === 0) return [constant(false, oid.bool)]
  return bindTerms(binder, table, { restrictive, permissive }).map(({ condition }) => condition)
}

/** What must be true of a new row; anything else is an error that names the policy, where it is a restrictive one. */
export interface BoundCheck {
  readonly condition: Expression
  readonly policy: string | undefined
  readonly of: CheckedRow
}

export interface ChecksWanted {
  readonly command: 'insert' | 'update' | 'delete'
  /** The statement reads columns: what it leaves must be visible, too. */
  readonly reads: boolean
  /** Left out: the new one. */
  readonly of?: CheckedRow
}

export function bindChecks(binder: Binder, table: Table, { command, reads, of = 'new' }: ChecksWanted): BoundCheck[] {
  const own = checksFor(binder, table, termsFor(binder.rights, table, command, of === 'new' ? 'check' : 'using'), of)
  if (!reads) return own
  return [...own, ...checksFor(binder, table, termsFor(binder.rights, table, 'select', 'using'), of)]
}

function checksFor(binder: Binder, table: Table, terms: PolicyTerms, of: CheckedRow): BoundCheck[] {
  if (terms.permissive.length === 0) return [{ condition: constant(false, oid.bool), policy: undefined, of }]
  // The permissive ones are asked first: their error names no policy.
  const [either, ...each] = bindTerms(binder, table, terms).reverse()
  return [either!, ...each.reverse()].map((bound) => ({ ...bound, of }))
}

/** The restrictive ones by their names, and last that one of the permissive ones holds. */
function bindTerms(
  binder: Binder,
  table: Table,
  { restrictive, permissive }: PolicyTerms,
): { condition: Expression; policy: string | undefined }[] {
  const all = [...restrictive, ...permissive].map(({ expression }) => expression)
  return guardedFromRecursion(binder, table, all, () => {
    const each = restrictive.map(({ policy, expression }) => {
      return { condition: bindPolicy(binder, table, expression), policy: policy.name }
    })
    const alternatives = permissive.map(({ expression }) => bindPolicy(binder, table, expression))
    const either: Expression =
      alternatives.length === 1
        ? alternatives[0]!
        : { kind: 'or', type: oid.bool, modifier: -1, arguments: alternatives }
    return [...each, { condition: either, policy: undefined }]
  })
}

function bindPolicy(binder: Binder, table: Table, { text }: PolicyExpression): Expression {
  return binder.ofPolicy(() => binder.expression(policyScope(table), parseExpression(text)))
}

/** A policy with a subquery that comes back to the policies of its own table has no end. */
function guardedFromRecursion<T>(
  binder: Binder,
  table: Table,
  expressions: readonly PolicyExpression[],
  bind: () => T,
): T {
  if (!expressions.some(hasSubquery)) return bind()
  if (binder.securing.has(table.id)) {
    throw failure('42P17', `infinite recursion detected in policy for relation "${table.name}"`)
  }
  binder.securing.add(table.id)
  try {
    return bind()
  } finally {
    binder.securing.delete(table.id)
  }
}

function hasSubquery({ text }: PolicyExpression): boolean {
  return JSON.stringify(parseExpression(text)).includes('"SubLink":')
}

/** The table's columns, for which nobody is asked who may read them. */
export function policyScope(table: Table): Scope {
  const scope = new Scope()
  const alias = table.name
  const columns = table.columns.map(({ name, type, modifier, ordinal }) => {
    const expression = { kind: 'column', type: type.oid, modifier, index: ordinal, name: `${alias}.${name}` } as const
    return { name, expression, origin: undefined }
  })
  scope.columns = columns
  scope.width = columns.length
  scope.tables.push({ alias, schema: table.schema, columns, first: 0 })
  return scope
}
