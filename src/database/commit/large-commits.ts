/**
 * Large commits: what would hold everybody up for seconds in one turn is done in slices of a few milliseconds, and seen by
 * nobody before a last, short turn makes all of it the newest state.
 *
 *   wait     for the large commit before this one, and until the store can have a draft: one at a time; and until the
 *            engines that it writes to have room, as small commits do that write to a crowded one
 *   encode   the record, in pieces that go to the log as they are ready, all but the last
 *   fill     a draft of the store (`OrderedStore.draft`), while small commits are made in the store and in the draft
 *   validate what a serializable transaction has read
 *   publish  in one turn: the last look at what was read, the counters, the sequence, the draft adopted
 *
 * The sequence is given in the last turn, so the order of the log is the order in which states are published, and the
 * transaction comes after everything that was committed while it was filled. That is right because of its locks, which
 * it holds until the end:
 *
 * | what a small commit meanwhile writes | why the order does not matter |
 * |---|---|
 * | primary keys | the transaction holds them in `update`: nobody else writes them |
 * | derived entries | belong to a primary key; unique ones are locked as such |
 * | keys in a range that the transaction deletes | as in one turn: the range is what it is when the transaction is published. Who deletes the range of a whole collection holds its schema |
 * | counters of the catalog | the transaction's own are taken in the last turn |
 * | a range in which the transaction has put keys | locks forbid it; the draft could not tell which is newer, so it is filled anew |
 *
 * What the transaction has changed is not fed to the conflict index key by key: its write set, which nobody changes any
 * more, answers for it. In the undo log of the store it is one entry, so a full disk takes it back as quickly as it came.
 * A crash leaves the whole record in the log, or none: it counts when its last piece is there. So what is held of a large
 * transaction is its keys, its draft of the store, and a few chunks of its values (`spilled-values.ts`).
 *
 * Invariants: at most one draft; nothing of the transaction is read by others before `publish`; whatever stops it (a
 * rollback, a cancellation, a lost state) is noticed at the next slice, or at once where it waits, and leaves no draft.
 * `publish` is the point of no return: what comes later changes neither the commit nor its answer.
 */
import { PolylogError } from '../../base/errors.ts'
import { emptySlice, MutableSlice, type KeyRange } from '../../base/slice.ts'
import { keyspaceOf } from '../../base/tuple.ts'
import { RecordWriter } from '../../log/record-writer.ts'
import type { Draft } from '../../storage/store.ts'
import { addCounters, applyToCatalog, encodeOperation, followEngines, originCodes } from './commit.ts'
import { Elsewhere, type Sequence } from '../contract.ts'
import type { Engines } from '../engines.ts'
import type { Kernel } from '../kernel.ts'
import { tooLarge } from './log-trouble.ts'
import { readsChanged, type ReadValidation } from '../transaction/read-log.ts'
import type { Staging } from './staging.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'
import { freeBesideDeletes, noRoom } from '../transaction/write-budget.ts'
import { writeKinds, type WriteSet } from '../transaction/write-set.ts'

/** Operations between two looks at the clock. */
const lookEvery = 16
/** Bytes that a slice encodes or copies at most, beyond its last operation. */
const sliceBytes = 512 * 1024
/** The copy of a larger piece is a turn of its own. */
const largePieceBytes = 4 * 1024 * 1024
/** Of new values in the draft, between two looks at what the stores hold. */
const storedLookEveryBytes = 4 * 1024 * 1024
/** Of one, beside its key and value: its places in pages. */
const bytesPerEntry = 32
/** Parts of what was read that are compared in one slice. */
const validatedPerSlice = 500

/** Whether a commit must not be made in one turn. A range of many keys is deleted quickly, but comes back slowly. */
export function isLarge({ kernel, writes }: KernelTransaction): boolean {
  const { largeCommitWrites, largeCommitBytes } = kernel.limits
  if (writes.count > largeCommitWrites || writes.sizeBytes > largeCommitBytes) return true
  if (kernel.engines !== undefined && isCrowdedFor(kernel.engines, writes)) return true
  return writes.hasRanges && deletesMany(kernel, writes)
}

/** Whether the engine of a collection that is written to has more than enough to do: then the commit waits for it. */
function isCrowdedFor(engines: Engines, writes: WriteSet): boolean {
  if (!engines.hasCrowded) return false
  const key = new MutableSlice()
  for (let i = 0; i < writes.count; i++) {
    if (writes.kindOf(i) !== writeKinds.notify && engines.isCrowded(keyspaceOf(writes.keyOf(i, key)))) return true
  }
  return false
}

