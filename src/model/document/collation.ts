/**
 * Collations as MongoDB has them: an order of texts, by which queries compare, indexes are sorted and values are unique.
 *
 * The collation in force is ambient, as text styles are (decision 130): whoever compiles what a client sent, or runs it, puts
 * its collation in force for each stretch that runs without a pause. Keys that are stored do not go by it: those of an index go
 * by the index's own, those of documents by their collection's.
 *
 * In the catalog: `{ collation: { locale, table, strength, …, tables: the version of the tables } }`.
 */
import { collationVersion } from '../../base/collation/collation-data.ts'
import { type CollationOptions, Collator, optionsOfTable } from '../../base/collation/collator.ts'
import { findLocale } from '../../base/collation/locales.ts'
import { PolylogError } from '../../base/errors.ts'
import { decodeUtf8 } from '../../base/bytes.ts'
import type { KeyWriter } from '../../base/tuple.ts'
import { charge } from '../../base/work.ts'
import type { JsonObject, JsonValue } from '../../database/catalog/catalog.ts'
import type { StatementSteps } from '../../database/contract.ts'
import type { BsonWriter } from './bson-writer.ts'
import { bsonType, type BsonValue, bsonTypeName, fieldsOf } from './bson.ts'
import { mongoCode, mongoError } from './mongo-error.ts'
import { isTruthy, readString, toSafeInteger } from './values.ts'

/** Of the data of MongoDB 7.0: what it and its tools compare before they take an index from elsewhere. */
const shownVersion = '57.1'

/** A character of a key, beside its bytes. */
const unitsPerByte = 12

export class Collation {
  readonly locale: string
  readonly options: CollationOptions
  /** The same for collations that order alike. */
  readonly identity: string
  #collator: Collator | undefined

  constructor(locale: string, options: CollationOptions) {
    this.locale = locale
    this.options = options
    this.identity = JSON.stringify(options)
  }

  /** Of a text's bytes, as a latin1 key that sorts as the texts do. */
  writeKey(writer: KeyWriter, bytes: Uint8Array, start: number, end: number): void {
    charge(unitsPerByte * (end - start))
    this.#collator ??= new Collator(this.options)
    writer.collated(this.#collator, decodeUtf8(bytes, start, end))
  }

  stored(): JsonObject {
    return { locale: this.locale, ...this.options, tables: collationVersion }
  }

  write(writer: BsonWriter, name: string): void {
    const { strength, caseLevel, caseFirst, numericOrdering, alternate, maxVariable, normalization, backwards } =
      this.options
    writer.beginObject(name).string('locale', this.locale).boolean('caseLevel', caseLevel)
    writer.string('caseFirst', caseFirst).int32('strength', strength).boolean('numericOrdering', numericOrdering)
    writer.string('alternate', alternate).string('maxVariable', maxVariable).boolean('normalization', normalization)
    writer.boolean('backwards', backwards).string('version', shownVersion).end()
  }
}

const known = new WeakMap<JsonObject, Collation>()

/** What `stored` has made. Errors: `unsupported`, of tables that are not here. */
export function storedCollation(stored: JsonValue | undefined): Collation | undefined {
  if (stored === undefined) return undefined
  const definition = stored as JsonObject
  let collation = known.get(definition)
  if (collation === undefined) {
    const { locale, tables, ...options } = definition
    if (tables !== collationVersion) {
      const message = `what is stored in the order of collation tables ${tables as string} cannot be read by those of version ${collationVersion}`
      throw new PolylogError('unsupported', message)
    }
    collation = new Collation(locale as string, options as unknown as CollationOptions)
    known.set(definition, collation)
  }
  return collation
}

export function isSameCollation(a: Collation | undefined, b: Collation | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.identity === b.identity)
}

type Reader = (name: string, value: BsonValue) => string | number | boolean

const isBoolean: Reader = (name, value) => {
  if (value.type === bsonType.boolean || value.isNumber) return isTruthy(value)
  throw wrongType(name, value, 'bool')
}

