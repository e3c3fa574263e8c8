/**
 * The server: one port for all protocols, further ports for one each, and an end that loses nothing.
 */
import { PolylogError } from '../base/errors.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import { Instance, type InstanceOptions } from '../database/instance.ts'
import { loginMs } from '../gateway/connection.ts'
import { Door } from '../gateway/door.ts'
import { defaultGatewayLimits, type Gateway, type GatewayLimits, type Protocol } from '../gateway/gateway.ts'
import { Turns } from '../gateway/turns.ts'
import type { Cancel, Host, Listener, Socket } from '../host/host.ts'
import { Sessions, type SessionsOptions } from '../session/sessions.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { Housekeeping } from './housekeeping.ts'
import { protocols, type ProtocolName } from './protocols.ts'
import { connectionBytes, sniffProtocol } from './sniffing.ts'

export interface ServerOptions {
  readonly host?: string
  readonly port?: number
  /** Further ports on which only one protocol is spoken. */
  readonly protocolPorts?: Partial<Record<ProtocolName, number>>
  readonly limits?: Partial<GatewayLimits>
  /** What runs gets this long when the server stops, then it is canceled. Default: 50. */
  readonly stopTimeoutMs?: number
}

const defaultPort = 7654
/** As long as who has sent its last request gets for its answer. */
const defaultStopTimeoutMs = 50

/** Where connections have no memory left: who has not said what it speaks beyond these is not waited for. */
const mostUnclearWhenFull = 64

/** Without credentials only this machine may connect. */
function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(\.\d{1,3}){3}$/.test(address)
}

export class Server {
  readonly sessions: Sessions
  readonly #host: Host
  readonly #gateways: ReadonlyMap<ProtocolName, Gateway>
  readonly #turns: Turns
  readonly #stopTimeoutMs: number
  readonly #listeners: Listener[] = []
  readonly #housekeeping: Housekeeping
  /** Connections that have not said yet what they speak. */
  readonly #unclear = new Map<Socket, MemoryAccount | 'full'>()

  private constructor(host: Host, sessions: Sessions, options: ServerOptions) {
    this.#host = host
    this.sessions = sessions
    this.#stopTimeoutMs = options.stopTimeoutMs ?? defaultStopTimeoutMs
    this.#housekeeping = new Housekeeping(host, sessions)
    this.#turns = new Turns(host)
    const limits = { ...defaultGatewayLimits, ...options.limits }
    const turns = this.#turns
    const open = (protocol: Protocol): Gateway => new Door(protocol, sessions, limits, turns)
    this.#gateways = new Map([...protocols].map(([name, protocol]) => [name, open(protocol)]))
  }

  /** Errors: `denied` for an address that is not loopback, `NetworkError` of the host. */
  static async listen(host: Host, sessions: Sessions, options: ServerOptions = {}): Promise<Server> {
    const address = options.host ?? '127.0.0.1'
    if (!isLoopback(address)) {
      throw new PolylogError('denied', `there are no credentials yet, so only loopback can be served, not ${address}`)
    }
    await sessions.followUsers()
    const server = new Server(host, sessions, options)
    try {
      await server.#listen(address, options.port ?? defaultPort, [...server.#gateways.values()])
      for (const [name, port] of Object.entries(options.protocolPorts ?? {})) {
        await server.#listen(address, port, [server.#gateways.get(name as ProtocolName)!])
      }
    } catch (error) {
      await server.close()
      throw error
    }
    return server
  }

  async #listen(host: string, port: number, gateways: readonly Gateway[]): Promise<void> {
    const listener = await this.#host.network.listen({ host, port }, (socket) => {
      this.#turns.accepted()
      this.sessions.scheduler.standBack()
      const account = this.sessions.memory.connections.child('the connection', { quantumBytes: 1024 })
      const place = account.tryCharge(connectionBytes) ? account : 'full'
      if (place === 'full' && this.#unclear.size >= mostUnclearWhenFull) {
        socket.destroy()
        return
      }
      this.#unclear.set(socket, place)
      const stopLimit = this.#limitUnclear(socket)
      sniffProtocol(socket, gateways, place, () => {
        stopLimit?.()
        this.#unclear.delete(socket)
      })
    })
    this.#listeners.push(listener)
  }

  /** Where everybody proves who it is, nobody may keep silent for longer than that takes. */
  #limitUnclear(socket: Socket): Cancel | undefined {
    if (!this.sessions.principals.areProved) return undefined
    return this.#host.at(loginMs, () => socket.destroy())
  }

  /** Of the shared port, the one that was chosen where 0 was asked for. */
  get port(): number {
    return this.#listeners[0]!.address.port
  }

  get address(): string {
    return this.#listeners[0]!.address.host
  }

  /** Accepts nothing more, lets what runs end, closes every connection. Sessions that others have opened go on. */
  async close(): Promise<void> {
    this.#housekeeping.stop()
    const listeners = this.#listeners.splice(0)
    const closed = listeners.map((listener) => listener.close())
    // Before the gateways: one that has closed must not be given a connection any more.
    for (const [socket, place] of this.#unclear) {
      socket.destroy()
      if (place !== 'full') place.close()
    }
    await Promise.all([...this.#gateways.values()].map((gateway) => gateway.close(this.#stopTimeoutMs)))
    await Promise.all(closed)
  }
}

export interface RunningServer {
  readonly instance: Instance
  readonly server: Server
  stop(): Promise<void>
}

export interface StartOptions {
  readonly instance: InstanceOptions
  readonly server?: ServerOptions
  readonly sessions?: Partial<SessionsOptions>
  /** Made where there is no user: a superuser. */
  readonly firstUser?: { readonly name: string; readonly password: string }
}

/** A data directory and a server on it, in one. */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const { host } = options.instance
  const defaultDatabase = options.sessions?.defaultDatabase ?? 'polylog'
  const instance = await Instance.open(options.instance, defaultDatabase)
  const sessions = new Sessions(host, () => instance.databases, {
    memory: instance.memory,
    ...options.sessions,
    catalog: instance,
  })
  try {
    await makeFirstUser(sessions, options)
    const server = await Server.listen(host, sessions, options.server)
    const watch = new DirectoryWatch(host, instance)
    const stop = async (): Promise<void> => {
      await server.close()
      await sessions.principals.audit.settle()
      sessions.close()
      const lost = await watch.stop()
      await instance.close()
      if (lost !== undefined) throw lost
    }
    return { instance, server, stop }
  } catch (error) {
    await instance.close()
    throw error
  }
}

/** Before anybody can connect. */
async function makeFirstUser({ principals, host }: Sessions, { firstUser }: StartOptions): Promise<void> {
  if (firstUser === undefined || principals.areProved) return
  const { name, password } = firstUser
  const attributes = { login: true, superuser: true, validUntilMs: null, password }
  await (principals.find(name) === undefined ? principals.create(name, attributes) : principals.alter(name, attributes))
  host.log('info', 'the first user is made', { user: name })
}
