/**
 * Who may change roles: PostgreSQL's rules of version 15.
 *
 * `asker` is undefined where nobody is asked who it is, and of the command line: it may do everything.
 */
import { PolylogError } from '../base/errors.ts'
import type { Member } from '../database/access/rights.ts'
import type { Role, RoleAttributes } from './roles.ts'

export type Asker = Member | undefined

function mayAll(asker: Asker): boolean {
  return asker === undefined || asker.isSuperuser
}

function denied(message: string, sqlState = '42501'): PolylogError {
  return new PolylogError('denied', message, { detail: { sqlState } })
}

/** What only a superuser gives. */
type Powers = Partial<Pick<RoleAttributes, 'superuser' | 'bypassPolicies' | 'replication'>>

export function checkCreate(asker: Asker, { superuser, bypassPolicies, replication }: Powers): void {
  if (mayAll(asker)) return
  if (superuser === true) throw denied('must be superuser to create superusers')
  if (replication === true) throw denied('must be superuser to create replication users')
  if (bypassPolicies === true) throw denied('must be superuser to create bypassrls users')
  if (!asker!.createsRoles) throw denied('permission denied to create role')
}

/** `isOwnPassword`: nothing but the password is changed. */
export function checkAlter(asker: Asker, role: Role, change: Powers, isOwnPassword: boolean): void {
  if (mayAll(asker)) return
  if (role.superuser || change.superuser !== undefined) {
    throw denied('must be superuser to alter superuser roles or change superuser attribute')
  }
  if (role.replication || change.replication !== undefined) {
    throw denied('must be superuser to alter replication roles or change replication attribute')
  }
  if (change.bypassPolicies !== undefined) throw denied('must be superuser to change bypassrls attribute')
  if (asker!.createsRoles || (isOwnPassword && asker!.roleId === role.id)) return
  throw denied('permission denied')
}

export function checkRename(asker: Asker, role: Role): void {
  if (role.id === asker?.roleId) throw new PolylogError('unsupported', 'session user cannot be renamed')
  if (mayAll(asker)) return
  if (role.superuser) throw denied('must be superuser to rename superusers')
  if (!asker!.createsRoles) throw denied('permission denied to rename role')
}

export function checkDrop(asker: Asker, role: Role): void {
  if (role.id === asker?.roleId) {
    throw new PolylogError('active_transaction', 'current user cannot be dropped', { detail: { sqlState: '55006' } })
  }
  if (mayAll(asker)) return
  if (role.superuser) throw denied('must be superuser to drop superusers')
  if (!asker!.createsRoles) throw denied('permission denied to drop role')
}

/**
 * What sessions begin with: those of `role`, or of all, or of a database. `isLimit`: who is limited by it must not change it, nor
 * take it away.
 */
export function checkAlterSettings(asker: Asker, role: Role | undefined, isLimit: boolean): void {
  if (mayAll(asker)) return
  if (role === undefined) throw denied('must be superuser to alter settings of databases, or of all roles')
  if (role.superuser) throw denied('must be superuser to alter superusers')
  if (isLimit) throw denied('must be superuser to alter limits')
  if (!asker!.createsRoles && asker!.roleId !== role.id) throw denied('permission denied')
}

/** Whether it is the owner, or belongs to it. */
export function ownsDatabase(asker: Asker, ownerId: number | undefined): boolean {
  return mayAll(asker) || (ownerId !== undefined && asker!.roles.has(ownerId))
}

export function checkOwnsDatabase(asker: Asker, ownerId: number | undefined, database: string): void {
  if (!ownsDatabase(asker, ownerId)) throw denied(`must be owner of database ${database}`)
}

/** `isMember`: of who is to own it. */
export function checkGiveDatabase(asker: Asker, newOwner: Role, isMember: boolean): void {
  if (mayAll(asker)) return
  if (!isMember) throw denied(`must be member of role "${newOwner.name}"`)
  if (!asker!.createsDatabases) throw denied('permission denied to change owner of database')
}

/** Who is said to have made others members. */
export function checkGiver(asker: Asker, giver: number): void {
  if (!mayAll(asker) && giver !== asker!.roleId) throw denied('must be superuser to set grantor')
}

/** To make others members of `role`, or not any more. `isAdmin`: the asker has been given that. */
export function checkMembers(asker: Asker, role: Role, isAdmin: boolean): void {
  if (mayAll(asker)) return
  if (role.superuser) throw denied('must be superuser to alter superusers')
  if (isAdmin || asker!.createsRoles) return
  throw denied(`must have admin option on role "${role.name}"`)
}
