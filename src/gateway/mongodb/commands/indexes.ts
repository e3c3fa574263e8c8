/** `createIndexes`, `listIndexes`, `dropIndexes`. */
import { privilege } from '../../../database/access/privileges.ts'
import type { Collection, Index, JsonObject } from '../../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { checkPartialFilter } from '../../../language/mql/partial-index.ts'
import { buildDocument, type BsonWriter } from '../../../model/document/bson-writer.ts'
import { bsonType, BsonValue, elementsOf, fieldsOf } from '../../../model/document/bson.ts'
import { noteSchema } from '../../../model/document/change-notes.ts'
import { type Collation, isSameCollation, storedCollation } from '../../../model/document/collation.ts'
import {
  collationOf,
  type IndexOptions,
  noOptions,
  optionsOf,
  withIndexOptions,
} from '../../../model/document/collection-options.ts'
import { ensureDocumentCollection } from '../../../model/document/document.ts'
import { createDocumentIndex } from '../../../model/document/index-build.ts'
import type { GeoField } from '../../../model/document/geo/geo-index.ts'
import { indexDefinition, type IndexOrder } from '../../../model/document/index-definition.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { isTruthy, readString, toDouble } from '../../../model/document/values.ts'
import { isDocumentView } from '../../../model/document/view.ts'
import type { SourceIndex } from '../../../query/document-source.ts'
import { openSource } from '../../../query/open-source.ts'
import { findAllowed, findDescribed, findDroppable, requireCreate } from '../access.ts'
import { type Command, missingField, type Reply, type Request } from '../request.ts'
import { cursorReply } from './cursor-reply.ts'
import { givenCollation, ofView, there } from './query-options.ts'

type KeyField = readonly [string, IndexOrder]

interface IndexSpecification {
  readonly name: string
  readonly fields: readonly KeyField[]
  readonly unique: boolean
  readonly sparse: boolean
  readonly partial: BsonValue | undefined
  /** As it was given; else its collection's. */
  readonly collation: ReturnType<typeof givenCollation>
  readonly options: Partial<IndexOptions>
}

/** Those that change nothing here included: `v`, `background`, `ns`. */
const knownOptions = new Set([
  'v',
  'background',
  'ns',
  'key',
  'name',
  'unique',
  'sparse',
  'collation',
  'hidden',
  'partialFilterExpression',
  'expireAfterSeconds',
  '2dsphereIndexVersion',
  'bits',
  'min',
  'max',
])

function parseIndex(specification: BsonValue): IndexSpecification {
  const options = new Map(fieldsOf(specification))
  const key = options.get('key')
  if (key?.type !== bsonType.object) {
    throw mongoError(mongoCode.failedToParse, "The 'key' field is a required property of an index specification")
  }
  for (const name of options.keys()) {
    if (knownOptions.has(name)) continue
    throw mongoError(mongoCode.cannotCreateIndex, `the index option '${name}' is not supported`, 'unsupported')
  }
  const order = options.get('collation')
  const collation = order === undefined ? undefined : givenCollation(order)
  const fields = parseKey(key, planeOf(options))
  const given = options.get('name')
  if (given?.type !== bsonType.string) {
    throw mongoError(mongoCode.failedToParse, "The 'name' field is a required property of an index specification")
  }
  const flag = (name: string): boolean => options.has(name) && isTruthy(options.get(name)!)
  const seconds = options.get('expireAfterSeconds')
  const partial = options.get('partialFilterExpression')
  const flags = { unique: flag('unique'), sparse: flag('sparse') }
  const specified = { name: readString(given), fields, ...flags, partial, collation }
  checkSpecification(specified, flag('hidden'), seconds)
  const expireAfterSeconds = seconds === undefined ? undefined : expiryOf(seconds)
  return { ...specified, options: { hidden: flag('hidden'), expireAfterSeconds } }
}

