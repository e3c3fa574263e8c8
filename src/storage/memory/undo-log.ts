/**
 * What was changed since the oldest mark, in order: how the writer goes back to a mark.
 *
 * An entry is three words: two numbers of records, since the key is in the record, and how many words of an old value
 * were saved beside. It holds what the tree has let go of:
 *
 * | newer | older | saved | what was done |
 * |---|---|---|---|
 * | record | record | 0 | a value was overwritten by another record |
 * | record | bytes | words | a value was overwritten in place; so long was the old one |
 * | record | 0 | 0 | a key was inserted |
 * | 0 | record | 0 | a key was deleted |
 * | page | the same page | 0 | a range delete has unlinked the page with all that hangs below |
 * | 0 | 0 | 0 | a draft was adopted: all that it had written, at once (`divergence.ts`) |
 *
 * What an entry holds is not retired before every mark at or before the entry is gone; then the entry waits at the head
 * of the ring until `drop` comes to it. So letting go of a mark takes no time, and freeing is spread over later writes.
 *
 * Saved values lie in a ring of their own, as the words of the record that hold them: the ends of the first and of the
 * last word are the key's or nobody's, and are put back as they were.
 *
 * Invariants: head ≤ keptFrom ≤ tail; `keptFrom` is the position of the oldest mark, or `tail`; what the entries hold is
 * reached by no root of this tree that is not pinned, and by no other entry.
 */
import { assert } from '../../base/errors.ts'
import { recordInts, recordKeyStart, recordValueLength, recordWord, setValueLength } from './record-layout.ts'
import type { AddressSpace } from './address-space.ts'
import { WordRing } from './word-ring.ts'

const wordsPerEntry = 3
/** Longer values are cheaper to write elsewhere than to save. */
const savedWordsMax = 64

export interface UndoMark {
  readonly position: number
  isHeld: boolean
}

/** Where entries go that nobody needs any more: the tree. */
interface UndoneTree {
  forget(position: number, object: number, isSubtree: boolean): void
  settle(): void
}

export class UndoLog {
  readonly #space: AddressSpace
  readonly #tree: UndoneTree
  readonly #entries: WordRing = new WordRing(wordsPerEntry)
  readonly #saved: WordRing = new WordRing(1)
  #keptFrom = 0
  readonly #marks: UndoMark[] = []
  /** Whether changes must be kept. */
  isActive = false
  /** Of the entry that `pop` took last. */
  newer = 0
  older = 0
  saved = 0

  constructor(space: AddressSpace, tree: UndoneTree) {
    this.#space = space
    this.#tree = tree
  }

  get marks(): number {
    return this.#marks.length
  }

  get entries(): number {
    return this.#entries.tail - this.#entries.head
  }

  get tail(): number {
    return this.#entries.tail
  }

  get hasDroppable(): boolean {
    return this.#entries.head < this.#keptFrom
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
    this.#keptFrom = this.#marks[0]?.position ?? this.#entries.tail
  }

  letGoAfter(mark: UndoMark): void {
    assert(mark.isHeld, 'the store is put back to a mark that was let go of')
    while (this.#marks.at(-1) !== mark) this.#marks.pop()!.isHeld = false
  }

  push(newer: number, older: number): void {
    const at = this.#entries.push()
    const { words } = this.#entries
    words[at] = newer
    words[at + 1] = older
    words[at + 2] = 0
  }

  /** Also where no mark is held: what the draft has replaced goes when the entries before this one are gone. */
  pushAdoption(): void {
    this.push(0, 0)
    if (!this.isActive) this.#keptFrom = this.#entries.tail
  }

  /** Before the record's value is overwritten in place; false where it must not be, since it is too long to be saved. */
  save(record: number): boolean {
    const ints = recordInts(this.#space, record)
    const from = recordKeyStart(record) + (ints[recordWord(record) + 1]! & 0xffff)
    const bytes = recordValueLength(ints, record)
    const first = from >> 2
    const count = ((from + bytes + 3) >> 2) - first
    if (bytes === 0 || count > savedWordsMax) return false
    this.#saved.pushAll(ints, first, count)
    const at = this.#entries.push()
    const { words } = this.#entries
    words[at] = record
    words[at + 1] = bytes
    words[at + 2] = count
    return true
  }

  /** Takes the last entry behind `position`; false where there is none. A saved value must be restored before the next. */
  pop(position: number): boolean {
    if (this.#entries.tail === position) return false
    const at = this.#entries.pop()
    const { words } = this.#entries
    this.newer = words[at]!
    this.older = words[at + 1]!
    this.saved = words[at + 2]!
    return true
  }

  /** Puts the saved value of the entry that was taken last into a record with the same key. */
  restore(record: number): void {
    const ints = recordInts(this.#space, record)
    const first = (recordKeyStart(record) + (ints[recordWord(record) + 1]! & 0xffff)) >> 2
    setValueLength(ints, record, this.older)
    for (let i = first + this.saved - 1; i >= first; i--) ints[i] = this.#saved.words[this.#saved.pop()]!
  }

  /** What earlier entries say of a record is to be said of the one that took its place. */
  redirect(places: ReadonlyMap<number, number>): void {
    const { words } = this.#entries
    this.#entries.each((at) => {
      if (words[at + 2] === 0 && words[at] === words[at + 1]) return
      words[at] = places.get(words[at]!) ?? words[at]!
    })
  }

  /** Retires what so many entries hold that no mark needs; true where there are more. */
  drop(count: number): boolean {
    const entries = this.#entries
    const until = Math.min(this.#keptFrom, entries.head + count)
    while (entries.head < until) {
      const position = entries.head
      const at = entries.shift()
      const { words } = entries
      const older = words[at + 1]!
      const saved = words[at + 2]!
      if (saved > 0) this.#saved.head += saved
      else if (older !== 0) this.#tree.forget(position, older, older === words[at])
      else if (words[at] === 0) this.#tree.settle()
    }
    if (entries.head < this.#keptFrom) return true
    entries.shrink()
    this.#saved.shrink()
    return false
  }

  close(): void {
    for (const mark of this.#marks) mark.isHeld = false
    this.#marks.length = 0
    this.isActive = false
    this.#keptFrom = this.#entries.tail
    this.drop(this.entries)
  }

  /** Records, and pages with what hangs below them, that are kept from being retired. */
  eachHeld(visit: (object: number, isPage: boolean) => void): void {
    const { words } = this.#entries
    this.#entries.each((at) => {
      const older = words[at + 1]!
      if (words[at + 2] === 0 && older !== 0) visit(older, older === words[at])
    })
  }
}
