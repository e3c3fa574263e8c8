/**
 * The memory store: an off-heap, copy-on-write, versioned B+tree.
 *
 * Pages and records lie in chunks of shared memory (`address-space.ts`), not on JavaScript's heap: a million keys are no
 * work for the garbage collector, and worker threads can read them in place. The tree (`tree.ts`) copies a published
 * page before it changes it, so a published root is a snapshot for as long as somebody pins its epoch (`versions.ts`).
 *
 * `publish` only gives the state a number. Its epoch is sealed when somebody is going to read it, a snapshot or a
 * registered worker thread: until then writes go on in place, which is twice as fast as copying. A mark cannot be read
 * and seals nothing; while one is held, what the tree lets go of stays in the undo log (`undo-log.ts`).
 *
 * A draft is a second root beside the tree's own (`divergence.ts`): the next state of a large commit, filled slice by slice.
 *
 * Invariants: nothing is pinned between a mutation and its publish; `check()` names the rest.
 */
import { assert, InvariantError } from '../../base/errors.ts'
import { MutableSlice } from '../../base/slice.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Host } from '../../host/host.ts'
import type {
  Cursor,
  Draft,
  Mark,
  OrderedStore,
  PagePin,
  Reader,
  ScanOptions,
  Sequence,
  Snapshot,
  StoreStatistics,
} from '../store.ts'
import { BulkLoader } from './bulk-load.ts'
import { readCheckpoint } from './checkpoint-read.ts'
import type { TakeEntry } from './checkpoint-read.ts'
import { writeCheckpoint } from './checkpoint-write.ts'
import type { ChunkNote } from './address-space.ts'
import { countKeys } from './count.ts'
import { TreeCursor } from './cursor.ts'
import type { TreeStamp } from './cursor.ts'
import { Family } from './family.ts'
import type { Member } from './family.ts'
import { Divergence } from './divergence.ts'
import { MemoryDraft } from './draft.ts'
import { checkLengths, deleteEntry, overwriteInPlace, putEntry } from './entries.ts'
import { deleteKeyRange } from './range-delete.ts'
import { PointIndex } from './point-index.ts'
import { compareWithRecord } from './record-layout.ts'
import { findRecord, readValue } from './search.ts'
import type { SharedHandle } from './shared-reader.ts'
import { Tree } from './tree.ts'
import { undoTo } from './undo.ts'
import type { UndoMark } from './undo-log.ts'
import { Versions } from './versions.ts'
import type { PlantedFault } from './versions.ts'

/** Objects freed between two looks at the clock. */
const reclaimSlice = 64
/** Entries of the undo log dropped by each change, which adds one. */
const dropSlice = 2

export interface MemoryStoreOptions {
  /** Microseconds that never go back: the host's. */
  readonly monotonic: () => number
  /** Overwrites what is freed, and checks that it stays so. */
  readonly poison?: boolean
  readonly plantedFault?: PlantedFault
  /** As if it had run for long, and were large: the first epoch, and the first chunk of records. For tests. */
  readonly from?: { readonly epoch: number; readonly recordChunk: number }
}

export class MemoryStore implements OrderedStore, Member {
  persistedThrough: Sequence = 0
  readonly current: Reader
  readonly versions: Versions
  readonly tree: Tree
  readonly family: Family
  readonly points: PointIndex
  readonly #options: MemoryStoreOptions
  readonly #stamp: TreeStamp
  readonly #letGo: () => void
  #sequence: Sequence
  #unpublished = false
  /** Changed since the epoch was last sealed. */
  #unsealed = false
  #closed = false
  #draft: MemoryDraft | undefined
  /** The record that `current.get` found last, and the version then: whoever writes a key has mostly just read it. */
  #found = 0
  #foundAt = -1

