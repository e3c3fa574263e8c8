/**
 * What gateways and the library see of a session: who calls, in which database, in which transaction.
 *
 * A session runs one statement at a time; `run` while one runs queues behind it. Statements of a transaction that several
 * sessions have joined run one at a time in the order in which they arrive.
 */
import type { PolylogError } from '../base/errors.ts'
import type { Moment } from '../base/moment.ts'
import type { KeyRange } from '../base/slice.ts'
import type { Rights } from '../database/access/rights.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import type { KeyWaits } from '../database/transaction/key-waits.ts'
import type { Workspace } from '../database/transaction/workspace.ts'
import type { Hub } from '../database/messages/hub.ts'
import type { ProcessMemory } from '../database/process-memory.ts'
import type { Host } from '../host/host.ts'
import type { Durability } from '../log/commit-log.ts'
import type { Isolation, Sequence, Statement } from '../database/contract.ts'
import type { FeedOptions, FeedTransaction } from '../database/following/feed.ts'
import type { Slots } from '../database/following/slots.ts'
import type { ConnectionCounts } from './connection-counts.ts'
import type { Activity, RunningStatement } from './activity.ts'
import type { EvidenceTable } from './evidence.ts'
import type { Identity } from './identity.ts'
import type { SessionLimits } from './limits.ts'
import type { DurabilityWatch, Witness } from './outbox.ts'
import type { StoreStatistics } from '../storage/store.ts'
import type { Catalog } from '../database/catalog/catalog.ts'
import type { Actor } from '../principal/audit.ts'
import type { Principals } from '../principal/principals.ts'

export type TransactionStatus = 'none' | 'open' | 'failed'

export interface BeginOptions {
  readonly isolation?: Isolation
  readonly readOnly?: boolean
  /** A lock that another holds is a `serialization_failure` at once: MongoDB's rule inside of transactions. */
  readonly failFast?: boolean
}

export interface RunOptions {
  /** The statement only reads: it never takes a lock and its auto-commit needs no record. */
  readonly readOnly?: boolean
  /**
   * What the statement has read is still so when it is committed, also where that takes more than one turn: else it is run
   * again. For doors whose commands are atomic. Within a transaction the transaction's isolation says what holds.
   */
  readonly isAtomic?: boolean
}

export interface DatabaseFacts {
  /** It is written here, and does not follow another's log. */
  readonly leads: boolean
  /** What is committed outlives the process. */
  readonly isPersistent: boolean
  /** When the newest checkpoint was written, since this process has it open. */
  readonly lastCheckpointMs: number | undefined
  /** Since the newest checkpoint; in memory, since the database was made. */
  readonly commitsSinceCheckpoint: number
  /** How many transactions may be prepared at once. */
  readonly preparedTransactions: number
}

export type Outcome = 'committed' | 'aborted'

/** Objects that are there anyway, and no functions of their own: those would be memory of each connection. */
export interface SessionKeeper {
  fail(reason: PolylogError): void
}

export interface StatementDescriber {
  /** The text of what runs, for those who look. */
  describeStatement(): string
}

/** A session is what its connection's outbox asks before a reply leaves. */
export interface Session extends Witness {
  readonly id: number
  readonly database: string
  readonly door: string
  readonly remote: string
  /** Who has come in. */
  readonly user: string
  /** A client's own. */
  readonly isConnection: boolean
  /** As who it acts: another one after SET ROLE. */
  readonly identity: Identity
  /** What it may do, now; the same object as long as nothing of it has changed. */
  readonly rights: Rights
  /** What another role may do in the same database. */
  rightsOf(roleId: number): Rights
  /** Everything that is kept for this session beyond a statement is charged to it: queues, portals, cursors. */
  readonly account: MemoryAccount
  /** To it, now. */
  readonly chargedBytes: number
  /** By what was given to its role and its database. */
  /** Not to be changed: others may have the same. */
  readonly limits: SessionLimits
  /** Those of this session alone, to be changed. */
  ownLimits(): SessionLimits
  /** For what outlives a statement and may spill; whoever opens it closes it. */
  openWorkspace(name: string): Workspace
  durability: Durability
  readonly durabilityWatch: DurabilityWatch
  /** What its next reply waits for: the highest sequence that anything of this session has seen, also what still runs. */
  readonly seen: Sequence
  /** The client has been told that what it had seen was taken back: what it hears from now on tells of what is left. */
  forgetRefused(): void
  readonly status: TransactionStatus
  /** The open transaction was begun by another session and joined by token. */
  readonly joined: boolean
  /** The newest committed catalog, or the open transaction's own. */
  readonly catalog: Catalog
  /** Default of `begin` and of single statements. */
  defaultIsolation: Isolation
  /** The open transaction has changed something. */
  readonly hasWritten: boolean
  /** Isolation of the open transaction, or the default. */
  readonly isolation: Isolation
  /** The open transaction only reads: all of it, or what this joined party does in it. */
  readonly readOnly: boolean

