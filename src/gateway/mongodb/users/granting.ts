/**
 * Giving and taking away, as MongoDB's commands say it: roles in the database `system`, access lists in the caller's database.
 *
 * A change of both is two transactions. They come in such an order that what lies between them, if the server stops there, is
 * less than was asked for and never more: what is taken away goes first, a role is made before anything is given to it, and
 * what is given on objects comes last.
 *
 * Who may: a superuser; the owner of an object; who has been given the right to give on, there, on its namespace or on the
 * database (`userAdmin`). MongoDB's grants are of no giver, so they are written down as the owner's, and taking away takes all of it,
 * whoever has given it, and what was given on because of it.
 */
import { type AccessList, firstList, noOwner, taken } from '../../../database/access/access-list.ts'
import {
  allPrivileges,
  noPrivileges,
  ofNamespaceOwners,
  privilege,
  type Privileges,
  privilegeNames,
} from '../../../database/access/privileges.ts'
import { AccessError } from '../../../database/access/rights.ts'
import type { Namespace } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import { ensureNamespace } from '../../../model/document/document.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import type { Principals, RoleChange } from '../../../principal/principals.ts'
import type { Role } from '../../../principal/roles.ts'
import { checkUnused, usesOf } from '../../../principal/uses.ts'
import type { Asked } from '../access.ts'
import type { Request } from '../request.ts'
import type { GivenPrivilege, NamedGrant, Place } from './arguments.ts'
import { type BuiltInRole, type Held, nothing, rolesEverywhere, rolesIn, together } from './built-in-roles.ts'
import { heldBy, heldOn, standingOf } from './holdings.ts'

/** On one object. */
interface ObjectGrant extends Place {
  readonly held: Held
}

interface ObjectOfGrant {
  readonly id: number
  readonly ownerId: number | undefined
  /** What it has where nothing is written down. */
  readonly first: AccessList
}

// ---- roles

/** Errors: `AccessError` before anything is changed. */
export async function grantRoles(request: Request, to: Role, roles: readonly NamedGrant[]): Promise<void> {
  const grants = objectGrantsOf(roles)
  await request.read((transaction) => checkMayGive(transaction, grants))
  await changeStanding(request, to, roles, true)
  await giveOn(request, to, grants)
}

/** What a command changes of a role in several transactions. */
export interface Update {
  readonly gone: readonly NamedGrant[]
  readonly added: readonly NamedGrant[]
  readonly change?: RoleChange
  /** Left out: those that it has stay. */
  readonly privileges?: readonly GivenPrivilege[] | undefined
}

/**
 * Whether all of it may be done, and can be: what is refused in the end has then taken nothing in the beginning. What roles are
 * made of is tried, and taken back.
 */
export async function checkUpdate(request: Request, role: Role, update: Update): Promise<void> {
  const { gone, added, change: attributes = {}, privileges } = update
  const grants = [...objectGrantsOf([...gone, ...added]), ...grantsOf(privileges ?? [])]
  await request.read((transaction) => {
    checkMayGive(transaction, grants)
    for (const place of grants) if (place.collection !== undefined) requireObject(transaction, place)
    if (privileges !== undefined)
      for (const { id, object, held } of holdingsOf(transaction, role)) {
        requireGivable(transaction, id, object.ownerId, held)
      }
  })
  await request.gateway.sessions.principals.attempt(async (tried) => {
    await changeStanding(request, role, gone, false, tried)
    if (Object.keys(attributes).length > 0) await tried.alter(role.name, attributes, request.session)
    await changeStanding(request, role, added, true, tried)
  })
}

/** What other roles stand for that it keeps, it keeps. */
export async function revokeRoles(request: Request, from: Role, roles: readonly NamedGrant[]): Promise<void> {
  const grants = objectGrantsOf(roles)
  await change(request, from, 'privilege revoked', (transaction) => {
    checkMayGive(transaction, grants)
    for (const place of placesOf(roles)) takeRoles(transaction, request, from, place, roles)
  })
  await changeStanding(request, from, roles, false)
}

function objectGrantsOf(roles: readonly NamedGrant[]): ObjectGrant[] {
  return roles.flatMap((one) => {
    if (one.kind !== 'built-in' || (one.role.may | one.role.mayGive) === noPrivileges) return []
    return [{ namespace: one.namespace, collection: undefined, held: one.role }]
  })
}

/** Superuser, the right to make roles, and membership: the rules of `principal/role-rules.ts` say who may. */
async function changeStanding(
  { gateway, session }: Request,
  role: Role,
  roles: readonly NamedGrant[],
  isGiven: boolean,
  principals: Principals = gateway.sessions.principals,
): Promise<void> {
  const builtIns = roles.flatMap((one) => (one.kind === 'built-in' ? [one.role] : []))
  const attributes = {
    ...(builtIns.some(({ superuser }) => superuser) && { superuser: isGiven }),
    ...(builtIns.some(({ createRole }) => createRole) && { createRole: isGiven }),
  }
  if (Object.keys(attributes).length > 0) await principals.alter(role.name, attributes, session)
  const others = roles.flatMap((one) => (one.kind === 'role' ? [one.name] : (one.role.memberOf ?? [])))
  if (others.length === 0) return
  if (isGiven) await principals.addMembers(others, [role.name], false, session)
  else await principals.removeMembers(others, [role.name], false, session)
}

