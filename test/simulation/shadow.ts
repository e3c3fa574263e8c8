/**
 * The database as its change feed tells it, kept outside of the server over all of its lives, with every version of every
 * key. Two things are compared with it: what a start finds, and what serializable transactions have read.
 *
 * The commit order is the serial order: a serializable transaction that committed at sequence s must have read exactly
 * the state at s − 1, its own writes aside.
 */
import { latin1ToBytes, sliceOf, sliceToLatin1, type KeyRange, type Slice } from '../../src/base/slice.ts'
import { KeyReader } from '../../src/base/tuple-reader.ts'
import { primaryIndex } from '../../src/base/tuple.ts'
import { LogError } from '../../src/log/commit-log.ts'
import type { Catalog } from '../../src/database/catalog/catalog.ts'
import type { Database } from '../../src/database/database.ts'
import type { FeedTransaction } from '../../src/database/following/feed.ts'
import type { Sequence } from '../../src/database/contract.ts'
import { throughMisses } from '../../src/database/transaction/pinned-pages.ts'
import type { KernelTransaction } from '../../src/database/transaction/transaction.ts'
import { index as keyvalueIndex } from '../../src/model/keyvalue/keys.ts'
import { isSequence } from '../../src/model/table/sequence.ts'
import type { Cursor } from '../../src/storage/store.ts'
import { lookOn } from './missing-pages.ts'
import type { Violation } from './verify.ts'

/** Of one key or range: what was found, own writes left out. */
interface Observation {
  readonly start: string
  /** Left out: the key `start` alone. */
  end?: string
  readonly found: [string, string | undefined][]
  /** Written by the transaction itself before it looked. */
  readonly own: Set<string>
}

interface Pending {
  readonly sequence: Sequence
  readonly by: string
  readonly observations: readonly Observation[]
}

/** Rows, documents, headers and elements; index entries, and what sequences have given out, are in no feed. */
function isPrimary(catalog: Catalog, key: string): boolean {
  const reader = new KeyReader(sliceOf(latin1ToBytes(key)))
  const collection = catalog.collectionById(reader.orderedVarint())
  const index = reader.orderedVarint()
  if (collection === undefined || isSequence(collection)) return false
  if (collection.model !== 'keyvalue') return index === primaryIndex
  return index !== keyvalueIndex.byScore && index !== keyvalueIndex.expiry
}

export class Shadow {
  end: Sequence = 0
  /** Serializable transactions that were compared. */
  compared = 0
  readonly #versions = new Map<string, { sequence: Sequence; value: string | undefined }[]>()
  #from: Sequence = 0
  #pending: Pending[] = []

  /** Draws what comes, as it becomes durable, until the log ends. */
  async follow(database: Database): Promise<void> {
    for await (const transaction of database.feed({ from: this.end + 1, follow: true })) this.#apply(transaction)
  }

