/**
 * The entries of one document in the indexes of its collection: checked, written and taken away, for whoever writes the
 * document or builds an index.
 *
 * A document has as many entries as an array of it has elements: over a million, so a write of a large one goes through
 * them in steps, which pause where their turn is over. Nothing is kept of entries that are only written or only taken
 * away. Where a document is replaced the keys before are kept, in memory that is charged, so that an entry which stays is
 * neither locked nor written.
 *
 * Invariants: whatever can fail for the document alone (`check…`) fails before anything is written.
 */
import { equalSlices, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import { attempt, done } from '../../database/transaction/wait.ts'
import { BsonValue, findField } from './bson.ts'
import type { DocumentIndex } from './index-definition.ts'
import { DocumentEntries, encodeId, type EncodedId } from './index-keys.ts'

/** The keys of a document before it is replaced, without its `_id`; whether the new one has them, too. */
type KeysBefore = Map<string, boolean>

export class EntryWrites {
  readonly #transaction: Transaction
  readonly #collection: Collection
  readonly #id: EncodedId
  /** Between two entries; else waits are thrown, for a batch that is run again. */
  readonly #pauses: boolean
  readonly #before = new Map<DocumentIndex, KeysBefore>()
  #chargedBytes = 0

  constructor(transaction: Transaction, collection: Collection, id: BsonValue, pauses: boolean) {
    this.#transaction = transaction
    this.#collection = collection
    this.#id = encodeId(collection, id)
    this.#pauses = pauses
  }

  /** `before`: what the document replaces. False: it has the same entries, there is nothing to do. */
  *gatherBefore(index: DocumentIndex, before: Slice, after: Slice): StatementSteps<boolean> {
    if (hasSameFields(index, before, after)) return false
    const keys: KeysBefore = new Map()
    this.#before.set(index, keys)
    yield* this.#each(index, before, (entries) => {
      const key = entries.prefix()
      this.#charge(key)
      keys.set(key, false)
    })
    return true
  }

  /** That nobody else has an entry which must be unique, and that there are no parallel arrays; `taken` makes the error. */
  *check(index: DocumentIndex, document: Slice, taken: () => Error): StatementSteps<void> {
    const before = this.#before.get(index)
    yield* this.#each(index, document, (entries) => {
      if (!index.unique || before?.has(entries.prefix()) === true) return
      if (this.#isTaken(entries)) throw taken()
    })
  }

  /** Locks the entry's key, so that two transactions cannot take it at once, and looks whose it is. */
  #isTaken({ key, value }: DocumentEntries): boolean {
    this.#transaction.lock(key, 'update')
    const holder = this.#transaction.get(key)
    return holder !== undefined && !equalSlices(holder, value)
  }

  /** Of a document that was checked; of one that is replaced, what has changed. */
  *put(index: DocumentIndex, document: Slice): StatementSteps<void> {
    const transaction = this.#transaction
    const before = this.#before.get(index)
    if (before === undefined) {
      yield* this.#each(index, document, ({ key, value }) => transaction.put(key, value, 'derived'))
      return
    }
    yield* this.#each(index, document, (entries) => {
      const prefix = entries.prefix()
      if (before.has(prefix)) before.set(prefix, true)
      else transaction.put(entries.key, entries.value, 'derived')
    })
    for (const [prefix, isKept] of before) {
      if (!isKept) transaction.delete(this.#keyOf(index, prefix), 'derived')
      if (this.#pauses && transaction.slice.spend(1)) yield undefined
    }
  }

  *remove(index: DocumentIndex, document: Slice): StatementSteps<void> {
    yield* this.#each(index, document, ({ key }) => this.#transaction.delete(key, 'derived'))
  }

  /** What was kept goes. */
  close(): void {
    this.#before.clear()
    if (this.#chargedBytes > 0) this.#transaction.workspace.memory.release(this.#chargedBytes)
    this.#chargedBytes = 0
  }

  #keyOf(index: DocumentIndex, prefix: string): Slice {
    entryKey.reset()
    entryKey.latin1(prefix)
    if (!index.unique) entryKey.slice(this.#id.element)
    return entryKey
  }

  #charge(key: string): void {
    if (!this.#pauses) return
    const bytes = keptKeyBytes + key.length
    this.#transaction.workspace.memory.charge(bytes, 'the entries of a document that is replaced')
    this.#chargedBytes += bytes
  }

  /** `visit` may wait before it changes anything. */
  *#each(index: DocumentIndex, document: Slice, visit: (entries: DocumentEntries) => void): StatementSteps<void> {
    const transaction = this.#transaction
    const entries = new DocumentEntries(this.#collection, index, document, this.#id)
    while (entries.next()) {
      if (!this.#pauses) {
        visit(entries)
        continue
      }
      for (let wait = attempt(visit, entries); wait !== done; wait = attempt(visit, entries)) yield wait
      transaction.batchDone()
      if (transaction.slice.spend(1)) yield undefined
    }
  }
}

const entryKey = new KeyWriter()

/** Of a key in a map beside its text. */
const keptKeyBytes = 72

const old = new BsonValue()
const fresh = new BsonValue()

/** Byte by byte, of the fields that its paths begin with. */
function hasSameFields(index: DocumentIndex, before: Slice, after: Slice): boolean {
  if (index.partial !== undefined && index.partial.passes(before) !== index.partial.passes(after)) return false
  return index.fields.every(({ path }) => {
    const [name] = path.encoded
    findField(before.bytes, before.start, name!, old)
    findField(after.bytes, after.start, name!, fresh)
    return old.type === fresh.type && equalSlices(old, fresh)
  })
}
