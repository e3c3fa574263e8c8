/** Which collections lie in which store, and how a range of keys is cut along them. */
import { assert } from '../../base/errors.ts'
import { compareSlices, type KeyRange, type Slice } from '../../base/slice.ts'
import { keyspaceOf, keyspaceRange, orderedVarintWidth } from '../../base/tuple.ts'

export interface RoutedRange {
  readonly place: number
  readonly range: KeyRange
}

export class Routes {
  readonly #places = new Map<number, number>()
  /** In the order of their keys. */
  readonly #routes: RoutedRange[] = []

  copy(): Routes {
    const copy = new Routes()
    for (const [keyspace, place] of this.#places) copy.add(keyspace, place)
    return copy
  }

  add(keyspace: number, place: number): void {
    const before = this.#places.get(keyspace)
    assert(before === undefined || before === place, `collection ${keyspace} lies in one store and is sent to another`)
    if (before !== undefined) return
    this.#places.set(keyspace, place)
    const range = keyspaceRange(keyspace)
    this.#routes.splice(this.#firstAfter(range.start), 0, { place, range })
  }

  /** 0 is the memory. */
  placeOf(keyspace: number): number {
    return this.#places.get(keyspace) ?? 0
  }

  /** Of a key; one that is too short to be any collection's is the memory's. */
  placeOfKey(key: Slice): number {
    const { bytes, start, end } = key
    return end > start && end - start >= orderedVarintWidth(bytes[start]!) ? this.placeOf(keyspaceOf(key)) : 0
  }

  /** The first route that ends above the key. */
  #firstAfter(key: Slice): number {
    let low = 0
    let high = this.#routes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareSlices(this.#routes[middle]!.range.end, key) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Where all of the range lies in one store: mostly a scan stays within a collection. */
  onlyPlace({ start, end }: KeyRange): number | undefined {
    const route = this.#routes[this.#firstAfter(start)]
    if (route === undefined || compareSlices(end, route.range.start) <= 0) return 0
    const isWithin = compareSlices(route.range.start, start) <= 0 && compareSlices(end, route.range.end) <= 0
    return isWithin ? route.place : undefined
  }

  /** In order; none is empty, but for a range that is empty itself. */
  segments({ start, end }: KeyRange): readonly RoutedRange[] {
    const only = this.onlyPlace({ start, end })
    if (only !== undefined) return [{ place: only, range: { start, end } }]
    const segments: RoutedRange[] = []
    let from = start
    for (let i = this.#firstAfter(start); i < this.#routes.length; i++) {
      const { place, range } = this.#routes[i]!
      if (compareSlices(range.start, end) >= 0) break
      if (compareSlices(from, range.start) < 0) {
        segments.push({ place: 0, range: { start: from, end: range.start } })
        from = range.start
      }
      const until = compareSlices(end, range.end) < 0 ? end : range.end
      segments.push({ place, range: { start: from, end: until } })
      from = until
    }
    if (compareSlices(from, end) < 0) segments.push({ place: 0, range: { start: from, end } })
    return segments
  }
}
