/** Sessions over a database in memory, for the tests of gateways and languages. Nothing outside of tests imports this. */
import type { Database } from '../database/database.ts'
import { openTestDatabase, type TestDatabaseOptions } from '../database/testing.ts'
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

export async function openTestSessions(
  options: TestDatabaseOptions & { readonly sessions?: Partial<SessionsOptions> } = {},
): Promise<TestSessions> {
  const database = await openTestDatabase(options)
  const databases = new Map([[database.name, database]])
  const sessions = new Sessions(database.host, () => databases, options.sessions)
  return {
    sessions,
    database,
    close: async () => {
      sessions.close()
      await database.close()
    },
  }
}
