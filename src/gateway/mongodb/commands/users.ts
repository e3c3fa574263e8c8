/**
 * Users: `createUser` and its like. They are the server's (`principal/roles.ts`), one space of names for all databases and doors: a
 * user is shown in the database `admin`, and is found whichever database is named.
 */
import { compileFilter } from '../../../language/mql/filter.ts'
import { bsonType, BsonValue, documentValue, elementsOf, getField } from '../../../model/document/bson.ts'
import { buildDocument, type BsonWriter, indexName } from '../../../model/document/bson-writer.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { readString } from '../../../model/document/values.ts'
import { certificateProves, proveByCertificate } from '../../../principal/certificates.ts'
import type { RoleChange } from '../../../principal/principals.ts'
import { checkDrop } from '../../../principal/role-rules.ts'
import type { Role } from '../../../principal/roles.ts'
import { AccessError } from '../../../database/access/rights.ts'
import { type Command, externalDatabase, type Reply, type Request } from '../request.ts'
import {
  checkUserOptions,
  nameOf,
  type NamedGrant,
  requireRoles,
  requireUser,
  rolesGiven,
  userExists,
} from '../users/arguments.ts'
import { adminDatabase, findBuiltIn } from '../users/built-in-roles.ts'
import { checkUpdate, forget, grantRoles, mayManage, revokeRoles } from '../users/granting.ts'
import { inheritedPrivileges, rolesInherited, rolesOfRole, writePrivileges, writeRoles } from '../users/holdings.ts'
import { askedOf } from '../access.ts'
import { variablesOf } from './query-options.ts'

/** It lies in memory, as all that is known of roles. */
const mostCustomDataBytes = 16 * 1024

const empty: Reply = () => undefined

function customDataOf(request: Request): Pick<RoleChange, 'customData'> {
  const given = request.getObject('customData')
  if (given === undefined) return {}
  if (given.end - given.start > mostCustomDataBytes) {
    throw mongoError(mongoCode.badValue, `customData is larger than ${mostCustomDataBytes} bytes`, 'too_large')
  }
  return { customData: Buffer.from(given.bytes.subarray(given.start, given.end)).toString('base64') }
}

/** What is told of a superuser from the beginning: the first user has to be one. */
function isRoot(one: NamedGrant): boolean {
  return one.kind === 'built-in' && one.role.superuser === true
}

async function createUser(request: Request): Promise<Reply> {
  const name = nameOf(request)
  const password = request.getString('pwd')
  const roles = requireRoles(request)
  checkUserOptions(request)
  const isExternal = request.database === externalDatabase
  if (isExternal && password !== undefined) {
    throw mongoError(mongoCode.badValue, "Cannot set the password for users defined on the '$external' database")
  }
  if (!isExternal && password === undefined) {
    throw mongoError(
      mongoCode.badValue,
      "Must provide a 'pwd' field for all user documents, except those with '$external' as the user's source db",
    )
  }
  const { principals } = request.gateway.sessions
  if (principals.find(name) !== undefined) {
    throw mongoError(userExists, `User "${name}@${adminDatabase}" already exists`, 'duplicate_object')
  }
  const superuser = roles.some(isRoot)
  const attributes = { login: true, superuser, ...(password !== undefined && { password }), ...customDataOf(request) }
  await principals.create(name, attributes, request.session)
  const others = roles.filter((one) => !isRoot(one))
  await orNotAtAll(request, principals.find(name)!, async (user) => {
    if (isExternal) await proveByCertificate(principals, name, request.session)
    await grantRoles(request, user, others)
  })
  return empty
}

/** One that cannot be given what was asked for it is not made. */
export async function orNotAtAll(request: Request, made: Role, give: (role: Role) => Promise<void>): Promise<void> {
  try {
    await give(made)
  } catch (error) {
    // What the command fails of is what is told.
    await dropRole(request, made).catch(() => undefined)
    throw error
  }
}

