/**
 * Roles: who there is. A role that may log in is a user; all databases of a server share them.
 *
 * They are global objects (`database/catalog/catalog.ts`) of the database `system`, which is made with the first of them, has a log of
 * its own, and is nobody's to connect to. So they change in a transaction, have history, and reach followers as data do;
 * each process finds them in the catalog of that database, which lies in memory.
 */
import { PolylogError } from '../base/errors.ts'
import type { Catalog, GlobalObject, JsonObject } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import { forgetRoleSettings } from './settings.ts'
import { letsIn, type RedisRules } from './redis-rules.ts'
import { parseSecret, type Secret } from './secret.ts'

const roleKind = 'role'
const chanceKind = 'chance'

export interface RoleAttributes {
  /** It may log in. */
  readonly login: boolean
  /** It may do everything. */
  readonly superuser: boolean
  readonly createRole: boolean
  readonly createDatabase: boolean
  readonly inherit: boolean
  /** Policies of rows do not concern it; nor a superuser. */
  readonly bypassPolicies: boolean
  /** The feed of every database is open to it; nor does a superuser need that. */
  readonly replication: boolean
  /** Sessions at once; −1: any number. */
  readonly connectionLimit: number
  /** Milliseconds since 1970 from which on its password counts no more. */
  readonly validUntilMs: number | null
  /** As `secretText` writes it; null: no password is right. */
  readonly secret: string | null
  /** The roles that it is a member of. */
  readonly memberOf: readonly Membership[]
  /** MongoDB's `customData`: a BSON document in base64. */
  readonly customData?: string
  /** What Redis's door alone knows of it. */
  readonly redis: RedisRules | null
}

/** What a role is in another one. */
export interface Membership {
  /** The other one's number. */
  readonly role: number
  /** The number of who made it one; 0: the server. */
  readonly by: number
  /** It may make others members. */
  readonly admin: boolean
}

export interface Role extends RoleAttributes {
  readonly id: number
  readonly name: string
}

export const newRole: RoleAttributes = {
  login: false,
  superuser: false,
  createRole: false,
  createDatabase: false,
  inherit: true,
  bypassPolicies: false,
  replication: false,
  connectionLimit: -1,
  validUntilMs: null,
  secret: null,
  memberOf: [],
  redis: null,
}

const read = new WeakMap<GlobalObject, Role>()

function roleOf(object: GlobalObject): Role {
  let role = read.get(object)
  if (role === undefined) {
    role = { ...newRole, ...(object.definition as Partial<RoleAttributes>), id: object.id, name: object.name }
    read.set(object, role)
  }
  return role
}

/** Also those that every server has. */
export function findRole(catalog: Catalog | undefined, name: string): Role | undefined {
  const found = catalog?.findGlobal(roleKind, name)
  return found ? roleOf(found) : builtInRoles.find((role) => role.name === name)
}

export function roleById(catalog: Catalog | undefined, id: number): Role | undefined {
  const found = catalog?.globalById(id)
  return found?.kind === roleKind ? roleOf(found) : builtInRoles.find((role) => role.id === id)
}

/** Errors: `undefined_object`. */
export function requireRole(catalog: Catalog | undefined, name: string): Role {
  const found = findRole(catalog, name)
  if (found !== undefined) return found
  throw missing(name)
}

function missing(name: string): PolylogError {
  return new PolylogError('undefined_object', `role "${name}" does not exist`, { detail: { sqlState: '42704' } })
}

/** In order of names. */
export function rolesOf(catalog: Catalog): readonly Role[] {
  return catalog.globalsOf(roleKind).map(roleOf)
}

export function isUser({ login, secret, redis }: RoleAttributes): boolean {
  return login && (secret !== null || letsIn(redis))
}

/** Errors: `data_corrupted`. */
export function secretOfRole({ name, secret }: Role): Secret | undefined {
  if (secret === null) return undefined
  const parsed = parseSecret(secret)
  if (parsed === undefined) throw new PolylogError('data_corrupted', `the secret of role "${name}" cannot be read`)
  return parsed
}

