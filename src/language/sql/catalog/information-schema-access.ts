/** The standard's views of who may do what: those of what the caller has, or has given. */
import type { AccessItem } from '../../../database/access/access-list.ts'
import { noOwner } from '../../../database/access/access-list.ts'
import { ofColumns, privilege, type PrivilegeName, type Privileges } from '../../../database/access/privileges.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { partText } from '../../../database/catalog/objects.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { memoryRelation } from './memory-relation.ts'
import { allRoles, isMade, ownerName } from './roles.ts'
import { relationsOf } from './relations.ts'
import { collections } from './stored-tables.ts'

type Values = readonly SqlValue[]

const schema = 'information_schema'
const texts = (names: string): (readonly [string, number])[] => {
  return names.split(' ').map((name) => [name, oid.text] as const)
}

/** The standard's words. */
const words: readonly (readonly [PrivilegeName, string])[] = [
  ['insert', 'INSERT'],
  ['read', 'SELECT'],
  ['update', 'UPDATE'],
  ['delete', 'DELETE'],
  ['truncate', 'TRUNCATE'],
  ['references', 'REFERENCES'],
  ['trigger', 'TRIGGER'],
]
const ofTables: Privileges = words.reduce((all, [name]) => all | privilege[name], 0)

/** Of a collection, or one of its columns; the owner's own first. */
function* itemsOf(run: SqlRun, collection: Collection, part: string): Generator<AccessItem> {
  const { ownerId = noOwner } = collection
  if (part === '') yield { to: ownerId, by: ownerId, may: ofTables, mayGive: ofTables }
  yield* run.transaction.catalog.access.get(collection.id)?.get(part) ?? []
}

function nameOf(run: SqlRun, id: number, collection: Collection): string {
  if (id === 0) return 'PUBLIC'
  if (id === noOwner || id === collection.ownerId) return ownerName(run, collection)
  return run.context.roles?.find((role) => role.id === id)?.name ?? String(id)
}

interface Granted {
  readonly grantor: string
  readonly grantee: string
  readonly word: string
  readonly isGivable: boolean
  readonly toEverybody: boolean
}

/** What is of concern to the caller: it has it, or has given it. */
function* grantedOn(run: SqlRun, collection: Collection, part: string, of: Privileges): Generator<Granted> {
  const { rights } = run.transaction.principal
  const isOwn = (id: number): boolean => rights.member === undefined || rights.member.roles.has(id)
  for (const { to, by, may, mayGive } of itemsOf(run, collection, part)) {
    if (!isOwn(to) && !isOwn(by)) continue
    const [grantor, grantee] = [nameOf(run, by, collection), nameOf(run, to, collection)]
    for (const [name, word] of words) {
      if ((may & of & privilege[name]) === 0) continue
      yield { grantor, grantee, word, isGivable: (mayGive & privilege[name]) !== 0, toEverybody: to === 0 }
    }
  }
}

function* tableGrants(run: SqlRun, withEverybody: boolean): Generator<Values> {
  for (const collection of collections(run)) {
    if (collection.kind === 'sequence') continue
    const place = [run.context.database, collection.namespace.name, collection.name]
    for (const { grantor, grantee, word, isGivable, toEverybody } of grantedOn(run, collection, '', ofTables)) {
      if (toEverybody && !withEverybody) continue
      yield [grantor, grantee, ...place, word, isGivable ? 'YES' : 'NO', word === 'SELECT' ? 'YES' : 'NO']
    }
  }
}

/** What is given on the whole is given on each column. */
function* columnGrants(run: SqlRun, withEverybody: boolean): Generator<Values> {
  for (const collection of collections(run)) {
    if (collection.kind === 'sequence') continue
    const place = [run.context.database, collection.namespace.name, collection.name]
    for (const { name, number } of relationsOf(collection)[0]?.columns ?? []) {
      for (const part of ['', partText({ kind: 'column', key: number })]) {
        for (const { grantor, grantee, word, isGivable, toEverybody } of grantedOn(run, collection, part, ofColumns)) {
          if (toEverybody && !withEverybody) continue
          yield [grantor, grantee, ...place, name, word, isGivable ? 'YES' : 'NO']
        }
      }
    }
  }
}

/** The roles that the caller's rights are of. */
function* enabledRoles(run: SqlRun): Generator<Values> {
  const { member } = run.transaction.principal.rights
  for (const { role } of allRoles(run)) {
    if (member === undefined ? isMade(role) || role.name === run.context.user : member.roles.has(role.id))
      yield [role.name]
  }
}

function* applicableRoles(run: SqlRun): Generator<Values> {
  const { member } = run.transaction.principal.rights
  const roles = run.context.roles ?? []
  for (const role of roles) {
    if (member !== undefined && !member.roles.has(role.id)) continue
    for (const { role: other, admin } of role.memberOf) {
      const found = roles.find(({ id }) => id === other)
      if (found !== undefined) yield [role.name, found.name, admin ? 'YES' : 'NO']
    }
  }
}

const tableColumns = texts(
  'grantor grantee table_catalog table_schema table_name privilege_type is_grantable with_hierarchy',
)
const columnColumns = texts(
  'grantor grantee table_catalog table_schema table_name column_name privilege_type is_grantable',
)

export const accessViews: readonly Relation[] = [
  memoryRelation(schema, 'table_privileges', tableColumns, (run) => tableGrants(run, true)),
  memoryRelation(schema, 'role_table_grants', tableColumns, (run) => tableGrants(run, false)),
  memoryRelation(schema, 'column_privileges', columnColumns, (run) => columnGrants(run, true)),
  memoryRelation(schema, 'role_column_grants', columnColumns, (run) => columnGrants(run, false)),
  memoryRelation(schema, 'enabled_roles', texts('role_name'), enabledRoles),
  memoryRelation(schema, 'applicable_roles', texts('grantee role_name is_grantable'), applicableRoles),
]
