/** `polylog.history`: as `polylog_history()`. What is asked of one relation, or one transaction, is looked for alone. */
import type { Run } from '../../../query/operator.ts'
import type { Access, Relation, RelationIndex } from '../../../query/relation.ts'
import { historyColumns, type HistoryQuestion, HistoryRows } from '../functions/history-functions.ts'
import type { SqlRun } from '../plan/run.ts'

const lookedUp = ['transaction', 'relation'] as const

const indexes = lookedUp.map((column): RelationIndex => {
  const ordinal = historyColumns.findIndex(([name]) => name === column)
  return {
    name: `history_${column}_index`,
    isUnique: false,
    isHint: true,
    isPrimary: false,
    parts: [{ column: ordinal, isDescending: false, nullsFirst: false }],
  }
})

/** Undefined: nothing is asked for. */
function questionOf({ index, equal: [value] }: Access): HistoryQuestion | undefined {
  if (index === undefined || value === undefined) return {}
  if (value === null) return undefined
  if (index === indexes[1]) return { relation: value as string }
  return { only: Number(value) }
}

/** Rows of one transaction, where it may have several: assumed. */
const rowsOfOne = { mean: 4, largest: 64 }

export const historyView: Relation = {
  schema: 'polylog',
  name: 'history',
  kind: 'view',
  columns: historyColumns.map(([name, type], i) => ({ name, type, modifier: -1, number: i + 1, isNotNull: false })),
  indexes,
  collection: undefined,
  reader: () => ({
    open: (run: Run, access: Access) => {
      const question = questionOf(access)
      const rows = question && new HistoryRows(run as SqlRun, question)
      return {
        next: () => {
          const row = rows?.next()
          return row && [...row]
        },
        rowKey: () => new Uint8Array(0),
      }
    },
  }),
  groupRows: () => rowsOfOne,
}
