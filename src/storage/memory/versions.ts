/**
 * Which versions of a tree can still be read, and what may be freed.
 *
 * The writer's changes belong to `epoch`; `seal` publishes them: the root of the sealed epoch goes to `root[epoch & 1]`
 * of the shared header, then the epoch itself, and the writer goes on in the next one. A sealed root is a snapshot, and
 * whoever pins its epoch may read it. An object (page or record) is born in the epoch that made it and dies in the epoch
 * that unlinked it: the epochs in [birth, death) reach it, and it is freed when none of them is pinned. A thread may be
 * about to pin the newest sealed epoch; what that epoch reaches is not dead, or dies in an epoch that is not sealed yet,
 * and until then nobody asks.
 *
 * A dead object that a pin holds waits in the list of one pinned epoch that reaches it, the newest, and is looked at
 * again when that pin is gone. Pins mostly go in the order in which they came, so by then it is mostly the last one: an
 * object is looked at once or twice, however many pins there are. A subtree is retired as one object; freeing it frees a page and retires what hangs below,
 * so that no step is long.
 *
 * The shared header is kept up to date while there are reading threads. Signed 64-bit words: 0 epoch · 1, 2 root by parity · 3, 4 sequence by parity · 8 … one pinned epoch for
 * each reader, 0 where it pins none.
 *
 * Invariants: the epochs only grow; an object is retired once, and only if this tree made it (`inheritedThrough`: what
 * is older belongs to the tree that this one was forked from, which pins it for us).
 */
import { assert, PolylogError } from '../../base/errors.ts'
import type { AddressSpace } from './address-space.ts'
import {
  childrenAt,
  leafRecordsAt,
  levelAt,
  pageBase,
  pageBirth,
  pageWordsOf,
  separatorsAt,
  sizeAt,
} from './page-layout.ts'
import type { PageAllocator } from './page-allocator.ts'
import type { RecordArena } from './record-arena.ts'
import { epochHighUnit, recordBirth } from './record-layout.ts'
import type { Leftover } from './divergence.ts'
import { RetiredList, retiredPage, retiredRecord, retiredSubtree } from './retired-list.ts'

export const headerEpochAt: number = 0
export const headerRootAt: number = 1
export const headerSequenceAt: number = 3
export const headerReadersAt: number = 8
export const readersMax: number = 120

/** Faults that tests plant to prove that they would be found. */
export type PlantedFault =
  | 'no-epoch-recheck'
  | 'early-free'
  | 'overwrite-published'
  | 'shared-parent'
  | 'forgotten-undo'
  | 'unfollowed-draft'
  | 'past-retired'

export interface MemoryFamily {
  readonly space: AddressSpace
  readonly pages: PageAllocator
  readonly records: RecordArena
}

export class Versions {
  readonly header: BigInt64Array = new BigInt64Array(
    new SharedArrayBuffer((headerReadersAt + readersMax) * BigInt64Array.BYTES_PER_ELEMENT),
  )
  /** Objects born up to here belong to an older tree. */
  readonly inheritedThrough: number
  epoch: number
  epochLow: number
  epochHigh: number
  /** Words of the header that worker threads pin by. */
  readonly readers: Set<number> = new Set()
  readonly #family: MemoryFamily
  readonly #fault: PlantedFault | undefined
  /** Pinned epochs of this thread, ascending, and how often each is pinned. */
  readonly #pinned: number[] = []
  readonly #counts: number[] = []
  /** What reading threads pinned when it was last looked at. */
  #pinnedByReaders: number[] = []
  readonly #held = new Map<number, RetiredList>()
  /** Dead in the epoch that is not sealed yet. */
  #retiring = new RetiredList()
  readonly #pending = new RetiredList()
  /** Sides that diverged from the tree and went. */
  readonly #leftovers: Leftover[] = []
  #closed = false
  #sealedRoot = 0
  #sealedSequence = 0

  constructor(family: MemoryFamily, inheritedThrough: number, fault: PlantedFault | undefined) {
    this.#family = family
    this.#fault = fault
    this.inheritedThrough = inheritedThrough
    this.epoch = inheritedThrough + 1
    this.epochLow = this.epoch | 0
    this.epochHigh = Math.floor(this.epoch / epochHighUnit)
  }

  get sealedEpoch(): number {
    return this.epoch - 1
  }

