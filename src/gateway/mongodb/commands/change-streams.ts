/** `$changeStream`, the first stage of an aggregation: what it asks, and the cursor that tells of changes. */
import { copySlice } from '../../../base/slice.ts'
import { privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { arrayOf } from '../../../language/mql/expression-contract.ts'
import { changeStages, pipelineQuery } from '../../../language/mql/pipeline.ts'
import { noVariables } from '../../../language/mql/scope.ts'
import { bsonType, type BsonValue, documentValue, elementsOf, fieldsOf } from '../../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { isTruthy, readString } from '../../../model/document/values.ts'
import { StoredDocuments } from '../../../query/stored-documents.ts'
import { requireInAll } from '../access.ts'
import {
  ChangeStream,
  decodeToken,
  firstNeeded,
  historyLost,
  type ImageWish,
  type LookUp,
  type StreamOptions,
  type StreamPlace,
  type StreamScope,
} from '../change-stream.ts'
import { msOfClusterTime, readClusterTime } from '../cluster-clock.ts'
import type { OpenCursor } from '../cursors.ts'
import { writeElements, type Reply } from '../reply.ts'
import type { Request } from '../request.ts'
import { requirePresent } from '../snapshots.ts'
import { findSource, variablesOf } from './query-options.ts'
import { uncheckedReader } from './views.ts'

/** In place of a collection's name. */
export const wholeDatabase = '$cmd.aggregate'

const batchBytes: number = 4 * 1024 * 1024
/** How long `getMore` waits where the client does not say. */
export const awaitMs = 1000

export function isChangeStream(pipeline: BsonValue): boolean {
  if (pipeline.type !== bsonType.array) return false
  const [first] = elementsOf(pipeline)
  return first?.type === bsonType.object && fieldsOf(first)[0]?.[0] === '$changeStream'
}

const fullDocumentWishes = ['default', 'updateLookup', 'whenAvailable', 'required']
const beforeWishes = ['off', 'whenAvailable', 'required']

export async function openChangeStream(
  request: Request,
  pipeline: BsonValue,
  collection: string | undefined,
  batchSize: number | undefined,
): Promise<Reply> {
  if (request.inTransaction) {
    throw mongoError(263, 'Operation not permitted in transaction :: caused by :: $changeStream', 'unsupported')
  }
  requirePresent(request, '$changeStream')
  const place = { database: request.database, variables: variablesOf(request) }
  const reader = uncheckedReader(place)
  const [first] = elementsOf(pipeline)
  const options = parseOptions(request, fieldsOf(first!)[0]![1], collection)
  const stages = changeStages(pipeline, { variables: place.variables, reader })
  checkRights(request, options.scope)
  const { gateway, session } = request
  const changes = await gateway.sessions.changesOf(session.database)
  if (!changes.wasNoted && options.fromMs !== undefined && options.fromMs < gateway.sessions.host.now())
    throw historyLost()
  const from = options.after && firstNeeded(options.after)
  const start = from ?? (options.fromMs === undefined ? changes.next() : await changes.oldest())
  if (from !== undefined && from < (await changes.oldest())) throw historyLost()
  const abort = new AbortController()
  const { host } = gateway.sessions
  const pause = (): Promise<void> => new Promise((resolve) => host.turn(resolve))
  const feed = changes.feed({ from: start, follow: true, signal: abort.signal })
  const stream = new ChangeStream({ ...options, stages }, { feed, abort, pause, from: start })
  const namespace = `${request.database}.${collection ?? wholeDatabase}`
  const cursor = gateway.cursors.add({
    namespace,
    collection: collection ?? wholeDatabase,
    mongoDatabase: request.database,
    database: session.database,
    owner: session.identity.ownRoleId,
    transaction: undefined,
    query: pipelineQuery(arrayOf([]), { variables: noVariables, reader }),
    position: { kind: 'stream', stream },
    requestBytes: request.retainedBytes,
  })
  // What is there already comes with the first answer; nobody waits for more.
  const events = batchSize === 0 ? [] : await stream.take(batchSize ?? 101, batchBytes, pause(), lookUpBy(request))
  return streamReply('firstBatch', events, cursor, stream, request)
}

/** The next events; where there are none, whoever asks waits for a while. */
export async function nextEvents(
  request: Request,
  cursor: OpenCursor,
  stream: ChangeStream,
  most: number,
): Promise<Reply> {
  checkRights(request, stream.scope)
  const { host } = request.gateway.sessions
  const waitMs = request.getCount('maxTimeMS') ?? awaitMs
  let cancel: (() => void) | undefined
  const isOver = new Promise<void>((resolve) => {
    cancel = host.at(waitMs, resolve)
    request.onCancel = resolve
  })
  try {
    const events = await stream.take(most, batchBytes, isOver, lookUpBy(request))
    return streamReply('nextBatch', events, cursor, stream, request)
  } finally {
    cancel?.()
    request.onCancel = undefined
  }
}

function streamReply(
  name: 'firstBatch' | 'nextBatch',
  events: readonly BsonValue[],
  cursor: OpenCursor,
  stream: ChangeStream,
  { gateway }: Request,
): Reply {
  gateway.cursors.done(cursor, stream.isInvalidated ? undefined : cursor.position)
  const id = stream.isInvalidated ? 0n : cursor.id
  const { token } = stream
  return {
    *steps(writer) {
      writer.beginObject('cursor').beginArray(name)
      yield* writeElements(writer, events)
      writer.end().int64('id', id).string('ns', cursor.namespace)
      writer.beginObject('postBatchResumeToken').string('_data', token).end().end()
    },
  }
}

function checkRights({ session }: Request, { database, collection }: StreamScope): void {
  const { rights, catalog } = session
  if (rights.areUnlimited) return
  const wanted = privilege.read | privilege.feed
  const found =
    database === undefined || collection === undefined ? undefined : catalog.findCollection(database, collection)
  if (found !== undefined) rights.require(found, wanted)
  else if (database === undefined) rights.requireInDatabase(wanted, 'admin')
  else requireInAll({ catalog, principal: { rights } }, database, wanted)
}

function lookUpBy(request: Request): LookUp {
  return async (database, collection, id) =>
    request.read(function* (transaction): StatementSteps<BsonValue | undefined> {
      const source = findSource(transaction, database, collection, privilege.read)
      if (!(source instanceof StoredDocuments)) return undefined
      return yield* inPlace(transaction, () => {
        const found = source.find(transaction, id)
        return found && documentValue(copySlice(found))
      })
    })
}

function parseOptions(
  request: Request,
  specification: BsonValue,
  collection: string | undefined,
): Omit<StreamOptions, 'stages'> {
  if (specification.type !== bsonType.object) {
    throw mongoError(50_808, '$changeStream stage expects a document as argument', 'wrong_type')
  }
  const fields = new Map(fieldsOf(specification))
  for (const name of fields.keys()) {
    if (!known.has(name)) throw mongoError(40_415, `BSON field '$changeStream.${name}' is an unknown field.`)
  }
  const isCluster = flag(fields, 'allChangesForCluster')
  if (isCluster && (request.database !== 'admin' || collection !== undefined)) {
    const message = 'A $changeStream with allChangesForCluster:true may only be opened on the admin database'
    throw mongoError(mongoCode.invalidOptions, message)
  }
  const places = ['resumeAfter', 'startAfter', 'startAtOperationTime'].filter((name) => fields.has(name))
  if (places.length > 1) {
    const message = `Only one type of resume option is allowed, but multiple were found: ${places.join(', ')}`
    throw mongoError(40_674, message)
  }
  return {
    scope: isCluster ? { database: undefined, collection: undefined } : { database: request.database, collection },
    fullDocument: wish(fields, 'fullDocument', fullDocumentWishes, 'default'),
    fullDocumentBeforeChange: wish(fields, 'fullDocumentBeforeChange', beforeWishes, 'off'),
    showsExpanded: flag(fields, 'showExpandedEvents'),
    after: placeOf(fields),
    fromMs: timeOf(fields.get('startAtOperationTime')),
  }
}

const known: ReadonlySet<string> = new Set([
  'allChangesForCluster',
  'fullDocument',
  'fullDocumentBeforeChange',
  'resumeAfter',
  'startAfter',
  'startAtOperationTime',
  'showExpandedEvents',
])

function flag(fields: ReadonlyMap<string, BsonValue>, name: string): boolean {
  const value = fields.get(name)
  return value !== undefined && isTruthy(value)
}

function wish(
  fields: ReadonlyMap<string, BsonValue>,
  name: string,
  allowed: readonly string[],
  otherwise: ImageWish,
): ImageWish {
  const value = fields.get(name)
  if (value === undefined || value.isNullish) return otherwise
  const text = value.type === bsonType.string ? readString(value) : ''
  if (allowed.includes(text)) return text as ImageWish
  throw mongoError(
    mongoCode.badValue,
    `Enumeration value '${text}' for field '$changeStream.${name}' is not a valid value.`,
  )
}

function placeOf(fields: ReadonlyMap<string, BsonValue>): StreamPlace | undefined {
  const [resumed, started] = [fields.get('resumeAfter'), fields.get('startAfter')]
  const token = resumed ?? started
  if (token === undefined) return undefined
  const place = decodeToken(token)
  if (resumed === undefined || place.kind !== 1) return place
  throw mongoError(
    260,
    'Attempting to resume a change stream using resumeAfter is not allowed from an invalidate notification.',
  )
}

function timeOf(value: BsonValue | undefined): number | undefined {
  if (value === undefined) return undefined
  const { seconds, counter } = readClusterTime(value, '$changeStream.startAtOperationTime')
  // A counter of less than a millisecond's is of somebody who knows the seconds alone.
  return msOfClusterTime(seconds, counter)
}
