/**
 * Roles as the views show them: those that were made, those that every server has, and whoever owns something. Where none was
 * made everybody may be anybody: who asks is shown, with the number of PostgreSQL's first superuser.
 */
import { firstCollectionId } from '../../../database/catalog/catalog-entries.ts'
import type { Catalog, Collection, Namespace } from '../../../database/catalog/catalog.ts'
import type { ShownRole, SqlContext } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'

export const ownRoleOid = 10
const firstOwnerOid = 15_000
export const firstRoleOid = 20_000

export const databaseOwnerOid = 6171
const databaseOwner = 'pg_database_owner'

/** PostgreSQL's numbers of its own roles. */
const builtInOids: ReadonlyMap<string, number> = new Map([
  [databaseOwner, databaseOwnerOid],
  ['pg_read_all_data', 6181],
  ['pg_write_all_data', 6182],
  ['pg_monitor', 3373],
  ['pg_read_all_settings', 3374],
  ['pg_read_all_stats', 3375],
  ['pg_signal_backend', 4200],
  ['pg_checkpoint', 4544],
])

const owners = new WeakMap<Catalog, readonly string[]>()

/** By name: of what was made before there were roles, or by nobody in particular. */
function ownersIn(catalog: Catalog): readonly string[] {
  let known = owners.get(catalog)
  if (known === undefined) {
    const found = new Set<string>()
    for (const namespace of catalog.namespaces.values()) {
      if (namespace.ownerId === undefined) found.add(namespace.owner)
      for (const { owner, ownerId } of catalog.collectionsOf(namespace.name))
        if (ownerId === undefined) found.add(owner)
    }
    known = [...found].sort()
    owners.set(catalog, known)
  }
  return known
}

function oidOf({ id, name }: ShownRole): number {
  return builtInOids.get(name) ?? firstRoleOid + id
}

export function roleOid({ context, transaction }: SqlRun, name: string): number {
  const role = context.roles?.find((one) => one.name === name)
  if (role !== undefined) return oidOf(role)
  if (name === databaseOwner) return databaseOwnerOid
  if (name === context.user) return ownRoleOid
  return firstOwnerOid + ownersIn(transaction.catalog).indexOf(name)
}

/** Of a role by the number that is kept of it, 0 is everybody. */
export function roleOidById({ context }: SqlRun, id: number): number {
  if (id < 0) return ownRoleOid
  const role = context.roles?.find((one) => one.id === id)
  return id === 0 ? 0 : role === undefined ? firstRoleOid + id : oidOf(role)
}

export function ownerOid(run: SqlRun, { owner, ownerId }: Collection | Namespace): number {
  return ownerId === undefined ? roleOid(run, owner) : roleOidById(run, ownerId)
}

/** As it is called now. */
export function ownerName({ context }: SqlRun, { owner, ownerId }: Collection | Namespace): string {
  return context.roles?.find(({ id }) => id === ownerId)?.name ?? owner
}

/** Of a role that was made, by what is known without a transaction. */
export function namedRoleOid({ roles, user }: SqlContext, name: string): number | undefined {
  const role = roles?.find((one) => one.name === name)
  return role === undefined ? (name === user ? ownRoleOid : undefined) : oidOf(role)
}

export function shownRoleName({ roles, user }: SqlContext, oid: number): string {
  return roles?.find((one) => oidOf(one) === oid)?.name ?? (oid === ownRoleOid ? user : String(oid))
}

export function roleByOid(run: SqlRun, oid: number): ShownRole | undefined {
  return allRoles(run).find((one) => one.oid === oid)?.role
}

export function roleName({ context, transaction }: SqlRun, oid: number): string | undefined {
  const role = context.roles?.find((one) => oidOf(one) === oid)
  if (role !== undefined) return role.name
  if (oid === databaseOwnerOid) return databaseOwner
  return oid === ownRoleOid ? context.user : ownersIn(transaction.catalog)[oid - firstOwnerOid]
}

function findShown(roles: readonly ShownRole[] | undefined, name: string): ShownRole | undefined {
  return roles?.find((role) => role.name === name)
}

/** Where nobody is asked who it is, anybody may do anything. */
function believed(name: string): ShownRole {
  const may = {
    login: true,
    superuser: true,
    createRole: true,
    createDatabase: true,
    inherit: true,
    bypassPolicies: true,
    replication: true,
  }
  return { id: 0, name, ...may, connectionLimit: -1, validUntilMs: null, memberOf: [] }
}

/** Who owns the schema `public`: nobody can be it. */
const ofDatabase: ShownRole = {
  ...believed(databaseOwner),
  login: false,
  superuser: false,
  createRole: false,
  createDatabase: false,
  bypassPolicies: false,
  replication: false,
}

/** Whether it was made by somebody: smaller numbers are of those that every server has. */
export function isMade({ id }: ShownRole): boolean {
  return id >= firstCollectionId
}

/** With their numbers. */
export function allRoles(run: SqlRun): readonly { readonly oid: number; readonly role: ShownRole }[] {
  const { roles = [], user } = run.context
  const names = new Set([databaseOwner, ...roles.map(({ name }) => name), user, ...ownersIn(run.transaction.catalog)])
  return [...names].map((name) => {
    const role = findShown(roles, name) ?? (name === databaseOwner ? ofDatabase : believed(name))
    return { oid: roleOid(run, name), role }
  })
}
