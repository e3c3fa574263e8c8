/** Databases and collections: list, create, drop, rename. A Mongo database is a namespace, made by its first write. */
import { keyspaceRange } from '../../../base/tuple.ts'
import { charge } from '../../../base/work.ts'
import { ofCollections, privilege, writing } from '../../../database/access/privileges.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { engineNames, memoryEngine } from '../../../database/engines.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { arrayOf } from '../../../language/mql/expression-contract.ts'
import { compileFilter } from '../../../language/mql/filter.ts'
import { buildDocument, type BsonWriter } from '../../../model/document/bson-writer.ts'
import { bsonType, BsonValue, fieldsOf } from '../../../model/document/bson.ts'
import { ensureDocumentCollection, ensureNamespace } from '../../../model/document/document.ts'
import { noteSchema } from '../../../model/document/change-notes.ts'
import { collationOf, optionsOf } from '../../../model/document/collection-options.ts'
import { documentViewKind, isDocumentView, viewOf } from '../../../model/document/view.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { findAllowed, findDroppable, maySee, requireAnyInAll, requireCreate, requireInAll } from '../access.ts'
import { checkCollectionName, checkDatabaseName, type Command, type Reply, type Request } from '../request.ts'
import { requireBelow, withCollectionOptions, validationOptions, viewOption } from './modify-collection.ts'
import { convertToCapped, kindOf, kindOptions } from './collection-kinds.ts'
import { collectionUuid, uuidSubtype } from '../../../model/document/collection-uuid.ts'
import { cursorReply } from './cursor-reply.ts'
import { sizeOfRange } from './range-size.ts'
import { givenCollation, refuseOptions, requireCollection, variablesOf } from './query-options.ts'

type Matches = (document: BsonValue) => boolean

/** What the `filter` option lets through. */
function filterOption(request: Request): Matches | undefined {
  const filter = request.getObject('filter')
  return filter === undefined ? undefined : compileFilter(filter, variablesOf(request)).matches
}

/** What is listed of each, where it passes. */
function* described<T>(
  transaction: Transaction,
  all: readonly T[],
  describe: (one: T) => BsonValue,
  matches: Matches | undefined,
): StatementSteps<readonly BsonValue[]> {
  const passed: BsonValue[] = []
  for (const one of all) {
    charge(unitsPerDescription)
    if (transaction.slice.spend(1)) yield undefined
    const document = describe(one)
    if (matches === undefined || (yield* inPlace(transaction, () => matches(document)))) passed.push(document)
  }
  return passed
}

const unitsPerDescription = 3000

function built(build: (writer: BsonWriter) => void): BsonValue {
  return new BsonValue(bsonType.object, buildDocument(build))
}

/** Those with a collection that the caller may see; `authorizedDatabases: false` asks for all, or none. */
function listDatabases(request: Request): Reply | Promise<Reply> {
  const wantsAll = request.get('authorizedDatabases') !== undefined && !request.getBoolean('authorizedDatabases', true)
  const nameOnly = request.getBoolean('nameOnly', false)
  const matches = filterOption(request)
  const listed = request.read(function* (transaction): StatementSteps<readonly BsonValue[]> {
    const databases: BsonValue[] = []
    if (wantsAll) transaction.principal.rights.requireInDatabase(privilege.read, 'admin')
    for (const name of transaction.catalog.namespaces.keys()) {
      // As in the server, a database without collections is none.
      const collections = visibleIn(transaction, name)
      if (collections.length === 0) continue
      const sizeBytes = nameOnly ? 0 : yield* bytesOf(transaction, collections)
      databases.push(
        built((writer) => {
          writer.string('name', name)
          if (!nameOnly) writer.int64('sizeOnDisk', sizeBytes).boolean('empty', false)
        }),
      )
    }
    return yield* described(transaction, databases, (database) => database, matches)
  })
  const reply =
    (databases: readonly BsonValue[]): Reply =>
    (writer) => {
      writer.beginArray('databases')
      for (const [i, one] of databases.entries()) writer.value(String(i), one)
      writer.end()
    }
  return listed instanceof Promise ? listed.then(reply) : reply(listed)
}

