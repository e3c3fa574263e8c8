/** `insert`, `update` and `delete`: a command's operations are one statement, answered with counts and errors by index. */
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { inPlace, isSteps, resumed } from '../../../database/transaction/wait.ts'
import { isLong } from '../../../language/mql/long-lists.ts'
import {
  deleteDocuments,
  insertDocuments,
  insertSingle,
  isDocumentError,
  updateDocuments,
  type InsertResult,
  type UpdateOperation,
  type WriteError,
} from '../../../language/mql/writes.ts'
import { compileUpdate } from '../../../language/mql/update.ts'
import type { Variables } from '../../../language/mql/scope.ts'
import { indexName, type BsonWriter } from '../../../model/document/bson-writer.ts'
import { bsonType, type BsonValue, elementsOf, fieldsOf, getField } from '../../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { isTruthy, toSafeInteger } from '../../../model/document/values.ts'
import type { DocumentSource } from '../../../query/document-source.ts'
import { toFailure } from '../errors.ts'
import { writeDuplicate } from '../execute-errors.ts'
import { missingField, type Command, type Reply, type Request } from '../request.ts'
import {
  addVariables,
  checkCollation,
  ensureSource,
  filterOf,
  findSource,
  hintOf,
  refuseOptions,
  sortOf,
  variablesOf,
} from './query-options.ts'

const mostOperations = 100_000

function checkBatch(request: Request, operations: readonly BsonValue[]): void {
  if (operations.length === 0 || operations.length > mostOperations) {
    const message = `Write batch sizes must be between 1 and ${mostOperations}. Got ${operations.length} operations.`
    throw mongoError(16, message)
  }
  // The command itself is counted as one.
  request.gateway.countOperation(request.command, operations.length - 1)
}

function writeErrors(writer: BsonWriter, errors: readonly WriteError[]): void {
  if (errors.length === 0) return
  writer.beginArray('writeErrors')
  for (const [i, { index, error }] of errors.entries()) {
    const { code, message } = toFailure(error)
    writer.beginObject(indexName(i)).int32('index', index).int32('code', code)
    writeDuplicate(writer, error)
    writer.string('errmsg', message).end()
  }
  writer.end()
}

/** In a transaction an operation's error is the transaction's: it is thrown. */
function throwInTransaction(request: Request, errors: readonly WriteError[]): void {
  if (request.inTransaction && errors.length > 0) throw errors[0]!.error
}

function insert(request: Request): Reply | Promise<Reply> {
  refuseOptions(request, ['bypassDocumentValidation'])
  const documents = request.getDocuments('documents')
  checkBatch(request, documents)
  const { database, collectionName } = request
  const [first] = documents
  if (documents.length === 1) {
    return request.write((transaction) => {
      const source = ensureSource(transaction, database, collectionName)
      if (source.hasRules) return insertAll(transaction, request, source, documents)
      const result = insertSingle(transaction, source, first!)
      return isSteps(result) ? replyAfter(request, result) : insertReply(request, result)
    }, true)
  }
  return request.write(function* (transaction): StatementSteps<Reply> {
    const source = ensureSource(transaction, database, collectionName)
    return yield* insertAll(transaction, request, source, documents)
  }, true)
}

function* replyAfter(request: Request, steps: StatementSteps<InsertResult>): StatementSteps<Reply> {
  return insertReply(request, yield* steps)
}

function* insertAll(
  transaction: Transaction,
  request: Request,
  source: DocumentSource,
  documents: readonly BsonValue[],
): StatementSteps<Reply> {
  const ordered = request.getBoolean('ordered', true)
  return insertReply(request, yield* insertDocuments(transaction, source, documents, ordered))
}

function insertReply(request: Request, { inserted, errors }: InsertResult): Reply {
  throwInTransaction(request, errors)
  return (writer) => {
    writer.count('n', inserted)
    writeErrors(writer, errors)
  }
}

function operationFields(name: string, operation: BsonValue, known: readonly string[]): Map<string, BsonValue> {
  const fields = new Map(fieldsOf(operation))
  for (const field of fields.keys()) {
    if (!known.includes(field)) throw mongoError(40_415, `BSON field '${name}.${field}' is an unknown field.`)
  }
  return fields
}

function objectIn(fields: ReadonlyMap<string, BsonValue>, name: string): BsonValue {
  const value = fields.get(name)
  if (value === undefined) throw missingField('updates', name)
  if (value.type === bsonType.object) return value
  throw mongoError(
    mongoCode.typeMismatch,
    `BSON field '${name}' is the wrong type, expected type 'object'`,
    'wrong_type',
  )
}

function flagIn(fields: ReadonlyMap<string, BsonValue>, name: string): boolean {
  const value = fields.get(name)
  return value !== undefined && isTruthy(value)
}

const updateFields = ['q', 'u', 'multi', 'upsert', 'arrayFilters', 'hint', 'collation', 'c', 'sort', 'upsertSupplied']

function parseUpdate(operation: BsonValue, shared: Variables): UpdateOperation {
  const fields = operationFields('update.updates', operation, updateFields)
  checkCollation(fields.get('collation'))
  if (flagIn(fields, 'upsertSupplied')) {
    throw mongoError(mongoCode.commandNotSupported, "update: option 'upsertSupplied' is not supported", 'unsupported')
  }
  const variables = new Map(shared)
  const constants = fields.get('c')
  if (constants !== undefined) addVariables(variables, constants)
  const update = fields.get('u')
  if (update === undefined) throw missingField('update.updates', 'u')
  const filters = fields.get('arrayFilters')
  const sort = fields.get('sort')
  return {
    filter: filterOf(objectIn(fields, 'q'), variables),
    update: compileUpdate({ update, arrayFilters: filters === undefined ? [] : elementsOf(filters), variables }),
    isMulti: flagIn(fields, 'multi'),
    isUpsert: flagIn(fields, 'upsert'),
    hint: hintOf(fields.get('hint')),
    sort: sortOf(sort),
  }
}

