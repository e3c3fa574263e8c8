/** Redis's data for the embedded API: strings, hashes and sorted sets by key. */
import { copySlice, sliceOf, type Slice } from '../base/slice.ts'
import type { Collection } from '../database/catalog.ts'
import type { Transaction } from '../database/contract.ts'
import { deleteKey } from '../model/keyvalue/keyvalue.ts'
import { putField, putScore } from '../model/keyvalue/writes.ts'
import { getField, getScore } from '../model/keyvalue/entries.ts'
import { findString, incrementString, setString } from '../model/keyvalue/strings.ts'
import type { Session } from '../session/contract.ts'

export type KeyText = string | Uint8Array

const namespace = 'redis'

export class Keys {
  readonly #session: Session
  readonly #name: string

  constructor(session: Session, number: number) {
    this.#session = session
    this.#name = `db${number}`
  }

  /** The string's bytes. Errors: `wrong_type`. */
  async get(key: KeyText): Promise<Uint8Array | undefined> {
    return this.#read((tx, space) => {
      const found = findString(tx, space, bytesOf(key))
      return found === undefined ? undefined : copySlice(found)
    })
  }

  async set(key: KeyText, value: KeyText): Promise<void> {
    await this.#write((tx, space) => setString(tx, space, bytesOf(key), bytesOf(value)))
  }

  async delete(key: KeyText): Promise<boolean> {
    return this.#write((tx, space) => deleteKey(tx, space, bytesOf(key)))
  }

  /** The new value. */
  async increment(key: KeyText, by: bigint | number = 1): Promise<bigint> {
    return this.#write((tx, space) => BigInt(incrementString(tx, space, bytesOf(key), BigInt(by))))
  }

  async setField(key: KeyText, field: KeyText, value: KeyText): Promise<void> {
    await this.#write((tx, space) => putField(tx, space, ownBytes(key), ownBytes(field), ownBytes(value)))
  }

  async getField(key: KeyText, field: KeyText): Promise<Uint8Array | undefined> {
    return this.#read((tx, space) => {
      const found = getField(tx, space, ownBytes(key), ownBytes(field))
      return found === undefined ? undefined : copySlice(found)
    })
  }

  async setScore(key: KeyText, member: KeyText, score: number): Promise<void> {
    await this.#write((tx, space) => putScore(tx, space, ownBytes(key), ownBytes(member), score))
  }

  async getScore(key: KeyText, member: KeyText): Promise<number | undefined> {
    return this.#read((tx, space) => getScore(tx, space, ownBytes(key), ownBytes(member)))
  }

  async #read<T>(work: (tx: Transaction, space: Collection) => T | undefined): Promise<T | undefined> {
    return this.#session.run<T | undefined>(
      (tx) => {
        const space = tx.catalog.findCollection(namespace, this.#name)
        return space === undefined ? undefined : work(tx, space)
      },
      { readOnly: true },
    )
  }

  async #write<T>(work: (tx: Transaction, space: Collection) => T): Promise<T> {
    return this.#session.run<T>((tx) => {
      const existing = tx.catalog.findCollection(namespace, this.#name)
      if (existing !== undefined) return work(tx, existing)
      const owner = tx.catalog.namespaces.get(namespace) ?? tx.createNamespace(namespace)
      return work(tx, tx.createCollection(owner, this.#name, 'keyvalue', {}))
    })
  }
}

function ownBytes(text: KeyText): Uint8Array {
  return typeof text === 'string' ? Buffer.from(text) : text
}

function bytesOf(text: KeyText): Slice {
  return sliceOf(ownBytes(text))
}
