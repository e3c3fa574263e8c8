/** Rows with the keys that they are sorted by. */
import { ByteReader, ByteWriter } from '../base/bytes.ts'
import type { RowFormat } from './row-format.ts'

export interface Keyed<R, K> {
  readonly row: R
  readonly key: K
}

const pairBytes = 40

export class MergedKeyFormat<R, K> implements RowFormat<Keyed<R, K>> {
  readonly #rows: RowFormat<R>
  /** Undefined: the key is the row. */
  readonly #keys: RowFormat<K> | undefined
  readonly #row = new ByteWriter(64)

  constructor(rows: RowFormat<R>, keys: RowFormat<K> | undefined) {
    this.#rows = rows
    this.#keys = keys
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
      return { row, key: row as unknown as K }
    }
    const end = from.varint() + from.at
    const row = this.#rows.decode(new ByteReader(from.bytes, from.at, end))
    from.at = end
    return { row, key: this.#keys.decode(from) }
  }
}
