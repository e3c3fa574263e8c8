/** All sessions of a server, and the open transactions that can be joined by token. */
import { assert, PolylogError } from '../base/errors.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import { type AccessItem, firstList, given, noOwner, noRole } from '../database/access/access-list.ts'
import { ofDatabases, privilege } from '../database/access/privileges.ts'
import { type Member, Rights, rightsOfSuperuser } from '../database/access/rights.ts'
import type { Catalog } from '../database/catalog/catalog.ts'
import type { Database } from '../database/database.ts'
import { changesConsumer } from '../database/following/log-use.ts'
import { ProcessMemory } from '../database/process-memory.ts'
import { Workspace } from '../database/transaction/workspace.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'
import type { Host } from '../host/host.ts'
import type { Durability } from '../log/commit-log.ts'
import type { Transaction } from '../database/contract.ts'
import type { FeedOptions, FeedTransaction } from '../database/following/feed.ts'
import type { Slots } from '../database/following/slots.ts'
import { systemDatabase } from '../database/instance.ts'
import type { Actor } from '../principal/audit.ts'
import type { RoleTransaction } from '../principal/pending-changes.ts'
import { Principals } from '../principal/principals.ts'
import type { Role } from '../principal/roles.ts'
import { checkUnused } from '../principal/uses.ts'
import { Activity, type DatabaseCounts } from './activity.ts'
import { ConnectionCounts, type ConnectionLimits } from './connection-counts.ts'
import type { ChangeLog, Session, SessionHost, SessionOptions } from './contract.ts'
import { IdleDatabases, type IdleLimits } from './idle-databases.ts'
import { limitBytes, SessionLimits } from './limits.ts'
import { type Counted, PrincipalBudgets } from './principal-budgets.ts'
import { Scheduler } from './scheduler.ts'
import { ClientSession } from './session.ts'
import type { SessionPlace, SessionRegistry } from './session-parts.ts'
import { SessionReport } from './session-report.ts'
import type { Sight } from './sight.ts'
import { SharedTransaction } from './shared-transaction.ts'
import { type RepeatCounts, StatementRunner } from './statement-runner.ts'

export interface SessionsOptions extends IdleLimits {
  readonly defaultDatabase: string
  readonly durability: Durability
  /** A transaction with joined parties is aborted after so long without a statement. */
  readonly idleTimeoutMs: number
  /** Left out where there are just those that are open, as beside a fork. */
  readonly catalog?: DatabaseCatalog
  /** Of others whose users are those of these, too, as beside a fork. */
  readonly principals?: Principals
  readonly connections?: ConnectionLimits
  /** That of the process; left out, there is no limit. */
  readonly memory?: ProcessMemory
}

/** The databases of a process, open or not. */
export interface DatabaseCatalog {
  readonly names: readonly string[]
  use(name: string): Promise<Database>
  create(name: string): Promise<void>
  drop(name: string): Promise<void>
  /**
   * Closes it until it is used again; undefined where it must stay open. From the call on nobody finds it, but by `use`.
   */
  release?(name: string): Promise<void> | undefined
  /** Where another process leads: brings in who may come in, and keeps looking. Before drivers are let in. */
  followUsers?(): Promise<void>
}

export const defaultSessionsOptions: SessionsOptions = {
  defaultDatabase: 'polylog',
  durability: 'synced',
  idleTimeoutMs: 60_000,
  idleDatabaseMs: 300_000,
  mostIdleDatabases: 64,
}

/** A session may always hold so much: to be greeted, and to ask for a little. */
const assuredBytes = 16 * 1024
/**
 * Of rows that outlive session and connection: what waits for a client that may never come again lies in a file, not in
 * the memory that others need.
 */
const lastingBytes = 256 * 1024

/** What the server does by itself keeps nobody from dropping a database. */
export const housekeepingDoor = 'housekeeping'

/** The server itself, and the process that it runs in: they may look into its own database. */
const ownDoors: ReadonlySet<string> = new Set([housekeepingDoor, 'library'])

const nobodyMember: Member = {
  roleId: noRole,
  name: '',
  isSuperuser: false,
  roles: new Set(),
  readsAll: false,
  writesAll: false,
  monitors: false,
  signals: false,
  checkpoints: false,
  createsDatabases: false,
  createsRoles: false,
  bypassesPolicies: false,
  replicates: false,
}

