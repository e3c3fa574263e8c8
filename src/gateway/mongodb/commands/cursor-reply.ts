/** The first batch of a query, and the cursor behind it. */
import type { Statement } from '../../../database/contract.ts'
import type { Workspace } from '../../../database/transaction/workspace.ts'
import {
  firstBatch,
  forgetPosition,
  type BatchResult,
  type BatchWants,
  type Query,
} from '../../../language/mql/query.ts'
import { indexName, type BsonWriter } from '../../../model/document/bson-writer.ts'
import type { BsonValue } from '../../../model/document/bson.ts'
import type { Reply, Request } from '../request.ts'
import { findSource } from './query-options.ts'

const firstBatchDocuments = 101
/** A batch ends behind the document that passes this; the largest document still fits a message. */
const batchBytes: number = 4 * 1024 * 1024

/** Type and index of an array's element. */
const elementHeadBytes = 10

export interface CursorOptions {
  readonly collection: string
  readonly batchSize: number | undefined
  readonly singleBatch: boolean
}

export function openCursor(request: Request, query: Query, options: CursorOptions): Reply | Promise<Reply> {
  const { database } = request
  const wants = batchWants(request, options.batchSize ?? firstBatchDocuments)
  const statement: Statement<BatchResult> = (transaction) =>
    firstBatch(query, findSource(transaction.catalog, database, options.collection), transaction, wants)
  const result = request.read(statement)
  if (!(result instanceof Promise)) return firstReply(request, query, options, result)
  return result.then((batch) => firstReply(request, query, options, batch))
}

export function batchWants({ gateway, session }: Request, documents: number): BatchWants {
  const openWorkspace = (): Workspace => gateway.sessions.openWorkspace(session.database, 'the cursor')
  return { documents, bytes: batchBytes, openWorkspace }
}

function firstReply(request: Request, query: Query, options: CursorOptions, batch: BatchResult): Reply {
  const namespace = `${request.database}.${options.collection}`
  let id = 0n
  try {
    if (batch.next !== undefined && !options.singleBatch) id = keepCursor(request, query, options, batch)
  } finally {
    if (id === 0n) forgetPosition(batch.next)
  }
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
    requestBytes: request.retainedBytes,
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
  let bytes = 0
  for (const document of documents) bytes += document.end - document.start + elementHeadBytes
  writer.out.reserve(bytes)
  for (const [i, document] of documents.entries()) writer.value(indexName(i), document)
  writer.end().int64('id', id).string('ns', namespace).end()
}
