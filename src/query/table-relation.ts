/** A table as a relation: its primary key and indexes are access paths. */
import { sliceOf, type KeyRange } from '../base/slice.ts'
import type { Transaction } from '../database/contract.ts'
import type { ReadCounts } from '../database/statistics/transaction-counts.ts'
import { EntryReader, EntryScan } from '../model/table/entry-reader.ts'
import { allRows, boundedRange } from '../model/table/keys.ts'
import { getRow, getRowByKey } from '../model/table/rows.ts'
import { RowScan } from '../model/table/scan.ts'
import type { KeyPart, Table, TableIndex } from '../model/table/table.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import type { Access, Relation, RelationColumn, RelationIndex, RelationReader, RowSourceHandle } from './relation.ts'
import { distinctValues, entriesIn, type GroupSize, groupSize, type Sample, sampled } from './cardinality.ts'
import type { Run } from './operator.ts'

/** Of its statistics. */
const primaryIndexNumber = 0

/** A sample is good until there are twice or half as many entries. */
interface KeptGroups {
  readonly entries: number
  readonly groups: GroupSize
}

export class TableRelation implements Relation {
  readonly kind = 'table'
  readonly table: Table
  readonly columns: readonly RelationColumn[]
  readonly indexes: readonly RelationIndex[]
  readonly indexedExpressions: readonly string[]
  readonly #tableIndexes = new Map<RelationIndex, TableIndex>()
  readonly #groups = new Map<RelationIndex, KeptGroups[]>()
  #sample: Sample<SqlValue[]> | undefined
  readonly #distinct: { readonly entries: number; readonly values: number }[] = []

