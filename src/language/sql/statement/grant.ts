/**
 * GRANT and REVOKE: of privileges on tables, columns, sequences, functions, types, schemas and databases, which lie in this database, and of
 * membership in roles, which is the server's: the door carries that out.
 *
 * PostgreSQL's words, and those that Polylog has beside them: on a schema or the database what is for tables is given on all
 * that are in it, those to come included; `SCHEMA` (to change definitions), `FEED`, `HISTORY`, `FORK`, `ADMINISTER`.
 */
import type { AccessPriv, GrantRoleStmt, GrantStmt, Node, RangeVar, RoleSpec } from 'libpg-query'
import {
  type AccessList,
  everybody,
  firstList,
  givableIn,
  given,
  type Giving,
  noOwner,
  taken,
} from '../../../database/access/access-list.ts'
import { unsaid } from '../../../database/access/default-access.ts'
import {
  noPrivileges,
  ofCollections,
  ofColumns,
  ofDatabases,
  ofNamespaces,
  ofSequences,
  privilege,
  type Privileges,
} from '../../../database/access/privileges.ts'
import type { Collection, Namespace } from '../../../database/catalog/catalog.ts'
import { partText } from '../../../database/catalog/objects.ts'
import { isSequence } from '../../../model/table/sequence.ts'
import { domainKind } from '../../../model/table/type-kinds.ts'
import { ownerPrivileges } from '../catalog/access-text.ts'
import { relationsOf } from '../catalog/relations.ts'
import { stringOf, stringsOf } from '../bind/tree.ts'
import type { Notice, RoleName, SqlContext } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { isRoutine } from '../routine/definition.ts'
import { routineOf } from '../routine/routines.ts'
import { findCollection, shownName } from './naming.ts'
import { getRoutine, routineNode, routineWord } from './routines/named-routine.ts'
import { getTypeCollection, pathOf } from './types/type-names.ts'
import { type Planned, planEffect, planSteps } from './prepared.ts'
import { objectWords } from './statement-names.ts'

/** PostgreSQL's words for them. */
export const privilegeWords: ReadonlyMap<string, Privileges> = new Map([
  ['select', privilege.read],
  ['insert', privilege.insert],
  ['update', privilege.update],
  ['delete', privilege.delete],
  ['truncate', privilege.truncate],
  ['references', privilege.references],
  ['trigger', privilege.trigger],
  ['usage', privilege.usage],
  ['create', privilege.create],
  ['connect', privilege.connect],
  ['execute', privilege.execute],
  ['temporary', privilege.temporary],
  ['temp', privilege.temporary],
  ['schema', privilege.schema],
  ['feed', privilege.feed],
  ['history', privilege.history],
  ['fork', privilege.fork],
  ['administer', privilege.administer],
])

type Kind = 'table' | 'sequence' | 'schema' | 'database' | 'function' | 'type'

/** What PostgreSQL has for each kind: what `ALL` says. */
export const allOf: Readonly<Record<Kind, Privileges>> = {
  ...ownerPrivileges,
  database: privilege.create | privilege.connect | privilege.temporary,
}

export const possibleOf: Readonly<Record<Kind, Privileges>> = {
  table: ofCollections,
  sequence: ofSequences,
  schema: ofNamespaces,
  database: ofDatabases,
  function: privilege.execute,
  type: privilege.usage,
}

/** What a statement is about: its list, and who may always give. */
interface Target {
  readonly kind: Kind
  readonly id: number
  readonly name: string
  readonly ownerId: number | undefined
  readonly first: AccessList
  readonly collection?: Collection
  readonly namespace?: Namespace
}

export function planGrant(statement: GrantStmt): Planned {
  const { is_grant: isGrant = false, behavior, grantor } = statement
  const command = isGrant ? 'GRANT' : 'REVOKE'
  return planSteps({ kind: 'schema' }, command, (run) => {
    const notices: Notice[] = []
    // As whom it is given is found out; PostgreSQL takes the name for the standard's sake.
    if (grantor?.roletype === 'ROLESPEC_CSTRING') {
      requireRole(run.context, grantor.rolename!)
      if (grantor.rolename !== run.context.user) throw failure('0A000', 'grantor must be current user')
    }
    const grantees = requireGrantees(run, statement)
    for (const target of targetsOf(run, statement)) {
      for (const { part, wanted } of wantedOn(target, statement.privileges)) {
        const option = statement.grant_option === true
        const change = { target, part, wanted, option, grantees, isGrant, cascade: behavior === 'DROP_CASCADE' }
        changeOne(run, change, notices)
      }
    }
    return { rowCount: 0, notices }
  })
}

