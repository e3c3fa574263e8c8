/**
 * The row that window functions are asked for, among the others of its partition: its peers, which the window's order does
 * not tell from it, and the number of their group. Goes forward only.
 */
import { charge } from '../../../../base/work.ts'
import { type PartitionRows, pauseIfOver } from '../../../../query/partition-rows.ts'
import type { HashKey } from '../../../../query/row-format.ts'
import type { SqlValue } from '../../contract.ts'
import type { KeyOfRow } from '../row-keys.ts'
import type { SqlRow, SqlRun } from '../run.ts'

/** Of going over a row that is looked at for its key. */
export const unitsPerLook = 80

export class Place {
  readonly rows: PartitionRows<SqlRow, SqlRun>
  readonly #orderKey: KeyOfRow | undefined
  at = 0
  /** Of its peers. */
  peerStart = 0
  group = 0
  #key: HashKey | undefined
  /** Rows before it are known to be peers, or to stand before them. */
  #scanned = 0
  #isEndKnown = false

  /** `orderKey`: equal for peers; without it all rows of the partition are. */
  constructor(rows: PartitionRows<SqlRow, SqlRun>, orderKey: KeyOfRow | undefined) {
    this.rows = rows
    this.#orderKey = orderKey
  }

  begin(): void {
    this.at = 0
    this.peerStart = 0
    this.group = 0
    this.#key = undefined
    this.#scanned = 0
    this.#isEndKnown = false
  }

  moveTo(at: number, run: SqlRun): void {
    if (this.#orderKey === undefined || at < this.#scanned) {
      this.at = at
      return
    }
    const key = this.keyAt(at, run)
    if (key !== this.#key) {
      if (at > 0) this.group++
      this.peerStart = at
      this.#key = key
      this.#isEndKnown = false
    }
    this.at = at
    this.#scanned = at + 1
  }

  /** Behind the last peer. */
  peerEnd(run: SqlRun): number {
    if (this.#orderKey === undefined) return this.rows.count(run)
    while (!this.#isEndKnown) {
      const next = this.#scanned
      if (!this.rows.has(next, run) || this.keyAt(next, run) !== this.#key) {
        this.#isEndKnown = true
        break
      }
      this.#scanned = next + 1
      charge(unitsPerLook)
      pauseIfOver()
    }
    return this.#scanned
  }

  /** What peers have in common. */
  keyAt(at: number, run: SqlRun): HashKey {
    return this.#orderKey!(this.rows.row(at, run), run)
  }

  valueAt(at: number, column: number, run: SqlRun): SqlValue {
    return this.rows.row(at, run)[column]!
  }
}