  #apply({ sequence, changes }: FeedTransaction): void {
    // An empty record stands for one that a full disk has refused: nobody was told that it was committed.
    if (changes.length === 0) this.#pending = this.#pending.filter((pending) => pending.sequence !== sequence)
    for (const change of changes) {
      if (change.kind === 'put') this.#set(latin1(change.key), sequence, latin1(change.value))
      else if (change.kind === 'delete') this.#set(latin1(change.key), sequence, undefined)
      else if (change.kind === 'delete range') this.#clear(latin1(change.start), latin1(change.end), sequence)
    }
    this.end = sequence
  }

  /** After a start, up to what was found; anew from the store where the log was trimmed before that. */
  async catchUp(database: Database): Promise<void> {
    try {
      for await (const transaction of database.feed({ from: this.end + 1 })) this.#apply(transaction)
    } catch (error) {
      if (!(error instanceof LogError && error.code === 'trimmed')) throw error
      await this.startAnew(database)
    }
  }

  async startAnew(database: Database): Promise<void> {
    const content = await throughMisses(database.store, () => contentOf(database))
    this.#versions.clear()
    this.end = this.#from = database.newestSequence
    for (const [key, value] of content) this.#set(key, this.end, value)
  }

  #set(key: string, sequence: Sequence, value: string | undefined): void {
    const versions = this.#versions.get(key)
    if (versions === undefined) this.#versions.set(key, [{ sequence, value }])
    else versions.push({ sequence, value })
  }

  #clear(start: string, end: string, sequence: Sequence): void {
    for (const [key, versions] of this.#versions) {
      if (key >= start && key < end && versions.at(-1)!.value !== undefined)
        versions.push({ sequence, value: undefined })
    }
  }

  valueAt(key: string, sequence: Sequence): string | undefined {
    return this.#versions.get(key)?.findLast((version) => version.sequence <= sequence)?.value
  }

  /** What a start has found must be what the feed told. */
  compare(database: Database): Violation[] {
    const violations: Violation[] = []
    const found = contentOf(database)
    for (const key of new Set([...found.keys(), ...this.#versions.keys()])) {
      if (!isPrimary(database.catalog, key) || this.valueAt(key, this.end) === found.get(key)) continue
      violations.push({ invariant: 'recovery', message: `key ${hex(key)} is not what the feed has told` })
    }
    // What is left after a refusal has a sequence that the log does not know yet, of the state at one that it knows.
    const newest = database.pipeline.stateOf(database.newestSequence)
    if (this.end !== newest) {
      violations.push({ invariant: 'recovery', message: `the feed ends at ${this.end}, the database at ${newest}` })
    }
    return violations
  }

  /** Whether it is known what was there. */
  knows(sequence: Sequence): boolean {
    return sequence >= this.#from && sequence <= this.end
  }

  /** What a follower shows must be what the feed has told of the sequence where it is. */
  differencesFrom(database: Database): string[] {
    const sequence = database.newestSequence
    const found = contentOf(database)
    const keys = [...new Set([...found.keys(), ...this.#versions.keys()])].filter((key) => {
      return isPrimary(database.catalog, key) && this.valueAt(key, sequence) !== found.get(key)
    })
    return keys.map((key) => `key ${hex(key)} is not what the feed has told of ${sequence}`)
  }

  committed(sequence: Sequence, by: string, observations: readonly Observation[]): void {
    this.#pending.push({ sequence, by, observations })
  }

  /** Compares those whose position the feed has reached; those that a crash has taken back are dropped. */
  unserializable(crashed: boolean): Violation[] {
    const violations: Violation[] = []
    const due = this.#pending.filter(({ sequence }) => sequence <= this.end)
    this.#pending = crashed ? [] : this.#pending.filter(({ sequence }) => sequence > this.end)
    for (const pending of due) {
      if (pending.sequence - 1 < this.#from) continue
      this.compared++
      const broken = pending.observations.find((observation) => !this.#holds(observation, pending.sequence - 1))
      if (broken === undefined) continue
      const message = `${pending.by} committed at ${pending.sequence}, but what it read at ${hex(broken.start)} is not the state before`
      violations.push({ invariant: 'serializable', message })
    }
    return violations
  }

  #holds({ start, end, found, own }: Observation, sequence: Sequence): boolean {
    if (end === undefined) return this.valueAt(start, sequence) === found[0]![1]
    const expected: [string, string][] = []
    for (const key of this.#versions.keys()) {
      if (key < start || key >= end || own.has(key)) continue
      const value = this.valueAt(key, sequence)
      if (value !== undefined) expected.push([key, value])
    }
    expected.sort(([a], [b]) => (a < b ? -1 : 1))
    return JSON.stringify(expected) === JSON.stringify(found)
  }
}

/** Notes what a transaction reads from now on; for one that was begun by hand, whose object nobody uses again. */
export function recordReads(transaction: KernelTransaction): Observation[] {
  const observations: Observation[] = []
  const { writes } = transaction
  const isOwn = (key: Slice): boolean => writes.count > 0 && (writes.find(key) >= 0 || writes.hides(key, -1))
  const get = transaction.get.bind(transaction)
  transaction.get = (key) => {
    const found = get(key)
    const name = sliceToLatin1(key)
    if (isPrimary(transaction.catalog, name) && !isOwn(key)) {
      observations.push({ start: name, found: [[name, found && sliceToLatin1(found)]], own: new Set() })
    }
    return found
  }
  const scan = transaction.scan.bind(transaction)
  transaction.scan = (range, options) => {
    const cursor = scan(range, options)
    const start = sliceToLatin1(range.start)
    if (options?.reverse === true || !isPrimary(transaction.catalog, start)) return cursor
    return recordScan(cursor, range, isOwn, observations)
  }
  // What is counted without being looked at cannot be noted: it is counted by scans here.
  transaction.count = () => undefined
  return observations
}

function recordScan(
  cursor: Cursor,
  range: KeyRange,
  isOwn: (key: Slice) => boolean,
  observations: Observation[],
): Cursor {
  const start = sliceToLatin1(range.start)
  const observation: Observation = { start, end: start, found: [], own: new Set() }
  observations.push(observation)
  return {
    get key() {
      return cursor.key
    },
    get value() {
      return cursor.value
    },
    seek: (key) => cursor.seek(key),
    skip(count) {
      return count > 0 && this.next() ? 1 : 0
    },
    next() {
      const isThere = cursor.next()
      const name = isThere ? sliceToLatin1(cursor.key) : sliceToLatin1(range.end)
      observation.end = isThere ? `${name}\0` : name
      if (isThere && isOwn(cursor.key)) observation.own.add(name)
      else if (isThere) observation.found.push([name, sliceToLatin1(cursor.value)])
      return isThere
    },
  }
}

function contentOf(database: Database): Map<string, string> {
  const content = new Map<string, string>()
  const cursor = database.newest.scan({ start: sliceOf(new Uint8Array(0)), end: sliceOf(new Uint8Array([0xff])) })
  lookOn(database, () => {
    while (cursor.next()) content.set(sliceToLatin1(cursor.key), sliceToLatin1(cursor.value))
  })
  return content
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function hex(key: string): string {
  return Buffer.from(key, 'latin1').toString('hex')
}