function visibleIn({ catalog, principal }: Transaction, namespace: string): readonly Collection[] {
  if (isTemporaryName(namespace)) return []
  const all = catalog.relationsOf(namespace).filter(({ kind }) => kind !== 'sequence' && kind !== 'view')
  return principal.rights.areUnlimited ? all : all.filter((collection) => maySee(principal.rights, collection))
}

/** Keys and values. */
function* bytesOf(transaction: Transaction, collections: readonly Collection[]): StatementSteps<number> {
  let bytes = 0
  for (const { id } of collections) {
    const { keyBytes, valueBytes } = yield* sizeOfRange(transaction, keyspaceRange(id))
    bytes += keyBytes + valueBytes
  }
  return bytes
}

/** All of a database, or with `nameOnly` and `authorizedCollections` those that the caller may see. */
function listCollections(request: Request): Reply | Promise<Reply> {
  const nameOnly = request.getBoolean('nameOnly', false)
  const isForAnybody = nameOnly && request.getBoolean('authorizedCollections', false)
  const matches = filterOption(request)
  const { database } = request
  const listed = request.read((transaction) => {
    if (!isForAnybody) requireAnyInAll(transaction, database, ofCollections)
    const collections = visibleIn(transaction, database)
    return described(transaction, collections, (one) => describeCollection(one, nameOnly), matches)
  })
  const reply = (collections: readonly BsonValue[]): Reply =>
    cursorReply('firstBatch', collections, 0n, `${database}.$cmd.listCollections`)
  return listed instanceof Promise ? listed.then(reply) : reply(listed)
}

function describeCollection(collection: Collection, nameOnly: boolean): BsonValue {
  return built((writer) => {
    writer.string('name', collection.name).string('type', collection.model === 'view' ? 'view' : 'collection')
    if (nameOnly) return
    writer.beginObject('options')
    if (collection.engine !== memoryEngine) {
      writer.beginObject('storageEngine').beginObject(collection.engine).end().end()
    }
    if (isDocumentView(collection)) {
      const { viewOn, pipeline, collation } = viewOf(collection)
      writer.string('viewOn', viewOn).value('pipeline', pipeline)
      collation?.write(writer, 'collation')
    } else if (collection.model === 'document') writeOptions(writer, collection)
    writer.end()
    writer.beginObject('info').boolean('readOnly', collection.model === 'view' || collection.model === 'keyvalue')
    writer.string('polylogModel', collection.model)
    if (collection.model !== 'view') writer.binary('uuid', uuidSubtype, collectionUuid(collection.id))
    writer.end()
    if (collection.model === 'view') return
    writer.beginObject('idIndex').int32('v', 2).beginObject('key').int32('_id', 1).end().string('name', '_id_')
    if (collection.model === 'document') collationOf(collection)?.write(writer, 'collation')
    writer.end()
  })
}

function writeOptions(writer: BsonWriter, collection: Collection): void {
  collationOf(collection)?.write(writer, 'collation')
  const { validator, hasImages, capped, clustered } = optionsOf(collection)
  if (capped !== undefined) {
    writer.boolean('capped', true).count('size', capped.sizeBytes)
    if (capped.documents !== undefined) writer.count('max', capped.documents)
  }
  if (clustered !== undefined) {
    writer.beginObject('clusteredIndex').int32('v', 2).beginObject('key').int32('_id', 1).end()
    writer.string('name', clustered).boolean('unique', true).end()
  }
  if (validator !== undefined) {
    writer.value('validator', validator.filter)
    writer.string('validationLevel', validator.level).string('validationAction', validator.action)
  }
  if (hasImages) writer.beginObject('changeStreamPreAndPostImages').boolean('enabled', true).end()
}

const refusedCreateOptions = ['timeseries', 'expireAfterSeconds', 'encryptedFields']

