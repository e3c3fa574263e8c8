/** Ends of prepared transactions, by whoever may: a superuser, and the role that has prepared it. */
import { PolylogError } from '../base/errors.ts'
import { unlimited } from '../database/access/rights.ts'
import type { Principal } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import type { PreparedHead } from '../database/prepared/prepared-entries.ts'
import { asFault } from './faults.ts'
import type { Sight } from './sight.ts'

interface Ending {
  readonly gid: string
  readonly commits: boolean
  readonly by: Principal
  readonly sight: Sight
}

export async function finishPrepared(database: Database, { gid, commits, by, sight }: Ending): Promise<void> {
  sight.saw(database.newestSequence)
  const check = (head: PreparedHead): void => {
    if (!mayFinish(head, by)) throw notPreparer()
    database.pipeline.checkLeads()
  }
  const ended = database.prepared.finish(gid, commits, check).catch((error: unknown) => {
    throw asFault(error)
  })
  sight.saw(await ended)
}

function notPreparer(): PolylogError {
  return new PolylogError('denied', 'permission denied to finish prepared transaction', {
    detail: { sqlState: '42501', hint: 'Must be superuser or the user that prepared the transaction.' },
  })
}

function mayFinish({ owner, ownerId }: PreparedHead, { rights, roleId, user }: Principal): boolean {
  if (rights === unlimited || rights.areUnlimited) return true
  return ownerId === undefined ? owner === user : ownerId === roleId
}
