/**
 * What a write set knows of each operation beside its bytes: eight words of integers, in chunks, so that the table grows
 * without being copied.
 */
const wordsPerOperation = 8
const firstOperations = 64
const chunkLog2 = 10
const chunkOperations = 1 << chunkLog2

export const kindAt = 0
export const chunkAt = 1
export const keyStartAt = 2
export const keyEndAt = 3
export const valueEndAt = 4
/** The next operation on the same key, or −1. */
export const supersededAt = 5
/** The one before, or −1. */
export const previousAt = 6
export const hashAt = 7

export class OperationTable {
  #chunks: Int32Array[] = [new Int32Array(firstOperations * wordsPerOperation)]

  get(operation: number, field: number): number {
    return this.#chunks[operation >> chunkLog2]![(operation & (chunkOperations - 1)) * wordsPerOperation + field]!
  }

  set(operation: number, field: number, value: number): void {
    this.#chunks[operation >> chunkLog2]![(operation & (chunkOperations - 1)) * wordsPerOperation + field] = value
  }

  /** The words in which the operation's begin at `placeOf` it. */
  wordsOf(operation: number): Int32Array {
    return this.#chunks[operation >> chunkLog2]!
  }

  /** Before the first `set` of an operation; operations come in order. */
  reserve(operation: number): void {
    if (operation >= chunkOperations) {
      if ((operation & (chunkOperations - 1)) === 0)
        this.#chunks[operation >> chunkLog2] ??= new Int32Array(chunkOperations * wordsPerOperation)
      return
    }
    const first = this.#chunks[0]!
    if (operation * wordsPerOperation < first.length) return
    const larger = new Int32Array(Math.min(2 * first.length, chunkOperations * wordsPerOperation))
    larger.set(first)
    this.#chunks[0] = larger
  }

  /** Keeps what `operations` of them take. */
  shrink(operations: number): void {
    const kept = (operations >> chunkLog2) + 1
    if (this.#chunks.length > kept) this.#chunks.length = kept
  }
}

export function placeOf(operation: number): number {
  return (operation & (chunkOperations - 1)) * wordsPerOperation
}
