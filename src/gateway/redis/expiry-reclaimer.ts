/**
 * Removes keys whose time is over, in the background: nobody sees them any more, but they take space. Every second each
 * database is asked for some, and again at once while there are more.
 */
import type { Cancel } from '../../host/host.ts'
import { reclaimExpired } from '../../model/keyvalue/expiry.ts'
import type { Session, SessionHost } from '../../session/contract.ts'

const everyMs = 1000
/** Keys of one statement: small enough to be one slice of time. */
const batchKeys = 500

export class ExpiryReclaimer {
  readonly #sessions: SessionHost
  #timer: Cancel | undefined
  #stopped = false

  constructor(sessions: SessionHost) {
    this.#sessions = sessions
    this.#schedule()
  }

  #schedule(): void {
    if (this.#stopped) return
    this.#timer = this.#sessions.host.at(everyMs, () => {
      void this.reclaimAll().finally(() => this.#schedule())
    })
  }

  /** One round over all databases. A database that refuses writes now is asked again in the next. */
  async reclaimAll(): Promise<void> {
    for (const database of this.#sessions.databaseNames()) {
      if (this.#stopped) return
      let session: Session | undefined
      try {
        session = this.#sessions.openSession({ user: 'system', database, door: 'redis' })
        await reclaimDatabase(session)
      } catch {
        // Read-only, full, stopping or dropped: whoever writes hears of it, and nothing that is visible depends on this.
      } finally {
        session?.close()
      }
    }
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.()
  }
}

async function reclaimDatabase(session: Session): Promise<void> {
  for (const namespace of session.catalog.namespaces.keys()) {
    for (const collection of session.catalog.collectionsOf(namespace)) {
      if (collection.model !== 'keyvalue') continue
      let found = batchKeys
      while (found === batchKeys) found = await session.run((tx) => reclaimExpired(tx, collection, batchKeys))
    }
  }
}
