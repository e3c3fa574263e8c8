/** What a test names: clients of the unmodified driver, what is made by them, and the events that they report. */
import {
  type ClientSession,
  type ClusterTime,
  type Collection,
  type CollectionOptions,
  type Db,
  type DbOptions,
  type Document,
  GridFSBucket,
  type Log,
  MongoClient,
  type MongoClientOptions,
} from 'mongodb-of-specs'
import type { LogMessage } from './files.ts'

/** Where the server is, and what kind of one it is. */
export interface Place {
  readonly uri: string
  /** Of a router: the same server under two names, for tests that want several. */
  readonly severalUri: string
}

export interface ObservedEvent {
  /** As tests call it: `commandStartedEvent`. */
  readonly name: string
  readonly kind: 'command' | 'cmap' | 'sdam'
  readonly event: Document
}

const commandEvents: Readonly<Record<string, string>> = {
  commandStarted: 'commandStartedEvent',
  commandSucceeded: 'commandSucceededEvent',
  commandFailed: 'commandFailedEvent',
}

const poolEvents: Readonly<Record<string, string>> = {
  connectionPoolCreated: 'poolCreatedEvent',
  connectionPoolReady: 'poolReadyEvent',
  connectionPoolCleared: 'poolClearedEvent',
  connectionPoolClosed: 'poolClosedEvent',
  connectionCreated: 'connectionCreatedEvent',
  connectionReady: 'connectionReadyEvent',
  connectionClosed: 'connectionClosedEvent',
  connectionCheckOutStarted: 'connectionCheckOutStartedEvent',
  connectionCheckOutFailed: 'connectionCheckOutFailedEvent',
  connectionCheckedOut: 'connectionCheckedOutEvent',
  connectionCheckedIn: 'connectionCheckedInEvent',
}

const serverEvents: Readonly<Record<string, string>> = {
  serverDescriptionChanged: 'serverDescriptionChangedEvent',
  serverHeartbeatStarted: 'serverHeartbeatStartedEvent',
  serverHeartbeatSucceeded: 'serverHeartbeatSucceededEvent',
  serverHeartbeatFailed: 'serverHeartbeatFailedEvent',
  topologyDescriptionChanged: 'topologyDescriptionChangedEvent',
}

const sensitive: ReadonlySet<string> = new Set([
  'authenticate',
  'saslStart',
  'saslContinue',
  'getnonce',
  'createUser',
  'updateUser',
  'copydbgetnonce',
  'copydbsaslstart',
  'copydb',
])

/** What the test's commands may not be told of. */
class ObservedClient {
  readonly client: MongoClient
  readonly events: ObservedEvent[] = []
  readonly log: LogMessage[] = []
  checkedOut = 0
  #ready = 0

  constructor(description: Document, place: Place) {
    const options = clientOptions(description, this.log)
    const base = description['useMultipleMongoses'] === true ? place.severalUri : place.uri
    this.client = new MongoClient(withOptions(base, (description['uriOptions'] ?? {}) as Document), options)
    this.#observe(description)
    this.client.on('connectionCheckedOut', () => void this.checkedOut++)
    this.client.on('connectionCheckedIn', () => void this.checkedOut--)
    this.client.on('connectionReady', () => void this.#ready++)
  }

  /** With as many connections as it keeps, where the test wants it to; what came before is nothing that it asks for. */
  async connect({ awaitMinPoolSizeMS }: Document): Promise<void> {
    await this.client.connect()
    if (awaitMinPoolSizeMS === undefined) return
    const until = Date.now() + Number(awaitMinPoolSizeMS)
    while (this.#ready < this.client.options.minPoolSize) {
      if (Date.now() > until) throw new Error(`only ${this.#ready} connections were ready in time`)
      await new Promise((resolve) => void setTimeout(resolve, 2))
    }
    this.events.length = 0
    this.log.length = 0
  }

  #observe(description: Document): void {
    const wanted = new Set((description['observeEvents'] ?? []) as string[])
    const ignored = new Set([
      'configureFailPoint',
      'killAllSessions',
      ...((description['ignoreCommandMonitoringEvents'] ?? []) as string[]),
    ])
    const seesAll = description['observeSensitiveCommands'] === true
    const kinds = [
      ['command', commandEvents],
      ['cmap', poolEvents],
      ['sdam', serverEvents],
    ] as const
    for (const [kind, names] of kinds) {
      for (const [event, name] of Object.entries(names)) {
        if (!wanted.has(name)) continue
        this.client.on(event as 'commandStarted', (told: Document) => {
          const command = String(told['commandName'])
          if (kind === 'command' && (ignored.has(command) || (!seesAll && isSensitive(command, told)))) return
          this.events.push({ name, kind, event: told })
        })
      }
    }
  }
}

function isSensitive(command: string, event: Document): boolean {
  if (sensitive.has(command)) return true
  const isHello = ['hello', 'ismaster', 'isMaster'].includes(command)
  const content = (event['command'] ?? event['reply']) as Document | undefined
  return isHello && (content === undefined || Object.keys(content).length === 0 || 'speculativeAuthenticate' in content)
}

