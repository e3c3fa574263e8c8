/** A database verified as its callers see it: a statement on one snapshot, in slices like any other, and the files on the disk. */
import type { Database } from '../database/database.ts'
import type { FilesReport } from '../database/verify-files.ts'
import type { VerifyReport } from '../database/verification.ts'
import { verifySnapshot } from '../query/verifiers.ts'
import type { SessionHost } from './contract.ts'

export type DatabaseReport = VerifyReport & Pick<FilesReport, 'records' | 'entries'>

/** Errors: those of any statement; what is wrong with the data is in the report. */
export async function verifyDatabase(sessions: SessionHost, database: Database): Promise<DatabaseReport> {
  const session = sessions.openSession({ user: 'verify', door: 'library', database: database.name })
  try {
    session.begin({ isolation: 'repeatable read', readOnly: true })
    const data = await session.run(verifySnapshot)
    await session.commit()
    const { differences, records, entries } = await database.verifyFiles()
    const total = data.total + differences.length
    return { ...data, total, differences: [...data.differences, ...differences], records, entries }
  } finally {
    session.close()
  }
}