/** MongoDB has options for each engine that may be; a collection lies in one here, and none has options. */
function engineOption(request: Request): string | undefined {
  const option = request.get('storageEngine')
  if (option === undefined) return undefined
  if (option.type !== bsonType.object) throw mongoError(mongoCode.badValue, "'storageEngine' has to be a document.")
  const named = [...fieldsOf(option)]
  for (const [name, options] of named) {
    if (options.type !== bsonType.object) {
      throw mongoError(mongoCode.badValue, `'storageEngine.${name}' has to be an embedded document.`)
    }
    if (!engineNames.includes(name)) {
      throw mongoError(mongoCode.invalidOptions, `${name} is not a registered storage engine for this server`)
    }
    const [unknown] = fieldsOf(options)
    if (unknown !== undefined) {
      throw mongoError(mongoCode.invalidOptions, `the storage engine ${name} has no option '${unknown[0]}'`)
    }
  }
  if (named.length > 1) throw mongoError(mongoCode.invalidOptions, 'a collection lies in one storage engine')
  return named[0]?.[0]
}

function create(request: Request): Reply | Promise<Reply> {
  refuseOptions(request, refusedCreateOptions)
  if (!request.getBoolean('autoIndexId', true)) {
    throw mongoError(mongoCode.invalidOptions, "a collection has an index of _id: 'autoIndexId' cannot be false")
  }
  const engine = engineOption(request)
  const { database, collectionName } = request
  const view = viewOption(request, collectionName)
  const kind = kindOf(request)
  return request.session.run((transaction): Reply => {
    requireCreate(transaction, database)
    if (transaction.catalog.findCollection(database, collectionName) !== undefined) {
      throw mongoError(
        mongoCode.namespaceExists,
        `Collection ${database}.${collectionName} already exists.`,
        'duplicate_object',
      )
    }
    if (view !== undefined) {
      requireBelow(transaction, database, view)
      const namespace = ensureNamespace(transaction, database)
      transaction.createCollection(namespace, collectionName, documentViewKind, view.definition)
      noteSchema(transaction, 'create', database, { name: collectionName }, (writer) => {
        writer.beginObject('operationDescription').string('viewOn', request.getString('viewOn')!)
        writer.value('pipeline', request.get('pipeline') ?? arrayOf([])).end()
      })
      return () => undefined
    }
    const made = ensureDocumentCollection(transaction, database, collectionName, engine)
    const given = request.get('collation')
    const order = given === undefined ? undefined : givenCollation(given)?.order
    const before = order === undefined ? made.definition : { ...made.definition, collation: order.stored() }
    const definition = { ...withCollectionOptions(request, before), ...kind }
    if (Object.keys(definition).length > 0) transaction.alterCollection(made, { definition })
    return () => undefined
  })
}

function drop(request: Request): Reply | Promise<Reply> {
  const { database, collectionName } = request
  return request.session.run((transaction): Reply => {
    const collection = findDroppable(transaction, database, collectionName)
    if (collection === undefined) return (writer) => writer.string('ns', `${database}.${collectionName}`)
    const count = collection.indexes.length + 1
    refuseTables([collection])
    transaction.dropCollection(collection)
    noteSchema(transaction, 'drop', database, isDocumentView(collection) ? { name: collectionName } : collection)
    return (writer) => writer.int32('nIndexesWas', count).string('ns', `${database}.${collectionName}`)
  })
}

/** Tables have dependants that only SQL knows: rule 7 leaves their end to it. */
function refuseTables(collections: readonly Collection[]): void {
  const table = collections.find((one) => one.model !== 'document' && !isDocumentView(one))
  if (table === undefined) return
  const message = `${table.namespace.name}.${table.name} is a ${table.model}: drop it through its own door`
  // Not IllegalOperation (20): drivers take that for a server that knows no retryable writes.
  throw mongoError(mongoCode.commandNotSupported, message, 'foreign_model_violation')
}

