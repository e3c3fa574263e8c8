/** A database verified as its callers see it: a statement on one snapshot, in slices like any other, and the files on the disk. */
import type { Database } from '../database/database.ts'
import type { DatabaseReport } from '../database/verification/verify.ts'
import { verifyDatabaseOf } from '../query/verifiers.ts'
import type { SessionHost } from './contract.ts'

/** Errors: those of any statement; what is wrong with the data is in the report. */
export async function verifyDatabase(sessions: SessionHost, database: Database): Promise<DatabaseReport> {
  const session = sessions.openSession({ user: 'verify', door: 'library', database: database.name })
  try {
    session.begin({ isolation: 'repeatable read', readOnly: true })
    const report = await session.run(verifyDatabaseOf)
    await session.commit()
    return report
  } finally {
    session.close()
  }
}
