/**
 * What a transaction that is alone in its turn would lock, in the order in which it would: hardly ever asked for again. So
 * keys are kept as their bytes, one behind the other in memory that the next transaction uses again, and become the lock
 * table's strings only if they are taken.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { MutableSlice, sliceToLatin1, type Slice } from '../../base/slice.ts'
import type { AnyLockMode } from './lock-modes.ts'

/** Memory for keys beyond it is let go. */
const keptBytes = 16 * 1024

export class NotedLocks {
  #bytes = new ByteWriter(0)
  /** What is not a key; undefined where the next bytes are one. */
  #names: (string | undefined)[] = []
  #modes: AnyLockMode[] = []
  /** Of each key. */
  #ends: number[] = []
  /** Arrays keep their memory: what lies behind the count is of a transaction before. */
  #count = 0

  addKey(key: Slice, mode: AnyLockMode): void {
    this.#bytes.slice(key)
    this.#add(undefined, mode)
  }

  addName(name: string, mode: AnyLockMode): void {
    this.#add(name, mode)
  }

  #add(name: string | undefined, mode: AnyLockMode): void {
    const place = this.#count++
    this.#names[place] = name
    this.#modes[place] = mode
    this.#ends[place] = this.#bytes.end
  }

  each(visit: (name: string, mode: AnyLockMode) => void): void {
    const key = new MutableSlice()
    let start = 0
    for (let place = 0; place < this.#count; place++) {
      const end = this.#ends[place]!
      visit(this.#names[place] ?? sliceToLatin1(key.set(this.#bytes.bytes, start, end)), this.#modes[place]!)
      start = end
    }
  }

  clear(): void {
    if (this.#count === 0) return
    this.#count = 0
    this.#bytes.reset()
    if (this.#bytes.bytes.length <= keptBytes && this.#names.length <= keptBytes / 16) return
    this.#bytes.drop()
    this.#names = []
    this.#modes = []
    this.#ends = []
  }
}
