/** Capped and clustered collections, as `create` and `convertToCapped` make them. */
import type { JsonObject } from '../../../database/catalog/catalog.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { bsonType, type BsonValue, fieldsOf, getField } from '../../../model/document/bson.ts'
import { type Cap, optionsOf } from '../../../model/document/collection-options.ts'
import { makeCapped } from '../../../model/document/document.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { isTruthy, readString, toDouble, toSafeInteger } from '../../../model/document/values.ts'
import type { Reply, Request } from '../request.ts'
import { requireDocuments } from './indexes.ts'
import { requireCollection } from './query-options.ts'

export const kindOptions: readonly string[] = ['capped', 'size', 'max', 'clusteredIndex']

/** What they say in the definition of the collection. */
export function kindOf(request: Request): JsonObject {
  const clustered = clusteredName(request.get('clusteredIndex'))
  if (!request.getBoolean('capped', false)) {
    for (const name of ['size', 'max']) if (request.get(name) !== undefined) throw needsCapped(name)
    return clustered === undefined ? {} : { clustered }
  }
  if (clustered !== undefined) throw invalid("'clusteredIndex' is not allowed with 'capped'")
  for (const name of ['viewOn', 'timeseries']) {
    if (request.get(name) !== undefined) throw invalid(`'capped' is not allowed with '${name}'`)
  }
  return { capped: { ...capOf(request) } }
}

function needsCapped(name: string): Error {
  return invalid(`the '${name}' field requires 'capped' to be true`)
}

function invalid(message: string): Error {
  return mongoError(mongoCode.invalidOptions, message)
}

const leastBytes = 4096
const mostBytes = 2 ** 50
const mostDocuments = 2 ** 31

/** As the server rounds it. */
function capOf(request: Request): Cap {
  const size = request.get('size')
  if (size === undefined) throw invalid("the 'size' field is required when 'capped' is true")
  const bytes = size.isNumber ? Math.trunc(toDouble(size)) : NaN
  if (!(bytes >= 1 && bytes <= mostBytes))
    throw mongoError(mongoCode.badValue, "the 'size' of a capped collection must be from 1 byte to 1 PB")
  const sizeBytes = bytes <= leastBytes ? leastBytes : Math.ceil(bytes / 256) * 256
  const max = request.get('max')
  const documents = max === undefined ? 0 : toSafeInteger(max)
  if (documents === undefined || documents >= mostDocuments) {
    throw mongoError(mongoCode.badValue, `the 'max' of a capped collection must be a number below ${mostDocuments}`)
  }
  return documents > 0 ? { sizeBytes, documents } : { sizeBytes }
}

/** Documents lie by their `_id` in every collection: what is asked for is how it is told. */
function clusteredName(option: BsonValue | undefined): string | undefined {
  if (option === undefined) return undefined
  if (option.type !== bsonType.object) {
    throw mongoError(mongoCode.typeMismatch, "'clusteredIndex' has to be an object", 'wrong_type')
  }
  const unknown = fieldsOf(option).find(([name]) => !['key', 'unique', 'name', 'v'].includes(name))
  if (unknown !== undefined)
    throw mongoError(40_415, `BSON field 'create.clusteredIndex.${unknown[0]}' is an unknown field.`)
  const key = getField(option, 'key')
  const [only, ...more] = key?.type === bsonType.object ? fieldsOf(key) : []
  if (only?.[0] !== '_id' || more.length > 0 || !only[1].isNumber || toDouble(only[1]) !== 1) {
    throw invalid('The clusteredIndex option is only supported for key: {_id: 1}')
  }
  const unique = getField(option, 'unique')
  if (unique === undefined || !isTruthy(unique)) {
    throw mongoError(5_979_700, 'The clusteredIndex option requires unique: true to be specified')
  }
  const name = getField(option, 'name')
  return name?.type === bsonType.string ? readString(name) : '_id_'
}

export function convertToCapped(request: Request): Reply | Promise<Reply> {
  const { database, collectionName } = request
  const capped = { ...capOf(request) }
  return request.session.run(function* (transaction): StatementSteps<Reply> {
    const collection = requireCollection(transaction, database, collectionName)
    requireDocuments(collection)
    const options = optionsOf(collection)
    if (options.capped !== undefined) throw invalid(`${database}.${collectionName} is capped already`)
    if (options.clustered !== undefined) throw invalid('a clustered collection cannot be converted')
    yield* inPlace(transaction, () => {
      const before = transaction.catalog.collectionById(collection.id)!
      transaction.alterCollection(before, { definition: { ...before.definition, capped } })
    })
    yield* makeCapped(transaction, transaction.catalog.collectionById(collection.id)!)
    return () => undefined
  })
}