function checkSpecification(
  { fields, unique, sparse, partial }: Omit<IndexSpecification, 'options'>,
  hidden: boolean,
  seconds: BsonValue | undefined,
): void {
  const refuse = (message: string): never => {
    throw mongoError(mongoCode.cannotCreateIndex, message)
  }
  if (partial !== undefined) {
    if (partial.type !== bsonType.object) {
      throw mongoError(mongoCode.typeMismatch, "The field 'partialFilterExpression' must be an object", 'wrong_type')
    }
    if (sparse) refuse('cannot mix "partialFilterExpression" and "sparse" options')
    if (isIdKey(fields)) throw mongoError(mongoCode.invalidOptions, '_id index cannot be a partial index')
    checkPartialFilter(partial)
  }
  if (hidden && isIdKey(fields)) throw mongoError(mongoCode.badValue, "can't hide _id index")
  if (seconds !== undefined) {
    if (fields.length > 1) refuse('TTL indexes are single-field indexes, compound indexes do not support TTL')
    if (isIdKey(fields)) refuse("The field 'expireAfterSeconds' is not valid for an _id index specification")
  }
  const geometries = fields.filter(([, order]) => typeof order === 'object')
  if (geometries.length > 0 && unique) refuse('unique indexes of geometries are not supported')
  if (geometries.length > 0 && seconds !== undefined) refuse('TTL indexes of geometries are not supported')
  const isFlat = geometries.some(([, order]) => (order as GeoField).kind === '2d')
  if (isFlat && (geometries.length > 1 || fields[0] !== geometries[0]))
    refuse('2d has to be first in index, and is there once')
  const hashed = fields.filter(([, order]) => order === 'hashed').length
  if (hashed > 1) throw mongoError(31_303, 'A maximum of one index field is allowed to be hashed')
  if (hashed > 0 && unique)
    throw mongoError(16_764, 'Currently hashed indexes cannot guarantee uniqueness. Use a regular index.')
}

const mostSeconds = 0x7fff_ffff

export function expiryOf(seconds: BsonValue): number {
  const number = seconds.isNumber ? Math.trunc(toDouble(seconds)) : NaN
  if (number >= 0 && number <= mostSeconds) return number
  const message = `TTL index 'expireAfterSeconds' option must be within an acceptable range, from 0 to ${mostSeconds}`
  throw mongoError(mongoCode.cannotCreateIndex, message)
}

/** Of `2d` fields, and of what is given for them. */
function planeOf(options: ReadonlyMap<string, BsonValue>): Extract<GeoField, { kind: '2d' }> {
  const number = (name: string, otherwise: number): number => {
    const value = options.get(name)
    if (value === undefined) return otherwise
    const given = value.isNumber ? toDouble(value) : NaN
    if (Number.isFinite(given)) return given
    throw mongoError(mongoCode.typeMismatch, `The field '${name}' must be a number`, 'wrong_type')
  }
  const plane = { kind: '2d', bits: number('bits', 26), min: number('min', -180), max: number('max', 180) } as const
  if (plane.bits < 1 || plane.bits > 32)
    throw mongoError(mongoCode.invalidOptions, 'bits for hash must be > 0 and <= 32')
  if (plane.max <= plane.min)
    throw mongoError(mongoCode.invalidOptions, 'region for hash must be valid and have positive area')
  return plane
}

function parseKey(key: BsonValue, plane = planeOf(new Map())): KeyField[] {
  const fields = fieldsOf(key).map(([path, value]): KeyField => {
    const kind = value.type === bsonType.string ? readString(value) : ''
    if (kind === '2dsphere') return [path, { kind }]
    if (kind === '2d') return [path, plane]
    if (kind === 'hashed') return [path, kind]
    if (value.type === bsonType.string) {
      throw mongoError(mongoCode.cannotCreateIndex, `${readString(value)} indexes are not supported`, 'unsupported')
    }
    const order = value.isNumber ? toDouble(value) : 0
    if (order === 0 || Number.isNaN(order)) {
      throw mongoError(mongoCode.cannotCreateIndex, 'Values in the index key pattern must be numbers other than 0')
    }
    if (path.split('.').some((part) => part === '' || part.startsWith('$'))) {
      throw mongoError(mongoCode.cannotCreateIndex, `Index key contains an illegal field name: ${path}`)
    }
    return [path, order < 0 ? -1 : 1]
  })
  if (fields.length === 0) throw mongoError(mongoCode.cannotCreateIndex, 'Index keys cannot be an empty object.')
  if (fields.length > 32) throw mongoError(13_103, 'too many compound keys')
  return fields
}

export function isIdKey(fields: readonly KeyField[]): boolean {
  return fields.length === 1 && fields[0]![0] === '_id'
}

