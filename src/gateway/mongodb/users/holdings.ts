/** What a role has been given in a database, and how MongoDB's words tell it. */
import { type AccessItem, type AccessList, everybody, firstList } from '../../../database/access/access-list.ts'
import { allPrivileges, noPrivileges, ofCollections, ofSequences } from '../../../database/access/privileges.ts'
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import { type BsonWriter, indexName } from '../../../model/document/bson-writer.ts'
import type { Principals } from '../../../principal/principals.ts'
import { type Role, rolesAround } from '../../../principal/roles.ts'
import { actionsOfPrivileges } from './actions.ts'
import {
  adminDatabase,
  type Held,
  nothing,
  rolesEverywhere,
  rolesIn,
  type Standing,
  together,
} from './built-in-roles.ts'

export interface NamedRole {
  readonly role: string
  readonly db: string
}

/** What may be done, and with what. */
export interface ShownPrivilege {
  readonly db: string
  /** '': all of them. */
  readonly collection: string
  /** A column, or a pattern of keys, where it is for no more. */
  readonly part?: { readonly name: 'polylogColumn' | 'polylogKeys'; readonly value: string }
  readonly isCluster?: boolean
  readonly actions: readonly string[]
}

/** Of these roles together, on the whole of an object. */
export function heldBy(list: AccessList | undefined, isOf: (to: number) => boolean): Held {
  let held = nothing
  for (const item of list ?? []) if (isOf(item.to) && item.keys === undefined) held = together(held, item)
  return held
}

export function heldOn(catalog: Catalog, id: number, roleId: number): Held {
  return heldBy(catalog.access.get(id)?.get(''), (to) => to === roleId)
}

export function standingOf(principals: Principals, { superuser, createRole, memberOf }: Role): Standing {
  return { superuser, createRole, memberOf: memberOf.flatMap(({ role }) => principals.byId(role)?.name ?? []) }
}

/** The built-in roles that it has been given itself, and the other roles that it is a member of. */
export function rolesOfRole(principals: Principals, catalog: Catalog, role: Role): NamedRole[] {
  const standing = standingOf(principals, role)
  const everywhere = rolesEverywhere(standing, heldOn(catalog, 0, role.id)).roles
  const stoodFor = new Set(everywhere.map(({ memberOf }) => memberOf))
  const found: NamedRole[] = everywhere.map(({ name }) => ({ role: name, db: adminDatabase }))
  for (const { id, name } of catalog.namespaces.values()) {
    const held = heldOn(catalog, id, role.id)
    for (const one of rolesIn(held).roles) found.push({ role: one.name, db: name })
  }
  for (const name of standing.memberOf) if (!stoodFor.has(name)) found.push({ role: name, db: adminDatabase })
  return found
}

/** What it has been given itself. */
export function ownPrivileges(catalog: Catalog, role: Role): ShownPrivilege[] {
  return [...privilegesOf(catalog, (to) => to === role.id)]
}

/** All that it may do, by whichever door it was given: its own, of the roles that it inherits, and everybody's. */
export function inheritedPrivileges(principals: Principals, catalog: Catalog, role: Role): ShownPrivilege[] {
  const member = principals.member(role.id)
  if (member === undefined || member.isSuperuser) {
    return [{ db: '', collection: '', actions: ['anyAction'] }]
  }
  const found = [...privilegesOf(catalog, (to) => member.roles.has(to))]
  for (const { name } of catalog.namespaces.values()) {
    for (const collection of catalog.relationsOf(name)) {
      if (collection.ownerId === undefined || !member.roles.has(collection.ownerId)) continue
      found.push(shown(collection, { may: ofCollections | ofSequences, mayGive: noPrivileges }))
    }
  }
  const words: string[] = []
  if (member.createsRoles) words.push('polylog:createRole')
  if (member.createsDatabases) words.push('polylog:createDatabase')
  if (member.readsAll) words.push('polylog:pg_read_all_data')
  if (member.writesAll) words.push('polylog:pg_write_all_data')
  if (member.monitors) words.push('polylog:pg_read_all_stats')
  if (words.length > 0) found.push({ db: '', collection: '', isCluster: true, actions: words })
  return found
}

