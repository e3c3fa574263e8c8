/**
 * SET ROLE and SET SESSION AUTHORIZATION: as who a session acts. They are settings, so that they go back with a transaction, and
 * SET LOCAL ends with it.
 */
import { noRole } from '../../database/access/access-list.ts'
import type { Client } from './client.ts'
import { sqlError } from './errors.ts'

/**
 * Which roles the names meant when they were said: one that is renamed or dropped since is not another one that has its name
 * now.
 */
const said = new WeakMap<Client, Map<string, number>>()

function idSaid(client: Client, name: string): number {
  return said.get(client)?.get(name) ?? noRole
}

/** Whose rights count for what it may become: who has come in, or what a superuser has said it is. */
function ownId(client: Client): number | undefined {
  const { session, settings } = client
  const name = settings.get('session_authorization')
  return name === undefined || name === session.user ? session.identity.ownRoleId : idSaid(client, name)
}

/** Where nobody is asked who it is, nobody is asked who it becomes. */
function rules({ principals, session }: Client, id: number | undefined): boolean {
  return session.identity.ownRoleId === undefined || (id !== undefined && principals.byId(id)?.superuser === true)
}

/** Errors: 22023 for a role that is not there, 42501 for one that is not the caller's to be. */
export function checkRole(client: Client, name: string, value: string): void {
  if (name !== 'role' && name !== 'session_authorization') return
  const { principals, session } = client
  if (name === 'role' ? value === 'none' : value === session.user) return
  const role = principals.find(value)
  if (role === undefined) throw sqlError('invalid_argument', '22023', `role "${value}" does not exist`)
  if (name === 'role') {
    const own = ownId(client)
    if (!rules(client, own) && (own === undefined || !principals.mayBecome(own, role.id))) {
      throw sqlError('denied', '42501', `permission denied to set role "${value}"`)
    }
  } else if (!rules(client, session.identity.ownRoleId)) {
    throw sqlError('denied', '42501', `permission denied to set session authorization "${value}"`)
  }
  const names = said.get(client) ?? new Map<string, number>()
  names.set(value, role.id)
  said.set(client, names)
}

/** After either was set, or has gone back. */
export function actAsSet(client: Client): void {
  const { session, settings } = client
  const role = settings.get('role')
  const name = role === undefined || role === 'none' ? settings.get('session_authorization') : role
  const isOwn = name === undefined || (name === session.user && idSaid(client, name) === noRole)
  if (isOwn) session.identity.actAs(session.user, session.identity.ownRoleId)
  else session.identity.actAs(name, idSaid(client, name))
}
