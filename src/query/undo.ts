/**
 * What one transaction has changed, put back: its inverse, written by another one. It is written where nothing of it has been
 * changed since, and nowhere else: of all that the transaction wrote, what is there now must be what it left there.
 *
 *   it left      now          written
 *   a new row    the same     the row is deleted
 *   a new value  the same     the old value
 *   nothing      nothing      the row of before
 *   anything     else         nothing at all: a conflict, which names the row, and who came later
 *
 * Rows go through the rules of their table as it is now, without its triggers, whose own writes are put back like others
 * (`model/table/restoring.ts`); documents through those of their collection; what lies under a key of Redis is put back
 * as it lay, index entries included. What the transaction made is kept where it was made on the way, as a collection by its
 * first document; one that changed definitions otherwise is refused.
 *
 * Rows are all removed first, and then those of before inserted: what is unique may have changed its place among them.
 *
 * Invariants: all of it is one statement, which a conflict takes back; a column that has come since has its default, and one that
 * has gone is left out.
 */
import { PolylogError } from '../base/errors.ts'
import { copySlice, equalSlices, type Slice, sliceOf, sliceToLatin1 } from '../base/slice.ts'
import { keyspaceOf } from '../base/tuple.ts'
import { KeyReader } from '../base/tuple-reader.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import { catalogIndex, catalogKeyspace } from '../database/catalog/catalog-entries.ts'
import type { Sequence, StatementSteps, Transaction } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import { ChangeWalk, type KeyChange } from '../database/history/change-walk.ts'
import { throughMisses } from '../database/transaction/pinned-pages.ts'
import { awaited, beginInPlace, inPlace } from '../database/transaction/wait.ts'
import { documentStart } from '../model/document/codec.ts'
import { optionsOf } from '../model/document/collection-options.ts'
import { insertDocument, lockDocument, removeDocument, replaceDocument } from '../model/document/document.ts'
import { idOf } from '../model/document/document-id.ts'
import { decodeHeader, Header } from '../model/keyvalue/codec.ts'
import { index as keyvalueIndex } from '../model/keyvalue/keys.ts'
import { touched } from '../model/keyvalue/touches.ts'
import type { RowDraft } from '../model/table/expressions.ts'
import { asOwner } from '../model/table/policies.ts'
import { restoring } from '../model/table/restoring.ts'
import { deleteRow, insertRow } from '../model/table/rows.ts'
import { Table } from '../model/table/table.ts'
import { isTable } from '../model/table/table-kind.ts'
import { GenerationNames } from './changed-entries.ts'
import { type ChangedRow, changedRows, isRowKey } from './changed-rows.ts'

/** What is asked of who undoes. Errors: `denied`. */
export type CheckMayUndo = (collection: Collection, past: Database) => void

interface Undone {
  readonly collection: Collection
  /** As it was before, where it was there. */
  readonly then: Collection | undefined
  readonly key: Uint8Array
  readonly isDerived: boolean
  readonly before: Uint8Array | undefined
  readonly after: Uint8Array | undefined
}

/** About, of a change that is kept. */
const bytesPerChange = 300

/**
 * Writes the inverse of a transaction. Answers how many keys it has put back.
 * Errors: `conflict`, `unsupported`, those of the past and of the rules of what is written.
 */
export function* undo(transaction: Transaction, sequence: Sequence, mayUndo: CheckMayUndo): StatementSteps<number> {
  const changes = yield* awaited((signal) => gather(transaction, sequence, mayUndo, signal))
  for (const change of changes) {
    yield* inPlace(transaction, () => checkUnchanged(transaction, change, sequence))
    if (transaction.slice.spend(1)) yield undefined
  }
  for (const write of [removeLeft, putBack]) {
    for (const change of changes) {
      yield* beginInPlace(transaction, () => write(transaction, change))
      if (transaction.slice.spend(1)) yield undefined
    }
  }
  return changes.filter(({ isDerived }) => !isDerived).length
}

