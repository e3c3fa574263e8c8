/** `insert`, `update` and `delete`: a command's operations are one statement, answered with counts and errors by index. */
import { mapInParts } from '../../../base/resumption.ts'
import { charge, isTurnOver } from '../../../base/work.ts'
import { noPrivileges, privilege, type Privileges } from '../../../database/access/privileges.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { inPlace, isSteps, resumed } from '../../../database/transaction/wait.ts'
import { isLong } from '../../../language/mql/long-lists.ts'
import {
  deleteDocuments,
  insertDocuments,
  insertSingle,
  isDocumentError,
  type Targets,
  updateDocuments,
  type UpdateOperation,
} from '../../../language/mql/writes.ts'
import { compileUpdate } from '../../../language/mql/update.ts'
import type { Variables } from '../../../language/mql/scope.ts'
import { indexName } from '../../../model/document/bson-writer.ts'
import {
  bsonType,
  type BsonValue,
  elementsOf,
  FieldCursor,
  fieldsOf,
  getField,
  isEmptyDocument,
} from '../../../model/document/bson.ts'
import { type Collation, stepsInOrderOf } from '../../../model/document/collation.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { isTruthy, toSafeInteger } from '../../../model/document/values.ts'
import type { DocumentSource } from '../../../query/document-source.ts'
import type { Reply, ShortReply } from '../reply.ts'
import { findAllowed } from '../access.ts'
import { missingField, type Command, type Request } from '../request.ts'
import { WriteErrors } from '../write-errors.ts'
import { addVariables, collationFor, ensureSource, filterOf, findSource, hintOf, variablesOf } from './query-options.ts'

const mostOperations = 100_000

function checkBatch(request: Request, operations: readonly BsonValue[]): void {
  if (operations.length === 0 || operations.length > mostOperations) {
    const message = `Write batch sizes must be between 1 and ${mostOperations}. Got ${operations.length} operations.`
    throw mongoError(16, message)
  }
  // The command itself is counted as one.
  request.gateway.countOperation(request.command, operations.length - 1)
}

/** In a transaction an operation's error is the transaction's: it is thrown. */
function throwInTransaction(request: Request, { first }: WriteErrors): void {
  if (request.inTransaction && first !== undefined) throw first
}

function insert(request: Request): Reply | Promise<Reply> {
  const documents = request.getDocuments('documents')
  checkBatch(request, documents)
  const { database, collectionName } = request
  const [first] = documents
  if (documents.length === 1) {
    return request.write((transaction) => {
      const source = refusingCapped(request, ensureSource(transaction, database, collectionName, privilege.insert))
      if (source.hasRules) return insertAll(transaction, request, source, documents)
      const errors = new WriteErrors()
      const inserted = insertSingle(transaction, source, first!, errors.add)
      return isSteps(inserted) ? replyAfter(request, inserted, errors) : insertReply(request, inserted, errors)
    }, true)
  }
  return request.write(function* (transaction): StatementSteps<Reply> {
    const source = refusingCapped(request, ensureSource(transaction, database, collectionName, privilege.insert))
    return yield* insertAll(transaction, request, source, documents)
  }, true)
}

function* replyAfter(request: Request, steps: StatementSteps<number>, errors: WriteErrors): StatementSteps<Reply> {
  return insertReply(request, yield* steps, errors)
}

function insertAll(
  transaction: Transaction,
  request: Request,
  source: DocumentSource,
  documents: readonly BsonValue[],
): StatementSteps<Reply> {
  const errors = new WriteErrors()
  const ordered = request.getBoolean('ordered', true)
  return replyAfter(request, insertDocuments(transaction, source, documents, ordered, errors.add), errors)
}

function insertReply(request: Request, inserted: number, errors: WriteErrors): Reply {
  throwInTransaction(request, errors)
  return withErrors(errors, (writer) => writer.count('n', inserted))
}

/** Those behind what `write` writes. */
function withErrors(errors: WriteErrors, write: ShortReply): Reply {
  if (errors.first === undefined) return write
  return {
    *steps(writer) {
      write(writer)
      yield* errors.write(writer)
    },
  }
}

