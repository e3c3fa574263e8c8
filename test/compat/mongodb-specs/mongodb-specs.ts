/**
 * The suite `mongodb-specs`: the tests by which MongoDB's drivers are tried, with the unmodified driver for Node.js of the
 * version that they were taken from. What the server answers is judged, and the commands that the driver sends and hears of,
 * as far as they hang on answers.
 *
 * The server is asked what it is: a router where it says `isdbgrid`, a replica set where it has a name. Of ours there are
 * two more, a router and one that has users, and a test runs on the first that it is meant for. Fail points need
 * `--mongodb-test-commands`.
 */
import { type Document, MongoBulkWriteError, MongoClient, MongoServerError } from 'mongodb-of-specs'
import type { CaseResult, ServerUnderTest, Suite } from '../suite.ts'
import { DriverLacks, Entities, type Place } from './entities.ts'
import {
  type Data,
  type ExpectedEvents,
  type Operation,
  readFiles,
  type Requirement,
  type Test,
  type TestFile,
} from './files.ts'
import { difference, isPlain, shown } from './match.ts'
import { findOperation } from './operations.ts'
import { runOnRunner } from './test-runner.ts'

const limitMs = 20_000

/** `arguments_`: of the server, where it is ours. */
function suiteOf(name: string, serverArguments: readonly string[]): Suite {
  return { name, folder: 'mongodb-specs', serverArguments: ['--mongodb-test-commands', ...serverArguments], run }
}

export const mongodbSpecs: Suite = suiteOf('mongodb-specs', ['--mongodb-replica-set', 'polylog'])
export const mongodbSpecsRouter: Suite = suiteOf('mongodb-specs-router', [])

async function* run(folder: string, server: ServerUnderTest): AsyncGenerator<CaseResult> {
  const places = [await lookAt(server), ...(await lookAtOthers(server))]
  const only = process.env['SUITE_ONLY']
  try {
    for await (const file of readFiles(folder)) {
      if (only !== undefined && !file.name.includes(only)) continue
      const names = new Set<string>()
      for (const test of file.tests) {
        const name = `${file.name}: ${test.description.replaceAll(/\s+/g, ' ')}`
        const own = names.has(name) ? `${name} (again)` : name
        names.add(own)
        yield { name: own, ...(await runTest(file, test, places)) }
      }
    }
  } finally {
    for (const { own } of places) await own.close()
  }
}

interface Surroundings {
  readonly place: Place
  readonly own: MongoClient
  readonly version: string
  readonly topology: string
  readonly hasUsers: boolean
  readonly parameters: Document
}

async function lookAtOthers({ startAnother }: ServerUnderTest): Promise<Surroundings[]> {
  if (startAnother === undefined) return []
  const router = await startAnother(['--mongodb-test-commands'])
  const guarded = await startAnother(['--mongodb-test-commands', '--mongodb-replica-set', 'polylog'])
  const maker = await MongoClient.connect(`mongodb://${guarded.host}:${guarded.port}/`, { directConnection: true })
  await maker.db('admin').command({ createUser: 'tester', pwd: 'secret', roles: ['root'] })
  await maker.close()
  return [await lookAt(router), await lookAt(guarded, 'tester:secret@')]
}

/** `proof`: of a user, as in a connection string. */
async function lookAt({ host, port }: ServerUnderTest, proof = ''): Promise<Surroundings> {
  const options = { directConnection: true, serverSelectionTimeoutMS: 10_000 }
  const own = await MongoClient.connect(`mongodb://${proof}${host}:${port}/`, options)
  const hello = await own.db('admin').command({ hello: 1 })
  const { version } = await own.db('admin').command({ buildInfo: 1 })
  const parameters = await own.db('admin').command({ getParameter: '*' })
  const isRouter = hello['msg'] === 'isdbgrid'
  const set = hello['setName'] === undefined ? '' : `?replicaSet=${String(hello['setName'])}`
  const uri = `mongodb://${proof}${host}:${port}/${set}`
  return {
    place: { uri, severalUri: isRouter ? `mongodb://${host}:${port},localhost:${port}/` : uri },
    own,
    hasUsers: proof !== '',
    version: String(version),
    topology: isRouter ? 'sharded' : set === '' ? 'single' : 'replicaset',
    parameters,
  }
}

