/**
 * Who there is, for all doors: roles as the newest catalog of the database `system` has them, and their changes.
 *
 *   no user    whoever connects is believed its name, and may do everything: the listener serves this machine alone
 *   guests     the same; at Redis's door a client may prove that it is one, and then has what that one has
 *   a user     everybody proves who it is, on this machine, too (`proofs.ts`)
 *
 * A user is a role that may log in and has a password. One is made by `polylog user add`, `CREATE ROLE`, or the environment of
 * the first start, and the first is a superuser; sessions that are open by then stay. Guests are users that ACL SETUSER has made
 * before there was one (docs/decisions/164-guests.md); they are users like others once there is.
 */
import { everybody } from '../database/access/access-list.ts'
import type { Member } from '../database/access/rights.ts'
import type { Catalog } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import type { Host } from '../host/host.ts'
import type { Reader } from '../storage/store.ts'
import { type Actor, Audit, type AuditEntry, theServer } from './audit.ts'
import { PendingChanges, type PendingParts } from './pending-changes.ts'
import { Proofs } from './proofs.ts'
import {
  addMember,
  alterRole,
  builtIn,
  builtInRoles,
  chanceOf,
  createRole,
  dropRole,
  findRole,
  newRole,
  renameRole,
  type Role,
  type RoleAttributes,
  type RoleEffects,
  removeMember,
  requireRole,
  roleById,
  rolesAround,
  rolesOf,
} from './roles.ts'
import {
  type Asker,
  checkAlter,
  checkCreate,
  checkDrop,
  checkGiveDatabase,
  checkGiver,
  checkMembers,
  checkOwnsDatabase,
  checkRename,
  checkAlterSettings,
} from './role-rules.ts'
import { checkOwnsNone } from './uses.ts'
import { chanceFrom, parseSecret, saltBytes, secretOf, secretText } from './secret.ts'
import {
  alterSettings,
  databaseLimit,
  databaseOwner,
  databasesOwnedBy,
  forgetDatabaseSettings,
  giveDatabase,
  hasDatabaseSettings,
  isLimit,
  limitDatabase,
  type PlacedSettings,
  placedSettings,
  type SettingChange,
  settingsIn,
} from './settings.ts'

export interface PrincipalsParts extends PendingParts {
  readonly host: Host
  /** Of the database `system`; undefined where it is not open. */
  readonly catalog: () => Catalog | undefined
  /** Whether there is that database: then it is open, or nobody can be let in. */
  readonly exists: () => boolean
  /** What that database holds; undefined where it is not open. */
  readonly state: () => { readonly reader: Reader; readonly leads: boolean } | undefined
  /** Errors: `dependent_objects` where it owns something in a database, or has been given something. */
  readonly checkUnused: (role: Role) => Promise<void>
}

/** What a role is to be; `password` in the clear, or a secret as PostgreSQL writes it; null: none. */
export type RoleChange = Partial<Omit<RoleAttributes, 'secret'>> & { readonly password?: string | null }

/** Whose member a new role is, who is its member, and who may make others so. */
export interface Joins {
  readonly inRoles?: readonly string[]
  readonly members?: readonly string[]
  readonly admins?: readonly string[]
}

export interface ChangeOptions {
  /** Where nobody is asked, nobody is by this change either, unless it makes a superuser. */
  readonly asGuest?: boolean
}

interface Joined {
  readonly role: string
  readonly member: string
}

const noSettings: ReadonlyMap<string, string> = new Map()

/** What a catalog says of all roles. */
interface Looked {
  readonly catalog: Catalog
  readonly hasUsers: boolean
  readonly roles: readonly Role[]
  readonly members: Map<number, Member>
  readonly placed: readonly PlacedSettings[]
  /** By role and database, as far as they were asked for. */
  readonly settings: Map<string, ReadonlyMap<string, string>>
}

export class Principals {
  /** What happens to roles, and who comes in. */
  readonly audit: Audit
  readonly proofs: Proofs
  readonly #parts: PrincipalsParts
  /** The last catalog that was asked. */
  #looked: Looked | undefined

  /** `shared`: of those whose roles these are, seen otherwise. */
  constructor(parts: PrincipalsParts, shared?: Pick<Principals, 'audit' | 'proofs'>) {
    this.#parts = parts
    if (shared !== undefined) {
      this.audit = shared.audit
      this.proofs = shared.proofs
      return
    }
    this.audit = new Audit({
      host: parts.host,
      current: () => {
        const catalog = parts.catalog()
        const state = parts.state()
        return catalog && state && { catalog, reader: state.reader }
      },
      writes: () => parts.state()?.leads === true,
      change: (run) => parts.change({ run, done: () => undefined }),
    })
    this.proofs = new Proofs({
      host: parts.host,
      audit: this.audit,
      find: (name) => this.find(name),
      chanceOfNames: () => {
        const catalog = parts.catalog()
        return catalog && chanceOf(catalog)
      },
    })
  }

