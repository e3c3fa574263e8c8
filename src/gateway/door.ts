/** All connections of one protocol: from the first to the end of the last. */
import { PolylogError } from '../base/errors.ts'
import type { Socket } from '../host/host.ts'
import { Connection, type ConnectionDoor } from './connection.ts'
import type { DoorCounts } from '../session/activity.ts'
import type { SessionHost } from '../session/contract.ts'
import { Turns } from './turns.ts'
import type {
  DoorChoices,
  EncryptionRequest,
  Entry,
  Gateway,
  GatewayLimits,
  Protocol,
  ProtocolState,
  Sniff,
} from './gateway.ts'

/** For the last replies of who reads slowly, after what ran has been canceled. */
const cutAfterMs = 2000

export class Door implements Gateway, ConnectionDoor {
  readonly sessions: SessionHost
  readonly limits: GatewayLimits
  readonly turns: Turns
  readonly counts: DoorCounts
  readonly #protocol: Protocol
  readonly #state: ProtocolState
  readonly #connections = new Set<Connection>()
  #lastId = 0
  #onEmpty: (() => void) | undefined

  /** `turns`: left out, whoever comes is served at once. */
  constructor(
    protocol: Protocol,
    sessions: SessionHost,
    limits: GatewayLimits,
    turns: Turns = new Turns(sessions.host, Infinity),
    choices: DoorChoices = {},
  ) {
    this.#protocol = protocol
    this.sessions = sessions
    this.limits = limits
    this.turns = turns
    this.counts = sessions.activity.door(protocol.name)
    this.#state = protocol.open({ sessions, limits, turns, choices })
  }

  get name(): string {
    return this.#protocol.name
  }

  sniff(bytes: Uint8Array): Sniff {
    return this.#protocol.sniff(bytes)
  }

  started(): void {
    this.#state.started?.()
  }

  get alpn(): string | undefined {
    return this.#protocol.alpn
  }

  findEncryptionRequest(bytes: Uint8Array): EncryptionRequest | undefined {
    return this.#protocol.findEncryptionRequest?.(bytes)
  }

  accept(socket: Socket, first: Uint8Array, entry: Entry = {}): void {
    this.counts.connectionsOpened++
    this.counts.connectionsOpen++
    const connection = new Connection(this, ++this.#lastId, socket, entry, this.#state)
    this.#connections.add(connection)
    const refusal = entry.place?.refusal
    if (refusal !== undefined) connection.fail(refusal)
    else if (first.length > 0) connection.onData(first)
  }

  closed(connection: Connection): void {
    this.counts.connectionsOpen--
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#onEmpty?.()
  }

  async close(graceMs: number): Promise<void> {
    const { host } = this.sessions
    const farewell = new PolylogError('shutting_down', 'terminating connection due to administrator command')
    for (const connection of this.#connections) connection.endAfterReplies(farewell)
    if (this.#connections.size > 0) {
      const empty = new Promise<void>((resolve) => (this.#onEmpty = resolve))
      const timers = [
        host.at(graceMs, () => this.#forAll((connection) => connection.giveUp())),
        host.at(graceMs + cutAfterMs, () => this.#forAll((connection) => connection.cut())),
      ]
      await empty
      for (const cancel of timers) cancel()
    }
    this.#state.close?.()
  }

  #forAll(run: (connection: Connection) => void): void {
    for (const connection of this.#connections) run(connection)
  }
}