function deletesMany({ store, limits }: Kernel, writes: WriteSet): boolean {
  const start = new MutableSlice()
  const end = new MutableSlice()
  let keys = 0
  for (let i = 0; i < writes.count; i++) {
    if (writes.kindOf(i) !== writeKinds.deleteRange) continue
    const range = { start: writes.keyOf(i, start), end: writes.payloadOf(i, end) }
    try {
      keys += store.current.count(range) ?? Infinity
    } catch (error) {
      // A page that is not there: nobody knows, and slices are always right.
      if ((error as { miss?: unknown }).miss === true) return true
      throw error
    }
    if (keys > limits.largeCommitWrites) return true
  }
  return false
}

/** Of whoever waits for the commit and may give it up until it is published. */
export interface Interruption {
  /** Throws where it was given up. */
  check(): void
  /** Waits for the pause, or until somebody looks for an interruption. */
  orWoken(pause: Promise<void>): Promise<void>
}

const uninterrupted: Interruption = { check: () => undefined, orWoken: (pause) => pause }

export class LargeCommits {
  readonly #kernel: Kernel
  #last: Promise<unknown> = Promise.resolve()
  #running: LargeCommit | undefined
  /** Ended so far, and slices that they took. */
  commits = 0
  slices = 0

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /** Its sequence, once it is published. */
  run(transaction: KernelTransaction, interruption: Interruption = uninterrupted): Promise<Sequence> {
    // From here on it meets others, as one that gives up the thread, though it reads no more.
    transaction.interleave()
    if (transaction.isolation !== 'read committed') transaction.leaveTurn(true)
    const before = this.#last
    const committing = this.#commit(new LargeCommit(this.#kernel, transaction, interruption), before)
    // One that gives up while it waits lets nobody pass the one before.
    this.#last = Promise.allSettled([before, committing])
    return committing
  }

  async #commit(commit: LargeCommit, before: Promise<unknown>): Promise<Sequence> {
    await commit.whenOver(before)
    this.#running = commit
    try {
      return await commit.run()
    } finally {
      this.#running = undefined
      this.commits++
      this.slices += commit.slices
      commit.close()
    }
  }

  /** A small commit deletes the range from the store in this turn. */
  beforeRangeDelete(range: KeyRange): void {
    this.#running?.beforeRangeDelete(range)
  }
}

class LargeCommit {
  slices = 0
  readonly #kernel: Kernel
  readonly #transaction: KernelTransaction
  readonly #writes: WriteSet
  readonly #interruption: Interruption
  /** The piece at hand. */
  readonly #writer = new RecordWriter()
  #staging: Staging | undefined
  #recordBytes = 0
  #isPublished = false
  readonly #key = new MutableSlice()
  readonly #value = new MutableSlice()
  #validation: ReadValidation | undefined
  #draft: Draft | undefined
  #sliceEndUs = 0
  /** The operation that comes next. */
  #at = 0
  #operations = 0
  #bytes = 0
  /** In the draft so far, and when the stores were looked at last. */
  #putBytes = 0
  #lookedAtBytes = 0

  constructor(kernel: Kernel, transaction: KernelTransaction, interruption: Interruption) {
    this.#kernel = kernel
    this.#transaction = transaction
    this.#writes = transaction.writes
    this.#interruption = interruption
  }

  async run(): Promise<Sequence> {
    try {
      await this.#prepare()
    } catch (error) {
      // Nothing has come of it yet, so only this transaction fails.
      if (error instanceof RangeError) throw outOfMemory(error)
      throw error
    }
    return this.#publish()
  }

