/**
 * MongoDB's built-in roles, as what they are in the one matrix of all doors.
 *
 * A role of a database is what is given on its namespace; one whose name ends in AnyDatabase is given on all of them. So a role
 * is not written down: a user has it who has been given all that it stands for, by whichever door, and `rolesIn` finds it again.
 *
 *   read@shop          read on the namespace `shop`           readAnyDatabase        the same on the database
 *   readWrite@shop     read, write, schema                    readWriteAnyDatabase   and to make namespaces
 *   dbAdmin@shop       schema                                 dbAdminAnyDatabase     and to make namespaces
 *   userAdmin@shop     to give any of it to others            userAdminAnyDatabase   and to make users and roles
 *   dbOwner@shop       all of these                           clusterAdmin           to see and end what others do
 *                                                             clusterMonitor         PostgreSQL's pg_monitor
 *                                                             backup                 PostgreSQL's pg_read_all_data
 *                                                             root                   a superuser
 *
 * `restore`, `dbAdmin` of statistics alone and the roles of clusters have nothing here that they could stand for.
 */
import {
  noPrivileges,
  ofDatabases,
  ofNamespaces,
  privilege,
  type Privileges,
  writing,
} from '../../../database/access/privileges.ts'

/** Of one object. */
export interface Held {
  readonly may: Privileges
  /** What may be given to others. */
  readonly mayGive: Privileges
}

export const nothing: Held = { may: noPrivileges, mayGive: noPrivileges }

export interface BuiltInRole extends Held {
  readonly name: string
  readonly superuser?: true
  readonly createRole?: true
  readonly memberOf?: string
}

const { read, schema, create, administer } = privilege
const readWrite = read | writing | schema

function role(name: string, may: Privileges, rest: Partial<BuiltInRole> = {}): BuiltInRole {
  return { name, may, mayGive: noPrivileges, ...rest }
}

/** What has more comes first: `rolesIn` looks in this order. */
const ofOneDatabase: readonly BuiltInRole[] = [
  role('dbOwner', readWrite, { mayGive: ofNamespaces }),
  role('readWrite', readWrite),
  role('read', read),
  role('dbAdmin', schema),
  role('userAdmin', noPrivileges, { mayGive: ofNamespaces }),
]

/** They are known in the database `admin` alone. */
const ofAllDatabases: readonly BuiltInRole[] = [
  role('root', noPrivileges, { superuser: true }),
  role('readWriteAnyDatabase', readWrite | create),
  role('readAnyDatabase', read),
  role('dbAdminAnyDatabase', schema | create),
  role('userAdminAnyDatabase', noPrivileges, { mayGive: ofDatabases, createRole: true }),
  role('clusterAdmin', administer),
  role('clusterMonitor', noPrivileges, { memberOf: 'pg_monitor' }),
  role('backup', noPrivileges, { memberOf: 'pg_read_all_data' }),
]

/** The database that users and roles are shown in: here they are the server's. */
export const adminDatabase = 'admin'

/** Where it is given: a namespace, or the database where that is undefined. */
export interface PlacedRole {
  readonly role: BuiltInRole
  readonly namespace: string | undefined
}

export function findBuiltIn(name: string, database: string): PlacedRole | undefined {
  const everywhere = database === adminDatabase ? ofAllDatabases.find((one) => one.name === name) : undefined
  if (everywhere !== undefined) return { role: everywhere, namespace: undefined }
  const one = ofOneDatabase.find((each) => each.name === name)
  return one && { role: one, namespace: database }
}

export function isBuiltInName(name: string): boolean {
  return [...ofOneDatabase, ...ofAllDatabases].some((one) => one.name === name)
}

export function builtInRolesOf(database: string): readonly BuiltInRole[] {
  return database === adminDatabase ? [...ofAllDatabases, ...ofOneDatabase] : ofOneDatabase
}

/** What a role is beside what it has been given on objects. */
export interface Standing {
  readonly superuser: boolean
  readonly createRole: boolean
  readonly memberOf: readonly string[]
}

/** The roles of all databases that somebody of this standing has, and what is left that is none of them. */
export function rolesEverywhere(standing: Standing, held: Held): { roles: readonly BuiltInRole[]; rest: Held } {
  const fits = ({ superuser, createRole, memberOf }: BuiltInRole): boolean =>
    (superuser === undefined || standing.superuser) &&
    (createRole === undefined || standing.createRole) &&
    (memberOf === undefined || standing.memberOf.includes(memberOf))
  return rolesAmong(ofAllDatabases.filter(fits), held)
}

export function rolesIn(held: Held): { roles: readonly BuiltInRole[]; rest: Held } {
  return rolesAmong(ofOneDatabase, held)
}

/** One that others stand for already is not told. */
function rolesAmong(candidates: readonly BuiltInRole[], held: Held): { roles: readonly BuiltInRole[]; rest: Held } {
  const roles: BuiltInRole[] = []
  let covered = nothing
  for (const one of candidates) {
    if (!includes(held, one)) continue
    const isSomethingElse = one.superuser !== undefined || one.memberOf !== undefined
    if (!isSomethingElse && includes(covered, one)) continue
    roles.push(one)
    covered = together(covered, one)
  }
  return { roles, rest: without(held, covered) }
}

export function includes(all: Held, some: Held): boolean {
  return (all.may & some.may) === some.may && (all.mayGive & some.mayGive) === some.mayGive
}

export function together(a: Held, b: Held): Held {
  return { may: a.may | b.may, mayGive: a.mayGive | b.mayGive }
}

export function without(all: Held, some: Held): Held {
  return { may: all.may & ~some.may, mayGive: all.mayGive & ~some.mayGive }
}
