/**
 * Who may come in: proof of identity, for all doors.
 *
 *   no user    whoever connects is believed its name, and may do everything: the listener serves this machine alone
 *   a user     everybody proves who it is, on this machine, too: by SCRAM, or by its password
 *
 * A user is a role that may log in and has a password. One is made by `polylog user add`, `CREATE ROLE`, or the environment of
 * the first start; sessions that are open by then stay.
 *
 * What is answered to a wrong name and to a wrong password is the same, comes after the same work, and comes later the more
 * often it was wrong (`throttle.ts`).
 */
import { PolylogError } from '../base/errors.ts'
import { everybody } from '../database/access/access-list.ts'
import type { Member } from '../database/access/rights.ts'
import type { Catalog } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import type { Host } from '../host/host.ts'
import type { Reader } from '../storage/store.ts'
import { type Actor, Audit, type AuditEntry, theServer } from './audit.ts'
import { isRightAtRedis, letsIn } from './redis-rules.ts'
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
  removeMember,
  requireRole,
  roleById,
  rolesAround,
  rolesOf,
  secretOfRole,
} from './roles.ts'
import {
  type Asker,
  checkAlter,
  checkCreate,
  checkDrop,
  checkMembers,
  checkRename,
  checkAlterSettings,
} from './role-rules.ts'
import { parseClientFirst, ScramError, ScramExchange } from './scram.ts'
import {
  defaultIterations,
  hmac,
  isPassword,
  parseSecret,
  saltBytes,
  type Secret,
  secretOf,
  secretText,
  sha256,
} from './secret.ts'
import {
  alterSettings,
  databaseLimit,
  forgetDatabaseSettings,
  hasDatabaseSettings,
  isLimit,
  limitDatabase,
  type PlacedSettings,
  placedSettings,
  type SettingChange,
  settingsIn,
} from './settings.ts'
import { Throttle } from './throttle.ts'

export interface PrincipalsParts {
  readonly host: Host
  /** Of the database `system`; undefined where it is not open. */
  readonly catalog: () => Catalog | undefined
  /** Whether there is that database: then it is open, or nobody can be let in. */
  readonly exists: () => boolean
  /** What that database holds; undefined where it is not open. */
  readonly state: () => { readonly reader: Reader; readonly leads: boolean } | undefined
  /** Runs a change there, and makes the database where it is missing. Durable when it resolves. */
  readonly change: (run: (transaction: Transaction) => void) => Promise<void>
  /** Errors: `dependent_objects` where it owns something in a database, or has been given something. */
  readonly checkUnused: (role: Role) => Promise<void>
}

/** As its sessions and logins are named. */
const redisDoor = 'redis'

/** What a role is to be; `password` in the clear, or a secret as PostgreSQL writes it; null: none. */
export type RoleChange = Partial<Omit<RoleAttributes, 'secret'>> & { readonly password?: string | null }

/** Whose member a new role is, who is its member, and who may make others so. */
export interface Joins {
  readonly inRoles?: readonly string[]
  readonly members?: readonly string[]
  readonly admins?: readonly string[]
}

const noSettings: ReadonlyMap<string, string> = new Map()

/** Where somebody comes in. */
export type Place = Pick<Actor, 'door' | 'remote'>

