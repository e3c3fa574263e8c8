/** The gateway over whatever language it is given: recognises the start-up packet, keeps the connections. */
import type { Socket } from '../../host/host.ts'
import type { Session, SessionHost } from '../../session/contract.ts'
import type { Gateway, GatewayLimits, Sniff } from '../gateway.ts'
import { Connection, type ConnectionParts } from './connection.ts'
import type { SqlLanguage } from './language.ts'
import { sniffPostgres } from './startup.ts'

interface Cancelable {
  readonly session: Session
  readonly secret: number
}

export class PostgresGateway implements Gateway {
  readonly name = 'postgres'
  readonly #sessions: SessionHost
  readonly #parts: ConnectionParts
  readonly #connections = new Set<Connection>()
  /** By the session's number, which the client knows as the backend's process. */
  readonly #cancelable = new Map<number, Cancelable>()
  #onEmpty: (() => void) | undefined

  constructor(sessions: SessionHost, limits: GatewayLimits, language: SqlLanguage) {
    this.#sessions = sessions
    this.#parts = {
      sessions,
      limits,
      language,
      registerCancel: (session, secret) => void this.#cancelable.set(session.id, { session, secret }),
      cancel: (processId, secret) => this.#cancel(processId, secret),
      onClose: (connection) => this.#closed(connection),
    }
  }

  sniff(bytes: Uint8Array): Sniff {
    return sniffPostgres(bytes)
  }

  accept(socket: Socket, first: Uint8Array): void {
    const connection = new Connection(this.#parts, socket)
    this.#connections.add(connection)
    if (first.length > 0) connection.receive(first)
  }

  /** A wrong secret is answered as a right one: with nothing. */
  #cancel(processId: number, secret: number): void {
    const found = this.#cancelable.get(processId)
    if (found !== undefined && found.secret === secret) found.session.cancel()
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection)
    const id = connection.sessionId
    if (id !== undefined) this.#cancelable.delete(id)
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  async close(deadlineMs: number): Promise<void> {
    if (this.#connections.size === 0) return
    const ended = new Promise<void>((resolve) => (this.#onEmpty = resolve))
    for (const connection of this.#connections) connection.endWhenIdle()
    const cancel = this.#sessions.host.at(deadlineMs, () => {
      for (const connection of this.#connections) connection.kill()
    })
    await ended
    cancel()
  }
}
