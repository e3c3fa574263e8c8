/**
 * A table together with those that inherit from it, as one relation: what a name in FROM means without ONLY.
 *
 * Its columns are those of the table that is named; the rows of each member are shown by them, whatever other columns it has
 * and in whichever order. Behind the columns each row holds the number of the table that it lies in (`tableoid`). A plan
 * reads the members one by one, each as a relation of its own (`FamilyMember`) by the best of its indexes, and leaves out
 * those that hold nothing of what is looked for (`language/sql/plan/pruning`). As a whole a family is read where rows are
 * looked up for those of another relation: by indexes that all members have, because the table's partitions have parts of
 * them.
 *
 * Who may read the named table reads all of it: the others are not asked.
 */
import { PolylogError } from '../base/errors.ts'
import { keyspaceOf } from '../base/tuple.ts'
import { sliceOf } from '../base/slice.ts'
import type { Catalog, Collection } from '../database/catalog/catalog.ts'
import { type Partition, Partitioning } from '../model/table/partitions/partitioning.ts'
import { type KeyComparison, prune } from '../model/table/partitions/pruning.ts'
import { RowMap } from '../model/table/partitions/row-map.ts'
import type { Table } from '../model/table/table.ts'
import type { SqlType } from '../model/table/types/type.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import type { GroupSize } from './cardinality.ts'
import type { Run } from './operator.ts'
import type { Access, Relation, RelationColumn, RelationIndex, RelationReader, RowSourceHandle } from './relation.ts'
import { TableRelation } from './table-relation.ts'

/** How many values a row holds behind its columns: the number of its table. */
const systemColumns = 1

/** One table of a family, by the family's columns. */
export class FamilyMember implements Relation {
  readonly kind = 'table'
  readonly systemColumns: number = systemColumns
  readonly table: Table
  readonly columns: readonly RelationColumn[]
  readonly indexes: readonly RelationIndex[]
  readonly indexedExpressions: readonly string[]
  readonly map: RowMap
  readonly #inner: TableRelation
  readonly #own = new Map<RelationIndex, RelationIndex>()
  readonly tableOid: number

  constructor(family: TableRelation, table: Table, tableOid: number) {
    this.table = table
    this.columns = family.columns
    this.map = RowMap.between(family.table, table)
    this.#inner = TableRelation.of(table)
    this.tableOid = tableOid
    this.indexedExpressions = this.#inner.indexedExpressions
    const [own, shown] = [table.columns.length, family.columns.length]
    const placeOf = (column: number): number => (column < own ? this.map.places.indexOf(column) : column - own + shown)
    this.indexes = this.#inner.indexes.flatMap((index): RelationIndex[] => {
      const parts = index.parts.map((part) => ({ ...part, column: placeOf(part.column) }))
      // What the family does not show cannot be asked for.
      const hidden = parts.findIndex(({ column }) => column < 0)
      if (hidden === 0) return []
      const isWhole = hidden < 0
      const seen = isWhole
        ? { ...index, parts, ...this.#following(index.thenBy) }
        : { ...index, thenBy: [], isUnique: false, isPrimary: false, parts: parts.slice(0, hidden) }
      this.#own.set(seen, index)
      return [seen]
    })
  }

  /** As far as the family shows it. */
  #following(thenBy: RelationIndex['thenBy'] = []): Pick<RelationIndex, 'thenBy'> {
    const seen = thenBy.map((part) => ({ ...part, column: this.map.places.indexOf(part.column) }))
    const hidden = seen.findIndex(({ column }) => column < 0)
    return { thenBy: hidden < 0 ? seen : seen.slice(0, hidden) }
  }

  get schema(): string {
    return this.table.schema
  }

  get name(): string {
    return this.table.name
  }

  get collection(): Collection {
    return this.table.collection
  }

  /** As the table has it. */
  ownIndex(index: RelationIndex): RelationIndex {
    return this.#own.get(index)!
  }

  #accessOf(access: Access): Access {
    return access.index === undefined ? access : { ...access, index: this.ownIndex(access.index) }
  }

  estimateRows(run: Run, access: Access): number | undefined {
    return this.#inner.estimateRows(run, this.#accessOf(access))
  }

  groupRows(run: Run, index: RelationIndex, columns: number): GroupSize | undefined {
    return this.#inner.groupRows(run, this.ownIndex(index), columns)
  }

  reader(columns?: ReadonlySet<number>): RelationReader {
    const { map } = this
    const rows = this.#inner.reader(columns && new Set([...columns].map((ordinal) => map.places[ordinal]!)))
    const shown = (row: SqlValue[]): SqlValue[] => {
      const seen = map.toParent(row)
      seen.push(this.tableOid)
      return seen
    }
    return {
      count: (run, access) => {
        this.#begin(run)
        return rows.count!(run, this.#accessOf(access))
      },
      open: (run, access): RowSourceHandle => {
        this.#begin(run)
        const source = rows.open(run, this.#accessOf(access))
        return {
          next: () => {
            const row = source.next()
            return row && shown(row)
          },
          rowKey: () => source.rowKey(),
        }
      },
      findByKey: (run, key) => {
        this.#begin(run)
        const row = rows.findByKey!(run, key)
        return row && shown(row)
      },
    }
  }

  #begin({ transaction }: Run): void {
    transaction.access.actForOwner(this.table.id)
  }
}

