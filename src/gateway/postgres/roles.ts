/** CREATE ROLE and its like: changes of the server's own database, durable before they are answered. */
import type { RoleName, RoleOptions, StatementEffect } from '../../language/sql/contract.ts'
import type { Client } from './client.ts'

type RoleEffect = Extract<StatementEffect, { kind: 'create role' | 'alter role' | 'rename role' | 'drop role' }>

export async function changeRoles(client: Client, effect: RoleEffect): Promise<void> {
  const { principals, session } = client
  const named = (role: RoleName): string => (role === 'current' ? session.identity.user : role.name)
  const given = (options: RoleOptions): RoleOptions => {
    if (options.password !== '') return options
    client.notice({
      severity: 'NOTICE',
      sqlState: '00000',
      message: 'empty string is not a valid password, clearing password',
    })
    return { ...options, password: null }
  }
  if (effect.kind === 'create role') await principals.create(effect.name, given(effect.options), session)
  else if (effect.kind === 'alter role') await principals.alter(named(effect.role), given(effect.options), session)
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
