/** `explain`: which index a query takes, in the words of the server's plans. */
import type { BsonValue } from '../../../model/document/bson.ts'
import { inOrderOf } from '../../../model/document/collation.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { fieldMap, Request, type Command, type Reply } from '../request.ts'
import { modifyCommands, targetsOf } from './find-and-modify.ts'
import { collationFor, variablesOf } from './query-options.ts'
import { parseAggregate, parseCount, parseDistinct, parseFind, readCommands } from './reads.ts'
import { checkDeletes, checkUpdates, collationOfOperation, parseDelete, parseUpdate, writeCommands } from './writes.ts'
import { wholeDatabase } from './change-streams.ts'
import { type Explained, explainQuery } from './explain-plan.ts'

const verbosities = new Set(['queryPlanner', 'executionStats', 'allPlansExecution'])

function explain(request: Request): Reply | Promise<Reply> {
  const inner = request.getObject('explain')
  if (inner === undefined) throw mongoError(mongoCode.typeMismatch, 'explain needs a command', 'wrong_type')
  const verbosity = request.getString('verbosity') ?? 'allPlansExecution'
  if (!verbosities.has(verbosity)) throw mongoError(mongoCode.badValue, `unknown verbosity ${verbosity}`)
  const explained = innerRequest(request, inner)
  const command = explainable.find(({ name, aliases }) => {
    return name === explained.command || aliases?.includes(explained.command) === true
  })
  if (command === undefined) {
    throw mongoError(59, `Explain failed due to unknown or unsupported command: ${explained.command}`, 'unsupported')
  }
  explained.checkFields(new Set(command.fields))
  return explainQuery(explained, explainedBy(command.name, explained), verbosity !== 'queryPlanner')
}

function innerRequest(request: Request, command: BsonValue): Request {
  const fields = fieldMap(command)
  const [name = ''] = fields.keys()
  const { sequences, database, connection, gateway, session } = request
  const made = new Request({ command: name, fields, sequences, database, connection, gateway, session })
  made.logical = request.logical
  return made
}

const explainable = [...readCommands, ...modifyCommands, ...writeCommands.filter(({ name }) => name !== 'insert')]

function explainedBy(name: string, request: Request): Explained {
  if (name === 'aggregate') {
    const { query, collection } = parseAggregate(request)
    return { query, collection: collection ?? wholeDatabase }
  }
  const collection = request.collectionName
  switch (name) {
    case 'find':
      return { query: parseFind(request), collection }
    case 'count':
      return { query: parseCount(request), collection, above: 'COUNT' }
    case 'distinct':
      return { query: parseDistinct(request), collection }
    case 'findAndModify': {
      const above = request.getBoolean('remove', false) ? 'DELETE' : 'UPDATE'
      const order = collationFor(request, request.get('collation'), collection)
      return { query: { ...inOrderOf(order, () => targetsOf(request)), ...ofOne, collation: order }, collection, above }
    }
    default:
      return writeExplained(request, name === 'update' ? 'UPDATE' : 'DELETE')
  }
}

const ofOne = { skip: 0, limit: 1, stages: [] }

/** The real server explains one operation at a time, too. */
function writeExplained(request: Request, above: 'UPDATE' | 'DELETE'): Explained {
  const operations = request.getDocuments(above === 'UPDATE' ? 'updates' : 'deletes')
  const [operation] = operations
  if (operation === undefined || operations.length > 1) {
    throw mongoError(16, 'explained write batches must be of size 1')
  }
  if (above === 'UPDATE') checkUpdates(operations)
  else checkDeletes(operations)
  const variables = variablesOf(request)
  const collation = collationOfOperation(request, operation)
  const { filter, hint, isMulti } = inOrderOf(collation, () => {
    return above === 'UPDATE' ? parseUpdate(operation, variables) : parseDelete(operation, variables)
  })
  const limit = isMulti ? undefined : 1
  const query = { filter, hint, sort: [], skip: 0, limit, stages: [], collation }
  return { query, collection: request.collectionName, above }
}

export const explainCommands: readonly Command[] = [
  { name: 'explain', fields: ['verbosity'], access: 'collections', run: explain },
]
