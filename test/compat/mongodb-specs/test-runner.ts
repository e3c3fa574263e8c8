/** What tests ask of their runner: fail points, checks of sessions and collections, waits; see `entities.ts` for entities. */
import { type ClientSession, type Document, type MongoClient, MongoServerError } from 'mongodb-of-specs'
import { isDeepStrictEqual } from 'node:util'
import { DriverLacks, type Entities } from './entities.ts'
import { eventDifference } from './monitoring.ts'

interface Surroundings {
  readonly entities: Entities
  /** Asks the server beside the test's own clients. */
  readonly own: MongoClient
  /** Fail points to take away after the test. */
  readonly failPoints: Set<string>
}

type Run = (given: Document, surroundings: Surroundings) => Promise<void> | void

const waitLimitMs = 10_000

const operations: Readonly<Record<string, Run>> = {
  createEntities: (given, { entities }) => entities.create(given['entities'] as Document[]),
  // The test's own client sets it, and takes a connection for that.
  failPoint: ({ failPoint, client }, { entities, failPoints }) =>
    setFailPoint(failPoint as Document, { own: entities.get<MongoClient>(client), failPoints }),
  targetedFailPoint: (given, surroundings) => {
    const session = surroundings.entities.get<ClientSession>(given['session'])
    check(session.isPinned, 'the session is not pinned, so that there is no server to set the fail point on')
    return setFailPoint(given['failPoint'] as Document, surroundings)
  },
  wait: ({ ms }) => new Promise((resolve) => void setTimeout(resolve, Number(ms))),
  waitForEvent: async ({ client, event, count }, { entities }) => {
    const [[name, expected] = ['', {}]] = Object.entries(event as Document) as [string, Document][]
    const until = Date.now() + waitLimitMs
    for (;;) {
      const found = entities.eventsOf(String(client)).filter((one) => {
        return one.name === name && eventDifference(expected, one.event, entities) === undefined
      })
      if (found.length >= Number(count)) return
      if (Date.now() > until) throw new Error(`${name} came ${found.length} times, not ${String(count)}`)
      await new Promise((resolve) => void setTimeout(resolve, 5))
    }
  },
  assertSessionTransactionState: ({ session, state }, { entities }) => {
    const { transaction } = entities.get<ClientSession & { transaction: { state: string } }>(session)
    const found = transaction.state.toLowerCase().replace('no_transaction', 'none').replace('transaction_', '')
    const shown = { starting_transaction: 'starting', in_progress: 'in_progress' }[found] ?? found
    check(
      shown.replace('starting_transaction', 'starting') === state,
      `the transaction is ${found}, not ${String(state)}`,
    )
  },
  assertSessionPinned: ({ session }, { entities }) => {
    check(entities.get<ClientSession>(session).isPinned, 'the session is not pinned')
  },
  assertSessionUnpinned: ({ session }, { entities }) => {
    check(!entities.get<ClientSession>(session).isPinned, 'the session is pinned')
  },
  assertSessionDirty: ({ session }, { entities }) => check(isDirty(entities, session), 'the session is not dirty'),
  assertSessionNotDirty: ({ session }, { entities }) => check(!isDirty(entities, session), 'the session is dirty'),
  assertSameLsidOnLastTwoCommands: ({ client }, { entities }) => {
    check(areLastSame(entities, client), 'the last two commands were sent in different sessions')
  },
  assertDifferentLsidOnLastTwoCommands: ({ client }, { entities }) => {
    check(!areLastSame(entities, client), 'the last two commands were sent in the same session')
  },
  assertCollectionExists: async (given, { own }) =>
    check(await hasCollection(given, own), 'the collection is not there'),
  assertCollectionNotExists: async (given, { own }) =>
    check(!(await hasCollection(given, own)), 'the collection is there'),
  assertIndexExists: async (given, { own }) => check(await hasIndex(given, own), 'the index is not there'),
  assertIndexNotExists: async (given, { own }) => check(!(await hasIndex(given, own)), 'the index is there'),
  assertNumberConnectionsCheckedOut: ({ client, connections }, { entities }) => {
    const found = entities.checkedOut(String(client))
    check(found === connections, `${found} connections are checked out, not ${String(connections)}`)
  },
}

export async function runOnRunner(name: string, given: Document, surroundings: Surroundings): Promise<void> {
  const run = operations[name]
  if (run === undefined) throw new DriverLacks(`the runner has no ${name}`)
  await run(given, surroundings)
}

async function setFailPoint(
  point: Document,
  { own, failPoints }: Pick<Surroundings, 'own' | 'failPoints'>,
): Promise<void> {
  failPoints.add(String(point['configureFailPoint']))
  await own.db('admin').command(point)
}

function check(isSo: boolean, problem: string): void {
  if (!isSo) throw new Error(problem)
}

function isDirty(entities: Entities, session: unknown): boolean {
  return entities.get<{ serverSession: { isDirty: boolean } }>(session).serverSession.isDirty
}

function areLastSame(entities: Entities, client: unknown): boolean {
  const started = entities.eventsOf(String(client)).filter(({ name }) => name === 'commandStartedEvent')
  const [one, other] = started.slice(-2).map(({ event }) => (event['command'] as Document)['lsid'] as unknown)
  return isDeepStrictEqual(one, other)
}

async function hasCollection({ databaseName, collectionName }: Document, own: MongoClient): Promise<boolean> {
  const found = await own
    .db(String(databaseName))
    .listCollections({ name: String(collectionName) })
    .toArray()
  return found.length > 0
}

async function hasIndex({ databaseName, collectionName, indexName }: Document, own: MongoClient): Promise<boolean> {
  const collection = own.db(String(databaseName)).collection(String(collectionName))
  const indexes = await collection
    .listIndexes()
    .toArray()
    .catch((error: unknown) => {
      const isMissing = error instanceof MongoServerError && error.code === 26
      if (isMissing) return []
      throw error
    })
  return indexes.some(({ name }) => name === indexName)
}
