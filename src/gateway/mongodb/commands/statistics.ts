/** `collStats`, `dbStats` and `dataSize`: counted, not estimated. */
import { keyspaceRange, primaryIndex } from '../../../base/tuple.ts'
import { privilege } from '../../../database/access/privileges.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { findDescribed, requireAnyInAll } from '../access.ts'
import type { Command, Reply, Request } from '../request.ts'
import { sizeOfRange } from './range-size.ts'

interface Totals {
  readonly count: number
  readonly sizeBytes: number
  readonly indexBytes: number
}

function* totalsOf(transaction: Transaction, collection: Collection): StatementSteps<Totals> {
  const { entries, valueBytes } = yield* sizeOfRange(transaction, keyspaceRange(collection.id, primaryIndex))
  let indexBytes = 0
  for (const { id } of collection.indexes) {
    const index = yield* sizeOfRange(transaction, keyspaceRange(collection.id, id))
    indexBytes += index.keyBytes + index.valueBytes
  }
  return { count: entries, sizeBytes: valueBytes, indexBytes }
}

function perUnit(request: Request): number {
  return Math.max(1, request.getInteger('scale') ?? 1)
}

function collStats(request: Request): Reply | Promise<Reply> {
  const { database, collectionName, namespace } = request
  const scale = perUnit(request)
  return request.read(function* (transaction): StatementSteps<Reply> {
    const collection = findDescribed(transaction, database, collectionName)
    const totals =
      collection === undefined ? { count: 0, sizeBytes: 0, indexBytes: 0 } : yield* totalsOf(transaction, collection)
    const { count, sizeBytes, indexBytes } = totals
    return (writer) => {
      writer
        .string('ns', namespace)
        .count('count', count)
        .count('size', Math.floor(sizeBytes / scale))
      if (count > 0) writer.count('avgObjSize', Math.floor(sizeBytes / count))
      writer
        .count('storageSize', Math.floor(sizeBytes / scale))
        .int32('nindexes', (collection?.indexes.length ?? 0) + 1)
      writer.count('totalIndexSize', Math.floor(indexBytes / scale)).count('scaleFactor', scale)
    }
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
