/**
 * A relation: anything whose rows a language reads by a name. Tables, document collections, key-value collections and
 * system views each adapt to it, so plans do not know what they read.
 *
 * A `RelationReader` is made once per plan, for the columns that the plan reads; it opens a `RowSource` per execution.
 */
import { charge } from '../base/work.ts'
import { Resumption } from '../base/resumption.ts'
import type { KeyBounds } from '../model/table/keys.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { GroupSize } from './cardinality.ts'
import { BatchMemory } from './operator-memory.ts'
import { type Batch, batchBytes, batchRows, largeBytes, type Operator, paused, type Run } from './operator.ts'

export type { KeyBounds } from '../model/table/keys.ts'

export interface RelationColumn {
  readonly name: string
  readonly type: number
  readonly modifier: number
  /** As `pg_attribute.attnum`. */
  readonly number: number
  readonly isNotNull: boolean
  readonly isIdentity?: boolean
  /** GENERATED ALWAYS AS IDENTITY: only OVERRIDING gives it a value. */
  readonly isAlwaysIdentity?: boolean
  /** GENERATED ALWAYS AS (…): nothing gives it a value. */
  readonly isGenerated?: boolean
}

export interface RelationIndex {
  readonly name: string
  readonly isUnique: boolean
  /** Finds by equality alone, and perhaps more than is equal: no ranges, no order, and every condition is tested again. */
  readonly isHint?: boolean
  /** The order of the relation's own keys. */
  readonly isPrimary: boolean
  readonly parts: readonly RelationIndexPart[]
  /** What entries with the same parts are ordered by. */
  readonly thenBy?: readonly RelationIndexPart[]
  /** It has entries of those rows only of which all of these are true: texts of conditions. */
  readonly terms?: readonly string[]
}

export interface RelationIndexPart {
  /** Its ordinal. */
  readonly column: number
  readonly isDescending: boolean
  readonly nullsFirst: boolean
}

export interface Access extends KeyBounds {
  /** Undefined: every row, in the relation's own order. */
  readonly index?: RelationIndex
  readonly reverse?: boolean
  /** Where `readsEntries` has said that they tell all that is read: the rows themselves are not looked up. */
  readonly fromEntries?: boolean
}

export interface RowSourceHandle {
  next(): SqlValue[] | undefined
  /** What the row that was read last takes where it is stored, if that is known. */
  readonly rowBytes?: number
  /** A copy of the key of the row that was read last: what names the row in a write. */
  rowKey(): Uint8Array
}

export interface RelationReader {
  open(run: Run, access: Access): RowSourceHandle
  /** How many rows `open` would give, without reading them; `undefined` where only a scan can tell. */
  count?(run: Run, access: Access): number | undefined
  /** One row by all columns of the primary key, in its order, without opening a scan. */
  find?(run: Run, primaryKey: readonly SqlValue[]): SqlValue[] | undefined
  /** The row as it is now: after its lock was taken. */
  findByKey?(run: Run, key: Uint8Array): SqlValue[] | undefined
}

export interface Relation {
  readonly schema: string
  readonly name: string
  /** What error messages and explained plans call it where it is no table. */
  readonly kind: 'table' | 'documents' | 'keyvalue' | 'view'
  readonly columns: readonly RelationColumn[]
  readonly indexes: readonly RelationIndex[]
  /** The collection whose version plans depend on. */
  readonly collection: Collection | undefined
  /** What indexes have beside columns: their parts count on behind those, in this order. Texts of expressions. */
  readonly indexedExpressions?: readonly string[]
  /** How many values stand behind the columns in each row: see `family-relation.ts`. */
  readonly systemColumns?: number
  /** `columns`: the ordinals that are read, all where missing; others may come as null. */
  reader(columns?: ReadonlySet<number>): RelationReader
  /** About how many entries an access reads, for plans: counted, without noting anything as read; `undefined`: unknown. */
  estimateRows?(run: Run, access: Access): number | undefined
  /** About how many different values a column has, from a sample of its rows; `undefined`: unknown. */
  distinctValues?(run: Run, column: number): number | undefined
  /** Some rows at even distances, without large ones, to try conditions on; `undefined`: unknown. */
  sampleRows?(run: Run): readonly SqlValue[][] | undefined
  /** Whether entries of the index alone tell these columns. */
  readsEntries?(index: RelationIndex, columns: ReadonlySet<number>): boolean
  /** How many rows of an index have the same values of its first `columns`, on average. */
  groupRows?(run: Run, index: RelationIndex, columns: number): GroupSize | undefined
}

