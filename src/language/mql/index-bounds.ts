/**
 * `min`, `max` and `returnKey` of find: a stretch of one index by its keys as a whole, and keys in place of documents.
 *
 * Bounds are values of all fields of the index that the hint names, in its order: from `min` on, and before `max`. They are
 * compared as the keys are, field by field, so that { a: 1, b: 5 } to { a: 2, b: 0 } holds what neither field alone says.
 *
 * A key is told from the document: of each field what its path leads to, null where that is nothing. Where a document may have
 * several keys, or its keys are no values (hashes, cells, texts by a collation), nobody could tell which one is meant: that is
 * refused.
 */
import { compareSlices, type KeyRange } from '../../base/slice.ts'
import { bsonType, BsonValue, fieldsOf } from '../../model/document/bson.ts'
import { buildDocument } from '../../model/document/bson-writer.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { findPath } from '../../model/document/path.ts'
import type { DocumentSource, SourceIndex } from '../../query/document-source.ts'
import type { DocumentStage } from './stage.ts'

export interface IndexBounds {
  readonly min: BsonValue | undefined
  readonly max: BsonValue | undefined
}

/** Errors: other fields in one than in the other (51176). */
export function checkBounds({ min, max }: IndexBounds): void {
  if (min === undefined || max === undefined) return
  const [first, last] = [min, max].map((one) => fieldsOf(one).map(([name]) => name))
  if (first!.length === last!.length && first!.every((name, i) => name === last![i])) return
  throw mongoError(51_176, 'min and max must have the same field names')
}

/** Errors: fields that are not those of the index (51174), a stretch that ends before it begins (51175). */
export function boundedRange(source: DocumentSource, index: SourceIndex, { min, max }: IndexBounds): KeyRange {
  if (source.between === undefined || index.isHashed === true || index.fields.some(({ geo }) => geo !== undefined)) {
    throw mongoError(51_174, 'The index chosen is not compatible with min/max')
  }
  const [from, to] = [min, max].map((one) => one && valuesFor(index, one))
  const range = source.between(index, from, to)
  if (from === undefined || to === undefined || compareSlices(range.start, range.end) < 0) return range
  throw mongoError(51_175, 'The value provided for min() does not come before the value provided for max().')
}

function valuesFor({ fields }: SourceIndex, bound: BsonValue): BsonValue[] {
  const given = fieldsOf(bound)
  const isSame = given.length === fields.length && fields.every(({ path }, i) => path.text === given[i]![0])
  if (!isSame) throw mongoError(51_174, 'The index chosen is not compatible with min/max')
  return given.map(([, value]) => value)
}

/** `index`: undefined where the documents are found without any. */
export function keyStage(source: DocumentSource, index: SourceIndex | undefined): DocumentStage {
  const fields = index?.fields ?? []
  const isPlain =
    index === undefined ||
    (index.isOrdered && index.collation === undefined && !fields.some(({ path }) => source.mayHoldArray(path)))
  if (!isPlain) {
    const message = `find: option 'returnKey' is not supported with the index ${index.name}, whose keys are not the documents' values`
    throw mongoError(mongoCode.commandNotSupported, message, 'unsupported')
  }
  const change = (document: BsonValue): BsonValue => {
    const value = new BsonValue()
    const bytes = buildDocument((writer) => {
      for (const { path } of fields) {
        if (findPath(document.bytes, document.start, path, value)) writer.value(path.text, value)
        else writer.null(path.text)
      }
    })
    return new BsonValue(bsonType.object, bytes)
  }
  return { kind: 'change', change }
}
