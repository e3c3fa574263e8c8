/**
 * What was committed, row by row, read by a statement: the walk through the past (`database/history`) goes on in the
 * background as far as there is room for what it finds, and ends with the statement.
 */
import type { MemoryAccount } from '../base/memory-account.ts'
import type { Moment } from '../base/moment.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import { Elsewhere, type Sequence, type Transaction } from '../database/contract.ts'
import { ChangeWalk, type CommittedTransaction, type KeyChange } from '../database/history/change-walk.ts'
import { throughMisses } from '../database/transaction/pinned-pages.ts'
import type { Database } from '../database/database.ts'
import { GenerationNames } from './changed-entries.ts'
import { largeBytes } from './operator.ts'
import { type ChangedRow, changedRows, type RowImage } from './changed-rows.ts'

export interface CommittedChange extends ChangedRow {
  readonly of: CommittedTransaction
}

export interface ChangeHistoryOptions {
  /** After that state; undefined: after the first that is kept. */
  readonly since: Moment | undefined
  /** Up to that state; undefined: the newest. */
  readonly until: Moment | undefined
  /** Of this transaction alone, if it is kept. */
  readonly only?: Sequence | undefined
  readonly wants: (collection: Collection) => boolean
  /** What of a row may be shown; undefined: nothing. `database`: of that time. */
  readonly show: (change: CommittedChange, database: Database) => CommittedChange | undefined
}

/** So much is found ahead of who reads it. */
const mostAhead = 500
const mostBytesAhead = 4 * 1024 * 1024

/** One after another, for a statement; what it looks for ends with the statement's workspace. */
export class ChangeHistory {
  #isEnded = false
  readonly #transaction: Transaction
  readonly #options: ChangeHistoryOptions
  readonly #account: MemoryAccount
  readonly #abort = new AbortController()
  readonly #found: { readonly change: CommittedChange; readonly bytes: number }[] = []
  #foundBytes = 0
  #isBegun = false
  #isDone = false
  #error: unknown
  /** Of who waits for something to be found, and of who waits for room. */
  #onFound: () => void = () => undefined
  #onRoom: () => void = () => undefined

  constructor(transaction: Transaction, options: ChangeHistoryOptions) {
    this.#transaction = transaction
    this.#options = options
    const { workspace } = transaction
    this.#account = workspace.memory
    workspace.onClose(() => this.#end())
  }

  /** The next one; undefined at the end. Throws `Elsewhere` where it is still looked for, and the walk's errors. */
  next(): CommittedChange | undefined {
    if (!this.#isBegun) this.#begin()
    const found = this.#found.shift()
    if (found !== undefined) {
      this.#foundBytes -= found.bytes
      this.#account.release(found.bytes)
      this.#onRoom()
      return found.change
    }
    if (this.#error !== undefined) throw this.#error
    if (this.#isDone) return undefined
    throw new Elsewhere(new Promise((resolve) => (this.#onFound = resolve)), () => this.#end())
  }

  #begin(): void {
    this.#isBegun = true
    this.#run().then(
      () => this.#done(undefined),
      (error: unknown) => this.#done(error),
    )
  }

  #done(error: unknown): void {
    this.#isDone = true
    this.#error = error
    this.#onFound()
  }

  /** Nothing more is looked for; its account goes with the statement's. */
  #end(): void {
    this.#isEnded = true
    this.#abort.abort()
    this.#onRoom()
  }

  async #run(): Promise<void> {
    const { history, newestSequence: newest } = this.#transaction.services.past
    const { since, until, only } = this.#options
    if (only !== undefined && (only > newest || only <= (await history.oldest()))) return
    if (only !== undefined) return history.walk(only, only, this.#abort.signal, (database) => this.#visitor(database))
    const after = since === undefined ? await history.oldest() : (await history.find(since)).sequence
    const to = until === undefined ? newest : (await history.find(until)).sequence
    if (after < to) await history.walk(after + 1, to, this.#abort.signal, (database) => this.#visitor(database))
  }

  #visitor(database: Database): ChangeWalk {
    const isKeyvalue = (id: number): boolean => database.catalog.collectionById(id)?.model === 'keyvalue'
    const names = new GenerationNames(isKeyvalue, (bytes) => this.#charge(bytes))
    return new ChangeWalk(database, {
      wants: this.#options.wants,
      see: (key, value) => names.see(key, value),
      give: (change) => this.#give(database, change, names),
    })
  }

  #charge(bytes: number): void {
    this.#abort.signal.throwIfAborted()
    this.#account.charge(bytes)
  }

  async #give(database: Database, change: KeyChange, names: GenerationNames): Promise<void> {
    const rows = await throughMisses(database.store, () => changedRows(change, names))
    for (const row of rows) {
      const shown = this.#options.show({ ...row, of: change.of }, database)
      if (shown === undefined) continue
      const bytes = bytesOf(shown)
      this.#charge(bytes)
      this.#found.push({ change: shown, bytes })
      this.#foundBytes += bytes
    }
    this.#onFound()
    while (!this.#isEnded && (this.#found.length > mostAhead || this.#foundBytes > mostBytesAhead)) {
      await new Promise<void>((resolve) => (this.#onRoom = resolve))
    }
    this.#abort.signal.throwIfAborted()
  }
}

const bytesPerChange = 400

function bytesOf({ key, before, after }: ChangedRow): number {
  return bytesPerChange + bytesOfImage(key) + bytesOfImage(before) + bytesOfImage(after)
}

function bytesOfImage(image: RowImage | undefined): number {
  if (image === undefined) return 0
  if ('document' in image) return image.document.length * 2
  return largeBytes(image.values)
}
