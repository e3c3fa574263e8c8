/**
 * What a collection of documents is beside its documents, in the catalog: a validator, and what can be changed of an index
 * without making it anew.
 *
 *   { capped?: { sizeBytes, documents? }, clustered?: its name, validator?: BSON in base64, validationLevel?, validationAction?,
 *     images?: true, collation?: see `collation.ts`,
 *     indexes?: { <number>: { hidden?: true, expireAfterSeconds? } } }
 *
 * Filters are of the document language, which stands above the models: it registers itself here when it is loaded.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Slice } from '../../base/slice.ts'
import type { Collection, JsonObject, JsonValue } from '../../database/catalog/catalog.ts'
import type { Transaction } from '../../database/contract.ts'
import { type BsonValue, documentValue, fieldsOf } from './bson.ts'
import { type Collation, inOrderOf, storedCollation } from './collation.ts'
import { idOf } from './document-id.ts'
import { mongoCode, mongoError } from './mongo-error.ts'

export type DocumentTest = (document: Slice) => boolean

/** Undefined: texts are in the order of their bytes. */
export function collationOf({ definition }: Collection): Collation | undefined {
  return storedCollation(definition['collation'])
}

type FilterLanguage = (filter: BsonValue) => DocumentTest

let language: FilterLanguage | undefined

export function registerFilterLanguage(compile: FilterLanguage): void {
  language = compile
}

export function compileStoredFilter(filter: BsonValue, collation: Collation | undefined): DocumentTest {
  const compile = language
  if (compile === undefined) throw new PolylogError('internal', 'no language of stored filters is loaded')
  const passes = inOrderOf(collation, () => compile(filter))
  return (document) => inOrderOf(collation, () => passes(document))
}

export type ValidationLevel = 'off' | 'moderate' | 'strict'
export type ValidationAction = 'error' | 'warn'

export interface Validator {
  readonly filter: BsonValue
  readonly level: ValidationLevel
  readonly action: ValidationAction
  readonly passes: DocumentTest
}

export interface IndexOptions {
  readonly hidden: boolean
  readonly expireAfterSeconds: number | undefined
}

/** How much a capped collection holds at most. */
export interface Cap {
  readonly sizeBytes: number
  readonly documents?: number
}

export interface DocumentOptions {
  readonly capped: Cap | undefined
  /** The name of the index that the documents lie in by `_id`, as they always do: somebody has asked for it. */
  readonly clustered: string | undefined
  readonly validator: Validator | undefined
  /** What was there before a change is kept for change streams. */
  readonly hasImages: boolean
  index(id: number): IndexOptions
}

const known = new WeakMap<Collection, DocumentOptions>()

export function optionsOf(collection: Collection): DocumentOptions {
  let options = known.get(collection)
  if (options === undefined) {
    options = decode(collection.definition)
    known.set(collection, options)
  }
  return options
}

export const noOptions: IndexOptions = { hidden: false, expireAfterSeconds: undefined }

function decode(definition: JsonObject): DocumentOptions {
  const { validator, validationLevel, validationAction, images, indexes } = definition
  let passes: DocumentTest | undefined
  const ofIndexes = (indexes ?? {}) as { readonly [id: string]: JsonObject }
  const filter = typeof validator === 'string' ? storedDocument(validator) : undefined
  return {
    capped: definition['capped'] as Cap | undefined,
    clustered: definition['clustered'] as string | undefined,
    validator:
      filter === undefined
        ? undefined
        : {
            filter,
            level: (validationLevel ?? 'strict') as ValidationLevel,
            action: (validationAction ?? 'error') as ValidationAction,
            passes: (document) =>
              (passes ??= compileStoredFilter(filter, storedCollation(definition['collation'])))(document),
          },
    hasImages: images === true,
    index(id) {
      const found = ofIndexes[String(id)]
      if (found === undefined) return noOptions
      const seconds = found['expireAfterSeconds']
      return { hidden: found['hidden'] === true, expireAfterSeconds: typeof seconds === 'number' ? seconds : undefined }
    },
  }
}

export function storedDocument(base64: JsonValue): BsonValue {
  return documentValue(Uint8Array.from(Buffer.from(base64 as string, 'base64')))
}

export function storableDocument({ bytes, start, end }: Slice): string {
  return Buffer.from(bytes.subarray(start, end)).toString('base64')
}

/** The definition with other options of an index; of none where they are left out. */
export function withIndexOptions(
  definition: JsonObject,
  id: number,
  options: Partial<IndexOptions> | undefined,
): JsonObject {
  const indexes: Record<string, JsonObject> = { ...(definition['indexes'] as { readonly [id: string]: JsonObject }) }
  delete indexes[String(id)]
  const { hidden, expireAfterSeconds } = options ?? {}
  if (hidden === true || expireAfterSeconds !== undefined) {
    indexes[String(id)] = {
      ...(hidden === true && { hidden }),
      ...(expireAfterSeconds !== undefined && { expireAfterSeconds }),
    }
  }
  return { ...definition, indexes }
}

/** Statements that may store what does not pass. */
const unchecked = new WeakSet<Transaction>()

export function passValidation(transaction: Transaction, isPassed: boolean): void {
  if (isPassed) unchecked.add(transaction)
  else unchecked.delete(transaction)
}

/** `before`: what is replaced. Errors: DocumentValidationFailure (121). */
export function validate(
  transaction: Transaction,
  collection: Collection,
  document: Slice,
  before: Slice | undefined,
): void {
  const { validator } = optionsOf(collection)
  if (validator === undefined || validator.level === 'off' || validator.action === 'warn') return
  if (unchecked.has(transaction) || validator.passes(document)) return
  if (validator.level === 'moderate' && before !== undefined && !validator.passes(before)) return
  throw mongoError(mongoCode.documentValidationFailure, 'Document failed validation', 'check_violation', {
    collection: collection.name,
    failedDocument: idOf(document).copy(),
    failedOperator: fieldsOf(validator.filter)[0]![0],
  })
}