/** A command with an unknown field in any operation does none of them. */
function checkOperations(name: string, operations: readonly BsonValue[], known: readonly string[]): void {
  mapInParts(operations, (operation) => {
    charge(unitsPerOperation)
    const cursor = FieldCursor.of(operation)
    while (cursor.next()) {
      if (known.includes(cursor.name)) continue
      throw mongoError(40_415, `BSON field '${name}.${cursor.name}' is an unknown field.`)
    }
  })
}

export function checkUpdates(updates: readonly BsonValue[]): void {
  checkOperations('update.updates', updates, updateFields)
}

export function checkDeletes(deletes: readonly BsonValue[]): void {
  checkOperations('delete.deletes', deletes, deleteFields)
}

/** Of its fields' names. */
const unitsPerOperation = 500

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

const updateFields = ['q', 'u', 'multi', 'upsert', 'arrayFilters', 'hint', 'collation', 'c', 'upsertSupplied']

/** Of one operation of a command. */
export function collationOfOperation(request: Request, operation: BsonValue): Collation | undefined {
  return collationFor(request, getField(operation, 'collation'), request.collectionName)
}

export function parseUpdate(operation: BsonValue, shared: Variables): UpdateOperation {
  const fields = new Map(fieldsOf(operation))
  if (flagIn(fields, 'upsertSupplied')) {
    throw mongoError(mongoCode.commandNotSupported, "update: option 'upsertSupplied' is not supported", 'unsupported')
  }
  const variables = new Map(shared)
  const constants = fields.get('c')
  if (constants !== undefined) addVariables(variables, constants)
  const update = fields.get('u')
  if (update === undefined) throw missingField('update.updates', 'u')
  const filters = fields.get('arrayFilters')
  return {
    filter: filterOf(objectIn(fields, 'q'), variables),
    update: compileUpdate({ update, arrayFilters: filters === undefined ? [] : elementsOf(filters), variables }),
    isMulti: flagIn(fields, 'multi'),
    isUpsert: flagIn(fields, 'upsert'),
    hint: hintOf(fields.get('hint')),
    sort: [],
  }
}

/** What a condition looks at is read: else who may only write could find out what is there by trying. */
function readBy(operation: BsonValue): Privileges {
  const condition = getField(operation, 'q')
  return condition !== undefined && isEmptyDocument(condition) ? noPrivileges : privilege.read
}

function isUpsert(operation: BsonValue): boolean {
  const upsert = getField(operation, 'upsert')
  return upsert !== undefined && isTruthy(upsert)
}

interface UpdateTotals {
  matched: number
  modified: number
  readonly upserted: { index: number; id: BsonValue }[]
  readonly errors: WriteErrors
}

function update(request: Request): Reply | Promise<Reply> {
  const updates = request.getDocuments('updates')
  checkBatch(request, updates)
  checkUpdates(updates)
  const ordered = request.getBoolean('ordered', true)
  const variables = variablesOf(request)
  return request.write(function* (transaction): StatementSteps<Reply> {
    findAllowed(transaction, request.database, request.collectionName, privilege.update)
    const totals = yield* runUpdates(transaction, request, updates, ordered, variables)
    throwInTransaction(request, totals.errors)
    return updateReply(totals)
  }, updates.some(isUpsert))
}

function* runUpdates(
  transaction: Transaction,
  request: Request,
  updates: readonly BsonValue[],
  ordered: boolean,
  variables: Variables,
): StatementSteps<UpdateTotals> {
  const totals: UpdateTotals = { matched: 0, modified: 0, upserted: [], errors: new WriteErrors() }
  for (const [index, one] of updates.entries()) {
    if (transaction.slice.spend(1)) yield undefined
    try {
      const collation = collationOfOperation(request, one)
      yield* stepsInOrderOf(collation, () => runUpdate(transaction, request, one, variables, index, totals))
    } catch (error) {
      if (!isDocumentError(error)) throw error
      totals.errors.add(index, error)
      if (ordered) break
    }
  }
  return totals
}

function* runUpdate(
  transaction: Transaction,
  request: Request,
  one: BsonValue,
  variables: Variables,
  index: number,
  totals: UpdateTotals,
): StatementSteps<void> {
  const operation = isLong(one)
    ? yield* resumed(transaction, () => parseUpdate(one, variables))
    : parseUpdate(one, variables)
  const { isUpsert: creates } = operation
  const wanted = privilege.read | privilege.update | (creates ? privilege.insert : noPrivileges)
  const source = yield* inPlace(transaction, () => sourceFor(transaction, request, creates, wanted))
  if (source === undefined) return
  const result = yield* updateDocuments(transaction, source, operation)
  totals.matched += result.matched
  totals.modified += result.modified
  if (result.upserted !== undefined) totals.upserted.push({ index, id: result.upserted })
}