function shown({ namespace, name }: Collection, held: Held): ShownPrivilege {
  return { db: namespace.name, collection: name, actions: actionsOfHeld(held) }
}

/** Of what may be given to others, that it may. */
function actionsOfHeld({ may, mayGive }: Held): readonly string[] {
  const actions = actionsOfPrivileges(may)
  return mayGive === noPrivileges ? actions : [...actions, 'grantRole', 'revokeRole']
}

type IsOf = (to: number) => boolean

function* privilegesOf(catalog: Catalog, isOf: IsOf): Generator<ShownPrivilege> {
  // Where nothing is written down the database has the list that it begins with.
  const ofDatabase = heldBy(catalog.access.get(0)?.get('') ?? firstList('database', ''), isOf)
  if (isSomething(ofDatabase)) yield { db: '', collection: '', actions: actionsOfHeld(ofDatabase) }
  for (const namespace of catalog.namespaces.values()) {
    const place = { db: namespace.name, collection: '' }
    const lists = catalog.access.get(namespace.id)
    const held = heldBy(lists?.get('') ?? firstList('namespace', namespace.name), isOf)
    if (isSomething(held)) yield { ...place, actions: actionsOfHeld(held) }
    for (const item of lists?.get('keys') ?? []) if (isOf(item.to)) yield ofKeys(place, item)
    for (const collection of catalog.relationsOf(namespace.name)) yield* ofCollection(catalog, collection, isOf)
  }
}

function ofKeys(place: { readonly db: string; readonly collection: string }, item: AccessItem): ShownPrivilege {
  return { ...place, part: { name: 'polylogKeys', value: item.keys ?? '' }, actions: actionsOfHeld(item) }
}

function* ofCollection(catalog: Catalog, collection: Collection, isOf: IsOf): Generator<ShownPrivilege> {
  for (const [part, list] of catalog.access.get(collection.id) ?? []) {
    const held = heldBy(list, isOf)
    if (!isSomething(held)) continue
    const told = shown(collection, held)
    yield part === '' ? told : { ...told, part: { name: 'polylogColumn', value: part.replace(/^column /, '') } }
  }
}

function isSomething({ may, mayGive }: Held): boolean {
  return ((may | mayGive) & allPrivileges) !== noPrivileges
}

/** Those that it is, through others, too; not everybody. */
export function rolesInherited(principals: Principals, catalog: Catalog, role: Role): NamedRole[] {
  const found = new Map<string, NamedRole>()
  for (const id of principals.member(role.id)?.roles ?? rolesAround(undefined, role.id, () => false)) {
    const one = id === everybody ? undefined : principals.byId(id)
    if (one === undefined) continue
    for (const each of rolesOfRole(principals, catalog, one)) found.set(`${each.role}@${each.db}`, each)
  }
  return [...found.values()]
}

// ---- in replies

export function writeRoles(writer: BsonWriter, name: string, roles: readonly NamedRole[]): void {
  writer.beginArray(name)
  for (const [i, { role, db }] of roles.entries()) {
    writer.beginObject(indexName(i)).string('role', role).string('db', db).end()
  }
  writer.end()
}

export function writePrivileges(writer: BsonWriter, name: string, privileges: readonly ShownPrivilege[]): void {
  writer.beginArray(name)
  for (const [i, { db, collection, part, isCluster, actions }] of privileges.entries()) {
    writer.beginObject(indexName(i)).beginObject('resource')
    if (isCluster === true) writer.boolean('cluster', true)
    else writer.string('db', db).string('collection', collection)
    if (part !== undefined) writer.string(part.name, part.value)
    writer.end().beginArray('actions')
    for (const [j, action] of actions.entries()) writer.string(indexName(j), action)
    writer.end().end()
  }
  writer.end()
}
