/**
 * The server: one port for all protocols, further ports for one each, and an end that loses nothing.
 */
import { Instance, type InstanceOptions } from '../database/instance.ts'
import { Door } from '../gateway/door.ts'
import {
  defaultGatewayLimits,
  type DoorChoices,
  type Gateway,
  type GatewayLimits,
  type Protocol,
} from '../gateway/gateway.ts'
import { Place } from '../gateway/place.ts'
import { Turns } from '../gateway/turns.ts'
import type { Address, Host, KeyPair, Listener } from '../host/host.ts'
import { isLoopback } from '../host/loopback.ts'
import { Sessions, type SessionsOptions } from '../session/sessions.ts'
import { Certificates, type TlsFiles } from './certificates.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { Handshakes } from './handshakes.ts'
import { Housekeeping } from './housekeeping.ts'
import { checkMayLeave } from './leaving.ts'
import { connectionBytes, type Entrance, Newcomer } from './newcomer.ts'
import { protocols, type ProtocolName } from './protocols.ts'
import { ownIdentity } from './own-identity.ts'
import { normalizedDomain } from './server-names.ts'
import { socketPaths } from './socket-paths.ts'

export interface ServerOptions {
  readonly host?: string
  readonly port?: number
  /** Further ports on which only one protocol is spoken. */
  readonly protocolPorts?: Partial<Record<ProtocolName, number>>
  /** A socket in the file system for all protocols; of a folder, two in it, as clients look for them (`socket-paths.ts`). */
  readonly socketPath?: string
  /** A certificate and its key: all ports speak TLS, too, to who begins with it. */
  readonly tls?: TlsFiles | KeyPair
  /** Whoever calls the server `NAME.domain` by TLS, and names no database, uses the database NAME. */
  readonly domain?: string
  /** Passwords and data may pass between machines in the open. */
  readonly insecureTransport?: boolean
  readonly limits?: Partial<GatewayLimits>
  readonly choices?: DoorChoices
  /** What runs gets this long when the server stops, then it is canceled. Default: 50. */
  readonly stopTimeoutMs?: number
}

const defaultPort = 7654
/** As long as who has sent its last request gets for its answer. */
const defaultStopTimeoutMs = 50

/** Where connections have no memory left: who has not said what it speaks beyond these is not waited for. */
const mostUnclearWhenFull = 64

export class Server {
  readonly sessions: Sessions
  readonly #host: Host
  readonly #gateways: ReadonlyMap<ProtocolName, Gateway>
  readonly #turns: Turns
  readonly #stopTimeoutMs: number
  readonly #listeners: Listener[] = []
  readonly #housekeeping: Housekeeping
  readonly #handshakes: Handshakes
  readonly #allowsInsecure: boolean
  readonly #domain: string | undefined
  #certificates: Certificates | undefined
  /** Connections that have not said yet what they speak. */
  readonly #unclear = new Set<Newcomer>()

  private constructor(host: Host, sessions: Sessions, options: ServerOptions) {
    this.#host = host
    this.sessions = sessions
    this.#stopTimeoutMs = options.stopTimeoutMs ?? defaultStopTimeoutMs
    this.#housekeeping = new Housekeeping(host, sessions)
    this.#turns = new Turns(host)
    this.#handshakes = new Handshakes(host)
    this.#allowsInsecure = options.insecureTransport === true
    this.#domain = options.domain === undefined ? undefined : normalizedDomain(options.domain)
    const limits = { ...defaultGatewayLimits, ...options.limits }
    const turns = this.#turns
    const open = (protocol: Protocol): Gateway => new Door(protocol, sessions, limits, turns, options.choices)
    this.#gateways = new Map([...protocols].map(([name, protocol]) => [name, open(protocol)]))
  }

  /**
   * Errors: `denied` for an address that others can reach where nobody is asked for a password, or asked in the open;
   * `NetworkError` of the host.
   */
  static async listen(host: Host, sessions: Sessions, options: ServerOptions = {}): Promise<Server> {
    const address = options.host ?? '127.0.0.1'
    await sessions.followUsers()
    checkMayLeave(host, address, sessions.principals.areProved, options)
    const server = new Server(host, sessions, options)
    try {
      await server.#open(address, options)
      for (const gateway of server.#gateways.values()) gateway.started?.()
    } catch (error) {
      await server.close()
      throw error
    }
    return server
  }

  async #open(host: string, { tls, port = defaultPort, protocolPorts = {}, socketPath }: ServerOptions): Promise<void> {
    const all = [...this.#gateways.values()]
    if (tls !== undefined) {
      const protocolNames = all.flatMap(({ alpn }) => (alpn === undefined ? [] : [alpn]))
      this.#certificates = await Certificates.open(this.#host, this.#handshakes, tls, protocolNames)
    }
    await this.#listen({ host, port }, all)
    for (const [name, one] of Object.entries(protocolPorts)) {
      await this.#listen({ host, port: one }, [this.#gateways.get(name as ProtocolName)!])
    }
    if (socketPath === undefined) return
    for (const path of await socketPaths(this.#host.disk, socketPath, this.port)) {
      await this.#listen({ host, port: 0, path }, all)
    }
  }

  async #listen(address: Address, gateways: readonly Gateway[]): Promise<void> {
    const entrance: Entrance = {
      sessions: this.sessions,
      gateways,
      handshakes: this.#handshakes,
      allowsInsecure: this.#allowsInsecure,
      domain: this.#domain,
    }
    const listener = await this.#host.network.listen(address, (socket) => {
      this.#turns.accepted()
      this.sessions.scheduler.standBack()
      const { memory, connections } = this.sessions
      const place = Place.take(memory.connections, connectionBytes, connections.enter(socket))
      if (place.refusal !== undefined && this.#unclear.size >= mostUnclearWhenFull) {
        place.close()
        socket.destroy()
        return
      }
      const newcomer = new Newcomer(entrance, socket, place, () => this.#unclear.delete(newcomer))
      this.#unclear.add(newcomer)
    })
    this.#listeners.push(listener)
  }

  /** Reads the files of its certificate again; where they are none, the server goes on with the one that it has. */
  async reloadCertificates(): Promise<void> {
    await this.#certificates?.reload()
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
    this.#certificates?.stop()
    const listeners = this.#listeners.splice(0)
    const closed = listeners.map((listener) => listener.close())
    // Before the gateways: one that has closed must not be given a connection any more.
    for (const newcomer of this.#unclear) newcomer.cut()
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
    const server = await Server.listen(host, sessions, await identified(options, sessions))
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

/** Who leaves this machine without a certificate gets one that is made here. */
async function identified({ instance, server = {} }: StartOptions, { principals }: Sessions): Promise<ServerOptions> {
  const { host: address = '127.0.0.1', tls, insecureTransport } = server
  const needsNone = isLoopback(address) || tls !== undefined || insecureTransport === true
  if (needsNone || !principals.areProved) return server
  return { ...server, tls: await ownIdentity(instance.host, instance.directory, address) }
}

/** Before anybody can connect. */
async function makeFirstUser({ principals, host }: Sessions, { firstUser }: StartOptions): Promise<void> {
  if (firstUser === undefined || principals.areProved) return
  const { name, password } = firstUser
  const attributes = { login: true, superuser: true, validUntilMs: null, password }
  await (principals.find(name) === undefined ? principals.create(name, attributes) : principals.alter(name, attributes))
  host.log('info', 'the first user is made', { user: name })
}
