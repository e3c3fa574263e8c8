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
import type { BsonValue } from '../../../model/document/bson.ts'
import { writeElements, type Reply } from '../reply.ts'
import type { Request } from '../request.ts'
import { type Snapshot, writeSnapshot } from '../snapshots.ts'
import { sourceOfQuery } from './query-options.ts'

const firstBatchDocuments = 101
/** A batch ends behind the document that passes this; the largest document still fits a message. */
const batchBytes: number = 4 * 1024 * 1024

export interface CursorOptions {
  readonly collection: string
  readonly batchSize: number | undefined
  readonly singleBatch: boolean
  /** Also where nobody asks for it for long. */
  readonly isKept?: boolean
}

export function openCursor(request: Request, query: Query, options: CursorOptions): Reply | Promise<Reply> {
  const { database } = request
  const opened: Workspace[] = []
  const wants = batchWants(request, options.batchSize ?? firstBatchDocuments, opened)
  const statement: Statement<BatchResult> = (transaction) =>
    firstBatch(query, sourceOfQuery(transaction, database, options.collection, query), transaction, wants)
  /** A statement that has ended well may fail by its commit: then nobody hears of what it has kept. */
  const failed = (error: unknown): never => {
    for (const workspace of opened) workspace.close()
    throw error
  }
  const reply = (batch: BatchResult): Reply => firstReply(request, query, options, batch)
  try {
    const result = request.read(statement)
    return result instanceof Promise ? result.then(reply).catch(failed) : reply(result)
  } catch (error) {
    return failed(error)
  }
}

/** `opened`: gets the workspaces that a first batch opens. */
export function batchWants({ gateway, session }: Request, documents: number, opened?: Workspace[]): BatchWants {
  const openWorkspace = (): Workspace => {
    const workspace = gateway.sessions.openWorkspace(session.database, 'the cursor')
    opened?.push(workspace)
    return workspace
  }
  return { documents, bytes: batchBytes, openWorkspace }
}

function firstReply(request: Request, query: Query, options: CursorOptions, batch: BatchResult): Reply {
  const namespace = `${request.database}.${options.collection}`
  let id = 0n
  try {
    // Nobody would ask for more: its client has gone, or has given up waiting.
    const isWanted = !options.singleBatch && !request.isCanceled
    if (batch.next !== undefined && isWanted) id = keepCursor(request, query, options, batch)
  } finally {
    if (id === 0n) forgetPosition(batch.next)
  }
  return cursorReply('firstBatch', batch.documents, id, namespace, request.snapshot)
}

function keepCursor(request: Request, query: Query, options: CursorOptions, batch: BatchResult): bigint {
  const { snapshot } = request
  const { id } = request.gateway.cursors.add({
    namespace: `${request.database}.${options.collection}`,
    collection: options.collection,
    mongoDatabase: request.database,
    database: request.session.database,
    owner: request.session.identity.ownRoleId,
    transaction: request.inTransaction ? request.logical!.transactionKey : undefined,
    query,
    position: batch.next!,
    requestBytes: request.retainedBytes,
    isKept: options.isKept === true,
    snapshot,
  })
  if (snapshot !== undefined) snapshot.isKept = true
  return id
}

export function cursorReply(
  name: 'firstBatch' | 'nextBatch',
  documents: readonly BsonValue[],
  id: bigint,
  namespace: string,
  snapshot?: Snapshot,
): Reply {
  return {
    *steps(writer) {
      writer.beginObject('cursor').beginArray(name)
      yield* writeElements(writer, documents)
      writer.end()
      writeSnapshot(writer, snapshot)
      writer.int64('id', id).string('ns', namespace).end()
    },
  }
}