/** A partitioned table of a family, and where its keys stand among the family's columns; −1 of an expression. */
export interface FamilyDivision {
  readonly partitioning: Partitioning
  readonly keys: readonly number[]
}

export class FamilyRelation implements Relation {
  readonly kind = 'table'
  readonly systemColumns: number = systemColumns
  readonly table: Table
  readonly columns: readonly RelationColumn[]
  /** Those that all members have. */
  readonly indexes: readonly RelationIndex[]
  readonly members: readonly FamilyMember[]
  readonly #byId = new Map<number, FamilyMember>()
  readonly #indexOfMember = new Map<RelationIndex, ReadonlyMap<FamilyMember, RelationIndex>>()
  readonly #divisions = new Map<number, FamilyDivision>()

  /** `tables`: all of the family, the root first. */
  constructor(
    catalog: Catalog,
    root: TableRelation,
    tables: readonly Table[],
    oidOf: (collection: Collection) => number,
  ) {
    this.table = root.table
    this.columns = root.columns
    this.members = tables.flatMap((table) => {
      if (table.definition.partitioning === undefined) {
        return [new FamilyMember(root, table, oidOf(table.collection))]
      }
      this.#divisions.set(table.id, divisionOf(root.table, Partitioning.of(catalog, table)))
      return []
    })
    for (const member of this.members) this.#byId.set(member.table.id, member)
    this.indexes = root.table.definition.partitioning === undefined ? [] : this.#sharedIndexes(root)
  }

