/** Sessions over a database in memory, for the tests of gateways and languages. Nothing outside of tests imports this. */
import type { Database } from '../database/database.ts'
import { openTestDatabase, type TestDatabaseOptions } from '../database/testing.ts'
import type { Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { type CommitLog, LogError } from '../log/commit-log.ts'
import { openMemoryLog } from '../log/memory-log.ts'
import { Sessions, type SessionsOptions } from './sessions.ts'

export interface TestSessions {
  readonly sessions: Sessions
  readonly database: Database
  close(): Promise<void>
}

/** From here on nothing that is committed becomes durable before `release`. */
export function holdLog(database: Database): { release(): void } {
  const before = database.newestSequence
  const waiting: (() => void)[] = []
  let isReleased = false
  database.durableThrough = () => (isReleased ? database.newestSequence : before)
  database.whenDurable = (sequence, _level, run) => {
    if (isReleased || sequence <= before) run()
    else waiting.push(run)
  }
  return {
    release: () => {
      isReleased = true
      for (const run of waiting.splice(0)) run()
    },
  }
}

/** A log on a disk that a test can fill and empty. */
export class SmallDisk {
  readonly host: Host
  readonly log: CommitLog = openMemoryLog()
  isFull = false
  /** Appends under way fail, or succeed, when the test says so. */
  #held: Promise<void> | undefined
  #letGo: () => void = () => undefined
  #passedUs = 0

  constructor(host: Host = createRealHost()) {
    this.host = host
    const { log } = this
    const monotonic = host.monotonic.bind(host)
    host.monotonic = () => monotonic() + this.#passedUs
    const acquire = log.acquire.bind(log)
    log.acquire = async (owner, ttlMs) => {
      const leader = await acquire(owner, ttlMs)
      const append = leader.append.bind(leader)
      leader.append = async (...batch) => {
        await this.#held
        if (this.isFull) throw new LogError('no-space', 'no space is left')
        return append(...batch)
      }
      return leader
    }
  }

  hold(): void {
    this.#held = new Promise((resolve) => (this.#letGo = resolve))
  }

  release(): void {
    this.#held = undefined
    this.#letGo()
  }

  /** Later by as much as writes are refused without a try. */
  empty(): void {
    this.isFull = false
    this.#passedUs += 2_000_000
  }
}

export async function openTestSessions(
  options: TestDatabaseOptions & { readonly sessions?: Partial<SessionsOptions> } = {},
): Promise<TestSessions> {
  const database = await openTestDatabase(options)
  const databases = new Map([[database.name, database]])
  const sessions = new Sessions(database.host, () => databases, { memory: database.memory, ...options.sessions })
  return {
    sessions,
    database,
    close: async () => {
      sessions.close()
      await database.close()
    },
  }
}
