/** `collMod`: changes what a collection, a view or an index is, without making it anew; and the options of `create`. */
import { privilege } from '../../../database/access/privileges.ts'
import type { Collection, JsonObject } from '../../../database/catalog/catalog.ts'
import type { Transaction } from '../../../database/contract.ts'
import { arrayOf } from '../../../language/mql/expression-contract.ts'
import { compileFilter } from '../../../language/mql/filter.ts'
import { nearElsewhere } from '../../../language/mql/filter-operators.ts'
import { pipelineQuery } from '../../../language/mql/pipeline.ts'
import { withoutScripts } from '../../../language/mql/scripts.ts'
import { noVariables } from '../../../language/mql/scope.ts'
import { bsonType, bsonTypeName, type BsonValue, fieldsOf } from '../../../model/document/bson.ts'
import { noteSchema } from '../../../model/document/change-notes.ts'
import { type IndexOptions, optionsOf, storableDocument } from '../../../model/document/collection-options.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { isTruthy, readString } from '../../../model/document/values.ts'
import { isDocumentView, viewDefinition, viewOf } from '../../../model/document/view.ts'
import { type Asked, findAllowed } from '../access.ts'
import type { Command, Reply, Request } from '../request.ts'
import { changeIndexOptions, expiryOf, indexesNamed, requireDocuments } from './indexes.ts'
import { givenCollation, requireCollection, variablesOf } from './query-options.ts'
import { checkViews, uncheckedReader } from './views.ts'

export const validationOptions: readonly string[] = [
  'validator',
  'validationLevel',
  'validationAction',
  'changeStreamPreAndPostImages',
]

/** The definition with what the request says of validation and images. */
export function withCollectionOptions(request: Request, before: JsonObject): JsonObject {
  const after: Record<string, JsonObject[string]> = { ...before }
  const validator = request.getObject('validator')
  if (validator !== undefined) {
    const { near } = withoutScripts(() => compileFilter(validator, noVariables))
    if (near !== undefined) throw nearElsewhere()
    delete after['validator']
    if (fieldsOf(validator).length > 0) after['validator'] = storableDocument(validator)
  }
  const level = oneOf(request, 'validationLevel', ['off', 'moderate', 'strict'])
  if (level !== undefined) after['validationLevel'] = level
  const action = oneOf(request, 'validationAction', ['error', 'warn'])
  if (action !== undefined) after['validationAction'] = action
  const images = imagesOption(request)
  if (images !== undefined) delete after['images']
  if (images === true) after['images'] = true
  return after
}

const unwatchedDatabases: ReadonlySet<string> = new Set(['admin', 'config', 'local'])

/** Whether notes of changes hold what was, and what is, where the request says so. */
function imagesOption(request: Request): boolean | undefined {
  const option = 'changeStreamPreAndPostImages'
  const images = request.getObject(option)
  if (images === undefined) return undefined
  if (unwatchedDatabases.has(request.database)) {
    const message = `${option} collection option is not supported on the '${request.database}' database`
    throw mongoError(mongoCode.invalidOptions, message)
  }
  const fields = new Map(fieldsOf(images))
  for (const name of fields.keys()) {
    if (name !== 'enabled') throw mongoError(40_415, `BSON field '${option}.${name}' is an unknown field.`)
  }
  const enabled = fields.get('enabled')
  if (enabled === undefined) {
    throw mongoError(40_414, `BSON field '${option}.enabled' is missing but a required field`)
  }
  if (enabled.type === bsonType.boolean || enabled.isNumber) return isTruthy(enabled)
  throw mongoError(
    mongoCode.typeMismatch,
    `BSON field '${option}.enabled' is the wrong type '${bsonTypeName(enabled.type)}', expected types '[bool, long, int, decimal, double]'`,
    'wrong_type',
  )
}

function refuseOnView(request: Request): void {
  const wrong = validationOptions.find((name) => request.get(name) !== undefined)
  if (wrong === undefined) return
  throw mongoError(mongoCode.invalidOptions, `option not supported on a view: ${wrong}`, 'unsupported')
}

function oneOf(request: Request, name: string, allowed: readonly string[]): string | undefined {
  const value = request.getString(name)
  if (value === undefined || allowed.includes(value)) return value
  throw mongoError(
    mongoCode.badValue,
    `Enumeration value '${value}' for field '${request.command}.${name}' is not a valid value.`,
  )
}

/** What `create` and `collMod` say of a view. */
export interface SaidView {
  readonly definition: JsonObject
  /** The collections that it reads, by name. */
  readonly reads: readonly string[]
}

