/**
 * How the audit lies in the database `system`: two collections of documents there, numbered in the order of their writing.
 *
 *   audit.changes    what was done to roles, privileges, keys: the last 100,000 rows
 *   audit.frequent   logins, failures, denials: the last 20,000 rows
 *
 * They are apart so that nobody can push the first out by causing many of the second. Both keep rows for a year at most. A row
 * has bounded texts, so what the audit takes is bounded, too.
 */
import { KeyWriter, keyspaceRange, primaryIndex } from '../base/tuple.ts'
import { copySlice, sliceOf, type Slice } from '../base/slice.ts'
import type { Catalog, Collection } from '../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import { documentValue, getField } from '../model/document/bson.ts'
import { BsonWriter } from '../model/document/bson-writer.ts'
import { documentStart } from '../model/document/codec.ts'
import { ensureDocumentCollection, idOf, insertDocument } from '../model/document/document.ts'
import { writeDocumentKey } from '../model/document/keys.ts'
import { int64Value, readInt64, readString } from '../model/document/values.ts'
import type { Reader } from '../storage/store.ts'

/** What happens seldom, and by the hand of who may. */
export type ChangeEvent =
  | 'role created'
  | 'role altered'
  | 'role renamed'
  | 'role dropped'
  | 'member added'
  | 'member removed'
  | 'settings altered'
  | 'privilege granted'
  | 'privilege revoked'
  | 'default privileges altered'
  | 'encryption key changed'
  | 'session terminated'
  | 'audit rows lost'

/** What anybody can bring about as often as it likes: counted together. */
export type FrequentEvent = 'login' | 'login failed' | 'access denied'

export type AuditEvent = ChangeEvent | FrequentEvent

const frequent: ReadonlySet<AuditEvent> = new Set<AuditEvent>(['login', 'login failed', 'access denied'])

export function isFrequent(event: AuditEvent): event is FrequentEvent {
  return frequent.has(event)
}

export interface AuditRow {
  readonly atMs: number
  readonly event: AuditEvent
  /** Who did it, or said to be. */
  readonly principal: string
  readonly door: string
  readonly remote: string
  /** To what, where that is another than the principal. */
  readonly object: string
  readonly detail: string
  readonly count: number
}

const namespace = 'audit'
const names: readonly (readonly [collection: string, mostRows: number])[] = [
  ['changes', 100_000],
  ['frequent', 20_000],
]
const keptMs = 365 * 86_400_000
const trimmedAtOnce = 500

const key = new KeyWriter()

/** Within a transaction of the database `system`. */
export function writeAudit(transaction: Transaction, rows: readonly AuditRow[]): void {
  for (const row of rows) {
    const collection = ensureDocumentCollection(transaction, namespace, names[isFrequent(row.event) ? 1 : 0]![0])
    const steps = insertDocument(transaction, collection, encode(row, transaction.services.nextNumber()))
    // A row is small.
    steps?.next()
  }
}

function encode({ atMs, event, principal, door, remote, object, detail, count }: AuditRow, number: number): Slice {
  const writer = new BsonWriter().begin().int64('_id', number).date('at', Math.floor(atMs)).string('event', event)
  writer.string('principal', principal).string('door', door).string('remote', remote)
  writer.string('object', object).string('detail', detail).int64('count', count).end()
  return sliceOf(writer.toBytes())
}

interface Numbered {
  readonly number: bigint
  readonly row: AuditRow
}

function decode(stored: Slice): Numbered {
  const document = documentValue(stored.bytes, documentStart(stored))
  const text = (name: string): string => readString(getField(document, name)!)
  return {
    number: readInt64(idOf(document)),
    row: {
      atMs: Number(readInt64(getField(document, 'at')!)),
      event: text('event') as AuditEvent,
      principal: text('principal'),
      door: text('door'),
      remote: text('remote'),
      object: text('object'),
      detail: text('detail'),
      count: Number(readInt64(getField(document, 'count')!)),
    },
  }
}

const pageRows = 200

/** All rows in the order of their writing, a page of the newest state at a time: nothing is held between two of them. */
export function* readAudit(current: () => { readonly reader: Reader; readonly catalog: Catalog }): Generator<AuditRow> {
  const sources = names.map(([name]) => numbered(current, name))
  const heads = sources.map((source) => source.next())
  for (;;) {
    let first: number | undefined
    for (const [i, head] of heads.entries()) {
      if (head.done === true) continue
      const best = first === undefined ? undefined : heads[first]!.value
      if (best === undefined || head.value.number < best.number) first = i
    }
    if (first === undefined) return
    yield heads[first]!.value!.row
    heads[first] = sources[first]!.next()
  }
}

function* numbered(
  current: () => { readonly reader: Reader; readonly catalog: Catalog },
  name: string,
): Generator<Numbered, undefined> {
  let after = 0n
  for (;;) {
    const { reader, catalog } = current()
    const collection = catalog.findCollection(namespace, name)
    const page = collection === undefined ? [] : readPage(reader, collection, after)
    yield* page
    if (page.length < pageRows) return undefined
    after = page.at(-1)!.number
  }
}

function readPage(reader: Reader, collection: Collection, after: bigint): Numbered[] {
  const { end } = keyspaceRange(collection.id, primaryIndex)
  const cursor = reader.scan({ start: copied(collection, after + 1n), end })
  const page: Numbered[] = []
  while (page.length < pageRows && cursor.next()) page.push(decode(cursor.value))
  return page
}

function copied(collection: Collection, number: bigint): Slice {
  return sliceOf(copySlice(writeDocumentKey(key, collection, int64Value(number))))
}

/** Takes away some of the rows that are too many or too old. */
export function* trimAudit(transaction: Transaction, nowMs: number): StatementSteps<void> {
  for (const [name, mostRows] of names) {
    const collection = transaction.catalog.findCollection(namespace, name)
    if (collection !== undefined) yield* trim(transaction, collection, mostRows, nowMs - keptMs)
  }
}

function* trim(
  transaction: Transaction,
  collection: Collection,
  mostRows: number,
  fromMs: number,
): StatementSteps<void> {
  const range = keyspaceRange(collection.id, primaryIndex)
  let excess = (transaction.count(range) ?? 0) - mostRows
  const cursor = transaction.scan(range)
  const gone: Slice[] = []
  while (gone.length < trimmedAtOnce && cursor.next()) {
    if (excess-- <= 0 && decode(cursor.value).row.atMs >= fromMs) break
    gone.push(sliceOf(copySlice(cursor.key)))
  }
  transaction.origin = 'system'
  for (const one of gone) {
    if (transaction.slice.spend(1)) yield undefined
    transaction.delete(one)
  }
}
