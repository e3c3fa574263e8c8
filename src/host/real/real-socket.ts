import { deaf } from '../deaf.ts'
import type net from 'node:net'
import { resolve } from 'node:path'
import type { SocketListener, Socket } from '../host.ts'
import { isLoopback } from '../loopback.ts'

const ignore = (): void => {}

/** Which of ours a socket of Node's belongs to: functions of their own for each would take as much as the socket. */
const owner = Symbol('owner')

interface Owned extends net.Socket {
  [owner]?: RealSocket
  /** Where Node keeps what it was asked for, as long as the socket; it asks the system again where there is nothing. */
  _peername?: object | undefined
}

export function ownerOf(socket: net.Socket): RealSocket | undefined {
  return (socket as Owned)[owner]
}

function closed(this: Owned): void {
  this[owner]?.listener.onClose()
}

function ended(this: Owned): void {
  this[owner]?.listener.onEnd()
}

function drained(this: Owned): void {
  this[owner]?.listener.onDrain()
}

function received(this: Owned, chunk: Uint8Array): void {
  this[owner]?.listener.onData(chunk)
}

/** Where a connection comes from. */
export type Origin = Pick<Socket, 'remote' | 'isLocal'>

/** `path`: of the socket in the file system that it came by. */
export function originOf(socket: net.Socket, path: string | undefined): Origin {
  const { remoteAddress, remotePort } = socket
  if ('_peername' in socket) (socket as Owned)._peername = undefined
  return {
    remote: `${path === undefined ? (remoteAddress ?? '?') : resolve(path)}:${remotePort ?? 0}`,
    isLocal: path !== undefined || isLoopback(remoteAddress ?? '?'),
  }
}

/** A connection of Node's. An error of it is followed by its close and is told by `onClose` alone. */
export class RealSocket implements Socket {
  listener: SocketListener = deaf
  readonly remote: string
  readonly isLocal: boolean
  protected stream: net.Socket

  constructor(stream: net.Socket, { remote, isLocal }: Origin) {
    this.stream = stream
    this.remote = remote
    this.isLocal = isLocal
  }

  /** Looked up for those who ask: Node keeps what it was asked for as long as the socket. */
  get local(): string {
    const { localAddress, localPort } = this.stream
    return localAddress === undefined ? '' : `${localAddress}:${localPort ?? 0}`
  }

  /** Tells of what comes; before the turn in which it was made ends. */
  follow(): this {
    const stream: Owned = this.stream
    stream[owner] = this
    stream.on('close', closed)
    stream.on('error', ignore)
    stream.on('end', ended)
    stream.on('drain', drained)
    // Where reads pass no stream, there are none.
    stream.on('data', received)
    return this
  }

  /** It is read by somebody else from now on, who begins with what is put back; and nothing more is told here. */
  release(): net.Socket {
    const { stream } = this
    for (const event of ['close', 'end', 'drain', 'data']) stream.removeAllListeners(event)
    stream.pause()
    return stream
  }

  write(bytes: Uint8Array): boolean {
    // Node answers a write after the end with an error event that would destroy what is still being sent.
    if (this.stream.destroyed || this.stream.writableEnded) return true
    return this.stream.write(bytes)
  }

  get pendingBytes(): number {
    return this.stream.destroyed ? 0 : this.stream.writableLength
  }

  pause(): void {
    this.stream.pause()
  }

  resume(): void {
    this.stream.resume()
  }

  end(): void {
    if (!this.stream.destroyed) this.stream.end()
  }

  destroy(): void {
    this.stream.destroy()
  }
}