/** Whoever may read the view needs nothing of what is below it, so who says what that is must have it. Errors: `AccessError`. */
export function requireBelow(asked: Asked, database: string, { reads }: SaidView): void {
  for (const name of reads) findAllowed(asked, database, name, privilege.read)
}

export function viewOption(request: Request, name: string): SaidView | undefined {
  const viewOn = request.getString('viewOn')
  const pipeline = request.get('pipeline')
  if (viewOn === undefined) {
    if (pipeline === undefined) return undefined
    throw mongoError(mongoCode.invalidOptions, "'pipeline' requires 'viewOn' to also be specified")
  }
  refuseOnView(request)
  if (viewOn === '') throw mongoError(mongoCode.badValue, "'viewOn' cannot be empty")
  const { database } = request
  const stages = pipeline ?? arrayOf([])
  const variables = variablesOf(request)
  const reader = uncheckedReader({ database, variables })
  const query = pipelineQuery(stages, { variables, reader })
  if (query.write !== undefined) {
    throw mongoError(
      mongoCode.optionNotSupportedOnView,
      'The aggregation stage $out or $merge is not allowed in a view definition',
    )
  }
  const given = request.get('collation')
  const replaced = request.catalog.findCollection(database, name)
  const collation =
    isDocumentView(replaced) && given === undefined
      ? viewOf(replaced!).collation
      : given && givenCollation(given)?.order
  checkViews(request.catalog, database, { name, collation }, viewOn)
  return { definition: viewDefinition(viewOn, stages, collation), reads: [viewOn, ...reader.names] }
}

function modify(request: Request): Reply | Promise<Reply> {
  const { database, collectionName } = request
  const view = viewOption(request, collectionName)
  return request.session.run((transaction): Reply => {
    const collection = requireCollection(transaction, database, collectionName)
    if (isDocumentView(collection)) {
      refuseOnView(request)
      if (view === undefined)
        throw mongoError(mongoCode.invalidOptions, 'of a view only viewOn and pipeline can be changed')
      requireBelow(transaction, database, view)
      transaction.alterCollection(collection, { definition: view.definition })
      return () => undefined
    }
    if (view !== undefined) throw mongoError(mongoCode.invalidOptions, "'viewOn' is of views alone")
    requireDocuments(collection)
    const definition = withCollectionOptions(request, collection.definition)
    transaction.alterCollection(collection, { definition })
    noteSchema(transaction, 'modify', database, collection, (writer) => {
      writer.beginObject('operationDescription')
      for (const name of request.ownFields) writer.value(name, request.fields.get(name)!)
      writer.end()
    })
    const index = request.getObject('index')
    return index === undefined ? () => undefined : modifyIndex(transaction, collection, index)
  })
}

const indexFields: ReadonlySet<string> = new Set(['name', 'keyPattern', 'expireAfterSeconds', 'hidden'])

function modifyIndex(transaction: Transaction, { id }: Collection, wanted: BsonValue): Reply {
  const collection = transaction.catalog.collectionById(id)!
  const fields = new Map(fieldsOf(wanted))
  for (const name of fields.keys()) {
    if (!indexFields.has(name)) throw mongoError(40_415, `BSON field 'collMod.index.${name}' is an unknown field.`)
  }
  const named = fields.get('name') ?? fields.get('keyPattern')
  if (named === undefined || (fields.has('name') && fields.has('keyPattern'))) {
    throw mongoError(mongoCode.invalidOptions, 'either keyPattern or name of the index is needed')
  }
  if (named.type === bsonType.string && readString(named) === '_id_') {
    throw mongoError(mongoCode.badValue, "can't hide _id index")
  }
  const [index] = indexesNamed(collection, named)
  const before = optionsOf(collection).index(index!.id)
  const seconds = fields.get('expireAfterSeconds')
  const hidden = fields.get('hidden')
  const after: IndexOptions = {
    expireAfterSeconds: seconds === undefined ? before.expireAfterSeconds : expiryOf(seconds),
    hidden: hidden === undefined ? before.hidden : isTruthy(hidden),
  }
  changeIndexOptions(transaction, id, index!.id, after)
  return (writer) => {
    if (seconds !== undefined) {
      if (before.expireAfterSeconds !== undefined) writer.int64('expireAfterSeconds_old', before.expireAfterSeconds)
      writer.int64('expireAfterSeconds_new', after.expireAfterSeconds!)
    }
    if (hidden !== undefined && before.hidden !== after.hidden) {
      writer.boolean('hidden_old', before.hidden).boolean('hidden_new', after.hidden)
    }
  }
}

export const modifyCollectionCommands: readonly Command[] = [
  {
    name: 'collMod',
    fields: ['index', 'viewOn', 'pipeline', ...validationOptions],
    access: 'collections',
    run: modify,
  },
]
