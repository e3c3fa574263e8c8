/**
 * What was changed since the oldest mark, in order: how the writer goes back to a mark.
 *
 * An entry is two words, record numbers, since the key is in the record. It holds what the tree has let go of:
 *
 * | new | old | what was done |
 * |---|---|---|
 * | record | record | a value was overwritten |
 * | record | 0 | a key was inserted |
 * | 0 | record | a key was deleted |
 * | page | the same page | a range delete has unlinked the page with all that hangs below |
 *
 * What an entry holds is not retired before every mark at or before the entry is gone; then the entry waits at the head
 * of the ring until `drop` comes to it. So letting go of a mark takes no time, and freeing is spread over later writes.
 *
 * Invariants: head ≤ keptFrom ≤ tail; `keptFrom` is the position of the oldest mark, or `tail`; what the entries hold is
 * reached by no root of this tree that is not pinned, and by no other entry.
 */
import { assert } from '../../base/errors.ts'
import type { Versions } from './versions.ts'

const smallestEntries = 1024

export interface UndoMark {
  readonly position: number
  isHeld: boolean
}

export class UndoLog {
  readonly #versions: Versions
  /** A ring: entry `position` is at `position & mask`. Positions are numbers that only `pop` takes back. */
  #words = new Int32Array(2 * smallestEntries)
  #mask = smallestEntries - 1
  #head = 0
  #keptFrom = 0
  #tail = 0
  readonly #marks: UndoMark[] = []
  /** Whether changes must be kept. */
  isActive = false
  /** Of the entry that `pop` took last. */
  newer = 0
  older = 0

  constructor(versions: Versions) {
    this.#versions = versions
  }

  get marks(): number {
    return this.#marks.length
  }

  get entries(): number {
    return this.#tail - this.#head
  }

  get tail(): number {
    return this.#tail
  }

  get hasDroppable(): boolean {
    return this.#head < this.#keptFrom
  }

  hold(mark: UndoMark): void {
    this.#marks.push(mark)
    this.isActive = true
  }

  /** In any order. A mark that a way back has passed is let go of already. */
  letGo(mark: UndoMark): void {
    if (!mark.isHeld) return
    mark.isHeld = false
    this.#marks.splice(this.#marks.indexOf(mark), 1)
    this.isActive = this.#marks.length > 0
    this.#keptFrom = this.#marks[0]?.position ?? this.#tail
  }

  letGoAfter(mark: UndoMark): void {
    assert(mark.isHeld, 'the store is put back to a mark that was let go of')
    while (this.#marks.at(-1) !== mark) this.#marks.pop()!.isHeld = false
  }

  push(newer: number, older: number): void {
    if (this.#tail - this.#head > this.#mask) this.#resize(2 * (this.#mask + 1))
    const at = (this.#tail++ & this.#mask) << 1
    this.#words[at] = newer
    this.#words[at + 1] = older
  }

  /** Takes the last entry behind `position`; false where there is none. */
  pop(position: number): boolean {
    if (this.#tail === position) return false
    const at = (--this.#tail & this.#mask) << 1
    this.newer = this.#words[at]!
    this.older = this.#words[at + 1]!
    return true
  }

  /** Retires what so many entries hold that no mark needs; true where there are more. */
  drop(count: number): boolean {
    const until = Math.min(this.#keptFrom, this.#head + count)
    while (this.#head < until) {
      const at = (this.#head++ & this.#mask) << 1
      const older = this.#words[at + 1]!
      if (older === 0) continue
      if (older === this.#words[at]) this.#versions.retireSubtree(older)
      else this.#versions.retireRecord(older)
    }
    if (this.#head < this.#keptFrom) return true
    if (this.#mask >= smallestEntries && this.entries < this.#mask >> 3) this.#resize((this.#mask + 1) >> 1)
    return false
  }

  close(): void {
    for (const mark of this.#marks) mark.isHeld = false
    this.#marks.length = 0
    this.isActive = false
    this.#keptFrom = this.#tail
    this.drop(this.entries)
  }

  each(visit: (newer: number, older: number) => void): void {
    for (let position = this.#head; position < this.#tail; position++) {
      const at = (position & this.#mask) << 1
      visit(this.#words[at]!, this.#words[at + 1]!)
    }
  }

  #resize(entries: number): void {
    const words = new Int32Array(2 * entries)
    const mask = entries - 1
    for (let position = this.#head; position < this.#tail; position++) {
      const from = (position & this.#mask) << 1
      const to = (position & mask) << 1
      words[to] = this.#words[from]!
      words[to + 1] = this.#words[from + 1]!
    }
    this.#words = words
    this.#mask = mask
  }
}
