/** All sessions of a server, and the open transactions that can be joined by token. */
import { assert, PolylogError } from '../base/errors.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import type { Database } from '../database/database.ts'
import { ProcessMemory } from '../database/process-memory.ts'
import { Workspace } from '../database/workspace.ts'
import type { KernelTransaction } from '../database/transaction.ts'
import type { Host } from '../host/host.ts'
import type { Durability } from '../log/commit-log.ts'
import type { Session, SessionHost, SessionOptions } from './contract.ts'
import { Scheduler } from './scheduler.ts'
import { ClientSession, type TransactionRegistry } from './session.ts'
import { Sight } from './sight.ts'
import { SharedTransaction } from './shared-transaction.ts'
import { type RepeatCounts, StatementRunner } from './statement-runner.ts'

export interface SessionsOptions {
  readonly defaultDatabase: string
  readonly durability: Durability
  /** A transaction with joined parties is aborted after so long without a statement. */
  readonly idleTimeoutMs: number
  /** Left out where no database can be made, as beside a fork. */
  readonly createDatabase?: (name: string) => Promise<void>
  /** That of the process; left out, there is no limit. */
  readonly memory?: ProcessMemory
}

export const defaultSessionsOptions: SessionsOptions = {
  defaultDatabase: 'polylog',
  durability: 'synced',
  idleTimeoutMs: 60_000,
}

interface Principal {
  readonly account: MemoryAccount
  sessions: number
}

interface Joinable {
  readonly shared: SharedTransaction
  readonly database: Database
}

export class Sessions implements SessionHost, TransactionRegistry {
  readonly host: Host
  readonly options: SessionsOptions
  readonly scheduler: Scheduler
  readonly memory: ProcessMemory
  /** By database and user; as long as there are sessions of it. */
  readonly #principals = new Map<string, Principal>()
  readonly #runner: StatementRunner
  readonly #databases: () => ReadonlyMap<string, Database>
  readonly #sessions = new Map<number, ClientSession>()
  readonly #joinable = new Map<string, Joinable>()
  #lastId = 0

  constructor(host: Host, databases: () => ReadonlyMap<string, Database>, options: Partial<SessionsOptions> = {}) {
    this.host = host
    this.options = { ...defaultSessionsOptions, ...options }
    this.scheduler = new Scheduler(host)
    this.memory = options.memory ?? ProcessMemory.unlimited()
    this.#runner = new StatementRunner(this.scheduler)
    this.#databases = databases
  }

  /** How often statements had to be run again. */
  get repeats(): Readonly<RepeatCounts> {
    return this.#runner.repeats
  }

  get defaultDatabase(): string {
    return this.options.defaultDatabase
  }

  databaseNames(): readonly string[] {
    return [...this.#databases().keys()].sort()
  }

  openSession(options: SessionOptions): Session {
    const name = options.database ?? this.defaultDatabase
    const database = this.#find(name)
    const id = ++this.#lastId
    const principal = this.#principalOf(database, options.user)
    const session = new ClientSession({
      id,
      user: options.user,
      door: options.door,
      remote: options.remote ?? '',
      database,
      durability: options.durability ?? this.options.durability,
      runner: this.#runner,
      sight: this.#sightBeside(options.beside, name) ?? new Sight(),
      registry: this,
      everybody: () => this.all(),
      account: principal.account.child('the session', { limitBytes: this.memory.sessionBytes, quantumBytes: 4096 }),
      onClose: () => {
        this.#sessions.delete(id)
        if (--principal.sessions === 0) this.#endPrincipal(database, options.user)
      },
    })
    principal.sessions++
    this.#sessions.set(id, session)
    return session
  }

  #principalOf(database: Database, user: string): Principal {
    const key = `${database.name}\0${user}`
    let principal = this.#principals.get(key)
    if (principal === undefined) {
      principal = { account: database.account.child(`the user ${user}`, { quantumBytes: 16 * 1024 }), sessions: 0 }
      this.#principals.set(key, principal)
    }
    return principal
  }

  #endPrincipal(database: Database, user: string): void {
    const key = `${database.name}\0${user}`
    this.#principals.get(key)?.account.close()
    this.#principals.delete(key)
  }

  #sightBeside(beside: Session | undefined, database: string): Sight | undefined {
    if (beside === undefined) return undefined
    assert(beside.database === database, 'two sessions of one caller are in different databases')
    return this.#sessions.get(beside.id)?.sight
  }

  async createDatabase(name: string): Promise<void> {
    const { createDatabase } = this.options
    if (createDatabase === undefined) throw new PolylogError('unsupported', 'no database can be made here')
    await createDatabase(name)
  }

  openWorkspace(database: string, name: string): Workspace {
    const { account, workspaces } = this.#find(database)
    return new Workspace(name, account, workspaces)
  }

  #find(name: string): Database {
    const database = this.#databases().get(name)
    if (database === undefined) throw new PolylogError('undefined_object', `database "${name}" does not exist`)
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
    for (const session of this.#sessions.values()) session.close()
  }

  share(transaction: KernelTransaction): SharedTransaction {
    return new SharedTransaction(transaction, this.host, this.options.idleTimeoutMs)
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
