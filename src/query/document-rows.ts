/**
 * Document collections as rows: what SQL reads of them.
 *
 * The columns are the top-level fields that documents have ever had, `_id` first and then in the catalog's order, and
 * `doc`, the whole document as jsonb (a field of that name is found in it). A field that has held one type has that type;
 * numbers of several types have the narrowest that holds all; anything else is jsonb.
 */
import { keyspaceRange, primaryIndex } from '../base/tuple.ts'
import type { KeyRange, Slice } from '../base/slice.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import { bsonType, BsonValue, encodeName, findField } from '../model/document/bson.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import type { SourceCursor } from './document-source.ts'
import { documentToJsonb } from './document-json.ts'
import { columnTypeOf, fieldToSql } from './document-values.ts'
import { notedNames } from '../model/document/fields.ts'
import { StoredDocuments } from './stored-documents.ts'
import { Decimal } from '../base/decimal.ts'
import {
  decimalValue,
  doubleValue,
  int32Value,
  int64Value,
  objectIdValue,
  stringValue,
} from '../model/document/values.ts'

export interface DocumentColumn {
  readonly name: string
  /** Name of a SQL type. */
  readonly type: string
  /** From a document where it lies. */
  read(document: Slice): SqlValue
}

const wholeColumn: DocumentColumn = {
  name: 'doc',
  type: 'jsonb',
  read: (document) => documentToJsonb(new BsonValue(bsonType.object, document.bytes, document.start, document.end)),
}

/** `fields` of the catalog change without a new version of the collection: ask again for each statement. */
export function documentColumns(collection: Collection): DocumentColumn[] {
  const names = notedNames(collection.fields).filter((name) => name !== '_id' && name !== 'doc')
  const fields = [...(collection.fields.has('_id') ? ['_id'] : []), ...names]
  return [...fields.map((name) => fieldColumn(name, columnTypeOf(collection.fields.get(name)!))), wholeColumn]
}

function fieldColumn(name: string, type: string): DocumentColumn {
  const encoded = encodeName(name)
  const value = new BsonValue()
  return {
    name,
    type,
    read(document) {
      findField(document.bytes, document.start, encoded, value)
      return fieldToSql(value, type)
    },
  }
}

/** All documents, in the order of `_id`; or the part of a range that `idRange` or `fieldRanges` gave. */
export function scanDocuments(
  reader: Transaction,
  collection: Collection,
  range: KeyRange = keyspaceRange(collection.id, primaryIndex),
): SourceCursor {
  const source = new StoredDocuments(collection)
  return source.scan(reader, source.indexes[0]!, range, { reverse: false, after: undefined })
}

/**
 * Cursors that together show every document whose field may equal one of the values, by an index; `undefined` where no
 * index helps. They may show others too, and one document twice where the field holds arrays: test each.
 */
export function lookUpDocuments(
  reader: Transaction,
  collection: Collection,
  field: string,
  values: readonly BsonValue[],
): SourceCursor[] | undefined {
  const source = new StoredDocuments(collection)
  const index = source.indexes.find(({ fields, sparse }) => fields[0]!.path.text === field && !sparse)
  const ranges = index === undefined ? undefined : source.ranges(index, [{ kind: 'points', values }])
  return ranges?.map((range) => source.scan(reader, index!, range, { reverse: false, after: undefined }))
}

/** The BSON values that a column of this type shows as `value`: a text may be a string or an ObjectId. */
export function lookUpValues(value: SqlValue, type: string): BsonValue[] | undefined {
  switch (type) {
    case 'int4':
      return [int32Value(value as number)]
    case 'int8':
      return [int64Value(value as bigint)]
    case 'float8':
      return [doubleValue(value as number)]
    case 'numeric':
      return numericValues(value as Decimal)
    case 'text': {
      const text = value as string
      const isHex = /^[0-9a-f]{24}$/.test(text)
      return isHex ? [stringValue(text), objectIdValue(new Uint8Array(Buffer.from(text, 'hex')))] : [stringValue(text)]
    }
    default:
      return undefined
  }
}

/** A double is shown by its shortest digits, which may not be its exact value: it is looked up as itself. */
function numericValues(value: Decimal): BsonValue[] | undefined {
  if (!value.isFinite || value.normalize().coefficient.toString().length > 34) return undefined
  const double = value.toNumber()
  const isShown = Decimal.fromDouble(double).compare(value) === 0
  return isShown ? [decimalValue(value), doubleValue(double)] : [decimalValue(value)]
}
