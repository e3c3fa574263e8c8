/**
 * DETACH PARTITION, at once or CONCURRENTLY.
 *
 * CONCURRENTLY is made of two transactions, so that nobody who reads or writes the other partitions waits:
 *
 *   1  the parent notes that the partition is being detached: for who begins now it is none of its partitions any more, while
 *      transactions with an older state go on reading it and writing to it
 *   –  who uses the parent by then comes to its end
 *   2  the partition becomes a table of its own
 *
 * Where the second one is not reached (somebody cancels it, the server stops) FINALIZE does it later. The hard part is a foreign
 * key: whatever the state of who writes a reference, a row that is about to leave must not be found, or the reference would
 * lead nowhere once it has left (`reference-rules.ts` asks the newest catalog). Rows that refer to one that leaves are
 * looked for in both transactions; who writes any holds the first one up.
 */
import type { RangeVar } from 'libpg-query'
import type { StatementSteps } from '../../../../database/contract.ts'
import { inPlace } from '../../../../database/transaction/wait.ts'
import { foreignKeysTo } from '../../../../model/table/foreign-key.ts'
import { detachingFrom, Partitioning } from '../../../../model/table/partitions/partitioning.ts'
import { refuseReferred } from '../../../../model/table/reference-schema.ts'
import type { Table } from '../../../../model/table/table.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { asStatement, Stop } from '../../routine/standing-alone.ts'
import { getTable } from '../naming.ts'
import { passUsers } from '../table-locks.ts'
import { currentTable, forgetChild, linkIndex, redefineAlong } from './links.ts'
import { parted } from './merging.ts'
import { unshareReferences } from './shared-references.ts'
import { unshareTriggers } from './shared-triggers.ts'

const finalizeHint = 'Use ALTER TABLE ... DETACH PARTITION ... FINALIZE to complete the pending detach operation.'

export function* detachPartition(run: SqlRun, parent: Table, name: RangeVar): StatementSteps<Table> {
  const child = yield* inPlace(run.transaction, () => {
    const found = partitionOf(run, parent, name)
    if (detachingFrom(run.transaction.catalog, parent)?.id === found.id) {
      throw failure('55000', `cannot detach partition "${found.name}"`, {
        detail: 'The partition is being detached concurrently or has an unfinished detach.',
        hint: finalizeHint,
      })
    }
    return found
  })
  return yield* leave(run, parent, child)
}

export function* detachConcurrently(run: SqlRun, parent: Table, name: RangeVar): StatementSteps<Table> {
  const { alone } = run
  if (alone === undefined) {
    throw failure('25001', 'ALTER TABLE ... DETACH CONCURRENTLY cannot run inside a transaction block')
  }
  const child = yield* inPlace(run.transaction, () => {
    const found = partitionToDetach(run, parent, name)
    // Who refers to its rows by now is seen; who comes finds none.
    for (const { referencing } of foreignKeysTo(run.transaction.catalog, found)) {
      run.transaction.locks.lockCollection(referencing.id, 'table share')
    }
    return found
  })
  yield* refuseReferred(run.transaction, child)
  yield* inPlace(run.transaction, () => {
    run.transaction.locks.lockCollection(child.id, 'share update exclusive')
    const definition = { ...currentTable(run, parent).definition, detaching: child.id }
    redefineAlong(run, parent, definition, { besideWriters: true })
  })
  alone.ended++
  yield new Stop({ end: { isCommit: true, isChained: false, where: 'DETACH PARTITION CONCURRENTLY' } })
  yield* passUsers(run, parent.id, 'access exclusive')
  return yield* asStatement(alone, () => finish(run, parent, name))
}

export function* finalizeDetaching(run: SqlRun, parent: Table, name: RangeVar): StatementSteps<Table> {
  yield* passUsers(run, parent.id, 'access exclusive')
  return yield* finish(run, parent, name)
}

function* finish(run: SqlRun, before: Table, name: RangeVar): StatementSteps<Table> {
  const { transaction } = run
  const [parent, child] = yield* inPlace(transaction, (): [Table, Table] => {
    if (transaction.catalog.collectionById(before.id) === undefined) {
      throw failure('55000', `partitioned table "${before.name}" was removed concurrently`)
    }
    const now = currentTable(run, before)
    const found = partitionOf(run, now, name)
    if (detachingFrom(transaction.catalog, now)?.id !== found.id) {
      throw failure('55000', `cannot complete detaching partition "${found.name}"`, {
        detail: "There's no pending concurrent detach.",
      })
    }
    transaction.locks.lockCollection(found.id, 'access exclusive')
    return [now, found]
  })
  return yield* leave(run, parent, child)
}

function* leave(run: SqlRun, parent: Table, child: Table): StatementSteps<Table> {
  yield* refuseReferred(run.transaction, child)
  return yield* inPlace(run.transaction, () => {
    const { bound: _, inherits: __, primaryKey, ...rest } = parted(parent, child)
    const foreignKeys = (rest.foreignKeys ?? []).map(({ parent: ___, ...one }) => one)
    const { parent: ____, ...key } = primaryKey ?? { name: '', columns: [] }
    let now = redefineAlong(run, child, {
      ...rest,
      ...(primaryKey !== undefined && { primaryKey: key }),
      ...(foreignKeys.length > 0 && { foreignKeys }),
    })
    for (const index of now.indexes) if (index.parent !== undefined) now = linkIndex(run, now, index, undefined)
    unshareTriggers(run, parent, now)
    forgetChild(run, parent, child.id)
    unshareReferences(run, parent, child)
    return currentTable(run, parent)
  })
}

function partitionOf(run: SqlRun, parent: Table, name: RangeVar): Table {
  if (parent.definition.partitioning === undefined) throw failure('42809', `table "${parent.name}" is not partitioned`)
  const child = getTable(run, name)
  if (child.definition.bound === undefined || child.definition.inherits?.[0] !== parent.id) {
    throw failure('42P01', `relation "${child.name}" is not a partition of relation "${parent.name}"`)
  }
  return child
}

function partitionToDetach(run: SqlRun, parent: Table, name: RangeVar): Table {
  const { catalog } = run.transaction
  const child = partitionOf(run, parent, name)
  if (Partitioning.of(catalog, parent).defaultPartition !== undefined) {
    throw failure('55000', 'cannot detach partitions concurrently when a default partition exists')
  }
  const pending = detachingFrom(catalog, parent)
  if (pending === undefined) return child
  const where = `"${parent.schema}.${parent.name}"`
  const message = `partition "${pending.name}" already pending detach in partitioned table ${where}`
  throw failure('55000', message, { hint: finalizeHint })
}
