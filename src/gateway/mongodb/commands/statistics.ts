/** `collStats`, `dbStats` and `dataSize`: counted, not estimated. */
import { keyspaceRange, primaryIndex } from '../../../base/tuple.ts'
import { privilege } from '../../../database/access/privileges.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { type Cap, optionsOf } from '../../../model/document/collection-options.ts'
import type { BsonWriter } from '../../../model/document/bson-writer.ts'
import { findDescribed, requireAnyInAll } from '../access.ts'
import type { Command, Reply, Request } from '../request.ts'
import { sizeOfRange } from './range-size.ts'

export interface Totals {
  readonly capped?: Cap | undefined
  readonly count: number
  readonly sizeBytes: number
  readonly indexBytes: number
  readonly indexes: readonly { readonly name: string; readonly entries: number; readonly bytes: number }[]
}

/** What is told where no number is the most. */
const mostDocuments = 0x7fff_ffff

const noTotals: Totals = { count: 0, sizeBytes: 0, indexBytes: 0, indexes: [] }

export function* totalsOf(transaction: Transaction, collection: Collection): StatementSteps<Totals> {
  const { entries, valueBytes } = yield* sizeOfRange(transaction, keyspaceRange(collection.id, primaryIndex))
  const indexes: Totals['indexes'][number][] = []
  for (const { id, name } of collection.indexes) {
    const index = yield* sizeOfRange(transaction, keyspaceRange(collection.id, id))
    indexes.push({ name, entries: index.entries, bytes: index.keyBytes + index.valueBytes })
  }
  const indexBytes = indexes.reduce((sum, { bytes }) => sum + bytes, 0)
  const capped = collection.model === 'document' ? optionsOf(collection).capped : undefined
  return { capped, count: entries, sizeBytes: valueBytes, indexBytes, indexes }
}

/** What `collStats` and the stage `$collStats` tell of a collection's bytes. */
export function writeTotals(
  writer: BsonWriter,
  { capped, count, sizeBytes, indexBytes, indexes }: Totals,
  scale: number,
): void {
  writer.count('count', count).count('size', Math.floor(sizeBytes / scale))
  if (count > 0) writer.count('avgObjSize', Math.floor(sizeBytes / count))
  writer.count('storageSize', Math.floor(sizeBytes / scale)).boolean('capped', capped !== undefined)
  if (capped !== undefined) {
    writer.count('max', capped.documents ?? mostDocuments).count('maxSize', Math.floor(capped.sizeBytes / scale))
  }
  writer
    .int32('nindexes', indexes.length + 1)
    .beginObject('indexSizes')
    .count('_id_', 0)
  for (const { name, bytes } of indexes) writer.count(name, Math.floor(bytes / scale))
  writer.end().count('totalIndexSize', Math.floor(indexBytes / scale))
  writer.count('totalSize', Math.floor((sizeBytes + indexBytes) / scale)).count('scaleFactor', scale)
}

function perUnit(request: Request): number {
  return Math.max(1, request.getInteger('scale') ?? 1)
}

function collStats(request: Request): Reply | Promise<Reply> {
  const { database, collectionName, namespace } = request
  const scale = perUnit(request)
  return request.read(function* (transaction): StatementSteps<Reply> {
    const collection = findDescribed(transaction, database, collectionName)
    const totals = collection === undefined ? noTotals : yield* totalsOf(transaction, collection)
    return (writer) => writeTotals(writer.string('ns', namespace), totals, scale)
  })
}

function dbStats(request: Request): Reply | Promise<Reply> {
  const { database } = request
  const scale = perUnit(request)
  return request.read(function* (transaction): StatementSteps<Reply> {
    requireAnyInAll(transaction, database, privilege.read | privilege.schema)
    const collections = transaction.catalog.relationsOf(database)
    let [objects, sizeBytes, indexBytes] = [0, 0, 0]
    for (const collection of collections) {
      const totals = yield* totalsOf(transaction, collection)
      objects += totals.count
      sizeBytes += totals.sizeBytes
      indexBytes += totals.indexBytes
    }
    const indexes = collections.reduce((count, collection) => count + collection.indexes.length + 1, 0)
    return (writer) => {
      writer.string('db', database).count('collections', collections.length).count('objects', objects)
      writer.double('avgObjSize', objects === 0 ? 0 : sizeBytes / objects).double('dataSize', sizeBytes / scale)
      writer
        .double('storageSize', sizeBytes / scale)
        .count('indexes', indexes)
        .double('indexSize', indexBytes / scale)
      writer.count('scaleFactor', scale)
    }
  })
}

export const statisticsCommands: readonly Command[] = [
  { name: 'collStats', aliases: ['collstats'], fields: ['scale'], access: 'collections', run: collStats },
  {
    name: 'dbStats',
    aliases: ['dbstats'],
    fields: ['scale', 'freeStorage'],
    access: 'collections',
    run: dbStats,
  },
]
