/**
 * Who owns what: OWNER TO, REASSIGN OWNED and DROP OWNED.
 *
 * An owner is a role by its number. Where no role was ever made, whoever is named may own things, by name, as a dump of another
 * server names them.
 */
import type { AlterOwnerStmt, DropOwnedStmt, Node, ReassignOwnedStmt, RoleSpec } from 'libpg-query'
import { type AccessList, noOwner, withoutOrphans } from '../../../database/access/access-list.ts'
import { type DefaultKind, isUnsaid, readDefaultPart } from '../../../database/access/default-access.ts'
import { allPrivileges, privilege } from '../../../database/access/privileges.ts'
import { notOwner } from '../../../database/access/rights.ts'
import type { Collection, Namespace } from '../../../database/catalog/catalog.ts'
import type { ObjectAddress } from '../../../database/catalog/objects.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { policiesOf, withChangedPolicies } from '../../../model/table/policies.ts'
import { redefine } from '../../../model/table/schema.ts'
import { Table } from '../../../model/table/table.ts'
import { stringOf } from '../bind/tree.ts'
import { isMade } from '../catalog/roles.ts'
import type { Notice } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { dropTargets } from './drop-objects.ts'
import { nothing, type Outcome } from './execution.ts'
import { requireRole } from './grant.ts'
import { type Planned, planEffect, planSteps } from './prepared.ts'
import { objectWords } from './statement-names.ts'

export interface Owner {
  readonly owner: string
  readonly ownerId: number | undefined
}

/** Errors: 42704; 42501 for who is no member of it. */
export function newOwner({ context, transaction }: SqlRun, role: RoleSpec | undefined): Owner {
  const name = role?.roletype === 'ROLESPEC_CSTRING' ? role.rolename! : context.user
  const found = context.roles?.find((one) => one.name === name)
  const { rights } = transaction.principal
  if (found === undefined) {
    const isBelieved = name === context.user || context.roles?.some(isMade) !== true
    if (isBelieved && rights.areUnlimited) return { owner: name, ownerId: undefined }
    throw failure('42704', `role "${name}" does not exist`)
  }
  if (!rights.areUnlimited && !rights.member!.roles.has(found.id)) {
    throw failure('42501', `must be member of role "${name}"`)
  }
  return { owner: name, ownerId: found.id }
}

/** With what belongs to it: sequences of its columns. */
export function giveCollection(run: SqlRun, collection: Collection, to: Owner): Collection {
  const { transaction } = run
  transaction.principal.rights.requireOwner(collection)
  if (to.ownerId !== undefined && collection.ownerId === to.ownerId) return collection
  requireCreate(run, collection.namespace, to)
  changeGiver(transaction, collection, to)
  const given = transaction.alterCollection(collection, to)
  if (!isTable(given)) return given
  for (const { definition } of Table.of(given).columns) {
    const sequence =
      definition.sequence === undefined ? undefined : transaction.catalog.collectionById(definition.sequence)
    if (sequence === undefined) continue
    changeGiver(transaction, sequence, to)
    transaction.alterCollection(sequence, to)
  }
  return transaction.catalog.collectionById(given.id)!
}

/** The new owner must be able to make it there: what it may counts, and not what the caller may. */
function requireCreate({ context, transaction }: SqlRun, namespace: Namespace, { ownerId }: Owner): void {
  if (transaction.principal.rights.areUnlimited || ownerId === undefined) return
  context.rightsOf?.(ownerId).requireInNamespace(namespace, privilege.create)
}

/** What the old owner has given the new one has. */
function changeGiver({ access, catalog }: Transaction, of: Collection | Namespace, { ownerId }: Owner): void {
  const [from, to] = [of.ownerId ?? noOwner, ownerId ?? noOwner]
  // An owner has everything by being it.
  const given = (list: AccessList): AccessList => {
    return list.filter((item) => item.to !== to).map((item) => (item.by === from ? { ...item, by: to } : item))
  }
  for (const part of catalog.access.get(of.id)?.keys() ?? []) {
    if (readDefaultPart(part) === undefined) access.change(of.id, part, (list) => given(list ?? []))
  }
}

export function giveNamespace({ transaction }: SqlRun, namespace: Namespace, to: Owner): void {
  if (!transaction.principal.rights.owns(namespace)) throw notOwner('schema', namespace.name)
  changeGiver(transaction, namespace, to)
  transaction.access.giveNamespace(namespace, to.owner, to.ownerId)
}

export function planAlterOwner({ objectType, object, newowner }: AlterOwnerStmt): Planned {
  if (objectType === 'OBJECT_DATABASE') {
    const owner = newowner?.roletype === 'ROLESPEC_CSTRING' ? { name: newowner.rolename! } : 'current'
    return planEffect({ kind: 'give database', name: stringOf(object), owner }, 'ALTER DATABASE')
  }
  if (objectType !== 'OBJECT_SCHEMA') throw notBuilt(`ALTER ${objectWords(objectType)} … OWNER TO`)
  return planSteps({ kind: 'schema' }, 'ALTER SCHEMA', (run) => {
    const name = stringOf(object)
    const namespace = run.transaction.catalog.namespaces.get(name)
    if (namespace === undefined) throw failure('3F000', `schema "${name}" does not exist`)
    giveNamespace(run, namespace, newOwner(run, newowner))
    return nothing
  })
}