function placesOf(roles: readonly NamedGrant[]): ReadonlySet<string | undefined> {
  return new Set(roles.flatMap((one) => (one.kind === 'built-in' ? [one.namespace] : [])))
}

/** Takes those that it has; of one that another one stands for it has that other one only. */
function takeRoles(
  transaction: Transaction,
  request: Request,
  from: Role,
  namespace: string | undefined,
  roles: readonly NamedGrant[],
): void {
  const { principals } = request.gateway.sessions
  const object = findObject(transaction, { namespace, collection: undefined })
  if (object === undefined) return
  const held = heldOn(transaction.catalog, object.id, from.id)
  const all = namespace === undefined ? rolesEverywhere(standingOf(principals, from), held) : rolesIn(held)
  const named = (role: BuiltInRole): boolean =>
    roles.some((one) => one.kind === 'built-in' && one.role === role && one.namespace === namespace)
  take(transaction, object, from, all.roles.filter(named).reduce(together, nothing))
}

// ---- privileges

export async function grantPrivileges(request: Request, to: Role, given: readonly GivenPrivilege[]): Promise<void> {
  await giveOn(request, to, grantsOf(given))
}

export async function revokePrivileges(request: Request, from: Role, given: readonly GivenPrivilege[]): Promise<void> {
  const grants = grantsOf(given)
  await change(request, from, 'privilege revoked', (transaction) => {
    checkMayGive(transaction, grants)
    for (const { held, ...place } of grants) {
      const object = findObject(transaction, place)
      if (object !== undefined) take(transaction, object, from, held)
      if (place.collection !== undefined) takeIdleUse(transaction, place.namespace!, from)
    }
  })
}

/** Those that it has, and no others, on objects of the caller's database. */
export async function replacePrivileges(request: Request, role: Role, given: readonly GivenPrivilege[]): Promise<void> {
  const grants = grantsOf(given)
  await request.read((transaction) => checkMayGive(transaction, grants))
  await change(request, role, 'privilege revoked', (transaction) => {
    for (const { id, object, held } of holdingsOf(transaction, role)) {
      requireGivable(transaction, id, object.ownerId, held)
      take(transaction, object, role, held)
    }
  })
  await giveOn(request, role, grants)
}

/** On which objects of the caller's database it has been given anything. */
function holdingsOf(asked: Asked, role: Role): { id: number; object: ObjectOfGrant; held: Held }[] {
  return [...asked.catalog.access].flatMap(([id, lists]) => {
    const held = heldBy(lists.get(''), (to) => to === role.id)
    const object = objectById(asked, id)
    return (held.may | held.mayGive) === noPrivileges || object === undefined ? [] : [{ id, object, held }]
  })
}

function grantsOf(given: readonly GivenPrivilege[]): ObjectGrant[] {
  return given.map(({ namespace, collection, privileges }) => {
    return { namespace, collection, held: { may: privileges, mayGive: noPrivileges } }
  })
}

// ---- the lists

/** `run` in a transaction of the caller's database, told to the audit once it is committed. */
async function change(
  request: Request,
  role: Role,
  event: 'privilege granted' | 'privilege revoked',
  run: (transaction: Transaction) => void,
): Promise<void> {
  await request.session.run(run)
  const { audit } = request.gateway.sessions.principals
  audit.record({ event, by: request.session, object: role.name, detail: request.command })
}

async function giveOn(request: Request, to: Role, grants: readonly ObjectGrant[]): Promise<void> {
  if (grants.length === 0) return
  await change(request, to, 'privilege granted', (transaction) => {
    checkMayGive(transaction, grants)
    for (const { held, ...place } of grants) {
      const { namespace: home } = place
      if (home !== undefined) transaction.access.asServer(() => ensureNamespace(transaction, home))
      give(transaction, requireObject(transaction, place), to, held)
      // Without the use of its namespace nobody comes to a collection.
      if (place.collection === undefined) continue
      const namespace = requireObject(transaction, { ...place, collection: undefined })
      give(transaction, namespace, to, { may: privilege.usage, mayGive: noPrivileges })
    }
  })
}

function give(transaction: Transaction, object: ObjectOfGrant, { id: to }: Role, held: Held): void {
  const by = object.ownerId ?? noOwner
  transaction.access.change(object.id, '', (written) => {
    const list = written ?? object.first
    const before = list.find((item) => item.to === to && item.by === by && item.keys === undefined)
    if (before === undefined) return [...list, { to, by, ...pick(held) }]
    return list.map((item) => (item === before ? { ...item, ...together(item, held) } : item))
  })
}

function pick({ may, mayGive }: Held): Held {
  return { may, mayGive }
}