  /**
   * Runs a statement in the open transaction, or as a transaction of its own. The result itself where nothing had to
   * wait, so that a pipeline of small statements costs no promise; else a promise of it.
   *
   * An error rolls the statement back (nothing of it stays) and is thrown or rejected; what it does to an open
   * transaction is the gateway's rule: see `fail`. Errors of the kernel that end the transaction by themselves
   * (deadlock, serialization_failure of a snapshot transaction) leave it `failed`.
   */
  run<T>(statement: Statement<T>, options?: RunOptions): T | Promise<T>

  /** Throws `active_transaction` where one is open. */
  begin(options?: BeginOptions): void
  /**
   * Changes isolation or read-only of the open transaction before its first statement; throws `active_transaction` after,
   * but for `readOnly: true`. What a joined party makes read-only are its own statements; it changes nothing else.
   */
  configure(options: BeginOptions): void
  /**
   * Ends the transaction. For its beginner this decides; for a joined party it waits for the decision and reports it.
   * A failed transaction is rolled back and answers `aborted`. Rejects with the validation's error, then nothing stays.
   */
  commit(): Promise<Outcome> | Outcome
  rollback(): Promise<void> | void
  /**
   * Like `commit`, but that it stays as it is until somebody ends it by its name: beyond this session, and beyond restarts. `check`
   * is its last statement.
   */
  prepareTransaction(gid: string, check: Statement<void>): Promise<Outcome> | Outcome
  /** Ends one. Errors: `undefined_object`, `denied` for who is neither a superuser nor has prepared it, `active_transaction`. */
  finishPrepared(gid: string, commits: boolean): Promise<void>
  /** The open transaction can only be rolled back from now on (PostgreSQL's rule for errors outside of savepoints). */
  fail(): void

  savepoint(name: string): Promise<void> | void
  /** Also ends the `failed` state where it began after the savepoint. Throws `invalid_argument` where there is no such one. */
  rollbackTo(name: string): Promise<void> | void
  releaseSavepoint(name: string): Promise<void> | void

  /**
   * Remembers that `range` must not change until `unwatch` or `close`: Redis's WATCH. Outside of a transaction. Where nothing is in it,
   * `isEmpty`, deleting it is no change.
   */
  watch(range: KeyRange, isEmpty?: boolean): void
  /** Whether any watched range was written by others since its `watch`. */
  watchedChanged(): boolean
  unwatch(): void

  /** Of its database, until that has a successor: who waits there for keys to be written. */
  readonly keyWaits: KeyWaits

  /**
   * From now on it reads what its database held then, or, of undefined, what it holds; there it writes nothing. Without an
   * open transaction, or before the first statement of one that was begun here. Errors: `trimmed`, `out_of_range`,
   * `invalid_argument`, `active_transaction`, `denied` without HISTORY on the database.
   */
  lookBack(moment: Moment | undefined): Promise<void>
  /**
   * A time of which the state is for good what it is now: `timeMs` itself, once it has passed; left out, one of which the state
   * holds all that is committed now. Errors: `invalid_argument` where it lies ahead, `unsupported` where another process
   * commits.
   */
  settledTime(timeMs?: number): Promise<number>
  /** The state that it reads; undefined: the present. */
  readonly lookedBackTo: Sequence | undefined

  /** Text that others join the open transaction with: 128 random bits, valid until it ends. Begins none by itself. */
  token(): string
  /** Joins: `no_transaction` for an unknown or ended token, `active_transaction` where one is open here. */
  join(token: string): void
  /** Ends this session's part in a joined transaction without deciding it, after its end: the POLYLOG.LEAVE of contract.md. */
  leave(): Promise<Outcome> | Outcome

