/**
 * Temporary relations: they lie in a schema of the session's own, `pg_temp_<session>`, which is in front of its search path once
 * it has any and in nobody else's. So they are relations like any others to everything that reads and writes; a transaction
 * makes, fills and takes them back as it does with all that it does, and one of two doors sees what the other has made.
 *
 * They go with the session: what has been left by sessions that are no more the server's housekeeping takes away, within
 * a second, and after a crash likewise.
 */
import type { RangeVar } from 'libpg-query'
import { everybody, noOwner } from '../../../database/access/access-list.ts'
import { privilege } from '../../../database/access/privileges.ts'
import { AccessError } from '../../../database/access/rights.ts'
import type { Collection, Namespace } from '../../../database/catalog/catalog.ts'
import { dropObjects, planDrop } from '../../../database/catalog/dependents.ts'
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'

export function isTemporary({ namespace }: Pick<Collection, 'namespace'>): boolean {
  return isTemporaryName(namespace.name)
}

/** Whether the name asks for a relation of the session's own. */
export function wantsTemporary({ relpersistence, schemaname }: RangeVar, own: string | undefined): boolean {
  return relpersistence === 't' || schemaname === 'pg_temp' || (schemaname !== undefined && schemaname === own)
}

/** Errors: 42P16 where the name is of another schema; 42501 where the database gives none. */
export function temporaryNamespace({ transaction, context }: SqlRun, { schemaname, location }: RangeVar): Namespace {
  if (schemaname !== undefined && schemaname !== 'pg_temp' && schemaname !== context.temporarySchema) {
    throw failure('42P16', 'cannot create temporary relation in non-temporary schema', { location })
  }
  if (context.beginTemporary === undefined) throw notBuilt('a temporary relation outside of a connection')
  const { rights, database } = transaction.principal
  if ((rights.ofDatabase & privilege.temporary) === 0) {
    const message = `permission denied to create temporary tables in database "${database}"`
    throw new AccessError('database', database, message)
  }
  const { catalog, access } = transaction
  const name = context.beginTemporary((one) => catalog.namespaces.get(one) !== undefined)
  const known = catalog.namespaces.get(name)
  if (known !== undefined) return known
  return access.asServer(() => {
    const namespace = transaction.createNamespace(name)
    // Whoever the session acts as: nobody else finds it, or may put anything into it.
    const may = privilege.usage | privilege.create
    access.change(namespace.id, '', () => [{ to: everybody, by: noOwner, may, mayGive: 0 }])
    return namespace
  })
}

const commitActions: Readonly<Record<string, 'delete' | 'drop'>> = {
  ONCOMMIT_DELETE_ROWS: 'delete',
  ONCOMMIT_DROP: 'drop',
}

/** ON COMMIT. Errors: 42P16 of a table that stays. */
export function commitActionOf(oncommit: string | undefined, isTemporaryTable: boolean): 'delete' | 'drop' | undefined {
  const isGiven = oncommit !== undefined && oncommit !== 'ONCOMMIT_NOOP'
  if (isGiven && !isTemporaryTable) throw failure('42P16', 'ON COMMIT can only be used on temporary tables')
  return commitActions[oncommit ?? '']
}

/** ON COMMIT DROP: with what depends on it, when the transaction commits. */
export function dropAtCommit(transaction: Transaction, { id }: Collection): void {
  transaction.agenda.putOff({
    constraint: { id: `on commit drop ${id}`, isDeferrable: true, isInitiallyDeferred: true, isOfCommit: true },
    // Nothing of it stands in the way of a change of the table.
    collection: 0,
    sizeBytes: 200,
    run: function* (now): StatementSteps<void> {
      if (now.catalog.collectionById(id) === undefined) return
      const plan = planDrop(now.catalog, [{ id }])
      for (const { id: dropped } of plan.dropped) now.access.beginChange(dropped)
      yield* dropObjects(now, plan)
    },
  })
}
