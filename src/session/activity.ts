/**
 * What happens on the server, counted once below all doors: INFO, serverStatus, currentOp, pg_stat_activity,
 * pg_stat_database and the tables of the `polylog` schema are answered from here.
 *
 * A statement that ends in the turn in which it came is counted and no more: nobody could have seen it run, and to ask for
 * the time would cost more than some of them do. One that waits is kept as running, with its text, until it ends; if that
 * took long it is kept a while among the slow ones.
 */
import type { Host } from '../host/host.ts'

/** Of one door since the server started. */
export class DoorCounts {
  readonly door: string
  connectionsOpened = 0
  connectionsOpen = 0
  /** Messages that ask for something. */
  requests = 0
  statements = 0
  /** Statements that ended with an error. */
  failures = 0
  bytesReceived = 0
  bytesSent = 0

  constructor(door: string) {
    this.door = door
  }
}

/** Of one database since the server started. */
export class DatabaseCounts {
  commits = 0
  rollbacks = 0
  deadlocks = 0
}

/** What was taken away because its time was over, by the server itself. */
export interface ExpiryCounts {
  expiredKeys: number
  /** Fields of hashes. */
  expiredFields: number
  /** Rounds that have left something for the next one. */
  capsReached: number
}

/** And whether it may, at the moment. */
export interface Expiry extends ExpiryCounts {
  isHeld: boolean
}

/** Whose statement it is. */
export interface StatementOwner {
  readonly id: number
  readonly user: string
  /** The number of that role. */
  readonly identity: { readonly ownRoleId: number | undefined }
  readonly door: string
  readonly remote: string
  readonly database: string
  readonly clientName: string
}

export interface RunningStatement {
  readonly owner: StatementOwner
  readonly text: string
  readonly startedMs: number
  readonly startedUs: number
}

export interface SlowStatement {
  /** Grows with each. */
  readonly id: number
  readonly owner: StatementOwner
  readonly text: string
  readonly startedMs: number
  readonly tookMs: number
  readonly failed: boolean
}

const slowMs = 100
const mostSlow = 128
const mostTextLength = 1024

export class Activity {
  readonly startedMs: number
  readonly #host: Host
  readonly #doors = new Map<string, DoorCounts>()
  readonly #databases = new Map<string, DatabaseCounts>()
  readonly expiry: Expiry = { expiredKeys: 0, expiredFields: 0, capsReached: 0, isHeld: false }
  readonly running: Set<RunningStatement> = new Set()
  /** The newest last. */
  readonly slow: SlowStatement[] = []
  #slowCount = 0

  constructor(host: Host) {
    this.#host = host
    this.startedMs = host.now()
  }

  get doors(): Iterable<DoorCounts> {
    return this.#doors.values()
  }

  get databases(): ReadonlyMap<string, DatabaseCounts> {
    return this.#databases
  }

  door(name: string): DoorCounts {
    let counts = this.#doors.get(name)
    if (counts === undefined) {
      counts = new DoorCounts(name)
      this.#doors.set(name, counts)
    }
    return counts
  }

  database(name: string): DatabaseCounts {
    let counts = this.#databases.get(name)
    if (counts === undefined) {
      counts = new DatabaseCounts()
      this.#databases.set(name, counts)
    }
    return counts
  }

  /** It was dropped: another one of its name begins anew. */
  forgetDatabase(name: string): void {
    this.#databases.delete(name)
  }

  nowMs(): number {
    return this.#host.now()
  }

  /** A statement has to wait. */
  began(owner: StatementOwner, text: string): RunningStatement {
    const statement = {
      owner,
      text: text.length > mostTextLength ? `${text.slice(0, mostTextLength)}…` : text,
      startedMs: this.#host.now(),
      startedUs: this.#host.monotonic(),
    }
    this.running.add(statement)
    return statement
  }

  ended(statement: RunningStatement, failed: boolean): void {
    this.running.delete(statement)
    const tookMs = this.tookMs(statement)
    if (tookMs < slowMs) return
    const { owner, text, startedMs } = statement
    // What is remembered of a session must not keep all of it.
    const { id, user, identity, door, remote, database, clientName } = owner
    this.slow.push({
      id: ++this.#slowCount,
      owner: { id, user, identity: { ownRoleId: identity.ownRoleId }, door, remote, database, clientName },
      text,
      startedMs,
      tookMs,
      failed,
    })
    if (this.slow.length > mostSlow) this.slow.shift()
  }

  tookMs({ startedUs }: RunningStatement): number {
    return Math.max(0, Math.round((this.#host.monotonic() - startedUs) / 1000))
  }
}
