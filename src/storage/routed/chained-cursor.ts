/** A scan over ranges that lie in different stores, one after the other. */
import { compareSlices, copySlice, emptySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import type { Cursor, Reader, ScanOptions } from '../store.ts'

export interface Segment {
  readonly range: KeyRange
  readonly reader: Reader
}

export class ChainedCursor implements Cursor {
  /** In the direction of the scan. */
  readonly #segments: readonly Segment[]
  readonly #options: ScanOptions
  readonly #reverse: boolean
  #at = 0
  #cursor: Cursor | undefined
  /** Whose entry is shown: the next one may have to wait for its first page. */
  #shown: Cursor | undefined

  constructor(segments: readonly Segment[], options: ScanOptions) {
    this.#options = options
    this.#reverse = options.reverse === true
    const copies = segments.map(({ reader, range: { start, end } }) => {
      return { reader, range: { start: sliceOf(copySlice(start)), end: sliceOf(copySlice(end)) } }
    })
    this.#segments = this.#reverse ? copies.reverse() : copies
    this.#cursor = this.#open()
  }

  get key(): Slice {
    return this.#shown?.key ?? emptySlice
  }

  get value(): Slice {
    return this.#shown?.value ?? emptySlice
  }

  #open(): Cursor | undefined {
    const segment = this.#segments[this.#at]
    return segment?.reader.scan(segment.range, this.#options)
  }

  next(): boolean {
    for (;;) {
      const cursor = this.#cursor
      if (cursor === undefined) return false
      if (cursor.next()) {
        this.#shown = cursor
        return true
      }
      this.#at++
      this.#cursor = this.#open()
    }
  }

  seek(key: Slice): void {
    const isBefore = ({ range }: Segment): boolean =>
      this.#reverse ? compareSlices(key, range.start) < 0 : compareSlices(range.end, key) <= 0
    const found = this.#segments.findIndex((segment) => !isBefore(segment))
    this.#at = found < 0 ? this.#segments.length : found
    this.#cursor = this.#open()
    this.#cursor?.seek(key)
  }

  skip(count: number): number {
    for (;;) {
      const cursor = this.#cursor
      if (cursor === undefined || count <= 0) return 0
      const passed = cursor.skip(count)
      if (passed > 0) return passed
      this.#at++
      this.#cursor = this.#open()
    }
  }
}
