/**
 * What models, queries and languages see of the kernel.
 *
 * Reads and writes are synchronous (rule 3), and throw what they must wait for: a page that is not resident (`Miss` of the
 * store), a lock that another transaction holds (`LockWait`). Whoever works in steps lets a step throw, yields what it
 * threw, and takes the same step again: `wait.ts` teaches how. Data that changed under a read-committed statement
 * (`Restart`) is nobody's but the statement runner's: it alone runs a statement again from its beginning, so models never
 * keep state of a statement outside of it.
 */
import type { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { KeyRange, Slice } from '../base/slice.ts'
import type { Cancel, JobName, Transfer } from '../host/host.ts'
import type { Cursor, Miss, ScanOptions } from '../storage/store.ts'
import type { AccessList } from './access/access-list.ts'
import type { Rights } from './access/rights.ts'
import type { Database } from './database.ts'
import type { Slots } from './following/slots.ts'
import type { History } from './history/history.ts'
import type { AgendaMark } from './transaction/agenda.ts'
import type { Catalog, Collection, Index, JsonObject, Namespace } from './catalog/catalog.ts'
import type { GlobalChanges } from './catalog/global-changes.ts'
import type { ObjectAddress } from './catalog/objects.ts'
import type { CollectionChange } from './catalog/schema-changes.ts'
import type { Effects } from './messages/effects.ts'
import type { FilesReport } from './verification/verify-files.ts'
import type { TransactionCounts } from './statistics/transaction-counts.ts'
import type { TransactionLocks } from './transaction/transaction-locks.ts'
import type { Workspace } from './transaction/workspace.ts'

export type Sequence = number

export type Isolation = 'read committed' | 'repeatable read' | 'serializable'

/** PostgreSQL's four row modes, weakest first. */
export type LockMode = 'key share' | 'share' | 'no key update' | 'update'
/** Of a collection as a whole; `table share` is SQL's SHARE. */
export type TableLockMode =
  | 'access share'
  | 'row share'
  | 'row exclusive'
  | 'share update exclusive'
  | 'table share'
  | 'share row exclusive'
  | 'exclusive'
  | 'access exclusive'

/** What to do where another transaction holds the lock. `skip`: `lock` answers false. */
export type LockPolicy = 'wait' | 'nowait' | 'skip'

/** `primary`: the data itself, key-locked and fed to change feeds. `derived`: index entries, recomputable from it. */
export type WriteKind = 'primary' | 'derived'

export interface TransactionReader {
  /** The sequence of the state that reads see. */
  readonly sequence: Sequence
  /** The snapshot's wall clock, milliseconds: expiry compares with it. */
  readonly timeMs: number
  readonly catalog: Catalog
  /** Of the running statement: what it keeps is charged there, and goes when it ends. */
  readonly workspace: Workspace
  /** Reused: holds until the next call on this transaction. */
  get(key: Slice): Slice | undefined
  /** Own writes included. Writes made while the cursor is open are seen from its next `seek` on, not before. */
  scan(range: KeyRange, options?: ScanOptions): Cursor
  /** Brings in a page that was missed; errors are those of the disk. Whoever yields the miss has that done. */
  load(miss: Miss): Promise<void>
  /** How many keys the range holds, own writes included; `undefined` where only a scan can tell. Logarithmic time. */
  count(range: KeyRange): number | undefined
}

export interface Transaction extends TransactionReader {
  /**
   * Where in the log the state that reads see stands: what is told to outlive the process. Other than `sequence` where a
   * full disk has refused records, see `burned-sequences.ts`.
   */
  readonly logPosition: Sequence
  readonly isolation: Isolation
  readonly readOnly: boolean
  /** When the transaction began, microseconds since 1970: SQL's now(). */
  readonly startTimeUs: bigint
  /** When the statement began, likewise. */
  readonly statementTimeUs: bigint
  readonly slice: TimeSlice
  readonly services: TransactionServices
  /** Whose statement runs: of several parties each in its turn. */
  readonly principal: Principal
  readonly access: AccessOfTransaction

  /** Where a batch begins: what `waitOf` takes its writes back to. */
  savepoint(): Savepoint
  /**
   * What interrupted a batch, for its caller to yield: after the wait the batch is run again. Its writes since `start` are
   * taken back; left out, they stay. Anything but a wait is thrown again.
   */
  waitOf(error: unknown, start?: Savepoint): Wait
  /** A batch got through: the pages that it has waited for may go. */
  batchDone(): void
  /** All that runs is one batch, whatever batches are in it: pages stay until it is run through. */
  keepsPages: boolean

  /**
   * The newest committed state with the own writes over it, whatever the snapshot, and not noted as read: what checks of
   * one row against others look at, under locks. It holds within this turn only.
   */
  readonly newest: NewestReader
  readonly agenda: TransactionAgenda
  /** The statement is all of the transaction: what is deferred runs at its end. */
  readonly isSingleStatement: boolean
  /** Runs what is due once the statement's own work is done; undefined where that is nothing. The runner does it, too. */
  statementEnd(): StatementSteps<void> | undefined
  /** The state that it reads, as one that others may read, too: `transaction-view.ts`. */
  readonly view: { share(): string; take(name: string): boolean }
  /** Another number whenever something that was written is taken back. */
  readonly writes: { readonly takenBack: number }
  /** Takes back what the statement has written and put off since `start`: see `part.ts`. */
  takeBackPart(start: Savepoint): StatementSteps<void>

  /** Of a primary key: takes `no key update`, which lets those pass who only hold that the key is there. */
  put(key: Slice, value: Slice, kind?: WriteKind): void
  /**
   * Of a key under a number that this transaction has drawn (`services.nextNumber`), put for the first time: nobody else can
   * come to it before the commit, so it is neither locked nor looked for.
   */
  putNew(key: Slice, value: Slice, kind?: WriteKind): void
  /** Of a primary key: takes `update`. */
  delete(key: Slice, kind?: WriteKind): void
  deleteRange(range: KeyRange, kind?: WriteKind): void
  /**
   * Holds `key` until the end of the transaction; `put` and `delete` of primary keys lock by themselves. False only under
   * `skip`. Throws `LockWait` for the runner, or `lock_not_available` under `nowait`. A snapshot transaction whose key
   * changed after its snapshot gets `serialization_failure`; a read-committed one is restarted; neither where `isStill` says of
   * the changed key that it is still all that the lock is for.
   */
  lock(key: Slice, mode: LockMode, policy?: LockPolicy, isStill?: () => boolean): boolean
  /** Throws where a serializable transaction has read what has changed since its snapshot. */
  validateReads(): void
  /** The same, whatever has become of the key since the snapshot: the caller looks at `newest`. Waits. */
  hold(key: Slice, mode: LockMode): void
  /** Nothing that the running statement has read matters later: where it is the first one, the next takes the snapshot. */
  forgetSnapshot(): void
  /** Of collections as a whole, and of numbers that mean nothing here. */
  readonly locks: Pick<
    TransactionLocks,
    'lockCollection' | 'passCollection' | 'usersOf' | 'passUser' | 'advisory' | 'heldNames' | 'touched'
  >
  /** `get`, not noted as read. */
  peek(key: Slice): Slice | undefined
  /** A message in the record, delivered to feeds at commit. */
  notify(channel: string, payload: string): void
  /** What others are told once it is committed; a transaction that only reads may tell, too. */
  readonly effects: TransactionEffects
  /** What it has done with tables and functions: see `statistics/transaction-counts.ts`. */
  readonly counts: TransactionCounts
  /** Who wrote it, for feeds: expiry and eviction are the server's own deletes. Default `client`. */
  origin: Origin
  /** Kept in the record and in the catalog of answered retries: see `rememberedReply`. */
  rememberReply(sessionKey: string, operation: bigint, reply: Slice): void
  /** Its bytes hold until the next call on the transaction. */
  rememberedReply(sessionKey: string): { readonly operation: bigint; readonly reply: Slice } | undefined

  /** Changes what lies in no namespace. */
  readonly globals: Pick<GlobalChanges, 'create' | 'alter' | 'drop'>
  /** `hasOwner`: it belongs to who makes it; else to nobody. */
  createNamespace(name: string, hasOwner?: boolean): Namespace
  dropNamespace(namespace: Namespace): void
  /**
   * `kind`: of `objects.ts`, with a definition of that kind's present version. `engine`: where its rows lie, for good; memory
   * where it is left out. `invalid_argument` where there is no such engine, `unsupported` where the database cannot have it.
   */
  createCollection(
    namespace: Namespace,
    name: string,
    kind: string,
    definition: JsonObject,
    engine?: string,
  ): Collection
  /** A new version of its definition; waits for writers of the collection, and they for it. */
  alterCollection(collection: Collection, change: CollectionChange): Collection
  /**
   * Catalog entry and all its keys; `together`: others that go at the same time. `dependent_objects` where a definition that
   * stays refers to one of them.
   */
  dropCollection(collection: Collection, together?: readonly Collection[]): void
  /** Of a namespace, a collection or a part of one; undefined takes it away. */
  setComment(address: ObjectAddress, text: string | undefined): void
  /** All its keys; the collection stays. */
  clearCollection(collection: Collection): void
  /** The caller writes the entries, with `put(…, 'derived')`. Waits for writers of the collection. */
  createIndex(collection: Collection, index: { name: string; unique: boolean; definition: JsonObject }): Index
  dropIndex(collection: Collection, index: Index): void
  /**
   * Adds a field and type that a document collection has come to hold, so that SQL's columns know it. Not a schema
   * change: no lock, no new version, idempotent, and cheap where it is known already.
   */
  widenCollection(collection: Collection, field: string, type: string): void
}

export type Origin = 'client' | 'expiry' | 'eviction' | 'index build' | 'replication' | 'system'

export interface NewestReader extends Pick<TransactionReader, 'get' | 'scan'> {
  /**
   * About how many keys the range holds, for plans: exactly what is committed, own writes by a sample of them. Logarithmic
   * time; a store that cannot tell without waiting throws its `Miss`, and nobody has to wait for it.
   */
  estimate(range: KeyRange): number
  /** Without what this transaction has changed. */
  committedCatalog(): Catalog
}

export type TransactionEffects = Pick<
  Effects,
  'hub' | 'areObserved' | 'tell' | 'apply' | 'touched' | 'size' | 'hasWritten' | 'begin' | 'since'
>

/** What is put off: see `agenda.ts`. */
/** A statement within another one, as its agenda keeps it while it waits. */
export interface NestedStatement {
  readonly number: number
}

export interface TransactionAgenda {
  /** To the end of the statement, or of the transaction where the task's constraint is deferred. */
  putOff(task: Task): void
  /** To the end of the statement, behind everything that is put off until then. */
  putOffBehind(task: Task): void
  /** Runs what was put off since `start` and is due, in the middle of a statement; undefined where that is nothing. */
  partEnd(start: AgendaMark): StatementSteps<void> | undefined
  /** Whether the running statement asks for the first time. */
  isFirst(event: string): boolean
  /** Whether it has asked. */
  hasBegun(event: string): boolean
  /**
   * Keeps a note of an event until the statement has ended; it goes back with what is written. May throw what there is to
   * wait for, before anything is noted.
   */
  note(event: string, encode: (into: ByteWriter) => void): void
  /** Gives `look` the notes of an event in their order, each as a batch of its own. Only within the statement. */
  eachNote(event: string, look: (note: ByteReader) => void): StatementSteps<void>
  /**
   * The running statement is a piece, and not the last one: nothing runs at its end. To be said at its beginning; what the next
   * piece gives `resume`.
   */
  hold(): HeldStatement
  /** First of all in a piece: it goes on with the statement before it. */
  resume(held: HeldStatement): void
  /**
   * A statement begins within the running one, and ends there: in between, what is put off is its own, and `statementEnd`
   * runs it. A rollback to before its beginning ends it, too.
   */
  beginNested(): void
  endNested(): void
  /** It has to wait: what is done until it goes on belongs to the statement around it. */
  leaveNested(): NestedStatement
  returnToNested(left: NestedStatement): void
  /** Whether rows of the collection have put something off that has not been done yet. */
  isPending(collection: number): boolean
  /** As SET CONSTRAINTS has left it. */
  isDeferred(constraint: DeferrableConstraint): boolean
  /** SET CONSTRAINTS; without names: all. Runs what becomes immediate. */
  setTiming(constraints: readonly string[] | undefined, timing: ConstraintTiming): StatementSteps<void>
}

/** Of a statement that comes in pieces: where its tasks begin, and which events it has had. */
export interface HeldStatement {
  readonly from: number
  readonly begun: readonly string[]
}

export type ConstraintTiming = 'deferred' | 'immediate'

/** Work that a model puts off: to the end of the statement, or of the transaction where its constraint is deferred. */
export interface Task {
  readonly constraint?: DeferrableConstraint | undefined
  /** Whose rows have put it off: its schema must not change under it. */
  readonly collection: number
  /** What it holds, about. */
  readonly sizeBytes: number
  /** Throws the violation that it finds. */
  run(transaction: Transaction): StatementSteps<void> | undefined
}

export interface DeferrableConstraint {
  /** By which SET CONSTRAINTS means it. */
  readonly id: string
  readonly isDeferrable: boolean
  readonly isInitiallyDeferred: boolean
  /** No constraint: work for the commit, whatever SET CONSTRAINTS says. */
  readonly isOfCommit?: boolean
}

export interface AccessOfTransaction {
  /**
   * Who may do what with an object (0: the database) or a part of it: made of the list that is written down, if one is. Whether
   * the caller may change it is the caller's to ask.
   */
  change(id: number, part: string, change: (before: AccessList | undefined) => AccessList | undefined): void
  /** What the server does of its own, for a caller that may have it done. */
  asServer<T>(run: () => T): T
  /** What a rule does to the rows of what is owned: with the rights of its owner, and in its name. */
  asOwner<T>(owned: Owned, run: () => T): T
  /** What a party of the transaction has put off: as that party, whoever commits. */
  asParty<T>(party: Principal, run: () => T): T
  giveNamespace(namespace: Namespace, owner: string, ownerId: number | undefined): void
  /** Until the end of the transaction what a rule does with rows of the collection is done as its owner. */
  actForOwner(collection: number): void
  /** Whose statement runs reads and writes only such rows of the table, from here on, as the policies for it let through. */
  passPolicies(collection: number): void
  /** What changes its definition from here on to `endChange` is done as its owner: it goes along with a change of another. */
  beginChange(collection: number): void
  endChange(collection: number): void
}

/** Who runs a statement: an expression such as `DEFAULT current_user` asks, whichever door it came by. */
export interface Principal {
  /** As who it acts: PostgreSQL's current_user. */
  readonly user: string
  /** Who has come in, where that is another: PostgreSQL's session_user. */
  readonly sessionUser?: string
  /** The number of that role; undefined where nobody is asked who it is. */
  readonly roleId: number | undefined
  /** What it may do, in the state that the running statement began on. */
  readonly rights: Rights
  readonly database: string
  readonly sessionId: number
  /** Left out: records in the log do not name it. */
  readonly author?: Author
  /** What it may see of a state of the past: no more than then, and no more than in `present`. Left out: nothing is asked. */
  rightsInPast?(past: Database, present: Catalog): Rights
  /** Of the open transaction. */
  token(): string
  /** The role that owns something: whose rights its rules act with. Left out: it may do everything anyway. */
  asOwner?(owned: Owned): Principal
}

/** Whom a record of the log names. */
export interface Author {
  /** In the form of `history/author.ts`. */
  readonly authorBytes: Uint8Array
}

/** A collection or a namespace, as far as who owns it. */
export interface Owned {
  readonly owner: string
  /** Undefined of what was made before there were roles. */
  readonly ownerId?: number | undefined
}

export interface TransactionServices {
  random(into: Uint8Array): void
  /** Wall clock now, for functions that must not use the snapshot's: SQL's clock_timestamp(). */
  nowUs(): bigint
  /**
   * A number that this process gives out once for the database, and that no committed state has seen used: generations
   * of Redis collections, hidden keys of rows. Only the transaction that takes it may write it, because its record is
   * what keeps the number from coming again after a crash.
   */
  nextNumber(): number
  /** Somebody follows changes: writes leave notes of what they have changed (`model/document/change-notes.ts`). */
  readonly areChangesNoted: boolean
  /** Somebody follows published tables: writes of their rows leave notes (`model/table/publication/row-notes.ts`). */
  readonly areRowsNoted: boolean
  /** From which published rows are read. */
  readonly slots: Slots
  /** As the host's: a job in another thread. */
  worker(job: JobName, input: Transfer, signal?: AbortSignal): Promise<Transfer>
  /** Microseconds since some moment, which never go back: how long something took. */
  monotonic(): number
  /** Ends when a later turn begins. */
  turn(): Promise<void>
  /** As the host's: once, not before so long; what it answers calls it off. */
  at(delayMs: number, run: () => void): Cancel
  /** As the database's (`verify-files.ts`). */
  verifyFiles(): Promise<FilesReport>
  /** What the database held before. Errors: `unsupported` where that is what is read already. */
  readonly past: Past
}

export interface Past {
  readonly history: History
  readonly newestSequence: Sequence
}

/** A statement's share of the kernel's thread: at most about 2 ms or 1,000 keys, then it pauses. */
export interface TimeSlice {
  /** Counts `keys` more keys of work; true where the statement should pause. Cheap enough to call per batch. */
  spend(keys: number): boolean
}

/**
 * What a step yields because it cannot go on: `undefined` where its slice is over; a page; a lock; work that is done
 * elsewhere; a promise of anything else (room in an output buffer, another task). After it the runner calls `next` again, and the statement goes on where it
 * was, in the state that it has read so far.
 */
export type Wait = undefined | Miss | LockWait | Elsewhere | Promise<void>

/**
 * Runs inside one transaction. Small work returns at once, as one batch: where it throws a wait it is run again. Work that
 * may grow with the data is a generator, and never throws a wait: it yields it.
 */
export type Statement<T> = (transaction: Transaction) => T | StatementSteps<T>

export type StatementSteps<T> = Generator<Wait, T, void>

/** A position in a transaction's writes to roll back to. */
export interface Savepoint {
  readonly writes: number
  readonly catalogChanges: number
  readonly agenda: AgendaMark
  readonly effects: number
  /** Of the running statement. */
  readonly calls: number
  /** Rows that were counted. */
  readonly counted: number
}

/** Thrown by `lock`; whoever asks for the lock again once it is `granted` has it. */
export class LockWait {
  readonly key: string
  readonly granted: Promise<void>

  constructor(key: string, granted: Promise<void>) {
    this.key = key
    this.granted = granted
  }
}

/** For a lock that is not kept: who has waited goes on where he was, and looks himself at what has changed. */
export class PassingWait extends LockWait {}

/**
 * Thrown deep inside a batch whose result another thread computes: once that is `done` the batch is run again and finds it.
 * `abandon` is called where the statement ends while it waits; after the end it does nothing.
 */
export class Elsewhere {
  readonly done: Promise<void>
  readonly abandon: () => void

  constructor(done: Promise<void>, abandon: () => void) {
    this.done = done
    this.abandon = abandon
  }
}

/** Thrown where a transaction that is to begin and end in one turn (`staysInTurn`) cannot. */
export class TakesTurns {
  readonly takesTurns = true
}

/** Thrown where a read-committed statement met data newer than its snapshot. */
export class Restart {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}