/** What has been given on it stays, as in the server, where a database is a name: then it is left empty. */
function dropDatabase(request: Request): Reply | Promise<Reply> {
  const { database } = request
  return request.session.run((transaction): Reply => {
    const namespace = transaction.catalog.namespaces.get(database)
    if (namespace === undefined) requireInAll(transaction, database, privilege.schema)
    else transaction.principal.rights.requireNamespaceOwner(namespace)
    if (namespace === undefined) return () => undefined
    const collections = transaction.catalog.collectionsOf(database)
    refuseTables(collections)
    for (const collection of collections) {
      transaction.dropCollection(collection)
      noteSchema(transaction, 'drop', database, isDocumentView(collection) ? { name: collection.name } : collection)
    }
    noteSchema(transaction, 'dropDatabase', database, undefined)
    const isGiven = transaction.catalog.access.has(namespace.id)
    if (!isGiven) transaction.dropNamespace(transaction.catalog.namespaces.get(database)!)
    return (writer) => writer.string('dropped', database)
  })
}

function splitNamespace(name: string): [string, string] {
  const dot = name.indexOf('.')
  const database = checkDatabaseName(dot < 0 ? name : name.slice(0, dot))
  return [database, checkCollectionName(database, dot < 0 ? '' : name.slice(dot + 1))]
}

function renameCollection(request: Request): Reply | Promise<Reply> {
  const [fromDatabase, from] = splitNamespace(request.getString('renameCollection') ?? '')
  const [toDatabase, to] = splitNamespace(request.getString('to') ?? '')
  const dropTarget = request.getBoolean('dropTarget', false)
  return request.session.run((transaction): Reply => {
    const collection = requireCollection(transaction, fromDatabase, from)
    requireCreate(transaction, toDatabase)
    // Else who may not read it could move it to where everything may be read.
    if (toDatabase !== fromDatabase) findAllowed(transaction, fromDatabase, from, privilege.read | writing)
    refuseTables([collection])
    const target = transaction.catalog.findCollection(toDatabase, to)
    if (target !== undefined) {
      findAllowed(transaction, toDatabase, to, privilege.schema)
      if (!dropTarget) throw mongoError(mongoCode.namespaceExists, 'target namespace exists', 'duplicate_object')
      refuseTables([target])
      transaction.dropCollection(target)
    }
    const namespace = ensureNamespace(transaction, toDatabase)
    transaction.alterCollection(transaction.catalog.collectionById(collection.id)!, { name: to, namespace })
    noteSchema(transaction, 'rename', fromDatabase, { name: from, id: collection.id }, (writer) => {
      writer.string('toDb', toDatabase).string('to', to).beginObject('operationDescription')
      writer.beginObject('to').string('db', toDatabase).string('coll', to).end()
      if (target !== undefined) writer.binary('dropTarget', uuidSubtype, collectionUuid(target.id))
      writer.end()
    })
    return () => undefined
  })
}

export const collectionCommands: readonly Command[] = [
  { name: 'listDatabases', fields: ['filter', 'nameOnly', 'authorizedDatabases'], access: 'user', run: listDatabases },
  {
    name: 'listCollections',
    fields: ['filter', 'nameOnly', 'authorizedCollections', 'cursor'],
    access: 'collections',
    run: listCollections,
  },
  {
    name: 'create',
    fields: [
      ...refusedCreateOptions,
      ...kindOptions,
      ...validationOptions,
      'viewOn',
      'pipeline',
      'storageEngine',
      'collation',
      'autoIndexId',
    ],
    access: 'collections',
    inTransaction: true,
    run: create,
  },
  { name: 'convertToCapped', fields: ['size', 'max'], access: 'collections', run: convertToCapped },
  { name: 'drop', fields: [], access: 'collections', run: drop },
  { name: 'dropDatabase', fields: [], access: 'collections', run: dropDatabase },
  { name: 'renameCollection', fields: ['to', 'dropTarget'], access: 'collections', run: renameCollection },
]
