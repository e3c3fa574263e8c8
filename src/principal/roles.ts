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
  /** Sessions at once; −1: any number. */
  readonly connectionLimit: number
  /** Milliseconds since 1970 from which on its password counts no more. */
  readonly validUntilMs: number | null
  /** As `secretText` writes it; null: no password is right. */
  readonly secret: string | null
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
  connectionLimit: -1,
  validUntilMs: null,
  secret: null,
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

export function findRole(catalog: Catalog, name: string): Role | undefined {
  const found = catalog.findGlobal(roleKind, name)
  return found && roleOf(found)
}

/** In order of names. */
export function rolesOf(catalog: Catalog): readonly Role[] {
  return catalog.globalsOf(roleKind).map(roleOf)
}

export function isUser({ login, secret }: RoleAttributes): boolean {
  return login && secret !== null
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
  throw new PolylogError('undefined_object', `role "${name}" does not exist`, { detail: { sqlState: '42704' } })
}

/** `chance`: random bytes, kept with the first role. */
export function createRole(
  transaction: Transaction,
  name: string,
  attributes: RoleAttributes,
  chance: Uint8Array,
): void {
  checkName(name)
  if (transaction.catalog.findGlobal(roleKind, name) !== undefined) throw duplicate(name)
  keepChance(transaction, attributes, chance)
  transaction.createGlobal(roleKind, name, definitionOf(attributes))
  checkSomebodyRules(transaction)
}

/** With the first user; from then on everybody is asked. */
function keepChance(transaction: Transaction, attributes: RoleAttributes, chance: Uint8Array): void {
  if (!isUser(attributes) || transaction.catalog.globalsOf(chanceKind).length > 0) return
  transaction.createGlobal(chanceKind, 'of unknown names', { bytes: Buffer.from(chance).toString('hex') })
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
  chance: Uint8Array,
): void {
  const object = objectOf(transaction, name)
  const after = { ...roleOf(object), ...change }
  transaction.alterGlobal(object, { definition: definitionOf(after) })
  keepChance(transaction, after, chance)
  checkSomebodyRules(transaction)
}

export function renameRole(transaction: Transaction, name: string, newName: string): void {
  const object = objectOf(transaction, name)
  checkName(newName)
  if (transaction.catalog.findGlobal(roleKind, newName) !== undefined) throw duplicate(newName)
  transaction.alterGlobal(object, { name: newName })
}

export function dropRole(transaction: Transaction, name: string): void {
  transaction.dropGlobal(objectOf(transaction, name))
  checkSomebodyRules(transaction)
}

/**
 * Once there was a user there is one, who can make others: without it either nobody could come in ever again, or everybody
 * could, and neither is what who takes a user away has asked for.
 */
function checkSomebodyRules({ catalog }: Transaction): void {
  const users = rolesOf(catalog).filter(isUser)
  const rules = users.some(({ superuser, validUntilMs }) => superuser && validUntilMs === null)
  if (rules || chanceOf(catalog) === undefined) return
  throw new PolylogError(
    'dependent_objects',
    'no superuser would be left that can log in and whose password never ends',
    {
      detail: { sqlState: '2BP01', hint: 'Make another one first.' },
    },
  )
}

function definitionOf(attributes: RoleAttributes): JsonObject {
  const {
    login,
    superuser,
    createRole: roles,
    createDatabase,
    inherit,
    connectionLimit,
    validUntilMs,
    secret,
  } = attributes
  return { login, superuser, createRole: roles, createDatabase, inherit, connectionLimit, validUntilMs, secret }
}
