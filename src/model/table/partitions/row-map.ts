/**
 * The columns of a table among those of one that inherits from it, found by name: in a partition they may stand in another
 * order, and a table that inherits may have more of them.
 */
import type { Table } from '../table.ts'
import type { SqlValue } from '../types/value.ts'

export class RowMap {
  /** For each ordinal of the parent that of the child. */
  readonly places: readonly number[]
  /** Rows of both are alike. */
  readonly isSame: boolean
  readonly #width: number

  private constructor(parent: Table, child: Table) {
    this.places = parent.columns.map(({ name }) => child.getColumn(name).ordinal)
    this.#width = child.columns.length
    this.isSame = this.#width === this.places.length && this.places.every((place, i) => place === i)
  }

  static between(parent: Table, child: Table): RowMap {
    let ofChild = maps.get(child)
    if (ofChild === undefined) maps.set(child, (ofChild = new WeakMap()))
    let map = ofChild.get(parent)
    if (map === undefined) ofChild.set(parent, (map = new RowMap(parent, child)))
    return map
  }

  /** A row of the parent, or a draft of one, as one of the child: `missing` stands where the parent has no column. */
  toChild<V extends SqlValue | undefined>(row: readonly V[], missing: V): V[] {
    if (this.isSame) return row as V[]
    const mapped: V[] = Array.from({ length: this.#width }, () => missing)
    for (let i = 0; i < this.places.length; i++) mapped[this.places[i]!] = row[i]!
    return mapped
  }

  /** What the parent shows of a row of the child. */
  toParent(row: readonly SqlValue[]): SqlValue[] {
    return this.isSame ? (row as SqlValue[]) : this.places.map((place) => row[place]!)
  }
}

const maps = new WeakMap<Table, WeakMap<Table, RowMap>>()
