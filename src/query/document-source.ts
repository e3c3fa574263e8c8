/**
 * A collection seen as documents, whatever its home model: what the document language reads and writes through.
 *
 * A source says which indexes it has and turns bounds on their fields into key ranges; the planner chooses, the executor
 * pulls documents from the ranges. Every condition is tested again on the document, so ranges may hold too much, never
 * too little.
 */
import type { KeyRange, Slice } from '../base/slice.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import type { BsonValue } from '../model/document/bson.ts'
import type { WriteSteps } from '../model/document/document.ts'
import type { CellRange } from '../model/document/geo/cells.ts'
import type { GeoField } from '../model/document/geo/geo-index.ts'
import type { IndexField, PartialFilter } from '../model/document/index-definition.ts'
import type { Collation } from '../model/document/collation.ts'
import type { Path } from '../model/document/path.ts'

export interface SourceIndex {
  readonly name: string
  readonly unique: boolean
  readonly sparse: boolean
  /** Its entries are the documents. */
  readonly isPrimary: boolean
  /** Its order is that of the documents' values, so it can stand for a sort. */
  readonly isOrdered: boolean
  readonly fields: readonly IndexField[]
  /** Only documents that pass are in it. */
  readonly partial?: PartialFilter | undefined
  /** Of the texts in its keys; undefined: by their bytes. */
  readonly collation?: Collation | undefined
  readonly isHashed?: boolean
  readonly hashed?: number | undefined
  /** No query uses it. */
  readonly hidden?: boolean
  readonly expireAfterSeconds?: number | undefined
}

/** What a query asks of one field of an index. */
export type FieldBounds =
  | { readonly kind: 'points'; readonly values: readonly BsonValue[] }
  | { readonly kind: 'interval'; readonly low?: Bound; readonly high?: Bound }
  | { readonly kind: 'region'; readonly region: GeoRegion }

/** A part of the earth or of a plane, which takes its place in the keys of an index of geometries. */
export interface GeoRegion {
  /** Numbers of cells, ascending; undefined where such an index cannot tell. */
  cellsIn(field: GeoField): readonly CellRange[] | undefined
}

export interface Bound {
  readonly value: BsonValue
  readonly inclusive: boolean
}

/** Documents of one range, in its order. What it shows holds until the next call on the transaction. */
export interface SourceCursor {
  /** Goes on where it was when it is called again after a throw; `suspended` is one too (`database/transaction/wait.ts`). */
  next(): boolean
  /** As `Cursor.skip`; not there where every entry has to be looked at. */
  skip?: ((count: number) => number) | undefined
  readonly document: Slice
  /** The same for two entries of one document, and for no others: the document's key as latin1. */
  identity(): string
  /** The entry's key as latin1: where `scan` goes on behind. */
  position(): string
}

export interface DocumentSource {
  readonly collection: Collection
  /**
   * Its home model has rules of its own: a write may fail when it has changed something already, or at the end of what it is a
   * part of (`database/transaction/part.ts`), and what is stored may be more than what was given.
   */
  readonly hasRules: boolean
  /** The first is that of `_id`. */
  readonly indexes: readonly SourceIndex[]
  /** The order of their insertion, where it is kept: that of a scan. */
  readonly insertions?: SourceIndex | undefined
  /** Whether one document may have several entries in an index of this path. */
  mayHoldArray(path: Path): boolean
  /** Ranges in the index's order; bounds for its first fields, all but the last of them points. `undefined`: not possible. */
  ranges(index: SourceIndex, bounds: readonly FieldBounds[]): KeyRange[] | undefined
  /**
   * The entries from the values of all its fields on, and up to those of others, which are not among them; where the home model has
   * no such indexes it is not there.
   */
  between?(index: SourceIndex, from: readonly BsonValue[] | undefined, to: readonly BsonValue[] | undefined): KeyRange
  /** `after`: a position where an earlier scan of this range stopped. */
  scan(reader: Transaction, index: SourceIndex, range: KeyRange, options: SourceScan): SourceCursor
  /** In one batch: not there where a document may be too large for that, and has to be scanned for. */
  find?(reader: Transaction, id: BsonValue): Slice | undefined
  /** All its documents, without looking at them; `undefined` where only a scan can tell. */
  count?(reader: Transaction): number | undefined

  /** Throws where the collection's home model cannot hold the document; likewise the steps that are left. */
  insert(transaction: Transaction, document: Slice): WriteSteps
  /** The newest state of a document, locked until the end of the transaction; undefined of one that may not be changed so. */
  lock(transaction: Transaction, id: BsonValue, purpose: 'update' | 'delete'): Slice | undefined
  /** `before` is a copy of what `lock` gave. */
  replace(transaction: Transaction, before: Slice, after: Slice): WriteSteps
  remove(transaction: Transaction, document: Slice): WriteSteps
}

export interface SourceScan {
  readonly reverse: boolean
  readonly after: string | undefined
}