  async #prepare(): Promise<void> {
    this.#goOn()
    followEngines(this.#transaction)
    await this.#waitForRoom()
    await this.#encode()
    do await this.#fill()
    while (!this.#draft!.isOpen)
    const { reads, sequence, view } = this.#transaction
    this.#validation = view.isPinned ? reads?.validation(sequence, this.#transaction.kernel.conflicts) : undefined
    if (this.#validation !== undefined) await this.#validate(this.#validation)
    // While the reads were compared the store may have gone back, or a range have been deleted.
    while (!this.#draft!.isOpen) await this.#fill()
  }

  close(): void {
    this.#validation?.end()
    this.#draft?.discard()
    if (!this.#isPublished) this.#staging?.abandon()
  }

  beforeRangeDelete(range: KeyRange): void {
    if (this.#draft?.isOpen === true && this.#writes.touches(range)) this.#draft.discard()
  }

  async #waitForRoom(): Promise<void> {
    const { engines } = this.#kernel
    if (engines === undefined) return
    while (isCrowdedFor(engines, this.#writes)) {
      this.#kernel.pipeline.checkWritable()
      await this.whenOver(engines.room())
    }
  }

  async #encode(): Promise<void> {
    this.#beginPiece()
    for (this.#at = 0; this.#at < this.#writes.count;) {
      const wait = this.#tryStep(this.#encodeSome)
      if (wait !== undefined) await wait
      else if (this.#writer.openBytes >= this.#pieceBytes) {
        // A value may be larger than a piece: it is copied again there.
        if (this.#writer.openBytes > largePieceBytes) await this.#nextSlice()
        await this.#stagePiece()
      } else if (this.#at < this.#writes.count) await this.#nextSlice()
    }
  }

  /** Until the slice is over or the piece is full. */
  readonly #encodeSome = (): void => {
    const writes = this.#writes
    const writer = this.#writer
    const { count } = writes
    const pieceBytes = this.#pieceBytes
    while (this.#at < count) {
      const before = writer.openBytes
      if (writes.isEffective(this.#at)) encodeOperation(writer, writes, this.#at)
      this.#at++
      if (writer.openBytes >= pieceBytes || this.#isOver(writer.openBytes - before)) return
    }
  }

  get #pieceBytes(): number {
    return Math.min(this.#kernel.limits.pieceBytes, this.#kernel.pipeline.maxBatchBytes / 2)
  }

  #beginPiece(): void {
    const { origin, author } = this.#transaction
    this.#writer.begin(originCodes[origin], 0, author?.authorBytes)
  }

  /** The piece at hand goes to the log, and the next one begins. */
  async #stagePiece(): Promise<void> {
    this.#endPiece()
    const staging = (this.#staging ??= this.#kernel.pipeline.beginStaging())
    await this.whenOver(staging.stage(this.#writer))
    this.#writer.reset()
    this.#beginPiece()
  }

  #endPiece(): void {
    const bytes = this.#writer.end()
    const { maxBatchBytes } = this.#kernel.pipeline
    if (bytes > maxBatchBytes) throw tooLarge(bytes, maxBatchBytes)
    this.#recordBytes += bytes
  }

  /** What a step waits for: a value that lies elsewhere. It has stopped before that one then. */
  #tryStep(step: () => void): Promise<void> | undefined {
    try {
      step()
      return undefined
    } catch (error) {
      if (!(error instanceof Elsewhere)) throw error
      return this.whenOver(error.done)
    }
  }

  /**
   * In the order of keys, so that neighbours come to the same page and the page to the processor's cache once: range deletes
   * first, since what is effective of their keys came later. Spilled values are read as they were written. Ends early where
   * the draft was discarded meanwhile.
   */
  async #fill(): Promise<void> {
    const draft = (this.#draft = await this.#openDraft())
    const writes = this.#writes
    this.#putBytes = this.#lookedAtBytes = 0
    if (writes.hasSpilled) {
      this.#at = 0
      await this.#fillBy(draft, () => (this.#at < writes.count ? this.#at++ : -1))
      return
    }
    const ranges = writes.rangeDeletes.values()
    await this.#fillBy(draft, () => ranges.next().value ?? -1)
    const { sorted } = writes
    let place = sorted.first(emptySlice, false)
    await this.#fillBy(draft, () => {
      if (place < 0) return -1
      const operation = sorted.at(place)
      place = sorted.next(place, false)
      return operation
    })
  }

  /** `next`: the operations, one after the other; −1 behind the last. */
  async #fillBy(draft: Draft, next: () => number): Promise<void> {
    const state = { operation: next() }
    const fillSome = (): void => {
      while (state.operation >= 0 && draft.isOpen) {
        const { operation } = state
        const bytes = this.#writes.isEffective(operation) ? this.#apply(draft, operation) : 0
        state.operation = next()
        if (bytes > 0) this.#hasPut(bytes)
        if (this.#isOver(bytes)) return
      }
    }
    while (state.operation >= 0 && draft.isOpen) {
      const wait = this.#tryStep(fillSome)
      if (wait !== undefined) await wait
      else if (state.operation >= 0) await this.#nextSlice()
    }
  }

  /** Old and new values are there at once until the end. Who deletes may need some room for that. */
  #hasPut(bytes: number): void {
    this.#putBytes += bytes + bytesPerEntry
    if (this.#putBytes < this.#lookedAtBytes + storedLookEveryBytes) return
    this.#lookedAtBytes = this.#putBytes
    this.#kernel.noteStored()
    if (this.#putBytes > freeBesideDeletes && !this.#kernel.hasRoomFor(0)) throw noRoom()
  }

  /** How many bytes were put. */
  #apply(draft: Draft, operation: number): number {
    const key = this.#key
    const value = this.#value
    const kind = this.#writes.read(operation, key, value)
    if (kind === writeKinds.put) {
      draft.put(key, value)
      return key.end - key.start + value.end - value.start
    }
    if (kind === writeKinds.delete) draft.delete(key)
    else if (kind === writeKinds.deleteRange) draft.deleteRange({ start: key, end: value })
    return 0
  }

  /** The one before is in the way until it is durable and what it has replaced is let go of. */
  async #openDraft(): Promise<Draft> {
    const { pipeline, store } = this.#kernel
    for (;;) {
      pipeline.checkWritable()
      const draft = store.draft((key) => this.#writes.says(key))
      if (draft !== undefined) return draft
      await this.whenOver(pipeline.settled())
      do await this.#nextSlice()
      while (store.reclaim(this.#kernel.limits.sliceUs))
    }
  }

  async #validate(validation: ReadValidation): Promise<void> {
    for (;;) {
      const found = validation.step(validatedPerSlice)
      if (found === 'changed') throw readsChanged()
      if (found === 'done') return
      await this.#nextSlice()
    }
  }

  #publish(): Sequence {
    const { pipeline, store, conflicts, keyWaits } = this.#kernel
    const transaction = this.#transaction
    const draft = this.#draft!
    const writes = this.#writes
    pipeline.checkWritable()
    if (this.#validation?.changedRecently() === true) throw readsChanged()
    if (transaction.reads !== undefined && this.#kernel.prepared.guardsReads) {
      this.#kernel.prepared.checkWrites(transaction)
    }
    const first = writes.count
    const numbersBound = addCounters(transaction)
    for (let i = first; i < writes.count; i++) {
      encodeOperation(this.#writer, writes, i)
      this.#apply(draft, i)
    }
    this.#endPiece()
    pipeline.closeBatch()
    const sequence = pipeline.nextAlone(this.#recordBytes)
    this.#kernel.isEmpty = false
    if (numbersBound !== undefined) this.#kernel.reserveNumbers(numbersBound)
    try {
      draft.adopt()
      store.publish(sequence)
      applyToCatalog(this.#kernel, transaction)
      pipeline.committedAlone(this.#writer, writes, this.#staging)
      this.#isPublished = true
    } catch (error) {
      pipeline.notApplied(error)
      throw pipeline.failure
    }
    conflicts.addLarge(writes, sequence)
    keyWaits.wroteMany(writes)
    this.#kernel.noteCommit(sequence)
    transaction.published(sequence)
    return sequence
  }

  // ---- slices

  /** Whether this turn has done enough, with an operation of so many bytes. */
  #isOver(bytes: number): boolean {
    this.#operations++
    this.#bytes += bytes
    if (this.#bytes >= sliceBytes || this.#operations >= this.#kernel.limits.sliceKeys) return true
    return this.#operations % lookEvery === 0 && this.#kernel.monotonicUs() >= this.#sliceEndUs
  }

  async #nextSlice(): Promise<void> {
    await new Promise<void>((resolve) => this.#kernel.turn(resolve))
    this.#goOn()
  }

  /** A slice begins when what it waits for is over; throws at once what must stop the commit meanwhile. */
  async whenOver(waited: Promise<unknown>): Promise<void> {
    const state = { isOver: false }
    const over = waited.then(() => {
      state.isOver = true
    })
    do {
      await this.#interruption.orWoken(over)
      this.#goOn()
    } while (!state.isOver)
  }

  /** A slice begins: throws what must stop the commit. */
  #goOn(): void {
    this.slices++
    this.#operations = 0
    this.#bytes = 0
    this.#sliceEndUs = this.#kernel.monotonicUs() + this.#kernel.limits.sliceUs
    const { ended, doomed } = this.#transaction
    if (ended) throw new PolylogError('transaction_aborted', 'the transaction has ended meanwhile')
    if (doomed !== undefined) throw doomed
    this.#interruption.check()
  }
}

function outOfMemory(cause: RangeError): PolylogError {
  return new PolylogError('out_of_memory', 'out of memory: the transaction is larger than can be held', { cause })
}