type Outcome =
  | { readonly outcome: 'passed' }
  | { readonly outcome: 'failed'; readonly message: string }
  | { readonly outcome: 'skipped'; readonly reason: string }

/** On the first that it is meant for. */
async function runTest(file: TestFile, test: Test, places: readonly Surroundings[]): Promise<Outcome> {
  const reasons = places.map((place) => reasonToSkip(file, test, place))
  const surroundings = places[reasons.indexOf(undefined)]
  if (surroundings === undefined) return { outcome: 'skipped', reason: reasons[0]! }
  const entities = new Entities(surroundings.place)
  const failPoints = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took more than ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([carryOut(file, test, { ...surroundings, entities, failPoints }), limit])
    return { outcome: 'passed' }
  } catch (error) {
    if (error instanceof DriverLacks) return { outcome: 'skipped', reason: error.message }
    return {
      outcome: 'failed',
      message: String(error instanceof Error ? error.message : error).replaceAll(/\s+/g, ' '),
    }
  } finally {
    clearTimeout(timer)
    const admin = surroundings.own.db('admin')
    for (const name of failPoints) await admin.command({ configureFailPoint: name, mode: 'off' }).catch(() => undefined)
    await entities.close()
    await admin.command({ killAllSessions: [] }).catch(() => undefined)
  }
}

function reasonToSkip(file: TestFile, test: Test, surroundings: Surroundings): string | undefined {
  if (test.skipReason !== undefined) return `the suite skips it: ${test.skipReason.replaceAll(/\s+/g, ' ')}`
  for (const { runOnRequirements } of [file, test]) {
    if (runOnRequirements === undefined) continue
    const unmet = runOnRequirements.map((one) => unmetOf(one, surroundings))
    if (!unmet.includes(undefined)) return `needs ${[...new Set(unmet)].join(', or ')}`
  }
  if (test.expectLogMessages !== undefined) return "asks for the driver's log"
  const lacking = [...(file.createEntities ?? [])].find((one) => 'clientEncryption' in one || 'thread' in one)
  return lacking === undefined ? undefined : `the runner has no ${Object.keys(lacking)[0]}`
}

/** What is missing of it, in words. */
function unmetOf(requirement: Requirement, surroundings: Surroundings): string | undefined {
  const { version, topology, hasUsers, parameters } = surroundings
  const { minServerVersion, maxServerVersion, topologies, auth, csfle, serverParameters } = requirement
  if (minServerVersion !== undefined && compareVersions(version, minServerVersion) < 0)
    return `version ${minServerVersion}`
  if (maxServerVersion !== undefined && compareVersions(version, maxServerVersion) > 0) {
    return `version ${maxServerVersion} or older`
  }
  const isListed = topologies?.some((one) => one === topology || one === `${topology}-replicaset`)
  if (isListed === false) return `a deployment of ${topologies!.join(' or ')}`
  if (auth !== undefined && auth !== hasUsers) return auth ? 'users' : 'no users'
  if (csfle !== undefined && csfle !== false) return "the driver's encryption"
  for (const [name, value] of Object.entries(serverParameters ?? {})) {
    if (difference(value, parameters[name], noEntities) !== undefined)
      return `the parameter ${name} to be ${shown(value)}`
  }
  return undefined
}

const noEntities = { entity: () => undefined, sessionId: () => undefined }

function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map((text) => text.split('.').map(Number))
  for (const [i, part] of right!.entries()) if ((left![i] ?? 0) !== part) return (left![i] ?? 0) - part
  return 0
}

interface Running extends Surroundings {
  readonly entities: Entities
  readonly failPoints: Set<string>
}

async function carryOut(file: TestFile, test: Test, running: Running): Promise<void> {
  const { own, entities } = running
  for (const data of file.initialData ?? []) await load(own, data)
  await entities.create(file.createEntities ?? [])
  for (const operation of test.operations) await runOperation(operation, running)
  for (const expected of test.expectEvents ?? []) await compareEvents(expected, entities)
  for (const data of test.outcome ?? []) await compareData(own, data)
}

