/**
 * JavaScript's values as BSON, and back. A document is copied as it is looked at, so that getters run once and later
 * changes of the caller's object change nothing.
 *
 * | JavaScript, in                                        | BSON                        | back                         |
 * |-------------------------------------------------------|-----------------------------|------------------------------|
 * | null, boolean, string                                 | the same                    | the same                     |
 * | number                                                | int where it fits, double   | number                       |
 * | bigint                                                | long                        | bigint                       |
 * | valid Date                                            | date                        | Date                         |
 * | Uint8Array                                            | binary of subtype 0         | Uint8Array                   |
 * | RegExp with no flags but i, m and s                   | regex                       | BSONRegExp                   |
 * | plain object, array without holes                     | object, array               | the same                     |
 * | ObjectId, Decimal128, Timestamp, … of package `bson`  | their types                 | the same, but Int32, Double: number; Long: bigint; BSONSymbol: string; Binary of subtype 0: Uint8Array |
 *
 * An object with the fields `$ref` and `$id` comes back as the DBRef that it spells.
 *
 * Anything else is refused with its path: undefined (a filter that lost its value would match everything), functions,
 * symbols, instances of other classes, objects that hold themselves.
 */
import { types } from 'node:util'
import { BSON, BSONError, calculateObjectSize, deserialize, serialize, type Document } from 'bson'
import { PolylogError } from '../base/errors.ts'
import { documentValue, type BsonValue } from '../model/document/bson.ts'
import { maxDocumentBytes, validateDocument } from '../model/document/validate.ts'
import { invalidArgument, isPlainObject, isWellFormed, kindOf, readCarefully } from './arguments.ts'
import { ValuePath } from './value-path.ts'

/** How the package tells its values from those of another major version of itself. */
const bsonVersion = Symbol.for('@@mdb.bson.version')
const ourBsonVersion = (BSON.BSONValue.prototype as unknown as Record<symbol, unknown>)[bsonVersion]

const maxDepth = 100
const lowestLong = -(2n ** 63n)
const highestLong = 2n ** 63n - 1n

/** `what` names it for messages: `document 2`. Errors: `invalid_argument` with the path, `out_of_range`, `too_large`. */
export function encodeDocument(what: string, document: unknown): BsonValue {
  return readCarefully(what, () => {
    const copy = new DocumentCopy(what).root(document)
    const bytes = withinLimits(what, () => {
      if (calculateObjectSize(copy, { ignoreUndefined: true }) > maxDocumentBytes) throw tooLarge(what)
      return serialize(copy)
    })
    validateDocument(bytes, 0, bytes.length)
    return documentValue(bytes)
  })
}

/** 64-bit integers stay exact; expressions that JavaScript would not take stay what they are. */
const reading = { useBigInt64: true, bsonRegExp: true } as const

export function decodeDocument({ bytes, start, end }: BsonValue): Document {
  return plainBytes(deserialize(bytes.subarray(start, end), reading)) as Document
}

/** Binary of subtype 0 as the Uint8Array that it was; the package promotes all subtypes or none. */
function plainBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof BSON.Binary) return value.sub_type === 0 ? new Uint8Array(value.value()) : value
  if (!Array.isArray(value) && !isPlainObject(value)) return value
  for (const [name, part] of Object.entries(value)) {
    const plain = plainBytes(part)
    if (plain !== part) Object.defineProperty(value, name, { value: plain })
  }
  return value
}

function withinLimits<T>(what: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(what)
    throw error instanceof BSONError ? invalidArgument(`${what}: ${error.message}`, error) : error
  }
}

function tooLarge(what: string): PolylogError {
  return new PolylogError('too_large', `${what} is larger than ${maxDocumentBytes} bytes`)
}

class DocumentCopy {
  readonly #path: ValuePath

  constructor(what: string) {
    this.#path = new ValuePath(what, maxDepth)
  }

  root(document: unknown): Document {
    if (!isPlainObject(document)) throw this.#path.refused(`must be a plain object, not ${kindOf(document)}`)
    return this.#path.within(document, () => this.#object(document))
  }

