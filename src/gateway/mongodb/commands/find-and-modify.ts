/** `findAndModify`: changes or removes one document and answers it as it was or as it is. */
import { privilege } from '../../../database/access/privileges.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { resumed } from '../../../database/transaction/wait.ts'
import { compileProjection, type Projection } from '../../../language/mql/projection.ts'
import { compileUpdate } from '../../../language/mql/update.ts'
import { deleteDocuments, projected, type Targets, updateDocuments } from '../../../language/mql/writes.ts'
import type { BsonValue } from '../../../model/document/bson.ts'
import { isEmptyDocument } from '../../../model/document/bson.ts'
import { collationInForce, inOrderOf, stepsInOrderOf } from '../../../model/document/collation.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { copyElements, type Reply, type ShortReply } from '../reply.ts'
import type { Command, Request } from '../request.ts'
import { collationFor, filterOf, hintOf, sortOf, variablesOf } from './query-options.ts'
import { sourceFor } from './writes.ts'

function findAndModify(request: Request): Reply | Promise<Reply> {
  const remove = request.getBoolean('remove', false)
  const update = request.get('update')
  if (remove === (update !== undefined)) {
    const message = remove
      ? 'Cannot specify both an update and remove=true'
      : 'Either an update or remove=true must be specified'
    throw mongoError(mongoCode.failedToParse, message)
  }
  if (remove && (request.getBoolean('upsert', false) || request.getBoolean('new', false))) {
    throw mongoError(mongoCode.failedToParse, 'Cannot specify both upsert=true or new=true and remove=true')
  }
  const collation = collationFor(request, request.get('collation'), request.collectionName)
  return inOrderOf(collation, () => (update === undefined ? removeOne(request) : updateOne(request, update)))
}

function projectionOf(request: Request): Projection | undefined {
  const fields = request.getObject('fields')
  if (fields === undefined || isEmptyDocument(fields)) return undefined
  const variables = variablesOf(request)
  return compileProjection(fields, variables, filterOf(request.getObject('query'), variables))
}

export function targetsOf(request: Request): Targets {
  return {
    filter: filterOf(request.getObject('query'), variablesOf(request)),
    isMulti: false,
    hint: hintOf(request.get('hint')),
    sort: sortOf(request.getObject('sort')),
  }
}

/** What `write` tells, then the document. */
function replyOf(write: ShortReply, document: BsonValue | undefined): Reply {
  return {
    *steps(writer) {
      writer.beginObject('lastErrorObject')
      write(writer)
      writer.end()
      if (document === undefined) writer.null('value')
      else yield* copyElements(writer.head(document.type, 'value'), document)
    },
  }
}

function removeOne(request: Request): Reply | Promise<Reply> {
  const targets = targetsOf(request)
  const projection = projectionOf(request)
  const collation = collationInForce()
  function* remove(transaction: Transaction): StatementSteps<Reply> {
    const source = sourceFor(transaction, request, false, privilege.read | privilege.delete)
    const found = source === undefined ? undefined : (yield* deleteDocuments(transaction, source, targets)).document
    const answered = yield* resumed(transaction, () => projected(found, projection))
    return replyOf((writer) => writer.int32('n', found === undefined ? 0 : 1), answered)
  }
  return request.write((transaction) => stepsInOrderOf(collation, () => remove(transaction)))
}

function updateOne(request: Request, update: BsonValue): Reply | Promise<Reply> {
  const isUpsert = request.getBoolean('upsert', false)
  const isNew = request.getBoolean('new', false)
  const projection = projectionOf(request)
  const arrayFilters = request.getArray('arrayFilters') ?? []
  const compiled = compileUpdate({ update, arrayFilters, variables: variablesOf(request) })
  const operation = { ...targetsOf(request), update: compiled, isUpsert }
  const wanted = privilege.read | privilege.update | (isUpsert ? privilege.insert : 0)
  const collation = collationInForce()
  function* change(transaction: Transaction): StatementSteps<Reply> {
    const source = sourceFor(transaction, request, isUpsert, wanted)
    const result = source === undefined ? undefined : yield* updateDocuments(transaction, source, operation)
    const written = isNew ? result?.after : result?.before
    const answered = yield* resumed(transaction, () => projected(written, projection))
    const upserted = result?.upserted
    const count = (result?.matched ?? 0) + (upserted === undefined ? 0 : 1)
    return replyOf((writer) => {
      writer.int32('n', count).boolean('updatedExisting', (result?.matched ?? 0) > 0)
      if (upserted !== undefined) writer.value('upserted', upserted)
    }, answered)
  }
  return request.write((transaction) => stepsInOrderOf(collation, () => change(transaction)), isUpsert)
}

export const modifyCommands: readonly Command[] = [
  {
    name: 'findAndModify',
    aliases: ['findandmodify'],
    fields: [
      'query',
      'sort',
      'remove',
      'update',
      'new',
      'fields',
      'upsert',
      'bypassDocumentValidation',
      'collation',
      'arrayFilters',
      'hint',
      'let',
    ],
    access: 'collections',
    inTransaction: true,
    run: findAndModify,
  },
]