  /** As a block sees them that has changed some: its changes wait there. */
  within(pending: PendingChanges): Principals {
    const parts = this.#parts
    const catalog = (): Catalog | undefined => pending.catalog ?? parts.catalog()
    return new Principals({ ...parts, catalog, change: (change) => pending.add(change) }, this)
  }

  pending(): PendingChanges {
    return new PendingChanges(this.#parts)
  }

  /** Tries what changes roles, and changes none. Errors: those of the changes. */
  async attempt(changes: (principals: Principals) => Promise<void>): Promise<void> {
    await changes(this.within(this.pending()))
  }

  /** Who connects must prove who it is. */
  get areProved(): boolean {
    const catalog = this.#parts.catalog()
    return catalog === undefined ? this.#parts.exists() : this.#lookAt(catalog).hasUsers
  }

  /** Nobody must, and at Redis's door somebody can. */
  get haveGuests(): boolean {
    return !this.areProved && this.roles.some(({ redis }) => redis !== null)
  }

  /** In order of names. */
  get roles(): readonly Role[] {
    const catalog = this.#parts.catalog()
    return catalog === undefined ? [] : this.#lookAt(catalog).roles
  }

  /** Once for each catalog: a view of the catalog of tables asks for each row. */
  #lookAt(catalog: Catalog): Looked {
    if (this.#looked?.catalog !== catalog) {
      const hasUsers = chanceOf(catalog) !== undefined
      const [roles, placed] = [rolesOf(catalog), placedSettings(catalog)]
      this.#looked = { catalog, hasUsers, roles, members: new Map(), placed, settings: new Map() }
    }
    return this.#looked
  }

  find(name: string): Role | undefined {
    return findRole(this.#parts.catalog(), name)
  }

  byId(id: number): Role | undefined {
    return roleById(this.#parts.catalog(), id)
  }

  /** Those that were made, and those that every server has. */
  get allRoles(): readonly Role[] {
    return [...this.roles, ...builtInRoles]
  }

  /** What is asked of a role; undefined where there is none of this number. The same object as long as no role changes. */
  member(id: number): Member | undefined {
    const catalog = this.#parts.catalog()
    if (catalog === undefined) return undefined
    const { members } = this.#lookAt(catalog)
    let member = members.get(id)
    if (member === undefined) {
      const role = roleById(catalog, id)
      if (role === undefined) return undefined
      members.set(id, (member = memberOf(catalog, role)))
    }
    return member
  }

  /** Whether `id` may become `other` by SET ROLE: it is a member, whether it inherits or not. */
  mayBecome(id: number, other: number): boolean {
    return rolesAround(this.#parts.catalog(), id, () => true).has(other)
  }

  // ---- what sessions begin with

  /** Of a name that nobody has, what all begin with. An empty name of a database: what holds in each. */
  settingsOf(name: string, database: string): ReadonlyMap<string, string> {
    const catalog = this.#parts.catalog()
    const looked = catalog && this.#lookAt(catalog)
    if (looked === undefined || looked.placed.length === 0) return noSettings
    const roleId = findRole(looked.catalog, name)?.id ?? 0
    const key = `${roleId}/${database}`
    let settings = looked.settings.get(key)
    if (settings === undefined) {
      settings = settingsIn(looked.catalog, { roleId, database })
      looked.settings.set(key, settings)
    }
    return settings
  }

  /** All that were given, for those who list them. */
  get placedSettings(): readonly PlacedSettings[] {
    const catalog = this.#parts.catalog()
    return catalog === undefined ? [] : this.#lookAt(catalog).placed
  }

  /** Connections at once; −1: any number. */
  databaseLimit(database: string): number {
    const catalog = this.#parts.catalog()
    return catalog === undefined ? -1 : databaseLimit(catalog, database)
  }

  /** The number of the role that owns it. */
  databaseOwner(database: string): number | undefined {
    const catalog = this.#parts.catalog()
    return catalog && databaseOwner(catalog, database)
  }

  /** Errors: `denied` for who does not own it. */
  checkOwnsDatabase(database: string, by: Actor): void {
    checkOwnsDatabase(askerOf(by), this.databaseOwner(database), database)
  }

  /** Whoever has made it, and so asks for nothing. */
  async ownDatabase(database: string, owner: number): Promise<void> {
    await this.#change([], (tx) => giveDatabase(tx, database, owner))
  }

  /** Who owned it before. Errors: `undefined_object`, `denied`. */
  async giveDatabase(database: string, owner: string, by: Actor): Promise<number | undefined> {
    let before: number | undefined
    await this.#change(
      [{ event: 'settings altered', by, object: `in ${database}`, detail: `owner: ${owner}` }],
      (tx) => {
        before = databaseOwner(tx.catalog, database)
        const role = requireRole(tx.catalog, owner)
        const asker = askerOf(by)
        checkOwnsDatabase(asker, before, database)
        if (role.id === before) return
        const isMember = asker !== undefined && rolesAround(tx.catalog, asker.roleId, () => true).has(role.id)
        checkGiveDatabase(asker, role, isMember)
        giveDatabase(tx, database, role.id)
      },
    )
    return before
  }

  /** Without a role, or a database: of all. Errors: `undefined_object`. */
  async alterSettings(place: { role?: string; database?: string }, change: SettingChange, by: Actor): Promise<void> {
    const { role, database = '' } = place
    const object = [role ?? 'all', ...(database === '' ? [] : [`in ${database}`])].join(' ')
    const detail = change === 'none' ? 'none' : `${change.name}: ${change.value ?? 'none'}`
    await this.#change([{ event: 'settings altered', by, object, detail }], (tx) => {
      const owner = role === undefined ? undefined : requireRole(tx.catalog, role)
      const isLimited = change === 'none' || isLimit(change.name)
      if (owner === undefined && database !== '' && !isLimited) {
        checkOwnsDatabase(askerOf(by), databaseOwner(tx.catalog, database), database)
      } else checkAlterSettings(askerOf(by), owner, isLimited)
      alterSettings(tx, { roleId: owner?.id ?? 0, database }, change)
    })
  }

