/**
 * JavaScript's values as JSON's text, and back, without loss. Accepted: null, booleans, strings, finite numbers, bigints,
 * `Decimal`, arrays and plain objects of them. An undefined field of an object is left out, as `JSON.stringify` does it.
 *
 * JSON has one type of number, so a number comes back as the plainest value that is exactly it: a number; a bigint where
 * it is whole and no double; a `Decimal` where it is a fraction whose digits no double shows.
 */
import { Decimal } from '../base/decimal.ts'
import { PolylogError } from '../base/errors.ts'
import { parseJson, quoteJson, type JsonNode } from '../model/table/types/json.ts'
import { isPlainObject, isWellFormed, kindOf } from './arguments.ts'
import { ValuePath } from './value-path.ts'

/** A value of `json` and `jsonb`. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Decimal
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue }

/** As deep as the types read it. */
const maxDepth = 1000

/** `what` names the value for messages. Errors: `invalid_argument` with the path, `too_large`. */
export function jsonTextOf(what: string, value: unknown): string {
  return new JsonWriter(what).write(value)
}

class JsonWriter {
  readonly #what: string
  readonly #path: ValuePath

  constructor(what: string) {
    this.#what = what
    this.#path = new ValuePath(what, maxDepth)
  }

  write(value: unknown): string {
    if (value === null || typeof value === 'boolean') return String(value)
    if (typeof value === 'string') return this.#string(value)
    if (typeof value === 'number') return this.#number(value)
    if (typeof value === 'bigint') return value.toString()
    if (value instanceof Decimal && value.isFinite) return value.toString()
    if (Array.isArray(value)) return this.#nested(value, () => this.#array(value))
    if (isPlainObject(value)) return this.#nested(value, () => this.#object(value))
    throw this.#path.refused(`is ${kindOf(value)}, which JSON has no value for`)
  }

  #string(text: string): string {
    if (!isWellFormed(text)) throw this.#path.refused('is a string with half of a surrogate pair')
    if (text.includes('\0')) throw this.#path.refused('is a string with a zero character')
    return quoteJson(text)
  }

  #number(value: number): string {
    if (!Number.isFinite(value)) throw this.#path.refused(`is ${kindOf(value)}, which JSON has no value for`)
    return Number.isInteger(value) ? BigInt(value).toString() : String(value)
  }

  #nested(value: object, write: () => string): string {
    const tooDeep = (): PolylogError => new PolylogError('too_large', `${this.#what} is nested deeper than ${maxDepth}`)
    return this.#path.within(value, write, tooDeep)
  }

  #array(values: readonly unknown[]): string {
    const parts: string[] = []
    for (let i = 0; i < values.length; i++) parts.push(this.#at(i, values[i]))
    return `[${parts.join(',')}]`
  }

  #object(value: Readonly<Record<string, unknown>>): string {
    this.#path.checkNames(value)
    const parts: string[] = []
    for (const [name, member] of Object.entries(value)) {
      if (member !== undefined) parts.push(`${this.#name(name)}:${this.#at(name, member)}`)
    }
    return `{${parts.join(',')}}`
  }

  #name(name: string): string {
    if (isWellFormed(name) && !name.includes('\0')) return quoteJson(name)
    throw this.#path.refused('has a name with a zero character or half of a surrogate pair')
  }

  #at(step: string | number, value: unknown): string {
    return this.#path.at(step, () => this.write(value))
  }
}

/** The text itself where it holds an escape that no text can hold, such as `\u0000`: only `json` keeps such. */
export function jsonValueOf(text: string): JsonValue {
  let node: JsonNode
  try {
    node = parseJson(text)
  } catch (error) {
    if (error instanceof PolylogError) return text
    throw error
  }
  return valueOfNode(node)
}

function valueOfNode(node: JsonNode): JsonValue {
  if (node === null || typeof node !== 'object') return node
  if (node instanceof Decimal) return plainestNumber(node)
  if (node instanceof Map) {
    const members = node as ReadonlyMap<string, JsonNode>
    return Object.fromEntries([...members].map(([name, member]) => [name, valueOfNode(member)]))
  }
  return (node as readonly JsonNode[]).map(valueOfNode)
}

function plainestNumber(decimal: Decimal): number | bigint | Decimal {
  const value = decimal.toNumber()
  const { coefficient, scale } = decimal.normalize()
  if (scale === 0) return Number.isFinite(value) && BigInt(value) === coefficient ? value : coefficient
  return Decimal.fromDouble(value).compare(decimal) === 0 ? value : decimal
}
