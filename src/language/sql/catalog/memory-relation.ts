/**
 * A relation whose rows are computed: system views. It has no indexes and is read whole. Rows of PostgreSQL's catalogs have
 * behind their columns which one they are of (`tableoid`): clients compare it with the `classid` of dependencies and comments.
 */
import type { Run } from '../../../query/operator.ts'
import type { Access, Relation, RelationColumn, RelationReader } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { systemViewOid } from './system-view-names.ts'

export type RowMaker = (run: SqlRun) => Iterable<readonly SqlValue[]>

export function memoryRelation(
  schema: string,
  name: string,
  columns: readonly (readonly [name: string, type: number])[],
  rows: RowMaker,
): Relation {
  const described = columns.map(([column, type], i): RelationColumn => {
    return { name: column, type, modifier: -1, number: i + 1, isNotNull: false }
  })
  const isCatalog = schema === 'pg_catalog'
  const reader: RelationReader = {
    open: (run: Run, _access: Access) => {
      const start = (): Iterator<readonly SqlValue[]> => rows(run as SqlRun)[Symbol.iterator]()
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
    indexes: [],
    collection: undefined,
    ...(isCatalog && { systemColumns: 1 }),
    reader: () => reader,
  }
}