function noDatabase(name: string): PolylogError {
  return new PolylogError('undefined_object', `database "${name}" does not exist`, { detail: { sqlState: '3D000' } })
}

/** As PostgreSQL's errdetail_busy_db. */
function inUse(name: string, sessions: number): PolylogError {
  const noun = sessions === 1 ? 'is 1 other session' : `are ${sessions} other sessions`
  return new PolylogError('active_transaction', `database "${name}" is being accessed by other users`, {
    detail: { sqlState: '55006', detail: `There ${noun} using the database.` },
  })
}

/** Those of a session that begins: of the last one, where nothing has changed since. */
function limitsIn(place: SessionPlace, settings: ReadonlyMap<string, string>): SessionLimits {
  const last = place.limits
  if (last?.settings === settings && last.areShared) return last
  return (place.limits = new SessionLimits(settings, place.counted))
}

interface Joinable {
  readonly shared: SharedTransaction
  readonly database: Database
}

/** Of a database. */
const ofOwner = privilege.connect | privilege.create | privilege.temporary

export class Sessions implements SessionHost, SessionRegistry {
  readonly host: Host
  readonly options: SessionsOptions
  readonly scheduler: Scheduler
  readonly memory: ProcessMemory
  /** By database and user; as long as there are sessions of it. */
  readonly #places = new Map<string, SessionPlace>()
  /** By door; a database that was dropped and made anew is counted anew. */
  readonly #reports = new WeakMap<DatabaseCounts, Map<string, SessionReport>>()
  /** The last of each role, so that it is the same for all its sessions. */
  readonly #rights = new WeakMap<Database, Map<number, Rights>>()
  readonly connections: ConnectionCounts
  readonly activity: Activity
  readonly principals: Principals
  readonly runner: StatementRunner
  readonly #budgets: PrincipalBudgets
  readonly #databases: () => ReadonlyMap<string, Database>
  readonly #sessions = new Map<number, ClientSession>()
  readonly #joinable = new Map<string, Joinable>()
  /** Why a database could not be opened when it was last asked for. */
  readonly #failures = new Map<string, unknown>()
  readonly #idle: IdleDatabases
  #closingIdle: Promise<void> | undefined
  #makingSystem: Promise<void> | undefined
  #lastId = 0

  constructor(host: Host, databases: () => ReadonlyMap<string, Database>, options: Partial<SessionsOptions> = {}) {
    this.host = host
    this.options = { ...defaultSessionsOptions, ...options }
    const memory = options.memory ?? ProcessMemory.unlimited()
    this.memory = memory
    this.scheduler = new Scheduler(host, () => memory.pressure.sliceDone())
    this.activity = new Activity(host)
    this.connections = new ConnectionCounts(options.connections)
    this.runner = new StatementRunner(this.scheduler, host)
    this.#databases = databases
    this.principals =
      options.principals ??
      new Principals({
        host,
        catalog: () => databases().get(systemDatabase)?.catalog,
        exists: () => this.options.catalog?.names.includes(systemDatabase) === true,
        state: () => {
          const system = databases().get(systemDatabase)
          return system && { reader: system.store.current, leads: system.leads }
        },
        change: (change) => this.#changeSystem(change),
        attempt: (run) => this.#attempt(run),
        checkUnused: (role) => this.#checkUnused(role),
      })
    this.#budgets = new PrincipalBudgets(this.principals, this.connections)
    this.#idle = new IdleDatabases(this.options)
  }

  /** Before drivers are let in. Errors: those of opening a database. */
  async followUsers(): Promise<void> {
    await this.options.catalog?.followUsers?.()
  }

  /** How often statements had to be run again. */
  get repeats(): Readonly<RepeatCounts> {
    return this.runner.repeats
  }

  get defaultDatabase(): string {
    return this.options.defaultDatabase
  }