export function sourceFor(
  transaction: Transaction,
  request: Request,
  creates: boolean,
  wanted: Privileges,
): DocumentSource | undefined {
  const { database, collectionName } = request
  const find = creates ? ensureSource : findSource
  const source = find(transaction, database, collectionName, wanted)
  return source && refusingCapped(request, source)
}

/** Insertions into one wait for each other to the end of their transactions. */
function refusingCapped(request: Request, source: DocumentSource): DocumentSource {
  if (!request.inTransaction || source.insertions === undefined) return source
  const name = `Collection '${request.namespace}' is a capped collection`
  throw mongoError(263, `${name}. Writes in transactions are not allowed on capped collections.`, 'unsupported')
}

function updateReply({ matched, modified, upserted, errors }: UpdateTotals): Reply {
  const counts: ShortReply = (writer) => {
    writer.count('n', matched + upserted.length).count('nModified', modified)
  }
  if (upserted.length === 0) return withErrors(errors, counts)
  return {
    *steps(writer) {
      counts(writer)
      writer.beginArray('upserted')
      for (const [i, { index, id }] of upserted.entries()) {
        if (isTurnOver()) yield undefined
        charge(unitsPerUpserted)
        writer.beginObject(indexName(i)).int32('index', index).value('_id', id).end()
      }
      writer.end()
      yield* errors.write(writer)
    },
  }
}

const unitsPerUpserted = 500

function remove(request: Request): Reply | Promise<Reply> {
  const deletes = request.getDocuments('deletes')
  checkBatch(request, deletes)
  checkDeletes(deletes)
  const ordered = request.getBoolean('ordered', true)
  const variables = variablesOf(request)
  return request.write(function* (transaction): StatementSteps<Reply> {
    findAllowed(transaction, request.database, request.collectionName, privilege.delete)
    const errors = new WriteErrors()
    let deleted = 0
    for (const [index, one] of deletes.entries()) {
      if (transaction.slice.spend(1)) yield undefined
      try {
        const collation = collationOfOperation(request, one)
        deleted += yield* stepsInOrderOf(collation, () => runDelete(transaction, request, one, variables))
      } catch (error) {
        if (!isDocumentError(error)) throw error
        errors.add(index, error)
        if (ordered) break
      }
    }
    throwInTransaction(request, errors)
    return withErrors(errors, (writer) => writer.count('n', deleted))
  })
}

function* runDelete(
  transaction: Transaction,
  request: Request,
  operation: BsonValue,
  variables: Variables,
): StatementSteps<number> {
  const parsed = isLong(operation)
    ? yield* resumed(transaction, () => parseDelete(operation, variables))
    : parseDelete(operation, variables)
  const source = sourceFor(transaction, request, false, privilege.delete | readBy(operation))
  if (source === undefined) return 0
  return (yield* deleteDocuments(transaction, source, parsed)).deleted
}

const deleteFields = ['q', 'limit', 'hint', 'collation']

export function parseDelete(operation: BsonValue, variables: Variables): Targets {
  const fields = new Map(fieldsOf(operation))
  const limit = fields.get('limit')
  const most = limit === undefined ? undefined : toSafeInteger(limit)
  if (most !== 0 && most !== 1)
    throw mongoError(mongoCode.failedToParse, 'The limit field in delete objects must be 0 or 1.')
  const filter = filterOf(objectIn(fields, 'q'), variables)
  return { filter, isMulti: most === 0, hint: hintOf(fields.get('hint')), sort: [] }
}

export const writeCommands: readonly Command[] = [
  {
    name: 'insert',
    fields: ['documents', 'ordered', 'bypassDocumentValidation'],
    access: 'collections',
    inTransaction: true,
    run: insert,
  },
  {
    name: 'update',
    fields: ['updates', 'ordered', 'bypassDocumentValidation', 'let'],
    access: 'collections',
    inTransaction: true,
    run: update,
  },
  { name: 'delete', fields: ['deletes', 'ordered', 'let'], access: 'collections', inTransaction: true, run: remove },
]