  #value(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return this.#string(value)
      case 'bigint':
        if (value >= lowestLong && value <= highestLong) return value
        throw this.#path.failed('out_of_range', 'is a bigint of more than 64 bits')
      case 'number':
      case 'boolean':
        return value
      case 'object':
        return value === null ? null : this.#nested(value)
      default:
        throw this.#path.refused(`is ${kindOf(value)}, which documents have no value for`)
    }
  }

  #nested(value: object): unknown {
    if (Array.isArray(value)) return this.#path.within(value, () => this.#array(value))
    if (types.isUint8Array(value)) return new BSON.Binary(new Uint8Array(value), 0)
    if (types.isDate(value) && !Number.isNaN(value.getTime())) return value
    if (types.isRegExp(value)) return this.#expression(value)
    if (bsonVersion in value) return this.#bsonValue(value)
    if (isPlainObject(value)) return this.#path.within(value, () => this.#object(value))
    throw this.#path.refused(`is ${kindOf(value)}, which documents have no value for`)
  }

  #array(values: readonly unknown[]): unknown[] {
    const copy: unknown[] = []
    for (let i = 0; i < values.length; i++) {
      if (!(i in values)) throw this.#path.refused(`has a hole at ${i}`)
      copy.push(this.#at(i, values[i]))
    }
    return copy
  }

  #object(value: Readonly<Record<string, unknown>>): Document {
    const copy = Object.create(null) as Document
    this.#path.checkNames(value)
    for (const name of Object.keys(value)) copy[this.#name(name)] = this.#at(name, value[name])
    return copy
  }

  #name(name: string): string {
    if (!isWellFormed(name)) throw this.#path.refused('has a name with half of a surrogate pair')
    if (name.includes('\0')) throw this.#path.refused('has a name with a zero character')
    // The package takes what has a field of this name for a value of its own.
    if (name === '_bsontype')
      throw this.#path.refused('has a field "_bsontype", a name that the package bson keeps for itself')
    return name
  }

  #string(text: string): string {
    if (isWellFormed(text)) return text
    throw this.#path.refused('is a string with half of a surrogate pair')
  }

  /** The package would lose the flag `s` and write `g` in its place. */
  #expression(expression: RegExp): unknown {
    if (!/^[ims]*$/.test(expression.flags)) {
      throw this.#path.refused(`is a RegExp with flags "${expression.flags}": documents know i, m and s`)
    }
    return new BSON.BSONRegExp(this.#string(expression.source), expression.flags)
  }

  /** The package checks them itself, but for what they hold, and for text and numbers that BSON has no bytes for. */
  #bsonValue(value: object): unknown {
    if ((value as Record<symbol, unknown>)[bsonVersion] !== ourBsonVersion) {
      throw this.#path.refused(`is ${kindOf(value)} of another version of the package bson`)
    }
    const held = value as BSON.Code | BSON.DBRef | BSON.Long | BSON.BSONSymbol | BSON.BSONRegExp | BSON.ObjectId
    switch (held._bsontype) {
      case 'Code':
        return this.#code(held)
      case 'DBRef':
        return this.#reference(held)
      case 'BSONSymbol':
        this.#string(held.value)
        return held
      case 'BSONRegExp':
        this.#string(held.pattern)
        return held
      case 'Long':
        if (held.toBigInt() <= highestLong) return held
        throw this.#path.failed('out_of_range', 'is a Long of more than 63 bits')
      default:
        return held
    }
  }

  #code({ code, scope }: BSON.Code): unknown {
    const text = this.#string(code)
    if (scope === null) return new BSON.Code(text)
    return new BSON.Code(text, this.#at('scope', scope) as Document)
  }

  #reference(reference: BSON.DBRef): unknown {
    const { collection, oid, db, fields } = reference
    const parts = { $ref: collection, $id: oid, ...(db !== undefined && { $db: db }), ...fields }
    return this.#path.within(reference, () => this.#object(parts))
  }

  #at(step: string | number, value: unknown): unknown {
    return this.#path.at(step, () => this.#value(value))
  }
}