/** Who has failed to prove who it is. Doors have words of their own for it. */
export class LoginError extends PolylogError {
  constructor(message: string) {
    super('denied', message)
  }
}

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
  readonly #parts: PrincipalsParts
  readonly #throttle: Throttle
  /** The last catalog that was asked. */
  #looked: Looked | undefined
  /** Passwords that were right, under a key of this process: who comes again and again is not made to wait for PBKDF2. */
  readonly #known = new Map<string, Buffer>()
  #key: Uint8Array | undefined
  /** Passwords are put through PBKDF2 one after another. */
  #computing: Promise<void> = Promise.resolve()

  constructor(parts: PrincipalsParts) {
    this.#parts = parts
    this.#throttle = new Throttle(parts.host)
    this.audit = new Audit({
      host: parts.host,
      current: () => {
        const catalog = parts.catalog()
        const state = parts.state()
        return catalog && state && { catalog, reader: state.reader }
      },
      writes: () => parts.state()?.leads === true,
      change: parts.change,
    })
  }

  /** Made when it is first needed. */
  get #processKey(): Uint8Array {
    return (this.#key ??= this.#chance(32))
  }

  #chance(bytes: number): Uint8Array {
    const chance = new Uint8Array(bytes)
    this.#parts.host.random(chance)
    return chance
  }

  /** Who connects must prove who it is. */
  get areProved(): boolean {
    const catalog = this.#parts.catalog()
    return catalog === undefined ? this.#parts.exists() : this.#lookAt(catalog).hasUsers
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

  /** Without a role, or a database: of all. Errors: `undefined_object`. */
  async alterSettings(place: { role?: string; database?: string }, change: SettingChange, by: Actor): Promise<void> {
    const { role, database = '' } = place
    const object = [role ?? 'all', ...(database === '' ? [] : [`in ${database}`])].join(' ')
    const detail = change === 'none' ? 'none' : `${change.name}: ${change.value ?? 'none'}`
    await this.#change([{ event: 'settings altered', by, object, detail }], (tx) => {
      const owner = role === undefined ? undefined : requireRole(tx.catalog, role)
      checkAlterSettings(askerOf(by), owner, change === 'none' || isLimit(change.name))
      alterSettings(tx, { roleId: owner?.id ?? 0, database }, change)
    })
  }

  async limitDatabase(database: string, connectionLimit: number, by: Actor): Promise<void> {
    checkAlterSettings(askerOf(by), undefined, true)
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

  // ---- proof

  /** Begins an exchange. `name`: where the door has it from elsewhere; else that of the message. Errors: `ScramError`. */
  beginScram(clientFirst: string, from: Place, name?: string): Login {
    const first = parseClientFirst(clientFirst)
    const asked = name ?? first.name
    const exchange = new ScramExchange(this.#secretFor(asked), first, this.#chance(18))
    const proof = this.#proofOf(asked, from)
    return new Login(exchange, asked, (check) => this.#settle(asked, from, proof, check))
  }

  /** Of a name that nobody has, one whose password nobody knows, always with the same salt. */
  #secretFor(name: string): Secret {
    const role = this.find(name)
    const secret = role && secretOfRole(role)
    if (secret !== undefined) return secret
    const catalog = this.#parts.catalog()
    const key = (catalog && chanceOf(catalog)) ?? this.#processKey
    const salt = hmac(key, `salt ${name}`).subarray(0, saltBytes)
    const none = this.#chance(32)
    return { iterations: defaultIterations, salt, storedKey: none, serverKey: none }
  }

  /** The role. Errors: `LoginError`. */
  checkPassword(name: string, password: string, from: Place): Promise<Role> {
    return this.#settle(name, from, this.#proofOf(name, from), () => this.#isRight(name, password, from))
  }

  #isRight(name: string, password: string, { door }: Place): boolean | Promise<boolean> {
    const isRight = isRightAtRedis(this.find(name)?.redis ?? null, password)
    return (door === redisDoor && isRight) || this.#isPassword(name, password)
  }

  /** Of the role's own one, whatever else lets it in. */
  isOwnPassword(name: string, password: string): Promise<boolean> {
    return this.#isPassword(name, password)
  }

  async #isPassword(name: string, password: string): Promise<boolean> {
    const secret = this.#secretFor(name)
    const seal = hmac(this.#processKey, Buffer.concat([sha256(secret.storedKey), sha256(Buffer.from(password))]))
    const isKnown = this.#known.get(name)?.equals(seal) === true
    if (isKnown) return true
    // Milliseconds each: one a turn, however many ask.
    await this.#inTurn()
    const isRight = await isPassword(secret, password)
    if (isRight) this.#remember(name, seal)
    return isRight
  }

  #inTurn(): Promise<void> {
    const { host } = this.#parts
    this.#computing = this.#computing.then(() => new Promise((resolve) => host.turn(resolve)))
    return this.#computing
  }

  /** By what the name is proved now, undefined where by nothing; a proof by something older counts no more. */
  #proofOf(name: string, { door }: Place): string | undefined {
    const role = this.find(name)
    if (role === undefined) return undefined
    const { secret, redis } = role
    if (door !== redisDoor || !letsIn(redis)) return secret ?? undefined
    return `${secret ?? ''} ${redis!.isOpen === true} ${redis!.hashes?.join(' ') ?? ''}`
  }

  #remember(name: string, seal: Buffer): void {
    if (this.#known.size >= 1000) this.#known.clear()
    this.#known.set(name, seal)
  }

  /**
   * Looks at a proof once those before it are told, after what these have cost it, and tells what may be told of it. `proof`:
   * what the name was proved by when that was begun.
   */
  async #settle(
    name: string,
    from: Place,
    proof: string | undefined,
    check: () => boolean | Promise<boolean>,
  ): Promise<Role> {
    const { host } = this.#parts
    const machine = from.remote.replace(/:\d+$/, '')
    const leave = await this.#throttle.enter(name, machine)
    try {
      const isRight = await check()
      await this.#after(this.#throttle.delayMs(name, machine))
      const role = isRight ? this.find(name) : undefined
      const isOver = role?.validUntilMs != null && host.now() >= role.validUntilMs
      if (role === undefined || isOver || proof === undefined || proof !== this.#proofOf(name, from)) {
        this.#throttle.failed(name, machine)
        this.audit.record({ event: 'login failed', by: { user: shown(name), ...from } })
        throw new LoginError(`password authentication failed for user "${shown(name)}"`)
      }
      this.#throttle.succeeded(name)
      const by = { user: role.name, ...from }
      this.audit.record(
        role.login ? { event: 'login', by } : { event: 'login failed', by, detail: 'it may not log in' },
      )
      if (!role.login) throw new NoLoginError(`role "${shown(name)}" is not permitted to log in`)
      return role
    } finally {
      leave()
    }
  }

  #after(delayMs: number): Promise<void> | undefined {
    if (delayMs === 0) return undefined
    return new Promise((resolve) => void this.#parts.host.at(delayMs, resolve))
  }

  // ---- changes

  async create(name: string, role: RoleChange, by: Actor = theServer, joins: Joins = {}): Promise<void> {
    const { password, ...attributes } = role
    checkCreate(askerOf(by), attributes.superuser === true)
    const secret = await this.#secretText(password)
    const { inRoles = [], members = [], admins = [] } = joins
    const entries: AuditEntry[] = [
      { event: 'role created', by, object: name, detail: told(role) },
      ...memberEntries('member added', inRoles, [name], by),
      ...memberEntries('member added', [name], [...members, ...admins], by),
    ]
    await this.#change(entries, (tx) => {
      createRole(tx, name, { ...newRole, ...attributes, secret }, this.#chance(32))
      this.#addMembers(tx, inRoles, [name], false, askerOf(by))
      this.#addMembers(tx, [name], members, false, askerOf(by))
      this.#addMembers(tx, [name], admins, true, askerOf(by))
    })
  }

  async alter(name: string, role: RoleChange, by: Actor = theServer): Promise<void> {
    const { password, ...attributes } = role
    const secret = password === undefined ? undefined : await this.#secretText(password)
    const isPassword = Object.keys(attributes).length === 0
    const entry: AuditEntry = { event: 'role altered', by, object: name, detail: told(role) }
    await this.#change([entry], (tx) => {
      checkAlter(askerOf(by), requireRole(tx.catalog, name), attributes.superuser, isPassword)
      alterRole(tx, name, { ...attributes, ...(secret !== undefined && { secret }) }, this.#chance(32))
    })
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
        checkDrop(askerOf(by), requireRole(tx.catalog, name))
        dropRole(tx, name)
      }
    })
  }

  /** Makes each of `members` one of each of `roles`. */
  addMembers(
    roles: readonly string[],
    members: readonly string[],
    admin: boolean,
    by: Actor = theServer,
  ): Promise<void> {
    return this.#change(memberEntries('member added', roles, members, by), (tx) => {
      this.#addMembers(tx, roles, members, admin, askerOf(by))
    })
  }

  #addMembers(
    tx: Transaction,
    roles: readonly string[],
    members: readonly string[],
    admin: boolean,
    asker: Asker,
  ): void {
    for (const name of roles) {
      const role = this.#led(tx, name, asker)
      for (const member of members) addMember(tx, role, member, asker?.roleId ?? 0, admin)
    }
  }

  /** `adminOnly`: they stay members. Answers who was none: `member` of `role`. */
  async removeMembers(
    roles: readonly string[],
    members: readonly string[],
    adminOnly: boolean,
    by: Actor = theServer,
  ): Promise<readonly { readonly role: string; readonly member: string }[]> {
    const none: { role: string; member: string }[] = []
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
    await this.#parts.change((transaction) => {
      run(transaction)
      for (const entry of entries) this.audit.within(transaction, entry)
    })
    this.#known.clear()
    for (const entry of entries) this.audit.committed(entry)
  }

  async #secretText(password: string | null | undefined): Promise<string | null> {
    if (password === null || password === undefined) return null
    const given = parseSecret(password)
    return given === undefined ? secretText(await secretOf(password, this.#chance(saltBytes))) : password
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
    ...(redis?.commands !== undefined && { redisCommands: redis.commands }),
  }
}

/** Its password was right. */
export class NoLoginError extends LoginError {}

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

function shown(name: string): string {
  return name.slice(0, 63)
}

/** One exchange with a client. */
export class Login {
  readonly name: string
  readonly #exchange: ScramExchange
  readonly #settle: (check: () => boolean) => Promise<Role>

  constructor(exchange: ScramExchange, name: string, settle: (check: () => boolean) => Promise<Role>) {
    this.#exchange = exchange
    this.name = name
    this.#settle = settle
  }

  get serverFirst(): string {
    return this.#exchange.serverFirst
  }

  /** Errors: `LoginError`, `ScramError`. */
  async finish(clientFinal: string): Promise<{ readonly role: Role; readonly serverFinal: string }> {
    let serverFinal: string | undefined
    let fault: ScramError | undefined
    const check = (): boolean => {
      try {
        serverFinal = this.#exchange.finish(clientFinal)
      } catch (error) {
        if (!(error instanceof ScramError)) throw error
        fault = error
      }
      return serverFinal !== undefined
    }
    try {
      const role = await this.#settle(check)
      return { role, serverFinal: serverFinal! }
    } catch (error) {
      // What is no proof is a failure like a wrong one, or it would be a free try.
      throw fault ?? error
    }
  }
}
