/**
 * What transactions have changed, key by key: looks on while a database of the past goes on (`History.walk`), and hands each
 * key that a transaction has written, with a transaction that reads the state before and one that reads the state after.
 *
 *   state 40 ──record 41──▶ state 41
 *      ▲                       ▲
 *   `before` reads here     `after` reads here: for each key of the record
 *
 * The log names keys and what they hold now; what they held before is only in the state before. Nothing of it is kept for
 * anybody who might ask (docs/decisions/159).
 *
 * Invariants: of a transaction each key is handed once, whether its record names it once, or in a range and by itself; what
 * is derived is left out; both states are there until `give` has resolved.
 */
import { compareSlices, copySlice, type KeyRange, type Slice, sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { LogBatch } from '../../log/commit-log.ts'
import { operationKinds, type Origin, RecordReader } from '../../log/record.ts'
import type { Collection } from '../catalog/catalog.ts'
import type { Sequence, Transaction } from '../contract.ts'
import type { Database } from '../database.ts'
import { fullKey } from '../directory/recovery.ts'
import { type EncodedRecord, type FollowVisitor, recordIn } from '../following/follow-loop.ts'
import { isPreparedEntry } from '../prepared/prepared-entries.ts'
import { throughMisses } from '../transaction/pinned-pages.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'
import { type AuthorSession, decodeAuthor } from './author.ts'
import { clockMs } from './commit-times.ts'

export interface CommittedTransaction {
  readonly sequence: Sequence
  readonly timeMs: number
  readonly origin: Origin
  readonly authors: readonly AuthorSession[]
}

/** Both transactions read one state of the same database, and hold until `give` has resolved. */
export interface KeyChange {
  readonly of: CommittedTransaction
  readonly collection: number
  readonly key: Slice
  readonly isDerived: boolean
  readonly before: Transaction
  readonly after: Transaction
}

export interface ChangeWalkParts {
  /** Whether changes of what is called so in one of the two states are asked for. */
  readonly wants: (collection: Collection) => boolean
  /** Each transaction is looked at, whatever it has written. */
  readonly seesAll?: true
  /** Entries that are derived are asked for, too; left out: none. */
  readonly wantsDerived?: (collection: Collection) => boolean
  /** Told of all that a record has put or deleted (`value` undefined), the catalog's included, before its first key is given. */
  readonly see: (key: Slice, value: Slice | undefined, before: Transaction) => void
  readonly give: (change: KeyChange) => Promise<void> | void
}

/** What is looked at in one turn: large values take longer. */
const changesPerTurn = 500
const turnUs = 2_000

export class ChangeWalk implements FollowVisitor {
  readonly #database: Database
  readonly #parts: ChangeWalkParts
  readonly #reader = new RecordReader()
  readonly #writer = new KeyWriter()
  /** Of the record at hand, where something of it may be asked for. */
  #before: KernelTransaction | undefined
  #record: EncodedRecord | undefined
  #pieces = 0
  #changesInTurn = 0
  #turnBeganUs: number

  constructor(database: Database, parts: ChangeWalkParts) {
    this.#database = database
    this.#parts = parts
    this.#turnBeganUs = database.host.monotonic()
  }

  before(record: EncodedRecord): void {
    this.#pieces++
    this.#record = record
    if (this.#before === undefined && this.#mayMatter(record)) this.#before = this.#look()
  }

  /** What a record in pieces makes may be asked for without there being anything of it before. */
  #mayMatter({ bytes, start, end }: EncodedRecord): boolean {
    if (this.#parts.seesAll === true) return true
    const { catalog } = this.#database
    const reader = this.#reader.open(bytes, start, end)
    while (reader.next()) {
      if (reader.derived || !isData(reader)) continue
      const collection = catalog.collectionById(reader.keyspace)
      if (collection === undefined || this.#parts.wants(collection)) return true
    }
    return false
  }

  #wants(collection: Collection, isDerived: boolean): boolean {
    return isDerived ? this.#parts.wantsDerived?.(collection) === true : this.#parts.wants(collection)
  }

  /** Reads the state that is the newest now, whatever comes after it. */
  #look(): KernelTransaction {
    const transaction = this.#database.begin({ isolation: 'repeatable read', readOnly: true, interactive: true })
    transaction.beginStatement()
    transaction.leaveTurn(true)
    return transaction
  }

  async after(sequence: Sequence, batch: LogBatch): Promise<void> {
    const before = this.#before
    const record = this.#record!
    const isWhole = this.#pieces === 1
    this.#before = this.#record = undefined
    this.#pieces = 0
    if (before === undefined) return
    const after = this.#look()
    try {
      const of = (reader: RecordReader): CommittedTransaction => {
        return { sequence, timeMs: clockMs(batch.clock), origin: reader.origin, authors: decodeAuthor(reader.author) }
      }
      const pieces = (): Iterable<EncodedRecord> | AsyncIterable<EncodedRecord> => {
        return isWhole ? [record] : this.#piecesOf(sequence)
      }
      const between = { before, after, ranges: new GivenRanges() }
      for await (const piece of pieces()) await this.#seeAll(piece, between)
      if (between.ranges.areThere) for await (const piece of pieces()) await this.#noteDeleted(piece, between.ranges)
      for await (const piece of pieces()) await this.#giveAll(piece, of, between)
    } finally {
      before.rollback()
      after.rollback()
    }
  }

  async *#piecesOf(sequence: Sequence): AsyncGenerator<EncodedRecord> {
    for await (const batch of this.#database.log.read(sequence, { to: sequence })) {
      for (let i = 0; i < batch.offsets.length; i++) {
        if (batch.first + i === sequence) yield recordIn(batch, i)
      }
    }
  }

  async #seeAll({ bytes, start, end }: EncodedRecord, { before, ranges }: Between): Promise<void> {
    const reader = new RecordReader().open(bytes, start, end)
    while (reader.next()) {
      await this.#pause()
      const { kind } = reader
      if (kind === operationKinds.deleteRange) ranges.areThere = true
      const isPut = kind === operationKinds.put || kind === operationKinds.catalogPut
      const isDelete = kind === operationKinds.delete || kind === operationKinds.catalogDelete
      if (reader.derived || !(isPut || isDelete)) continue
      this.#parts.see(fullKey(this.#writer, reader.keyspace, reader.key), isPut ? reader.value : undefined, before)
    }
  }

  async #noteDeleted({ bytes, start, end }: EncodedRecord, ranges: GivenRanges): Promise<void> {
    const reader = new RecordReader().open(bytes, start, end)
    while (reader.next()) {
      await this.#pause()
      if (reader.kind !== operationKinds.delete) continue
      ranges.named.add(sliceToLatin1(fullKey(this.#writer, reader.keyspace, reader.key)))
    }
  }

  async #giveAll(
    { bytes, start, end }: EncodedRecord,
    describe: (reader: RecordReader) => CommittedTransaction,
    between: Between,
  ): Promise<void> {
    const { before, after, ranges } = between
    const reader = new RecordReader().open(bytes, start, end)
    const of = describe(reader)
    while (reader.next()) {
      const { keyspace: collection, kind } = reader
      if (!isData(reader)) continue
      const named = [before.catalog.collectionById(collection), after.catalog.collectionById(collection)]
      if (!named.some((one) => one !== undefined && this.#wants(one, reader.derived))) continue
      const key = copySlice(fullKey(this.#writer, collection, reader.key))
      const isDerived = reader.derived
      if (kind !== operationKinds.deleteRange)
        await this.#give({ of, collection, key: sliceOf(key), isDerived, before, after })
      else {
        const end = copySlice(fullKey(this.#writer, collection, reader.endKey))
        const range = { start: sliceOf(key), end: sliceOf(end) }
        await this.#giveRange({ of, collection, isDerived }, range, between)
        ranges.given.push(range)
      }
    }
  }

  /** What was there and is not any more: what was put there since is named by itself. */
  async #giveRange(
    { of, collection, isDerived }: Pick<KeyChange, 'of' | 'collection' | 'isDerived'>,
    range: KeyRange,
    { before, after, ranges }: Between,
  ): Promise<void> {
    const { store } = this.#database
    const cursor = before.scan(range)
    for (;;) {
      const isThere = await throughMisses(store, () => cursor.next())
      if (!isThere) return
      const key = sliceOf(copySlice(cursor.key))
      const isGone = await throughMisses(store, () => after.get(key) === undefined)
      if (isGone && !ranges.holds(key)) await this.#give({ of, collection, key, isDerived, before, after })
      else await this.#pause()
    }
  }

  async #give(change: KeyChange): Promise<void> {
    await this.#parts.give(change)
    await this.#pause()
  }

  async #pause(): Promise<void> {
    const { host } = this.#database
    if (++this.#changesInTurn < changesPerTurn && host.monotonic() - this.#turnBeganUs < turnUs) return
    await new Promise<void>((resolve) => host.turn(resolve))
    this.#changesInTurn = 0
    this.#turnBeganUs = host.monotonic()
  }
}

interface Between {
  readonly before: KernelTransaction
  readonly after: KernelTransaction
  readonly ranges: GivenRanges
}

/** What keeps a key that several ranges hold, or a range and a delete of its own, from being given twice. */
class GivenRanges {
  areThere = false
  /** Keys that are deleted by themselves. */
  readonly named = new Set<string>()
  readonly given: KeyRange[] = []

  holds(key: Slice): boolean {
    if (this.named.size > 0 && this.named.has(sliceToLatin1(key))) return true
    return this.given.some(({ start, end }) => compareSlices(start, key) <= 0 && compareSlices(key, end) < 0)
  }
}

function isData(reader: RecordReader): boolean {
  const { kind } = reader
  const isKey = kind === operationKinds.put || kind === operationKinds.delete || kind === operationKinds.deleteRange
  return isKey && !isPreparedEntry(reader)
}
