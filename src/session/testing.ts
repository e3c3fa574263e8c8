/** Sessions over a database in memory, for the tests of gateways and languages. Nothing outside of tests imports this. */
import type { Database } from '../database/database.ts'
import { openTestDatabase, type TestDatabaseOptions } from '../database/testing.ts'
import { Sessions, type SessionsOptions } from './sessions.ts'

export interface TestSessions {
  readonly sessions: Sessions
  readonly database: Database
  close(): Promise<void>
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
