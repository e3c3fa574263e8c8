/** What a client is by its connection: where it comes from, since when, and what it calls itself. */
import type { MemoryAccount } from '../../base/memory-account.ts'
import type { Session } from '../../session/contract.ts'
import type { Connection } from '../connection.ts'
import type { ClientName } from './client.ts'
import type { SpareParsers } from './spare-parsers.ts'
import type { RequestParser, Sender } from './wire.ts'

export abstract class ConnectedClient implements Sender {
  name = ''
  libraryName = ''
  libraryVersion = ''
  abstract readonly session: Session
  abstract readonly isIdentified: boolean
  protected readonly connection: Connection
  /** Made for who needs it: most do not. */
  #names: MemoryAccount | undefined
  readonly #parsers: SpareParsers
  /** Lent, as long as anything is there. */
  #input: RequestParser | undefined

  constructor(connection: Connection, parsers: SpareParsers) {
    this.connection = connection
    this.#parsers = parsers
  }

  abstract meet(): void

  get input(): RequestParser {
    return (this.#input ??= this.#parsers.take(this, this.connection))
  }

  protected giveInput(): void {
    if (this.#input !== undefined && this.#parsers.give(this.#input)) this.#input = undefined
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
    return this.#input?.bufferedBytes ?? 0
  }

  get pendingBytes(): number {
    return this.connection.outbox.pendingBytes
  }

  keepName(which: ClientName, value: string): void {
    this.#names ??= this.connection.account.child('the names of a client', { quantumBytes: 4096 })
    this.#names.resize(2 * this[which].length, 2 * value.length)
    this[which] = value
    this.session.clientName = this.name
  }
}
