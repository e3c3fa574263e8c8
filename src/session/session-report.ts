/** What sessions of one door in one database tell the registry of what they do. */
import { PolylogError } from '../base/errors.ts'
import type { Activity, DatabaseCounts, DoorCounts, RunningStatement, StatementOwner } from './activity.ts'

/** A session, as far as others see what it does. */
export interface Reporting extends StatementOwner {
  /** What runs and has to wait. */
  running: RunningStatement | undefined
}

/** All sessions of a door in a database have one. */
export class SessionReport {
  readonly databaseCounts: DatabaseCounts
  readonly #activity: Activity
  readonly #doorCounts: DoorCounts

  constructor(activity: Activity, door: string, databaseCounts: DatabaseCounts) {
    this.#activity = activity
    this.#doorCounts = activity.door(door)
    this.databaseCounts = databaseCounts
  }

  statement(): void {
    this.#doorCounts.statements++
  }

  failed(error: unknown): void {
    this.#doorCounts.failures++
    if (error instanceof PolylogError && error.code === 'deadlock') this.databaseCounts.deadlocks++
  }

  /** Not the hot path: what ends in its turn is only counted. */
  watch<T>(result: Promise<T>, session: Reporting, text: string): Promise<T> {
    const running = this.#activity.began(session, text)
    session.running = running
    const ended = (failed: boolean): void => {
      if (session.running === running) session.running = undefined
      this.#activity.ended(running, failed)
    }
    return result.then(
      (value) => {
        ended(false)
        return value
      },
      (error: unknown) => {
        this.failed(error)
        ended(true)
        throw error
      },
    )
  }
}
