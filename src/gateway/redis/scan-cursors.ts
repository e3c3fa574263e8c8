/**
 * Positions of SCAN, HSCAN, SSCAN and ZSCAN.
 *
 * Redis's cursors walk a hash table; keys are ordered here, and a position is a whole key, which does not fit the 64 bits of
 * a cursor. So a cursor is a random number under which the server remembers the position, for all connections, within
 * limits of count and bytes, the least recently made first to go.
 *
 * What is promised is what Redis promises: an element that is there from the beginning to the end of a full iteration is
 * returned at least once. A cursor that the server does not know (after a restart, or pushed out by many others) starts
 * over from the beginning: elements come twice then, which SCAN allows, and none is missed. Numbers are random and below
 * 2^53, so one from before a restart does not meet a new position, and clients that read cursors as doubles keep them exact.
 */
interface Position {
  /** Collection, kind and key: a cursor of another iteration is unknown to this one. */
  readonly scope: string
  /** The first key of the store that is still to be looked at. */
  readonly key: Uint8Array
}

const maxPositions = 16 * 1024
const maxPositionBytes = 16 * 1024 * 1024
const overheadBytes = 128

export class ScanCursors {
  readonly #positions = new Map<number, Position>()
  readonly #random: (into: Uint8Array) => void
  #bytes = 0

  constructor(random: (into: Uint8Array) => void) {
    this.#random = random
  }

  get count(): number {
    return this.#positions.size
  }

  /** Where to go on; undefined: from the beginning. */
  find(cursor: bigint, scope: string): Uint8Array | undefined {
    if (cursor > BigInt(Number.MAX_SAFE_INTEGER)) return undefined
    const position = this.#positions.get(Number(cursor))
    return position?.scope === scope ? position.key : undefined
  }

  /** Remembers a position, and answers its cursor. */
  add(scope: string, key: Uint8Array): number {
    const cursor = this.#unusedNumber()
    this.#positions.set(cursor, { scope, key })
    this.#bytes += key.length + scope.length + overheadBytes
    this.#forgetOldest()
    return cursor
  }

  #unusedNumber(): number {
    const bytes = new Uint8Array(8)
    for (;;) {
      this.#random(bytes)
      const number = Number(new DataView(bytes.buffer).getBigUint64(0) >> 11n)
      if (number !== 0 && !this.#positions.has(number)) return number
    }
  }

  #forgetOldest(): void {
    for (const [cursor, position] of this.#positions) {
      if (this.#positions.size <= maxPositions && this.#bytes <= maxPositionBytes) return
      this.#positions.delete(cursor)
      this.#bytes -= position.key.length + position.scope.length + overheadBytes
    }
  }
}
