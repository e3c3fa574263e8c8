/**
 * What a write set knows of each operation beside its bytes: eight words of integers, in chunks, so that the table grows
 * without being copied.
 */
const wordsPerOperation = 8
const firstOperations = 32
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

const noWords: Int32Array = new Int32Array(0)
/** First chunks that nobody uses, and that have not grown: see `byte-arena.ts`. */
const spares: Int32Array[] = []
const sparesMax = 64

export class OperationTable {
  /** Of nearly all transactions the only one. */
  #first: Int32Array = noWords
  /** Those behind it, at their numbers. */
  #chunks: Int32Array[] = []

  get(operation: number, field: number): number {
    return this.wordsOf(operation)[placeOf(operation) + field]!
  }

  set(operation: number, field: number, value: number): void {
    this.wordsOf(operation)[placeOf(operation) + field] = value
  }

  /** The words in which the operation's begin at `placeOf` it. */
  wordsOf(operation: number): Int32Array {
    return operation < chunkOperations ? this.#first : this.#chunks[operation >> chunkLog2]!
  }

  /** Before the first `set` of an operation; operations come in order. */
  reserve(operation: number): void {
    if (operation * wordsPerOperation >= this.#first.length) this.#grow(operation)
  }

  #grow(operation: number): void {
    if (operation >= chunkOperations) {
      if ((operation & (chunkOperations - 1)) === 0)
        this.#chunks[operation >> chunkLog2] ??= new Int32Array(chunkOperations * wordsPerOperation)
      return
    }
    const first = this.#first
    if (first.length === 0) {
      this.#first = spares.pop() ?? new Int32Array(firstOperations * wordsPerOperation)
      return
    }
    this.#first = new Int32Array(Math.min(2 * first.length, chunkOperations * wordsPerOperation))
    this.#first.set(first)
  }

  /** Keeps what `operations` of them take. */
  shrink(operations: number): void {
    const kept = (operations >> chunkLog2) + 1
    if (this.#chunks.length > kept) this.#chunks.length = kept
  }

  /** For a table of no operations: keeps nothing. */
  release(): void {
    const first = this.#first
    if (first.length === 0) return
    if (first.length === firstOperations * wordsPerOperation && spares.length < sparesMax) spares.push(first)
    this.#first = noWords
    this.#chunks = []
  }
}

export function placeOf(operation: number): number {
  return (operation & (chunkOperations - 1)) * wordsPerOperation
}
