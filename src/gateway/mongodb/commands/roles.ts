/**
 * Roles that are made: `createRole` and its like. One is a role of the server that may not log in; its privileges are what it
 * has been given on objects of the caller's database, built-in roles that it inherits included.
 */
import { AccessError } from '../../../database/access/rights.ts'
import { bsonType, type BsonValue, elementsOf, getField } from '../../../model/document/bson.ts'
import { type BsonWriter, indexName } from '../../../model/document/bson-writer.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { readString } from '../../../model/document/values.ts'
import type { Role } from '../../../principal/roles.ts'
import { askedOf } from '../access.ts'
import type { Command, Reply, Request } from '../request.ts'
import {
  nameOf,
  type NamedGrant,
  privilegesGiven,
  refuseRestrictions,
  requirePrivileges,
  requireRole,
  requireRoles,
  roleExists,
  rolesGiven,
} from '../users/arguments.ts'
import { adminDatabase, type BuiltInRole, builtInRolesOf, findBuiltIn, isBuiltInName } from '../users/built-in-roles.ts'
import {
  checkUpdate,
  grantPrivileges,
  grantRoles,
  mayManage,
  replacePrivileges,
  revokePrivileges,
  revokeRoles,
} from '../users/granting.ts'
import { actionsOfPrivileges } from '../users/actions.ts'
import {
  inheritedPrivileges,
  type NamedRole,
  ownPrivileges,
  rolesInherited,
  standingOf,
  writePrivileges,
  writeRoles,
} from '../users/holdings.ts'
import { dropRole as drop, orNotAtAll } from './users.ts'

const empty: Reply = () => undefined

async function createRole(request: Request): Promise<Reply> {
  const name = nameOf(request)
  const roles = requireRoles(request)
  const privileges = requirePrivileges(request)
  refuseRestrictions(request)
  const { principals } = request.gateway.sessions
  if (isBuiltInName(name)) {
    throw mongoError(mongoCode.badValue, `Cannot create roles with the same name as a built-in role: ${name}`)
  }
  if (principals.find(name) !== undefined) {
    throw mongoError(roleExists, `Role "${name}@${adminDatabase}" already exists`, 'duplicate_object')
  }
  await principals.create(name, { login: false }, request.session)
  await orNotAtAll(request, principals.find(name)!, (role) => give(request, role, roles, privileges))
  return empty
}

async function give(
  request: Request,
  role: Role,
  roles: readonly NamedGrant[],
  privileges: ReturnType<typeof requirePrivileges>,
): Promise<void> {
  if (roles.length > 0) await grantRoles(request, role, roles)
  if (privileges.length > 0) await grantPrivileges(request, role, privileges)
}

async function updateRole(request: Request): Promise<Reply> {
  const role = named(request)
  const roles = rolesGiven(request)
  const privileges = privilegesGiven(request)
  refuseRestrictions(request)
  if (roles === undefined && privileges === undefined) {
    throw mongoError(mongoCode.badValue, 'Must specify at least one field to update in updateRole')
  }
  const gone = roles === undefined ? [] : goneFrom(request, role, roles)
  await checkUpdate(request, role, { gone, added: roles ?? [], privileges })
  if (gone.length > 0) await revokeRoles(request, role, gone)
  if (privileges !== undefined) await replacePrivileges(request, role, privileges)
  if (roles !== undefined && roles.length > 0) await grantRoles(request, role, roles)
  return empty
}

function goneFrom(request: Request, role: Role, roles: readonly NamedGrant[]): NamedGrant[] {
  const before = memberships(request, role).map(({ role: name }): NamedGrant => ({ kind: 'role', name }))
  const isNamed = ({ name }: { name: string }): boolean => roles.some((one) => one.kind === 'role' && one.name === name)
  return before.filter((one) => one.kind === 'role' && !isNamed(one))
}

function named(request: Request): Role {
  return requireRole(request.gateway.sessions.principals, nameOf(request))
}

async function dropRole(request: Request): Promise<Reply> {
  await drop(request, named(request))
  return empty
}

async function grantRolesToRole(request: Request): Promise<Reply> {
  await grantRoles(request, named(request), requireRoles(request))
  return empty
}

async function revokeRolesFromRole(request: Request): Promise<Reply> {
  await revokeRoles(request, named(request), requireRoles(request))
  return empty
}

async function grantPrivilegesToRole(request: Request): Promise<Reply> {
  await grantPrivileges(request, named(request), requirePrivileges(request))
  return empty
}

async function revokePrivilegesFromRole(request: Request): Promise<Reply> {
  await revokePrivileges(request, named(request), requirePrivileges(request))
  return empty
}

// ---- what there is

function memberships(request: Request, role: Role): NamedRole[] {
  const { memberOf } = standingOf(request.gateway.sessions.principals, role)
  return memberOf.map((name) => ({ role: name, db: adminDatabase }))
}

type Told = { readonly kind: 'made'; readonly role: Role } | BuiltInTold
interface BuiltInTold {
  readonly kind: 'built-in'
  readonly role: BuiltInRole
  readonly db: string
}

