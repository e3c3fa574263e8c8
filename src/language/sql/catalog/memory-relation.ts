/**
 * A relation whose rows are computed: system views. Where its maker says what has the rows of a value (`LookUp`), a condition
 * that names the value reads those alone; otherwise it is read whole. Rows of PostgreSQL's catalogs have behind their columns
 * which one they are of (`tableoid`): clients compare it with the `classid` of dependencies and comments.
 */
import type { Run } from '../../../query/operator.ts'
import type { Access, Relation, RelationColumn, RelationIndex, RelationReader } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { systemViewOid } from './system-view-names.ts'

/** `among`: what the rows are made of; left out, everything. */
export type RowMaker<S = never> = (run: SqlRun, among?: S) => Iterable<readonly SqlValue[]>

/** Of a column, whose values are numbers or texts. */
export interface LookUp<S> {
  /** What has all rows of the value, and as few others as can be told at once. */
  readonly among: (run: SqlRun, value: SqlValue) => S
  readonly isUnique?: boolean
}

/** Rows of one value, where it may have several: assumed. */
const rowsOfOne = { mean: 4, largest: 64 }

export function memoryRelation<S = never>(
  schema: string,
  name: string,
  columns: readonly (readonly [name: string, type: number])[],
  rows: RowMaker<S>,
  lookUps: Readonly<Record<string, LookUp<S>>> = {},
): Relation {
  const described = columns.map(([column, type], i): RelationColumn => {
    return { name: column, type, modifier: -1, number: i + 1, isNotNull: false }
  })
  const indexes = Object.entries(lookUps).map(([column, { isUnique = false }]): RelationIndex => {
    const ordinal = columns.findIndex(([one]) => one === column)
    return {
      name: `${name}_${column}_index`,
      isUnique,
      isHint: true,
      isPrimary: false,
      parts: [{ column: ordinal, isDescending: false, nullsFirst: false }],
    }
  })
  const isCatalog = schema === 'pg_catalog'
  const rowsOf = (run: SqlRun, { index, equal: [value] }: Access): Iterable<readonly SqlValue[]> => {
    if (index === undefined || value === undefined) return rows(run)
    const { column } = index.parts[0]!
    const { among } = lookUps[columns[column]![0]]!
    return value === null ? [] : equalRows(rows(run, among(run, value)), column, value)
  }
  const reader: RelationReader = {
    open: (run: Run, access: Access) => {
      const start = (): Iterator<readonly SqlValue[]> => rowsOf(run as SqlRun, access)[Symbol.iterator]()
      let all: Iterator<readonly SqlValue[]> | undefined = start()
      let given = 0
      const again = (): Iterator<readonly SqlValue[]> => {
        const fresh = start()
        for (let i = 0; i < given; i++) fresh.next()
        return fresh
      }
      return {
        next: () => {
          const current = all ?? again()
          // A generator that had to wait for a page is over: the next one passes over what it has given.
          all = undefined
          const step = current.next()
          all = current
          if (step.done === true) return undefined
          given++
          return isCatalog ? [...step.value, systemViewOid(schema, name)!] : [...step.value]
        },
        rowKey: () => new Uint8Array(0),
      }
    },
  }
  return {
    schema,
    name,
    kind: 'view',
    columns: described,
    indexes,
    collection: undefined,
    ...(isCatalog && { systemColumns: 1 }),
    reader: () => reader,
    groupRows: (_run, { isUnique }) => (isUnique ? { mean: 1, largest: 1 } : rowsOfOne),
  }
}

/** What has rows of the value may have others beside. */
function* equalRows(
  rows: Iterable<readonly SqlValue[]>,
  column: number,
  value: SqlValue,
): Generator<readonly SqlValue[]> {
  for (const row of rows) if (row[column] === value) yield row
}
