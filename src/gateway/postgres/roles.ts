/**
 * CREATE ROLE, ALTER ROLE … SET and their like: changes of the server's own database. They are durable before they are answered;
 * within a transaction block they wait for its COMMIT (`principal/pending-changes.ts`).
 */
import type { RoleName, RoleOptions, StatementEffect } from '../../language/sql/contract.ts'
import type { Principals } from '../../principal/principals.ts'
import type { Client } from './client.ts'
import { sqlError } from './errors.ts'

type RoleEffect = Extract<
  StatementEffect,
  { kind: 'create role' | 'alter role' | 'rename role' | 'drop role' | 'grant role' }
>
type SettingsEffect = Extract<StatementEffect, { kind: 'alter settings' | 'limit database' }>

function roleNamed({ session }: Client, role: RoleName): string {
  return role === 'current' ? session.identity.user : role.name
}

/** For the sessions that begin from then on. */
export async function changeSettings(client: Client, effect: SettingsEffect, command: string): Promise<void> {
  const { session } = client
  const principals = client.rolesFor(command)
  const database = effect.kind === 'limit database' ? effect.name : effect.database
  if (database !== undefined && !client.hasDatabase(database)) {
    throw sqlError('undefined_object', '3D000', `database "${database}" does not exist`)
  }
  if (effect.kind === 'limit database') return principals.limitDatabase(effect.name, effect.connectionLimit, session)
  const { role, change } = effect
  const place = { ...(role && { role: roleNamed(client, role) }), ...(database !== undefined && { database }) }
  return principals.alterSettings(place, change, session)
}

export async function giveDatabase(
  client: Client,
  { name, owner }: Extract<StatementEffect, { kind: 'give database' }>,
): Promise<void> {
  if (!client.hasDatabase(name)) throw sqlError('undefined_object', '3D000', `database "${name}" does not exist`)
  await client.giveDatabase(name, roleNamed(client, owner))
}

export async function changeRoles(client: Client, effect: RoleEffect, command: string): Promise<void> {
  const { session } = client
  const principals = client.rolesFor(command)
  const named = (role: RoleName): string => roleNamed(client, role)
  const given = (options: RoleOptions): RoleOptions => {
    if (options.password !== '') return options
    client.notice({
      severity: 'NOTICE',
      sqlState: '00000',
      message: 'empty string is not a valid password, clearing password',
    })
    return { ...options, password: null }
  }
  if (effect.kind === 'create role') {
    const { inRoles = [], members = [], admins = [], ...options } = given(effect.options)
    for (const name of [...inRoles, ...members, ...admins]) requireRole(principals, name)
    await principals.create(effect.name, options, session, { inRoles, members, admins })
  } else if (effect.kind === 'alter role') {
    const { inRoles: _, members = [], admins: __, ...options } = given(effect.options)
    if (members.length > 0) await principals.addMembers([named(effect.role)], members, false, session)
    else await principals.alter(named(effect.role), options, session)
  } else if (effect.kind === 'grant role') await changeMembers(client, principals, effect, named)
  else if (effect.kind === 'rename role') await principals.rename(effect.name, effect.newName, session)
  else {
    const names = effect.roles.map(named)
    const missing = effect.missingOk ? names.filter((name) => principals.find(name) === undefined) : []
    for (const name of missing) {
      const message = `role "${name}" does not exist, skipping`
      client.notice({ severity: 'NOTICE', sqlState: '00000', message })
    }
    const left = names.filter((name) => !missing.includes(name))
    if (left.length > 0) await principals.drop(left, session)
  }
}

function requireRole(principals: Principals, name: string): void {
  if (principals.find(name) === undefined) throw sqlError('undefined_object', '42704', `role "${name}" does not exist`)
}

type GrantRole = Extract<StatementEffect, { kind: 'grant role' }>

async function changeMembers(
  client: Client,
  principals: Principals,
  effect: GrantRole,
  named: (role: RoleName) => string,
): Promise<void> {
  const { session } = client
  const { roles, isGrant, admin, grantedBy } = effect
  const members = effect.members.map(named)
  for (const name of [...roles, ...members]) requireRole(principals, name)
  if (isGrant) {
    const giver = grantedBy && named(grantedBy)
    if (giver !== undefined) requireRole(principals, giver)
    for (const { role, member } of await principals.addMembers(roles, members, admin, session, giver)) {
      const message = `role "${member}" is already a member of role "${role}"`
      client.notice({ severity: 'NOTICE', sqlState: '00000', message })
    }
    return
  }
  for (const { role, member } of await principals.removeMembers(roles, members, admin, session)) {
    const message = `role "${member}" is not a member of role "${role}"`
    client.notice({ severity: 'WARNING', sqlState: '01000', message })
  }
}
