/**
 * The commit log as the kernel sees it: asynchronous and fenced by epochs, so that a file and a replicated engine look
 * alike from above. A position is the dense sequence number of a transaction: the first is 1, there are no gaps.
 *
 * Positions are JavaScript numbers: dense sequences stay exact up to 2^53, which at a million commits a second lasts
 * 285 years; on disk they are u64 (docs/decisions/002-sequences-are-numbers.md).
 */
export type Sequence = number

/**
 * `synced`: survives a power cut. `written`: handed to the operating system, survives a crash of the process.
 * `memory`: neither waits. What a reply waits for, not what is logged: every record goes to the log in order.
 */
export type Durability = 'synced' | 'written' | 'memory'

export interface CommitLog {
  readonly limits: {
    readonly maxBatchBytes: number
    readonly durability: 'disk-local' | 'memory-majority' | 'disk-majority'
  }
  /** Afterwards no append of an older epoch becomes visible. */
  acquire(owner: string, ttlMs: number): Promise<Leader>
  end(): Promise<LogEnd>
  /**
   * Batches in order, from the one that holds `from`, of what is durable: nothing is shown that a crash can take back.
   * Ends with the batch that holds `to`, or at the durable end; with `follow` it waits there for more, until `signal`
   * aborts or the log is closed, which ends the iteration without an error. Errors: `trimmed`, `corrupt`.
   */
  read(from: Sequence, options?: ReadOptions): AsyncIterable<LogBatch>
  /** Records before `before` may go; the implementation may keep more. */
  trim(before: Sequence): Promise<void>
  /** Positions and sizes of what the log holds, for the `polylog` schema. */
  describe(): LogSegment[]
  close(): Promise<void>
}

export interface LogEnd {
  /** The last sequence in the log; 0 where it is empty. */
  readonly end: Sequence
  readonly epoch: number
  /** The first sequence that can still be read. */
  readonly oldest: Sequence
}

export interface ReadOptions {
  readonly to?: Sequence
  readonly follow?: boolean
  readonly signal?: AbortSignal
}

/**
 * Records as `log/record.ts` encodes them, whole: parts of large ones have been put together. The memory is the reader's
 * to keep; it may be shared with the batches around it.
 */
export interface LogBatch {
  readonly first: Sequence
  readonly last: Sequence
  /** Of the leader that has appended it. */
  readonly epoch: number
  /** Hybrid logical clock of the group commit: 48 bits of milliseconds, 16 logical. */
  readonly clock: bigint
  readonly bytes: Uint8Array
  /** Start of each record in `bytes`; the end of the last is `bytes.length`. */
  readonly offsets: Uint32Array
  /** The transaction goes on in the next batch, which has the same sequence: this is one record with some of its operations. */
  readonly continues?: boolean
}

/** Where record `index` of the batch ends in its bytes. */
export function endOfRecord({ bytes, offsets }: LogBatch, index: number): number {
  return index + 1 < offsets.length ? offsets[index + 1]! : bytes.length
}

export interface AppendBatch {
  readonly bytes: Uint8Array
  /** `count` starts of records; the end of the last is `length`. */
  readonly offsets: Uint32Array
  readonly count: number
  /** Bytes used of `bytes`, which the log must not keep after the append has resolved. */
  readonly length: number
  readonly clock: bigint
  /** The only record is the last piece of the transaction that was staged so. */
  readonly stagedAs?: bigint
}

/** A transaction that is on its way to the log in pieces. */
export interface StagedGroup {
  /** Never given again. */
  readonly number: bigint
  /** Staged so far. */
  pieces: number
}

/** A record with some of a transaction's operations: the bytes up to `length`, which the log copies. */
export interface StagedPiece {
  readonly bytes: Uint8Array
  readonly length: number
  readonly clock: bigint
}

export interface Leader {
  readonly epoch: number
  /**
   * Aborts when this leader can append no more, with the `LogError` why: `fenced` by a later one, which makes certain what
   * the log holds of this one; or the log itself has failed.
   */
  readonly lost: AbortSignal
  /**
   * The last sequence that has reached `written`, and `synced`: of this leader, or from before it, never of a later one.
   * Plain numbers, cheap to read; they only grow.
   */
  readonly writtenThrough: Sequence
  readonly syncedThrough: Sequence
  /** Called after `writtenThrough` or `syncedThrough` has grown, before the appends that waited for it resolve. */
  onDurable: (() => void) | undefined
  /**
   * Appends records after `expectedEnd`. One append may be in flight at a time. Resolves when the batch has reached
   * `durability`; a `memory` append may resolve before the bytes are written. Errors: `LogError`.
   */
  append(
    expectedEnd: Sequence,
    batch: AppendBatch,
    durability: Durability,
  ): Promise<{ first: Sequence; last: Sequence }>
  /**
   * A large transaction goes to the log in pieces while it is being encoded, before it has a sequence: `stage` of all but the
   * last one, in order, then `append` of that one with `stagedAs`. Others may be appended between them. To stage counts as
   * an append in flight, and throws as one. What was staged counts for nothing until its last piece is there, is never
   * shown, and is forgotten with the leader's epoch or by `abandon`.
   */
  beginStaging(): StagedGroup
  stage(group: StagedGroup, piece: StagedPiece): Promise<void>
  abandon(group: StagedGroup, clock: bigint): void
  /** Everything appended so far reaches `durability`: for waiters who ask for more than the append's own batch did. */
  flush(durability: Durability): Promise<void>
  /**
   * After an unknown outcome: whether the append that was tried last, at `expectedEnd`, is in the log. `absent`: it is not,
   * and never will be. Errors: as `append`.
   */
  resolve(expectedEnd: Sequence): Promise<'committed' | 'absent'>
  renew(): Promise<void>
  release(): Promise<void>
}

export interface LogSegment {
  readonly name: string
  readonly first: Sequence
  readonly last: Sequence
  readonly sizeBytes: number
  readonly usedBytes: number
}

export type LogErrorCode =
  | 'fenced' // step down: a later epoch leads. Nothing of the batch is in the log
  | 'wrong-end' // resolve: the log ends elsewhere
  | 'unknown' // resolve: the outcome is not known. The file log: a sync failed, and the leader is lost
  | 'no-space' // nothing of the batch is in the log; appends work again when there is space
  | 'unavailable' // nothing was done, and the same may be tried again
  | 'trimmed'
  | 'too-large'
  | 'corrupt' // `position` says where

export class LogError extends Error {
  readonly code: LogErrorCode
  /** Of `corrupt`: segment file and byte offset, for people. */
  readonly position: string | undefined

  constructor(code: LogErrorCode, message: string, options: { cause?: unknown; position?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'LogError'
    this.code = code
    this.position = options.position
  }
}
