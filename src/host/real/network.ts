import fs from 'node:fs'
import net from 'node:net'
import { NetworkError, type Address, type Listener, type Network, type NetworkErrorCode, type Socket } from '../host.ts'
import { originOf, ownerOf, RealSocket } from './real-socket.ts'
import { RealIdentity } from './secure-socket.ts'
import { makeIdentity } from './self-signed.ts'

/**
 * Connections that wait to be accepted: of a thousand that come at once, those beyond it would try again after seconds.
 * Linux takes no more by its default.
 */
const backlog = 4096

/** Of a socket's path, of which the system would cut off the rest: Linux takes 107, others less. */
const mostPathBytes = 100

/** TCP by `node:net`, Nagle off; sockets in the file system; TLS by `node:tls`. */
export function createRealNetwork(): Network {
  return {
    listen,
    connect,
    identity: (text) => new RealIdentity(text),
    makeIdentity,
    secure: (socket, identity, first) => (identity as RealIdentity).begin(socket as RealSocket, first),
  }
}

async function listen(address: Address, onConnection: (socket: Socket) => void): Promise<Listener> {
  const { path } = address
  if (path !== undefined) await preparePath(path)
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
    onConnection(readsAtOnce(socket, path) ?? new RealSocket(socket, originOf(socket, path)).follow()),
  )
  return new Promise<Listener>((resolve, reject) => {
    server.once('error', (error) => reject(toNetworkError(error, address)))
    asOwner(path, () =>
      server.listen({ ...whereOf(address), backlog }, () => {
        // Accepting may fail for lack of descriptors; the next connection may find one.
        server.on('error', () => {})
        resolve(new RealListener(server, address))
      }),
    )
  })
}

function whereOf({
  host,
  port,
  path,
}: Address): { readonly path: string } | { readonly host: string; readonly port: number } {
  return path === undefined ? { host, port } : { path }
}

/** A socket in the file system is made within the call, and is its owner's alone from its first moment. */
function asOwner(path: string | undefined, make: () => void): void {
  if (path === undefined) return make()
  const before = process.umask(0o077)
  try {
    make()
  } finally {
    process.umask(before)
  }
}

/** Removes what a server has left that was killed: it lies there, and nobody answers. */
async function preparePath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > mostPathBytes) {
    throw new NetworkError('no-address', `${path}: the path of a socket takes ${mostPathBytes} bytes at most`)
  }
  const found = fs.lstatSync(path, { throwIfNoEntry: false })
  if (found?.isSocket() !== true) return
  try {
    const other = await connect({ host: '', port: 0, path })
    other.destroy()
  } catch (error) {
    if (error instanceof NetworkError && error.code === 'refused') fs.rmSync(path, { force: true })
  }
}

async function connect(address: Address): Promise<Socket> {
  const socket = net.connect({ ...whereOf(address), allowHalfOpen: true, noDelay: true })
  return new Promise<Socket>((resolve, reject) => {
    const refuse = (error: Error): void => reject(toNetworkError(error, address))
    socket.once('error', refuse)
    socket.once('connect', () => {
      socket.off('error', refuse)
      resolve(new RealSocket(socket, originOf(socket, address.path)).follow())
    })
  })
}

class RealListener implements Listener {
  readonly address: Address
  readonly #server: net.Server

  constructor(server: net.Server, address: Address) {
    this.#server = server
    const chosen = server.address()
    this.address = typeof chosen === 'object' && chosen !== null ? { ...address, port: chosen.port } : address
  }

  /** `server.close` calls back only after the last connection's end; the port is free at once. */
  close(): Promise<void> {
    if (this.#server.listening) this.#server.close()
    return new Promise((resolve) => setImmediate(resolve))
  }
}

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

function readsAtOnce(accepted: net.Socket, path: string | undefined): RealSocket | undefined {
  const reading = readInto(accepted, readBuffer, takeRead)
  return reading && new RealSocket(reading, originOf(reading, path)).follow()
}

/** One for all: Node calls it as a method of the socket that has read. */
function takeRead(this: net.Socket, count: number): true {
  // Small ones are of Buffer's pool: memory of its own costs as much as parsing it. Who keeps some of it copies that.
  const chunk = Buffer.allocUnsafe(count)
  readBuffer.copy(chunk, 0, 0, count)
  ownerOf(this)?.listener.onData(chunk)
  return true
}

/**
 * The accepted connection with reads that pass no stream (`onread`, which Node offers for connections that it opens): as a
 * stream each chunk costs 64 KiB of memory given out and back, and a tick. `undefined` where this Node has it otherwise.
 * The next read overwrites what `take` has not copied; it answers true, to be given more.
 */
export function readInto(
  accepted: net.Socket,
  buffer: Uint8Array,
  take: (this: net.Socket, count: number) => true,
): net.Socket | undefined {
  const inner = accepted as unknown as Accepted
  const handle = inner._handle
  if (handle === undefined || handle === null || typeof handle.useUserBuffer !== 'function') return undefined
  const options: net.SocketConstructorOpts & Undocumented = {
    handle,
    allowHalfOpen: true,
    onread: { buffer, callback: take },
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

const CODES: ReadonlyMap<string, NetworkErrorCode> = new Map([
  ['ECONNREFUSED', 'refused'],
  ['EADDRINUSE', 'address-in-use'],
  ['EADDRNOTAVAIL', 'no-address'],
  ['ENOTFOUND', 'no-address'],
  ['ENOENT', 'no-address'],
  ['EACCES', 'access'],
  ['EPERM', 'access'],
])

function toNetworkError(error: Error, { host, port, path }: Address): NetworkError {
  const code = CODES.get((error as NodeJS.ErrnoException).code ?? '') ?? 'io'
  return new NetworkError(code, `${path ?? `${host}:${port}`}: ${error.message}`, { cause: error })
}
