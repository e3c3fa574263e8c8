/**
 * A store over a base store: what was written lately lies in memory, in a tree (any `OrderedStore`), and moves to the base
 * in batches, in the background. The tree does what has to be quick and taken back: marks, snapshots, forks, drafts.
 *
 *     reads   ──  tree: put or deleted, since when       ──┐ the tree's entry counts, if there is one;
 *                 ranges that were deleted                 ├ else the base's, unless a range hides it
 *                 base: the state of `persistedThrough`  ──┘
 *
 * A write never looks at the base. A deleted key leaves an entry that says so, a deleted range takes its keys out of the
 * tree and is kept as a range, which hides what the base has there. What is put there afterwards is an entry of the tree
 * again. So in the tree order does not matter, and ranges hide the base's entries and nothing else.
 *
 * Handing over. Each entry and each range bears the *generation* in which it was written, a number of this overlay.
 *
 *     1  rotate   pin the tree's state at sequence C; from here on a new generation is written
 *     2  wait     until no mark before C is held: nobody can take C back, and it is durable in the log, since the commit
 *                 pipeline lets go of a mark only when a later one is synced
 *     3  apply    the base takes the batch: the ranges, then the entries of the pinned state; resolved, it is durable
 *     4  swap     in one turn: reads see the base's new state, the ranges up to that generation are forgotten
 *     5  sweep    entries up to that generation leave the tree, some at a time (`reclaim`): the base has the same
 *
 * | at     | the base is at | the tree holds all since | ranges hide                    |
 * |--------|----------------|--------------------------|--------------------------------|
 * | 1 – 3  | B              | B                        | those since B                  |
 * | 4      | C              | B                        | those since C                  |
 * | 5, end | C              | C                        | those since C                  |
 *
 * Between 3 and 4 a crash leaves the base at C, and the log after B: replaying it again changes nothing, because entries
 * say what is there and not what to do. An entry written again after step 1 bears a newer generation and stays.
 *
 * Readers. A snapshot pins the tree, the ranges and the base's state of its moment, and none of the steps changes it. Marks
 * remember the tree and the ranges. Going back to a mark before C undoes a hand-over that waits; the next one takes what it
 * would have. Going back to one at C or later leaves the base: what the undo log brings back of what was swept says the
 * same as the base, or hides it with what is newer.
 *
 * A base that follows (`Followed` of `base-store.ts`) takes no batch, but the state that another process has brought it to: one
 * at C or later, and never later than what is shown here. That is right without more, for what changed after C is in the
 * tree, or in ranges that bear a newer generation, and both count before the base. For the same reason it may be exchanged
 * for a later state at any moment.
 *
 * Drafts write generations of their own, from 2^31 on: what a draft has written before a hand-over began is not in it, and
 * belongs to the generation in which the draft is adopted.
 *
 * Invariants: base + ranges + tree is the state of the last publish; what the base holds cannot be taken back; an entry
 * whose generation was handed over says what the base says.
 */
import { assert } from '../../base/errors.ts'
import { MutableSlice, type KeyRange, type Slice } from '../../base/slice.ts'
import type { Host } from '../../host/host.ts'
import type { BaseStore } from '../base-store.ts'
import type {
  Cursor,
  Draft,
  Mark,
  Miss,
  OrderedStore,
  PagePin,
  Reader,
  ScanOptions,
  Sequence,
  Snapshot,
  StoreStatistics,
} from '../store.ts'
import { DeadRuns, pausePage } from './dead-runs.ts'
import { OverlayDraft } from './draft.ts'
import { bytesPerEntry, EntryWriter, firstDraftGeneration } from './entry.ts'
import { HandOver, OverlayBatch } from './hand-over.ts'
import { HiddenRanges } from './hidden-ranges.ts'
import { MergedCursor } from './merged-cursor.ts'
import { SharedSnapshot } from './shared-snapshot.ts'
import { textOfRange } from './range-set.ts'
import { Sweep } from './sweep.ts'
import { countIn, estimateIn, findIn, type View } from './view.ts'

/** What a fork begins with. */
interface Origin {
  readonly sequence: Sequence
  readonly hidden: HiddenRanges
  readonly generation: number
  readonly handedOver: number
  readonly adopted: ReadonlyMap<number, number>
}

interface HeldMark {
  readonly number: number
  readonly sequence: Sequence
}

