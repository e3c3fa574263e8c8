/** The first batch of a query, and the cursor behind it. */
import type { Statement } from '../../../database/contract.ts'
import { firstBatch, type BatchResult, type BatchWants, type Query } from '../../../language/mql/query.ts'
import { indexName, type BsonWriter } from '../../../model/document/bson-writer.ts'
import type { BsonValue } from '../../../model/document/bson.ts'
import type { Reply, Request } from '../request.ts'
import { findSource } from './query-options.ts'

const firstBatchDocuments = 101
/** A batch ends behind the document that passes this; the largest document still fits a message. */
export const batchBytes: number = 4 * 1024 * 1024

export interface CursorOptions {
  readonly collection: string
  readonly batchSize: number | undefined
  readonly singleBatch: boolean
}

export function openCursor(request: Request, query: Query, options: CursorOptions): Reply | Promise<Reply> {
  const { database } = request
  const wants: BatchWants = { documents: options.batchSize ?? firstBatchDocuments, bytes: batchBytes }
  const statement: Statement<BatchResult> = (transaction) =>
    firstBatch(query, findSource(transaction.catalog, database, options.collection), transaction, wants)
  const result = request.read(statement)
  if (!(result instanceof Promise)) return firstReply(request, query, options, result)
  return result.then((batch) => firstReply(request, query, options, batch))
}

function firstReply(request: Request, query: Query, options: CursorOptions, batch: BatchResult): Reply {
  const namespace = `${request.database}.${options.collection}`
  const id = batch.next === undefined || options.singleBatch ? 0n : keepCursor(request, query, options, batch)
  return (writer) => writeCursor(writer, 'firstBatch', batch.documents, id, namespace)
}

function keepCursor(request: Request, query: Query, options: CursorOptions, batch: BatchResult): bigint {
  return request.gateway.cursors.add({
    namespace: `${request.database}.${options.collection}`,
    collection: options.collection,
    mongoDatabase: request.database,
    database: request.session.database,
    transaction: request.inTransaction ? request.logical!.transactionKey : undefined,
    query,
    position: batch.next!,
  }).id
}

export function writeCursor(
  writer: BsonWriter,
  name: 'firstBatch' | 'nextBatch',
  documents: readonly BsonValue[],
  id: bigint,
  namespace: string,
): void {
  writer.beginObject('cursor').beginArray(name)
  for (const [i, document] of documents.entries()) writer.value(indexName(i), document)
  writer.end().int64('id', id).string('ns', namespace).end()
}
