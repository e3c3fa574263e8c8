/**
 * Reading the memory store from another thread, in place and without locks.
 *
 * To pin: load the epoch, store it in this reader's slot, load the root of that epoch, and look whether the epoch is
 * still the same. If it is, the writer has not begun to free what the epoch reaches, and will see the slot before it
 * does; if not, what the slot protects may be gone already, and it is tried again. The writer stores a root before its
 * epoch, and tells of new chunks before either, so chunks are taken in after the pin and before the first read.
 *
 * A thread that dies leaves its pin: whoever started it ends the share, which clears it.
 */
import { assert } from '../../base/errors.ts'
import { MutableSlice } from '../../base/slice.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Cursor, Reader, ScanOptions, Sequence } from '../store.ts'
import { AddressSpace } from './address-space.ts'
import type { ChunkNote } from './address-space.ts'
import { countKeys } from './count.ts'
import { TreeCursor } from './cursor.ts'
import type { TreeStamp } from './cursor.ts'
import { getValue } from './search.ts'
import { headerEpochAt, headerRootAt, headerSequenceAt } from './versions.ts'
import type { PlantedFault } from './versions.ts'

/** What a thread needs to read a store; it can be posted to it. */
export interface SharedHandle {
  readonly header: SharedArrayBuffer
  /** The reader's own word in the header. */
  readonly slot: number
  readonly chunks: readonly ChunkNote[]
}

export interface SharedReaderOptions {
  /** The chunk notes that arrived since the last call, oldest first. */
  readonly takeNotes: () => Iterable<ChunkNote>
  /** Called where a pin can be overtaken: tests wait there. */
  readonly beforePin?: () => void
  readonly plantedFault?: PlantedFault
}

export class SharedReader implements Reader {
  readonly #header: BigInt64Array
  readonly #slot: number
  readonly #options: SharedReaderOptions
  readonly #space: AddressSpace = new AddressSpace()
  readonly #stamp: TreeStamp = { root: 0, version: 0 }
  readonly #result: MutableSlice = new MutableSlice()
  #sequence: Sequence = 0

  constructor(handle: SharedHandle, options: SharedReaderOptions) {
    this.#header = new BigInt64Array(handle.header)
    this.#slot = handle.slot
    this.#options = options
    for (const note of handle.chunks) this.#space.place(note)
  }

  get sequence(): Sequence {
    return this.#sequence
  }

  /** Moves to the newest published state. */
  pin(): void {
    const header = this.#header
    const checks = this.#options.plantedFault !== 'no-epoch-recheck'
    for (;;) {
      const epoch = Atomics.load(header, headerEpochAt)
      this.#options.beforePin?.()
      Atomics.store(header, this.#slot, epoch)
      const parity = Number(epoch & 1n)
      this.#stamp.root = Number(Atomics.load(header, headerRootAt + parity))
      this.#sequence = Number(Atomics.load(header, headerSequenceAt + parity))
      if (!checks || Atomics.load(header, headerEpochAt) === epoch) break
    }
    this.#stamp.version++
    for (const note of this.#options.takeNotes()) this.#space.place(note)
  }

  unpin(): void {
    this.#stamp.version++
    this.#stamp.root = 0
    Atomics.store(this.#header, this.#slot, 0n)
  }

  get(key: Slice): Slice | undefined {
    assert(this.#stamp.root !== 0, 'read without a pin')
    return getValue(this.#space, this.#stamp.root, key, this.#result)
  }

  scan(range: KeyRange, options?: ScanOptions): Cursor {
    assert(this.#stamp.root !== 0, 'scan without a pin')
    return new TreeCursor(this.#space, this.#stamp, range, options?.reverse === true)
  }

  count(range: KeyRange): number {
    assert(this.#stamp.root !== 0, 'count without a pin')
    return countKeys(this.#space, this.#stamp.root, range)
  }

  estimate(range: KeyRange): number {
    return this.count(range)
  }
}
