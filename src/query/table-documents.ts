/**
 * Tables as a `DocumentSource` (rule 7): each row is a document, `_id` its primary key (the value, or an object of the
 * columns where there are several; the hidden row number where there is none), its columns the fields.
 *
 * Reading always works. Writing goes through the table model and keeps its rules; what a column cannot hold exactly and an
 * unknown field are errors. A row that fails is taken back by whoever writes it as a part of a statement.
 */
import { PolylogError } from '../base/errors.ts'
import { compareSlices, MutableSlice, sliceOf, sliceToLatin1, type KeyRange, type Slice } from '../base/slice.ts'
import { KeyReader } from '../base/tuple-reader.ts'
import { KeyWriter } from '../base/tuple.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import { BsonWriter } from '../model/document/bson-writer.ts'
import { bsonType, type BsonValue, fieldsOf, getField } from '../model/document/bson.ts'
import { isSameValue } from '../model/document/order.ts'
import { parsePath, type Path } from '../model/document/path.ts'
import { int64Value } from '../model/document/values.ts'
import { allRows, boundedRange, rowKeyOfEntry, writeHiddenRowKey, writeKeyOfRowKey } from '../model/table/keys.ts'
import { deleteRow, insertRow, planUpdate, updateRow, writePrimaryKey } from '../model/table/rows.ts'
import { Table, type Column, type KeyPart, type TableIndex } from '../model/table/table.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import type { Cursor } from '../storage/store.ts'
import type { DocumentSource, FieldBounds, SourceCursor, SourceIndex, SourceScan } from './document-source.ts'
import { bsonToSql, exactSql, sqlToBson } from './document-values.ts'
import { type RowFilter, TablePolicies } from './table-policies.ts'
import { idPath, ResumedCursor } from './stored-documents.ts'

interface TableSourceIndex extends SourceIndex {
  readonly tableIndex: TableIndex | undefined
  readonly parts: readonly KeyPart[] | undefined
}

/** Types whose order in SQL is that of their BSON values. */
const sameOrder = new Set(['bool', 'int2', 'int4', 'int8', 'text', 'varchar', 'name', 'date'])

/** Keys of tables have at most so many columns bound by points. */
const maxRanges = 2000

export class TableDocuments implements DocumentSource {
  readonly hasRules = true
  readonly collection: Collection
  readonly indexes: readonly TableSourceIndex[]
  readonly #table: Table
  readonly #policies: TablePolicies