  constructor(options: MemoryStoreOptions, origin?: ForkOrigin) {
    this.#options = options
    this.family = origin?.family ?? new Family(options.poison === true, options.from?.recordChunk)
    this.versions = new Versions(this.family, origin?.epoch ?? options.from?.epoch ?? 0, options.plantedFault)
    this.tree = new Tree(this.family, this.versions, origin?.root ?? 0, options.plantedFault)
    this.points = new PointIndex(this.family.space)
    this.tree.points = this.points
    this.#letGo = origin?.letGo ?? doNothing
    this.#sequence = origin?.sequence ?? 0
    this.family.members.add(this)
    this.#stamp = { root: this.tree.root, version: 0 }
    this.current = this.#currentReader()
    this.seal()
  }

  put(key: Slice, value: Slice): void {
    checkLengths(key.end - key.start, value.end - value.start)
    const { tree } = this
    const found = this.#foundAt === this.#stamp.version ? this.#found : 0
    this.#mutates()
    if (!this.#overwriteFound(found, key, value) && !this.#overwriteKnown(found, key, value)) {
      putEntry(tree, key, value)
      this.#stamp.root = tree.root
    }
    if (this.#draft !== undefined) this.#draft.follow(key, value)
  }

  delete(key: Slice): void {
    this.#mutates()
    deleteEntry(this.tree, key)
    this.#stamp.root = this.tree.root
    if (this.#draft !== undefined) this.#draft.follow(key, undefined)
  }

  deleteRange(range: KeyRange): void {
    this.#mutates()
    deleteKeyRange(this.tree, range)
    this.#stamp.root = this.tree.root
    if (this.#draft !== undefined) this.#draft.followRange(range)
  }

  publish(sequence: Sequence): void {
    if (sequence <= this.#sequence) throw new InvariantError(`publish of sequence ${sequence} after ${this.#sequence}`)
    this.#publishAs(sequence)
  }

  #publishAs(sequence: Sequence): void {
    this.#sequence = sequence
    this.#unpublished = false
    if (this.versions.readers.size > 0) this.seal()
  }

  mark(): Mark {
    assert(!this.#closed && !this.#unpublished, 'mark between a mutation and its publish, or of a closed store')
    const { undo } = this.tree
    const mark: UndoMark = { position: undo.tail, isHeld: true }
    undo.hold(mark)
    const sequence = this.#sequence
    return { sequence, rollback: () => this.#rollBack(mark, sequence), release: () => undo.letGo(mark) }
  }

  #rollBack(mark: UndoMark, sequence: Sequence): void {
    assert(!this.#unpublished, 'a rollback between a mutation and its publish')
    this.tree.undo.letGoAfter(mark)
    this.#draft?.discard()
    this.#mutates()
    undoTo(this.tree, mark.position)
    this.#stamp.root = this.tree.root
    this.#publishAs(sequence)
  }

  draft(isOwn: (key: Slice) => boolean): Draft | undefined {
    this.#sealForReaders('draft')
    const { tree, versions } = this
    if (tree.divergence !== undefined) return undefined
    tree.divergence = new Divergence(versions.pin(), tree.undo.tail)
    const drafted = new Tree(this.family, versions, tree.root, this.#options.plantedFault, tree.divergence)
    this.#draft = new MemoryDraft(drafted, isOwn, {
      adopt: () => this.#adopt(drafted),
      discard: () => this.#discard(drafted),
    })
    return this.#draft
  }

  #adopt(drafted: Tree): void {
    assert(!this.#unpublished, 'a draft is adopted between a mutation and its publish')
    this.#draft = undefined
    this.#mutates()
    this.tree.adopt(drafted)
    this.#stamp.root = this.tree.root
  }

  #discard(drafted: Tree): void {
    this.#draft = undefined
    this.tree.discard(drafted.root)
  }

  /** The side that has only been begun, for assertions. */
  get draftRoot(): number {
    return this.#draft?.root ?? 0
  }

  snapshot(): Snapshot {
    this.#sealForReaders('snapshot')
    return new MemorySnapshot(this)
  }

  fork(): OrderedStore {
    return this.forkMemory()
  }

  forkMemory(): MemoryStore {
    this.#sealForReaders('fork')
    const epoch = this.versions.pin()
    const fork = new MemoryStore(this.#options, {
      family: this.family,
      epoch,
      root: this.tree.root,
      sequence: this.#sequence,
      letGo: () => this.versions.unpin(epoch),
    })
    fork.persistedThrough = this.persistedThrough
    return fork
  }

  /** `persistedThrough` grows when it is done; errors are the disk's. */
  async checkpoint(host: Host, folder: string): Promise<Sequence> {
    const snapshot = this.snapshot()
    try {
      const sequence = await writeCheckpoint(host, folder, snapshot)
      this.persistedThrough = Math.max(this.persistedThrough, sequence)
      return sequence
    } finally {
      snapshot.release()
    }
  }

  /**
   * Lets another thread read: `SharedReader` over the handle. From now on every publish can be seen there. `tell` gets
   * each chunk that comes or goes and must put it into the thread's queue before it returns. `end` takes the place of
   * the thread's `unpin`, also where the thread has died.
   */
  share(tell: (note: ChunkNote) => void): { readonly handle: SharedHandle; end(): void } {
    this.#sealForReaders('share')
    const slot = this.versions.addReader()
    const { header } = this.versions
    this.family.listeners.add(tell)
    return {
      handle: { header: header.buffer as unknown as SharedArrayBuffer, slot, chunks: this.family.space.notes() },
      end: () => {
        this.family.listeners.delete(tell)
        this.versions.removeReader(slot)
      },
    }
  }

  /** Fills a new store with entries in ascending order, as the state at `sequence`. */
  async bulkLoad(read: (take: TakeEntry) => Promise<Sequence>): Promise<void> {
    const loader = new BulkLoader(this.tree)
    this.#sequence = await read((key, value) => loader.add(key, value))
    loader.finish()
    this.#stamp.root = this.tree.root
    this.seal()
  }

  statistics(): StoreStatistics {
    const { family, versions } = this
    return {
      keys: this.tree.keys,
      usedBytes: family.usedBytes + this.points.bytes,
      reservedBytes: family.reservedBytes + this.points.bytes,
      pinnedSnapshots: versions.pins,
      pages: family.pages.livePages,
      records: family.records.liveRecords,
      retiredObjects: versions.retired,
      pinnedEpochsBehind: versions.pinnedEpochsBehind,
      readingThreads: versions.readers.size,
      marks: this.tree.undo.marks,
      undoEntries: this.tree.undo.entries,
      drafts: this.tree.divergence === undefined ? 0 : 1,
    }
  }

  reclaim(budgetUs: number): boolean {
    const { monotonic } = this.#options
    const until = monotonic() + budgetUs
    for (;;) {
      const hasUndo = this.tree.undo.drop(reclaimSlice)
      const hasRetired = this.family.reclaim(reclaimSlice)
      if (!hasUndo && !hasRetired) return false
      if (monotonic() >= until) return true
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#stamp.version++
    this.#draft?.discard()
    this.tree.undo.close()
    this.points.clear()
    this.versions.close(this.tree.root)
    const alone = this.family.members.size === 1 && this.versions.pins === 0
    if (!alone) return
    this.family.members.delete(this)
    this.family.space.clear()
    this.drained()
  }

  drained(): void {
    this.#letGo()
  }

  /** Ends the epoch: what was published is readable by others from here on. */
  seal(): void {
    const { versions } = this
    const freed = 2 * versions.retiredThisEpoch + reclaimSlice
    versions.seal(this.tree.root, this.#sequence)
    this.#unsealed = false
    this.family.reclaim(freed)
  }

  #sealForReaders(what: string): void {
    if (this.#closed) throw new InvariantError(`${what} of a closed store`)
    if (this.#unpublished) throw new InvariantError(`${what} between a mutation and its publish`)
    if (this.#unsealed) this.seal()
  }

  #mutates(): void {
    if (this.#closed) assert(false, 'mutation of a closed store')
    this.#unpublished = true
    this.#unsealed = true
    this.#stamp.version++
    if (this.tree.undo.hasDroppable) this.tree.undo.drop(dropSlice)
  }

  /** Without a descent, where the record is that of this key and may be changed in place. */
  #overwriteFound(record: number, key: Slice, value: Slice): boolean {
    if (record === 0 || compareWithRecord(this.tree.space, record, key.bytes, key.start, key.end, 0) !== 0) return false
    return overwriteInPlace(this.tree, record, key, value)
  }

  /** The same of a record that was found before; keys in order are at hand anyway. */
  #overwriteKnown(found: number, key: Slice, value: Slice): boolean {
    if (this.tree.isFenced) return false
    const record = this.points.find(key.bytes, key.start, key.end)
    return record !== 0 && record !== found && overwriteInPlace(this.tree, record, key, value)
  }

  #currentReader(): Reader {
    const store = this
    const { points, tree } = this
    const { space } = this.family
    const result = new MutableSlice()
    const stamp = this.#stamp
    return {
      get sequence(): Sequence {
        return store.#sequence
      },
      get: (key) => {
        let record = points.find(key.bytes, key.start, key.end)
        if (record === 0) {
          record = findRecord(space, stamp.root, key)
          if (record !== 0) points.note(record, tree.keys)
        }
        store.#found = record
        store.#foundAt = stamp.version
        return record === 0 ? undefined : readValue(space, record, result)
      },
      scan: (range, options) => new TreeCursor(space, stamp, range, options?.reverse === true),
      count: (range) => countKeys(space, stamp.root, range),
      estimate: (range) => countKeys(space, stamp.root, range),
    }
  }

  get sequence(): Sequence {
    return this.#sequence
  }
}

/**
 * A store with the checkpoint in `folder`, or an empty one. Throws `data_corrupted`, with `detail.file` and
 * `detail.offset`, for any damage, and `data_newer`; other failures of the disk are its own errors.
 */
export async function openMemoryStore(host: Host, folder: string | undefined): Promise<MemoryStore> {
  const store = new MemoryStore({ monotonic: () => host.monotonic() })
  if (folder === undefined) return store
  await store.bulkLoad(async (take) => {
    const manifest = await readCheckpoint(host.disk, folder, take)
    return manifest.sequence
  })
  store.persistedThrough = store.sequence
  return store
}

interface ForkOrigin {
  readonly family: Family
  readonly epoch: number
  readonly root: number
  readonly sequence: Sequence
  readonly letGo: () => void
}

class MemorySnapshot implements Snapshot {
  readonly sequence: Sequence
  readonly epoch: number
  readonly #store: MemoryStore
  readonly #stamp: TreeStamp
  readonly #result: MutableSlice = new MutableSlice()

  constructor(store: MemoryStore) {
    this.#store = store
    this.sequence = store.sequence
    this.epoch = store.versions.pin()
    this.#stamp = { root: store.tree.root, version: 0 }
  }

  get(key: Slice): Slice | undefined {
    assert(this.#stamp.version === 0, 'read of a released snapshot')
    const { family, points } = this.#store
    const record =
      points.findAt(this.epoch, key.bytes, key.start, key.end) || findRecord(family.space, this.#stamp.root, key)
    return record === 0 ? undefined : readValue(family.space, record, this.#result)
  }

  scan(range: KeyRange, options?: ScanOptions): Cursor {
    assert(this.#stamp.version === 0, 'scan of a released snapshot')
    return new TreeCursor(this.#store.family.space, this.#stamp, range, options?.reverse === true)
  }

  count(range: KeyRange): number {
    assert(this.#stamp.version === 0, 'count in a released snapshot')
    return countKeys(this.#store.family.space, this.#stamp.root, range)
  }

  estimate(range: KeyRange): number {
    return this.count(range)
  }

  load(): Promise<PagePin> {
    return Promise.resolve(nothingPinned)
  }

  release(): void {
    assert(this.#stamp.version === 0, 'snapshot released twice')
    this.#stamp.version = 1
    this.#store.versions.unpin(this.epoch)
  }
}

const doNothing = (): void => {}

/** Nothing is ever missing. */
const nothingPinned: PagePin = { release: () => undefined }