  databaseNames(): readonly string[] {
    const names = [...(this.options.catalog?.names ?? this.#databases().keys())]
    return names.filter((name) => name !== systemDatabase).sort()
  }

  leads(database: string): boolean {
    const databases = this.#databases()
    return (databases.get(database) ?? databases.get(this.defaultDatabase))?.leads !== false
  }

  /** Of those that are open. */
  openDatabaseNames(): readonly string[] {
    return [...this.#databases().keys()].sort()
  }

  openDatabase(name: string): Promise<void> | undefined {
    if (name === systemDatabase) return undefined
    if (this.#databases().has(name)) {
      this.#idle.used(name, this.host.now())
      return undefined
    }
    const { catalog } = this.options
    if (catalog === undefined || !catalog.names.includes(name)) return undefined
    return catalog.use(name).then(
      () => {
        this.#failures.delete(name)
        this.#idle.used(name, this.host.now())
      },
      (error: unknown) => {
        this.#failures.set(name, error)
        throw error
      },
    )
  }

  openSession(options: SessionOptions): Session {
    const name = options.database ?? this.defaultDatabase
    if (name === systemDatabase && !ownDoors.has(options.door)) throw noDatabase(name)
    const database = this.#find(name)
    const { isConnection = false } = options
    const roleId = this.#roleOf(options)
    if (roleId !== undefined && roleId !== noRole) this.#checkConnect(roleId, database)
    const counted = this.#budgets.enter({
      user: options.user,
      roleId,
      database: name,
      isConnection,
      instead: options.instead,
    })
    const place = this.#placeOf(database, options.user, counted)
    const limits = limitsIn(place, this.principals.settingsOf(options.user, name))
    const id = ++this.#lastId
    database.account.limitBytes = limitBytes(this.principals.settingsOf('', name), 'polylog.database_memory')
    const session = new ClientSession({
      id,
      user: options.user,
      roleId,
      door: options.door,
      remote: options.remote ?? '',
      database,
      durability: options.durability ?? this.options.durability,
      sight: this.#sightBeside(options.beside, name),
      registry: this,
      place,
      isConnection,
      limits,
      report: this.#reportOf(options.door, name),
    })
    place.sessions++
    this.#sessions.set(id, session)
    return session
  }

  accountOf({ id, limits }: ClientSession, { account }: SessionPlace): MemoryAccount {
    const limitBytes = Math.min(this.memory.sessionBytes, limits.sessionBytes)
    return account.child('the session', { limitBytes, quantumBytes: 4096, assuredBytes, id })
  }

  left({ id, door, user, isConnection }: ClientSession, place: SessionPlace): void {
    const { counted, database } = place
    this.#sessions.delete(id)
    this.#budgets.leave(counted, { user, database: database.name, isConnection })
    if (door !== housekeepingDoor) this.#idle.used(database.name, this.host.now())
    if (--place.sessions === 0) this.#endPlace(place, user)
  }

  /** Undefined of those who may do everything: the server itself, its process, everybody where nobody is asked. */
  #roleOf({ door, user, roleId, beside }: SessionOptions): number | undefined {
    if (beside !== undefined) return beside.identity.ownRoleId
    if (roleId !== undefined) return roleId
    if (ownDoors.has(door) || !this.principals.areProved) return undefined
    return this.principals.find(user)?.id ?? noRole
  }

