/**
 * The stable API: a client that declares version 1 and `apiStrict` is refused what is not in it, by the name of that.
 *
 * Nothing of version 1 is deprecated, so `apiDeprecationErrors` refuses nothing.
 */
import { bsonType, type BsonValue, elementsOf, fieldsOf, isEmptyDocument } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import { isTruthy, readString } from '../../model/document/values.ts'
import type { Request } from './request.ts'

/** The manual's list, and what drivers send on their own behalf. */
const commandsOfOne = new Set(
  (
    'abortTransaction aggregate authenticate collMod commitTransaction count create createIndexes delete drop ' +
    'dropDatabase dropIndexes endSessions explain find findAndModify getMore hello insert killCursors listCollections ' +
    'listDatabases listIndexes logout ping refreshSessions saslContinue saslStart update configureFailPoint'
  ).split(' '),
)

const fieldsNotInOne: ReadonlyMap<string, readonly string[]> = new Map([
  ['find', ['awaitData', 'max', 'min', 'noCursorTimeout', 'oplogReplay', 'returnKey', 'showRecordId', 'tailable']],
  ['create', ['autoIndexId', 'capped', 'indexOptionDefaults', 'max', 'size', 'storageEngine']],
  ['aggregate', ['explain']],
])

const stagesNotInOne = new Set(
  '$currentOp $indexStats $listLocalSessions $listSessions $planCacheStats $search $searchMeta $listSearchIndexes'.split(
    ' ',
  ),
)

const optionsOfIndexesNotInOne = new Set(['background', 'bucketSize', 'sparse', 'storageEngine'])

/** Errors: APIVersionError (322), APIStrictError (323). `name`: without aliases. */
export function checkStableApi(name: string, request: Request): void {
  const version = request.get('apiVersion')
  if (version === undefined) {
    const needless = ['apiStrict', 'apiDeprecationErrors'].find((option) => request.get(option) !== undefined)
    if (needless === undefined) return
    throw mongoError(4_886_600, `Provided ${needless} without passing apiVersion`)
  }
  const text = request.getString('apiVersion')!
  if (text !== '1') throw mongoError(322, `API version must be "1"`)
  if (request.getBoolean('apiStrict', false)) checkStrictly(name, request)
}

function checkStrictly(name: string, request: Request): void {
  if (!commandsOfOne.has(name)) throw notInOne(`command ${name}`)
  const field = fieldsNotInOne.get(name)?.find((one) => request.get(one) !== undefined)
  if (field !== undefined) throw notInOne(`option ${field} of ${name}`)
  if (name === 'aggregate') checkPipeline(request.get('pipeline'))
  if (name === 'createIndexes') request.getArray('indexes')?.forEach(checkIndex)
}

function checkPipeline(pipeline: BsonValue | undefined): void {
  if (pipeline?.type !== bsonType.array) return
  for (const stage of elementsOf(pipeline)) {
    if (stage.type !== bsonType.object || isEmptyDocument(stage)) continue
    const [[name, specification]] = fieldsOf(stage) as [[string, BsonValue]]
    if (stagesNotInOne.has(name)) throw notInOne(`stage ${name}`)
    // Of what it tells only the count is.
    const isWhole = name === '$collStats' && specification.type === bsonType.object
    const other = isWhole ? fieldsOf(specification).find(([part]) => part !== 'count') : undefined
    if (other !== undefined) throw notInOne(`$collStats with ${other[0]}`)
  }
}

function checkIndex(index: BsonValue): void {
  if (index.type !== bsonType.object) return
  for (const [name, value] of fieldsOf(index)) {
    if (optionsOfIndexesNotInOne.has(name) && isTruthy(value)) throw notInOne(`option ${name} of an index`)
    if (name !== 'key' || value.type !== bsonType.object) continue
    const kind = fieldsOf(value).find(([, order]) => order.type === bsonType.string && readString(order) === 'text')
    if (kind !== undefined) throw notInOne('a text index')
  }
}

function notInOne(what: string): Error {
  return mongoError(323, `Provided apiStrict:true, but ${what} is not in API Version 1`)
}
