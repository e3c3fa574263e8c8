/**
 * What a command asks before it touches anything.
 *
 * Collections are asked for where their names are looked up, within the statement: in the state that it reads, by the rights
 * that the caller has when it begins. So what was taken away counts for the next batch of an open cursor, and a collection
 * that has come under a name since is asked for itself. One that is not there is asked of its namespace, so that nobody
 * learns by the answer whether it is there.
 *
 *   find, count, distinct, explain, getMore         read; of every collection that a pipeline names
 *   insert, update, delete, findAndModify           what they do; `read`, too, where a condition looks at what is there
 *   what makes a collection                         `create` in the namespace
 *   indexes, drop, renaming                         `schema`
 *
 * Other commands have a rule of `Access`, which `checkAccess` looks at before they run.
 */
import { AccessError, type Rights } from '../../database/access/rights.ts'
import { noPrivileges, privilege, type Privileges } from '../../database/access/privileges.ts'
import type { Catalog, Collection } from '../../database/catalog/catalog.ts'
import type { Session } from '../../session/contract.ts'

/** Whom a command answers. */
export type Access =
  /** Who has not logged in, too. */
  | 'anybody'
  /** Who has: it concerns nobody else, or what it shows is chosen by what the caller may see. */
  | 'user'
  /** Who may see what others do. */
  | 'monitor'
  /** As its statement asks of the collections that it names. */
  | 'collections'
  /** As the rules for roles say (`principal/role-rules.ts`, `users/granting.ts`). */
  | 'roles'

/** What is asked: a transaction, or a session between its statements. */
export interface Asked {
  readonly catalog: Catalog
  readonly principal: { readonly rights: Rights }
}

export function askedOf({ catalog, rights }: Session): Asked {
  return { catalog, principal: { rights } }
}

/** Errors: `AccessError`. */
export function checkAccess(access: Access, { rights }: Session): void {
  if (access === 'monitor' && !mayMonitor(rights)) throw new AccessError('database', 'admin')
}

export function mayMonitor(rights: Rights): boolean {
  return mayAdminister(rights) || rights.member!.monitors
}

/** Sees and ends what others do. */
export function mayAdminister(rights: Rights): boolean {
  return rights.areUnlimited || (rights.ofDatabase & privilege.administer) !== 0
}

/** The collection, if there is one, where the caller may do all of this with it. Errors: `AccessError`. */
export function findAllowed(asked: Asked, namespace: string, name: string, wanted: Privileges): Collection | undefined {
  const collection = asked.catalog.findCollection(namespace, name)
  const { rights } = asked.principal
  if (rights.areUnlimited) return collection
  if (collection === undefined) requireInAll(asked, namespace, wanted)
  else if (wanted === privilege.schema) requireSchema(rights, collection)
  else rights.require(collection, wanted)
  return collection
}

/** Likewise, to drop it or an index of it: the owner of the namespace may, too. */
export function findDroppable(asked: Asked, namespace: string, name: string): Collection | undefined {
  const collection = asked.catalog.findCollection(namespace, name)
  const isOwned = collection !== undefined && asked.principal.rights.owns(collection.namespace)
  return isOwned ? collection : findAllowed(asked, namespace, name, privilege.schema)
}

/** Likewise, to be told of what it is made of: who may read it, or change that. */
export function findDescribed(asked: Asked, namespace: string, name: string): Collection | undefined {
  const collection = asked.catalog.findCollection(namespace, name)
  const { rights } = asked.principal
  if (rights.areUnlimited) return collection
  if (collection === undefined) requireAnyInAll(asked, namespace, describing)
  else if (!rights.owns(collection)) rights.requireAny(collection, describing)
  else rights.requireUse(collection.namespace)
  return collection
}

const describing: Privileges = privilege.read | privilege.schema

/** Of all collections of a namespace, those to come included. */
export function requireInAll(asked: Asked, namespace: string, wanted: Privileges): void {
  if ((ofAll(asked, namespace) & wanted) !== wanted) throw new AccessError('schema', namespace)
}

export function requireAnyInAll(asked: Asked, namespace: string, wanted: Privileges): void {
  if ((ofAll(asked, namespace) & wanted) === 0) throw new AccessError('schema', namespace)
}

function ofAll({ catalog, principal: { rights } }: Asked, name: string): Privileges {
  const namespace = catalog.namespaces.get(name)
  // To make one asks the database itself.
  return rights.ofNamespace(namespace) | (namespace === undefined ? rights.ofDatabase : noPrivileges)
}

/** Its owner may, too. */
function requireSchema(rights: Rights, collection: Collection): void {
  rights.requireUse(collection.namespace)
  rights.requireOwner(collection)
}

/** To make a collection, and the namespace where that is missing. */
export function requireCreate(asked: Asked, namespace: string): void {
  requireAnyInAll(asked, namespace, privilege.create | privilege.schema)
}

/** To see that it is there: whoever may do anything with it. */
export function maySee(rights: Rights, collection: Collection): boolean {
  return rights.areUnlimited || rights.touches(collection, false)
}
