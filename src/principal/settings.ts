/**
 * Settings that sessions begin with, and how many sessions there may be: of a role, of a database, of a role in a database, of
 * all. They are global objects of the database `system`, beside the roles, so that a role's go with it.
 *
 *   kind `settings`   name "<number of the role>/<database>"; 0 is every role, an empty name every database
 *   kind `database`   name of the database; how many connections it may have
 *
 * Of one setting the most exact one counts, as in PostgreSQL: that of the role in the database, of the role, of the database,
 * of all. Values are what the language has checked when they were given; here they are texts. What is changed holds for the
 * sessions that begin from then on.
 */
import type { Catalog, GlobalObject } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'

const settingsKind = 'settings'
const databaseKind = 'database'

/** Whose sessions. */
export interface SettingsPlace {
  /** 0: of every role. */
  readonly roleId: number
  /** Empty: in every database. */
  readonly database: string
}

/** `value`: undefined takes the setting away. Without a name all are taken away. */
export type SettingChange = { readonly name: string; readonly value: string | undefined } | 'none'

export type SettingValues = Readonly<Record<string, string>>

/** What limits a session, and what who is limited by it must not change. */
export function isLimit(name: string): boolean {
  return name === 'temp_file_limit' || (name.startsWith('polylog.') && name !== 'polylog.as_of')
}

function nameOf({ roleId, database }: SettingsPlace): string {
  return `${roleId}/${database}`
}

function valuesOf(object: GlobalObject | undefined): SettingValues {
  return object === undefined ? {} : (object.definition as SettingValues)
}

/** What a session of the role begins with in the database. */
export function settingsIn(catalog: Catalog, { roleId, database }: SettingsPlace): ReadonlyMap<string, string> {
  const all = new Map<string, string>()
  for (const place of [
    { roleId: 0, database: '' },
    { roleId: 0, database },
    { roleId, database: '' },
    { roleId, database },
  ]) {
    const object = catalog.findGlobal(settingsKind, nameOf(place))
    for (const [name, value] of Object.entries(valuesOf(object))) all.set(name, value)
  }
  return all
}

export interface PlacedSettings extends SettingsPlace {
  readonly values: SettingValues
}

/** All that were given. */
export function placedSettings(catalog: Catalog): readonly PlacedSettings[] {
  return catalog.globalsOf(settingsKind).map((object) => {
    const [id = ''] = object.name.split('/', 1)
    return { roleId: Number(id), database: object.name.slice(id.length + 1), values: valuesOf(object) }
  })
}

/** Connections at once; −1: any number. */
export function databaseLimit(catalog: Catalog, database: string): number {
  return factsOf(catalog.findGlobal(databaseKind, database)).connectionLimit ?? -1
}

/** The number of the role that owns it; undefined where it was made by nobody in particular. */
export function databaseOwner(catalog: Catalog, database: string): number | undefined {
  return factsOf(catalog.findGlobal(databaseKind, database)).owner
}

export function databasesOwnedBy(catalog: Catalog, roleId: number): readonly string[] {
  return catalog.globalsOf(databaseKind).flatMap((each) => (factsOf(each).owner === roleId ? [each.name] : []))
}

interface DatabaseFacts {
  readonly connectionLimit?: number
  readonly owner?: number
}

function factsOf(object: GlobalObject | undefined): DatabaseFacts {
  return object?.definition ?? {}
}

// ---- changes, within a transaction of the database `system`

export function alterSettings(transaction: Transaction, place: SettingsPlace, change: SettingChange): void {
  const name = nameOf(place)
  const object = transaction.catalog.findGlobal(settingsKind, name)
  const values = change === 'none' ? {} : changed(valuesOf(object), change)
  if (Object.keys(values).length > 0) {
    if (object === undefined) transaction.globals.create(settingsKind, name, values)
    else transaction.globals.alter(object, { definition: values })
  } else if (object !== undefined) transaction.globals.drop(object)
}

function changed(before: SettingValues, { name, value }: Exclude<SettingChange, 'none'>): SettingValues {
  const { [name]: _, ...others } = before
  return value === undefined ? others : { ...others, [name]: value }
}

export function limitDatabase(transaction: Transaction, database: string, connectionLimit: number): void {
  const { owner } = factsOf(transaction.catalog.findGlobal(databaseKind, database))
  setFacts(transaction, database, { ...(owner !== undefined && { owner }), connectionLimit })
}

export function giveDatabase(transaction: Transaction, database: string, owner: number): void {
  setFacts(transaction, database, { ...factsOf(transaction.catalog.findGlobal(databaseKind, database)), owner })
}

function setFacts(transaction: Transaction, database: string, facts: DatabaseFacts): void {
  const object = transaction.catalog.findGlobal(databaseKind, database)
  const { connectionLimit = -1, owner } = facts
  const definition = { ...(connectionLimit >= 0 && { connectionLimit }), ...(owner !== undefined && { owner }) }
  if (Object.keys(definition).length > 0) {
    if (object === undefined) transaction.globals.create(databaseKind, database, definition)
    else transaction.globals.alter(object, { definition })
  } else if (object !== undefined) transaction.globals.drop(object)
}

function forget(transaction: Transaction, isMeant: (placed: PlacedSettings) => boolean): void {
  for (const placed of placedSettings(transaction.catalog).filter(isMeant)) {
    const object = transaction.catalog.findGlobal(settingsKind, nameOf(placed))
    if (object !== undefined) transaction.globals.drop(object)
  }
}

/** With a role that is dropped. */
export function forgetRoleSettings(transaction: Transaction, roleId: number): void {
  forget(transaction, (placed) => placed.roleId === roleId)
}

/** With a database that is dropped: one that is made under its name has nothing to do with it. */
export function forgetDatabaseSettings(transaction: Transaction, database: string): void {
  forget(transaction, (placed) => placed.database === database)
  setFacts(transaction, database, {})
}

/** Whether anything is kept of a database. */
export function hasDatabaseSettings(catalog: Catalog, database: string): boolean {
  if (catalog.findGlobal(databaseKind, database) !== undefined) return true
  return placedSettings(catalog).some((placed) => placed.database === database)
}
