/** The protocol over whatever language it is given; what its connections share is whom a CancelRequest may name. */
import type { Connection } from '../connection.ts'
import type { Conversation, DoorParts, Protocol, ProtocolState } from '../gateway.ts'
import { PostgresConversation } from './conversation.ts'
import { Pushes } from '../pushes.ts'
import type { Signaled } from './signals.ts'
import type { SqlLanguage } from './language.ts'
import { findEncryptionRequest, sniffPostgres } from './startup.ts'

export function postgresOver(language: SqlLanguage): Protocol<'postgres'> {
  return {
    name: 'postgres',
    title: 'PostgreSQL',
    sniff: sniffPostgres,
    findEncryptionRequest,
    // As PostgreSQL 17 asks of who begins with TLS.
    alpn: 'postgresql',
    open: (parts) => new PostgresState(parts, language),
  }
}

export interface Cancelable extends Signaled {
  readonly secret: number
}

export class PostgresState implements ProtocolState {
  readonly parts: DoorParts
  readonly language: SqlLanguage
  readonly pushes: Pushes
  /** By the session's number, which the client knows as the backend's process. */
  readonly cancelable: Map<number, Cancelable> = new Map()

  constructor(parts: DoorParts, language: SqlLanguage) {
    this.parts = parts
    this.language = language
    this.pushes = new Pushes(parts.sessions.host)
  }

  converse(connection: Connection): Conversation {
    return new PostgresConversation(this, connection)
  }

  close(): void {
    this.pushes.close()
  }

  /** A wrong secret is answered as a right one: with nothing. */
  cancel(processId: number, secret: number): void {
    const found = this.cancelable.get(processId)
    if (found?.secret === secret) found.cancel()
  }
}