  constructor(collection: Collection) {
    this.collection = collection
    this.#table = Table.of(collection)
    this.#policies = new TablePolicies(this.#table)
    this.indexes = indexesOf(this.#table)
  }

  mayHoldArray(path: Path): boolean {
    const type = this.#table.findColumn(path.names[0]!)?.type
    return type !== undefined && (type.element !== undefined || type.name === 'json' || type.name === 'jsonb')
  }

  ranges(index: SourceIndex, bounds: readonly FieldBounds[]): KeyRange[] | undefined {
    const { parts, tableIndex } = index as TableSourceIndex
    if (bounds.length === 0) return tableIndex === undefined ? [allRows(this.#table)] : undefined
    if (parts === undefined) return undefined
    if (index.fields[0]!.path === idPath) return this.#idRanges(bounds[0]!, parts)
    let prefixes: SqlValue[][] = [[]]
    for (const [i, bound] of bounds.entries()) {
      const values = bound.kind === 'points' ? pointsOf(bound.values, parts[i]!.column) : undefined
      if (values === undefined || prefixes.length * values.length > maxRanges) return undefined
      prefixes = prefixes.flatMap((prefix) => values.map((value) => [...prefix, value]))
    }
    return prefixes.map((equal) => boundedRange(this.#table, tableIndex, { equal })).sort(byStart)
  }

  #idRanges(bound: FieldBounds, parts: readonly KeyPart[]): KeyRange[] | undefined {
    if (bound.kind !== 'points') return undefined
    const keys = bound.values.map((value) => primaryKeyOf(value, parts)).filter((one) => one !== undefined)
    return keys.map((equal) => boundedRange(this.#table, undefined, { equal })).sort(byStart)
  }

  scan(reader: Transaction, index: SourceIndex, range: KeyRange, { reverse, after }: SourceScan): SourceCursor {
    const accepts = this.#policies.scanFilter(reader)
    const scan = reader.scan(range, { reverse })
    const cursor = after === undefined ? scan : new ResumedCursor(scan, after)
    return new RowCursor(reader, this.#table, (index as TableSourceIndex).tableIndex, cursor, accepts)
  }

  find(reader: Transaction, id: BsonValue): Slice | undefined {
    return this.#find(reader, id, 'select')
  }

  #find(reader: Transaction, id: BsonValue, purpose: 'select' | 'update' | 'delete'): Slice | undefined {
    const accepts = this.#policies.filter(reader, purpose)
    const key = this.#rowKey(id)
    const stored = key === undefined ? undefined : reader.get(key)
    if (stored === undefined) return undefined
    const row = this.#table.reader.read(stored)
    return accepts?.(row, reader) === false ? undefined : sliceOf(rowDocument(this.#table, row, key!))
  }

  /** `undefined` for an `_id` that no row can have. */
  #rowKey(id: BsonValue): KeyWriter | undefined {
    const { primaryKey } = this.#table
    const writer = new KeyWriter(64)
    if (primaryKey === undefined) {
      const number = id.isNumber ? exactHidden(id) : undefined
      return number === undefined ? undefined : writeHiddenRowKey(this.#table, number, writer)
    }
    const values = primaryKeyOf(id, primaryKey)
    return values === undefined ? undefined : writePrimaryKey(this.#table, values, writer)
  }

  insert(transaction: Transaction, document: Slice): undefined {
    const table = this.#table
    const fields = this.#checkedFields(document)
    const draft = table.columns.map((column) => {
      const value = fields.get(column.name)
      if (value !== undefined) refuseGenerated(table, column)
      return value === undefined ? undefined : bsonToSql(value, column.type, column.modifier, column.name)
    })
    insertRow(transaction, table, draft, this.#policies.guard(transaction, 'insert'))
  }

  /** The document's fields with `_id` taken apart into the key's columns. */
  #checkedFields(document: Slice): Map<string, BsonValue> {
    const table = this.#table
    const fields = new Map(fieldsOf(document))
    const id = table.findColumn('_id') === undefined ? fields.get('_id') : undefined
    if (id !== undefined) fields.delete('_id')
    for (const name of fields.keys()) {
      if (table.findColumn(name) === undefined) throw violation(table, `there is no column "${name}"`, name)
    }
    if (id !== undefined) this.#mergeId(fields, id)
    return fields
  }

  #mergeId(fields: Map<string, BsonValue>, id: BsonValue): void {
    const { primaryKey } = this.#table
    if (primaryKey === undefined) return
    for (const [i, value] of idParts(this.#table, primaryKey, id).entries()) {
      const { name } = primaryKey[i]!.column
      const given = fields.get(name)
      if (given !== undefined && !isSameValue(given, value)) {
        // A driver makes an ObjectId where the caller gave no _id: the key's column then says what the key is.
        if (id.type === bsonType.objectId) continue
        throw violation(this.#table, `_id and the key column "${name}" differ`, name)
      }
      fields.set(name, given ?? value)
    }
  }

  count(reader: Transaction): number | undefined {
    return this.#policies.concern(reader) ? undefined : reader.count(allRows(this.#table))
  }

  lock(transaction: Transaction, id: BsonValue, purpose: 'update' | 'delete'): Slice | undefined {
    const key = this.#rowKey(id)
    if (key === undefined) return undefined
    transaction.lock(key, 'update')
    return this.#find(transaction, id, purpose)
  }

  replace(transaction: Transaction, before: Slice, after: Slice): undefined {
    const table = this.#table
    const key = this.#rowKey(getField(before, '_id')!)!
    const fields = this.#checkedFields(after)
    const old = table.reader.read(transaction.get(key)!)
    const row = table.columns.map((column) => {
      const value = fields.get(column.name)
      const known = getField(before, column.name)
      // What is unchanged stays as it is stored, also where it is shown as text.
      if (value !== undefined && known !== undefined && isSameValue(value, known)) return old[column.ordinal]!
      if (value !== undefined) refuseGenerated(table, column)
      else if (column.generated !== undefined) return old[column.ordinal]!
      return value === undefined ? null : bsonToSql(value, column.type, column.modifier, column.name)
    })
    const changed = table.columns.filter(({ ordinal }) => row[ordinal] !== old[ordinal]).map(({ ordinal }) => ordinal)
    if (changed.length === 0) return
    updateRow(transaction, planUpdate(table, changed), key, old, row, this.#policies.guard(transaction, 'update'))
  }

  remove(transaction: Transaction, document: Slice): undefined {
    const key = this.#rowKey(getField(document, '_id')!)!
    const row = this.#table.reader.read(transaction.get(key)!)
    deleteRow(transaction, this.#table, key, row)
  }
}

function violation(table: Table, reason: string, column?: string): PolylogError {
  return new PolylogError('foreign_model_violation', `${table.schema}.${table.name} is a table: ${reason}`, {
    detail: { collection: table.name, mongoCode: 121, ...(column !== undefined && { column }) },
  })
}

function refuseGenerated(table: Table, { name, generated }: Column): void {
  if (generated !== undefined) throw violation(table, `the column "${name}" is generated`, name)
}

function byStart(a: KeyRange, b: KeyRange): number {
  return compareSlices(a.start, b.start)
}

function indexesOf(table: Table): TableSourceIndex[] {
  const { primaryKey } = table
  const isOrdered = primaryKey?.every(({ column }) => sameOrder.has(column.type.name)) ?? true
  const id = { name: '_id_', unique: true, sparse: false, isPrimary: true, isOrdered, tableIndex: undefined }
  const indexes: TableSourceIndex[] = [{ ...id, fields: [{ path: idPath, descending: false }], parts: primaryKey }]
  if (primaryKey !== undefined) {
    indexes.push({ ...id, name: table.primaryKeyName!, fields: primaryKey.map(fieldOf), parts: primaryKey })
  }
  for (const index of table.indexes) {
    const { name, isUnique, parts } = index
    // What it has is not what a field holds, or not of all rows.
    if (!index.isPlain) continue
    const fields = parts.map(fieldOf)
    const kind = { unique: isUnique, sparse: false, isPrimary: false, isOrdered: false }
    indexes.push({ name, ...kind, fields, parts, tableIndex: index })
  }
  return indexes
}

function fieldOf({ column, isDescending }: KeyPart): { path: Path; descending: boolean } {
  return { path: parsePath(column.name), descending: isDescending }
}

/** The column's values that equal the given ones; `undefined` where that cannot be said by its type. */
function pointsOf(values: readonly BsonValue[], column: Column): SqlValue[] | undefined {
  if (!comparable.has(column.type.name)) return undefined
  return values.map((value) => exactSql(value, column.type)).filter((value) => value !== undefined)
}

/** Types of which a value that does not convert equals no value of the column. */
const comparable = new Set(['bool', 'int2', 'int4', 'int8', 'text', 'varchar', 'uuid'])

function primaryKeyOf(id: BsonValue, parts: readonly KeyPart[]): SqlValue[] | undefined {
  const given = parts.length === 1 ? [id] : id.type === bsonType.object ? partsOfObject(id, parts) : undefined
  if (given === undefined) return undefined
  const values: SqlValue[] = []
  for (const [i, { column }] of parts.entries()) {
    const value = keyValue(given[i]!, column)
    if (value === undefined || value === null) return undefined
    values.push(value)
  }
  return values
}

/** A key that is shown as text, such as a time, is read from it. */
function keyValue(value: BsonValue, column: Column): SqlValue | undefined {
  const exact = exactSql(value, column.type)
  if (exact !== undefined || value.type !== bsonType.string) return exact
  try {
    const text = Buffer.from(value.bytes.subarray(value.start + 4, value.end - 1)).toString()
    const parsed = column.type.parseText(text)
    return isSameValue(sqlToBson(parsed, column.type), value) ? parsed : undefined
  } catch (error) {
    if (error instanceof PolylogError) return undefined
    throw error
  }
}

function partsOfObject(id: BsonValue, parts: readonly KeyPart[]): BsonValue[] | undefined {
  const fields = fieldsOf(id)
  if (fields.length !== parts.length) return undefined
  return fields.every(([name], i) => name === parts[i]!.column.name) ? fields.map(([, value]) => value) : undefined
}

function idParts(table: Table, parts: readonly KeyPart[], id: BsonValue): BsonValue[] {
  const given = parts.length === 1 ? [id] : id.type === bsonType.object ? partsOfObject(id, parts) : undefined
  if (given !== undefined) return given
  if (id.type === bsonType.objectId) return parts.map(() => id)
  throw violation(table, `_id must be an object of ${parts.map(({ column }) => column.name).join(', ')}`)
}

function exactHidden(id: BsonValue): number | undefined {
  const value = exactSql(id, hiddenType)
  return typeof value === 'bigint' && value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : undefined
}

const hiddenType = { name: 'int8' } as Column['type']

function rowDocument(table: Table, row: readonly SqlValue[], key: Slice): Uint8Array {
  const writer = new BsonWriter().begin()
  if (table.findColumn('_id') === undefined) writeId(writer, table, row, key)
  for (const column of table.columns) writer.value(column.name, sqlToBson(row[column.ordinal]!, column.type))
  return writer.end().toBytes()
}

function writeId(writer: BsonWriter, table: Table, row: readonly SqlValue[], key: Slice): void {
  const { primaryKey } = table
  if (primaryKey === undefined) {
    const reader = new KeyReader(key)
    reader.orderedVarint()
    reader.orderedVarint()
    reader.skipTag()
    writer.value('_id', int64Value(reader.int64()))
    return
  }
  const valueOf = ({ column }: KeyPart): BsonValue => sqlToBson(row[column.ordinal]!, column.type)
  if (primaryKey.length === 1) {
    writer.value('_id', valueOf(primaryKey[0]!))
    return
  }
  writer.beginObject('_id')
  for (const part of primaryKey) writer.value(part.column.name, valueOf(part))
  writer.end()
}

class RowCursor implements SourceCursor {
  /** Not where rows are hidden: each has to be looked at. */
  readonly skip: SourceCursor['skip']
  readonly document: MutableSlice = new MutableSlice()
  readonly #reader: Transaction
  readonly #table: Table
  readonly #index: TableIndex | undefined
  readonly #cursor: Cursor
  readonly #accepts: RowFilter | undefined
  readonly #key = new KeyWriter(64)
  /** The entry at hand is not answered yet: its row was not there. */
  #isPending = false

  constructor(
    reader: Transaction,
    table: Table,
    index: TableIndex | undefined,
    cursor: Cursor,
    accepts: RowFilter | undefined,
  ) {
    this.#reader = reader
    this.#table = table
    this.#index = index
    this.#cursor = cursor
    this.#accepts = accepts
    this.skip = accepts === undefined ? (count) => cursor.skip(count) : undefined
  }

  next(): boolean {
    while (this.#isPending || this.#cursor.next()) {
      this.#isPending = true
      const stored = this.#row()
      const row = stored && this.#table.reader.read(stored)
      const isVisible = row !== undefined && this.#accepts?.(row, this.#reader) !== false
      this.#isPending = false
      if (!isVisible) continue
      const bytes = rowDocument(this.#table, row, this.#key)
      this.document.set(bytes, 0, bytes.length)
      return true
    }
    return false
  }

  #row(): Slice | undefined {
    const { key, value } = this.#cursor
    if (this.#index === undefined) {
      this.#key.reset()
      this.#key.slice(key)
      return value
    }
    return this.#reader.get(writeKeyOfRowKey(this.#table, rowKeyOfEntry(this.#index, key, value), this.#key))
  }

  identity(): string {
    return sliceToLatin1(this.#key)
  }

  position(): string {
    return sliceToLatin1(this.#cursor.key)
  }
}