/** Stored in so little, no row has a large value. */
const smallRowBytes = 256

/** The first batch is small, for plans that stop early. */
const firstBatchRows = 16

/** Reads a relation by an access that may depend on the run: parameters, or an outer row. */
export class RelationScan<X extends Run> implements Operator<SqlValue[], X> {
  readonly #reader: RelationReader
  readonly #accessesOf: (run: X) => Iterable<Access>
  readonly #withKeys: boolean
  readonly #hasLists: boolean
  /** Accesses of long lists are made in turns. */
  #making: Resumption | undefined
  #accesses: Iterator<Access> | undefined
  #rows: RowSourceHandle | undefined
  /** Read, and not handed out yet: a row that has to wait must not take those before it along. */
  #out: SqlValue[][] = []
  #outBytes = 0
  readonly #batch = new BatchMemory('Scan')
  #target = firstBatchRows
  #pauseNext = false
  #ended = false

  /**
   * Several accesses are read one after another; none finds nothing. `withKeys` appends each row's key as a value;
   * `hasLists`: making the accesses may take more than a turn, and is resumed.
   */
  constructor(
    reader: RelationReader,
    accessesOf: (run: X) => Iterable<Access>,
    { withKeys = false, hasLists = false }: { readonly withKeys?: boolean; readonly hasLists?: boolean } = {},
  ) {
    this.#reader = reader
    this.#accessesOf = accessesOf
    this.#withKeys = withKeys
    this.#hasLists = hasLists
  }

  next(run: X): Batch<SqlValue[]> {
    if (this.#ended) return undefined
    if (this.#pauseNext) {
      this.#pauseNext = false
      return paused
    }
    const accesses = (this.#accesses ??= this.#makeAccesses(run)[Symbol.iterator]())
    const out = this.#out
    let opened = 0
    while (out.length < this.#target && !this.#ended) {
      if (this.#rows === undefined) {
        const step = accesses.next()
        if (step.done === true) this.#ended = true
        else this.#rows = this.#reader.open(run, step.value)
        // Lookups that find nothing are work too.
        if (++opened % batchRows === 0 && run.transaction.slice.spend(Math.max(0, batchRows - out.length))) {
          if (out.length === 0) return paused
          break
        }
      } else if (!this.#fill(this.#rows, out)) this.#rows = undefined
    }
    this.#batch.handsOut(run, this.#outBytes)
    this.#out = []
    this.#outBytes = 0
    this.#target = batchRows
    this.#pauseNext = run.transaction.slice.spend(out.length)
    return out.length > 0 ? out : undefined
  }

  #makeAccesses(run: X): Iterable<Access> {
    if (!this.#hasLists) return this.#accessesOf(run)
    this.#making ??= new Resumption()
    return this.#making.run(() => this.#accessesOf(run))
  }

  /** False where the access has no more. */
  #fill(rows: RowSourceHandle, out: SqlValue[][]): boolean {
    while (out.length < this.#target) {
      const row = rows.next()
      if (row === undefined) return false
      if (this.#withKeys) row.push(rows.rowKey())
      out.push(row)
      const bytes = rows.rowBytes !== undefined && rows.rowBytes <= smallRowBytes ? 0 : largeBytes(row)
      if (bytes > 0) charge(bytes)
      this.#outBytes += bytes
      if (this.#outBytes > batchBytes) this.#target = out.length
    }
    return true
  }

  reset(): void {
    this.#making = undefined
    this.#accesses = undefined
    this.#rows = undefined
    this.#out = []
    this.#outBytes = 0
    this.#target = firstBatchRows
    this.#pauseNext = false
    this.#ended = false
  }
}
