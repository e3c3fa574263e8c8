/**
 * Notes of changes, for who follows a database: what the log's own operations do not tell.
 *
 * The log holds what a key is after a change. Who follows documents also asks whether it was inserted, replaced or updated,
 * what of it has changed, and what it was before. So where somebody follows (`TransactionServices.areChangesNoted`) each write
 * of a document leaves a note in its transaction's record, in the order of the writes; savepoints take notes back with the
 * writes. Nobody follows: one look at a boolean.
 *
 *   note      := the BSON document below, as latin1, on the channel `polylog.documents`
 *   document  := { op: 'insert' | 'update' | 'replace' | 'delete', db, coll, of, id: { _id },
 *                  doc?, set?: { path: value }, unset?: [path], cut?: [{ field, newSize }], before?, after? }
 *              | { op: 'drop' | 'rename' | 'dropDatabase' | 'create' | 'createIndexes' | 'dropIndexes' | 'modify', db, coll?, of?, … }
 *
 * `of` is the collection's number, which it keeps under other names.
 * `set`, `unset` and `cut` are what makes the new document of the old one. `before` and `after` are there where the collection
 * keeps images.
 */
import type { Slice } from '../../base/slice.ts'
import { charge } from '../../base/work.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { Transaction } from '../../database/contract.ts'
import { bsonType, BsonValue, documentValue, fieldsOf, elementsOf } from './bson.ts'
import { type BsonWriter, buildDocument, indexName } from './bson-writer.ts'
import { optionsOf } from './collection-options.ts'
import { idOf } from './document-id.ts'

export const changeChannel = 'polylog.documents'

const replacing = new WeakSet<Transaction>()

/** Of an update that puts whole documents in the place of others. */
export function markReplacing(transaction: Transaction, isReplacing: boolean): void {
  if (isReplacing) replacing.add(transaction)
  else replacing.delete(transaction)
}

export function noteInsert(transaction: Transaction, collection: Collection, document: Slice): void {
  if (!transaction.services.areChangesNoted) return
  send(transaction, (writer) => {
    writeHead(writer, 'insert', collection, document)
    writer.document('doc', document)
  })
}

export function noteReplace(transaction: Transaction, collection: Collection, before: Slice, after: Slice): void {
  if (!transaction.services.areChangesNoted) return
  const isWhole = replacing.has(transaction)
  const changes = isWhole ? undefined : differences(before, after)
  send(transaction, (writer) => {
    writeHead(writer, isWhole ? 'replace' : 'update', collection, before)
    if (changes === undefined) writer.document('doc', after)
    else writeDifferences(writer, changes)
    if (!optionsOf(collection).hasImages) return
    writer.document('before', before).document('after', after)
  })
}

export function noteRemove(transaction: Transaction, collection: Collection, document: Slice): void {
  if (!transaction.services.areChangesNoted) return
  send(transaction, (writer) => {
    writeHead(writer, 'delete', collection, document)
    if (optionsOf(collection).hasImages) writer.document('before', document)
  })
}

/** Of what a command does with collections. */
export function noteSchema(
  transaction: Transaction,
  op: string,
  database: string,
  of: { readonly name: string; readonly id?: number } | undefined,
  more: (writer: BsonWriter) => void = () => undefined,
): void {
  if (!transaction.services.areChangesNoted) return
  send(transaction, (writer) => {
    writer.string('op', op).string('db', database)
    if (of !== undefined) writer.string('coll', of.name)
    if (of?.id !== undefined) writer.count('of', of.id)
    more(writer)
  })
}

function writeHead(writer: BsonWriter, op: string, collection: Collection, document: Slice): void {
  writer.string('op', op).string('db', collection.namespace.name).string('coll', collection.name)
  writer.count('of', collection.id)
  writer.beginObject('id').value('_id', idOf(document)).end()
}

