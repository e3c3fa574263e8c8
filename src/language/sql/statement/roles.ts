/** CREATE, ALTER, RENAME and DROP of roles: they are the server's, and not of the database, so the door carries them out. */
import type {
  AlterDatabaseSetStmt,
  AlterDatabaseStmt,
  AlterRoleSetStmt,
  AlterRoleStmt,
  CreateRoleStmt,
  DropRoleStmt,
  Node,
  RenameStmt,
  RoleSpec,
} from 'libpg-query'
import { findType } from '../../../model/table/types/registry.ts'
import { itemsOf, optionText } from '../bind/tree.ts'
import type { Binder } from '../bind/binder.ts'
import type { RoleName, RoleOptions } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import { type Planned, planEffect } from './prepared.ts'
import { settingChange } from './settings-statements.ts'

const timestamptzOid = 1184

const flags: Readonly<
  Record<string, 'login' | 'superuser' | 'createRole' | 'createDatabase' | 'inherit' | 'bypassPolicies' | 'replication'>
> = {
  canlogin: 'login',
  superuser: 'superuser',
  createrole: 'createRole',
  createdb: 'createDatabase',
  inherit: 'inherit',
  bypassrls: 'bypassPolicies',
  isreplication: 'replication',
}

export function planCreateRole({ stmt_type: kind, role, options }: CreateRoleStmt): Planned {
  const given = readOptions(options, 'CREATE ROLE')
  const all = kind === 'ROLESTMT_USER' ? { login: true, ...given } : given
  return planEffect({ kind: 'create role', name: role!, options: all }, 'CREATE ROLE')
}

export function planAlterRole({ role, options, action }: AlterRoleStmt): Planned {
  if (action !== 1) throw notBuilt('ALTER GROUP … DROP USER')
  return planEffect(
    { kind: 'alter role', role: nameOf(role!), options: readOptions(options, 'ALTER ROLE') },
    'ALTER ROLE',
  )
}

export function planRenameRole({ subname, newname }: RenameStmt): Planned {
  return planEffect({ kind: 'rename role', name: subname!, newName: newname! }, 'ALTER ROLE')
}

export function planDropRole({ roles = [], missing_ok: missingOk }: DropRoleStmt): Planned {
  const names = roles.map((node) => {
    const name = nameOf((node as { RoleSpec: RoleSpec }).RoleSpec)
    if (name === 'current') throw failure('22023', 'cannot use special role specifier in DROP ROLE')
    return name
  })
  return planEffect({ kind: 'drop role', roles: names, missingOk: missingOk === true }, 'DROP ROLE')
}

function nameOf({ roletype, rolename }: RoleSpec): RoleName {
  if (roletype === 'ROLESPEC_CSTRING') return { name: rolename! }
  if (roletype === 'ROLESPEC_PUBLIC') throw failure('42704', 'role "public" does not exist')
  return 'current'
}

function readOptions(options: readonly Node[] = [], command: string): RoleOptions {
  const found: Record<string, boolean | number | string | null> = {}
  for (const node of options) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg } = node.DefElem
    const flag = flags[defname]
    const name = flag ?? defname
    if (Object.hasOwn(found, name)) throw failure('42601', 'conflicting or redundant options')
    if (flag !== undefined) found[flag] = optionText(arg) === 'true'
    else if (defname === 'password') found['password'] = passwordOf(optionText(arg))
    else if (defname === 'validUntil') found['validUntilMs'] = momentOf(optionText(arg) ?? '')
    else if (defname === 'connectionlimit') found['connectionLimit'] = readConnectionLimit(arg)
    else if (memberOptions[defname] !== undefined) Object.assign(found, { [memberOptions[defname]]: namesOf(arg) })
    else throw notBuilt(`${command} with ${words[defname] ?? defname}`)
  }
  return found
}

const memberOptions: Readonly<Record<string, 'inRoles' | 'members' | 'admins'>> = {
  rolemembers: 'members',
  adminmembers: 'admins',
  addroleto: 'inRoles',
}

function namesOf(list: Node | undefined): string[] {
  return itemsOf(list).map((node) => {
    const { roletype, rolename } = (node as { RoleSpec: RoleSpec }).RoleSpec
    if (roletype !== 'ROLESPEC_CSTRING') throw notBuilt('CURRENT_USER among the members of a new role')
    return rolename!
  })
}

const words: Readonly<Record<string, string>> = {
  sysid: 'SYSID',
}

export function readConnectionLimit(arg: Node | undefined): number {
  const limit = Number(optionText(arg))
  if (Number.isInteger(limit) && limit >= -1) return limit
  throw failure('22023', `invalid connection limit: ${optionText(arg) ?? ''}`)
}

export function planAlterRoleSettings(binder: Binder, { role, database, setstmt }: AlterRoleSetStmt): Planned {
  const place = { ...(role && { role: nameOf(role) }), ...(database !== undefined && { database }) }
  return planEffect({ kind: 'alter settings', ...place, change: settingChange(binder, setstmt!) }, 'ALTER ROLE')
}

export function planAlterDatabaseSettings(binder: Binder, { dbname, setstmt }: AlterDatabaseSetStmt): Planned {
  const change = settingChange(binder, setstmt!)
  return planEffect({ kind: 'alter settings', database: dbname!, change }, 'ALTER DATABASE')
}

export function planAlterDatabase({ dbname, options = [] }: AlterDatabaseStmt): Planned {
  let connectionLimit: number | undefined
  for (const node of options) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg } = node.DefElem
    if (defname !== 'connection_limit') throw notBuilt(`ALTER DATABASE with ${defname}`)
    connectionLimit = readConnectionLimit(arg)
  }
  if (connectionLimit === undefined) throw notBuilt('ALTER DATABASE')
  return planEffect({ kind: 'limit database', name: dbname!, connectionLimit }, 'ALTER DATABASE')
}

function passwordOf(text: string | undefined): string | null {
  if (text !== undefined && /^md5[0-9a-f]{32}$/.test(text)) throw notBuilt('a password hashed by MD5')
  return text ?? null
}

/** Milliseconds since 1970; null for a moment that never comes. */
function momentOf(text: string): number | null {
  if (/^\s*\+?infinity\s*$/i.test(text)) return null
  const moment = findType(timestamptzOid)!.parseText(text) as bigint
  return Number(moment / 1000n)
}
