/** Whether an error of the driver is as a test expects. */
import {
  type Document,
  MongoBulkWriteError,
  MongoError,
  MongoOperationTimeoutError,
  MongoServerError,
} from 'mongodb-of-specs'
import { DriverLacks, type Entities } from './entities.ts'
import { difference } from './match.ts'
import { flat, mapped } from './results.ts'

export function compareError(operation: string, expected: Document, error: unknown, entities: Entities): void {
  const fail = (problem: string): never => {
    throw new Error(
      `${operation}: ${problem}; the error is ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    )
  }
  if (error instanceof DriverLacks) throw error
  if (!(error instanceof Error)) return fail('no error')
  // What is thrown by this runner is no error of the driver.
  if (error.constructor === Error && error.message.startsWith(`${operation}: expected an error`)) throw error
  if (!(error instanceof MongoError)) return fail('it is no error of the driver')
  const told = error as MongoError & Document
  const response = (told['errorResponse'] ??
    (told['cause'] as Document | undefined)?.['errorResponse'] ??
    {}) as Document
  // What ended several writes is in an error of its own, which the driver counts as the server's whatever it holds.
  const ending: unknown = error instanceof MongoBulkWriteError ? (error.errorResponse ?? error) : error
  const isOfServer = ending instanceof MongoServerError || !(ending instanceof Error)
  if (expected['isClientError'] === true && isOfServer) fail('it is not an error of the client')
  if (expected['isClientError'] === false && !isOfServer) fail('it is an error of the client')
  const isTimeout = ending instanceof MongoOperationTimeoutError
  if (expected['isTimeoutError'] === true && !isTimeout) fail('it is no timeout')
  if (expected['isTimeoutError'] === false && isTimeout) fail('it is a timeout')
  const contains = expected['errorContains'] as string | undefined
  if (contains !== undefined && !error.message.toLowerCase().includes(contains.toLowerCase()))
    fail(`expected "${contains}"`)
  const code = told['code'] as unknown
  if (expected['errorCode'] !== undefined && code !== expected['errorCode'])
    fail(`expected code ${String(expected['errorCode'])}, got ${String(code)}`)
  const codeName = told['codeName'] ?? response['codeName']
  if (expected['errorCodeName'] !== undefined && codeName !== expected['errorCodeName']) {
    fail(`expected ${String(expected['errorCodeName'])}, got ${String(codeName)}`)
  }
  const hasLabel = (label: string): boolean =>
    (told['hasErrorLabel'] as ((label: string) => boolean) | undefined)?.call(told, label) === true
  for (const label of (expected['errorLabelsContain'] ?? []) as string[])
    if (!hasLabel(label)) fail(`the label ${label} is missing`)
  for (const label of (expected['errorLabelsOmit'] ?? []) as string[])
    if (hasLabel(label)) fail(`the label ${label} is there`)
  if (expected['errorResponse'] !== undefined) {
    const problem = difference(expected['errorResponse'], response, entities)
    if (problem !== undefined) fail(problem)
  }
  if (expected['expectResult'] !== undefined) {
    const partial = error instanceof MongoBulkWriteError ? flat(error.result) : told['partialResult']
    const problem = difference(expected['expectResult'], partial === undefined ? undefined : flat(partial), entities)
    if (problem !== undefined) fail(problem)
  }
  compareLists(expected, told, entities, fail)
}

/** Of writes through a client as a whole. */
function compareLists(expected: Document, told: Document, entities: Entities, fail: (problem: string) => never): void {
  if (expected['writeErrors'] !== undefined) {
    const problem = difference(expected['writeErrors'], mapped(told['writeErrors']), entities)
    if (problem !== undefined) fail(problem)
  }
  if (expected['writeConcernErrors'] !== undefined) {
    const problem = difference(expected['writeConcernErrors'], told['writeConcernErrors'], entities)
    if (problem !== undefined) fail(problem)
  }
}
