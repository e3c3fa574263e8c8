/**
 * A long message on its way, of a length that is known: blocks at first, one piece at last (see `receive-buffer.ts`).
 *
 * Invariants: each byte is copied twice at most; a push copies at most what it brings and twice as much of the blocks; the
 * piece is made when half of the message is there, and holds all of it when the last byte is there.
 */

const blockBytes = 64 * 1024
/** Kept for those who come next: what is allocated anew each time is garbage until all of it is collected. */
const mostSpares = 64
const spares: Uint8Array[] = []

export class Gathering {
  readonly #missingBytes: number
  /** Full ones, but for the last. */
  readonly #blocks: Uint8Array[] = []
  #firstBlock = 0
  #sizeBytes = 0
  #piece: Uint8Array | undefined
  /** Of `#piece`: so much has been moved into it from the blocks, and before them from what the buffer had. */
  #movedBytes = 0
  /** In blocks. */
  #blockedBytes = 0

  /** `missingBytes`: what has to come. */
  constructor(missingBytes: number) {
    this.#missingBytes = missingBytes
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** `had`: the beginning of the message, the same each time. Answers all of it, and what came behind it, once it is there. */
  push(had: Uint8Array, chunk: Uint8Array): Uint8Array | undefined {
    const before = this.#sizeBytes
    this.#sizeBytes += chunk.length
    if (this.#piece === undefined && 2 * this.#sizeBytes >= this.#missingBytes) {
      // The last chunk may bring more than the message.
      this.#piece = Buffer.allocUnsafeSlow(had.length + this.#missingBytes + blockBytes)
      this.#piece.set(had)
    }
    const piece = this.#piece
    if (piece === undefined) {
      this.#block(chunk)
      return undefined
    }
    const end = had.length + this.#sizeBytes
    const isWhole = this.#sizeBytes >= this.#missingBytes
    if (end <= piece.length) piece.set(chunk, had.length + before)
    this.#moveBlocks(piece, had.length, isWhole ? Infinity : 2 * chunk.length)
    if (!isWhole) return undefined
    return end <= piece.length ? piece.subarray(0, end) : Buffer.concat([piece.subarray(0, had.length + before), chunk])
  }

  #block(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const used = this.#blockedBytes % blockBytes
      if (used === 0) this.#blocks.push(spares.pop() ?? Buffer.allocUnsafeSlow(blockBytes))
      const part = chunk.subarray(at, at + blockBytes - used)
      this.#blocks.at(-1)!.set(part, used)
      this.#blockedBytes += part.length
      at += part.length
    }
  }

  #moveBlocks(piece: Uint8Array, offset: number, count: number): void {
    for (let moved = 0; moved < count && this.#firstBlock < this.#blocks.length; moved += blockBytes) {
      const block = this.#blocks[this.#firstBlock]!
      const size = Math.min(blockBytes, this.#blockedBytes - this.#movedBytes)
      piece.set(block.subarray(0, size), offset + this.#movedBytes)
      this.#movedBytes += size
      this.#blocks[this.#firstBlock++] = none
      spare(block)
    }
  }

  /** The rest will not come. */
  drop(): void {
    for (let i = this.#firstBlock; i < this.#blocks.length; i++) spare(this.#blocks[i]!)
    this.#blocks.length = 0
    this.#piece = undefined
  }
}

const none = new Uint8Array(0)

function spare(block: Uint8Array): void {
  if (spares.length < mostSpares) spares.push(block)
}