  async limitDatabase(database: string, connectionLimit: number, by: Actor): Promise<void> {
    this.checkOwnsDatabase(database, by)
    const detail = `connection limit: ${connectionLimit}`
    const entry: AuditEntry = { event: 'settings altered', by, object: `in ${database}`, detail }
    await this.#change([entry], (tx) => limitDatabase(tx, database, connectionLimit))
  }

  /** Of one that is gone, or is to be made. */
  async forgetDatabase(database: string): Promise<void> {
    const catalog = this.#parts.catalog()
    if (catalog === undefined || !hasDatabaseSettings(catalog, database)) return
    await this.#change([], (tx) => forgetDatabaseSettings(tx, database))
  }

  // ---- changes

  async create(
    name: string,
    role: RoleChange,
    by: Actor = theServer,
    options: Joins & ChangeOptions = {},
  ): Promise<void> {
    const { password, ...attributes } = role
    checkCreate(askerOf(by), attributes)
    const secret = await this.#secretText(password)
    const { inRoles = [], members = [], admins = [] } = options
    const entries: AuditEntry[] = [
      { event: 'role created', by, object: name, detail: told(role) },
      ...memberEntries('member added', inRoles, [name], by),
      ...memberEntries('member added', [name], [...members, ...admins], by),
    ]
    await this.#change(entries, (tx) => {
      createRole(tx, name, { ...newRole, ...attributes, secret }, this.#effects(options))
      this.#addMembers(tx, inRoles, [name], false, askerOf(by))
      this.#addMembers(tx, [name], members, false, askerOf(by))
      this.#addMembers(tx, [name], admins, true, askerOf(by))
    })
  }

  async alter(name: string, role: RoleChange, by: Actor = theServer, options: ChangeOptions = {}): Promise<void> {
    const { password, ...attributes } = role
    const secret = password === undefined ? undefined : await this.#secretText(password)
    const isPassword = Object.keys(attributes).length === 0
    const entry: AuditEntry = { event: 'role altered', by, object: name, detail: told(role) }
    await this.#change([entry], (tx) => {
      checkAlter(askerOf(by), requireRole(tx.catalog, name), attributes, isPassword)
      alterRole(tx, name, { ...attributes, ...(secret !== undefined && { secret }) }, this.#effects(options))
    })
  }

  #effects({ asGuest = false }: ChangeOptions): RoleEffects {
    return { chance: chanceFrom(this.#parts.host, 32), asGuest }
  }

  rename(name: string, newName: string, by: Actor = theServer): Promise<void> {
    const entry: AuditEntry = { event: 'role renamed', by, object: name, detail: newName }
    return this.#change([entry], (tx) => {
      checkRename(askerOf(by), requireRole(tx.catalog, name))
      renameRole(tx, name, newName)
    })
  }

  /** Errors: `denied`. */
  checkMayDrop(name: string, by: Actor): void {
    checkDrop(askerOf(by), requireRole(this.#parts.catalog(), name))
  }

  /** All of them, or none. Errors: `dependent_objects` where one of them owns something, or has been given something. */
  async drop(names: readonly string[], by: Actor = theServer): Promise<void> {
    const roles = names.map((name) => requireRole(this.#parts.catalog(), name))
    for (const name of names) this.checkMayDrop(name, by)
    for (const role of roles) await this.#parts.checkUnused(role)
    const entries = names.map((object): AuditEntry => ({ event: 'role dropped', by, object }))
    await this.#change(entries, (tx) => {
      for (const name of names) {
        const role = requireRole(tx.catalog, name)
        checkDrop(askerOf(by), role)
        checkOwnsNone(role, databasesOwnedBy(tx.catalog, role.id))
        dropRole(tx, name)
      }
    })
  }

  /** Makes each of `members` one of each of `roles`, as given by `giver`. Answers who was one: `member` of `role`. */
  async addMembers(
    roles: readonly string[],
    members: readonly string[],
    admin: boolean,
    by: Actor = theServer,
    giver?: string,
  ): Promise<readonly Joined[]> {
    const known: Joined[] = []
    await this.#change(memberEntries('member added', roles, members, by), (tx) => {
      known.length = 0
      known.push(...this.#addMembers(tx, roles, members, admin, askerOf(by), giver))
    })
    return known
  }

  #addMembers(
    tx: Transaction,
    roles: readonly string[],
    members: readonly string[],
    admin: boolean,
    asker: Asker,
    giver?: string,
  ): Joined[] {
    const known: Joined[] = []
    for (const name of roles) {
      const role = this.#led(tx, name, asker)
      const by = giver === undefined ? (asker?.roleId ?? 0) : requireRole(tx.catalog, giver).id
      checkGiver(asker, by)
      for (const member of members) if (!addMember(tx, role, member, by, admin)) known.push({ role: name, member })
    }
    return known
  }

  /** `adminOnly`: they stay members. Answers who was none: `member` of `role`. */
  async removeMembers(
    roles: readonly string[],
    members: readonly string[],
    adminOnly: boolean,
    by: Actor = theServer,
  ): Promise<readonly Joined[]> {
    const none: Joined[] = []
    await this.#change(memberEntries('member removed', roles, members, by), (tx) => {
      none.length = 0
      for (const name of roles) {
        const role = this.#led(tx, name, askerOf(by))
        for (const member of members) {
          if (!removeMember(tx, role, member, adminOnly)) none.push({ role: name, member })
        }
      }
    })
    return none
  }

  /** One whose members the asker may change. */
  #led({ catalog }: Transaction, name: string, asker: Asker): Role {
    const role = requireRole(catalog, name)
    const own = asker && roleById(catalog, asker.roleId)
    checkMembers(asker, role, own?.memberOf.some((each) => each.role === role.id && each.admin) === true)
    return role
  }

  /** What it says in the audit is there with the change, or not at all. */
  async #change(entries: readonly AuditEntry[], run: (transaction: Transaction) => void): Promise<void> {
    await this.#parts.change({
      run: (transaction) => {
        run(transaction)
        for (const entry of entries) this.audit.within(transaction, entry)
      },
      done: () => {
        this.proofs.forget()
        for (const entry of entries) this.audit.committed(entry)
      },
    })
  }

  async #secretText(password: string | null | undefined): Promise<string | null> {
    if (password === null || password === undefined) return null
    const given = parseSecret(password)
    return given === undefined
      ? secretText(await secretOf(password, chanceFrom(this.#parts.host, saltBytes)))
      : password
  }
}

function memberOf(catalog: Catalog, role: Role): Member {
  const { id, name, superuser, createDatabase, createRole: createsRoles, redis } = role
  const inherited = rolesAround(catalog, id, ({ inherit }) => inherit)
  return {
    roleId: id,
    name,
    isSuperuser: superuser,
    roles: new Set([...inherited, everybody]),
    readsAll: inherited.has(builtIn.readAllData),
    writesAll: inherited.has(builtIn.writeAllData),
    monitors: inherited.has(builtIn.readAllStatistics),
    signals: inherited.has(builtIn.signalBackend),
    checkpoints: inherited.has(builtIn.checkpoint),
    createsDatabases: createDatabase,
    createsRoles,
    bypassesPolicies: role.bypassPolicies,
    replicates: role.replication,
    ...(redis?.commands !== undefined && { redisCommands: redis.commands }),
    ...(redis?.channels?.includes('*') === false && { redisChannels: redis.channels }),
  }
}

/** What is changed, for the audit; of the password only that it is. */
function told({ password, customData, redis, ...attributes }: RoleChange): string {
  const texts = Object.entries(attributes).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  if (customData !== undefined) texts.push('other customData')
  if (redis !== undefined) texts.push('other rules of Redis')
  if (password !== undefined) texts.push(password === null ? 'without a password' : 'a new password')
  return texts.join(', ')
}

function askerOf({ rights }: Actor): Asker {
  return rights?.member
}

function memberEntries(
  event: 'member added' | 'member removed',
  roles: readonly string[],
  members: readonly string[],
  by: Actor,
): AuditEntry[] {
  return roles.flatMap((role) => members.map((detail): AuditEntry => ({ event, by, object: role, detail })))
}
