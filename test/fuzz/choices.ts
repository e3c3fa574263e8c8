/**
 * Bytes as decisions: a grammar asks them what to write next, so that an input of any bytes is a sentence, bytes that are
 * changed are another sentence much like it, and what reached new code is kept as bytes. Where they end the answer is 0, for
 * which grammars write what is shortest.
 */
export class Choices {
  readonly #bytes: Uint8Array
  #at = 0
  depth = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** From 0 to `limit` - 1: of one byte, or of two where that does not tell so many apart. */
  below(limit: number): number {
    if (this.isOver) return 0
    const byte = this.#bytes[this.#at++]!
    return (limit <= 256 ? byte : byte * 256 + (this.#bytes[this.#at++] ?? 0)) % limit
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** One of the ways to go on; beyond six levels the first, which must not nest. */
  way<T>(ways: readonly (() => T)[]): T {
    if (this.depth > 6) return ways[0]!()
    this.depth++
    try {
      return this.of(ways)()
    } finally {
      this.depth--
    }
  }

  /** Up to `most` things. */
  some<T>(most: number, make: () => T, least = 0): T[] {
    return Array.from({ length: least + this.below(most - least + 1) }, make)
  }
}
