/** What commands for users and roles are given: names, roles, privileges, and errors as the server words them. */
import { bsonType, type BsonValue, elementsOf, fieldsOf, getField } from '../../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { isTruthy, readString } from '../../../model/document/values.ts'
import { checkCollectionName, checkDatabaseName, missingField, type Request } from '../request.ts'
import { type ResourceKind, privilegesOfActions } from './actions.ts'
import { adminDatabase, findBuiltIn, type PlacedRole } from './built-in-roles.ts'
import type { Privileges } from '../../../database/access/privileges.ts'
import type { Principals } from '../../../principal/principals.ts'
import type { Role } from '../../../principal/roles.ts'

const userNotFound = 11
const roleNotFound = 31
export const userExists = 51_003
export const roleExists = 51_002

/** The name that the command is about. */
export function nameOf(request: Request): string {
  const name = request.getString(request.command)
  if (name === undefined || name === '') throw mongoError(mongoCode.badValue, `${request.command} needs a name`)
  return name
}

export function requireUser(principals: Principals, name: string): Role {
  const found = principals.find(name)
  if (found?.login === true) return found
  throw mongoError(userNotFound, `Could not find user "${name}" for db "${adminDatabase}"`, 'undefined_object')
}

export function requireRole(principals: Principals, name: string): Role {
  const found = principals.find(name)
  if (found?.login === false) return found
  throw noRole(name, adminDatabase)
}

function noRole(name: string, database: string): Error {
  return mongoError(roleNotFound, `Could not find role: ${name}@${database}`, 'undefined_object')
}

/** One that is given, or taken away. */
export type NamedGrant =
  | ({ readonly kind: 'built-in' } & PlacedRole)
  /** One that was made: of no database here, whichever is named. */
  | { readonly kind: 'role'; readonly name: string }

/** Errors: RoleNotFound. */
export function rolesGiven(request: Request, field = 'roles'): readonly NamedGrant[] | undefined {
  return request.getArray(field)?.map((value) => roleGiven(request, value))
}

export function requireRoles(request: Request): readonly NamedGrant[] {
  const roles = rolesGiven(request)
  if (roles === undefined) throw missingField(request.command, 'roles')
  return roles
}

function roleGiven(request: Request, value: BsonValue): NamedGrant {
  const isObject = value.type === bsonType.object
  if (isObject) onlyFields(value, ['role', 'db'])
  const name = isObject ? textIn(value, 'role') : stringOf(value, 'a role')
  const database = isObject ? checkDatabaseName(textIn(value, 'db')) : request.database
  const builtIn = findBuiltIn(name, database)
  if (builtIn !== undefined) return { kind: 'built-in', ...builtIn }
  const found = request.gateway.sessions.principals.find(name)
  if (found === undefined || found.login) throw noRole(name, database)
  return { kind: 'role', name }
}

/** Where something is given; `collection` undefined: all of the namespace, `namespace` undefined: all of the database. */
export interface Place {
  readonly namespace: string | undefined
  readonly collection: string | undefined
}

export interface GivenPrivilege extends Place {
  readonly privileges: Privileges
}

export function privilegesGiven(request: Request): readonly GivenPrivilege[] | undefined {
  return request.getArray('privileges')?.map(privilegeGiven)
}

export function requirePrivileges(request: Request): readonly GivenPrivilege[] {
  const privileges = privilegesGiven(request)
  if (privileges === undefined) throw missingField(request.command, 'privileges')
  return privileges
}

function privilegeGiven(value: BsonValue): GivenPrivilege {
  if (value.type !== bsonType.object) throw wrong('a privilege is a document')
  onlyFields(value, ['resource', 'actions'])
  const resource = getField(value, 'resource')
  const actions = getField(value, 'actions')
  if (resource?.type !== bsonType.object) throw wrong('a privilege needs a resource')
  if (actions?.type !== bsonType.array) throw wrong('a privilege needs an array of actions')
  const { kind, ...place } = placeOf(resource)
  const names = elementsOf(actions).map((action) => stringOf(action, 'an action'))
  return { ...place, privileges: privilegesOfActions(names, kind) }
}

function placeOf(resource: BsonValue): Place & { readonly kind: ResourceKind } {
  const cluster = getField(resource, 'cluster')
  if (cluster !== undefined) {
    onlyFields(resource, ['cluster'])
    if (!isTruthy(cluster)) throw wrong('the resource cluster is true')
    return { kind: 'cluster', namespace: undefined, collection: undefined }
  }
  onlyFields(resource, ['db', 'collection'])
  const [db, collection] = [textIn(resource, 'db'), textIn(resource, 'collection')]
  if (db === '') {
    if (collection === '') return { kind: 'database', namespace: undefined, collection: undefined }
    throw wrong('a collection of any database is no resource here: name its database', 'unsupported')
  }
  checkDatabaseName(db)
  if (collection === '') return { kind: 'namespace', namespace: db, collection: undefined }
  return { kind: 'collection', namespace: db, collection: checkCollectionName(db, collection) }
}

function onlyFields(value: BsonValue, known: readonly string[]): void {
  const unknown = fieldsOf(value).find(([name]) => !known.includes(name))
  if (unknown !== undefined) throw mongoError(40_415, `BSON field '${unknown[0]}' is an unknown field.`)
}

function textIn(value: BsonValue, name: string): string {
  const field = getField(value, name)
  if (field === undefined) throw wrong(`the field '${name}' is missing`)
  return stringOf(field, `the field '${name}'`)
}

function stringOf(value: BsonValue, what: string): string {
  if (value.type === bsonType.string) return readString(value)
  throw mongoError(mongoCode.typeMismatch, `${what} must be a string`, 'wrong_type')
}

function wrong(message: string, kind?: 'unsupported'): Error {
  return mongoError(mongoCode.badValue, message, kind)
}

/** Options that would promise what is not kept. */
export function checkUserOptions(request: Request): void {
  const mechanisms = request.getArray('mechanisms')
  if (mechanisms?.length === 0) throw wrong('mechanisms field must not be empty')
  for (const one of mechanisms ?? []) {
    const name = stringOf(one, 'a mechanism')
    if (name !== 'SCRAM-SHA-256')
      throw wrong(`the mechanism ${name} is not supported, only SCRAM-SHA-256`, 'unsupported')
  }
  if (!request.getBoolean('digestPassword', true)) {
    throw wrong('digestPassword: false is for SCRAM-SHA-1, which is not supported', 'unsupported')
  }
  refuseRestrictions(request)
}

export function refuseRestrictions(request: Request): void {
  const restrictions = request.getArray('authenticationRestrictions')
  if (restrictions === undefined || restrictions.length === 0) return
  throw mongoError(mongoCode.commandNotSupported, 'authenticationRestrictions are not supported', 'unsupported')
}
