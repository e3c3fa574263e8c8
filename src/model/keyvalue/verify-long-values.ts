/**
 * What must hold of long values (`long-values.ts`): each has an empty entry in a collection that says so, and all of its
 * pieces; there are no other pieces.
 */
import type { KeyRange, Slice } from '../../base/slice.ts'
import { ByteReader } from '../../base/bytes.ts'
import { KeyReader } from '../../base/tuple-reader.ts'
import { keyspaceRange, KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps } from '../../database/contract.ts'
import { eachEntry, type Place, type Verification } from '../../database/verification/verification.ts'
import type { Kind } from './codec.ts'
import { index, writeElementPrefix, type Keyspace } from './keys.ts'
import { elementIndex } from './keyvalue.ts'
import { pieceBytes } from './pieces.ts'

/** Behind the keyspace and the index. */
export function elementReader(key: Slice): KeyReader {
  const reader = new KeyReader(key)
  reader.orderedVarint()
  reader.orderedVarint()
  return reader
}

/** Whether each piece of a value follows the one before, which is full. */
export class PieceOrder {
  #value = ''
  #number = 0
  #bytes = 0

  follow(value: string, number: number, bytes: number): boolean {
    const isFirst = value !== this.#value
    const follows = isFirst ? number === 0 : number === this.#number + 1 && this.#bytes === pieceBytes
    this.#value = value
    this.#number = number
    this.#bytes = bytes
    return follows && bytes > 0
  }
}

export class LongValueChecker {
  readonly #verification: Verification
  readonly #space: Keyspace
  readonly #where: string
  /** The generations of those that have long values, and what they are. */
  readonly #collections = new Map<number, Kind>()
  /** How many bytes of each value are to be found yet, and where it is said. */
  readonly #missing = new Map<string, { bytes: number; readonly at: Place }>()
  readonly #writer = new KeyWriter(64)

  constructor(verification: Verification, space: Keyspace, where: string) {
    this.#verification = verification
    this.#space = space
    this.#where = where
  }

  noteCollection(generation: number, of: Kind): void {
    this.#collections.set(generation, of)
  }

  *verify(): StatementSteps<void> {
    yield* this.#each(index.long, 'long', (key, value, at) => this.#checkWhere(key, value, at))
    const order = new PieceOrder()
    yield* this.#each(index.longPiece, 'longPiece', (key, value, at) => this.#checkPiece(order, key, value, at))
    for (const { bytes, at } of this.#missing.values()) {
      if (bytes !== 0) this.#verification.report('missing', at, `${bytes} bytes of a long value are not in its pieces`)
    }
  }

  #each(of: number, name: string, look: (key: Slice, value: Slice, at: Place) => void): StatementSteps<void> {
    const at = { where: this.#where, index: name }
    const range: KeyRange = keyspaceRange(this.#space.id, of)
    return eachEntry(this.#verification, at, range, (key, value) => look(key, value, { ...at, key }))
  }

  #checkWhere(key: Slice, { bytes, start, end }: Slice, at: Place): void {
    const reader = new ByteReader(bytes, start, end)
    const number = reader.varint()
    const size = reader.varint()
    const generation = elementReader(key).integer()
    const report = (message: string): void => this.#verification.report('extra', at, message)
    const of = this.#collections.get(generation)
    if (of === undefined) return report(`no key of generation ${generation} has long values`)
    if (number >= this.#verification.numbersEnd) report(`number ${number} is in use, and may be given out again`)
    const entry = writeElementPrefix(this.#writer, this.#space, elementIndex(of), generation)
    entry.copy(key.bytes, key.start + entry.end, key.end)
    const stored = this.#verification.transaction.get(entry)
    if (stored === undefined) report('there is no field or item with this long value')
    else if (stored.end > stored.start) report('the field or item has another value')
    const value = `${generation} ${number}`
    if (this.#missing.has(value)) report('another field or item has the same pieces')
    this.#missing.set(value, { bytes: size, at })
  }

  #checkPiece(order: PieceOrder, key: Slice, { start, end }: Slice, at: Place): void {
    const reader = elementReader(key)
    const value = `${reader.int64()} ${reader.int64()}`
    const follows = order.follow(value, reader.integer(), end - start)
    const expected = this.#missing.get(value)
    if (expected === undefined) return this.#verification.report('extra', at, 'no field or item has this piece')
    expected.bytes -= end - start
    if (!follows) this.#verification.report('different', at, 'a piece does not lie behind a full one')
    if (!reader.done) this.#verification.report('unreadable', at, 'there are bytes after the number of a piece')
  }
}
