/** What a transaction needs of its database; `database.ts` provides it. */
import type { MemoryAccount } from '../base/memory-account.ts'
import type { OrderedStore, Reader, Snapshot } from '../storage/store.ts'
import type { CatalogState } from './catalog/catalog-state.ts'
import type { CommitPipeline } from './commit/commit-pipeline.ts'
import type { ConflictIndex } from './transaction/conflict-index.ts'
import type { Isolation, Sequence, TransactionServices } from './contract.ts'
import type { Engines } from './engines.ts'
import type { KeyWaits } from './transaction/key-waits.ts'
import type { Hub } from './messages/hub.ts'
import type { LargeCommits } from './commit/large-commits.ts'
import type { LockTable } from './transaction/locks.ts'
import type { PreparedTransactions } from './prepared/prepared-transactions.ts'
import type { DatabaseStatistics } from './statistics/statistics.ts'
import type { ExportedSnapshots } from './transaction/exported-snapshots.ts'
import type { OpenTransactions } from './transaction/open-transactions.ts'
import type { SpillOptions } from './transaction/spilled-values.ts'
import type { WorkspaceParts } from './transaction/workspace.ts'

export interface Kernel {
  /** The newest state: the store's `current`, or the frozen snapshot after the log failed. For reads within one turn. */
  readonly newest: Reader
  readonly newestSequence: Sequence
  readonly store: OrderedStore
  /** Of which the store is made; undefined where there is only memory, for good. */
  readonly engines: Engines | undefined
  readonly pipeline: CommitPipeline<CatalogState>
  readonly locks: LockTable
  readonly conflicts: ConflictIndex
  /** Told of commits; runs behind them. */
  readonly keyWaits: KeyWaits
  readonly largeCommits: LargeCommits
  readonly hub: Hub
  readonly services: TransactionServices
  /** The newest committed one. */
  catalog: CatalogState
  /** The next record is the first one: it must carry the mark of the format. */
  isEmpty: boolean
  readonly limits: KernelLimits
  readonly open: OpenTransactions
  readonly exported: ExportedSnapshots
  readonly prepared: PreparedTransactions
  readonly statistics: DatabaseStatistics
  /** Above the accounts of everybody who works with the database. */
  readonly account: MemoryAccount
  readonly workspaces: WorkspaceParts
  /** Where private writes go that are too many for memory; undefined: nowhere. */
  readonly spill: SpillOptions | undefined
  /** Whether so many bytes can be stored beside what is there, by the memory limit. Else only what makes room is written. */
  hasRoomFor(bytes: number): boolean
  /** Looks at what the stores hold. */
  noteStored(): void
  /** Pins the newest state. */
  pin(): Snapshot
  monotonicUs(): number
  /** Runs in a turn of its own. */
  turn(run: () => void): void
  nextTransactionId(): number
  /** A number for a new collection, and the largest one given out so far. */
  nextCollectionId(): number
  readonly lastCollectionId: number
  nextVersion(): number
  /** Where numbers have been given out beyond what the log knows: the bound that the next record must carry. */
  unreservedNumbers(): number | undefined
  /** The record that carries the bound was committed. */
  reserveNumbers(bound: number): void
  /** A transaction was committed: its writes are in the store. */
  noteCommit(sequence: Sequence): void
}

export interface TransactionOptions {
  readonly isolation: Isolation
  readonly readOnly: boolean
  /** Begun by hand: it will live for more than one turn. */
  readonly interactive: boolean
  /** Fails with `serialization_failure` instead of waiting for a lock. */
  readonly failFast?: boolean
}

export interface KernelLimits {
  /** Bytes of keys and values that one transaction may write. */
  readonly maxTransactionBytes: number
  /** How long a statement may run before it pauses. */
  readonly sliceUs: number
  readonly sliceKeys: number
  /** A transaction that writes more is committed in slices. */
  readonly largeCommitWrites: number
  readonly largeCommitBytes: number
  /** What a transaction that is committed in slices gives to the log at a time. */
  readonly pieceBytes: number
  /** Longer values that a transaction writes after so many bytes go to a temporary file until the commit. */
  readonly spillWritesFromBytes: number
  /** How many may be prepared at once; 0: none. */
  readonly preparedTransactions: number
}

export const defaultKernelLimits: KernelLimits = {
  maxTransactionBytes: 8 * 1024 * 1024 * 1024,
  sliceUs: 2_000,
  sliceKeys: 1_000,
  largeCommitWrites: 2_000,
  largeCommitBytes: 4 * 1024 * 1024,
  pieceBytes: 512 * 1024,
  spillWritesFromBytes: 16 * 1024 * 1024,
  preparedTransactions: 64,
}
