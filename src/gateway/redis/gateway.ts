/** The Redis gateway: recognises RESP by its first bytes, and serves it. */
import type { Socket } from '../../host/host.ts'
import type { SessionHost } from '../../session/contract.ts'
import type { Gateway, GatewayFactory, GatewayLimits, Sniff } from '../gateway.ts'
import { createCommandTable } from './command-handlers.ts'
import { Connection } from './connection.ts'
import { ServerState } from './server-state.ts'

export const createRedisGateway: GatewayFactory = (sessions, limits) => new RedisGateway(sessions, limits)

const star = 0x2a
const lineFeed = 0x0a
const carriageReturn = 0x0d
/** A first line longer than this is no inline command that we would wait for. */
const maxSniffedBytes = 64 * 1024

/**
 * RESP begins with `*` and a number; an inline command is a line of printable text. HTTP's first line is one as well, and
 * is told by its ` HTTP/1.x`.
 */
export function sniffRedis(bytes: Uint8Array): Sniff {
  const first = bytes[0]
  if (first === undefined) return 'more'
  return first === star ? sniffMultibulk(bytes) : sniffInline(bytes)
}

function sniffMultibulk(bytes: Uint8Array): Sniff {
  for (let i = 1; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === carriageReturn) return i > 1 ? 'yes' : 'no'
    const isNumber = (byte >= 0x30 && byte <= 0x39) || (byte === 0x2d && i === 1)
    if (!isNumber || i > 12) return 'no'
  }
  return 'more'
}

function sniffInline(bytes: Uint8Array): Sniff {
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === lineFeed) return isHttp(bytes, i) ? 'no' : 'yes'
    const isText = byte >= 0x20 ? byte !== 0x7f : byte === 0x09 || byte === carriageReturn
    if (!isText || i >= maxSniffedBytes) return 'no'
  }
  return 'more'
}

function isHttp(bytes: Uint8Array, lineEnd: number): boolean {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, lineEnd).toString('latin1')
  return / HTTP\/\d(\.\d)?\r?$/.test(line)
}

class RedisGateway implements Gateway {
  readonly name = 'redis'
  readonly #server: ServerState
  readonly #connections = new Set<Connection>()
  #onEmpty: (() => void) | undefined

  constructor(sessions: SessionHost, limits: GatewayLimits) {
    this.#server = new ServerState(sessions, limits, createCommandTable())
  }

  sniff(bytes: Uint8Array): Sniff {
    return sniffRedis(bytes)
  }

  accept(socket: Socket, first: Uint8Array): void {
    const connection = new Connection(this.#server, socket, () => {
      this.#connections.delete(connection)
      if (this.#connections.size === 0) this.#onEmpty?.()
    })
    this.#connections.add(connection)
    if (first.length > 0) connection.receive(first)
  }

  async close(deadlineMs: number): Promise<void> {
    if (this.#connections.size === 0) return
    const ended = new Promise<void>((resolve) => (this.#onEmpty = resolve))
    for (const connection of this.#connections) connection.closeAfterReplies()
    const cancel = this.#server.sessions.host.at(deadlineMs, () => {
      for (const connection of this.#connections) connection.kill()
    })
    await ended
    cancel()
  }
}
