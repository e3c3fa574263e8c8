/** A table as a relation: its primary key and indexes are access paths. */
import { sliceOf, type KeyRange } from '../base/slice.ts'
import { allRows, boundedRange } from '../model/table/keys.ts'
import { getRow, getRowByKey } from '../model/table/rows.ts'
import { RowScan } from '../model/table/scan.ts'
import type { KeyPart, Table, TableIndex } from '../model/table/table.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import type { Access, Relation, RelationColumn, RelationIndex, RelationReader, RowSourceHandle } from './relation.ts'
import type { Run } from './operator.ts'

export class TableRelation implements Relation {
  readonly kind = 'table'
  readonly table: Table
  readonly columns: readonly RelationColumn[]
  readonly indexes: readonly RelationIndex[]
  readonly #tableIndexes = new Map<RelationIndex, TableIndex>()

  private constructor(table: Table) {
    this.table = table
    this.columns = table.columns.map(({ name, type, modifier, number, isNotNull, definition }) => {
      const isAlwaysIdentity = definition.identity === 'always'
      return { name, type: type.oid, modifier, number, isNotNull, ...(isAlwaysIdentity && { isAlwaysIdentity }) }
    })
    const indexes: RelationIndex[] = []
    if (table.primaryKey !== undefined) {
      indexes.push({
        name: table.primaryKeyName!,
        isUnique: true,
        isPrimary: true,
        parts: table.primaryKey.map(partOf),
      })
    }
    for (const index of table.indexes) {
      const { name, deferrable, parts } = index
      // What may be double for a while is no promise to a plan.
      const isUnique = index.isUnique && deferrable === undefined
      const relationIndex = { name, isUnique, isPrimary: false, parts: parts.map(partOf) }
      this.#tableIndexes.set(relationIndex, index)
      indexes.push(relationIndex)
    }
    this.indexes = indexes
  }

  static of(table: Table): TableRelation {
    let relation = relations.get(table)
    if (relation === undefined) relations.set(table, (relation = new TableRelation(table)))
    return relation
  }

  get schema(): string {
    return this.table.schema
  }

  get name(): string {
    return this.table.name
  }

  get collection(): Table['collection'] {
    return this.table.collection
  }

  /** Undefined for the primary key. */
  tableIndexOf(index: RelationIndex): TableIndex | undefined {
    return this.#tableIndexes.get(index)
  }

  reader(columns?: ReadonlySet<number>): RelationReader {
    const { table } = this
    const rows = columns === undefined ? table.reader : table.readerOf(columns)
    const indexOf = ({ index }: Access): TableIndex | undefined =>
      index === undefined ? undefined : this.#tableIndexes.get(index)
    const rangeOf = (access: Access): KeyRange =>
      access.index === undefined ? allRows(table) : boundedRange(table, indexOf(access), access)
    return {
      count: (run: Run, access: Access) => run.transaction.count(rangeOf(access)),
      open: (run: Run, access: Access): RowSourceHandle => {
        const index = indexOf(access)
        const range = rangeOf(access)
        return new RowScan(run.transaction, table, rows, range, { index, reverse: access.reverse === true })
      },
      find: (run: Run, primaryKey: readonly SqlValue[]) => getRow(run.transaction, table, rows, primaryKey),
      findByKey: (run: Run, key: Uint8Array) => getRowByKey(run.transaction, rows, sliceOf(key)),
    }
  }
}

const relations = new WeakMap<Table, TableRelation>()

function partOf({ column, isDescending, nullsFirst }: KeyPart): RelationIndex['parts'][number] {
  return { column: column.ordinal, isDescending, nullsFirst }
}
