import { NetworkError, type Address, type Listener, type Network, type Socket } from '../host.ts'
import { SimulatedSecureSocket } from './simulated-secure-socket.ts'
import { SimulatedSocket } from './simulated-socket.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { SimulatedWorld } from './simulated-world.ts'

/**
 * The network between simulated processes. A machine's name is its address; `127.0.0.1`, `::1` and `localhost` are the
 * caller's own machine. A listener hears whoever names its machine, whatever address it was bound to: simulated clients
 * live on machines of their own, so that they outlive the server's.
 */
export class SimulatedNetwork {
  readonly #world: SimulatedWorld
  readonly #listeners = new Map<string, SimulatedListener>()
  readonly #sockets = new Set<SimulatedSocket>()
  #nextPort = FIRST_FREE_PORT
  #nextConnection = 1

  constructor(world: SimulatedWorld) {
    this.#world = world
  }

  of(process: SimulatedProcess): Network {
    return {
      listen: (address, onConnection) => this.#listen(process, address, onConnection),
      connect: (address) => this.#connect(process, address),
      identity: ({ certificate }) => ({ fingerprint: certificate, validUntilMs: Infinity, validUntil: 'ever' }),
      makeIdentity: () => Promise.resolve({ certificate: 'simulated', key: 'simulated' }),
      secure: (socket, _identity, first) =>
        new SimulatedSecureSocket(socket, first, (run) => {
          this.#world.schedule(process, this.#world.random.between(10, 1000), 'handshake', run)
        }),
    }
  }

  /** Breaks the process's connections; `half-open`: one side of each never hears of it. */
  cut(process: SimulatedProcess, kind: 'cut' | 'half-open' = 'cut'): void {
    for (const socket of this.#sockets) if (socket.owner === process) socket.break(kind)
  }

  /** The process has ended. Its kernel closes its connections at once; a machine without power is missed only later. */
  abandon(process: SimulatedProcess, kind: 'process' | 'power'): void {
    for (const [key, listener] of this.#listeners) if (listener.owner === process) this.#listeners.delete(key)
    for (const socket of this.#sockets) {
      if (socket.owner !== process) continue
      const silenceUs = kind === 'power' ? this.#world.random.below(LONGEST_SILENCE_US) : 0
      socket.abandon(silenceUs)
    }
  }

  #listen(owner: SimulatedProcess, address: Address, onConnection: (socket: Socket) => void): Promise<Listener> {
    return this.#answer(owner, 'listen', () => {
      const port = address.port === 0 && address.path === undefined ? this.#nextPort++ : address.port
      const key = `${owner.machine.name}:${address.path ?? port}`
      if (this.#listeners.has(key)) throw new NetworkError('address-in-use', `${key}: the port is in use`)
      const listener: SimulatedListener = {
        owner,
        address: { ...address, port },
        onConnection,
        close: () => this.#close(key, listener),
      }
      this.#listeners.set(key, listener)
      return listener
    })
  }

  #close(key: string, listener: SimulatedListener): Promise<void> {
    return this.#answer(listener.owner, 'unlisten', () => {
      if (this.#listeners.get(key) === listener) this.#listeners.delete(key)
    })
  }

  #connect(client: SimulatedProcess, address: Address): Promise<Socket> {
    const { faults } = this.#world
    const local = address.path !== undefined || LOOPBACK.has(address.host)
    const key = `${local ? client.machine.name : address.host}:${address.path ?? address.port}`
    return this.#answer(client, 'connect', () => {
      const listener = this.#listeners.get(key)
      const refused = faults.strikes('refuse', { process: client.name, path: key })
      if (listener === undefined || refused) throw new NetworkError('refused', `${key}: connection refused`)
      return this.#join(client, listener)
    })
  }

  #join(client: SimulatedProcess, listener: SimulatedListener): Socket {
    const serial = this.#nextConnection++
    const forget = (socket: SimulatedSocket): void => void this.#sockets.delete(socket)
    const isLocal = LOOPBACK.has(listener.address.host) || client.machine === listener.owner.machine
    const ours = new SimulatedSocket(
      this.#world,
      client,
      { remote: `${listener.owner.machine.name}:${listener.address.port}`, isLocal },
      forget,
    )
    const theirs = new SimulatedSocket(
      this.#world,
      listener.owner,
      { remote: `${client.name}:${FIRST_CLIENT_PORT + serial}`, isLocal },
      forget,
    )
    SimulatedSocket.join(ours, theirs)
    this.#sockets.add(ours).add(theirs)
    this.#world.schedule(listener.owner, this.#world.random.between(10, 200), 'accept', () => {
      listener.onConnection(theirs)
      theirs.open()
    })
    ours.open()
    return ours
  }

  /** A call of the process to its kernel, answered later. */
  #answer<T>(process: SimulatedProcess, name: string, run: () => T): Promise<T> {
    if (!process.alive) return new Promise(() => {})
    return new Promise<T>((resolve, reject) => {
      this.#world.schedule(process, this.#world.random.between(10, 300), name, () => {
        try {
          resolve(run())
        } catch (error) {
          reject(error)
        }
      })
    })
  }
}

interface SimulatedListener extends Listener {
  readonly owner: SimulatedProcess
  readonly onConnection: (socket: Socket) => void
}

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1', 'localhost'])
const FIRST_FREE_PORT = 40_000
const FIRST_CLIENT_PORT = 50_000
const LONGEST_SILENCE_US = 5_000_000
