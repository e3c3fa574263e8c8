/** TRUNCATE; VACUUM and ANALYZE, which have nothing to do here: space is reclaimed and counted as transactions commit. */
import type { TruncateStmt, VacuumStmt } from 'libpg-query'
import { truncateTable } from '../../../model/table/schema.ts'
import { restartSequence } from '../../../model/table/sequence.ts'
import { findRelation } from '../bind/bind-from.ts'
import type { Binder } from '../bind/binder.ts'
import { nothing } from './execution.ts'
import { getTable } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'

export function planTruncate(_binder: Binder, statement: TruncateStmt): Planned {
  const names = (statement.relations ?? []).flatMap((node) => ('RangeVar' in node ? [node.RangeVar] : []))
  return planSteps({ kind: 'write' }, 'TRUNCATE TABLE', (run) => {
    for (const name of names) {
      const table = getTable(run, name)
      truncateTable(run.transaction, table)
      if (statement.restart_seqs !== true) continue
      for (const { definition } of table.columns) {
        const id = definition.sequence
        const sequence = id === undefined ? undefined : run.transaction.catalog.collectionById(id)
        if (sequence !== undefined) restartSequence(run.transaction, sequence)
      }
    }
    return nothing
  })
}

export function planMaintenance(binder: Binder, statement: VacuumStmt): Planned {
  for (const node of statement.rels ?? []) {
    const relation = 'VacuumRelation' in node ? node.VacuumRelation.relation : undefined
    if (relation !== undefined) findRelation(binder, relation)
  }
  return planSteps({ kind: 'session' }, statement.is_vacuumcmd === true ? 'VACUUM' : 'ANALYZE', () => nothing)
}
