/** TRUNCATE: of tables with those that inherit from them, and with CASCADE of those that refer to them. */
import { privilege } from '../../../database/access/privileges.ts'
import type { RangeVar, TruncateStmt } from 'libpg-query'
import { foreignKeysTo } from '../../../model/table/foreign-key.ts'
import { familyFor } from '../../../model/table/partitions/partitioning.ts'
import { noteTruncate } from '../../../model/table/publication/row-notes.ts'
import { truncateTable } from '../../../model/table/schema.ts'
import { restartSequence } from '../../../model/table/sequence.ts'
import type { Binder } from '../bind/binder.ts'
import type { Table } from '../../../model/table/table.ts'
import type { Notice } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { getIdleTable, refuseBusy } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'

export function planTruncate(_binder: Binder, statement: TruncateStmt): Planned {
  const names = (statement.relations ?? []).flatMap((node) => ('RangeVar' in node ? [node.RangeVar] : []))
  return planSteps({ kind: 'write' }, 'TRUNCATE TABLE', (run) => {
    const notices: Notice[] = []
    const { rights } = run.transaction.principal
    const named = names.map((name) => getIdleTable(run, name, 'TRUNCATE'))
    const kept = named.find(({ definition }) => definition.materialized !== undefined)
    if (kept !== undefined) throw failure('42809', `"${kept.name}" is not a table`)
    for (const { collection } of named) rights.require(collection, privilege.truncate)
    const families = names.flatMap((name, i) => truncatedWith(run, name, named[i]!))
    const isCascade = statement.behavior === 'DROP_CASCADE'
    const emptied = withReferencing(run, [...new Set(families)], isCascade, notices)
    for (const table of emptied) {
      if (families.includes(table)) run.transaction.access.asServer(() => truncateTable(run.transaction, table))
      else {
        rights.require(table.collection, privilege.truncate)
        truncateTable(run.transaction, table)
      }
      if (statement.restart_seqs !== true) continue
      for (const { definition } of table.columns) {
        const id = definition.sequence
        const sequence = id === undefined ? undefined : run.transaction.catalog.collectionById(id)
        if (sequence !== undefined) restartSequence(run.transaction, sequence)
      }
    }
    noteTruncate(run.transaction, emptied, { cascade: isCascade, restart: statement.restart_seqs === true })
    return { rowCount: 0, notices }
  })
}

/** The table and those that inherit from it, for which it is asked who may; ONLY is for those that have rows. */
function truncatedWith(run: SqlRun, { inh }: RangeVar, table: Table): readonly Table[] {
  if (inh === true) {
    const family = familyFor(run.context.temporarySchema, run.transaction.catalog, table)
    for (const member of family) refuseBusy(run, member, 'TRUNCATE')
    return family
  }
  if (table.definition.partitioning === undefined) return [table]
  throw failure('42809', 'cannot truncate only a partitioned table', {
    hint: 'Do not specify the ONLY keyword, or use TRUNCATE ONLY on the partitions directly.',
  })
}

/** With CASCADE the tables that refer to them, and so on; else none may that is not named. */
function withReferencing(
  run: SqlRun,
  named: readonly Table[],
  isCascade: boolean,
  notices: Notice[],
): readonly Table[] {
  const { catalog } = run.transaction
  const all = [...named]
  for (const table of all) {
    for (const { referencing } of foreignKeysTo(catalog, table)) {
      if (all.some(({ id }) => id === referencing.id)) continue
      if (!isCascade) {
        throw failure('0A000', 'cannot truncate a table referenced in a foreign key constraint', {
          detail: `Table "${referencing.name}" references "${table.name}".`,
          hint: `Truncate table "${referencing.name}" at the same time, or use TRUNCATE ... CASCADE.`,
        })
      }
      notices.push({
        severity: 'NOTICE',
        sqlState: '00000',
        message: `truncate cascades to table "${referencing.name}"`,
      })
      refuseBusy(run, referencing, 'TRUNCATE')
      all.push(referencing)
    }
  }
  return all
}