  /** Who serves a client by it: told where the session has been closed by somebody else, as with its database. */
  keeper: SessionKeeper | undefined
  /** Asked when a statement has to wait. */
  describer: StatementDescriber | undefined
  readonly databaseFacts: DatabaseFacts
  /** Of its database: who listens to what. */
  readonly hub: Hub
  /** What its database holds, now. */
  storeFacts(): StoreStatistics
  /** Until what was removed so far is given back, as far as nobody needs it. Rejects where the log has refused it. */
  settleStore(): Promise<void>
  /** As the client calls itself, for those who look who is there. */
  clientName: string
  /** What runs and has to wait. */
  readonly running: RunningStatement | undefined
  /** What the running statement waits for, where it is not the processor. */
  readonly waitsFor: 'lock' | undefined

  /** Tables of the `polylog` schema for this session's database. */
  readonly evidence: readonly EvidenceTable[]

  /** Writes a checkpoint of its database, where that leads and lies on a disk. */
  checkpoint(): Promise<void>

  /** Makes the running statement fail with `canceled`. */
  cancel(): void
  /** How often `cancel` or `close` was asked: who waits for something else before it runs a statement compares. */
  readonly cancelRequests: number
  /** Rolls back what is open (dropped connection: aborts the whole of a joined transaction) and frees everything. */
  close(): void
}

export interface SessionOptions {
  readonly user: string
  /** Of who has proved to be it; left out, the role of that name. */
  readonly roleId?: number | undefined
  /** Default: the server's default database. */
  readonly database?: string
  readonly durability?: Durability
  /** Shown in `polylog.sessions`: the gateway's name. */
  readonly door: string
  readonly remote?: string
  /** A client's own, and not one beside it: those of a role and of a database may be limited. */
  readonly isConnection?: boolean
  /** Of the same client, which goes on in the new one; it is closed next. */
  readonly instead?: Session
  /** Of the same caller, in the same database: what either of the two has seen, the replies of both wait for. */
  readonly beside?: Session
}

/** The notes of changes of one database, as change streams read them. */
export interface ChangeLog {
  /** There were streams before. */
  readonly wasNoted: boolean
  /** The sequence that comes next. */
  next(): Sequence
  /** The first that the log has, and that was noted. */
  oldest(): Promise<Sequence>
  feed(options: FeedOptions): AsyncIterable<FeedTransaction>
}

/** What the server gives to each gateway. */
export interface SessionHost {
  /** Throws `undefined_object` for an unknown database, `too_many_connections`. */
  openSession(options: SessionOptions): Session
  databaseNames(): readonly string[]
  /** Whether the database takes writes; of one that is not open, what the default one says. */
  leads(database: string): boolean
  /**
   * Opens it where it is not open yet, which `openSession` needs; undefined where there is nothing to wait for, a database
   * that does not exist included.
   */
  openDatabase(name: string): Promise<void> | undefined
  /**
   * A new, empty database; `owner`: the number of the role that may do everything in it. Errors: `duplicate_object`,
   * `unsupported`, `invalid_argument`.
   */
  createDatabase(name: string, owner?: number): Promise<void>
  /** Errors: `undefined_object`; `denied` for who does not own it, or may not make one. */
  giveDatabase(name: string, to: string, by: Actor): Promise<void>
  /**
   * Takes the database away; `isForced`: and the sessions in it. Errors: `undefined_object`, `active_transaction` where others
   * use it, `denied` for the default one.
   */
  dropDatabase(name: string, isForced: boolean): Promise<void>
  findSession(id: number): Session | undefined
  openDatabaseNames(): readonly string[]
  /** For what belongs to no session: whoever opens it closes it. */
  openWorkspace(database: string, name: string): Workspace
  /** What is committed to a database, for who follows it; from then on writes are noted. Errors: `not_leading`, those of the disk. */
  changesOf(database: string): Promise<ChangeLog>
  /** What was committed to a database, as far as its log has it still. Errors: those of `followFeed`. */
  feedOf(database: string, options: FeedOptions): AsyncIterable<FeedTransaction>
  /** From which published rows of a database are read. */
  slotsOf(database: string): Slots
  readonly defaultDatabase: string
  /** Who may come in. */
  readonly principals: Principals
  readonly host: Host
  /** How many connections there are and may be. */
  readonly connections: Pick<ConnectionCounts, 'most' | 'reserved' | 'free' | 'areReserved'>
  /** What happens here, of all doors. */
  readonly activity: Activity
  /** All that are open. */
  all(): Iterable<Session>
  /** Of the whole process: connections that have no session yet are charged to `memory.work`. */
  readonly memory: ProcessMemory
}