function idsOf(run: SqlRun, roles: readonly Node[] = []): number[] {
  return roles.map((node) => {
    const { roletype, rolename } = (node as { RoleSpec: RoleSpec }).RoleSpec
    const name = roletype === 'ROLESPEC_CSTRING' ? rolename! : run.context.user
    const id = requireRole(run.context, name)
    const { rights } = run.transaction.principal
    if (rights.areUnlimited || rights.member!.roles.has(id)) return id
    throw failure('42501', `permission denied to change objects of role "${name}"`)
  })
}

function collectionsOf({ transaction }: SqlRun, owners: readonly number[]): Collection[] {
  const { catalog } = transaction
  const all = [...catalog.namespaces.keys()].flatMap((name) => catalog.collectionsOf(name))
  return all.filter(({ ownerId }) => ownerId !== undefined && owners.includes(ownerId))
}

function namespacesOf({ transaction }: SqlRun, owners: readonly number[]): Namespace[] {
  const all = [...transaction.catalog.namespaces.values()]
  return all.filter(({ ownerId }) => ownerId !== undefined && owners.includes(ownerId))
}

export function planReassignOwned({ roles, newrole }: ReassignOwnedStmt): Planned {
  return planSteps({ kind: 'schema' }, 'REASSIGN OWNED', (run) => {
    const owners = idsOf(run, roles)
    const to = newOwner(run, newrole)
    for (const namespace of namespacesOf(run, owners)) giveNamespace(run, namespace, to)
    for (const { id } of collectionsOf(run, owners)) {
      const now = run.transaction.catalog.collectionById(id)!
      if (now.ownerId !== to.ownerId) giveCollection(run, now, to)
    }
    return nothing
  })
}

/** Of default privileges: they go with who has said them. That everybody may do nothing with what is made is one of them. */
function withoutRoles(
  list: AccessList,
  { roleId, kind }: { readonly roleId: number; readonly kind: DefaultKind },
  roles: readonly number[],
): AccessList | undefined {
  const left = list.filter(({ to, by }) => !roles.includes(to) && !roles.includes(by))
  return roles.includes(roleId) || (left.length === 0 && isUnsaid(kind, roleId, left)) ? undefined : left
}

/** What they own in this database, and what they have been given. */
export function planDropOwned({ roles, behavior }: DropOwnedStmt): Planned {
  return planSteps({ kind: 'schema' }, 'DROP OWNED', function* (run): StatementSteps<Outcome> {
    const owners = idsOf(run, roles)
    const notices: Notice[] = []
    const targets = [...collectionsOf(run, owners), ...namespacesOf(run, owners)].map(({ id }): ObjectAddress => ({
      id,
    }))
    yield* dropTargets(run, targets, behavior === 'DROP_CASCADE', notices)
    forgetPolicyRoles(run, owners)
    const { access, catalog } = run.transaction
    for (const [id, parts] of catalog.access) {
      for (const [part, list] of parts) {
        const defaults = readDefaultPart(part)
        const isOwn = defaults !== undefined && owners.includes(defaults.roleId)
        if (!isOwn && !list.some(({ to, by }) => owners.includes(to) || owners.includes(by))) continue
        if (defaults !== undefined) {
          access.change(id, part, (before = []) => withoutRoles(before, defaults, owners))
          continue
        }
        const { ownerId = noOwner } = catalog.collectionById(id) ?? catalog.namespaceById(id) ?? {}
        const whole =
          part === '' ? [] : (catalog.access.get(id)?.get('') ?? []).filter(({ to }) => !owners.includes(to))
        // And what others have because of it.
        access.change(id, part, (before = []) => {
          const left = before.filter(({ to }) => !owners.includes(to))
          return withoutOrphans(left, allPrivileges, ownerId, true, whole)
        })
      }
    }
    return { rowCount: 0, notices }
  })
}

/** Policies are for these roles no more; those that were for no others go. */
function forgetPolicyRoles({ transaction }: SqlRun, roles: readonly number[]): void {
  const { catalog } = transaction
  for (const collection of [...catalog.namespaces.keys()].flatMap((name) => catalog.collectionsOf(name))) {
    if (!isTable(collection)) continue
    const table = Table.of(collection)
    if (!policiesOf(table).some((policy) => policy.roles.some((role) => roles.includes(role)))) continue
    const definition = withChangedPolicies(table.definition, (policy) => {
      const left = policy.roles.filter((role) => !roles.includes(role))
      return left.length === 0 ? undefined : { ...policy, roles: left }
    })
    transaction.access.beginChange(collection.id)
    try {
      redefine(transaction, table, definition)
    } finally {
      transaction.access.endChange(collection.id)
    }
  }
}
