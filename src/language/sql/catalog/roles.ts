/**
 * Roles as the views show them: those that were made, and whoever owns something. Where none was made everybody may be
 * anybody: who asks is shown, with the number of PostgreSQL's first superuser.
 */
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { ShownRole } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'

export const ownRoleOid = 10
const firstOwnerOid = 15_000
export const firstRoleOid = 20_000

const owners = new WeakMap<Catalog, readonly string[]>()

function ownersIn(catalog: Catalog): readonly string[] {
  let known = owners.get(catalog)
  if (known === undefined) {
    const found = new Set<string>()
    for (const namespace of catalog.namespaces.values()) {
      found.add(namespace.owner)
      for (const { owner } of catalog.collectionsOf(namespace.name)) found.add(owner)
    }
    known = [...found].sort()
    owners.set(catalog, known)
  }
  return known
}

export function roleOid({ context, transaction }: SqlRun, name: string): number {
  const role = findShown(context.roles, name)
  if (role !== undefined) return firstRoleOid + role.id
  if (name === context.user) return ownRoleOid
  return firstOwnerOid + ownersIn(transaction.catalog).indexOf(name)
}

export function roleName({ context, transaction }: SqlRun, oid: number): string | undefined {
  const role = context.roles?.find(({ id }) => firstRoleOid + id === oid)
  if (role !== undefined) return role.name
  return oid === ownRoleOid ? context.user : ownersIn(transaction.catalog)[oid - firstOwnerOid]
}

function findShown(roles: readonly ShownRole[] | undefined, name: string): ShownRole | undefined {
  return roles?.find((role) => role.name === name)
}

/** Where nobody is asked who it is, anybody may do anything. */
function believed(name: string): ShownRole {
  const may = { login: true, superuser: true, createRole: true, createDatabase: true, inherit: true }
  return { id: 0, name, ...may, connectionLimit: -1, validUntilMs: null }
}

/** With their numbers. */
export function allRoles(run: SqlRun): readonly { readonly oid: number; readonly role: ShownRole }[] {
  const { roles = [], user } = run.context
  const names = new Set([...roles.map(({ name }) => name), user, ...ownersIn(run.transaction.catalog)])
  return [...names].map((name) => ({ oid: roleOid(run, name), role: findShown(roles, name) ?? believed(name) }))
}