function isUpsert(operation: BsonValue): boolean {
  const upsert = getField(operation, 'upsert')
  return upsert !== undefined && isTruthy(upsert)
}

interface UpdateTotals {
  matched: number
  modified: number
  readonly upserted: { index: number; id: BsonValue }[]
  readonly errors: WriteError[]
}

function update(request: Request): Reply | Promise<Reply> {
  refuseOptions(request, ['bypassDocumentValidation'])
  const updates = request.getDocuments('updates')
  checkBatch(request, updates)
  const ordered = request.getBoolean('ordered', true)
  const variables = variablesOf(request)
  return request.write(function* (transaction): StatementSteps<Reply> {
    const totals = yield* runUpdates(transaction, request, updates, ordered, variables)
    throwInTransaction(request, totals.errors)
    return (writer) => writeUpdateReply(writer, totals)
  }, updates.some(isUpsert))
}

function* runUpdates(
  transaction: Transaction,
  request: Request,
  updates: readonly BsonValue[],
  ordered: boolean,
  variables: Variables,
): StatementSteps<UpdateTotals> {
  const totals: UpdateTotals = { matched: 0, modified: 0, upserted: [], errors: [] }
  for (const [index, one] of updates.entries()) {
    if (transaction.slice.spend(1)) yield undefined
    try {
      const operation = isLong(one)
        ? yield* resumed(transaction, () => parseUpdate(one, variables))
        : parseUpdate(one, variables)
      yield* runUpdate(transaction, request, operation, index, totals)
    } catch (error) {
      if (!isDocumentError(error)) throw error
      totals.errors.push({ index, error })
      if (ordered) break
    }
  }
  return totals
}

function* runUpdate(
  transaction: Transaction,
  request: Request,
  operation: UpdateOperation,
  index: number,
  totals: UpdateTotals,
): StatementSteps<void> {
  const source = yield* inPlace(transaction, () => sourceFor(transaction, request, operation.isUpsert))
  if (source === undefined) return
  const result = yield* updateDocuments(transaction, source, operation)
  totals.matched += result.matched
  totals.modified += result.modified
  if (result.upserted !== undefined) totals.upserted.push({ index, id: result.upserted })
}

export function sourceFor(transaction: Transaction, request: Request, creates: boolean): DocumentSource | undefined {
  const { database, collectionName } = request
  if (creates) return ensureSource(transaction, database, collectionName)
  return findSource(transaction.catalog, database, collectionName)
}

function writeUpdateReply(writer: BsonWriter, { matched, modified, upserted, errors }: UpdateTotals): void {
  writer.count('n', matched + upserted.length).count('nModified', modified)
  if (upserted.length > 0) {
    writer.beginArray('upserted')
    for (const [i, { index, id }] of upserted.entries()) {
      writer.beginObject(indexName(i)).int32('index', index).value('_id', id).end()
    }
    writer.end()
  }
  writeErrors(writer, errors)
}

function remove(request: Request): Reply | Promise<Reply> {
  const deletes = request.getDocuments('deletes')
  checkBatch(request, deletes)
  const ordered = request.getBoolean('ordered', true)
  const variables = variablesOf(request)
  return request.write(function* (transaction): StatementSteps<Reply> {
    const errors: WriteError[] = []
    let deleted = 0
    for (const [index, one] of deletes.entries()) {
      if (transaction.slice.spend(1)) yield undefined
      try {
        deleted += yield* runDelete(transaction, request, one, variables)
      } catch (error) {
        if (!isDocumentError(error)) throw error
        errors.push({ index, error })
        if (ordered) break
      }
    }
    throwInTransaction(request, errors)
    return (writer) => {
      writer.count('n', deleted)
      writeErrors(writer, errors)
    }
  })
}

function* runDelete(
  transaction: Transaction,
  request: Request,
  operation: BsonValue,
  variables: Variables,
): StatementSteps<number> {
  const fields = operationFields('delete.deletes', operation, ['q', 'limit', 'hint', 'collation'])
  checkCollation(fields.get('collation'))
  const limit = fields.get('limit')
  const most = limit === undefined ? undefined : toSafeInteger(limit)
  if (most !== 0 && most !== 1)
    throw mongoError(mongoCode.failedToParse, 'The limit field in delete objects must be 0 or 1.')
  const q = objectIn(fields, 'q')
  const filter = isLong(q) ? yield* resumed(transaction, () => filterOf(q, variables)) : filterOf(q, variables)
  const source = sourceFor(transaction, request, false)
  if (source === undefined) return 0
  const hint = hintOf(fields.get('hint'))
  return (yield* deleteDocuments(transaction, source, { filter, isMulti: most === 0, hint, sort: [] })).deleted
}

export const writeCommands: readonly Command[] = [
  { name: 'insert', fields: ['documents', 'ordered', 'bypassDocumentValidation'], inTransaction: true, run: insert },
  {
    name: 'update',
    fields: ['updates', 'ordered', 'bypassDocumentValidation', 'let'],
    inTransaction: true,
    run: update,
  },
  { name: 'delete', fields: ['deletes', 'ordered', 'let'], inTransaction: true, run: remove },
]