function clientOptions(description: Document, log: LogMessage[]): MongoClientOptions {
  const api = description['serverApi'] as MongoClientOptions['serverApi']
  const severities = description['observeLogMessages'] as MongoClientOptions['mongodbLogComponentSeverities']
  const own = {
    monitorCommands: true,
    ...(api !== undefined && { serverApi: api }),
    ...(severities !== undefined && {
      mongodbLogComponentSeverities: severities,
      mongodbLogMaxDocumentLength: 100_000,
      mongodbLogPath: { write: (line: Log) => void log.push({ level: line.s, component: line.c, data: { ...line } }) },
    }),
  }
  // As the driver's own tests do: that it is there is told by what a test does first, and by nothing else.
  return { ...own, __skipPingOnConnect: true } as MongoClientOptions
}

function withOptions(uri: string, options: Document): string {
  const parameters = Object.entries(options).map(([name, value]) => {
    const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
    return `${name}=${encodeURIComponent(text)}`
  })
  return parameters.length === 0 ? uri : `${uri}${uri.includes('?') ? '&' : '?'}${parameters.join('&')}`
}

/** The driver lacks something that a test asks for. */
export class DriverLacks extends Error {}

export class Entities {
  readonly #place: Place
  readonly #clusterTime: ClusterTime | undefined
  readonly #all = new Map<string, unknown>()
  readonly #clients = new Map<string, ObservedClient>()
  readonly #sessionIds = new Map<string, unknown>()

  /** `clusterTime`: of the server, as a session knows it that has been used. */
  constructor(place: Place, clusterTime?: ClusterTime) {
    this.#place = place
    this.#clusterTime = clusterTime
  }

  async create(descriptions: readonly Document[]): Promise<void> {
    for (const holder of descriptions) {
      const [[kind, description] = ['', {}]] = Object.entries(holder) as [string, Document][]
      await this.#create(kind, description)
    }
  }

  async #create(kind: string, description: Document): Promise<void> {
    const id = String(description['id'])
    switch (kind) {
      case 'client': {
        const made = new ObservedClient(description, this.#place)
        this.#clients.set(id, made)
        this.#all.set(id, made.client)
        await made.connect(description)
        return
      }
      case 'database': {
        const client = this.get<MongoClient>(description['client'])
        const options = description['databaseOptions'] as DbOptions | undefined
        this.#all.set(id, client.db(String(description['databaseName']), options))
        return
      }
      case 'collection': {
        const database = this.get<Db>(description['database'])
        const options = description['collectionOptions'] as CollectionOptions | undefined
        this.#all.set(id, database.collection(String(description['collectionName']), options))
        return
      }
      case 'session': {
        const session = this.get<MongoClient>(description['client']).startSession(
          (description['sessionOptions'] ?? {}) as Document,
        )
        if (this.#clusterTime !== undefined) session.advanceClusterTime(this.#clusterTime)
        this.#all.set(id, session)
        this.#sessionIds.set(id, session.id)
        return
      }
      case 'bucket':
        this.#all.set(
          id,
          new GridFSBucket(this.get<Db>(description['database']), description['bucketOptions'] as never),
        )
        return
      default:
        throw new DriverLacks(`the runner has no ${kind}`)
    }
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- tests name what they have made
  get<T>(name: unknown): T {
    const found = this.#all.get(String(name))
    if (found === undefined) throw new Error(`there is no entity ${String(name)}`)
    return found as T
  }

  set(name: string, value: unknown): void {
    this.#all.set(name, value)
  }

  delete(name: string): void {
    this.#all.delete(name)
  }

  readonly entity = (name: string): unknown => this.#all.get(name)

  readonly sessionId = (name: string): unknown => this.#sessionIds.get(name)

  eventsOf(client: string): readonly ObservedEvent[] {
    return this.#clients.get(client)?.events ?? []
  }

  logOf(client: string): readonly LogMessage[] {
    return this.#clients.get(client)?.log ?? []
  }

  checkedOut(client: string): number {
    return this.#clients.get(client)?.checkedOut ?? 0
  }

  get clients(): readonly MongoClient[] {
    return [...this.#clients.values()].map(({ client }) => client)
  }

  /** A collection's, by the first client: options of entities do not hold. */
  collection(database: string, name: string): Collection {
    return this.clients[0]!.db(database).collection(name)
  }

  async close(): Promise<void> {
    for (const one of this.#all.values()) {
      // A test may keep a result that is none.
      const held = (one ?? {}) as {
        close?: () => Promise<void>
        endSession?: () => Promise<void>
      } & Partial<ClientSession>
      if (one instanceof MongoClient) continue
      if (typeof held.endSession === 'function') await held.endSession().catch(() => undefined)
      else if (typeof held.close === 'function') await held.close().catch(() => undefined)
    }
    await Promise.all(this.clients.map((client) => client.close(true).catch(() => undefined)))
  }
}