  /** Objects that wait to be freed; a subtree counts as one. */
  get retired(): number {
    let count = this.#retiring.length + this.#pending.length
    for (const list of this.#held.values()) count += list.length
    for (const leftover of this.#leftovers) count += leftover.length
    return count
  }

  /** Retired since the last seal. */
  get retiredThisEpoch(): number {
    return this.#retiring.length
  }

  get pins(): number {
    let count = 0
    for (const pins of this.#counts) count += pins
    return count
  }

  /** Makes the root of the current epoch readable, and begins the next epoch. */
  seal(root: number, sequence: number): void {
    this.#sealedRoot = root
    this.#sealedSequence = sequence
    this.epoch++
    this.epochLow = this.epoch | 0
    this.epochHigh = Math.floor(this.epoch / epochHighUnit)
    if (this.readers.size > 0) this.#writeHeader()
    this.#settleRetired(this.epoch - 2)
  }

  /** Pins the newest sealed epoch. */
  pin(): number {
    const epoch = this.sealedEpoch
    const last = this.#pinned.length - 1
    if (this.#pinned[last] === epoch) this.#counts[last]!++
    else {
      this.#pinned.push(epoch)
      this.#counts.push(1)
    }
    return epoch
  }

  unpin(epoch: number): void {
    const at = this.#pinned.indexOf(epoch)
    assert(at >= 0, `epoch ${epoch} is not pinned`)
    if (--this.#counts[at]! > 0) return
    this.#pinned.splice(at, 1)
    this.#counts.splice(at, 1)
    this.#letGo(epoch)
    // Who could have read it may be gone, and the next seal be far away.
    if (this.readers.size === 0) this.#pending.takeAll(this.#retiring)
  }

  addReader(): number {
    let slot = headerReadersAt
    while (this.readers.has(slot)) slot++
    if (slot >= headerReadersAt + readersMax) {
      throw new PolylogError('out_of_memory', `a memory store has at most ${readersMax} reading threads`)
    }
    if (this.readers.size === 0) this.#writeHeader()
    this.readers.add(slot)
    return slot
  }

  removeReader(slot: number): void {
    Atomics.store(this.header, slot, 0n)
    this.readers.delete(slot)
    this.#lookAtReaders()
  }

  retirePage(page: number): void {
    this.#retire(retiredPage, page, pageBirth(this.#family.space, page))
  }

  retireRecord(record: number): void {
    this.#retire(retiredRecord, record, recordBirth(this.#family.space, record))
  }

  retireSubtree(page: number): void {
    const list = this.#isReachable(0) ? this.#retiring : this.#pending
    list.push(retiredSubtree, page, this.epoch)
  }

  /** What it holds is retired by `reclaim`, step by step; its past is unpinned then. */
  leave(leftover: Leftover): void {
    this.#leftovers.push(leftover)
  }

  /** The tree's last root goes too; what pins hold stays until they are gone. */
  close(root: number): void {
    this.#closed = true
    this.#pending.push(retiredSubtree, root, this.epoch)
    this.#pending.takeAll(this.#retiring)
  }

  /** Closed, and nothing of it is left. */
  get drained(): boolean {
    return this.#closed && this.#pinned.length === 0 && this.retired === 0
  }

  /** Frees or sorts out up to so many objects; true where there is more to do. */
  reclaim(objects: number): boolean {
    if (this.readers.size > 0) this.#lookAtReaders()
    const leftover = this.#leftovers[0]
    if (leftover !== undefined && !leftover.takeApart(this, objects)) {
      this.#leftovers.shift()
      this.unpin(leftover.past)
    }
    const pending = this.#pending
    for (let i = 0; i < objects; i++) {
      if (!pending.pop()) return this.#leftovers.length > 0
      this.#free(pending.kind, pending.object, pending.death)
    }
    return pending.length > 0 || this.#leftovers.length > 0
  }

  /** How many epochs the oldest pin of this thread lies behind: what it holds grows with that. */
  get pinnedEpochsBehind(): number {
    return this.epoch - (this.#pinned[0] ?? this.epoch)
  }

  eachRetired(visit: (kind: number, object: number, death: number) => void): void {
    this.#retiring.each(visit)
    this.#pending.each(visit)
    for (const list of this.#held.values()) list.each(visit)
    for (const leftover of this.#leftovers) leftover.eachHeld((kind, object) => visit(kind, object, this.epoch))
  }

  #retire(kind: number, object: number, birth: number): void {
    if (birth <= this.inheritedThrough) return
    if (this.#isReachable(birth)) this.#retiring.push(kind, object, this.epoch)
    else this.#release(kind, object)
  }

  /**
   * Whether somebody may read what was born then, and is not part of the tree from now on. A snapshot that is still to
   * come is of the tree as it is then; a thread may be about to pin the newest sealed epoch.
   */
  #isReachable(birth: number): boolean {
    if (birth === this.epoch) return false
    const pins = this.#pinned
    return this.readers.size > 0 || (pins.length > 0 && pins[pins.length - 1]! >= birth)
  }

  #writeHeader(): void {
    const parity = this.sealedEpoch & 1
    Atomics.store(this.header, headerRootAt + parity, BigInt(this.#sealedRoot))
    Atomics.store(this.header, headerSequenceAt + parity, BigInt(this.#sealedSequence))
    Atomics.store(this.header, headerEpochAt, BigInt(this.sealedEpoch))
  }

  /** What died in the epoch just sealed was reached by the one before: if that is pinned, it waits there. */
  #settleRetired(before: number): void {
    const isPinned = this.#pinned[this.#pinned.length - 1] === before
    const list = isPinned ? this.#held.get(before) : this.#pending
    if (list !== undefined) list.takeAll(this.#retiring)
    else if (this.#retiring.length > 0) {
      this.#held.set(before, this.#retiring)
      this.#retiring = new RetiredList()
    }
  }

  /** Puts what waited for the epoch back among what is to be freed. */
  #letGo(epoch: number): void {
    const list = this.#held.get(epoch)
    if (list === undefined || this.#pinnedByReaders.includes(epoch)) return
    this.#held.delete(epoch)
    this.#pending.takeAll(list)
  }

  #lookAtReaders(): void {
    const pinned = this.readers.size > 0 ? [this.sealedEpoch] : []
    for (const slot of this.readers) {
      const epoch = Number(Atomics.load(this.header, slot))
      if (epoch !== 0) pinned.push(epoch)
    }
    this.#pinnedByReaders = pinned
    for (const epoch of this.#held.keys()) if (!this.#pinned.includes(epoch)) this.#letGo(epoch)
  }

  #free(kind: number, object: number, death: number): void {
    const { space } = this.#family
    const birth = kind === retiredRecord ? recordBirth(space, object) : pageBirth(space, object)
    if (birth <= this.inheritedThrough) return
    const holder = this.#holder(birth, this.#fault === 'early-free' ? death - 1 : death)
    if (holder !== 0) {
      let list = this.#held.get(holder)
      if (list === undefined) this.#held.set(holder, (list = new RetiredList()))
      list.push(kind, object, death)
      return
    }
    if (kind === retiredSubtree) this.#retireBelow(object, death)
    this.#release(kind, object)
  }

  /** The newest pinned epoch in [birth, death), or 0. */
  #holder(birth: number, death: number): number {
    let holder = 0
    for (let i = this.#pinned.length - 1; i >= 0; i--) {
      const epoch = this.#pinned[i]!
      if (epoch >= death) continue
      if (epoch >= birth) holder = epoch
      break
    }
    for (const epoch of this.#pinnedByReaders) if (epoch < death && epoch >= birth && epoch > holder) holder = epoch
    return holder
  }

  /** No pin reaches the page, so none reaches the tree below through it; older pins may reach parts by older pages. */
  #retireBelow(page: number, death: number): void {
    const words = pageWordsOf(this.#family.space, page)
    const base = pageBase(page)
    const size = words[base + sizeAt]!
    const isLeaf = words[base + levelAt] === 0
    const records = base + (isLeaf ? leafRecordsAt : separatorsAt)
    for (let slot = 0; slot < size; slot++) {
      const record = words[records + slot]!
      if (record !== 0) this.#pending.push(retiredRecord, record, death)
      if (!isLeaf) this.#pending.push(retiredSubtree, words[base + childrenAt + slot]!, death)
    }
  }

  #release(kind: number, object: number): void {
    if (kind === retiredRecord) this.#family.records.free(object)
    else this.#family.pages.free(object)
  }
}
