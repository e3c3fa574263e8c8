/** A server that speaks TLS, and each door's unmodified driver. Nothing outside of tests imports this. */
import { readFileSync } from 'node:fs'
import { Socket as NetSocket } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { Instance } from '../database/instance.ts'
import type { Host, KeyPair, Socket } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { Sessions, type SessionsOptions } from '../session/sessions.ts'
import { Server, type ServerOptions } from './server.ts'

const folder = new URL('../../test/certificates/', import.meta.url)

/** Of a certificate, a key, or a list of the tests. */
export function readPem(name: string): string {
  return readFileSync(new URL(name, folder), 'utf8')
}

export function pathOfPem(name: string): string {
  return new URL(name, folder).pathname
}

const ca = readPem('authority.pem')
export const serverPair: KeyPair = { certificate: readPem('server.pem'), key: readPem('server.key') }

/** Whoever connects comes from another machine. */
export function fromFar(host: Host): Host {
  return {
    ...host,
    network: {
      ...host.network,
      listen: (address, onConnection) =>
        host.network.listen(address, (socket: Socket) =>
          onConnection(Object.defineProperty(socket, 'isLocal', { value: false })),
        ),
    },
  }
}

/** A socket that connects to this machine, whatever name it is given. */
function hereInstead(): NetSocket {
  const socket = new NetSocket()
  const connect = socket.connect.bind(socket) as (port: number, host: string) => NetSocket
  return Object.assign(socket, { connect: (port: number) => connect(port, '127.0.0.1') })
}

export interface TestLogin {
  readonly user?: string
  readonly password?: string
  readonly database?: string
}

export class TlsDoors {
  readonly logged: string[] = []
  readonly host: Host = {
    ...createRealHost(),
    log: (level, message) => void this.logged.push(`${level} ${message}`),
  }
  readonly far: Host = fromFar(this.host)
  sessions!: Sessions
  server!: Server
  /** Called in the reverse order. */
  readonly ends: (() => unknown)[] = []

  async start(
    options: ServerOptions = {},
    on: Host = this.host,
    sessionOptions: Partial<SessionsOptions> = {},
  ): Promise<void> {
    const instance = await Instance.open({ host: on }, 'polylog')
    const sessions = new Sessions(on, () => instance.databases, { ...sessionOptions, catalog: instance })
    const server = await Server.listen(on, sessions, { port: 0, ...options })
    this.sessions = sessions
    this.server = server
    this.ends.unshift(async () => {
      await server.close()
      sessions.close()
      await instance.close()
    })
  }

  async end(): Promise<void> {
    this.logged.length = 0
    for (const end of this.ends.splice(0).reverse()) await end()
  }

  /** `ssl`: undefined for none. Its `servername` is the host that is called, wherever that may be. */
  async postgres(
    ssl: ConnectionOptions | undefined,
    { user = 'me', password, database = 'polylog' }: TestLogin = {},
  ): Promise<pg.Client> {
    const { port } = this.server
    const host = ssl?.servername ?? 'localhost'
    const secured = ssl !== undefined && { ssl, stream: hereInstead }
    const client = new pg.Client({ host, port, user, password, database, ...secured })
    client.on('error', () => undefined)
    await client.connect()
    this.ends.push(() => client.end())
    return client
  }

  redis(tls: object | undefined, { user, password }: TestLogin = {}): Redis {
    const client = new Redis({
      host: 'localhost',
      port: this.server.port,
      lazyConnect: true,
      retryStrategy: () => null,
      enableReadyCheck: false,
      protocol: 2,
      ...(user !== undefined && { username: user, password: password! }),
      ...(tls !== undefined && { tls }),
    })
    client.on('error', () => undefined)
    this.ends.push(() => client.disconnect())
    return client
  }

  mongo(options: object, { user, password }: TestLogin = {}): MongoClient {
    const secret = password === undefined ? '' : `:${password}`
    const credentials = user === undefined ? '' : `${encodeURIComponent(user)}${secret}@`
    const client = new MongoClient(`mongodb://${credentials}localhost:${this.server.port}/`, {
      serverSelectionTimeoutMS: 20_000,
      ...options,
    })
    this.ends.push(() => client.close())
    return client
  }

  secure(options: object = {}): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      const socket = connectTls({ host: 'localhost', port: this.server.port, ca, ...options }, () => resolve(socket))
      socket.on('error', reject)
      this.ends.push(() => socket.destroy())
    })
  }
}