async function gather(
  transaction: Transaction,
  sequence: Sequence,
  mayUndo: CheckMayUndo,
  signal: AbortSignal,
): Promise<Undone[]> {
  const { memory } = transaction.workspace
  const changes: Undone[] = []
  const { history } = transaction.services.past
  await history.walk(sequence, sequence, signal, (past) => {
    return new ChangeWalk(past, {
      wants: isUndone,
      seesAll: true,
      wantsDerived: ({ model }) => model === 'keyvalue',
      see: (key, _, before) => refuseDefinitions(key, before, past, sequence),
      give: async (change) => {
        const undone = await throughMisses(past.store, () => undoneOf(transaction, change, sequence))
        if (undone === undefined) return
        if (changes.at(-1)?.collection !== undone.collection) mayUndo(undone.collection, past)
        memory.charge(bytesPerChange + (undone.before?.length ?? 0) + (undone.after?.length ?? 0))
        changes.push(undone)
      },
    })
  })
  if (signal.aborted) throw new PolylogError('canceled', 'the statement is over')
  return changes
}

/** Counters go on from where they are. */
function isUndone({ model, kind }: Collection): boolean {
  return model !== 'table' || kind === 'table'
}

/** What was made on the way stays. */
function refuseDefinitions(key: Slice, before: Transaction, past: Database, sequence: Sequence): void {
  if (keyspaceOf(key) !== catalogKeyspace) return
  const reader = new KeyReader(key)
  reader.orderedVarint()
  const index = reader.orderedVarint()
  if (!definitionIndexes.has(index)) return
  if (index === catalogIndex.namespace && before.catalog.namespaceById(reader.integer()) === undefined) return
  if (index === catalogIndex.collection) {
    const id = reader.integer()
    const made = past.catalog.collectionById(id)
    if (before.catalog.collectionById(id) === undefined && made !== undefined && made.model !== 'table') return
  }
  throw new PolylogError('unsupported', `transaction ${sequence} has changed definitions, which is not undone`)
}

const definitionIndexes: ReadonlySet<number> = new Set([
  catalogIndex.namespace,
  catalogIndex.collection,
  catalogIndex.comment,
  catalogIndex.global,
  catalogIndex.access,
])

/** Undefined where the same is there before and after. */
function undoneOf(transaction: Transaction, change: KeyChange, sequence: Sequence): Undone | undefined {
  const { key, isDerived, collection: id } = change
  const before = bytesAt(change.before, key)
  const after = bytesAt(change.after, key)
  if (
    before === undefined ? after === undefined : after !== undefined && equalSlices(sliceOf(before), sliceOf(after))
  ) {
    return undefined
  }
  const then = change.before.catalog.collectionById(id)
  const collection = transaction.catalog.collectionById(id)
  if (collection === undefined) {
    const { namespace, name } = (change.after.catalog.collectionById(id) ?? then)!
    throw conflict(`"${namespace.name}.${name}", which transaction ${sequence} has changed, is not there any more`)
  }
  if (collection.model === 'document' && optionsOf(collection).capped !== undefined) {
    throw new PolylogError('unsupported', `"${collection.name}" is capped: what it has let go is not put back`)
  }
  return { collection, then, key: copySlice(key), isDerived, before, after }
}

function bytesAt(transaction: Transaction, key: Slice): Uint8Array | undefined {
  const value = transaction.get(key)
  return value === undefined ? undefined : copySlice(value)
}

function conflict(message: string): PolylogError {
  return new PolylogError('conflict', message)
}

/** Errors: `conflict`. Holds what it has looked at. */
function checkUnchanged(transaction: Transaction, { collection, key, isDerived, after }: Undone, of: Sequence): void {
  const at = sliceOf(key)
  if (!isDerived) transaction.lock(at, 'update')
  const now = transaction.get(at)
  if (now === undefined ? after === undefined : after !== undefined && equalSlices(now, sliceOf(after))) return
  throw new Changed(collection, key, of)
}

/** Something was changed since: the caller says by whom. */
export class Changed extends PolylogError {
  readonly collection: Collection
  readonly key: Uint8Array
  readonly of: Sequence

  constructor(collection: Collection, key: Uint8Array, of: Sequence) {
    const { namespace, name } = collection
    super('conflict', `what transaction ${of} left in "${namespace.name}.${name}" has been changed since`)
    this.collection = collection
    this.key = key
    this.of = of
  }
}