  /** The partitioned table's own, which are the sums of those of its partitions. */
  #sharedIndexes(root: TableRelation): RelationIndex[] {
    const likeness = ({ isUnique, isPrimary, parts, terms }: RelationIndex): string =>
      JSON.stringify([isUnique, isPrimary, terms, parts.map((one) => [one.column, one.isDescending, one.nullsFirst])])
    return root.indexes.flatMap((index) => {
      // Of columns alone: the others are for the members by themselves.
      if (index.terms !== undefined || index.parts.some(({ column }) => column >= root.columns.length)) return []
      const found = new Map<FamilyMember, RelationIndex>()
      for (const member of this.members) {
        const own = member.indexes.find((one) => likeness(one) === likeness(index))
        if (own === undefined) return []
        found.set(member, own)
      }
      this.#indexOfMember.set(index, found)
      return [index]
    })
  }

  get schema(): string {
    return this.table.schema
  }

  get name(): string {
    return this.table.name
  }

  get collection(): Collection {
    return this.table.collection
  }

  memberOfKey(key: Uint8Array): FamilyMember {
    const member = this.#byId.get(keyspaceOf(sliceOf(key)))
    if (member === undefined)
      throw new PolylogError('internal', `a row of "${this.name}" lies in no table of its family`)
    return member
  }

  /** Undefined: it was not there when the statement was bound. */
  findMember(id: number): FamilyMember | undefined {
    return this.#byId.get(id)
  }

  /** The members in which rows may be, as `choose` says of each partitioned table of the family. */
  survivors(choose: (division: FamilyDivision) => ReadonlySet<Partition>): readonly FamilyMember[] {
    const root = this.#divisions.get(this.table.id)
    if (root === undefined) return this.members
    const found: FamilyMember[] = []
    const visit = (division: FamilyDivision): void => {
      const chosen = choose(division)
      for (const partition of division.partitioning.partitions) {
        if (!chosen.has(partition)) continue
        const inner = this.#divisions.get(partition.table.id)
        if (inner !== undefined) visit(inner)
        else found.push(this.#byId.get(partition.table.id)!)
      }
    }
    visit(root)
    return found
  }

  #accessOf(member: FamilyMember, access: Access): Access {
    const { index } = access
    return index === undefined ? access : { ...access, index: this.#indexOfMember.get(index)!.get(member)! }
  }

  /** Those that may have entries with these values of the index's leading columns. */
  #chosen({ index, equal }: Access): readonly FamilyMember[] {
    if (index === undefined || equal.length === 0) return this.members
    return this.survivors(({ partitioning, keys }) => {
      const known = keys.flatMap((column, key): KeyComparison[] => {
        const place = index.parts.findIndex((part) => part.column === column)
        if (place < 0 || place >= equal.length) return []
        const value = equal[place]!
        if (value === null) return [{ key, operator: 'null' }]
        return [{ key, operator: '=', value: valueOfType(partitioning.types[key]!, value) }]
      })
      return prune(partitioning, known)
    })
  }

  estimateRows(run: Run, access: Access): number | undefined {
    let sum = 0
    for (const member of this.#chosen(access)) {
      const rows = member.estimateRows(run, this.#accessOf(member, access))
      if (rows === undefined) return undefined
      sum += rows
    }
    return sum
  }

  /** Values lie in one partition or in several: the largest groups are the most telling. */
  groupRows(run: Run, index: RelationIndex, columns: number): GroupSize | undefined {
    let most: GroupSize | undefined
    for (const member of this.members) {
      const own = this.#indexOfMember.get(index)?.get(member)
      const size = own && member.groupRows(run, own, columns)
      if (size !== undefined && (most === undefined || size.mean > most.mean)) most = size
    }
    return most
  }

  reader(columns?: ReadonlySet<number>): RelationReader {
    const readers = new Map(this.members.map((member) => [member, member.reader(columns)]))
    return {
      count: (run, access) => {
        let sum = 0
        for (const member of this.#chosen(access)) {
          const rows = readers.get(member)!.count!(run, this.#accessOf(member, access))
          if (rows === undefined) return undefined
          sum += rows
        }
        return sum
      },
      open: (run, access) => {
        const chosen = this.#chosen(access)
        return new FamilyRows(chosen, (member) => readers.get(member)!.open(run, this.#accessOf(member, access)))
      },
      findByKey: (run, key) => readers.get(this.memberOfKey(key))!.findByKey!(run, key),
    }
  }
}

function divisionOf(root: Table, partitioning: Partitioning): FamilyDivision {
  const { parent } = partitioning
  const map = RowMap.between(root, parent)
  const keys = parent.definition.partitioning!.keys.map(({ column }) => {
    return column === undefined ? -1 : map.places.indexOf(parent.columnByNumber(column).ordinal)
  })
  return { partitioning, keys }
}

/** A whole number as values of a type of these are: whichever of them it was compared as. */
export function valueOfType({ name }: SqlType, value: SqlValue): SqlValue {
  if (name === 'int8') return typeof value === 'number' ? BigInt(value) : value
  return typeof value === 'bigint' && (name === 'int2' || name === 'int4' || name === 'oid') ? Number(value) : value
}

/** One member after the other. */
class FamilyRows implements RowSourceHandle {
  readonly #members: readonly FamilyMember[]
  readonly #open: (member: FamilyMember) => RowSourceHandle
  #at = 0
  #rows: RowSourceHandle | undefined

  constructor(members: readonly FamilyMember[], open: (member: FamilyMember) => RowSourceHandle) {
    this.#members = members
    this.#open = open
  }

  next(): SqlValue[] | undefined {
    for (; this.#at < this.#members.length; this.#at++) {
      this.#rows ??= this.#open(this.#members[this.#at]!)
      const row = this.#rows.next()
      if (row !== undefined) return row
      this.#rows = undefined
    }
    return undefined
  }

  rowKey(): Uint8Array {
    return this.#rows!.rowKey()
  }
}