/** Numbers of roles, 0 is everybody. */
export function requireGrantees(
  run: SqlRun,
  { grantees = [], is_grant: isGrant, grant_option: option }: GrantStmt,
): number[] {
  const found = grantees.map((node) => granteeId(run, (node as { RoleSpec: RoleSpec }).RoleSpec))
  if (isGrant !== true || option !== true || !found.includes(everybody)) return found
  throw failure('0LP01', 'grant options can only be granted to roles')
}

interface Change {
  readonly target: Target
  readonly part: string
  readonly wanted: Privileges
  readonly option: boolean
  readonly grantees: readonly number[]
  readonly isGrant: boolean
  readonly cascade: boolean
}

function changeOne(run: SqlRun, change: Change, notices: Notice[]): void {
  const { target, part, isGrant } = change
  const giver = giverOf(run, target, part, change.wanted)
  const privileges = change.wanted & giver.may
  if (privileges !== change.wanted) notices.push(tooLittle(target, isGrant, privileges))
  if (privileges === noPrivileges) {
    if (run.transaction.principal.rights.onObject(target.id, target.collection) === noPrivileges) throw refused(target)
    return
  }
  changeList(run, change, part, privileges, giver.by)
  if (isGrant || part !== '') return
  // What is taken of the whole is taken of its columns, and what was given of them because of it.
  for (const column of run.transaction.catalog.access.get(target.id)?.keys() ?? []) {
    if (isColumnPart(column)) changeList(run, change, column, privileges & ofColumns, giver.by)
  }
}

/** The others are the whole, keys of Redis, and default privileges. */
function isColumnPart(part: string): boolean {
  return part.startsWith('column ')
}

function changeList(run: SqlRun, change: Change, part: string, privileges: Privileges, by: number): void {
  const { target, option, grantees, isGrant, cascade } = change
  const owner = target.ownerId ?? noOwner
  run.transaction.access.change(target.id, part, (written) => {
    let list = written ?? (part === '' ? target.first : [])
    const whole = part === '' ? [] : (run.transaction.catalog.access.get(target.id)?.get('') ?? [])
    for (const to of grantees) {
      const giving: Giving = { to, by, privileges, option }
      list = isGrant ? given(list, giving) : taken(list, giving, owner, cascade, whole)
    }
    return list
  })
}

/** As whom it is given, and how much of it: the owner where the caller may do as it does, else the role that may give most. */
function giverOf(
  { transaction }: SqlRun,
  target: Target,
  part: string,
  wanted: Privileges,
): { readonly by: number; readonly may: Privileges } {
  const { rights } = transaction.principal
  const owner = target.ownerId ?? noOwner
  if (rights.member === undefined) return { by: owner, may: wanted }
  const lists = transaction.catalog.access.get(target.id)
  const whole = lists?.get('') ?? target.first
  const held = part === '' ? whole : [...whole, ...(lists?.get(part) ?? [])]
  let best = { by: rights.member.roleId, may: noPrivileges }
  if (rights.owns(target)) best = { by: owner, may: wanted & ofOwner[target.kind] }
  for (const role of [rights.member.roleId, ...rights.member.roles]) {
    const may = wanted & givableIn(held, new Set([role]))
    if (count(may) > count(best.may)) best = { by: role, may }
  }
  // Who may give it on all around gives it as the owner does.
  const object = target.collection ?? target.namespace
  const may = object === undefined ? noPrivileges : wanted & rights.givableAround(object)
  if (count(may) > count(best.may)) best = { by: owner, may }
  return best
}

/** Who owns a schema owns what it makes in it, and not what others do. */
const ofOwner: Readonly<Record<Kind, Privileges>> = { ...possibleOf, schema: allOf.schema, database: noPrivileges }

function count(set: Privileges): number {
  let bits = 0
  for (let left = set; left !== 0; left &= left - 1) bits++
  return bits
}

