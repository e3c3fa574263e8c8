/** The door for MongoDB's drivers and shell: recognises them, and keeps what their connections share. */
import type { Socket } from '../../host/host.ts'
import type { SessionHost } from '../../session/contract.ts'
import type { Gateway, GatewayFactory, GatewayLimits, Sniff } from '../gateway.ts'
import { MongoConnection } from './connection.ts'
import { Cursors } from './cursors.ts'
import type { GatewayState } from './gateway-state.ts'
import { LogicalSessions } from './logical-sessions.ts'
import { headerBytes, maxFirstMessageBytes, opcode, readHeader } from './wire.ts'

/**
 * The first message is a handshake: OP_MSG or OP_QUERY, not over 16 KB, in answer to nothing. Each byte of the header is
 * looked at as it arrives, so that other protocols are told apart early.
 */
export function sniffMongodb(bytes: Uint8Array): Sniff {
  if (bytes.length > 1 && !isFirstLength(bytes[0]! | (bytes[1]! << 8))) return 'no'
  for (let i = 2; i < 4 && i < bytes.length; i++) if (bytes[i] !== 0) return 'no'
  for (let i = 8; i < 12 && i < bytes.length; i++) if (bytes[i] !== 0) return 'no'
  for (let i = 12; i < headerBytes && i < bytes.length; i++) if (!opcodeByte(i - 12, bytes[i]!)) return 'no'
  if (bytes.length < headerBytes) return 'more'
  const header = readHeader(bytes, 0)
  return header.opcode === opcode.message || header.opcode === opcode.query ? 'yes' : 'no'
}

function isFirstLength(length: number): boolean {
  return length > headerBytes + 5 && length <= maxFirstMessageBytes
}

function opcodeByte(position: number, byte: number): boolean {
  return ((opcode.message >> (8 * position)) & 0xff) === byte || ((opcode.query >> (8 * position)) & 0xff) === byte
}

export const createMongodbGateway: GatewayFactory = (sessions: SessionHost, limits: GatewayLimits): Gateway =>
  new MongodbGateway(sessions, limits)

class MongodbGateway implements Gateway {
  readonly name = 'mongodb'
  readonly #state: GatewayState
  readonly #connections = new Set<MongoConnection>()
  #whenEmpty: (() => void) | undefined

  constructor(sessions: SessionHost, limits: GatewayLimits) {
    const cursors = new Cursors(sessions.host)
    const logical = new LogicalSessions(sessions, (key) => cursors.killTransaction(key))
    const startedMs = sessions.host.now()
    this.#state = { sessions, limits, cursors, logical, startedMs, connections: { open: 0, created: 0 } }
  }

  sniff(bytes: Uint8Array): Sniff {
    return sniffMongodb(bytes)
  }

  accept(socket: Socket, first: Uint8Array): void {
    const { connections } = this.#state
    connections.open++
    connections.created++
    const connection = new MongoConnection(socket, this.#state, connections.created, () => {
      connections.open--
      this.#connections.delete(connection)
      if (this.#connections.size === 0) this.#whenEmpty?.()
    })
    this.#connections.add(connection)
    connection.receive(first)
  }

  async close(deadlineMs: number): Promise<void> {
    const ended = new Promise<void>((resolve) => (this.#whenEmpty = resolve))
    for (const connection of this.#connections) connection.finish()
    if (this.#connections.size > 0) {
      const cancel = this.#state.sessions.host.at(deadlineMs, () => {
        for (const connection of this.#connections) connection.destroy()
      })
      await ended
      cancel()
    }
    this.#state.cursors.close()
    this.#state.logical.close()
  }
}
