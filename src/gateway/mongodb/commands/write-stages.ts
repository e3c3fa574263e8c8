/**
 * `$out` and `$merge`: where the documents of a pipeline go, in the transaction that has read them. So others see all of it at
 * once, and where a document cannot be written nothing has changed.
 */
import { noPrivileges, privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { arrayOf, objectOf } from '../../../language/mql/expression-contract.ts'
import { compileExpression } from '../../../language/mql/expression.ts'
import { compileFilter } from '../../../language/mql/filter.ts'
import { computeAll, type PipelineWrite, type Query } from '../../../language/mql/query.ts'
import { checkVariableName, rootScope, type Variables } from '../../../language/mql/scope.ts'
import { compileUpdate, withId } from '../../../language/mql/update.ts'
import { insertDocuments, makeObjectId, updateDocuments } from '../../../language/mql/writes.ts'
import { bsonType, BsonValue, elementsOf, fieldsOf, getField } from '../../../model/document/bson.ts'
import { noteSchema } from '../../../model/document/change-notes.ts'
import { collationInForce, isSameCollation, stepsInOrderOf } from '../../../model/document/collation.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { parsePath, findPath } from '../../../model/document/path.ts'
import { readString, stringValue } from '../../../model/document/values.ts'
import type { DocumentSource } from '../../../query/document-source.ts'
import { checkCollectionName, checkDatabaseName, pastValidation, type Reply, type Request } from '../request.ts'
import { readConcernLevel } from '../concerns.ts'
import { cursorReply } from './cursor-reply.ts'
import { ensureSource, sourceOfQuery, variablesOf } from './query-options.ts'

interface Target {
  readonly database: string
  readonly collection: string
}

export function writePipeline(request: Request, query: Query, collection: string | undefined): Promise<Reply> | Reply {
  const { name, specification } = query.write!
  if (request.inTransaction) {
    throw mongoError(263, `Operation not permitted in transaction :: caused by :: ${name}`, 'unsupported')
  }
  if (name === '$out' && readConcernLevel(request) === 'linearizable') {
    throw mongoError(mongoCode.invalidOptions, '$out cannot be used with readConcern level linearizable')
  }
  const { database } = request
  const { target, write } = name === '$out' ? outOf(request, specification) : mergeOf(request, specification)
  const passes = request.getBoolean('bypassDocumentValidation', false)
  const below = collection ?? ''
  function* run(transaction: Transaction): StatementSteps<Reply> {
    const source = collection === undefined ? undefined : sourceOfQuery(transaction, database, below, query)
    const documents = yield* computeAll(query, source, transaction)
    if (passes) {
      yield* pastValidation(transaction, target.database, target.collection, () => write(transaction, documents))
    } else yield* write(transaction, documents)
    return cursorReply('firstBatch', [], 0n, `${database}.${collection ?? '$cmd.aggregate'}`)
  }
  return request.session.run((transaction) => stepsInOrderOf(query.collation, () => run(transaction)))
}

interface Write {
  readonly target: Target
  readonly write: (transaction: Transaction, documents: readonly BsonValue[]) => StatementSteps<void>
}

function namesOf(value: BsonValue | undefined, request: Request, stage: PipelineWrite['name']): Target {
  let { database } = request
  let collection: string | undefined
  if (value?.type === bsonType.string) collection = readString(value)
  else if (value?.type === bsonType.object) {
    for (const [name, part] of fieldsOf(value)) {
      if (name === 'db' && part.type === bsonType.string) database = checkDatabaseName(readString(part))
      else if (name === 'coll' && part.type === bsonType.string) collection = readString(part)
      else throw mongoError(40_415, `BSON field '${stage}.${name}' is an unknown field, or of the wrong type.`)
    }
  }
  if (collection === undefined) throw mongoError(16_990, `${stage} needs the name of a collection`, 'wrong_type')
  return { database, collection: checkCollectionName(database, collection) }
}

/** In place of all that the collection holds; its indexes and rules stay. */
function outOf(request: Request, specification: BsonValue): Write {
  const target = namesOf(specification, request, '$out')
  const { database, collection } = target
  const write: Write['write'] = function* (transaction, documents) {
    const wanted = privilege.insert | privilege.delete
    const source = yield* inPlace(transaction, () => ensureSource(transaction, database, collection, wanted))
    if (source.insertions !== undefined) {
      throw mongoError(17_152, `namespace '${database}.${collection}' is capped so it can't be used for $out`)
    }
    if (source.collection.model !== 'document') {
      const message = `$out replaces collections of documents alone: ${collection} is a ${source.collection.model}`
      throw mongoError(mongoCode.commandNotSupported, message, 'foreign_model_violation')
    }
    yield* inPlace(transaction, () => {
      transaction.clearCollection(source.collection)
      noteSchema(transaction, 'drop', database, source.collection)
    })
    yield* insertAll(transaction, source, documents)
  }
  return { target, write }
}

function* insertAll(
  transaction: Transaction,
  source: DocumentSource,
  documents: readonly BsonValue[],
): StatementSteps<void> {
  yield* insertDocuments(transaction, source, documents, true, (_, error) => {
    throw error
  })
}

interface Merge {
  readonly target: Target
  readonly on: readonly string[]
  readonly matched: 'replace' | 'merge' | 'keepExisting' | 'fail' | BsonValue
  readonly notMatched: 'insert' | 'discard' | 'fail'
  readonly lets: readonly (readonly [string, BsonValue])[]
}

function mergeOf(request: Request, specification: BsonValue): Write {
  const merge = readMerge(request, specification)
  const shared = variablesOf(request)
  const write: Write['write'] = function* (transaction, documents) {
    const { database, collection } = merge.target
    const changes = merge.matched === 'keepExisting' || merge.matched === 'fail' ? noPrivileges : privilege.update
    const inserts = merge.notMatched === 'insert' ? privilege.insert : noPrivileges
    const wanted = privilege.read | changes | inserts
    const source = yield* inPlace(transaction, () => ensureSource(transaction, database, collection, wanted))
    checkUnique(source, merge.on)
    for (const document of documents) {
      if (transaction.slice.spend(1)) yield undefined
      yield* mergeOne(transaction, source, merge, document, shared)
    }
  }
  return { target: merge.target, write }
}

function readMerge(request: Request, specification: BsonValue): Merge {
  if (specification.type === bsonType.string) {
    return {
      target: namesOf(specification, request, '$merge'),
      on: ['_id'],
      matched: 'merge',
      notMatched: 'insert',
      lets: [],
    }
  }
  if (specification.type !== bsonType.object) {
    throw mongoError(51_182, '$merge only supports a string or object argument', 'wrong_type')
  }
  const fields = new Map(fieldsOf(specification))
  for (const name of fields.keys()) {
    if (!['into', 'on', 'let', 'whenMatched', 'whenNotMatched'].includes(name)) {
      throw mongoError(40_415, `BSON field '$merge.${name}' is an unknown field.`)
    }
  }
  const lets = fields.get('let')
  return {
    target: namesOf(fields.get('into'), request, '$merge'),
    on: onOf(fields.get('on')),
    matched: matchedOf(fields.get('whenMatched')),
    notMatched: wordOf('whenNotMatched', fields.get('whenNotMatched'), ['insert', 'discard', 'fail'], 'insert'),
    lets: lets === undefined ? [] : fieldsOf(lets).map(([name, value]) => [checkVariableName(name), value] as const),
  }
}

function onOf(value: BsonValue | undefined): string[] {
  if (value === undefined) return ['_id']
  const names = value.type === bsonType.array ? elementsOf(value).map(readString) : [readString(value)]
  if (names.length === 0)
    throw mongoError(51_187, "If explicitly specifying $merge 'on', must include at least one field")
  return names
}

function wordOf<T extends string>(name: string, value: BsonValue | undefined, allowed: readonly T[], otherwise: T): T {
  if (value === undefined) return otherwise
  const text = value.type === bsonType.string ? readString(value) : ''
  const found = allowed.find((one) => one === text)
  if (found !== undefined) return found
  throw mongoError(mongoCode.badValue, `Enumeration value '${text}' for field '$merge.${name}' is not a valid value.`)
}

function matchedOf(value: BsonValue | undefined): Merge['matched'] {
  if (value?.type === bsonType.array) return value
  return wordOf<'replace' | 'merge' | 'keepExisting' | 'fail'>(
    'whenMatched',
    value,
    ['replace', 'merge', 'keepExisting', 'fail'],
    'merge',
  )
}

/** Else it would not be known which document is meant. */
function checkUnique({ indexes }: DocumentSource, on: readonly string[]): void {
  const isFound = indexes.some(({ unique, partial, fields, collation }) => {
    return (
      unique &&
      partial === undefined &&
      isSameCollation(collation, collationInForce()) &&
      fields.length === on.length &&
      fields.every(({ path }) => on.includes(path.text))
    )
  })
  if (!isFound) throw mongoError(51_183, 'Cannot find index to verify that join fields will be unique')
}

function* mergeOne(
  transaction: Transaction,
  source: DocumentSource,
  merge: Merge,
  given: BsonValue,
  shared: Variables,
): StatementSteps<void> {
  const document = getField(given, '_id') === undefined ? withId(given, makeObjectId(transaction)) : given
  const keys = merge.on.map((name) => [name, objectOf([['$eq', keyOf(document, name)]])] as const)
  // The index of `on` finds what is there, and the error names it.
  if (merge.matched === 'fail' && merge.notMatched === 'insert')
    return yield* insertAll(transaction, source, [document])
  const filter = compileFilter(objectOf(keys), shared)
  const operation = { filter, isMulti: false, isUpsert: false, hint: undefined, sort: [] }
  // A number that it gets here is none of its own.
  const update = updateOf(merge, given, shared)
  const { matched } = yield* updateDocuments(transaction, source, { ...operation, update })
  if (matched > 0) {
    if (merge.matched !== 'fail') return
    throw mongoError(mongoCode.duplicateKey, '$merge write error: a matching document is there', 'unique_violation')
  }
  if (merge.notMatched === 'discard') return
  if (merge.notMatched === 'insert') {
    yield* insertAll(transaction, source, [document])
    return
  }
  throw mongoError(
    13_113,
    '$merge could not find a matching document in the target collection for at least one document in the source collection',
  )
}

function keyOf(document: BsonValue, name: string): BsonValue {
  const value = new BsonValue()
  findPath(document.bytes, document.start, parsePath(name), value)
  if (!value.isNullish && value.type !== bsonType.array) return value
  throw mongoError(51_132, "$merge write error: 'on' field cannot be missing, null, undefined or an array")
}

const same = arrayOf([objectOf([['$replaceWith', stringValue('$$ROOT')]])])
const merged = arrayOf([
  objectOf([['$replaceWith', objectOf([['$mergeObjects', arrayOf([stringValue('$$ROOT'), stringValue('$$new')])]])]]),
])

function updateOf({ matched, lets }: Merge, document: BsonValue, shared: Variables) {
  if (matched === 'replace') return compileUpdate({ update: document, arrayFilters: [], variables: shared })
  const variables = new Map(shared)
  const scope = rootScope(document, shared)
  for (const [name, value] of lets) variables.set(name, compileExpression(value)(scope).copy())
  if (lets.length === 0) variables.set('new', document)
  const update = matched === 'merge' ? merged : typeof matched === 'string' ? same : matched
  return compileUpdate({ update, arrayFilters: [], variables })
}