export class Overlay implements OrderedStore {
  readonly current: Reader
  readonly base: BaseStore
  readonly #tree: OrderedStore
  readonly #entries = new EntryWriter()
  /** The newest state: its parts are replaced, never changed. */
  readonly #view: MutableView
  #hidden: HiddenRanges
  #baseSnapshot: SharedSnapshot
  #sequence: Sequence
  #unpublished = false
  /** Of what is written now. */
  #generation: number
  /** The base has what was written up to this one. */
  #handedOver: number
  /** Generations of drafts, and those in which they were adopted. */
  readonly #adopted: Map<number, number>
  #drafts = 0
  readonly #marks = new Map<number, HeldMark>()
  #lastMark = 0
  #running: HandOver | undefined
  #handingOver: Promise<void> | undefined
  #sweep: Sweep | undefined
  /** Written since the last hand-over began, and what is being handed over: keys, values and what goes with them. */
  #writtenBytes = 0
  #runningBytes = 0
  #isStopped = false
  #closed = false

  /** The tree is empty, but for what a fork begins with. */
  constructor(tree: OrderedStore, base: BaseStore, origin?: Origin) {
    this.base = base
    this.#tree = tree
    this.#hidden = origin?.hidden ?? HiddenRanges.none()
    this.#sequence = origin?.sequence ?? base.persistedThrough
    this.#generation = origin?.generation ?? 1
    this.#handedOver = origin?.handedOver ?? 0
    this.#adopted = new Map(origin?.adopted)
    this.#baseSnapshot = new SharedSnapshot(base.snapshot())
    this.#view = {
      tree: tree.current,
      base: this.#baseSnapshot.snapshot,
      hidden: this.#hidden.sets,
      version: 0,
      dead: new DeadRuns(),
      miss: base.miss,
    }
    this.current = this.#currentReader()
  }

  get persistedThrough(): Sequence {
    return this.base.persistedThrough
  }

  // ---- mutations

  put(key: Slice, value: Slice): void {
    this.#mutates()
    this.#writtenBytes += bytesPerEntry + key.end - key.start + value.end - value.start
    this.#view.dead.put(key)
    this.#tree.put(key, this.#entries.value(this.#generation, value))
  }

  delete(key: Slice): void {
    this.#mutates()
    this.#writtenBytes += bytesPerEntry + key.end - key.start
    this.#tree.put(key, this.#entries.deletion(this.#generation))
  }

  deleteRange(range: KeyRange): void {
    this.#mutates()
    this.#writtenBytes += bytesPerEntry + range.start.end - range.start.start + range.end.end - range.end.start
    this.#tree.deleteRange(range)
    this.#hide(this.#hidden.with(textOfRange(range), this.#generation))
  }

  publish(sequence: Sequence): void {
    assert(sequence > this.#sequence, `publish of sequence ${sequence} after ${this.#sequence}`)
    this.#sequence = sequence
    this.#publishTree()
  }

  /** The tree counts states of its own: a sweep makes one, too. */
  #publishTree(): void {
    this.#tree.publish(this.#tree.current.sequence + 1)
    this.#unpublished = false
  }

  #mutates(): void {
    if (this.#closed) assert(false, 'mutation of a closed store')
    this.#unpublished = true
    this.#view.version++
  }

  #hide(hidden: HiddenRanges): void {
    this.#hidden = hidden
    this.#view.hidden = hidden.sets
  }

  // ---- states

  mark(): Mark {
    const tree = this.#tree.mark()
    const held: HeldMark = { number: ++this.#lastMark, sequence: this.#sequence }
    const hidden = this.#hidden
    this.#marks.set(held.number, held)
    return {
      sequence: held.sequence,
      rollback: () => this.#rollBack(held, tree, hidden),
      release: () => {
        tree.release()
        this.#marks.delete(held.number)
        this.#goOnHandingOver()
      },
    }
  }

  #rollBack(held: HeldMark, tree: Mark, hidden: HiddenRanges): void {
    assert(this.#marks.has(held.number), 'the store is put back to a mark that was let go of')
    assert(!this.#unpublished, 'a rollback between a mutation and its publish')
    if (this.#running !== undefined && this.#running.through > held.sequence) this.#running.undo()
    tree.rollback()
    for (const number of this.#marks.keys()) if (number > held.number) this.#marks.delete(number)
    this.#view.version++
    this.#view.dead.clear()
    this.#hide(hidden.after(this.#handedOver))
    this.#sequence = held.sequence
    if (this.#handedOver > 0) this.#sweep = new Sweep(this.#tree, (generation) => this.#isHandedOver(generation))
    this.#goOnHandingOver()
  }

  draft(isOwn: (key: Slice) => boolean): Draft | undefined {
    const tree = this.#tree.draft(isOwn)
    if (tree === undefined) return undefined
    const generation = firstDraftGeneration + ++this.#drafts
    return new OverlayDraft(tree, generation, (ranges, bytes) => {
      this.#mutates()
      this.#view.dead.clear()
      this.#writtenBytes += bytes
      this.#adopted.set(generation, this.#generation)
      let hidden = this.#hidden
      for (const range of ranges) hidden = hidden.with(range, this.#generation)
      this.#hide(hidden)
    })
  }

  snapshot(): Snapshot {
    const tree = this.#tree.snapshot()
    const { dead, miss } = this.#view
    return new OverlaySnapshot(this.#sequence, tree, this.#baseSnapshot.share(), this.#hidden, dead.copy(), miss)
  }

  fork(): OrderedStore {
    const tree = this.#tree.fork()
    return new Overlay(tree, this.base.fork(), {
      sequence: this.#sequence,
      hidden: this.#hidden,
      generation: this.#generation,
      handedOver: this.#handedOver,
      adopted: this.#adopted,
    })
  }

  /** Opened as a base store of this kind, the folder is the state. Errors are the disk's. */
  async checkpoint(host: Host, folder: string): Promise<Sequence> {
    const tree = this.#tree.snapshot()
    try {
      const batch = this.#batchOf(tree)
      await this.base.checkpoint(host.disk, folder, batch)
      return batch.through
    } finally {
      tree.release()
    }
  }

  // ---- handing over

  /**
   * Moves what is there now to the base; one at a time. Resolves when the base has it, or when the store went back to before
   * it. Rejects with what the base says: then nothing has changed, and it may be tried again.
   */
  handOver(): Promise<void> {
    this.#handingOver ??= this.#handOver().finally(() => (this.#handingOver = undefined))
    return this.#handingOver
  }

  async #handOver(): Promise<void> {
    if (this.#isStopped) return
    const running = (this.#running = this.#rotate())
    try {
      this.#goOnHandingOver()
      await running.settled
      if (running.stage === 'undone') return
      await this.base.apply(running.batch)
      if (!this.#closed) this.#swap(running)
    } finally {
      if (running.stage !== 'undone') running.stage = 'ended'
      if (this.#handedOver < running.generation) this.#writtenBytes += this.#runningBytes
      this.#runningBytes = 0
      this.#running = undefined
      running.tree.release()
    }
  }

  #rotate(): HandOver {
    const tree = this.#tree.snapshot()
    this.#hide(this.#hidden.joined(this.#generation))
    const running = new HandOver(this.#sequence, this.#generation, this.#batchOf(tree), tree)
    this.#generation++
    this.#runningBytes = this.#writtenBytes
    this.#writtenBytes = 0
    return running
  }

  #batchOf(tree: Snapshot): OverlayBatch {
    // What is being handed over now is in the batch, too, whether or not the base has it already.
    const handedOver = this.#handedOver
    const adopted = new Map(this.#adopted)
    const isHandedOver = (generation: number): boolean => generationIn(adopted, generation) <= handedOver
    return new OverlayBatch(this.#sequence, tree, this.#hidden, isHandedOver)
  }

  /** Where nothing of it can be taken back any more. */
  #goOnHandingOver(): void {
    const running = this.#running
    if (running === undefined || running.stage !== 'waiting') return
    const mayGoBack = [...this.#marks.values()].some(({ sequence }) => sequence < running.through)
    if (!mayGoBack) running.begin()
  }

  #swap(running: HandOver): void {
    this.#handedOver = running.generation
    const before = this.#baseSnapshot
    this.#baseSnapshot = new SharedSnapshot(this.base.snapshot())
    this.#view.base = this.#baseSnapshot.snapshot
    before.release()
    this.#hide(this.#hidden.after(running.generation))
    this.#sweep = new Sweep(this.#tree, (generation) => this.#isHandedOver(generation))
  }

  #isHandedOver(generation: number): boolean {
    return generationIn(this.#adopted, generation) <= this.#handedOver
  }

  /** Nothing is handed over any more, but for what the base is taking already: call before marks are let go of at the end. */
  stop(): void {
    this.#isStopped = true
    if (this.#running?.stage === 'waiting') this.#running.undo()
  }

  /** Resolves when nothing is handed over. */
  async idle(): Promise<void> {
    await this.#handingOver?.catch(() => undefined)
  }

  /** Whether there is anything that the base does not have. */
  get hasMore(): boolean {
    if (this.#hidden.size > 0) return true
    const tree = this.#tree.snapshot()
    try {
      return !this.#batchOf(tree).isEmpty
    } finally {
      tree.release()
    }
  }

  // ---- the rest

  statistics(): StoreStatistics {
    const tree = this.#tree.statistics()
    const base = this.base.statistics()
    return {
      ...base,
      keys: base.keys + tree.keys,
      usedBytes: base.usedBytes + tree.usedBytes,
      reservedBytes: base.reservedBytes + tree.reservedBytes,
      pinnedSnapshots: tree.pinnedSnapshots - (this.#running === undefined ? 0 : 1),
      pages: base.pages + tree.pages,
      drafts: tree['drafts'] ?? 0,
      marks: tree['marks'] ?? 0,
      overlayEntries: tree.keys,
      overlayBytes: tree.usedBytes,
      hiddenRanges: this.#hidden.size,
    }
  }

  /**
   * Bytes that were written and that the base does not have, each time that they were written, also where they were taken
   * back since: by it one tells when to hand over and when to wait. What the tree really takes is among the statistics.
   */
  get pendingBytes(): number {
    return this.#writtenBytes + this.#runningBytes
  }

  reclaim(budgetUs: number): boolean {
    if (this.#sweep !== undefined && !this.#unpublished && !this.#closed) this.#sweepSome(this.#sweep)
    return this.#tree.reclaim(budgetUs) || (this.#sweep !== undefined && !this.#unpublished)
  }

  #sweepSome(sweep: Sweep): void {
    const swept = sweep.step()
    if (swept.deleted > 0) {
      this.#view.version++
      this.#publishTree()
    }
    if (!swept.isDone) return
    this.#sweep = undefined
    for (const [draft, generation] of this.#adopted) if (generation <= this.#handedOver) this.#adopted.delete(draft)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#view.version++
    this.stop()
    this.#baseSnapshot.release()
    this.#tree.close()
    void this.idle().then(() => this.base.close())
  }

  #currentReader(): Reader {
    const overlay = this
    const view = this.#view
    const result = new MutableSlice()
    return {
      get sequence(): Sequence {
        return overlay.#sequence
      },
      get: (key) => findIn(view, key, result),
      scan: (range, options) => new MergedCursor(view, range, options ?? {}),
      count: (range) => countIn(view, range),
      estimate: (range) => estimateIn(view, range),
    }
  }
}

/** Of a draft: that in which it was adopted; one that nobody remembers was handed over long ago. */
function generationIn(adopted: ReadonlyMap<number, number>, generation: number): number {
  return generation < firstDraftGeneration ? generation : (adopted.get(generation) ?? 0)
}

interface MutableView extends View {
  base: Snapshot
  hidden: View['hidden']
  version: number
}

const nothingPinned: PagePin = { release: () => undefined }

class OverlaySnapshot implements Snapshot {
  readonly sequence: Sequence
  readonly #tree: Snapshot
  readonly #base: SharedSnapshot
  readonly #view: MutableView
  readonly #result = new MutableSlice()

  constructor(
    sequence: Sequence,
    tree: Snapshot,
    base: SharedSnapshot,
    hidden: HiddenRanges,
    dead: DeadRuns,
    miss: Miss,
  ) {
    this.sequence = sequence
    this.#tree = tree
    this.#base = base
    this.#view = { tree, base: base.snapshot, hidden: hidden.sets, version: 0, dead, miss }
  }

  get(key: Slice): Slice | undefined {
    return findIn(this.#view, key, this.#result)
  }

  scan(range: KeyRange, options: ScanOptions = {}): Cursor {
    return new MergedCursor(this.#view, range, options)
  }

  count(range: KeyRange): number | undefined {
    return countIn(this.#view, range)
  }

  estimate(range: KeyRange): number {
    return estimateIn(this.#view, range)
  }

  load(miss: Miss): Promise<PagePin> {
    return miss.page === pausePage ? Promise.resolve(nothingPinned) : this.#base.snapshot.load(miss)
  }

  release(): void {
    this.#tree.release()
    this.#view.version = 1
    this.#base.release()
  }
}
