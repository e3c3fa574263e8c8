/**
 * Objects that the tree no longer reaches, waiting until no reader does: a stack in blocks of plain integers, so that
 * millions of them neither burden the garbage collector nor need one growing array to be copied.
 */
export const retiredRecord: number = 0
export const retiredPage: number = 1
/** A page with everything below it. */
export const retiredSubtree: number = 2

const entriesPerBlock = 512
const wordsPerEntry = 4
const blockWords = entriesPerBlock * wordsPerEntry

interface Block {
  readonly words: Int32Array
  used: number
}

/** Blocks are allocated off the heap and freed by the garbage collector, late: a few wait here to be used again. */
const spareBlocks: Block[] = []
const spareBlocksMax = 256

export class RetiredList {
  readonly #blocks: Block[] = []
  length = 0
  /** Of the entry that `pop` took last. */
  kind = 0
  object = 0
  death = 0

  push(kind: number, object: number, death: number): void {
    let block = this.#blocks[this.#blocks.length - 1]
    if (block === undefined || block.used === blockWords) {
      block = spareBlocks.pop() ?? { words: new Int32Array(blockWords), used: 0 }
      this.#blocks.push(block)
    }
    const { words, used } = block
    words[used] = kind
    words[used + 1] = object
    words[used + 2] = death | 0
    words[used + 3] = Math.floor(death / 0x1_0000_0000)
    block.used = used + wordsPerEntry
    this.length++
  }

  pop(): boolean {
    const block = this.#blocks[this.#blocks.length - 1]
    if (block === undefined) return false
    const { words } = block
    block.used -= wordsPerEntry
    const at = block.used
    this.kind = words[at]!
    this.object = words[at + 1]!
    this.death = words[at + 3]! * 0x1_0000_0000 + (words[at + 2]! >>> 0)
    if (at === 0) {
      this.#blocks.pop()
      if (spareBlocks.length < spareBlocksMax) spareBlocks.push(block)
    }
    this.length--
    return true
  }

  /** Takes all entries of `other`, by blocks. */
  takeAll(other: RetiredList): void {
    if (other.length === 0) return
    this.length += other.length
    for (const block of other.#blocks) this.#blocks.push(block)
    other.#blocks.length = 0
    other.length = 0
  }

  each(visit: (kind: number, object: number, death: number) => void): void {
    for (const { words, used } of this.#blocks) {
      for (let at = 0; at < used; at += wordsPerEntry) {
        const death = words[at + 3]! * 0x1_0000_0000 + (words[at + 2]! >>> 0)
        visit(words[at]!, words[at + 1]!, death)
      }
    }
  }
}