async function load(own: MongoClient, { databaseName, collectionName, createOptions, documents }: Data): Promise<void> {
  const database = own.db(databaseName)
  const collection = database.collection(collectionName)
  await collection.drop()
  if (documents.length === 0 || createOptions !== undefined)
    await database.createCollection(collectionName, createOptions)
  if (documents.length > 0) await collection.insertMany(documents.map((one) => ({ ...one })))
}

async function compareData(own: MongoClient, { databaseName, collectionName, documents }: Data): Promise<void> {
  const found = await own
    .db(databaseName)
    .collection(collectionName)
    .find({}, { sort: { _id: 1 } })
    .toArray()
  const problem = found.length === documents.length ? firstDifference(documents, found) : `${found.length} documents`
  if (problem !== undefined) throw new Error(`${collectionName} holds ${shown(found)}: ${problem}`)
}

function firstDifference(expected: readonly Document[], found: readonly Document[]): string | undefined {
  for (const [i, one] of expected.entries()) {
    const problem = difference(one, found[i], noEntities, false, String(i))
    if (problem !== undefined) return problem
  }
  return undefined
}

// ---- operations

/** The error that it was expected to end with, if one was. */
async function runOperation(operation: Operation, running: Running): Promise<unknown> {
  const { entities } = running
  if (operation.object === 'testRunner') {
    await runOnRunner(operation.name, operation.arguments ?? {}, running)
    return undefined
  }
  const given = withSession(operation.arguments ?? {}, entities)
  const attempt = call(operation, given, running)
  const { expectError, expectResult, ignoreResultAndError, saveResultAsEntity } = operation
  if (ignoreResultAndError === true) {
    await attempt.catch(() => undefined)
    return undefined
  }
  if (expectError !== undefined) {
    const error: unknown = await attempt.then(
      (result) => {
        throw new Error(`${operation.name}: expected an error ${shown(expectError)}, got ${shown(result)}`)
      },
      (reason: unknown) => reason,
    )
    compareError(operation.name, expectError, error, entities)
    return error
  }
  const result = await attempt.catch((error: unknown) => {
    if (error instanceof DriverLacks) throw error
    const code = error instanceof MongoServerError ? ` (${String(error.code)})` : ''
    throw new Error(`${operation.name} failed: ${error instanceof Error ? error.message : String(error)}${code}`, {
      cause: error,
    })
  })
  if (expectResult !== undefined) {
    const problem = difference(expectResult, flat(result), entities)
    if (problem !== undefined) throw new Error(`${operation.name} answered ${shown(flat(result))}: ${problem}`)
  }
  if (saveResultAsEntity !== undefined) entities.set(saveResultAsEntity, result)
  return undefined
}

async function call(operation: Operation, given: Document, running: Running): Promise<unknown> {
  const { entities } = running
  const target = entities.get<unknown>(operation.object)
  if (operation.name === 'withTransaction') return inTransaction(target, given, running)
  const run = findOperation(operation.name)
  if (run === undefined) throw new DriverLacks(`the runner has no ${operation.name}`)
  return run(target, given, entities)
}

async function inTransaction(session: unknown, { callback, ...options }: Document, running: Running): Promise<void> {
  const { withTransaction } = session as {
    withTransaction: (run: () => Promise<void>, options: Document) => Promise<void>
  }
  const body = async (): Promise<void> => {
    // What `withTransaction` does with an error is what is tried: it has to see it.
    for (const operation of callback as Operation[]) {
      const error = await runOperation(operation, running)
      if (error !== undefined) throw error
    }
  }
  await withTransaction.call(session, body, options)
}

function withSession(given: Document, entities: Entities): Document {
  const { session } = given
  return typeof session === 'string' && entities.sessionId(session) !== undefined
    ? { ...given, session: entities.get(session) }
    : { ...given }
}

/** A result of the driver as a plain document. */
function flat(result: unknown): unknown {
  if (Array.isArray(result)) return result
  if (typeof result !== 'object' || result === null) return result
  const found = result as Document
  if ('insertedCount' in found && 'matchedCount' in found) {
    const names = [
      'insertedCount',
      'matchedCount',
      'modifiedCount',
      'deletedCount',
      'upsertedCount',
      'insertedIds',
      'upsertedIds',
    ]
    const more = ['insertResults', 'updateResults', 'deleteResults'].map((name) => [name, mapped(found[name])])
    return Object.fromEntries([...names.map((name) => [name, found[name]]), ...more])
  }
  return result
}