function send(transaction: Transaction, build: (writer: BsonWriter) => void): void {
  const bytes = buildDocument(build)
  charge(2 * bytes.length)
  transaction.notify(changeChannel, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))
}

/** What `notify` was given, as it was. */
export function decodeNote(payload: string): BsonValue {
  return documentValue(Uint8Array.from(Buffer.from(payload, 'latin1')))
}

type PathPart = string | number

interface Differences {
  readonly set: [string, BsonValue][]
  readonly unset: string[]
  readonly cut: [string, number][]
  /** Of paths whose text does not say which parts are positions, or where a part ends: the parts. */
  readonly unclear: Map<string, readonly PathPart[]>
}

/** In the server's form: paths into objects and, by position, into arrays. */
export function differences(before: Slice, after: Slice): Differences {
  const found: Differences = { set: [], unset: [], cut: [], unclear: new Map() }
  compareObjects(asObject(before), asObject(after), [], found)
  return found
}

function asObject({ bytes, start, end }: Slice): BsonValue {
  return new BsonValue(bsonType.object, bytes, start, end)
}

function pathOf(parts: readonly PathPart[], found: Differences): string {
  const path = parts.join('.')
  if (parts.some((part) => typeof part === 'string' && /^\d+$|\./.test(part))) found.unclear.set(path, parts)
  return path
}

function compareObjects(before: BsonValue, after: BsonValue, parts: readonly PathPart[], found: Differences): void {
  const old = new Map(fieldsOf(before))
  for (const [name, value] of fieldsOf(after)) {
    const was = old.get(name)
    old.delete(name)
    if (was === undefined || !isSame(was, value)) compare(was, value, [...parts, name], found)
  }
  for (const name of old.keys()) found.unset.push(pathOf([...parts, name], found))
}

/** Of values that differ; `before`: undefined where there was nothing. */
function compare(
  before: BsonValue | undefined,
  after: BsonValue,
  parts: readonly PathPart[],
  found: Differences,
): void {
  if (before?.type === bsonType.object && after.type === bsonType.object) {
    compareObjects(before, after, parts, found)
  } else if (before?.type === bsonType.array && after.type === bsonType.array) {
    compareArrays(before, after, parts, found)
  } else found.set.push([pathOf(parts, found), after])
}

function compareArrays(before: BsonValue, after: BsonValue, parts: readonly PathPart[], found: Differences): void {
  const [old, fresh] = [elementsOf(before), elementsOf(after)]
  if (fresh.length === 0) {
    found.set.push([pathOf(parts, found), after])
    return
  }
  if (fresh.length < old.length) found.cut.push([pathOf(parts, found), fresh.length])
  for (const [i, value] of fresh.entries()) {
    const was = old[i]
    if (was === undefined || !isSame(was, value)) compare(was, value, [...parts, i], found)
  }
}

function isSame(a: BsonValue, b: BsonValue): boolean {
  const size = a.end - a.start
  charge(size)
  if (a.type !== b.type || size !== b.end - b.start) return false
  for (let i = 0; i < size; i++) if (a.bytes[a.start + i] !== b.bytes[b.start + i]) return false
  return true
}

function writeDifferences(writer: BsonWriter, { set, unset, cut, unclear }: Differences): void {
  writer.beginObject('set')
  for (const [path, value] of set) writer.value(path, value)
  writer.end().beginArray('unset')
  for (const [i, path] of unset.entries()) writer.string(indexName(i), path)
  writer.end().beginArray('cut')
  for (const [i, [field, size]] of cut.entries()) {
    writer.beginObject(indexName(i)).string('field', field).count('newSize', size).end()
  }
  writer.end()
  if (unclear.size === 0) return
  writer.beginObject('paths')
  for (const [path, parts] of unclear) {
    writer.beginArray(path)
    for (const [i, part] of parts.entries()) {
      if (typeof part === 'number') writer.int32(indexName(i), part)
      else writer.string(indexName(i), part)
    }
    writer.end()
  }
  writer.end()
}
