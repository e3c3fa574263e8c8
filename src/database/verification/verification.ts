/** What one run of the verifier reads and reports (`verify.ts`), and what a model brings to it. */
import { InvariantError, PolylogError } from '../../base/errors.ts'
import { copySlice, sliceOf, type KeyRange, type Slice } from '../../base/slice.ts'
import type { Collection, CollectionModel } from '../catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../contract.ts'
import { advance, inPlace } from '../transaction/wait.ts'
import { damageIn, damageOf } from './damage.ts'

export const differenceKinds = [
  'missing', // it follows from what is stored, and is not there
  'extra', // it is there, and nothing stored leads to it
  'different', // it is there with another content than what it follows from
  'count', // a stored number is not that of what it counts
  'reference', // it names something that does not exist
  'unreadable', // its bytes are not what their format allows
] as const
export type DifferenceKind = (typeof differenceKinds)[number]

export interface Difference {
  readonly kind: DifferenceKind
  /** `namespace.name` of a collection, or `catalog`, `store`, `log`, `checkpoint`. */
  readonly where: string
  /** The index, by name; null where the rows, documents or headers themselves are meant. */
  readonly index: string | null
  /** The stored key in hexadecimal; empty where there is none. */
  readonly key: string
  readonly message: string
}

export interface VerifyReport {
  /** At most `maxReported` of them. */
  readonly differences: readonly Difference[]
  /** How many there are in all. */
  readonly total: number
  /** Keys of the snapshot that were looked at. */
  readonly keys: number
  /** The snapshot's place in the log. */
  readonly sequence: number
}

const maxReported = 1_000

/** Where something is wrong. */
export interface Place {
  readonly where: string
  readonly index?: string | null
  readonly key?: Slice
}

/** What a model says of its collections. */
export interface ModelVerifier {
  /** The indexes that the collection's keys may have, by number, and what they are called. */
  indexes(collection: Collection): ReadonlyMap<number, string>
  /** Reports whatever does not follow from the collection's own data. */
  verify(verification: Verification, collection: Collection): StatementSteps<void>
}

export type ModelVerifiers = Readonly<Record<CollectionModel, ModelVerifier>>

/** One run: its snapshot, and what was found. */
export class Verification {
  readonly transaction: Transaction
  /** No number from here on has been given out: generations of Redis's collections, hidden row numbers. */
  readonly numbersEnd: number
  readonly #differences: Difference[] = []
  #total = 0
  #keys = 0

  constructor(transaction: Transaction, numbersEnd: number) {
    this.transaction = transaction
    this.numbersEnd = numbersEnd
  }

  report(kind: DifferenceKind, at: Place, message: string): void {
    this.#total++
    if (this.#differences.length >= maxReported) return
    const key = at.key === undefined ? '' : hexOf(at.key)
    this.#differences.push({ kind, where: at.where, index: at.index ?? null, key, message })
  }

  /**
   * Runs `look` as a batch (`wait.ts`), and reports what it throws for bytes that it cannot read. What it has reported
   * before it met a wait it will report again.
   */
  reading(at: { where: string; index?: string | null; key: Slice }, look: () => void): void {
    const [total, reported] = [this.#total, this.#differences.length]
    try {
      look()
    } catch (error) {
      if (!isUnreadable(error)) {
        this.#total = total
        this.#differences.length = reported
        throw error
      }
      this.report('unreadable', at, (error as Error).message)
    }
  }

  countKeys(count: number): void {
    this.#keys += count
  }

  get result(): VerifyReport {
    const { transaction } = this
    return {
      differences: this.#differences,
      total: this.#total,
      keys: this.#keys,
      sequence: transaction.logPosition,
    }
  }
}

/** What decoders throw for damaged bytes. What the kernel throws (a wait, a cancellation) is not for the report. */
function isUnreadable(error: unknown): boolean {
  if (error instanceof PolylogError) return error.code !== 'canceled' && error.code !== 'timeout'
  return error instanceof InvariantError || error instanceof RangeError || error instanceof TypeError
}

function hexOf(slice: Slice): string {
  return Buffer.from(slice.bytes.buffer, slice.bytes.byteOffset + slice.start, slice.end - slice.start).toString('hex')
}

export function nameOf(collection: Collection): string {
  return `${collection.namespace.name}.${collection.name}`
}

const entriesBetweenChecks = 32

/**
 * As `eachEntry`, for a `look` that asks nothing of the order: where the range is damaged, what lies behind that is looked
 * at from its end.
 */
export function* eachReadableEntry(
  verification: Verification,
  at: Place,
  range: KeyRange,
  look: (key: Slice, value: Slice) => void,
): StatementSteps<void> {
  let last: Slice | undefined
  const note = (key: Slice, value: Slice): void => {
    last = key
    look(key, value)
  }
  const damage = yield* damageIn(eachEntry(verification, at, range, note))
  if (damage === undefined) return
  verification.report('unreadable', at, damage)
  const behind = { start: last === undefined ? range.start : behindKey(last), end: range.end }
  const other = yield* damageIn(eachEntry(verification, at, behind, look, true))
  // Mostly it is the same damage, from its other side.
  if (other !== undefined && other !== damage) verification.report('unreadable', at, other)
}

function behindKey(key: Slice): Slice {
  return sliceOf(Uint8Array.from([...copySlice(key), 0]))
}

/**
 * Calls `look` with copies of each entry of the range, and reports what cannot be read. Bytes of the range itself that
 * cannot be had end it, with their error.
 */
export function* eachEntry(
  verification: Verification,
  at: Place,
  range: KeyRange,
  look: (key: Slice, value: Slice) => void,
  reverse = false,
): StatementSteps<void> {
  const { transaction } = verification
  const cursor = transaction.scan(range, { reverse })
  let looked = 0
  for (let found = advance(transaction, cursor); found !== false; found = advance(transaction, cursor)) {
    if (found !== true) {
      yield found
      continue
    }
    const key = sliceOf(copySlice(cursor.key))
    const value = sliceOf(copySlice(cursor.value))
    try {
      yield* inPlace(transaction, () => verification.reading({ ...at, key }, () => look(key, value)))
    } catch (error) {
      verification.report('unreadable', { ...at, key }, damageOf(error))
    }
    if (++looked % entriesBetweenChecks === 0 && transaction.slice.spend(entriesBetweenChecks)) yield undefined
  }
}
