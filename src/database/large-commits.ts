/**
 * Large commits: what would hold everybody up for seconds in one turn is done in slices of a few milliseconds, and seen by
 * nobody before a last, short turn makes all of it the newest state.
 *
 *   wait     for the large commit before this one, and until the store can have a draft: one at a time
 *   encode   the record, into a writer of its own
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
 * A crash leaves the whole record in the log, or none: a record in parts counts when its last part is there.
 *
 * Invariants: at most one draft; nothing of the transaction is read by others before `publish`; whatever stops it (a
 * rollback, a cancellation, a lost state) is noticed at the next slice, and leaves no draft.
 */
import { PolylogError } from '../base/errors.ts'
import { MutableSlice, type KeyRange } from '../base/slice.ts'
import { RecordWriter } from '../log/record-writer.ts'
import type { Draft } from '../storage/store.ts'
import { addCounters, applyToCatalog, encodeOperation, originCodes } from './commit.ts'
import type { Sequence } from './contract.ts'
import type { Kernel } from './kernel.ts'
import { readsChanged, type ReadValidation } from './read-log.ts'
import type { KernelTransaction } from './transaction.ts'
import { writeKinds, type WriteSet } from './write-set.ts'

/** What a record takes beside its keys and values, for each operation. */
const bytesPerOperation = 16
/** Operations between two looks at the clock. */
const lookEvery = 16
/** Bytes that a slice encodes or copies at most, beyond its last operation. */
const sliceBytes = 512 * 1024
/** Parts of what was read that are compared in one slice. */
const validatedPerSlice = 500

/** Whether a commit must not be made in one turn. A range of many keys is deleted quickly, but comes back slowly. */
export function isLarge({ kernel, writes }: KernelTransaction): boolean {
  const { largeCommitWrites, largeCommitBytes } = kernel.limits
  if (writes.count > largeCommitWrites || writes.sizeBytes > largeCommitBytes) return true
  return writes.hasRanges && deletesMany(kernel, writes)
}

