/**
 * The suite `mongodb-specs`: the tests by which MongoDB's drivers are tried, with the unmodified driver for Node.js of the
 * version that they were taken from. What the server answers is judged, and the commands that the driver sends and hears of,
 * as far as they hang on answers.
 *
 * The server is asked what it is: a router where it says `isdbgrid`, a replica set where it has a name. Of ours there are
 * two more, a router and one that has users, and a test runs on the first that it is meant for. Fail points need
 * `--mongodb-test-commands`.
 */
import { type ClusterTime, type Document, MongoClient, MongoServerError } from 'mongodb-of-specs'
import type { CaseResult, ServerUnderTest, Suite } from '../suite.ts'
import { DriverLacks, Entities, type Place } from './entities.ts'
import { type Data, type Operation, readFiles, type Requirement, type Test, type TestFile } from './files.ts'
import { compareError } from './errors.ts'
import { difference, shown } from './match.ts'
import { compareEvents, compareLog } from './monitoring.ts'
import { findOperation } from './operations.ts'
import { flat } from './results.ts'
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
  let found = await attempt(file, test, surroundings)
  for (let again = 1; again < triesOf(file) && found.outcome === 'failed'; again++) {
    found = await attempt(file, test, surroundings)
  }
  return found
}

/** The waits and limits that these choose are tens of milliseconds apart: a busy machine gets some of them wrong. */
function triesOf({ name }: TestFile): number {
  return name.startsWith('client-side-operations-timeout/') ? 3 : 1
}

async function attempt(file: TestFile, test: Test, surroundings: Surroundings): Promise<Outcome> {
  const { $clusterTime } = await surroundings.own.db('admin').command({ ping: 1 })
  const entities = new Entities(surroundings.place, $clusterTime as ClusterTime | undefined)
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
  const lacking = [...(file.createEntities ?? [])].find((one) => 'clientEncryption' in one || 'thread' in one)
  return lacking === undefined ? undefined : `the runner has no ${Object.keys(lacking)[0]}`
}

/** What is missing of it, in words. */
function unmetOf(requirement: Requirement, surroundings: Surroundings): string | undefined {
  const { version, topology, hasUsers, parameters } = surroundings
  const { minServerVersion, maxServerVersion, topologies, auth, authMechanism, csfle, serverParameters } = requirement
  if (minServerVersion !== undefined && compareVersions(version, minServerVersion) < 0)
    return `version ${minServerVersion}`
  if (maxServerVersion !== undefined && compareVersions(version, maxServerVersion) > 0) {
    return `version ${maxServerVersion} or older`
  }
  const isListed = topologies?.some((one) => one === topology || one === `${topology}-replicaset`)
  if (isListed === false) return `a deployment of ${topologies!.join(' or ')}`
  if (auth !== undefined && auth !== hasUsers) return auth ? 'users' : 'no users'
  if (authMechanism !== undefined && authMechanism !== 'SCRAM-SHA-256') return `users by ${authMechanism}`
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
  for (const expected of test.expectLogMessages ?? []) compareLog(expected, entities)
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
