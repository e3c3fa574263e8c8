/** First stages of a pipeline that tell of the server or of what a collection is: `$currentOp`, `$collStats` and their kin. */
import { AccessError } from '../../../database/access/rights.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { type Documents, Stepped } from '../../../language/mql/documents.ts'
import type { PipelineContext } from '../../../language/mql/pipeline.ts'
import { Given } from '../../../language/mql/union.ts'
import { buildDocument } from '../../../model/document/bson-writer.ts'
import { bsonType, BsonValue, fieldsOf, isEmptyDocument } from '../../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { isTruthy, toDouble } from '../../../model/document/values.ts'
import { isDocumentView } from '../../../model/document/view.ts'
import { findDescribed, mayMonitor } from '../access.ts'
import type { Request } from '../request.ts'
import { searchNotEnabled } from '../search-indexes.ts'
import { ofView, there } from './query-options.ts'
import { operationsOf } from './server.ts'
import { totalsOf, writeTotals } from './statistics.ts'

export function sourcesOf(request: Request): NonNullable<PipelineContext['sources']> {
  const { gateway, session } = request
  return new Map<string, (specification: BsonValue) => () => Documents>([
    ['$listLocalSessions', () => () => new Given(gateway.logical.describe(session.database))],
    [
      '$listSearchIndexes',
      () => {
        throw searchNotEnabled()
      },
    ],
    ['$currentOp', (specification) => currentOperations(request, specification)],
    ['$collStats', (specification) => collectionStatistics(request, specification)],
  ])
}

function optionsOf(stage: string, specification: BsonValue, known: readonly string[]): Map<string, BsonValue> {
  if (specification.type !== bsonType.object) {
    throw mongoError(mongoCode.failedToParse, `${stage} must take a nested object`)
  }
  const options = new Map(fieldsOf(specification))
  for (const name of options.keys()) {
    if (!known.includes(name)) throw mongoError(40_415, `BSON field '${stage}.${name}' is an unknown field.`)
  }
  return options
}

/** There are no shards, and no stacks to show: options about those change nothing where they are false. */
const refusedOfOperations = ['idleCursors', 'backtrace']

function currentOperations(request: Request, specification: BsonValue): () => Documents {
  const known = ['allUsers', 'idleConnections', 'idleSessions', 'localOps', 'targetAllNodes', ...refusedOfOperations]
  const options = optionsOf('$currentOp', specification, known)
  const flag = (name: string): boolean => options.has(name) && isTruthy(options.get(name)!)
  const refused = refusedOfOperations.find(flag)
  if (refused !== undefined) {
    throw mongoError(mongoCode.commandNotSupported, `$currentOp: option '${refused}' is not supported`, 'unsupported')
  }
  if (request.database !== 'admin' || request.get('aggregate')?.isNumber !== true) {
    throw mongoError(
      mongoCode.invalidNamespace,
      "$currentOp must be run against the 'admin' database with {aggregate: 1}",
    )
  }
  const all = flag('allUsers')
  if (all && !mayMonitor(request.session.rights)) throw new AccessError('database', 'admin')
  return () => new Given(operationsOf(request, { all, idle: flag('idleConnections') }))
}

function collectionStatistics(request: Request, specification: BsonValue): () => Documents {
  const options = optionsOf('$collStats', specification, ['count', 'storageStats', 'latencyStats', 'queryExecStats'])
  for (const name of ['latencyStats', 'queryExecStats']) {
    if (options.has(name)) {
      throw mongoError(mongoCode.commandNotSupported, `$collStats: '${name}' is not supported`, 'unsupported')
    }
  }
  const counted = options.get('count')
  if (counted !== undefined && (counted.type !== bsonType.object || !isEmptyDocument(counted))) {
    throw mongoError(40_480, 'count argument must be an empty object')
  }
  const storage = options.get('storageStats')
  const scale = storage === undefined ? 1 : scaleOf(storage)
  const { database, collectionName } = request
  function* documents(transaction: Transaction): StatementSteps<BsonValue[]> {
    const collection = there(findDescribed(transaction, database, collectionName), database, collectionName)
    if (isDocumentView(collection)) throw ofView(collection)
    const totals = yield* totalsOf(transaction, collection)
    const bytes = buildDocument((writer) => {
      writer.string('ns', request.namespace).date('localTime', Math.floor(request.gateway.sessions.host.now()))
      if (storage !== undefined) {
        writer.beginObject('storageStats')
        writeTotals(writer, totals, scale)
        writer.end()
      }
      if (counted !== undefined) writer.count('count', totals.count)
    })
    return [new BsonValue(bsonType.object, bytes)]
  }
  return () => new Stepped(documents)
}

function scaleOf(storage: BsonValue): number {
  const scale = optionsOf('$collStats.storageStats', storage, ['scale']).get('scale')
  const number = scale === undefined ? 1 : scale.isNumber ? Math.trunc(toDouble(scale)) : NaN
  if (number >= 1) return number
  throw mongoError(mongoCode.badValue, '$collStats: scale must be a number of 1 or more')
}
