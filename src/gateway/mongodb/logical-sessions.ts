/**
 * Logical sessions: what drivers number their transactions and retryable writes by. They are bound to no connection.
 *
 * A transaction is (lsid, txnNumber). It gets a session of its own here, so that commands on any connection of a driver's
 * pool run in it. How one ends is remembered until the next begins, so that a repeated `commitTransaction` is answered
 * truthfully.
 *
 *   none ──startTransaction──▶ open ──commit──▶ committed
 *                               │ ──abort, error, idle 60 s, endSessions──▶ aborted
 *
 * A joined transaction (`polylogJoin`) that others decide stays open here until this party commits or aborts: until then
 * its commands hear NoSuchTransaction.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Cancel, Host } from '../../host/host.ts'
import { type BsonValue, documentValue } from '../../model/document/bson.ts'
import { buildDocument } from '../../model/document/bson-writer.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import type { Outcome, Session, SessionHost } from '../../session/contract.ts'

/** `lsid`: of another user it is another session. */
export function logicalKey({ database, identity }: Session, lsid: string): string {
  const { ownRoleId } = identity
  return ownRoleId === undefined ? `${database} ${lsid}` : `${database} ${ownRoleId} ${lsid}`
}

export type TransactionState = 'none' | 'open' | 'committed' | 'aborted'

export const transactionIdleMs = 60_000
/** Sessions without an open transaction are remembered so long, as `hello` tells drivers. */
const sessionTimeoutMs = 30 * 60_000
const sweepMs = 60_000
const mostSessions = 100_000

export interface SessionOpener {
  readonly user: string
  readonly roleId: number | undefined
  readonly database: string
  readonly remote: string
}

export class LogicalSession {
  readonly key: string
  readonly #registry: LogicalSessions
  number = -1n
  state: TransactionState = 'none'
  joined = false
  session: Session | undefined
  /** Of the transaction with this number, after its end: who is told of that waits for what it has seen. */
  endedSession: Session | undefined
  /** Why the last commit did not last: the log failed before it was durable. */
  lost: PolylogError | undefined
  /** A commit that is not decided yet: a repeated one waits for the same decision. */
  committing: Promise<Outcome> | undefined
  usedMs: number
  #idle: Cancel | undefined
  #running = 0

  constructor(key: string, registry: LogicalSessions) {
    this.key = key
    this.#registry = registry
    this.usedMs = registry.host.now()
  }

  get inTransaction(): boolean {
    return this.state === 'open'
  }

  get isBusy(): boolean {
    return this.#running > 0
  }

  /** Names the open transaction for the cursors in it. */
  get transactionKey(): string {
    return `${this.key} ${this.number}`
  }

  /** `token`: joins instead of beginning. An older transaction that is still open ends. */
  start(number: bigint, opener: SessionOpener, token: string | undefined): Session {
    if (number < this.number) throw transactionTooOld(number, this.number)
    if (number === this.number && this.state !== 'none') {
      throw mongoError(
        50_911,
        `Cannot start a transaction at given transaction number ${number} a transaction with the same number is in state ${this.state}`,
      )
    }
    this.abort()
    this.endedSession = undefined
    this.lost = undefined
    this.number = number
    this.joined = token !== undefined
    this.state = 'aborted'
    const session = this.#registry.sessions.openSession({ ...opener, door: 'mongodb' })
    try {
      if (token === undefined) session.begin({ isolation: 'repeatable read', failFast: true })
      else session.join(token)
    } catch (error) {
      session.close()
      throw error
    }
    this.session = session
    this.state = 'open'
    return session
  }

  /** The session of the open transaction with this number. Throws NoSuchTransaction. */
  goOn(number: bigint): Session {
    if (number < this.number) throw transactionTooOld(number, this.number)
    if (number > this.number || this.state !== 'open' || this.session === undefined) {
      throw noSuchTransaction(
        number === this.number && this.state !== 'none'
          ? `Transaction with { txnNumber: ${number} } has been ${this.state}.`
          : `Given transaction number ${number} does not match any in-progress transactions. The active transaction number is ${this.number}`,
      )
    }
    return this.session
  }