/** Of what is made up for names that nobody has; the same for as long as the data live. */
export function chanceOf(catalog: Catalog): Buffer | undefined {
  const [object] = catalog.globalsOf(chanceKind)
  const bytes = object?.definition['bytes']
  return typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : undefined
}

// ---- changes, within a transaction of the database `system`

function objectOf(transaction: Transaction, name: string): GlobalObject {
  const object = transaction.catalog.findGlobal(roleKind, name)
  if (object !== undefined) return object
  checkName(name)
  throw missing(name)
}

/** What a change of a role brings about beside it. */
export interface RoleEffects {
  /** Random bytes, kept with the first user that is no guest. */
  readonly chance: Uint8Array
  /** Where nobody is asked, a user that is no superuser is made a guest: still nobody is. */
  readonly asGuest: boolean
}

export function createRole(
  transaction: Transaction,
  name: string,
  attributes: RoleAttributes,
  effects: RoleEffects,
): void {
  checkName(name)
  if (transaction.catalog.findGlobal(roleKind, name) !== undefined) throw duplicate(name)
  keepChance(transaction, attributes, effects)
  transaction.globals.create(roleKind, name, definitionOf(attributes))
  checkSomebodyRules(transaction)
}

/** With the first user that is no guest; from then on everybody is asked. */
function keepChance(transaction: Transaction, attributes: RoleAttributes, { chance, asGuest }: RoleEffects): void {
  if (!isUser(attributes) || transaction.catalog.globalsOf(chanceKind).length > 0) return
  if (asGuest && !attributes.superuser) return
  transaction.globals.create(chanceKind, 'of unknown names', { bytes: Buffer.from(chance).toString('hex') })
}

function checkName(name: string): void {
  if (!reservedNames.has(name) && !name.startsWith('pg_')) return
  throw new PolylogError('denied', `role name "${name}" is reserved`, { detail: { sqlState: '42939' } })
}

function duplicate(name: string): PolylogError {
  return new PolylogError('duplicate_object', `role "${name}" already exists`, { detail: { sqlState: '42710' } })
}

const reservedNames: ReadonlySet<string> = new Set(['public', 'none'])

export function alterRole(
  transaction: Transaction,
  name: string,
  change: Partial<RoleAttributes>,
  { chance, asGuest }: RoleEffects,
): void {
  const object = objectOf(transaction, name)
  const before = roleOf(object)
  const after = { ...before, ...change }
  transaction.globals.alter(object, { definition: definitionOf(after) })
  // Where nobody is asked, who is a user is a guest, and stays one.
  keepChance(transaction, after, { chance, asGuest: asGuest || isUser(before) })
  checkSomebodyRules(transaction)
}

export function renameRole(transaction: Transaction, name: string, newName: string): void {
  const object = objectOf(transaction, name)
  checkName(newName)
  if (transaction.catalog.findGlobal(roleKind, newName) !== undefined) throw duplicate(newName)
  transaction.globals.alter(object, { name: newName })
}

/** Nobody is a member of it any more. */
export function dropRole(transaction: Transaction, name: string): void {
  const { id } = objectOf(transaction, name)
  for (const object of transaction.catalog.globalsOf(roleKind)) {
    const role = roleOf(object)
    if (!role.memberOf.some(({ role: other }) => other === id)) continue
    const memberOf = role.memberOf.filter(({ role: other }) => other !== id)
    transaction.globals.alter(object, { definition: definitionOf({ ...role, memberOf }) })
  }
  transaction.globals.drop(objectOf(transaction, name))
  forgetRoleSettings(transaction, id)
  checkSomebodyRules(transaction)
}

/** False where it was one already. Errors: `undefined_object`, `invalid_argument` where the two would be members of each other. */
export function addMember(transaction: Transaction, role: Role, member: string, by: number, admin: boolean): boolean {
  const object = objectOf(transaction, member)
  const before = roleOf(object)
  if (rolesAround(transaction.catalog, role.id, () => true).has(before.id)) {
    throw new PolylogError('invalid_argument', `role "${role.name}" is a member of role "${member}"`, {
      detail: { sqlState: '0LP01' },
    })
  }
  const known = before.memberOf.find((each) => each.role === role.id)
  if (known !== undefined && (known.admin || !admin)) return false
  const memberOf = [...before.memberOf.filter((each) => each !== known), { role: role.id, by, admin }]
  transaction.globals.alter(object, { definition: definitionOf({ ...before, memberOf }) })
  return true
}

