/** Rows with the keys that they are sorted by. */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { RowFormat } from './row-format.ts'

export interface Keyed<R, K> {
  readonly row: R
  readonly key: K
  /** 0 where keys have none. */
  readonly rank: number
}

/** Of the pair, its rank and its places while it is sorted. */
const pairBytes = 72

export class MergedKeyFormat<R, K> implements RowFormat<Keyed<R, K>> {
  readonly #rows: RowFormat<R>
  /** Undefined: the key is the row. */
  readonly #keys: RowFormat<K> | undefined
  readonly #rankOf: (key: K) => number
  readonly #row = new ByteWriter(64)

  constructor(rows: RowFormat<R>, keys: RowFormat<K> | undefined, rankOf: (key: K) => number) {
    this.#rows = rows
    this.#keys = keys
    this.#rankOf = rankOf
  }

  of(row: R, key: K): Keyed<R, K> {
    return { row, key, rank: this.#rankOf(key) }
  }

  sizeOf({ row, key }: Keyed<R, K>): number {
    return pairBytes + this.#rows.sizeOf(row) + (this.#keys === undefined ? 0 : this.#keys.sizeOf(key))
  }

  keep(keyed: Keyed<R, K>): Keyed<R, K> {
    return keyed
  }

  encode({ row, key }: Keyed<R, K>, into: ByteWriter): void {
    if (this.#keys === undefined) return this.#rows.encode(row, into)
    this.#row.reset()
    this.#rows.encode(row, this.#row)
    into.varint(this.#row.end)
    into.slice(this.#row)
    this.#keys.encode(key, into)
  }

  decode(from: ByteReader): Keyed<R, K> {
    if (this.#keys === undefined) {
      const row = this.#rows.decode(from)
      return this.of(row, row as unknown as K)
    }
    const end = from.varint() + from.at
    const row = this.#rows.decode(new ByteReader(from.bytes, from.at, end))
    from.at = end
    return this.of(row, this.#keys.decode(from))
  }
}
