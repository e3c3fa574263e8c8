/** The client that a script's commands see: the one that sent it, with a database and a protocol of its own. */
import type { Session } from '../../../session/contract.ts'
import type { Client, ClientRole } from '../client.ts'
import type { Parties } from '../parties.ts'
import type { QueuedCommands } from '../queue.ts'
import type { Unasked } from '../unasked.ts'
import type { Tracking } from '../watching/tracking.ts'
import type { Watches } from '../watches.ts'
import { CommandError } from '../errors.ts'
import { RefusingClient } from '../refusing-client.ts'

export class ScriptClient extends RefusingClient implements Client {
  database: number
  protocol = 2
  readonly queue: QueuedCommands | undefined = undefined
  readonly isAlone = false
  readonly #of: Client

  constructor(of: Client) {
    super()
    this.#of = of
    this.database = of.database
  }

  get id(): number {
    return this.#of.id
  }

  get remote(): string {
    return this.#of.remote
  }

  get local(): string {
    return this.#of.local
  }

  get role(): ClientRole {
    return this.#of.role
  }

  get isLocal(): boolean {
    return this.#of.isLocal
  }

  get openedMs(): number {
    return this.#of.openedMs
  }

  get session(): Session {
    return this.#of.session
  }

  get homeDatabase(): string | undefined {
    return this.#of.homeDatabase
  }

  get watches(): Watches {
    return this.#of.watches
  }

  get parties(): Parties {
    return this.#of.parties
  }

  get unasked(): Unasked {
    return this.#of.unasked
  }

  get tracking(): Tracking | undefined {
    return this.#of.tracking
  }

  get touchesNothing(): boolean {
    return this.#of.touchesNothing
  }

  get subscriptionCount(): number {
    return this.#of.subscriptionCount
  }

  get name(): string {
    return this.#of.name
  }

  get libraryName(): string {
    return this.#of.libraryName
  }

  get libraryVersion(): string {
    return this.#of.libraryVersion
  }

  get isIdentified(): boolean {
    return this.#of.isIdentified
  }

  get hasEnded(): boolean {
    return this.#of.hasEnded
  }

  get isExemptFromEviction(): boolean {
    return this.#of.isExemptFromEviction
  }

  get isBlocked(): boolean {
    return this.#of.isBlocked
  }

  get receivedBytes(): number {
    return this.#of.receivedBytes
  }

  get pendingBytes(): number {
    return this.#of.pendingBytes
  }

  get memoryBytes(): number {
    return this.#of.memoryBytes
  }

  get lastCommand(): string {
    return this.#of.lastCommand
  }

  get lastActiveMs(): number {
    return this.#of.lastActiveMs
  }

  unblock(): never {
    return this.refuse()
  }

  protected refuse(): never {
    throw new CommandError('ERR This Redis command is not allowed from script')
  }
}