function deletesMany({ store, limits }: Kernel, writes: WriteSet): boolean {
  const start = new MutableSlice()
  const end = new MutableSlice()
  let keys = 0
  for (let i = 0; i < writes.count; i++) {
    if (writes.kindOf(i) !== writeKinds.deleteRange) continue
    const range = { start: writes.keyOf(i, start), end: writes.payloadOf(i, end) }
    try {
      keys += store.current.count(range)
    } catch (error) {
      // A page that is not there: nobody knows, and slices are always right.
      if ((error as { miss?: unknown }).miss === true) return true
      throw error
    }
    if (keys > limits.largeCommitWrites) return true
  }
  return false
}

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

  /** Its sequence, once it is published. `check` throws where it must stop. */
  run(transaction: KernelTransaction, check: () => void = () => undefined): Promise<Sequence> {
    // From here on it meets others, as one that gives up the thread, though it reads no more.
    transaction.interleave()
    if (transaction.isolation !== 'read committed') transaction.leaveTurn(true)
    const committing = this.#last.then(() => this.#commit(transaction, check))
    this.#last = committing.catch(() => undefined)
    return committing
  }

  async #commit(transaction: KernelTransaction, check: () => void): Promise<Sequence> {
    const commit = new LargeCommit(this.#kernel, transaction, check)
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
  readonly #check: () => void
  readonly #writer = new RecordWriter(0)
  readonly #key = new MutableSlice()
  readonly #value = new MutableSlice()
  #validation: ReadValidation | undefined
  #draft: Draft | undefined
  #sliceEndUs = 0
  #operations = 0
  #bytes = 0

  constructor(kernel: Kernel, transaction: KernelTransaction, check: () => void) {
    this.#kernel = kernel
    this.#transaction = transaction
    this.#writes = transaction.writes
    this.#check = check
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
    await this.#encode()
    do await this.#fill()
    while (!this.#draft!.isOpen)
    this.#validation = this.#transaction.validation()
    if (this.#validation !== undefined) await this.#validate(this.#validation)
    // While the reads were compared the store may have gone back, or a range have been deleted.
    while (!this.#draft!.isOpen) await this.#fill()
  }

  close(): void {
    this.#validation?.end()
    this.#draft?.discard()
  }

  beforeRangeDelete(range: KeyRange): void {
    if (this.#draft?.isOpen === true && this.#writes.touches(range)) this.#draft.discard()
  }

  async #encode(): Promise<void> {
    const { origin, sessionKey } = this.#transaction
    const { sizeBytes, count } = this.#writes
    this.#writer.beginAlone(originCodes[origin], 0, sessionKey, sizeBytes + count * bytesPerOperation + 1024)
    for (let i = 0; i < count; i++) {
      if (!this.#writes.isEffective(i)) continue
      encodeOperation(this.#writer, this.#writes, i)
      if (this.#isOver(i)) await this.#nextSlice()
    }
  }

  /** Ends early where the draft was discarded meanwhile. */
  async #fill(): Promise<void> {
    const draft = (this.#draft = await this.#openDraft())
    for (let i = 0; i < this.#writes.count; i++) {
      if (!this.#writes.isEffective(i)) continue
      this.#apply(draft, i)
      if (!this.#isOver(i)) continue
      await this.#nextSlice()
      if (!draft.isOpen) return
    }
  }

  #apply(draft: Draft, operation: number): void {
    const writes = this.#writes
    const kind = writes.kindOf(operation)
    const key = writes.keyOf(operation, this.#key)
    const value = writes.payloadOf(operation, this.#value)
    if (kind === writeKinds.put) draft.put(key, value)
    else if (kind === writeKinds.delete) draft.delete(key)
    else if (kind === writeKinds.deleteRange) draft.deleteRange({ start: key, end: value })
  }

  /** The one before is in the way until it is durable and what it has replaced is let go of. */
  async #openDraft(): Promise<Draft> {
    const { pipeline, store } = this.#kernel
    for (;;) {
      pipeline.checkWritable()
      const draft = store.draft((key) => this.#writes.says(key))
      if (draft !== undefined) return draft
      await pipeline.settled()
      await this.#nextSlice()
      while (store.reclaim(this.#kernel.limits.sliceUs)) await this.#nextSlice()
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
    const { pipeline, store, conflicts } = this.#kernel
    const transaction = this.#transaction
    const draft = this.#draft!
    const writes = this.#writes
    pipeline.checkWritable()
    if (this.#validation?.changedRecently() === true) throw readsChanged()
    const first = writes.count
    const numbersBound = addCounters(transaction)
    for (let i = first; i < writes.count; i++) {
      encodeOperation(this.#writer, writes, i)
      this.#apply(draft, i)
    }
    const recordBytes = this.#writer.endAlone()
    pipeline.closeBatch()
    const sequence = pipeline.nextAlone(recordBytes)
    this.#kernel.isEmpty = false
    if (numbersBound !== undefined) this.#kernel.reserveNumbers(numbersBound)
    try {
      draft.adopt()
      store.publish(sequence)
      applyToCatalog(this.#kernel, transaction)
      pipeline.committedAlone(this.#writer, writes)
    } catch (error) {
      pipeline.notApplied(error)
      throw pipeline.failure
    }
    conflicts.addLarge(writes, sequence)
    this.#kernel.noteCommit(sequence)
    transaction.published(sequence)
    return sequence
  }

  // ---- slices

  /** Whether this turn has done enough, with that operation. */
  #isOver(operation: number): boolean {
    this.#operations++
    this.#bytes += this.#writes.bytesOf(operation)
    if (this.#bytes >= sliceBytes || this.#operations >= this.#kernel.limits.sliceKeys) return true
    return this.#operations % lookEvery === 0 && this.#kernel.monotonicUs() >= this.#sliceEndUs
  }

  async #nextSlice(): Promise<void> {
    await new Promise<void>((resolve) => this.#kernel.turn(resolve))
    this.#goOn()
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
    this.#check()
  }
}

function outOfMemory(cause: RangeError): PolylogError {
  return new PolylogError('out_of_memory', 'out of memory: the transaction is larger than can be held', { cause })
}