function refused({ kind, name }: Target): Error {
  return failure('42501', `permission denied for ${kind} ${name}`)
}

function tooLittle({ name }: Target, isGrant: boolean, left: Privileges): Notice {
  const what = left === noPrivileges ? 'no privileges' : 'not all privileges'
  const message = `${what} ${isGrant ? 'were granted' : 'could be revoked'} for "${name}"`
  return { severity: 'WARNING', sqlState: isGrant ? '01007' : '01006', message }
}

export function granteeId({ context }: SqlRun, role: RoleSpec): number {
  if (role.roletype === 'ROLESPEC_PUBLIC') return everybody
  const name = role.roletype === 'ROLESPEC_CSTRING' ? role.rolename! : context.user
  return requireRole(context, name)
}

/** The number of a role. Errors: 42704. */
export function requireRole({ roles }: SqlContext, name: string): number {
  const found = roles?.find((role) => role.name === name)
  if (found === undefined) throw failure('42704', `role "${name}" does not exist`)
  return found.id
}

// ---- what

function targetsOf(run: SqlRun, { targtype, objtype, objects = [] }: GrantStmt): Target[] {
  if (targtype === 'ACL_TARGET_ALL_IN_SCHEMA') return objects.flatMap((node) => allIn(run, stringOf(node), objtype))
  if (objtype === 'OBJECT_TABLE' || objtype === 'OBJECT_SEQUENCE') {
    return objects.map((node) => relationTarget(run, (node as { RangeVar: RangeVar }).RangeVar, objtype))
  }
  if (objtype === 'OBJECT_SCHEMA') return objects.map((node) => namespaceTarget(requireNamespace(run, stringOf(node))))
  if (objtype === 'OBJECT_DATABASE') return objects.map((node) => databaseTarget(run, stringOf(node)))
  const word = routineWord(objtype)
  if (word !== undefined) {
    return objects.map((node) => routineTarget(getRoutine(run, routineNode(node), word).collection))
  }
  if (objtype === 'OBJECT_TYPE' || objtype === 'OBJECT_DOMAIN') {
    return objects.map((node) => typeTarget(run, pathOf(node), objtype))
  }
  throw notBuilt(`GRANT and REVOKE on a ${objectWords(objtype).toLowerCase()}`)
}

function typeTarget(run: SqlRun, path: readonly string[], objtype: GrantStmt['objtype']): Target {
  const collection = getTypeCollection(run, path)
  const { id, ownerId, name, kind } = collection
  if (objtype === 'OBJECT_DOMAIN' && kind !== domainKind.name) throw failure('42809', `"${name}" is not a domain`)
  return { kind: 'type', id, name, ownerId, first: unsaid('type', ownerId ?? noOwner), collection }
}

function routineTarget(collection: Collection): Target {
  const { id, ownerId } = collection
  const { name } = routineOf(collection).definition
  return { kind: 'function', id, name, ownerId, first: unsaid('function', ownerId ?? noOwner), collection }
}

export function requireNamespace({ transaction }: SqlRun, name: string): Namespace {
  const found = transaction.catalog.namespaces.get(name)
  if (found !== undefined) return found
  if (name === 'public') return transaction.createNamespace(name)
  throw failure('3F000', `schema "${name}" does not exist`)
}

function namespaceTarget(namespace: Namespace): Target {
  const { id, name, ownerId } = namespace
  return { kind: 'schema', id, name, ownerId, first: firstList('namespace', name), namespace }
}

function databaseTarget({ context }: SqlRun, name: string): Target {
  if (name !== context.database) throw notBuilt('GRANT and REVOKE on a database from within another one')
  return { kind: 'database', id: 0, name, ownerId: undefined, first: firstList('database', name) }
}

function relationTarget(run: SqlRun, name: RangeVar, objtype: GrantStmt['objtype']): Target {
  const collection = findCollection(run, name)
  if (collection === undefined) throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  if (objtype === 'OBJECT_SEQUENCE' && !isSequence(collection)) {
    throw failure('42809', `"${collection.name}" is not a sequence`)
  }
  return collectionTarget(collection)
}

function collectionTarget(collection: Collection): Target {
  const { id, name, ownerId } = collection
  return { kind: isSequence(collection) ? 'sequence' : 'table', id, name, ownerId, first: [], collection }
}

