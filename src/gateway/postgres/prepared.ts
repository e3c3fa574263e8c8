/** PREPARE TRANSACTION, COMMIT PREPARED and ROLLBACK PREPARED (decision 149). */
import type { Transaction } from '../../database/contract.ts'
import { collectionLocked } from '../../database/catalog/schema-changes.ts'
import type { StatementEffect } from '../../language/sql/contract.ts'
import { isTemporaryName } from '../../model/table/temporary-names.ts'
import type { Client } from './client.ts'
import { sqlError } from './errors.ts'

/** Answers ROLLBACK where nothing was prepared: there is no transaction, or it has failed. */
export function prepareTransaction(client: Client, gid: string): string | undefined | Promise<string | undefined> {
  return client.block.prepare(gid, (transaction) => {
    for (const { isHeld, isSettled } of client.cursors.values()) {
      if (isHeld && !isSettled) throw unpreparable('that has created a cursor WITH HOLD')
    }
    if (usesTemporary(transaction)) throw unpreparable('that has operated on temporary objects')
    if ((client.pendingRoles?.mark ?? 0) > 0) throw unpreparable('that has changed roles')
  })
}

function unpreparable(what: string): Error {
  return sqlError('unsupported', '0A000', `cannot PREPARE a transaction ${what}`)
}

/** Whatever it has read, written or made is locked. */
function usesTemporary({ catalog, newest, locks }: Transaction): boolean {
  const before = newest.committedCatalog()
  for (const name of locks.heldNames()) {
    const id = collectionLocked(name)
    const collection = id === undefined ? undefined : (catalog.collectionById(id) ?? before.collectionById(id))
    if (collection !== undefined && isTemporaryName(collection.namespace.name)) return true
  }
  return locks.touched.some((id) => isTemporaryName(catalog.collectionById(id)?.namespace.name ?? ''))
}

export async function finishPrepared(
  client: Client,
  command: string,
  { gid, commits }: Extract<StatementEffect, { kind: 'finish prepared' }>,
): Promise<undefined> {
  if (client.block.kind !== 'none') {
    throw sqlError('active_transaction', '25001', `${command} cannot run inside a transaction block`)
  }
  await client.session.finishPrepared(gid, commits)
}
