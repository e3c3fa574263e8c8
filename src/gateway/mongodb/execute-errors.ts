/** What a reply tells of an error beside its number and message. */
import type { PolylogError } from '../../base/errors.ts'
import type { BsonWriter } from '../../model/document/bson-writer.ts'
import type { BsonValue } from '../../model/document/bson.ts'

export function writeLabels(writer: BsonWriter, labels: readonly string[]): void {
  if (labels.length === 0) return
  writer.beginArray('errorLabels')
  for (const [i, label] of labels.entries()) writer.string(String(i), label)
  writer.end()
}

/** What a duplicate key error tells beside its message. */
export function writeDuplicate(writer: BsonWriter, error: PolylogError): void {
  const { keyPattern, keyValue } = error.detail as { keyPattern?: [string, number][]; keyValue?: [string, BsonValue][] }
  if (error.code !== 'unique_violation' || keyPattern === undefined || keyValue === undefined) return
  writer.beginObject('keyPattern')
  for (const [name, order] of keyPattern) writer.int32(name, order)
  writer.end().beginObject('keyValue')
  for (const [name, value] of keyValue) {
    if (value.isMissing) writer.null(name)
    else writer.value(name, value)
  }
  writer.end()
}

/** What a document that did not pass a validator is told of. */
export function writeErrorInfo(writer: BsonWriter, error: PolylogError): void {
  const { failedDocument, failedOperator } = error.detail as { failedDocument?: BsonValue; failedOperator?: string }
  if (failedDocument === undefined) return
  writer.beginObject('errInfo').value('failingDocumentId', failedDocument)
  writer.beginObject('details').string('operatorName', failedOperator!).string('reason', error.message).end().end()
}