function rolesInfo(request: Request): Reply {
  const asked = request.fields.get('rolesInfo')!
  const showPrivileges = request.getBoolean('showPrivileges', false)
  const showBuiltin = request.getBoolean('showBuiltinRoles', false)
  const { principals } = request.gateway.sessions
  const all = asked.isNumber
  const told: Told[] = all
    ? principals.roles.filter(({ login }) => !login).map((role) => ({ kind: 'made', role }))
    : namesIn(request, asked).flatMap(({ role: name, db }) => find(request, name, db))
  if (all && showBuiltin) {
    for (const role of builtInRolesOf(request.database)) told.push({ kind: 'built-in', role, db: request.database })
  }
  const own = request.session.rights.member?.roles
  const isOwn = (one: Told): boolean => one.kind === 'built-in' || own?.has(one.role.id) === true
  if (!mayManage(askedOf(request.session)) && (all || !told.every(isOwn))) {
    throw new AccessError('database', request.database)
  }
  return (writer) => {
    writer.beginArray('roles')
    for (const [i, one] of told.entries()) {
      writer.beginObject(indexName(i))
      if (one.kind === 'made') writeMade(writer, request, one.role, showPrivileges)
      else writeBuiltIn(writer, one, showPrivileges)
      writer.end()
    }
    writer.end()
  }
}

function namesIn(request: Request, asked: BsonValue): NamedRole[] {
  if (asked.type === bsonType.array) return elementsOf(asked).flatMap((one) => namesIn(request, one))
  if (asked.type === bsonType.string) return [{ role: readString(asked), db: request.database }]
  const role = asked.type === bsonType.object ? getField(asked, 'role') : undefined
  const db = asked.type === bsonType.object ? getField(asked, 'db') : undefined
  if (role?.type === bsonType.string && db?.type === bsonType.string) {
    return [{ role: readString(role), db: readString(db) }]
  }
  throw mongoError(mongoCode.badValue, 'rolesInfo takes 1, a name, { role, db }, or an array of them')
}

function find(request: Request, name: string, db: string): Told[] {
  const builtIn = findBuiltIn(name, db)
  if (builtIn !== undefined) return [{ kind: 'built-in', role: builtIn.role, db }]
  const role = request.gateway.sessions.principals.find(name)
  return role === undefined || role.login ? [] : [{ kind: 'made', role }]
}

function writeMade(writer: BsonWriter, request: Request, role: Role, showPrivileges: boolean): void {
  const { principals } = request.gateway.sessions
  const { catalog } = request
  const roles = memberships(request, role)
  writer.string('_id', `${adminDatabase}.${role.name}`).string('role', role.name).string('db', adminDatabase)
  writeRoles(writer, 'roles', roles)
  const inherited = rolesInherited(principals, catalog, role)
  writeRoles(writer, 'inheritedRoles', inherited)
  writer.boolean('isBuiltin', false)
  if (!showPrivileges) return
  writePrivileges(writer, 'privileges', ownPrivileges(catalog, role))
  writePrivileges(writer, 'inheritedPrivileges', inheritedPrivileges(principals, catalog, role))
}

function writeBuiltIn(writer: BsonWriter, { role, db }: BuiltInTold, showPrivileges: boolean): void {
  writer.string('_id', `${db}.${role.name}`).string('role', role.name).string('db', db)
  writeRoles(writer, 'roles', [])
  writeRoles(writer, 'inheritedRoles', [])
  writer.boolean('isBuiltin', true)
  if (!showPrivileges) return
  const giving = role.mayGive === 0 ? [] : ['grantRole', 'revokeRole']
  const everything = role.superuser === true ? ['anyAction'] : []
  const actions = [...actionsOfPrivileges(role.may), ...giving, ...everything]
  const isEverywhere = findBuiltIn(role.name, db)?.namespace === undefined
  const privileges = [{ db: isEverywhere ? '' : db, collection: '', actions }]
  writePrivileges(writer, 'privileges', privileges)
  writePrivileges(writer, 'inheritedPrivileges', privileges)
}

export const roleCommands: readonly Command[] = [
  {
    name: 'createRole',
    fields: ['privileges', 'roles', 'authenticationRestrictions'],
    access: 'roles',
    run: createRole,
  },
  {
    name: 'updateRole',
    fields: ['privileges', 'roles', 'authenticationRestrictions'],
    access: 'roles',
    run: updateRole,
  },
  { name: 'dropRole', fields: [], access: 'roles', run: dropRole },
  { name: 'grantRolesToRole', fields: ['roles'], access: 'roles', run: grantRolesToRole },
  { name: 'revokeRolesFromRole', fields: ['roles'], access: 'roles', run: revokeRolesFromRole },
  { name: 'grantPrivilegesToRole', fields: ['privileges'], access: 'roles', run: grantPrivilegesToRole },
  { name: 'revokePrivilegesFromRole', fields: ['privileges'], access: 'roles', run: revokePrivilegesFromRole },
  {
    name: 'rolesInfo',
    fields: ['showPrivileges', 'showBuiltinRoles', 'showAuthenticationRestrictions'],
    access: 'roles',
    run: rolesInfo,
  },
]
