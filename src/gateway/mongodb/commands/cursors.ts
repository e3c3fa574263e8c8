/** `getMore` and `killCursors`. */
import type { StatementSteps } from '../../../database/contract.ts'
import { nextBatch, type BatchResult, type BatchWants } from '../../../language/mql/query.ts'
import { bsonType } from '../../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { indexName } from '../../../model/document/bson-writer.ts'
import { readInt64 } from '../../../model/document/values.ts'
import { mayAdminister } from '../access.ts'
import { readConcernLevel } from '../concerns.ts'
import type { CursorAsker, OpenCursor } from '../cursors.ts'
import { nextEvents, wholeDatabase } from './change-streams.ts'
import type { ChangeStream } from '../change-stream.ts'
import { checkCollectionName, missingField, type Command, type Reply, type Request } from '../request.ts'
import { awaitBatch } from './await-batch.ts'
import { batchWants, cursorReply } from './cursor-reply.ts'
import { refuseOptions, sourceOfQuery } from './query-options.ts'

function getMore(request: Request): Reply | Promise<Reply> {
  const id = request.getInt64('getMore')!
  const collection = request.getString('collection')
  if (collection === undefined) throw missingField('getMore', 'collection')
  const namespace = `${request.database}.${cursorName(request.database, collection)}`
  const transaction = request.inTransaction ? request.logical!.transactionKey : undefined
  const cursor = request.gateway.cursors.take(id, namespace, askerOf(request), transaction)
  if (cursor.snapshot !== undefined) request.session = cursor.snapshot.session
  else if (transaction === undefined && readConcernLevel(request) === 'snapshot') {
    request.gateway.cursors.done(cursor, cursor.position)
    throw mongoError(mongoCode.invalidOptions, 'the cursor does not read a snapshot')
  }
  const batchSize = request.getCount('batchSize')
  if (cursor.position.kind === 'stream') return moreEvents(request, cursor, batchSize ?? 0)
  try {
    // Only a cursor that waits for more can be given a time to wait.
    if (cursor.query.awaits !== true) refuseOptions(request, ['maxTimeMS'])
  } catch (error) {
    request.gateway.cursors.done(cursor, cursor.position)
    throw error
  }
  const wants = batchWants(request, batchSize === undefined || batchSize === 0 ? Infinity : batchSize)
  if (cursor.query.awaits === true) {
    return awaitBatch(request, cursor, () => readBatch(request, cursor, wants)).then(
      (batch) => batchReply(request, cursor, batch),
      (error: unknown) => dropped(request, cursor, error),
    )
  }
  try {
    const result = readBatch(request, cursor, wants)
    if (!(result instanceof Promise)) return batchReply(request, cursor, result)
    return result.then(
      (batch) => batchReply(request, cursor, batch),
      (error: unknown) => dropped(request, cursor, error),
    )
  } catch (error) {
    return dropped(request, cursor, error)
  }
}

/** Of a cursor over more than a collection. */
function cursorName(database: string, name: string): string {
  return name === wholeDatabase ? name : checkCollectionName(database, name)
}

function moreEvents(request: Request, cursor: OpenCursor, batchSize: number): Promise<Reply> {
  const { stream } = cursor.position as unknown as { readonly stream: ChangeStream }
  return nextEvents(request, cursor, stream, batchSize === 0 ? Infinity : batchSize).catch((error: unknown) =>
    dropped(request, cursor, error),
  )
}

function askerOf({ session }: Request): CursorAsker {
  const { identity, database } = session
  return { roleId: identity.ownRoleId, database, mayEndAll: mayAdminister(session.rights) }
}

function readBatch(request: Request, cursor: OpenCursor, wants: BatchWants): BatchResult | Promise<BatchResult> {
  const { query, position } = cursor
  return request.read(function* (transaction): StatementSteps<BatchResult> {
    const source = sourceOfQuery(transaction, cursor.mongoDatabase, cursor.collection, query)
    return yield* nextBatch(query, () => source, transaction, wants, position)
  })
}

function batchReply(request: Request, cursor: OpenCursor, batch: BatchResult): Reply {
  request.gateway.cursors.done(cursor, batch.next)
  const id = batch.next === undefined ? 0n : cursor.id
  return cursorReply('nextBatch', batch.documents, id, cursor.namespace, cursor.snapshot)
}

/** A cursor whose batch failed is gone. */
function dropped(request: Request, cursor: OpenCursor, error: unknown): never {
  request.gateway.cursors.done(cursor, undefined)
  throw error
}

function killCursors(request: Request): Reply {
  const namespace = `${request.database}.${cursorName(request.database, request.getString('killCursors') ?? '')}`
  const list = request.getArray('cursors')
  if (list === undefined) throw missingField('killCursors', 'cursors')
  const killed: bigint[] = []
  const unknown: bigint[] = []
  for (const value of list) {
    if (value.type !== bsonType.int64) throw mongoError(mongoCode.typeMismatch, 'cursor ids are longs', 'wrong_type')
    const id = readInt64(value)
    if (request.gateway.cursors.kill(id, namespace, askerOf(request))) killed.push(id)
    else unknown.push(id)
  }
  return (writer) => {
    const lists = { cursorsKilled: killed, cursorsNotFound: unknown, cursorsAlive: [], cursorsUnknown: [] }
    for (const [name, ids] of Object.entries(lists)) {
      writer.beginArray(name)
      for (const [i, id] of ids.entries()) writer.int64(indexName(i), id)
      writer.end()
    }
  }
}

export const cursorCommands: readonly Command[] = [
  {
    name: 'getMore',
    fields: ['collection', 'batchSize'],
    access: 'collections',
    inTransaction: true,
    readsSnapshots: 'of its cursor',
    run: getMore,
  },
  {
    name: 'killCursors',
    fields: ['cursors'],
    access: 'user',
    inTransaction: true,
    readsSnapshots: 'of its cursor',
    run: killCursors,
  },
]