  /** A retryable write: an older transaction that is still open ends. */
  noteWrite(number: bigint): void {
    if (number < this.number) throw transactionTooOld(number, this.number)
    if (number === this.number) return
    this.abort()
    this.endedSession = undefined
    this.lost = undefined
    this.number = number
    this.state = 'none'
  }

  /** Brackets a command, so that a running one is not idle. */
  enter(): void {
    this.#running++
    this.#idle?.()
    this.#idle = undefined
    this.usedMs = this.#registry.host.now()
  }

  leave(): void {
    this.#running--
    this.usedMs = this.#registry.host.now()
    if (this.#running === 0 && this.state === 'open') {
      this.#idle = this.#registry.host.at(transactionIdleMs, () => this.abort())
    }
  }

  /** After the transaction has ended, `state` says how. */
  end(state: 'committed' | 'aborted'): void {
    this.#idle?.()
    this.#idle = undefined
    this.state = state
    this.#registry.onEnd(this.transactionKey)
    this.session?.close()
    this.endedSession = this.session
    this.session = undefined
    this.committing = undefined
  }

  abort(): void {
    if (this.state === 'open') this.end('aborted')
  }
}

export class LogicalSessions {
  readonly host: Host
  readonly sessions: SessionHost
  /** Told of each transaction that ends: its cursors end with it. */
  readonly onEnd: (transactionKey: string) => void
  readonly #known = new Map<string, LogicalSession>()
  #sweep: Cancel | undefined

  constructor(sessions: SessionHost, onEnd: (transactionKey: string) => void) {
    this.sessions = sessions
    this.host = sessions.host
    this.onEnd = onEnd
  }

  get count(): number {
    return this.#known.size
  }

  get(key: string): LogicalSession {
    let found = this.#known.get(key)
    if (found === undefined) {
      if (this.#known.size >= mostSessions)
        throw mongoError(261, `more than ${mostSessions} logical sessions`, 'out_of_memory')
      found = new LogicalSession(key, this)
      this.#known.set(key, found)
      this.#sweep ??= this.host.at(sweepMs, () => this.#dropIdle())
    }
    return found
  }

  /** Those of a database, as `$listLocalSessions` shows them. */
  describe(database: string): BsonValue[] {
    const all = [...this.#known.values()].filter(({ key }) => key.startsWith(`${database} `))
    return all.map(({ key, usedMs }) => {
      const bytes = buildDocument((writer) => {
        writer
          .beginObject('_id')
          .binary('id', 4, Buffer.from(key.slice(key.lastIndexOf(' ') + 1), 'hex'))
          .end()
        writer.date('lastUse', Math.floor(usedMs))
      })
      return documentValue(bytes)
    })
  }

  end(key: string): void {
    this.#known.get(key)?.abort()
    this.#known.delete(key)
  }

  /** Of a database. */
  endAll(database: string): void {
    for (const key of this.#known.keys()) if (key.startsWith(`${database} `)) this.end(key)
  }

  #dropIdle(): void {
    this.#sweep = undefined
    const limit = this.host.now() - sessionTimeoutMs
    for (const [key, one] of this.#known) {
      if (!one.inTransaction && !one.isBusy && one.usedMs < limit) this.#known.delete(key)
    }
    if (this.#known.size > 0) this.#sweep = this.host.at(sweepMs, () => this.#dropIdle())
  }

  close(): void {
    this.#sweep?.()
    for (const one of this.#known.values()) one.abort()
    this.#known.clear()
  }
}

export function noSuchTransaction(message: string): PolylogError {
  return new PolylogError('no_transaction', message)
}

function transactionTooOld(number: bigint, newest: bigint): PolylogError {
  const message = `Cannot start transaction ${number} on the session because a newer transaction ${newest} has already started`
  return mongoError(225, message)
}
