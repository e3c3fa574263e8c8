/** Redis's data for the embedded API: strings, hashes and sorted sets by key. */
import { types } from 'node:util'
import { PolylogError } from '../base/errors.ts'
import { copySlice, sliceOf, type Slice } from '../base/slice.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import { deleteKey } from '../model/keyvalue/keyvalue.ts'
import { putField, putScore } from '../model/keyvalue/writes.ts'
import { getField, getScore } from '../model/keyvalue/entries.ts'
import { gatherPieces, Pieces } from '../model/keyvalue/pieces.ts'
import { copyString, findString, incrementString, maxStringBytes, setString } from '../model/keyvalue/strings.ts'
import type { Session } from '../session/contract.ts'
import { invalidArgument, isWellFormed, kindOf } from './arguments.ts'
import { checkCreate, type CreateOptions } from './documents.ts'

export type KeyText = string | Uint8Array

const namespace = 'redis'

export class Keys {
  readonly #session: Session
  readonly #name: string

  constructor(session: Session, number: number) {
    this.#session = session
    this.#name = `db${number}`
  }

  /** Makes the database of keys, which a first write does too, where it is to lie in an engine. Errors: `duplicate_object`. */
  async create(options: CreateOptions = {}): Promise<void> {
    checkCreate('the options of create', options)
    await this.#session.run((tx) => {
      if (this.#find(tx) !== undefined) {
        throw new PolylogError('duplicate_object', `collection "${namespace}.${this.#name}" already exists`)
      }
      this.#create(tx, options.engine)
    })
  }

  /** Where the keys lie; undefined where there are none yet. */
  async engine(): Promise<string | undefined> {
    return this.#read((_, { engine }) => engine)
  }

  /** The string's bytes. Errors: `wrong_type`. */
  async get(key: KeyText): Promise<Uint8Array | undefined> {
    const name = sliceOf(bytesOf('the key', key))
    return this.#read((tx, space) => {
      const found = findString(tx, space, name)
      return found === undefined ? undefined : copyString(tx, space, found)
    })
  }

  async set(key: KeyText, value: KeyText): Promise<void> {
    const name = sliceOf(bytesOf('the key', key))
    const bytes = sliceOf(bytesOf('the value', value))
    await this.#write((tx, space) => setString(tx, space, name, bytes))
  }

  async delete(key: KeyText): Promise<boolean> {
    const name = sliceOf(bytesOf('the key', key))
    return this.#write((tx, space) => deleteKey(tx, space, name))
  }

  /** The new value. Errors: `wrong_type`, `invalid_argument` where the string is no integer, `out_of_range`. */
  async increment(key: KeyText, by: bigint | number = 1): Promise<bigint> {
    const name = sliceOf(bytesOf('the key', key))
    const amount = amountOf(by)
    return this.#write((tx, space) => BigInt(incrementString(tx, space, name, amount)))
  }

  async setField(key: KeyText, field: KeyText, value: KeyText): Promise<void> {
    const name = bytesOf('the key', key)
    const of = bytesOf('the field', field)
    const bytes = bytesOf('the value', value)
    await this.#write<boolean>((tx, space) => putField(tx, space, name, of, bytes))
  }

  async getField(key: KeyText, field: KeyText): Promise<Uint8Array | undefined> {
    const name = bytesOf('the key', key)
    const of = bytesOf('the field', field)
    return this.#read((tx, space) => {
      const found = getField(tx, space, name, of)
      return found instanceof Pieces ? gatherPieces(tx, found) : copyOf(found)
    })
  }

  /** ±Infinity is a score, NaN is none. */
  async setScore(key: KeyText, member: KeyText, score: number): Promise<void> {
    const name = bytesOf('the key', key)
    const of = bytesOf('the member', member)
    if (typeof score !== 'number' || Number.isNaN(score)) {
      throw invalidArgument(`the score must be a number, not ${kindOf(score)}`)
    }
    await this.#write((tx, space) => putScore(tx, space, name, of, score))
  }

  async getScore(key: KeyText, member: KeyText): Promise<number | undefined> {
    const name = bytesOf('the key', key)
    const of = bytesOf('the member', member)
    return this.#read((tx, space) => getScore(tx, space, name, of))
  }

  async #read<T>(
    work: (tx: Transaction, space: Collection) => T | StatementSteps<T> | undefined,
  ): Promise<T | undefined> {
    return this.#session.run<T | undefined>(
      (tx) => {
        const space = this.#find(tx)
        return space === undefined ? undefined : work(tx, space)
      },
      { readOnly: true },
    )
  }

  async #write<T>(work: (tx: Transaction, space: Collection) => T | StatementSteps<T>): Promise<T> {
    return this.#session.run<T>((tx) => {
      return work(tx, this.#find(tx) ?? this.#create(tx))
    })
  }

  #create(tx: Transaction, engine?: string): Collection {
    const owner = tx.catalog.namespaces.get(namespace) ?? tx.createNamespace(namespace)
    return tx.createCollection(owner, this.#name, 'keyvalue', {}, engine)
  }

  /** Another model's collection of that name holds no keys. */
  #find(tx: Transaction): Collection | undefined {
    const found = tx.catalog.findCollection(namespace, this.#name)
    if (found === undefined || found.model === 'keyvalue') return found
    throw new PolylogError('wrong_type', `${namespace}.${this.#name} is a ${found.model}: keys cannot be stored there`)
  }
}

/** In memory of our own: the statement may run later, and more than once. */
function bytesOf(what: string, text: unknown): Uint8Array {
  const bytes = typeof text === 'string' && isWellFormed(text) ? Buffer.from(text) : undefined
  const own = bytes ?? (types.isUint8Array(text) ? new Uint8Array(text) : undefined)
  if (own === undefined) {
    const kind = typeof text === 'string' ? 'a string with half of a surrogate pair' : kindOf(text)
    throw invalidArgument(`${what} must be a string or a Uint8Array, not ${kind}`)
  }
  if (own.length <= maxStringBytes) return own
  throw new PolylogError('too_large', `${what} has ${own.length} bytes; ${maxStringBytes} are the most`)
}

function copyOf(found: Slice | undefined): Uint8Array | undefined {
  return found === undefined ? undefined : copySlice(found)
}

function amountOf(by: unknown): bigint {
  if (typeof by !== 'bigint' && !Number.isSafeInteger(by)) {
    throw invalidArgument(`an increment must be a bigint or a whole number up to 2^53, not ${kindOf(by)}`)
  }
  const amount = BigInt(by as bigint | number)
  if (amount === BigInt.asIntN(64, amount)) return amount
  throw new PolylogError('out_of_range', 'an increment of more than 64 bits')
}
