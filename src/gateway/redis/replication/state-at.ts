/** A state of the default database, held for who reads all of it or tells how it differs from another. */
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { Sequence, StatementSteps, Transaction } from '../../../database/contract.ts'
import type { Session, SessionHost } from '../../../session/contract.ts'
import { databaseCount, findDatabase } from '../databases.ts'

export class StateAt {
  readonly session: Session
  readonly sequence: Sequence
  /** Of the log. */
  readonly position: Sequence
  readonly catalog: Catalog
  /** The collections of the numbered databases. */
  readonly spaces: readonly (number | undefined)[]

  /** The newest one. Errors: those of opening a session; `not_leading`. */
  constructor(sessions: SessionHost) {
    this.session = sessions.openSession({ user: 'polylog', door: 'replication' })
    try {
      this.session.begin({ isolation: 'repeatable read', readOnly: true })
      const seen = this.session.run(({ sequence, logPosition, catalog }) => ({ sequence, logPosition, catalog }))
      if (seen instanceof Promise) throw new Error('a state could not be taken at once')
      this.sequence = seen.sequence
      this.position = seen.logPosition
      this.catalog = seen.catalog
      this.spaces = Array.from({ length: databaseCount }, (_, number) => findDatabase(seen.catalog, number)?.id)
    } catch (error) {
      this.session.close()
      throw error
    }
  }

  run<T>(statement: (tx: Transaction) => StatementSteps<T> | T): Promise<T> {
    return Promise.resolve(this.session.run(statement as never) as T)
  }

  durable(): Promise<void> {
    const { durabilityWatch, seen } = this.session
    return new Promise((resolve, reject) => {
      durabilityWatch.whenDurable(seen, 'synced', (error) => (error === undefined ? resolve() : reject(error)))
    })
  }

  close(): void {
    this.session.close()
  }
}