function oneOf(...allowed: readonly string[]): Reader {
  return (name, value) => {
    if (value.type !== bsonType.string) throw wrongType(name, value, 'string')
    const text = readString(value)
    if (allowed.includes(text)) return text
    throw mongoError(
      mongoCode.badValue,
      `Enumeration value '${text}' for field 'collation.${name}' is not a valid value.`,
    )
  }
}

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['caseLevel', isBoolean],
  ['caseFirst', oneOf('off', 'upper', 'lower')],
  [
    'strength',
    (_, value) => {
      const strength = value.isNumber ? toSafeInteger(value) : undefined
      if (strength !== undefined && strength >= 1 && strength <= 5) return strength
      throw mongoError(mongoCode.badValue, "Field 'collation.strength' must be an integer 1 through 5.")
    },
  ],
  ['numericOrdering', isBoolean],
  ['alternate', oneOf('non-ignorable', 'shifted')],
  ['maxVariable', oneOf('punct', 'space')],
  ['normalization', isBoolean],
  ['backwards', isBoolean],
])

function wrongType(name: string, value: BsonValue, wanted: string): Error {
  const found = bsonTypeName(value.type)
  const message = `BSON field 'collation.${name}' is the wrong type '${found}', expected type '${wanted}'`
  return mongoError(mongoCode.typeMismatch, message, 'wrong_type')
}

/** Undefined: `{ locale: 'simple' }`, the order of bytes. */
export function parseCollation(value: BsonValue): Collation | undefined {
  if (value.type !== bsonType.object) {
    const found = bsonTypeName(value.type)
    const message = `BSON field 'collation' is the wrong type '${found}', expected type 'object'`
    throw mongoError(mongoCode.typeMismatch, message, 'wrong_type')
  }
  const given = new Map<string, string | number | boolean>()
  let locale: string | undefined
  for (const [name, field] of fieldsOf(value)) {
    const read = readers.get(name)
    if (read !== undefined) given.set(name, read(name, field))
    else if (name === 'version') checkVersion(field)
    else if (name !== 'locale') throw mongoError(40_415, `BSON field 'collation.${name}' is an unknown field.`)
    else if (field.type === bsonType.string) locale = readString(field)
    else throw wrongType(name, field, 'string')
  }
  if (locale === undefined) {
    throw mongoError(40_414, "BSON field 'collation.locale' is missing but a required field")
  }
  if (locale === 'simple') return simple(given)
  return new Collation(locale, optionsOf(locale, given))
}

function checkVersion(value: BsonValue): void {
  const version = value.type === bsonType.string ? readString(value) : bsonTypeName(value.type)
  if (version === shownVersion) return
  throw mongoError(
    161,
    `Requested collation version ${version} but the only available collator version was ${shownVersion}`,
  )
}

function simple(given: ReadonlyMap<string, unknown>): undefined {
  if (given.size === 0) return undefined
  throw mongoError(mongoCode.badValue, 'If locale is "simple", no other fields may be specified.')
}

function optionsOf(locale: string, given: ReadonlyMap<string, string | number | boolean>): CollationOptions {
  const table = findLocale(locale)
  if (table === undefined) {
    throw mongoError(
      mongoCode.badValue,
      `Field 'collation.locale' is invalid: the locale '${locale}' is not known here`,
    )
  }
  const options = { ...optionsOfTable(table), ...Object.fromEntries(given) }
  if (options.backwards && options.strength === 1) {
    throw mongoError(mongoCode.badValue, "'backwards' is invalid with 'strength' of 1")
  }
  if (
    given.get('caseFirst') !== undefined &&
    options.caseFirst !== 'off' &&
    !options.caseLevel &&
    options.strength < 3
  ) {
    throw mongoError(
      mongoCode.badValue,
      "'caseFirst' is invalid unless 'caseLevel' is on or 'strength' is greater than 2",
    )
  }
  return options
}

let inForce: Collation | undefined

export function collationInForce(): Collation | undefined {
  return inForce
}

/** Runs it without a pause; undefined: by bytes. */
export function inOrderOf<T>(collation: Collation | undefined, run: () => T): T {
  const outer = inForce
  inForce = collation
  try {
    return run()
  } finally {
    inForce = outer
  }
}

/** Each stretch of the steps; undefined: in what is in force. */
export function stepsInOrderOf<T>(collation: Collation | undefined, steps: () => StatementSteps<T>): StatementSteps<T> {
  return collation === undefined ? steps() : inTheirOrder(collation, inOrderOf(collation, steps))
}

function* inTheirOrder<T>(collation: Collation, steps: StatementSteps<T>): StatementSteps<T> {
  let isDone = false
  try {
    for (;;) {
      const step = inOrderOf(collation, () => steps.next())
      if (step.done === true) {
        isDone = true
        return step.value
      }
      yield step.value
    }
  } finally {
    if (!isDone) inOrderOf(collation, () => steps.return(undefined as T))
  }
}