/** Those of its roles that are not named go first, and those that are new come last. */
async function updateUser(request: Request): Promise<Reply> {
  const { principals } = request.gateway.sessions
  const user = requireUser(principals, nameOf(request))
  const password = request.getString('pwd')
  const roles = rolesGiven(request)
  const customData = customDataOf(request)
  checkUserOptions(request)
  const known = ['pwd', 'roles', 'customData', 'mechanisms', 'authenticationRestrictions']
  if (!known.some((name) => request.get(name) !== undefined)) {
    throw mongoError(mongoCode.badValue, 'Must specify at least one field to update in updateUser')
  }
  const before = roles === undefined ? [] : grantsOf(request, user)
  const gone = before.filter((one) => !roles!.some((other) => isSame(one, other)))
  const added = (roles ?? []).filter((one) => !before.some((other) => isSame(one, other)))
  const change: RoleChange = { ...customData, ...(password !== undefined && { password }) }
  await checkUpdate(request, user, { gone, added, change })
  if (gone.length > 0) await revokeRoles(request, user, gone)
  if (Object.keys(change).length > 0) await principals.alter(user.name, change, request.session)
  if (added.length > 0) await grantRoles(request, principals.find(user.name)!, added)
  return empty
}

function grantsOf(request: Request, user: Role): NamedGrant[] {
  const { principals } = request.gateway.sessions
  return rolesOfRole(principals, request.catalog, user).map(({ role, db }) => {
    const builtIn = findBuiltIn(role, db)
    return builtIn === undefined ? { kind: 'role', name: role } : { kind: 'built-in', ...builtIn }
  })
}

function isSame(a: NamedGrant, b: NamedGrant): boolean {
  if (a.kind === 'role') return b.kind === 'role' && a.name === b.name
  return b.kind === 'built-in' && a.role === b.role && a.namespace === b.namespace
}

async function dropUser(request: Request): Promise<Reply> {
  const { principals } = request.gateway.sessions
  await dropRole(request, requireUser(principals, nameOf(request)))
  return empty
}

/** Whether it may go is looked at before anything of it does. */
export async function dropRole(request: Request, role: Role): Promise<void> {
  checkDrop(request.session.rights.member, role)
  await forget(request, role)
  await request.gateway.sessions.principals.drop([role.name], request.session)
}

/** All users are of `admin`, and without them nobody could come in. */
function dropAllUsers(request: Request): Reply {
  if (!mayManage(askedOf(request.session))) throw new AccessError('database', request.database)
  if (request.database !== adminDatabase) return (writer) => writer.int32('n', 0)
  const message = 'dropAllUsersFromDatabase would leave nobody who can come in: drop users one by one'
  throw mongoError(mongoCode.commandNotSupported, message, 'unsupported')
}

async function grantRolesToUser(request: Request): Promise<Reply> {
  const user = requireUser(request.gateway.sessions.principals, nameOf(request))
  await grantRoles(request, user, requireRoles(request))
  return empty
}

async function revokeRolesFromUser(request: Request): Promise<Reply> {
  const user = requireUser(request.gateway.sessions.principals, nameOf(request))
  await revokeRoles(request, user, requireRoles(request))
  return empty
}

// ---- what there is

function usersInfo(request: Request): Reply {
  const asked = request.fields.get('usersInfo')!
  if (request.getBoolean('showCredentials', false)) {
    throw mongoError(mongoCode.commandNotSupported, 'usersInfo: what is kept of passwords is not shown', 'unsupported')
  }
  const showPrivileges = request.getBoolean('showPrivileges', false)
  const names = namesIn(asked)
  if (showPrivileges && names?.length !== 1) {
    const message = 'Privilege details are only available for exact-match usersInfo queries.'
    throw mongoError(mongoCode.badValue, message)
  }
  const { principals } = request.gateway.sessions
  const own = request.session.identity.ownRoleId
  const isOwn = (name: string): boolean => own !== undefined && principals.find(name)?.id === own
  if (!mayManage(askedOf(request.session)) && names?.every(isOwn) !== true) {
    throw new AccessError('database', request.database)
  }
  const users = names === undefined ? principals.roles : names.flatMap((name) => principals.find(name) ?? [])
  const filter = request.getObject('filter')
  const matches = filter === undefined ? undefined : compileFilter(filter, variablesOf(request)).matches
  const shown = users
    .filter(({ login }) => login)
    .map(
      (user) =>
        new BsonValue(
          bsonType.object,
          buildDocument((writer) => writeUser(writer, request, user, showPrivileges)),
        ),
    )
    .filter((document) => matches === undefined || matches(document))
  return (writer) => {
    writer.beginArray('users')
    for (const [i, document] of shown.entries()) writer.value(indexName(i), document)
    writer.end()
  }
}