function mapped(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value
}

// ---- errors

function compareError(operation: string, expected: Document, error: unknown, entities: Entities): void {
  const fail = (problem: string): never => {
    throw new Error(
      `${operation}: ${problem}; the error is ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    )
  }
  if (error instanceof DriverLacks) throw error
  if (!(error instanceof Error)) return fail('no error')
  // What is thrown by this runner is no error of the driver.
  if (error.constructor === Error && error.message.startsWith(`${operation}: expected an error`)) throw error
  const told = error as Error & Document
  const response = (told['errorResponse'] ??
    (told['cause'] as Document | undefined)?.['errorResponse'] ??
    {}) as Document
  const isClient = !(error instanceof MongoServerError) || error.name === 'MongoWriteConcernError'
  const isNetwork = /Network|ServerSelection|PoolCleared/.test(error.name)
  if (expected['isClientError'] === true && !isClient && !isNetwork) fail('it is not an error of the client')
  if (expected['isClientError'] === false && !(error instanceof MongoServerError)) fail('it is an error of the client')
  if (expected['isTimeoutError'] === true && error.name !== 'MongoOperationTimeoutError') fail('it is no timeout')
  if (expected['isTimeoutError'] === false && error.name === 'MongoOperationTimeoutError') fail('it is a timeout')
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

// ---- events

async function compareEvents(expected: ExpectedEvents, entities: Entities): Promise<void> {
  const kind = expected.eventType ?? 'command'
  // Events of pools come when what they tell of is over.
  if (kind !== 'command') await new Promise((resolve) => void setTimeout(resolve, 10))
  const told = entities.eventsOf(expected.client).filter((one) => one.kind === kind)
  const { events, ignoreExtraEvents } = expected
  const hasCount = ignoreExtraEvents === true ? told.length >= events.length : told.length === events.length
  if (!hasCount) {
    throw new Error(
      `expected ${events.length} events of ${expected.client}, got ${told.map(({ name, event }) => `${name.replace('Event', '')} ${String(event['commandName'] ?? '')}`).join(', ') || 'none'}`,
    )
  }
  for (const [i, holder] of events.entries()) {
    const [[name, description] = ['', {}]] = Object.entries(holder) as [string, Document][]
    const found = told[i]!
    if (found.name !== name) throw new Error(`event ${i} is ${found.name}, not ${name}`)
    const problem = eventDifference(description, found.event, entities)
    if (problem !== undefined)
      throw new Error(`event ${i} (${name} ${String(found.event['commandName'] ?? '')}): ${problem}`)
  }
}

/** This driver bounds how long each end of a transaction may wait, also where a test does not expect it to. */
function unbounded(content: unknown, expected: unknown): unknown {
  if (!isPlain(content) || !('commitTransaction' in content || 'abortTransaction' in content)) return content
  const wanted = isPlain(expected) ? (expected['writeConcern'] as unknown) : undefined
  const { writeConcern } = content
  if (!isPlain(writeConcern) || !isPlain(wanted) || 'wtimeout' in wanted) return content
  const { wtimeout: _, ...more } = writeConcern
  return { ...content, writeConcern: more }
}

function eventDifference(expected: Document, event: Document, entities: Entities): string | undefined {
  for (const [name, value] of Object.entries(expected)) {
    if (name === 'hasServiceId' || name === 'hasServerConnectionId') {
      const field = name === 'hasServiceId' ? 'serviceId' : 'serverConnectionId'
      if ((event[field] !== undefined && event[field] !== null) !== value) return `${field} is ${String(event[field])}`
      continue
    }
    if (name === 'previousDescription' || name === 'newDescription') continue
    const found: unknown = name === 'reply' && !isPlain(event[name]) ? {} : unbounded(event[name], value)
    const problem = difference(value, found, entities, true, name)
    if (problem !== undefined) return problem
  }
  return undefined
}
