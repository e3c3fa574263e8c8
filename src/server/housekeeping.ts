/**
 * What the server does by itself, in small transactions of its own: takes away what has expired, and forgets answered
 * retries, rows of the audit and temporary tables of sessions that have ended; and it closes databases that nobody uses. Each run does a bounded piece, so that it never stands in anybody's way.
 */
import type { Cancel, Host } from '../host/host.ts'
import { systemDatabase } from '../database/instance.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { StatementSteps } from '../database/contract.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'
import { forgetReplies } from '../database/transaction/reply-cleanup.ts'
import { expires, reclaimDocuments } from '../language/mql/expiry.ts'
import { reclaimExpired } from '../model/keyvalue/expiry.ts'
import { reclaimFields } from '../model/keyvalue/field-expiry.ts'
import { dropTemporary } from '../model/table/temporary.ts'
import { sessionOfTemporary } from '../model/table/temporary-names.ts'
import { trimAudit } from '../principal/audit-rows.ts'
import type { Session } from '../session/contract.ts'
import { housekeepingDoor, type Sessions } from '../session/sessions.ts'

const expiryEveryMs = 250
const expiryLimit = 500
/** Each takes some milliseconds. */
const mostExpiryBatches = 20
/** MongoDB looks once a minute. */
const documentExpiryEveryMs = 1000
const idleEveryMs = 1000
const temporaryEveryMs = 1000
const changesEveryMs = 60_000
const repliesEveryMs = 60_000
/** A driver gives a session up after 30 minutes (`logicalSessionTimeoutMinutes`), and with it the right to retry. */
const repliesKeptMs = 31 * 60_000

export class Housekeeping {
  readonly #host: Host
  readonly #sessions: Sessions
  readonly #own = new Map<string, Session>()
  #timers: Cancel[] = []
  #stopped = false

  constructor(host: Host, sessions: Sessions) {
    this.#host = host
    this.#sessions = sessions
    this.#every(expiryEveryMs, (session) => this.#expire(session))
    this.#every(documentExpiryEveryMs, (session) => this.#expireDocuments(session))
    this.#every(temporaryEveryMs, (session) => this.#dropTemporary(session))
    this.#every(changesEveryMs, (session) => this.#sessions.keepChanges(session.database))
    this.#every(repliesEveryMs, (session) => this.#forget(session))
    this.#closeIdle()
  }

  /** What sessions that are no more have left in schemas of their own. */
  async #dropTemporary(session: Session): Promise<void> {
    for (const name of session.catalog.namespaces.keys()) {
      const of = sessionOfTemporary(name)
      if (of === undefined || this.#sessions.findSession(of) !== undefined) continue
      await session.run(function* (tx): StatementSteps<void> {
        yield* dropTemporary(tx, name)
        const namespace = tx.catalog.namespaces.get(name)
        if (namespace !== undefined) tx.dropNamespace(namespace)
      })
    }
  }

  #closeIdle(): void {
    const timer = this.#timers.length
    const run = async (): Promise<void> => {
      await this.#sessions.closeIdle()
      if (!this.#stopped) this.#timers[timer] = this.#host.at(idleEveryMs, () => void run())
    }
    this.#timers.push(this.#host.at(idleEveryMs, () => void run()))
  }

  stop(): void {
    this.#stopped = true
    for (const cancel of this.#timers) cancel()
    this.#timers = []
    for (const session of this.#own.values()) session.close()
  }

  #every(intervalMs: number, work: (session: Session) => unknown): void {
    const timer = this.#timers.length
    const run = async (): Promise<void> => {
      for (const name of this.#sessions.openDatabaseNames()) {
        // A failure (a lock, a full disk) is not lost: what is left is found again by the next run.
        // It may have been closed or dropped while others were looked after.
        await Promise.resolve(name)
          .then((one) => work(this.#sessionOf(one)))
          .catch(() => undefined)
        if (this.#stopped) return
      }
      this.#timers[timer] = this.#host.at(intervalMs, () => void run())
    }
    this.#timers.push(this.#host.at(intervalMs, () => void run()))
  }

  #sessionOf(database: string): Session {
    let session = this.#own.get(database)
    // With a database that was dropped its session has ended.
    if (session === undefined || this.#sessions.findSession(session.id) !== session) {
      session = this.#sessions.openSession({ user: 'polylog', door: housekeepingDoor, database, durability: 'memory' })
      this.#own.set(database, session)
    }
    return session
  }

  async #expire(session: Session): Promise<void> {
    const { catalog } = session
    for (const namespace of catalog.namespaces.keys()) {
      for (const collection of catalog.relationsOf(namespace)) {
        if (collection.model === 'keyvalue') await this.#expireIn(session, collection)
      }
    }
  }

  async #expireDocuments(session: Session): Promise<void> {
    const { catalog } = session
    for (const namespace of catalog.namespaces.keys()) {
      for (const collection of catalog.relationsOf(namespace)) {
        if (!expires(collection)) continue
        for (let batch = 0; batch < mostExpiryBatches && !this.#stopped; batch++) {
          const gone = await session.run((tx) => reclaimDocuments(tx, collection, this.#host.now(), expiryLimit))
          if (gone < expiryLimit) break
        }
      }
    }
  }

  /** A batch a turn, as long as there are more: about a quarter of the thread where very many expire at once. */
  async #expireIn(session: Session, collection: Collection): Promise<void> {
    const { expiry } = this.#sessions.activity
    if (expiry.isHeld) return
    for (let batch = 1; ; batch++) {
      const keys = await session.run((tx) => reclaimExpired(tx, collection, expiryLimit))
      const fields = await session.run((tx) => reclaimFields(tx, collection, expiryLimit))
      expiry.expiredKeys += keys
      expiry.expiredFields += fields
      if ((keys < expiryLimit && fields < expiryLimit) || this.#stopped) return
      if (batch === mostExpiryBatches) {
        expiry.capsReached++
        return
      }
      await new Promise<void>((resolve) => this.#host.turn(resolve))
    }
  }

  async #forget(session: Session): Promise<void> {
    const beforeMs = this.#host.now() - repliesKeptMs
    await session.run((tx) => forgetReplies(tx as KernelTransaction, beforeMs))
    if (session.database === systemDatabase) await session.run((tx) => trimAudit(tx, this.#host.now()))
  }
}