/** `adminOnly`: it stays a member, and may not make others members any more. False where it was none. */
export function removeMember(transaction: Transaction, role: Role, member: string, adminOnly: boolean): boolean {
  const object = objectOf(transaction, member)
  const before = roleOf(object)
  if (!before.memberOf.some((each) => each.role === role.id)) return false
  const memberOf = before.memberOf.flatMap((each) => {
    if (each.role !== role.id) return [each]
    return adminOnly ? [{ ...each, admin: false }] : []
  })
  transaction.globals.alter(object, { definition: definitionOf({ ...before, memberOf }) })
  return true
}

/** Itself and all that it is a member of, through those that `passes` lets through. */
export function rolesAround(
  catalog: Catalog | undefined,
  id: number,
  passes: (role: Role) => boolean,
): ReadonlySet<number> {
  const found = new Set([id])
  for (const each of found) {
    const role = roleById(catalog, each)
    if (role === undefined || !passes(role)) continue
    for (const { role: other } of role.memberOf) found.add(other)
  }
  return found
}

// ---- roles that every server has

/** Numbers below those that catalogs give out. */
export const builtIn = {
  readAllData: 2,
  writeAllData: 3,
  monitor: 4,
  readAllSettings: 5,
  readAllStatistics: 6,
  signalBackend: 8,
  checkpoint: 9,
} as const

function builtInRole(id: number, name: string, ...memberOf: readonly number[]): Role {
  return { ...newRole, id, name, memberOf: memberOf.map((role) => ({ role, by: 0, admin: false })) }
}

export const builtInRoles: readonly Role[] = [
  builtInRole(builtIn.readAllData, 'pg_read_all_data'),
  builtInRole(builtIn.writeAllData, 'pg_write_all_data'),
  builtInRole(builtIn.monitor, 'pg_monitor', builtIn.readAllSettings, builtIn.readAllStatistics),
  builtInRole(builtIn.readAllSettings, 'pg_read_all_settings'),
  builtInRole(builtIn.readAllStatistics, 'pg_read_all_stats'),
  builtInRole(builtIn.signalBackend, 'pg_signal_backend'),
  builtInRole(builtIn.checkpoint, 'pg_checkpoint'),
]

/**
 * Once there was a user there is one, who can make others: without it either nobody could come in ever again, or everybody
 * could, and neither is what who takes a user away has asked for.
 */
function checkSomebodyRules({ catalog }: Transaction): void {
  const users = rolesOf(catalog).filter(isUser)
  const rules = users.some(
    ({ superuser, validUntilMs, secret }) => superuser && validUntilMs === null && secret !== null,
  )
  if (rules || chanceOf(catalog) === undefined) return
  const message =
    users.length < 2
      ? 'the only user is a superuser whose password never ends: say SUPERUSER; of the command line, --admin'
      : 'no superuser would be left that can log in and whose password never ends'
  throw new PolylogError('dependent_objects', message, {
    detail: { sqlState: '2BP01', hint: 'Make another one first.' },
  })
}

function definitionOf(attributes: RoleAttributes): JsonObject {
  const {
    login,
    superuser,
    createRole: roles,
    createDatabase,
    inherit,
    bypassPolicies,
    replication,
    connectionLimit,
    validUntilMs,
    secret,
    memberOf,
    customData,
    redis,
  } = attributes
  const own = { login, superuser, createRole: roles, createDatabase, inherit, connectionLimit, validUntilMs, secret }
  return {
    ...own,
    ...(bypassPolicies && { bypassPolicies }),
    ...(replication && { replication }),
    ...(customData !== undefined && { customData }),
    ...(memberOf.length > 0 && { memberOf: memberOf.map((each) => ({ ...each })) }),
    ...(redis !== null && { redis: JSON.parse(JSON.stringify(redis)) as JsonObject }),
  }
}
