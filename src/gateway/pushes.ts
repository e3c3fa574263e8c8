/**
 * Connections to which something was pushed in this turn: it leaves at the end of the turn, all of it at once for each, some
 * connections a turn where they are many. And what a client may leave untaken before it is cut: Redis's
 * `client-output-buffer-limit`.
 */
import type { Cancel, Host } from '../host/host.ts'
import type { Connection } from './connection.ts'

const flushesPerTurn = 200
const lookMs = 1000

/** 0: none. Who is above `softBytes` for so many seconds has to go; above `hardBytes`, at once. */
export interface OutputLimit {
  readonly hardBytes: number
  readonly softBytes: number
  readonly softSeconds: number
}

export class Pushes {
  /** As Redis has them from the start, of who listens. */
  limit: OutputLimit = { hardBytes: 33_554_432, softBytes: 8_388_608, softSeconds: 60 }
  /** Clients that were cut for what they did not take. */
  cut = 0
  readonly #host: Host
  readonly #waiting = new Set<Connection>()
  /** Above the soft limit, since when; by the monotonic clock. */
  readonly #slow = new Map<Connection, number>()
  #isScheduled = false
  #timer: Cancel | undefined

  constructor(host: Host) {
    this.#host = host
  }

  add(connection: Connection): void {
    const { hardBytes } = this.limit
    if (hardBytes > 0 && connection.outbox.mayReach(hardBytes)) {
      this.#cut(connection)
      return
    }
    this.#waiting.add(connection)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#host.turn(() => {
      this.#isScheduled = false
      this.#flushSome()
    })
  }

  #flushSome(): void {
    let left = flushesPerTurn
    for (const connection of this.#waiting) {
      if (left-- === 0) break
      this.#waiting.delete(connection)
      connection.flushPushed()
      if (!connection.hasEnded) this.#look(connection)
    }
    if (this.#waiting.size > 0) this.#schedule()
  }

  #look(connection: Connection): void {
    const { hardBytes, softBytes, softSeconds } = this.limit
    const { pendingBytes } = connection.outbox
    if (hardBytes > 0 && pendingBytes >= hardBytes) this.#cut(connection)
    else if (softBytes === 0 || pendingBytes < softBytes) this.#slow.delete(connection)
    else {
      const nowUs = this.#host.monotonic()
      const since = this.#slow.get(connection)
      if (since === undefined) this.#slow.set(connection, nowUs)
      else if (nowUs - since > softSeconds * 1_000_000) this.#cut(connection)
      if (this.#slow.size > 0) this.#watch()
    }
  }

  /** Also of those to whom nothing more comes. */
  #watch(): void {
    this.#timer ??= this.#host.at(lookMs, () => {
      this.#timer = undefined
      for (const connection of this.#slow.keys()) {
        if (connection.hasEnded) this.#slow.delete(connection)
        else this.#look(connection)
      }
    })
  }

  #cut(connection: Connection): void {
    this.cut++
    this.#slow.delete(connection)
    this.#waiting.delete(connection)
    connection.cut()
  }

  close(): void {
    this.#timer?.()
  }
}
