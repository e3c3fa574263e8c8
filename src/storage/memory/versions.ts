/**
 * Which versions of a tree can still be read, and what may be freed.
 *
 * The writer's changes belong to `epoch`; `seal` publishes them: the root of the sealed epoch goes to `root[epoch & 1]`
 * of the shared header, then the epoch itself, and the writer goes on in the next one. A sealed root is a snapshot, and
 * whoever pins its epoch may read it. An object (page or record) is born in the epoch that made it and dies in the epoch
 * that unlinked it: the epochs in [birth, death) reach it, and it is freed when none of them is pinned. The newest
 * sealed epoch always counts as pinned, since a worker thread may be about to pin it.
 *
 * A dead object that a pin holds waits in the list of one pinned epoch that reaches it, the oldest, and is looked at
 * again when that pin is gone. A subtree is retired as one object; freeing it frees a page and retires what hangs below,
 * so that no step is long.
 *
 * Shared header, signed 64-bit words: 0 epoch · 1, 2 root by parity · 3, 4 sequence by parity · 8 … one pinned epoch for
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
import { RetiredList, retiredPage, retiredRecord, retiredSubtree } from './retired-list.ts'

export const headerEpochAt: number = 0
export const headerRootAt: number = 1
export const headerSequenceAt: number = 3
export const headerReadersAt: number = 8
export const readersMax: number = 120

/** Faults that tests plant to prove that they would be found. */
export type PlantedFault = 'no-epoch-recheck' | 'early-free' | 'overwrite-published' | 'shared-parent'

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
  #family: MemoryFamily
  #fault: PlantedFault | undefined
  #pins = new Map<number, number>()
  #held = new Map<number, RetiredList>()
  /** Dead in the epoch that is not sealed yet, or in the newest sealed one. */
  #retiring = new RetiredList()
  #pending = new RetiredList()
  #pinned: number[] = []
  #stalePins = true
  #closed = false

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
    return count
  }

  /** Retired since the last seal. */
  get retiredThisEpoch(): number {
    return this.#retiring.length
  }

  get pins(): number {
    let count = 0
    for (const pins of this.#pins.values()) count += pins
    return count
  }

  /** Makes the root of the current epoch readable, and begins the next epoch. */
  seal(root: number, sequence: number): void {
    const parity = this.epoch & 1
    Atomics.store(this.header, headerRootAt + parity, BigInt(root))
    Atomics.store(this.header, headerSequenceAt + parity, BigInt(sequence))
    Atomics.store(this.header, headerEpochAt, BigInt(this.epoch))
    this.epoch++
    this.epochLow = this.epoch | 0
    this.epochHigh = Math.floor(this.epoch / epochHighUnit)
    this.#pending.takeAll(this.#retiring)
    this.#stalePins = true
  }

  pin(epoch: number): void {
    this.#pins.set(epoch, (this.#pins.get(epoch) ?? 0) + 1)
    this.#stalePins = true
  }

  unpin(epoch: number): void {
    const pins = this.#pins.get(epoch)
    assert(pins !== undefined, `epoch ${epoch} is not pinned`)
    if (pins > 1) this.#pins.set(epoch, pins - 1)
    else this.#pins.delete(epoch)
    this.#stalePins = true
  }

  addReader(): number {
    let slot = headerReadersAt
    while (this.readers.has(slot)) slot++
    if (slot >= headerReadersAt + readersMax) {
      throw new PolylogError('out_of_memory', `a memory store has at most ${readersMax} reading threads`)
    }
    this.readers.add(slot)
    return slot
  }

  removeReader(slot: number): void {
    Atomics.store(this.header, slot, 0n)
    this.readers.delete(slot)
    this.#stalePins = true
  }

  retirePage(page: number): void {
    this.#retire(retiredPage, page, pageBirth(this.#family.space, page))
  }

  retireRecord(record: number): void {
    this.#retire(retiredRecord, record, recordBirth(this.#family.space, record))
  }

  retireSubtree(page: number): void {
    this.#retiring.push(retiredSubtree, page, this.epoch)
  }

  /** The tree's last root goes too; what pins hold stays until they are gone. */
  close(root: number): void {
    this.#closed = true
    this.#pending.push(retiredSubtree, root, this.epoch)
    this.#pending.takeAll(this.#retiring)
    this.#stalePins = true
  }

  /** Closed, and nothing of it is left. */
  get drained(): boolean {
    return this.#closed && this.#pins.size === 0 && this.retired === 0
  }

  /** Frees or sorts out up to so many objects; true where there is more to do. */
  reclaim(objects: number): boolean {
    if (this.#stalePins || this.readers.size > 0) this.#refreshPins()
    const pending = this.#pending
    for (let i = 0; i < objects; i++) {
      if (!pending.pop()) return false
      this.#free(pending.kind, pending.object, pending.death)
    }
    return pending.length > 0
  }

  /** How many epochs the oldest pin lies behind: what it holds grows with that. */
  get pinnedEpochsBehind(): number {
    return this.epoch - (this.pinnedEpochs()[0] ?? this.epoch)
  }

  /** Every epoch that somebody may read now, ascending. */
  pinnedEpochs(): readonly number[] {
    this.#refreshPins()
    return this.#pinned
  }

  eachRetired(visit: (kind: number, object: number, death: number) => void): void {
    this.#retiring.each(visit)
    this.#pending.each(visit)
    for (const list of this.#held.values()) list.each(visit)
  }

  #retire(kind: number, object: number, birth: number): void {
    if (birth === this.epoch) this.#release(kind, object)
    else if (birth > this.inheritedThrough) this.#retiring.push(kind, object, this.epoch)
  }

  #refreshPins(): void {
    if (this.#pins.size === 0 && this.readers.size === 0 && this.#held.size === 0 && !this.#closed) {
      this.#pinned = [this.sealedEpoch]
      this.#stalePins = false
      return
    }
    const epochs = new Set(this.#pins.keys())
    if (!this.#closed) epochs.add(this.sealedEpoch)
    for (const slot of this.readers) {
      const epoch = Number(Atomics.load(this.header, slot))
      if (epoch !== 0) epochs.add(epoch)
    }
    this.#pinned = [...epochs].toSorted((a, b) => a - b)
    this.#stalePins = false
    for (const [epoch, list] of this.#held) {
      if (epochs.has(epoch)) continue
      this.#held.delete(epoch)
      this.#pending.takeAll(list)
    }
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

  /** The oldest pinned epoch in [birth, death), or 0. */
  #holder(birth: number, death: number): number {
    const pinned = this.#pinned
    let low = 0
    let top = pinned.length
    while (low < top) {
      const middle = (low + top) >>> 1
      if (pinned[middle]! < birth) low = middle + 1
      else top = middle
    }
    const epoch = pinned[low]
    return epoch !== undefined && epoch < death ? epoch : 0
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
