/**
 * SET ROLE and SET SESSION AUTHORIZATION: as who a session acts. They are settings, so that they go back with a transaction, and
 * SET LOCAL ends with it.
 */
import type { Client } from './client.ts'
import { sqlError } from './errors.ts'

/** Whose rights count for what it may become: who has come in, or what a superuser has said it is. */
function ownId({ session, principals, settings }: Client): number | undefined {
  const name = settings.get('session_authorization')
  return name === undefined ? session.identity.ownRoleId : principals.find(name)?.id
}

function rules(client: Client, id: number | undefined): boolean {
  return id === undefined || client.principals.byId(id)?.superuser === true
}

/** Errors: 22023 for a role that is not there, 42501 for one that is not the caller's to be. */
export function checkRole(client: Client, name: string, value: string): void {
  const { principals, session } = client
  if (name === 'role') {
    if (value === 'none') return
    const role = principals.find(value)
    if (role === undefined) throw sqlError('invalid_argument', '22023', `role "${value}" does not exist`)
    const own = ownId(client)
    if (own === undefined || rules(client, own) || principals.mayBecome(own, role.id)) return
    throw sqlError('denied', '42501', `permission denied to set role "${value}"`)
  }
  if (name !== 'session_authorization' || value === session.user) return
  if (principals.find(value) === undefined) {
    throw sqlError('invalid_argument', '22023', `role "${value}" does not exist`)
  }
  if (!rules(client, session.identity.ownRoleId)) {
    throw sqlError('denied', '42501', `permission denied to set session authorization "${value}"`)
  }
}

/** After either was set, or has gone back. */
export function actAsSet(client: Client): void {
  const { session, settings, principals } = client
  const role = settings.get('role')
  const name = role === undefined || role === 'none' ? settings.get('session_authorization') : role
  if (name === undefined || name === session.user) session.identity.actAs(session.user, session.identity.ownRoleId)
  // One that is gone meanwhile may do nothing.
  else session.identity.actAs(name, principals.find(name)?.id ?? missing)
}

/** No role has this number. */
const missing = -2
