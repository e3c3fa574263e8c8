/** What a client is by its connection: where it comes from, since when, and what it calls itself. */
import type { MemoryAccount } from '../../base/memory-account.ts'
import type { Session } from '../../session/contract.ts'
import type { Connection } from '../connection.ts'
import type { ClientName } from './client.ts'
import type { RequestParser } from './wire.ts'

export abstract class ConnectedClient {
  name = ''
  libraryName = ''
  libraryVersion = ''
  abstract readonly input: RequestParser
  abstract readonly session: Session
  protected readonly connection: Connection
  /** Made for who needs it: most do not. */
  #names: MemoryAccount | undefined

  constructor(connection: Connection) {
    this.connection = connection
  }

  get id(): number {
    return this.connection.id
  }

  get remote(): string {
    return this.connection.remote
  }

  get local(): string {
    return this.connection.local
  }

  get isLocal(): boolean {
    return this.connection.isLocal
  }

  get openedMs(): number {
    return this.connection.openedMs
  }

  get lastActiveMs(): number {
    return this.connection.lastActiveMs
  }

  get hasEnded(): boolean {
    return this.connection.hasEnded
  }

  get receivedBytes(): number {
    return this.input.bufferedBytes
  }

  get pendingBytes(): number {
    return this.connection.outbox.pendingBytes
  }

  keepName(which: ClientName, value: string): void {
    this.#names ??= this.connection.memory.child('the names of a client', { quantumBytes: 4096 })
    this.#names.resize(2 * this[which].length, 2 * value.length)
    this[which] = value
    this.session.report.clientName = this.name
  }
}
