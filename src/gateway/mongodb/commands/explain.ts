/** `explain`: which index a query takes, in the words of the server's plans. */
import type { Query } from '../../../language/mql/query.ts'
import type { BsonValue } from '../../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { fieldMap, Request, type Command, type Reply } from '../request.ts'
import { parseAggregate, parseCount, parseFind } from './reads.ts'
import { wholeDatabase } from './change-streams.ts'
import { explainQuery } from './explain-plan.ts'

const verbosities = new Set(['queryPlanner', 'executionStats', 'allPlansExecution'])

function explain(request: Request): Reply | Promise<Reply> {
  const inner = request.getObject('explain')
  if (inner === undefined) throw mongoError(mongoCode.typeMismatch, 'explain needs a command', 'wrong_type')
  const verbosity = request.getString('verbosity') ?? 'allPlansExecution'
  if (!verbosities.has(verbosity)) throw mongoError(mongoCode.badValue, `unknown verbosity ${verbosity}`)
  const explained = innerRequest(request, inner)
  const { query, collection } = queryOf(explained)
  return explainQuery(explained, query, collection ?? wholeDatabase, verbosity !== 'queryPlanner')
}

function innerRequest(request: Request, command: BsonValue): Request {
  const fields = fieldMap(command)
  const [name = ''] = fields.keys()
  const { sequences, database, connection, gateway, session } = request
  const made = new Request({ command: name, fields, sequences, database, connection, gateway, session })
  made.logical = request.logical
  return made
}

function queryOf(request: Request): { query: Query; collection: string | undefined } {
  switch (request.command) {
    case 'find':
      return { query: parseFind(request), collection: request.collectionName }
    case 'aggregate':
      return parseAggregate(request)
    case 'count':
      return { query: parseCount(request), collection: request.collectionName }
    default:
      throw mongoError(59, `Explain failed due to unknown or unsupported command: ${request.command}`, 'unsupported')
  }
}

export const explainCommands: readonly Command[] = [
  { name: 'explain', fields: ['verbosity'], access: 'collections', run: explain },
]
