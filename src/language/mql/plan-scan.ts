/** Walks the ranges of a plan, and remembers where it is. */
import { charge, isTurnOver } from '../../base/work.ts'
import type { StatementSteps, Transaction, Wait } from '../../database/contract.ts'
import { suspended } from '../../database/transaction/wait.ts'
import { bsonType, BsonValue } from '../../model/document/bson.ts'
import type { DocumentSource, SourceCursor } from '../../query/document-source.ts'
import { keyBytes } from '../../query/row-format.ts'
import type { Filter } from './filter.ts'
import type { Plan } from './planner.ts'

/** Of a range in which nothing is: each is looked up. */
const unitsPerRange = 1500

/** Where a scan goes on. */
export interface ScanPlace {
  readonly range: number
  readonly after: string | undefined
  /** Documents seen, where an index may show one twice. */
  readonly seen: ReadonlySet<string> | undefined
}

/** What it shows holds until the next call on the transaction: a statement pauses before `next`, never behind it. */
export class PlanScan {
  readonly #source: DocumentSource
  readonly #transaction: Transaction
  readonly #plan: Plan
  readonly #value = new BsonValue()
  #range: number
  #after: string | undefined
  #cursor: SourceCursor | undefined
  readonly #seen: Set<string> | undefined
  /** Its test was interrupted. */
  #pending: BsonValue | undefined
  #shown: BsonValue = this.#value
  /** Entries that it has been at. */
  examined = 0

  constructor(source: DocumentSource, transaction: Transaction, plan: Plan, place?: ScanPlace) {
    this.#source = source
    this.#transaction = transaction
    this.#plan = plan
    this.#range = place?.range ?? 0
    this.#after = place?.after
    this.#seen = plan.repeats ? new Set(place?.seen) : undefined
  }

  #next(): boolean {
    const { ranges, reverse, index } = this.#plan
    for (; this.#range < ranges.length; this.#range++) {
      const range = ranges[reverse ? ranges.length - 1 - this.#range : this.#range]!
      if (this.#cursor === undefined) charge(unitsPerRange)
      this.#cursor ??= this.#source.scan(this.#transaction, index, range, { reverse, after: this.#after })
      if (this.#cursor.next()) {
        this.examined++
        return true
      }
      this.#cursor = undefined
      this.#after = undefined
      if (isTurnOver()) {
        this.#range++
        throw suspended
      }
    }
    return false
  }

  /** Passes over documents without looking at them, where none can come twice. How many. */
  *skip(count: number): StatementSteps<number> {
    const { ranges, reverse, index } = this.#plan
    if (this.#seen !== undefined || count === 0) return 0
    let left = count
    while (left > 0) {
      let passed: number
      try {
        this.#cursor ??= this.#source.scan(this.#transaction, index, ranges[0]!, { reverse, after: this.#after })
        passed = this.#cursor.skip?.(left) ?? 0
        this.#transaction.batchDone()
      } catch (error) {
        yield this.#transaction.waitOf(error)
        continue
      }
      if (passed === 0) break
      left -= passed
      if (this.#transaction.slice.spend(1)) yield undefined
    }
    return count - left
  }

  /**
   * One document further: whether it matches and came for the first time; then `document` shows it. `undefined` at the end.
   * May be interrupted, by the test too, and called again.
   */
  step(filter: Filter): boolean | undefined {
    let document = this.#pending
    if (document === undefined) {
      if (!this.#next()) return undefined
      const { bytes, start, end } = this.#cursor!.document
      document = this.#value.set(bsonType.object, bytes, start, end)
    }
    let matches: boolean
    try {
      matches = filter.matches(document)
    } catch (error) {
      this.#pending ??= document.copy()
      throw error
    }
    this.#pending = undefined
    this.#shown = document
    return matches && !this.#isRepeated()
  }

  /**
   * On to the next match: whether there is one, or what to wait for before this is called again, as `advance` of `wait.ts`;
   * `undefined`: the slice is over.
   */
  nextMatch(filter: Filter): boolean | Wait {
    const transaction = this.#transaction
    for (;;) {
      if (transaction.slice.spend(1)) return undefined
      let found: boolean | undefined
      try {
        found = this.step(filter)
        transaction.batchDone()
      } catch (error) {
        return transaction.waitOf(error)
      }
      if (found !== false) return found === true
    }
  }

  /** Reused by the next step. */
  get document(): BsonValue {
    return this.#shown
  }

  /** Whether the document came before; remembers it. */
  #isRepeated(): boolean {
    if (this.#seen === undefined) return false
    const identity = this.#cursor!.identity()
    if (this.#seen.has(identity)) return true
    this.#transaction.workspace.memory.charge(keyBytes(identity), 'a query by an index of arrays')
    this.#seen.add(identity)
    return false
  }

  place(): ScanPlace {
    return { range: this.#range, after: this.#cursor!.position(), seen: this.#seen }
  }
}