/** From whomever it has it. */
function take(transaction: Transaction, object: ObjectOfGrant, { id: to }: Role, held: Held): void {
  const gone = held.may | held.mayGive
  if (gone === noPrivileges || transaction.catalog.access.get(object.id)?.get('') === undefined) return
  transaction.access.change(object.id, '', (written) => {
    let list = written ?? object.first
    for (const { by } of list.filter((item) => item.to === to && item.keys === undefined)) {
      const owner = object.ownerId ?? noOwner
      list = taken(list, { to, by, privileges: held.may, option: false }, owner, true)
      list = taken(list, { to, by, privileges: held.mayGive, option: true }, owner, true)
    }
    return list
  })
}

/** The use of a namespace that came with collections goes with the last of them. */
function takeIdleUse(transaction: Transaction, name: string, role: Role): void {
  const { catalog } = transaction
  const object = findObject(transaction, { namespace: name, collection: undefined })
  if (object === undefined || heldOn(catalog, object.id, role.id).may !== privilege.usage) return
  const isUsed = catalog
    .collectionsOf(name)
    .some(({ id }) =>
      [...(catalog.access.get(id)?.values() ?? [])].some((list) => list.some((item) => item.to === role.id)),
    )
  if (!isUsed) take(transaction, object, role, { may: privilege.usage, mayGive: noPrivileges })
}

function findObject({ catalog }: Asked, place: Place): ObjectOfGrant | undefined {
  if (place.namespace === undefined) return { id: 0, ownerId: undefined, first: firstList('database', '') }
  const namespace = catalog.namespaces.get(place.namespace)
  if (place.collection === undefined) return namespace && ofNamespace(namespace)
  const collection = catalog.findCollection(place.namespace, place.collection)
  return collection && { id: collection.id, ownerId: collection.ownerId, first: [] }
}

function ofNamespace({ id, name, ownerId }: Namespace): ObjectOfGrant {
  return { id, ownerId, first: firstList('namespace', name) }
}

function objectById({ catalog }: Asked, id: number): ObjectOfGrant | undefined {
  const namespace = catalog.namespaceById(id)
  if (namespace !== undefined) return ofNamespace(namespace)
  const collection = catalog.collectionById(id)
  if (collection !== undefined) return { id, ownerId: collection.ownerId, first: [] }
  return id === 0 ? { id, ownerId: undefined, first: firstList('database', '') } : undefined
}

/** What is given on a collection goes with it, and so it has to be there. */
function requireObject(transaction: Asked, place: Place): ObjectOfGrant {
  const found = findObject(transaction, place)
  if (found !== undefined) return found
  const message = `ns does not exist: ${place.namespace}.${place.collection}: make it before it is given to somebody`
  throw mongoError(mongoCode.namespaceNotFound, message, 'undefined_object')
}

// ---- who may

function checkMayGive(asked: Asked, grants: readonly ObjectGrant[]): void {
  for (const { namespace, collection, held } of grants) {
    const place = { namespace, collection }
    const object = findObject(asked, place)
    const around = namespace === undefined ? undefined : asked.catalog.namespaces.get(namespace)
    requireGivable(asked, object?.id ?? around?.id ?? 0, object?.ownerId, held)
  }
}

/** Errors: `AccessError`. */
function requireGivable(asked: Asked, id: number, ownerId: number | undefined, { may, mayGive }: Held): void {
  const { rights } = asked.principal
  if (rights.areUnlimited) return
  const ofOwner = asked.catalog.namespaceById(id) === undefined ? allPrivileges : ofNamespaceOwners
  const own = rights.owns({ ownerId }) ? ofOwner : noPrivileges
  const wanted = may | mayGive
  if (((own | givableOn(asked, id)) & wanted) !== wanted)
    throw new AccessError('database', privilegeNames(wanted).join(', '))
}

/** There, on its namespace, or on the database. */
function givableOn({ catalog, principal: { rights } }: Asked, id: number): Privileges {
  const object = catalog.collectionById(id) ?? catalog.namespaceById(id)
  const own = heldBy(catalog.access.get(id)?.get(''), (to) => rights.member!.roles.has(to)).mayGive
  return object === undefined ? own : own | rights.givableAround(object)
}

/** Who gives anything to others looks after users. */
export function mayManage(asked: Asked): boolean {
  const { member } = asked.principal.rights
  if (member === undefined || member.createsRoles) return true
  const objects = [0, ...[...asked.catalog.namespaces.values()].map(({ id }) => id)]
  return objects.some((id) => givableOn(asked, id) !== noPrivileges)
}

// ---- the end of a role

/**
 * Takes away all that it has been given in the caller's database, and has given. Errors: `dependent_objects` where it owns
 * something; of other databases `Principals.drop` says so.
 */
export async function forget(request: Request, role: Role): Promise<void> {
  await request.session.run((transaction) => {
    const { catalog } = transaction
    const uses = usesOf(catalog, role.id)
    if (uses.namespaces.length + uses.collections.length + uses.policies.length > 0) checkUnused(catalog, role)
    for (const { id, part } of uses.access) {
      transaction.access.change(id, part, (list) => {
        return list!.filter(({ to, by }) => to !== role.id && by !== role.id)
      })
    }
  })
}
