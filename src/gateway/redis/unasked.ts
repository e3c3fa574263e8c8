/**
 * What leaves for a client that it has not asked for, and what does not although it has: messages of what it listens to,
 * invalidations of what it has cached, the commands of others where it looks on (MONITOR), and CLIENT REPLY.
 *
 * What comes while one of its commands is being answered leaves behind the answer. Most clients have nothing of this.
 */
import type { Hub } from '../../database/messages/hub.ts'
import type { Connection } from '../connection.ts'
import type { Client, ClientRole } from './client.ts'
import type { Replica } from './replication/replica.ts'
import type { ServerState } from './server-state.ts'
import type { Tracking } from './watching/tracking.ts'
import { type Listener, Subscriptions } from './subscriptions.ts'

/** Their answers are pushes. */
const pushes: ReadonlySet<string> = new Set(
  'subscribe unsubscribe psubscribe punsubscribe ssubscribe sunsubscribe'.split(' '),
)

export class Unasked implements Listener {
  readonly #server: ServerState
  readonly #connection: Connection
  readonly #client: Client
  /** A command writes its reply where pushes would come to stand; made while one does. */
  #isAnswering = true
  /** A command has begun, and is not answered. */
  #isBusy = true
  #waiting: Uint8Array[] = []
  #subscriptions: Subscriptions | undefined
  tracking: Tracking | undefined
  #isMonitor = false
  /** It replicates from here. */
  replica: Replica | undefined
  /** CLIENT REPLY. `skip`: of the next command; `skipping`: of this one. */
  replies: 'on' | 'off' | 'skip' | 'skipping' = 'on'

  constructor(server: ServerState, connection: Connection, client: Client) {
    this.#server = server
    this.#connection = connection
    this.#client = client
  }

  get protocol(): number {
    return this.#client.protocol
  }

  get subscriptions(): Subscriptions {
    if (this.#subscriptions !== undefined) return this.#subscriptions
    const { hub } = this.#client.session
    this.#server.watching.attach(hub)
    return (this.#subscriptions = new Subscriptions(this, hub, this.#connection.account))
  }

  get subscriptionCount(): number {
    return this.#subscriptions?.total ?? 0
  }

  track(tracking: Tracking | undefined): void {
    if (tracking === undefined && this.tracking === undefined) return
    this.tracking = tracking
    if (tracking === undefined) this.#server.watching.trackNoMore(this.#client)
    else this.#server.watching.track(this.#client)
  }

  get role(): ClientRole {
    if (this.replica?.isJoined === true) return 'replica'
    return this.#isMonitor ? 'monitor' : 'client'
  }

  /** MONITOR. */
  monitor(isMonitor: boolean): void {
    this.#isMonitor = isMonitor
    if (isMonitor) this.#server.monitors.add(this.#client)
    else this.#server.monitors.remove(this.#client)
  }

  // ---- the answers of commands

  begin(): void {
    this.#isAnswering = this.#isBusy = true
    if (this.replies === 'skip') this.replies = 'skipping'
  }

  /** The answer goes on beside. */
  detached(): void {
    this.#isAnswering = false
    this.#pushWaiting()
  }

  /** The answer is where it leaves from. */
  answered(): void {
    this.#isAnswering = this.#isBusy = false
    this.#pushWaiting()
  }

  #pushWaiting(): void {
    if (this.#waiting.length > 0) for (const frame of this.#waiting.splice(0)) this.push(frame)
  }

  /** Whether the answer to the command is left out. */
  leavesOut(name: string): boolean {
    const isLeftOut = (this.replies === 'off' || this.replies === 'skipping') && !pushes.has(name)
    if (this.replies === 'skipping') this.replies = 'on'
    if (this.tracking !== undefined && name !== 'client|caching' && this.#client.queue === undefined) {
      this.tracking.isMarked = false
    }
    return isLeftOut
  }

  // ---- what is pushed

  /** Leaves at the end of the turn. `isOwn`: it tells of what its own command has done, and comes behind its answer. */
  push(frame: Uint8Array, isOwn: boolean = false): void {
    if (this.#isAnswering || (isOwn && this.#isBusy)) this.#waiting.push(frame)
    else {
      this.#connection.push(frame)
      this.#server.pushes.add(this.#connection)
    }
  }

  // ---- a replica's stream

  /** Leaves as soon as it may. */
  send(bytes: Uint8Array): void {
    this.#connection.push(bytes)
    this.#connection.flushPushed()
  }

  /** Resolves when its side has taken all but so many bytes; undefined where that is so. */
  room(belowBytes: number): Promise<void> | undefined {
    return this.#connection.outbox.roomBelow(belowBytes)
  }

  // ---- the end

  /** The client goes on in another database. */
  moveTo(hub: Hub): void {
    if (this.tracking !== undefined) this.#server.watching.track(this.#client)
    if (this.#subscriptions === undefined) return
    this.#server.watching.attach(hub)
    this.#subscriptions.moveTo(hub)
  }

  /** RESET. */
  reset(): void {
    this.#subscriptions?.clear()
    this.replies = 'on'
    this.monitor(false)
    this.track(undefined)
  }

  close(): void {
    this.#waiting = []
    this.track(undefined)
    this.monitor(false)
    if (this.replica !== undefined) this.#server.replicas.leave(this.replica)
    this.#subscriptions?.close()
  }
}