/** What the transaction left: rows and documents that it has made; rows that it has changed, too. */
function removeLeft(transaction: Transaction, change: Undone): void | StatementSteps<void> {
  const { collection, key, before, after } = change
  if (after === undefined || collection.model === 'keyvalue' || !isRowKey(sliceOf(key))) return undefined
  if (isTable(collection)) {
    const table = Table.of(collection)
    restoring(() => deleteRow(transaction, table, sliceOf(key), table.reader.read(sliceOf(after))))
    return undefined
  }
  if (before !== undefined) return undefined
  const document = documentIn(after)
  lockDocument(transaction, collection, idOf(document))
  return removeDocument(transaction, collection, document)
}

function documentIn(stored: Uint8Array): Slice {
  return sliceOf(stored.subarray(documentStart(sliceOf(stored))))
}

/** What was there before. */
function putBack(transaction: Transaction, change: Undone): void | StatementSteps<void> {
  const { collection, then, key, before, after } = change
  if (collection.model === 'keyvalue') return putBackEntry(transaction, change)
  if (before === undefined || !isRowKey(sliceOf(key))) return undefined
  if (isTable(collection)) {
    const table = Table.of(collection)
    restoring(() => insertRow(transaction, table, draftOf(table, Table.of(then!), before), asOwner))
    return undefined
  }
  const document = documentIn(before)
  if (after === undefined) return insertDocument(transaction, collection, document)
  lockDocument(transaction, collection, idOf(document))
  return replaceDocument(transaction, collection, documentIn(after), document)
}

/** By the numbers of the columns. Generated ones are made anew. */
function draftOf(table: Table, then: Table, before: Uint8Array): RowDraft {
  const values = then.reader.read(sliceOf(before))
  return table.columns.map(({ number, name, type, generated }) => {
    const old = then.columns.find((one) => one.number === number)
    if (old === undefined || generated !== undefined) return undefined
    if (old.type.oid !== type.oid)
      throw conflict(`column "${name}" of "${table.schema}.${table.name}" has another type now`)
    return values[old.ordinal]
  })
}

/** As it lay: what is derived lies there by itself. */
function putBackEntry(transaction: Transaction, { collection, key, isDerived, before, after }: Undone): void {
  const at = sliceOf(key)
  if (before === undefined) transaction.delete(at, isDerived ? 'derived' : 'primary')
  else transaction.put(at, sliceOf(before), isDerived ? 'derived' : 'primary')
  const reader = new KeyReader(at)
  reader.orderedVarint()
  if (isDerived || reader.orderedVarint() !== keyvalueIndex.header) return
  const header = new Header()
  decodeHeader(sliceOf((before ?? after)!), header)
  const change = before === undefined ? 'removed' : 'written'
  touched(transaction, collection, sliceOf(reader.byteString()), change, header.kind, after === undefined)
}

export interface LaterChange {
  /** What names the row that was changed. */
  readonly row: ChangedRow | undefined
  /** The last that changed it; undefined: this transaction itself. */
  readonly by: Sequence | undefined
}

/** What has been changed since a transaction, and by whom. */
export function laterChange(transaction: Transaction, { key, collection, of }: Changed): StatementSteps<LaterChange> {
  const name = sliceToLatin1(sliceOf(key))
  return awaited(async (signal) => {
    let row: ChangedRow | undefined
    let by: Sequence | undefined
    const { history, newestSequence: newest } = transaction.services.past
    await history.walk(of, newest, signal, (past) => {
      const isKeyvalue = (id: number): boolean => id === collection.id && collection.model === 'keyvalue'
      const names = new GenerationNames(isKeyvalue, (bytes) => transaction.workspace.memory.charge(bytes))
      return new ChangeWalk(past, {
        wants: ({ id }) => id === collection.id,
        wantsDerived: ({ model }) => model === 'keyvalue',
        see: (seen, value) => names.see(seen, value),
        give: async (change) => {
          if (sliceToLatin1(change.key) !== name) return
          if (change.of.sequence > of) by = change.of.sequence
          else [row] = await throughMisses(past.store, () => changedRows(change, names))
        },
      })
    })
    return { row, by }
  })
}
