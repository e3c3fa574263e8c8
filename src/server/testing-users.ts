/** A server with users, and clients of any of them at each door. Nothing outside of tests imports this. */
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { firstList, given } from '../database/access/access-list.ts'
import type { Privileges } from '../database/access/privileges.ts'
import { Instance } from '../database/instance.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { EmbeddedDatabase } from '../library/library.ts'
import { Sessions } from '../session/sessions.ts'
import { Server } from './server.ts'

export const administrator = 'root'
export const password = 'geheim:@/'

export class ServerWithUsers {
  readonly instance: Instance
  readonly sessions: Sessions
  readonly server: Server
  readonly #ends: (() => unknown)[] = []

  private constructor(instance: Instance, sessions: Sessions, server: Server) {
    this.instance = instance
    this.sessions = sessions
    this.server = server
  }

  /** With the superuser `root`. */
  static async start(): Promise<ServerWithUsers> {
    const host = { ...createRealHost(), log: (): void => undefined, disk: createMemoryDisk() }
    const instance = await Instance.open({ host, directory: 'data' }, 'polylog')
    const sessions = new Sessions(host, () => instance.databases, { catalog: instance })
    const server = await Server.listen(host, sessions, { port: 0 })
    await sessions.principals.create(administrator, { login: true, superuser: true, password })
    return new ServerWithUsers(instance, sessions, server)
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) await end()
    await this.server.close()
    this.sessions.close()
    await this.instance.close()
  }

  /** The database of its clients as a library has it. */
  library(): EmbeddedDatabase {
    return new EmbeddedDatabase(this.instance.databases.get('polylog')!, this.sessions, () => Promise.resolve())
  }

  get system(): Sessions['principals'] {
    return this.sessions.principals
  }

  mongo(user: string = administrator, secret: string = password): MongoClient {
    const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(secret)}`
    const url = `mongodb://${credentials}@127.0.0.1:${this.server.port}/?serverSelectionTimeoutMS=20000&retryWrites=true`
    const client = new MongoClient(url)
    this.#ends.push(() => client.close())
    return client
  }

  async pg(user: string = administrator, secret: string = password): Promise<pg.Client> {
    const { port } = this.server
    const client = new pg.Client({ host: '127.0.0.1', port, user, password: secret, database: 'polylog' })
    client.on('error', () => undefined)
    await client.connect()
    this.#ends.push(() => client.end())
    return client
  }

  redis(user: string = administrator, secret: string = password): Redis {
    const options = { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null, protocol: 2 as const }
    const client = new Redis({ port: this.server.port, username: user, password: secret, ...options })
    client.on('error', () => undefined)
    this.#ends.push(() => client.disconnect())
    return client
  }

  addUser(name: string): Promise<void> {
    return this.system.create(name, { login: true, password })
  }

  /** `on`: `namespace`, `namespace.collection`, or '' for the database. */
  async give(user: string, on: string, privileges: Privileges, part = ''): Promise<void> {
    const session = this.sessions.openSession({ user: 'test', door: 'library' })
    const to = this.system.find(user)!.id
    await session.run((transaction) => {
      const [namespace, collection] = on.split('.') as [string, string | undefined]
      const { catalog } = transaction
      const kind = on === '' ? 'database' : collection === undefined ? 'namespace' : 'collection'
      const id =
        on === ''
          ? 0
          : collection === undefined
            ? catalog.namespaces.get(namespace)!.id
            : catalog.findCollection(namespace, collection)!.id
      transaction.access.change(id, part, (before) =>
        given(before ?? firstList(kind, namespace), { to, by: -1, privileges, option: false }),
      )
    })
    session.close()
  }
}

/** One client of each kind, beside the library. */
export interface OpenDoors {
  readonly server: ServerWithUsers
  readonly library: EmbeddedDatabase
  readonly sql: pg.Client
  readonly redis: Redis
}

export async function openDoors(): Promise<OpenDoors> {
  const server = await ServerWithUsers.start()
  return { server, library: server.library(), sql: await server.pg(), redis: server.redis() }
}

/** Rows as arrays. */
export async function rowsOf(client: pg.Client, text: string, values: unknown[] = []): Promise<unknown[][]> {
  return (await client.query<unknown[]>({ text, values, rowMode: 'array' })).rows
}
