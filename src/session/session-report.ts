/** What one session tells the registry of what it does, and what others see of it. */
import { PolylogError } from '../base/errors.ts'
import type { Activity, DatabaseCounts, DoorCounts, RunningStatement, StatementOwner } from './activity.ts'

export class SessionReport {
  /** When the session began. */
  readonly openedMs: number
  /** As the client calls itself, for those who look who is there. */
  clientName = ''
  /** What runs and has to wait. */
  running: RunningStatement | undefined
  readonly databaseCounts: DatabaseCounts
  readonly #activity: Activity
  readonly #doorCounts: DoorCounts

  constructor(activity: Activity, door: string, database: string) {
    this.#activity = activity
    this.openedMs = activity.nowMs()
    this.#doorCounts = activity.door(door)
    this.databaseCounts = activity.database(database)
  }

  statement(): void {
    this.#doorCounts.statements++
  }

  failed(error: unknown): void {
    this.#doorCounts.failures++
    if (error instanceof PolylogError && error.code === 'deadlock') this.databaseCounts.deadlocks++
  }

  /** Not the hot path: what ends in its turn is only counted. */
  watch<T>(result: Promise<T>, owner: StatementOwner, text: string): Promise<T> {
    const running = this.#activity.began(owner, text)
    this.running = running
    const ended = (failed: boolean): void => {
      if (this.running === running) this.running = undefined
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