/** Undefined: all. */
function namesIn(asked: BsonValue): readonly string[] | undefined {
  if (asked.isNumber || (asked.type === bsonType.object && getField(asked, 'forAllDBs') !== undefined)) return undefined
  return asked.type === bsonType.array ? elementsOf(asked).map(nameIn) : [nameIn(asked)]
}

function nameIn(value: BsonValue): string {
  if (value.type === bsonType.string) return readString(value)
  const name = value.type === bsonType.object ? getField(value, 'user') : undefined
  if (name?.type === bsonType.string) return readString(name)
  throw mongoError(
    mongoCode.badValue,
    'usersInfo takes 1, a name, { user, db }, an array of them, or { forAllDBs: true }',
  )
}

function writeUser(writer: BsonWriter, request: Request, user: Role, showPrivileges: boolean): void {
  const { principals } = request.gateway.sessions
  const { catalog } = request
  writer.string('_id', `${adminDatabase}.${user.name}`).string('user', user.name).string('db', adminDatabase)
  if (user.customData !== undefined && request.getBoolean('showCustomData', true)) {
    writer.value('customData', documentValue(Buffer.from(user.customData, 'base64')))
  }
  writeRoles(writer, 'roles', rolesOfRole(principals, catalog, user))
  writer.beginArray('mechanisms')
  const mechanisms = [
    ...(user.secret === null ? [] : ['SCRAM-SHA-256']),
    ...(certificateProves(principals, user.name) ? ['external'] : []),
  ]
  for (const [i, mechanism] of mechanisms.entries()) writer.string(indexName(i), mechanism)
  writer.end()
  if (!showPrivileges) return
  writeRoles(writer, 'inheritedRoles', rolesInherited(principals, catalog, user))
  writePrivileges(writer, 'inheritedPrivileges', inheritedPrivileges(principals, catalog, user))
}

/** Users are the server's, and of no database: tools know them by `admin`. */
function connectionStatus(request: Request): Reply {
  const { connection, session } = request
  const { principals } = request.gateway.sessions
  const showPrivileges = request.getBoolean('showPrivileges', false)
  const user = session.identity.ownRoleId === undefined ? undefined : principals.byId(session.identity.ownRoleId)
  const { catalog } = request
  return (writer) => {
    writer.beginObject('authInfo').beginArray('authenticatedUsers')
    if (connection.user !== undefined) {
      writer
        .beginObject('0')
        .string('user', user?.name ?? connection.user)
        .string('db', adminDatabase)
        .end()
    }
    writer.end()
    writeRoles(writer, 'authenticatedUserRoles', user === undefined ? [] : rolesInherited(principals, catalog, user))
    if (showPrivileges) {
      const privileges = user === undefined ? [] : inheritedPrivileges(principals, catalog, user)
      writePrivileges(writer, 'authenticatedUserPrivileges', privileges)
    }
    writer.end()
  }
}

const userFields = ['pwd', 'customData', 'roles', 'digestPassword', 'authenticationRestrictions', 'mechanisms']

export const userCommands: readonly Command[] = [
  { name: 'createUser', fields: userFields, access: 'roles', run: createUser },
  { name: 'updateUser', fields: userFields, access: 'roles', run: updateUser },
  { name: 'dropUser', fields: [], access: 'roles', run: dropUser },
  { name: 'dropAllUsersFromDatabase', fields: [], access: 'roles', run: dropAllUsers },
  { name: 'grantRolesToUser', fields: ['roles'], access: 'roles', run: grantRolesToUser },
  { name: 'revokeRolesFromUser', fields: ['roles'], access: 'roles', run: revokeRolesFromUser },
  {
    name: 'usersInfo',
    fields: ['showCredentials', 'showCustomData', 'showPrivileges', 'showAuthenticationRestrictions', 'filter'],
    access: 'roles',
    run: usersInfo,
  },
  { name: 'connectionStatus', fields: ['showPrivileges'], access: 'user', run: connectionStatus },
]