function allIn(run: SqlRun, schema: string, objtype: GrantStmt['objtype']): Target[] {
  const namespace = requireNamespace(run, schema)
  const wantsSequences = objtype === 'OBJECT_SEQUENCE'
  if (routineWord(objtype) !== undefined) {
    return [...run.transaction.catalog.othersOf(namespace.name).values()].filter(isRoutine).map(routineTarget)
  }
  if (objtype !== 'OBJECT_TABLE' && !wantsSequences) throw notBuilt(`ALL ${objectWords(objtype)}S IN SCHEMA`)
  return run.transaction.catalog
    .relationsOf(namespace.name)
    .filter((one) => isSequence(one) === wantsSequences)
    .map(collectionTarget)
}

/** By part: '' is the whole. */
function wantedOn(target: Target, nodes: readonly Node[] | undefined): { part: string; wanted: Privileges }[] {
  if (nodes === undefined) return [{ part: '', wanted: allOf[target.kind] }]
  const parts = new Map<string, Privileges>()
  const add = (part: string, wanted: Privileges): void =>
    void parts.set(part, (parts.get(part) ?? noPrivileges) | wanted)
  for (const node of nodes) {
    const { priv_name: word, cols } = (node as { AccessPriv: AccessPriv }).AccessPriv
    const columns = stringsOf(cols)
    const wanted = word === undefined ? (columns.length > 0 ? ofColumns : allOf[target.kind]) : wantedBy(target, word)
    if (columns.length === 0) add('', wanted)
    else if ((wanted & ~ofColumns) !== noPrivileges) {
      throw failure('0LP01', `invalid privilege type ${word!.toUpperCase()} for column`)
    } else for (const column of columns) add(columnPart(target, column), wanted)
  }
  return [...parts].map(([part, wanted]) => ({ part, wanted }))
}

function wantedBy({ kind }: Target, word: string): Privileges {
  const wanted = privilegeWords.get(word)
  if (wanted === undefined) throw failure('42601', `unrecognized privilege type "${word}"`)
  // A sequence is a table to who says TABLE.
  if ((wanted & possibleOf[kind]) !== noPrivileges) return wanted
  throw failure('0LP01', `invalid privilege type ${word.toUpperCase()} for ${kind}`)
}

function columnPart({ kind, collection, name }: Target, column: string): string {
  if (collection === undefined) throw failure('0LP01', `column privileges are only valid for relations`)
  const found = relationsOf(collection)[0]?.columns.find((one) => one.name === column)
  if (found === undefined) throw failure('42703', `column "${column}" of relation "${name}" does not exist`)
  if (kind !== 'table' || collection.model !== 'table') throw notBuilt('privileges on a column of what is no table')
  return partText({ kind: 'column', key: found.number })
}

// ---- membership

export function planGrantRole(statement: GrantRoleStmt): Planned {
  const { granted_roles: granted = [], grantee_roles: grantees = [], is_grant: isGrant = false } = statement
  const roles = granted.map((node) => (node as { AccessPriv: AccessPriv }).AccessPriv.priv_name!)
  const members = grantees.map((node): RoleName => {
    const { roletype, rolename } = (node as { RoleSpec: RoleSpec }).RoleSpec
    if (roletype === 'ROLESPEC_PUBLIC') throw failure('42704', 'role "public" does not exist')
    return roletype === 'ROLESPEC_CSTRING' ? { name: rolename! } : 'current'
  })
  const option = adminOption(statement.opt)
  const { grantor } = statement
  const by: RoleName | undefined = grantor && (grantor.rolename === undefined ? 'current' : { name: grantor.rolename })
  const effect = { kind: 'grant role', roles, members, isGrant, admin: option, ...(by && { grantedBy: by }) } as const
  return planEffect(effect, isGrant ? 'GRANT ROLE' : 'REVOKE ROLE')
}

/** WITH ADMIN OPTION, and ADMIN OPTION FOR. */
function adminOption(options: readonly Node[] = []): boolean {
  for (const node of options) {
    const { defname = '' } = (node as { DefElem: { defname?: string } }).DefElem
    if (defname !== 'admin') throw notBuilt(`GRANT … WITH ${defname.toUpperCase()}`)
  }
  return options.length > 0
}