function createIndexes(request: Request): Reply | Promise<Reply> {
  const specifications = request.getDocuments('indexes').map(parseIndex)
  if (specifications.length === 0) throw mongoError(mongoCode.badValue, 'Must specify at least one index to create')
  const { database, collectionName } = request
  return request.session.run(function* (transaction): StatementSteps<Reply> {
    const existing = findAllowed(transaction, database, collectionName, privilege.schema)
    if (existing === undefined) requireCreate(transaction, database)
    const collection = existing ?? ensureDocumentCollection(transaction, database, collectionName)
    requireDocuments(collection)
    for (const specification of specifications) yield* createOne(transaction, collection.id, specification)
    yield* inPlace(transaction, () => {
      noteSchema(transaction, 'createIndexes', database, collection, (writer) => {
        writer.beginObject('operationDescription').beginArray('indexes')
        for (const [i, one] of request.getDocuments('indexes').entries()) writer.value(String(i), one)
        writer.end().end()
      })
    })
    const after = transaction.catalog.collectionById(collection.id)!.indexes.length + 1
    return (writer) => {
      writer.int32('numIndexesBefore', collection.indexes.length + 1).int32('numIndexesAfter', after)
      writer.boolean('createdCollectionAutomatically', existing === undefined)
      if (after === collection.indexes.length + 1) writer.string('note', 'all indexes already exist')
    }
  })
}

export function requireDocuments(collection: Collection): void {
  if (collection.model === 'document') return
  if (isDocumentView(collection)) throw ofView(collection)
  const message = `${collection.name} is a ${collection.model}: its indexes are made through its own door`
  throw mongoError(mongoCode.cannotCreateIndex, message, 'foreign_model_violation')
}

function* createOne(
  transaction: Transaction,
  collectionId: number,
  specification: IndexSpecification,
): StatementSteps<void> {
  const { name, fields, unique, sparse, partial, options } = specification
  const collection = transaction.catalog.collectionById(collectionId)!
  const collation = specification.collation === undefined ? collationOf(collection) : specification.collation.order
  if (isIdKey(fields)) {
    checkIdIndex(collection, collation)
    return
  }
  const definition = indexDefinition(fields, sparse, partial, collation)
  const wanted = JSON.stringify(definition)
  const byKey = collection.indexes.find((index) => keyOf(index) === keyOf({ definition }))
  const byName = collection.indexes.find((index) => index.name === name)
  if (
    byName !== undefined &&
    byName === byKey &&
    JSON.stringify(byName.definition) === wanted &&
    byName.unique === unique &&
    optionsOf(collection).index(byName.id).expireAfterSeconds === options.expireAfterSeconds
  )
    return
  if (byName !== undefined) {
    const code = byName === byKey ? mongoCode.indexOptionsConflict : mongoCode.indexKeySpecsConflict
    throw mongoError(code, `An existing index has the same name as the requested index: ${name}`, 'duplicate_object')
  }
  if (byKey !== undefined) {
    throw mongoError(
      mongoCode.indexOptionsConflict,
      `Index already exists with a different name: ${byKey.name}`,
      'duplicate_object',
    )
  }
  if (collection.indexes.length >= 63)
    throw mongoError(mongoCode.cannotCreateIndex, 'add index fails, too many indexes')
  const index = yield* createDocumentIndex(transaction, collection, { name, unique, definition })
  if (options.hidden === true || options.expireAfterSeconds !== undefined) {
    yield* inPlace(transaction, () => changeIndexOptions(transaction, collectionId, index.id, options))
  }
}

function checkIdIndex(collection: Collection, collation: Collation | undefined): void {
  if (isSameCollation(collation, collationOf(collection))) return
  const message = 'The _id index must have the same collation as the collection'
  throw mongoError(mongoCode.badValue, message)
}

export function changeIndexOptions(
  transaction: Transaction,
  collectionId: number,
  index: number,
  options: Partial<IndexOptions> | undefined,
): void {
  const collection = transaction.catalog.collectionById(collectionId)!
  transaction.alterCollection(collection, { definition: withIndexOptions(collection.definition, index, options) })
}

/** Of the same key there may be several, each of other documents. */
function keyOf({ definition }: Pick<Index, 'definition'>): string {
  const { fields, hashed, partial, geo, collation: stored } = definition
  const collation = storedCollation(stored)?.identity
  return JSON.stringify([fields, hashed, partial, geo, collation])
}

