/** Errors that know MongoDB's own number: what drivers and applications look at. */
import { PolylogError, type ErrorCode, type ErrorDetail } from '../../base/errors.ts'

/** The server's numbers, from its error_codes.yml, as far as they are answered here. */
export const mongoCode = {
  badValue: 2,
  failedToParse: 9,
  typeMismatch: 14,
  overflow: 15,
  illegalOperation: 20,
  invalidBson: 22,
  namespaceNotFound: 26,
  indexNotFound: 27,
  pathNotViable: 28,
  conflictingUpdateOperators: 40,
  cursorNotFound: 43,
  namespaceExists: 48,
  dollarPrefixedFieldName: 52,
  invalidIdField: 53,
  notSingleValueField: 54,
  emptyFieldName: 56,
  dottedFieldName: 57,
  immutableField: 66,
  cannotCreateIndex: 67,
  invalidOptions: 72,
  invalidNamespace: 73,
  indexOptionsConflict: 85,
  indexKeySpecsConflict: 86,
  writeConflict: 112,
  documentValidationFailure: 121,
  commandNotSupported: 115,
  commandNotSupportedOnView: 166,
  optionNotSupportedOnView: 167,
  invalidPipelineOperator: 168,
  cannotIndexParallelArrays: 171,
  invalidDbRef: 10,
  unknownStage: 40324,
  documentTooLarge: 10334,
  duplicateKey: 11000,
} as const

export function mongoError(
  code: number,
  message: string,
  kind: ErrorCode = 'invalid_argument',
  detail: ErrorDetail = {},
): PolylogError {
  return new PolylogError(kind, message, { detail: { ...detail, mongoCode: code } })
}
