/**
 * Default privileges: what a role has said of objects that it will make. When it makes one, the object begins with it.
 *
 * They lie beside the access lists, as parts of the object in which they hold: of a namespace, or of the database for all.
 *
 *   (0, 10, 0, 'default 17 table')    of every table that role 17 makes
 *   (0, 10, 5, 'default 17 table')    and of those that it makes in namespace 5; they go with it
 *
 * A list is of one giver, the role itself, and says nothing of what an owner has by being one. Where nothing is left in it, it goes.
 * What everybody may do with a function or a type unless somebody says otherwise stands in the database's list of those, so that
 * it can be taken from there: of these kinds the list is all that one begins with, and an empty one says that it is nothing.
 *
 * A collection of documents is of no owner; it begins with what who makes it has said of tables, given by nobody. The numbered
 * databases of Redis are everybody's: who happens to write the first key there says nothing of the keys of others.
 */
import type { Collection } from '../catalog/catalog.ts'
import { findKind } from '../catalog/objects.ts'
import { type AccessItem, type AccessList, everybody, given, noOwner } from './access-list.ts'
import { noPrivileges, privilege } from './privileges.ts'
import type { AccessLists } from './rights.ts'

export type DefaultKind = 'table' | 'sequence' | 'schema' | 'function' | 'type'

const prefix = 'default '

export function defaultPart(roleId: number, kind: DefaultKind): string {
  return `${prefix}${roleId} ${kind}`
}

/** Undefined of the part of an object that is there. */
export function readDefaultPart(part: string): { readonly roleId: number; readonly kind: DefaultKind } | undefined {
  if (!part.startsWith(prefix)) return undefined
  const [roleId, kind] = part.slice(prefix.length).split(' ')
  return { roleId: Number(roleId), kind: kind as DefaultKind }
}

/** What the role's next object of the kind begins with. `namespaceId`: of what lies in one. */
export function defaultsFor(
  access: AccessLists,
  roleId: number | undefined,
  kind: DefaultKind,
  namespaceId?: number,
): AccessList {
  if (roleId === undefined) return []
  const part = defaultPart(roleId, kind)
  const everywhere = access.get(0)?.get(part) ?? unsaid(kind, roleId)
  const here = namespaceId === undefined ? [] : (access.get(namespaceId)?.get(part) ?? [])
  return here.reduce(withItem, everywhere)
}

function withItem(list: AccessList, { to, by, may, mayGive }: AccessItem): AccessList {
  const all = given(list, { to, by, privileges: may, option: false })
  return mayGive === noPrivileges ? all : given(all, { to, by, privileges: mayGive, option: true })
}

/** What everybody may do with one of which nobody says anything, as given by who makes it. */
export function unsaid(kind: DefaultKind, by: number): AccessList {
  if (kind !== 'function' && kind !== 'type') return []
  const may = kind === 'function' ? privilege.execute : privilege.usage
  return [{ to: everybody, by, may, mayGive: noPrivileges }]
}

export function isUnsaid(kind: DefaultKind, by: number, list: AccessList): boolean {
  const plain = unsaid(kind, by)
  return list.length === plain.length && plain.every((one, i) => isSame(one, list[i]!))
}

function isSame(one: AccessItem, other: AccessItem): boolean {
  return one.to === other.to && one.by === other.by && one.may === other.may && one.mayGive === other.mayGive
}

function kindOf({ kind }: Collection): DefaultKind {
  const { space = 'relation' } = findKind(kind) ?? {}
  if (space === 'function' || space === 'type') return space
  return kind === 'sequence' ? 'sequence' : 'table'
}

/** Of a collection that `roleId` has just made; undefined where nothing was said. */
export function firstAccess(access: AccessLists, roleId: number | undefined, made: Collection): AccessList | undefined {
  if (made.model === 'keyvalue' || roleId === undefined) return undefined
  const kind = kindOf(made)
  const list = defaultsFor(access, roleId, kind, made.namespace.id)
  if (isUnsaid(kind, roleId, list)) return undefined
  return made.ownerId === roleId ? list : list.map((item) => ({ ...item, by: noOwner }))
}