function writeIndex(writer: BsonWriter, index: SourceIndex): void {
  writer.int32('v', 2).beginObject('key')
  const { hashed } = index
  for (const [i, { path, descending, geo }] of index.fields.entries()) {
    if (geo !== undefined) writer.string(path.text, geo.kind)
    else if (i === hashed) writer.string(path.text, 'hashed')
    else writer.int32(path.text, descending ? -1 : 1)
  }
  writer.end().string('name', index.name)
  const geo = index.fields.find((field) => field.geo !== undefined)?.geo
  if (geo?.kind === '2dsphere') writer.int32('2dsphereIndexVersion', 3)
  else if (geo !== undefined) writer.count('bits', geo.bits).double('min', geo.min).double('max', geo.max)
  if (index.unique && !index.isPrimary) writer.boolean('unique', true)
  if (index.sparse) writer.boolean('sparse', true)
  if (index.partial !== undefined) writer.value('partialFilterExpression', index.partial.filter)
  if (index.expireAfterSeconds !== undefined) writer.count('expireAfterSeconds', index.expireAfterSeconds)
  index.collation?.write(writer, 'collation')
  if (index.hidden === true) writer.boolean('hidden', true)
}

function listIndexes(request: Request): Reply | Promise<Reply> {
  const { database, collectionName, namespace } = request
  const listed = request.read((transaction) => {
    const collection = there(findDescribed(transaction, database, collectionName), database, collectionName)
    if (isDocumentView(collection)) throw ofView(collection)
    const clustered = collection.model === 'document' ? optionsOf(collection).clustered : undefined
    return openSource(collection).indexes.map((index) => {
      const isClustered = index.isPrimary && clustered !== undefined
      const bytes = buildDocument((writer) => {
        writeIndex(writer, isClustered ? { ...index, name: clustered } : index)
        if (isClustered) writer.boolean('unique', true).boolean('clustered', true)
      })
      return new BsonValue(bsonType.object, bytes)
    })
  })
  const reply = (indexes: BsonValue[]): Reply => cursorReply('firstBatch', indexes, 0n, namespace)
  return listed instanceof Promise ? listed.then(reply) : reply(listed)
}

function dropIndexes(request: Request): Reply | Promise<Reply> {
  const { database, collectionName } = request
  const wanted = request.get('index')
  if (wanted === undefined) throw missingField('dropIndexes', 'index')
  return request.session.run((transaction): Reply => {
    const collection = there(findDroppable(transaction, database, collectionName), database, collectionName)
    requireDocuments(collection)
    const before = collection.indexes.length + 1
    const gone = indexesNamed(collection, wanted)
    noteSchema(transaction, 'dropIndexes', database, collection, (writer) => {
      writer.beginObject('operationDescription').beginArray('indexes')
      for (const [i, { name }] of gone.entries()) writer.beginObject(String(i)).string('name', name).end()
      writer.end().end()
    })
    for (const index of gone) {
      transaction.dropIndex(transaction.catalog.collectionById(collection.id)!, index)
      if (optionsOf(collection).index(index.id) !== noOptions)
        changeIndexOptions(transaction, collection.id, index.id, undefined)
    }
    return (writer) => writer.int32('nIndexesWas', before)
  })
}

export function indexesNamed(collection: Collection, wanted: BsonValue): readonly Index[] {
  if (wanted.type === bsonType.array) return elementsOf(wanted).flatMap((one) => indexesNamed(collection, one))
  if (wanted.type === bsonType.object) {
    const shapeOf = ({ fields, geo }: JsonObject): string => {
      const kinds = Object.entries((geo ?? {}) as Readonly<Record<string, GeoField>>).map(([i, { kind }]) => [i, kind])
      return JSON.stringify([fields, kinds])
    }
    const key = shapeOf(indexDefinition(parseKey(wanted), false))
    const found = collection.indexes.find(({ definition }) => shapeOf(definition) === key)
    if (found !== undefined) return [found]
    throw mongoError(mongoCode.indexNotFound, `can't find index with key: ${key}`, 'undefined_object')
  }
  const name = wanted.type === bsonType.string ? readString(wanted) : ''
  if (name === '*') return collection.indexes
  if (name === '_id_') throw mongoError(mongoCode.invalidOptions, 'cannot drop _id index')
  const found = collection.indexes.find((index) => index.name === name)
  if (found !== undefined) return [found]
  throw mongoError(mongoCode.indexNotFound, `index not found with name [${name}]`, 'undefined_object')
}

export const indexCommands: readonly Command[] = [
  {
    name: 'createIndexes',
    fields: ['indexes', 'commitQuorum'],
    access: 'collections',
    inTransaction: true,
    run: createIndexes,
  },
  { name: 'listIndexes', fields: ['cursor'], access: 'collections', run: listIndexes },
  { name: 'dropIndexes', aliases: ['deleteIndexes'], fields: ['index'], access: 'collections', run: dropIndexes },
]
