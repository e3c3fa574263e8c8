import net from 'node:net'
import { NetworkError, type Address, type Listener, type Network, type NetworkErrorCode, type Socket } from '../host.ts'

/**
 * Connections that wait to be accepted: of a thousand that come at once, those beyond it would try again after seconds.
 * Linux takes no more by its default.
 */
const backlog = 4096

/** TCP by `node:net`, Nagle off. An error of a socket is followed by its close and is told by `onClose` alone. */
export function createRealNetwork(): Network {
  return { listen, connect }
}

function listen(address: Address, onConnection: (socket: Socket) => void): Promise<Listener> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
    onConnection(readsAtOnce(socket) ?? new RealSocket(socket)),
  )
  return new Promise<Listener>((resolve, reject) => {
    server.once('error', (error) => reject(toNetworkError(error, address)))
    server.listen({ port: address.port, host: address.host, backlog }, () => {
      // Accepting may fail for lack of descriptors; the next connection may find one.
      server.on('error', () => {})
      resolve(new RealListener(server, address.host))
    })
  })
}

function connect(address: Address): Promise<Socket> {
  const socket = net.connect({ host: address.host, port: address.port, allowHalfOpen: true, noDelay: true })
  return new Promise<Socket>((resolve, reject) => {
    const refuse = (error: Error): void => reject(toNetworkError(error, address))
    socket.once('error', refuse)
    socket.once('connect', () => {
      socket.off('error', refuse)
      resolve(new RealSocket(socket))
    })
  })
}

class RealListener implements Listener {
  readonly address: Address
  readonly #server: net.Server

  constructor(server: net.Server, host: string) {
    this.#server = server
    this.address = { host, port: (server.address() as net.AddressInfo).port }
  }

  /** `server.close` calls back only after the last connection's end; the port is free at once. */
  close(): Promise<void> {
    if (this.#server.listening) this.#server.close()
    return new Promise((resolve) => setImmediate(resolve))
  }
}

const ignore = (): void => {}

/** For the reads of all connections: each is copied before the next one. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

/** What Node keeps of an accepted connection; all of it is checked before it is relied on. */
interface Accepted {
  _handle?: { readonly useUserBuffer?: unknown } | null
  _server?: unknown
  server?: unknown
}

/** Options that the constructor takes and its types do not name. */
interface Undocumented {
  readonly handle: unknown
  readonly onread: { readonly buffer: Uint8Array; readonly callback: (count: number) => boolean }
}

function readsAtOnce(accepted: net.Socket): RealSocket | undefined {
  let socket: RealSocket | undefined = undefined
  const reading = readInto(accepted, readBuffer, (count) => {
    // Small ones are of Buffer's pool: memory of its own costs as much as parsing it. Who keeps some of it copies that.
    const chunk = Buffer.allocUnsafe(count)
    readBuffer.copy(chunk, 0, 0, count)
    socket!.onData(chunk)
  })
  if (reading !== undefined) socket = new RealSocket(reading)
  return socket
}

/**
 * The accepted connection with reads that pass no stream (`onread`, which Node offers for connections that it opens): as a
 * stream each chunk costs 64 KiB of memory given out and back, and a tick. `undefined` where this Node has it otherwise.
 * The next read overwrites what `take` has not copied.
 */
export function readInto(
  accepted: net.Socket,
  buffer: Uint8Array,
  take: (count: number) => void,
): net.Socket | undefined {
  const inner = accepted as unknown as Accepted
  const handle = inner._handle
  if (handle === undefined || handle === null || typeof handle.useUserBuffer !== 'function') return undefined
  const callback = (count: number): boolean => {
    take(count)
    return true
  }
  const options: net.SocketConstructorOpts & Undocumented = {
    handle,
    allowHalfOpen: true,
    onread: { buffer, callback },
  }
  const reading = new net.Socket(options)
  const outer = reading as unknown as Accepted
  // The connection is counted until its socket closes, which is the other one now.
  outer.server = inner.server
  outer._server = inner._server
  inner._server = null
  inner._handle = null
  return reading
}

class RealSocket implements Socket {
  onData: (chunk: Uint8Array) => void = ignore
  onEnd: () => void = ignore
  onDrain: () => void = ignore
  onClose: () => void = ignore
  readonly remote: string
  readonly #socket: net.Socket

  constructor(socket: net.Socket) {
    this.#socket = socket
    this.remote = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`
    // Where reads pass no stream, there are none.
    socket.on('data', (chunk) => this.onData(chunk))
    socket.on('end', () => this.onEnd())
    socket.on('drain', () => this.onDrain())
    socket.on('close', () => this.onClose())
    socket.on('error', ignore)
  }

  write(bytes: Uint8Array): boolean {
    // Node answers a write after the end with an error event that would destroy what is still being sent.
    if (this.#socket.destroyed || this.#socket.writableEnded) return true
    return this.#socket.write(bytes)
  }

  get pendingBytes(): number {
    return this.#socket.destroyed ? 0 : this.#socket.writableLength
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    if (!this.#socket.destroyed) this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

const CODES: ReadonlyMap<string, NetworkErrorCode> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['EADDRINUSE', 'address-in-use'],
  ['EADDRNOTAVAIL', 'no-address'],
  ['ENOTFOUND', 'no-address'],
  ['EACCES', 'access'],
  ['EPERM', 'access'],
])

function toNetworkError(error: Error, address: Address): NetworkError {
  const code = CODES.get((error as NodeJS.ErrnoException).code ?? '') ?? 'io'
  return new NetworkError(code, `${address.host}:${address.port}: ${error.message}`, { cause: error })
}
