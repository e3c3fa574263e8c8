/**
 * A document collection as a relation: its inferred columns and `doc`. Equality on a field that an index begins with looks it
 * up; the plan tests the condition again, since an index may show more.
 */
import { latin1ToBytes, type Slice, sliceOf } from '../base/slice.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import { documentStart } from '../model/document/codec.ts'
import { findTypeByName } from '../model/table/types/registry.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { type DocumentColumn, documentColumns, lookUpDocuments, lookUpValues, scanDocuments } from './document-rows.ts'
import { entriesIn } from './cardinality.ts'
import type { FieldBounds, SourceCursor } from './document-source.ts'
import type { Run } from './operator.ts'
import type { Access, Relation, RelationColumn, RelationIndex, RelationReader, RowSourceHandle } from './relation.ts'
import { StoredDocuments } from './stored-documents.ts'

export class DocumentRelation implements Relation {
  readonly kind = 'documents'
  readonly collection: Collection
  readonly columns: readonly RelationColumn[]
  readonly indexes: readonly RelationIndex[]
  readonly #documentColumns: readonly DocumentColumn[]

  private constructor(collection: Collection) {
    this.collection = collection
    this.#documentColumns = documentColumns(collection)
    this.columns = this.#documentColumns.map(({ name, type }, i) => {
      return {
        name,
        type: findTypeByName(type)!.oid,
        modifier: -1,
        number: i + 1,
        isNotNull: name === '_id' || name === 'doc',
      }
    })
    this.indexes = new StoredDocuments(collection).indexes.flatMap((index) => {
      const [field] = index.fields
      const column = this.columns.findIndex(({ name }) => name === field?.path.text)
      const isWhole = !index.sparse && index.partial === undefined && index.hidden !== true
      if (field === undefined || column < 0 || !isWhole) return []
      if (!equalityTypes.has(this.#documentColumns[column]!.type)) return []
      // Only equality goes through it: documents order values of all types, a column only its own.
      return [
        {
          name: index.name,
          isUnique: false,
          isHint: true,
          isPrimary: false,
          parts: [{ column, isDescending: false, nullsFirst: false }],
        },
      ]
    })
  }

  static of(collection: Collection): DocumentRelation {
    let relation = relations.get(collection)
    if (relation === undefined) relations.set(collection, (relation = new DocumentRelation(collection)))
    return relation
  }

  get schema(): string {
    return this.collection.namespace.name
  }

  get name(): string {
    return this.collection.name
  }

  estimateRows({ transaction }: Run, access: Access): number | undefined {
    const source = new StoredDocuments(this.collection)
    const bounds = this.#boundsOf(access)
    const index =
      bounds === undefined ? source.indexes[0]! : source.indexes.find(({ name }) => name === access.index!.name)
    const ranges = index && source.ranges(index, bounds ?? [])
    return ranges === undefined ? undefined : entriesIn(transaction, ranges)
  }

  /** What an access asks of the index's first field; undefined: of none, and everything is read. */
  #boundsOf({ index, equal: [value] }: Access): FieldBounds[] | undefined {
    if (index === undefined || value === undefined || value === null) return undefined
    const values = lookUpValues(value, this.#documentColumns[index.parts[0]!.column]!.type)
    return values === undefined ? undefined : [{ kind: 'points', values }]
  }

  reader(columns?: ReadonlySet<number>): RelationReader {
    const wanted = this.#documentColumns.map((column, i) =>
      columns === undefined || columns.has(i) ? column : undefined,
    )
    const read = (document: Slice): SqlValue[] =>
      wanted.map((column) => (column === undefined ? null : column.read(document)))
    return {
      open: (run: Run, access: Access): RowSourceHandle => {
        const cursors = this.#cursorsOf(run, access)
        return new DocumentRows(cursors, read)
      },
    }
  }

  /** A document's row: every column. */
  rowOf(document: Slice): SqlValue[] {
    return this.#documentColumns.map((column) => column.read(document))
  }

  /** The name of a column's SQL type, as `document-values.ts` knows it. */
  typeNameOf(column: number): string {
    return this.#documentColumns[column]!.type
  }

  #cursorsOf(run: Run, access: Access): readonly SourceCursor[] {
    const all = (): readonly SourceCursor[] => [scanDocuments(run.transaction, this.collection)]
    const [value] = access.equal
    if (access.index === undefined || value === undefined || value === null) return all()
    const { name, type } = this.#documentColumns[access.index.parts[0]!.column]!
    const values = lookUpValues(value, type)
    return (values === undefined ? undefined : lookUpDocuments(run.transaction, this.collection, name, values)) ?? all()
  }
}

const relations = new WeakMap<Collection, DocumentRelation>()

const equalityTypes: ReadonlySet<string> = new Set(['int4', 'int8', 'float8', 'numeric', 'text'])

/** Each document once, though an index may have several entries of it. */
class DocumentRows implements RowSourceHandle {
  readonly #cursors: readonly SourceCursor[]
  readonly #read: (document: Slice) => SqlValue[]
  readonly #seen = new Set<string>()
  #at = 0

  constructor(cursors: readonly SourceCursor[], read: (document: Slice) => SqlValue[]) {
    this.#cursors = cursors
    this.#read = read
  }

  next(): SqlValue[] | undefined {
    for (; this.#at < this.#cursors.length; this.#at++) {
      const cursor = this.#cursors[this.#at]!
      while (cursor.next()) {
        if (this.#cursors.length > 1) {
          const identity = cursor.identity()
          if (this.#seen.has(identity)) continue
          this.#seen.add(identity)
        }
        return this.#read(cursor.document)
      }
    }
    return undefined
  }

  rowKey(): Uint8Array {
    return latin1ToBytes(this.#cursors[this.#at]!.identity())
  }
}

/** The document at a key that `rowKey` gave; holds until the next call on the transaction. */
export function documentAt(transaction: Transaction, key: Uint8Array): Slice | undefined {
  const stored = transaction.get(sliceOf(key))
  return stored === undefined ? undefined : { bytes: stored.bytes, start: documentStart(stored), end: stored.end }
}