  private constructor(table: Table) {
    this.table = table
    this.columns = table.columns.map(({ name, type, modifier, number, isNotNull, definition, generated }) => {
      const isIdentity = definition.identity !== undefined
      const isAlwaysIdentity = definition.identity === 'always'
      const isGenerated = generated !== undefined
      return {
        name,
        type: type.oid,
        modifier,
        number,
        isNotNull,
        ...(isIdentity && { isIdentity }),
        ...(isAlwaysIdentity && { isAlwaysIdentity }),
        ...(isGenerated && { isGenerated }),
      }
    })
    const indexes: RelationIndex[] = []
    const thenBy = table.primaryKey?.map(plainPart)
    if (thenBy !== undefined) {
      indexes.push({ name: table.primaryKeyName!, isUnique: true, isPrimary: true, parts: thenBy })
    }
    const expressions: string[] = []
    const partOf = ({ column, isDescending, nullsFirst }: KeyPart): RelationIndex['parts'][number] => {
      if (column.ordinal < table.columns.length) return { column: column.ordinal, isDescending, nullsFirst }
      if (!expressions.includes(column.name)) expressions.push(column.name)
      return { column: table.columns.length + expressions.indexOf(column.name), isDescending, nullsFirst }
    }
    for (const index of table.indexes) {
      const { name, deferrable, parts, predicate } = index
      // What may be double for a while is no promise to a plan.
      const isUnique = index.isUnique && deferrable === undefined && predicate === undefined
      const relationIndex: RelationIndex = {
        name,
        isUnique,
        isPrimary: false,
        parts: parts.map(partOf),
        ...(predicate && { terms: predicate.terms }),
        // The row's key follows in the entry (`model/table/keys.ts`).
        ...(thenBy !== undefined && { thenBy }),
      }
      this.#tableIndexes.set(relationIndex, index)
      indexes.push(relationIndex)
    }
    this.indexes = indexes
    this.indexedExpressions = expressions
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

  estimateRows({ transaction }: Run, access: Access): number | undefined {
    return entriesIn(transaction, [this.#rangeOf(access)])
  }

  groupRows({ transaction }: Run, index: RelationIndex, columns: number): GroupSize | undefined {
    const all = this.#rangeOf({ index, equal: [] })
    const entries = entriesIn(transaction, [all])
    if (entries === undefined) return undefined
    let kept = this.#groups.get(index)
    if (kept === undefined) this.#groups.set(index, (kept = []))
    const known = kept[columns]
    if (known !== undefined && isAboutAsMany(entries, known.entries)) return known.groups
    const groups = this.#sampleGroups(transaction, index, columns, all)
    if (groups !== undefined) kept[columns] = { entries, groups }
    return groups
  }

  distinctValues({ transaction }: Run, column: number): number | undefined {
    const all = allRows(this.table)
    const entries = entriesIn(transaction, [all])
    if (entries === undefined) return undefined
    const known = this.#distinct[column]
    if (known !== undefined && isAboutAsMany(entries, known.entries)) return known.values
    const reader = this.table.readerOf([column])
    const { type } = this.table.columns[column]!
    const values = distinctValues(transaction, all, (cursor) => {
      if (!cursor.next() || cursor.value.end - cursor.value.start > mostSampledBytes) return undefined
      const value = reader.read(cursor.value)[column]!
      // What a Map tells apart.
      return typeof value === 'object' && value !== null ? type.formatText(value) : value
    })
    if (values !== undefined) this.#distinct[column] = { entries, values }
    return values
  }

  sampleRows({ transaction }: Run): readonly SqlValue[][] | undefined {
    const all = allRows(this.table)
    const entries = entriesIn(transaction, [all])
    if (entries === undefined) return undefined
    if (this.#sample !== undefined && isAboutAsMany(entries, this.#sample.entries)) return this.#sample.rows
    const { reader } = this.table
    const sample = sampled(transaction, all, (cursor) => {
      if (!cursor.next() || cursor.value.end - cursor.value.start > mostKeptBytes) return undefined
      return reader.read(cursor.value)
    })
    if (sample !== undefined) this.#sample = { entries, rows: sample.rows }
    return sample?.rows
  }

  #sampleGroups(transaction: Transaction, index: RelationIndex, columns: number, all: KeyRange): GroupSize | undefined {
    const { table } = this
    const tableIndex = this.#tableIndexes.get(index)
    // What a row gives an index beside its columns is not read with it.
    if (index.parts.slice(0, columns).some(({ column }) => column >= this.columns.length)) return undefined
    return groupSize(transaction, all, (cursor) => {
      const row = new RowScan(transaction.newest, table, table.reader, all, { index: tableIndex }, cursor).next()
      if (row === undefined) return undefined
      const equal = index.parts.slice(0, columns).map(({ column }) => row[column]!)
      return boundedRange(table, tableIndex, { equal })
    })
  }

  readsEntries(index: RelationIndex, columns: ReadonlySet<number>): boolean {
    const tableIndex = this.#tableIndexes.get(index)
    return tableIndex !== undefined && EntryReader.of(this.table, tableIndex, columns) !== undefined
  }

  #indexOf({ index }: Access): TableIndex | undefined {
    return index === undefined ? undefined : this.#tableIndexes.get(index)
  }

  #rangeOf(access: Access): KeyRange {
    return access.index === undefined ? allRows(this.table) : boundedRange(this.table, this.#indexOf(access), access)
  }

  #countScan({ transaction }: Run, { index }: Access): ReadCounts {
    if (index === undefined) return transaction.counts.scan(this.table.id)
    return transaction.counts.scan(this.table.id, this.#tableIndexes.get(index)?.id ?? primaryIndexNumber)
  }

  reader(columns?: ReadonlySet<number>): RelationReader {
    const { table } = this
    const rows = columns === undefined ? table.reader : table.readerOf(columns)
    const ofEntries = new Map<TableIndex, EntryReader>()
    const entriesOf = (index: TableIndex): EntryReader => {
      let reader = ofEntries.get(index)
      if (reader === undefined) {
        reader = EntryReader.of(table, index, columns ?? table.columns.keys())!
        ofEntries.set(index, reader)
      }
      return reader
    }
    return {
      count: (run: Run, access: Access) => {
        this.#countScan(run, access)
        return run.transaction.count(this.#rangeOf(access))
      },
      open: (run: Run, access: Access): RowSourceHandle => {
        const index = this.#indexOf(access)
        const range = this.#rangeOf(access)
        const reverse = access.reverse === true
        if (index !== undefined && access.fromEntries === true) {
          const counts = run.transaction.counts.scan(table.id, index.id, true)
          return new EntryScan(run.transaction, table, index, entriesOf(index), { range, reverse, counts })
        }
        const counts = this.#countScan(run, access)
        return new RowScan(run.transaction, table, rows, range, { index, reverse, counts })
      },
      find: (run: Run, primaryKey: readonly SqlValue[]) => {
        const row = getRow(run.transaction, table, rows, primaryKey)
        const counts = run.transaction.counts.scan(table.id, primaryIndexNumber)
        if (row !== undefined) counts.rows++
        return row
      },
      findByKey: (run: Run, key: Uint8Array) => getRowByKey(run.transaction, rows, sliceOf(key)),
    }
  }
}

/** Of rows that a sample keeps. */
const mostKeptBytes = 1024
/** Of rows that a sample looks into. */
const mostSampledBytes = 64 * 1024

function isAboutAsMany(a: number, b: number): boolean {
  return Math.max(a, b) <= 2 * Math.min(a, b)
}

const relations = new WeakMap<Table, TableRelation>()

function plainPart({ column, isDescending, nullsFirst }: KeyPart): RelationIndex['parts'][number] {
  return { column: column.ordinal, isDescending, nullsFirst }
}