  #checkConnect(roleId: number, database: Database): void {
    const rights = this.rightsIn(roleId, database, database.catalog)
    if ((rights.ofDatabase & privilege.connect) !== 0) return
    throw new PolylogError('denied', `permission denied for database "${database.name}"`, {
      detail: { sqlState: '42501', detail: 'User does not have CONNECT privilege.' },
    })
  }

  rightsIn(roleId: number, database: Database, { access }: Catalog): Rights {
    const member = this.principals.member(roleId) ?? nobodyMember
    if (member.isSuperuser) return rightsOfSuperuser(member)
    let known = this.#rights.get(database)
    if (known === undefined) this.#rights.set(database, (known = new Map<number, Rights>()))
    const last = known.get(roleId)
    if (last?.is(member, access) === true) return last
    const rights = new Rights(member, access)
    // Those of an open transaction that changes the lists are its own.
    if (access === database.catalog.access) known.set(roleId, rights)
    return rights
  }

  #reportOf(door: string, database: string): SessionReport {
    const counts = this.activity.database(database)
    let reports = this.#reports.get(counts)
    if (reports === undefined) this.#reports.set(counts, (reports = new Map<string, SessionReport>()))
    let report = reports.get(door)
    if (report === undefined) reports.set(door, (report = new SessionReport(this.activity, door, counts)))
    return report
  }

  #placeOf(database: Database, user: string, counted: Counted): SessionPlace {
    const key = `${database.name}\0${user}`
    const found = this.#places.get(key)
    if (found?.database === database && found.counted === counted) return found
    const account = database.account.child(`the user ${user}`, { quantumBytes: 16 * 1024, beside: counted.memory })
    const place = { counted, account, database, sessions: 0, limits: undefined }
    this.#places.set(key, place)
    return place
  }

  #endPlace(place: SessionPlace, user: string): void {
    const key = `${place.database.name}\0${user}`
    place.account.close()
    if (this.#places.get(key) === place) this.#places.delete(key)
  }

  #sightBeside(beside: Session | undefined, database: string): Sight | undefined {
    if (beside === undefined) return undefined
    assert(beside.database === database, 'two sessions of one caller are in different databases')
    return this.#sessions.get(beside.id)?.sight
  }

  async createDatabase(name: string, owner?: number): Promise<void> {
    const { catalog } = this.options
    if (catalog === undefined) throw new PolylogError('unsupported', 'no database can be made here')
    if (name === systemDatabase) throw new PolylogError('denied', `"${name}" is the name of the server's own database`)
    // A crash may have come between the end of one of this name and that of what was kept of it.
    if (!catalog.names.includes(name)) await this.principals.forgetDatabase(name)
    await catalog.create(name)
    if (owner === undefined) return
    await this.principals.ownDatabase(name, owner)
    if (this.principals.byId(owner)?.superuser === true) return
    const privileges = ofDatabases & ~(privilege.fork | privilege.administer)
    const all = { to: owner, by: noOwner, privileges, option: true }
    await this.#changeIn(name, ({ access }) => access.change(0, '', () => given(firstList('database', name), all)))
  }

  async giveDatabase(name: string, to: string, by: Actor): Promise<void> {
    if (!this.databaseNames().includes(name)) throw noDatabase(name)
    const before = await this.principals.giveDatabase(name, to, by)
    const owner = this.principals.find(to)!.id
    if (owner === before) return
    const isOwn = ({ to: whose, by: giver }: AccessItem): boolean => giver === noOwner && whose === before
    await this.#changeIn(name, ({ access }) => {
      access.change(0, '', (list = firstList('database', name)) => {
        // What PostgreSQL's owner has, and what the one before had by being it.
        const privileges = list.filter(isOwn).reduce((all, { may }) => all | may, ofOwner)
        const left = list.filter((item) => !isOwn(item))
        return given(left, { to: owner, by: noOwner, privileges, option: true })
      })
    })
  }

  async dropDatabase(name: string, isForced: boolean): Promise<void> {
    const { catalog } = this.options
    if (catalog === undefined) throw new PolylogError('unsupported', 'no database can be dropped here')
    if (name === systemDatabase || !catalog.names.includes(name)) throw noDatabase(name)
    const users = this.#sessionsIn(name)
    const others = users.filter(({ door }) => door !== housekeepingDoor)
    if (others.length > 0 && !isForced) throw inUse(name, others.length)
    const reason = new PolylogError('shutting_down', 'terminating connection due to administrator command')
    for (const session of users) {
      session.close()
      session.keeper?.fail(reason)
    }
    this.#failures.delete(name)
    await catalog.drop(name)
    this.activity.forgetDatabase(name)
    this.#idle.closed(name)
    await this.principals.forgetDatabase(name)
  }

  /** A change in the server's own database, which is made with the first. */
  async #changeSystem({ run, done }: RoleTransaction): Promise<void> {
    await this.#makeSystem()
    await this.#changeIn(systemDatabase, run)
    done()
  }

  async #makeSystem(): Promise<void> {
    const { catalog } = this.options
    if (catalog === undefined) throw new PolylogError('unsupported', 'no role can be made here')
    if (catalog.names.includes(systemDatabase)) return
    this.#makingSystem ??= catalog.create(systemDatabase).finally(() => (this.#makingSystem = undefined))
    await this.#makingSystem
  }

  /** Runs a change of the server's own database, and takes it back. */
  async #attempt(run: (transaction: Transaction) => void): Promise<Catalog> {
    await this.#makeSystem()
    await this.options.catalog?.use(systemDatabase)
    const session = this.openSession({ user: 'polylog', database: systemDatabase, door: housekeepingDoor })
    try {
      session.begin()
      return await session.run((transaction) => {
        run(transaction)
        return transaction.catalog
      })
    } finally {
      session.close()
    }
  }

  /** Durable when it resolves. */
  async #changeIn(database: string, run: (transaction: Transaction) => void): Promise<void> {
    await this.options.catalog?.use(database)
    const session = this.openSession({ user: 'polylog', database, door: housekeepingDoor })
    try {
      await session.run(run)
      await new Promise<void>((resolve, reject) => {
        const told = (error?: PolylogError): void => (error ? reject(error) : resolve())
        session.durabilityWatch.whenDurable(session.seen, session.durability, told)
      })
    } finally {
      session.close()
    }
  }

  /** In none of the databases; those that are not open are opened for it. */
  async #checkUnused(role: Role): Promise<void> {
    const { catalog } = this.options
    for (const name of this.databaseNames()) {
      const database = this.#databases().get(name) ?? (await catalog?.use(name))
      if (database !== undefined) checkUnused(database.catalog, role)
    }
  }

  async changesOf(name: string): Promise<ChangeLog> {
    const database = this.#find(name)
    const wasNoted = database.logUse.areChangesNoted
    await database.logUse.noteChanges()
    return {
      wasNoted,
      next: () => database.logPosition + 1,
      oldest: () => database.logUse.positionOf(changesConsumer),
      feed: (options) => database.feed(options),
    }
  }

  feedOf(name: string, options: FeedOptions): AsyncIterable<FeedTransaction> {
    return this.#find(name).feed(options)
  }

  slotsOf(name: string): Slots {
    return this.#find(name).logUse.slots
  }

  /** Forgets what interrupted change streams had time to ask for. */
  keepChanges(name: string): void {
    this.#find(name).logUse.keepChanges(this.host.now())
  }

  openWorkspace(database: string, name: string): Workspace {
    const { workspaces } = this.#find(database)
    const operatorBytes = Math.min(workspaces.operatorBytes, lastingBytes)
    const workspace = new Workspace(name, this.memory.cursors, { ...workspaces, operatorBytes })
    this.#idle.workspace(database, workspace)
    return workspace
  }

  /** Closes databases that nobody uses, one after another, where they are too many or nobody has used them for long. */
  closeIdle(): Promise<void> {
    this.#closingIdle ??= this.#closeIdle().finally(() => (this.#closingIdle = undefined))
    return this.#closingIdle
  }

  async #closeIdle(): Promise<void> {
    const { catalog } = this.options
    if (catalog?.release === undefined) return
    const staysOpen = (name: string): boolean => name === this.defaultDatabase || name === systemDatabase
    const unused = this.openDatabaseNames().filter((name) => !staysOpen(name) && !this.#isUsed(name))
    for (const name of this.#idle.toClose(unused, this.host.now())) {
      // While another one was closed, somebody may have come.
      if (this.#isUsed(name)) continue
      const closing = catalog.release(name)
      if (closing === undefined) continue
      this.#idle.closed(name)
      for (const session of this.#sessionsIn(name)) session.close()
      await closing
    }
  }

  #isUsed(name: string): boolean {
    if (this.#idle.hasWorkspace(name)) return true
    return this.#sessionsIn(name).some(({ door, running }) => door !== housekeepingDoor || running !== undefined)
  }

  #sessionsIn(name: string): ClientSession[] {
    return [...this.all()].filter((session) => session.database === name)
  }

  #find(name: string): Database {
    const database = this.#databases().get(name)
    if (database === undefined) throw this.#failures.get(name) ?? noDatabase(name)
    return database
  }

  findSession(id: number): Session | undefined {
    return this.#sessions.get(id)
  }

  all(): Iterable<ClientSession> {
    return this.#sessions.values()
  }

  /** Ends all: what is open is rolled back. */
  close(): void {
    if (this.options.principals === undefined) this.principals.audit.stop()
    for (const session of this.#sessions.values()) session.close()
  }

  share(transaction: KernelTransaction, database: Database): SharedTransaction {
    const counts = this.activity.database(database.name)
    return new SharedTransaction(transaction, this.host, this.options.idleTimeoutMs, counts)
  }

  tokenOf(shared: SharedTransaction, database: Database): string {
    if (shared.token !== undefined) return shared.token
    const bits = new Uint8Array(16)
    this.host.random(bits)
    const token = Buffer.from(bits).toString('hex')
    this.#joinable.set(token, { shared, database })
    shared.offer(token, () => this.#joinable.delete(token))
    return token
  }

  find(token: string, database: Database): SharedTransaction | undefined {
    const found = this.#joinable.get(token)
    return found?.database === database ? found.shared : undefined
  }
}
