/**
 * Encryption at rest: the keys of a data directory, and what is done with one of them.
 *
 *   the key that is given      32 bytes, kept elsewhere; it encrypts the data keys, and nothing else (`KEYS`)
 *   data keys                  32 random bytes each, numbered; the newest is used for what is written from now on
 *   a key of each file         HKDF-SHA-256 of a data key, with a random salt that the file keeps and with what the file
 *                              is for; a segment of the log has a new one in each of its lives
 *
 * What is encrypted together is one unit: a frame of the log, 4 KiB of any other file. Each is AES-256-GCM under the key of
 * its file, with 12 random bytes as its nonce and 16 bytes of tag, and with a context that says where the unit belongs. A
 * unit that is written again, because a crash or a full disk took it back, gets another nonce.
 *
 * Invariant: no nonce comes twice under one key. They are random, and a file has less than 2^32 units, far below the bound
 * at which that would become likely (2^32 for a chance of 2^-33); nothing that a crash takes back, such as a position or a
 * counter, goes into one.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'

export const keyBytes = 32
export const saltBytes = 32
const nonceBytes = 12
const tagBytes = 16
/** What a unit takes beside its text: nonce, then tag. */
export const sealBytes: number = nonceBytes + tagBytes
const algorithm = 'aes-256-gcm'
/** Drawn at once: asking for twelve bytes costs as much as asking for many. */
const drawnBytes = 256 * nonceBytes

export type Random = (into: Uint8Array) => void

/** What makes a key again: it is kept in the open, at the beginning of the file. */
export interface KeyOrigin {
  /** The number of the data key. */
  readonly dataKey: number
  readonly salt: Uint8Array
}

export interface NewKey extends KeyOrigin {
  readonly key: FileKey
}

export class Encryption {
  readonly #dataKeys: ReadonlyMap<number, Uint8Array>
  readonly #newest: number
  readonly #nonces: Nonces
  readonly #random: Random

  constructor(dataKeys: ReadonlyMap<number, Uint8Array>, random: Random) {
    this.#dataKeys = dataKeys
    this.#newest = Math.max(...dataKeys.keys())
    this.#random = random
    this.#nonces = new Nonces(random)
  }

  /** A key that nothing has been encrypted with. */
  newKey(purpose: string): NewKey {
    const salt = new Uint8Array(saltBytes)
    this.#random(salt)
    const origin = { dataKey: this.#newest, salt }
    return { ...origin, key: this.keyOf(origin, purpose)! }
  }

  /** Undefined where there is no such data key. */
  keyOf({ dataKey, salt }: KeyOrigin, purpose: string): FileKey | undefined {
    const secret = this.#dataKeys.get(dataKey)
    return secret && deriveKey(secret, salt, purpose, this.#nonces)
  }
}

/** With the key that is given, for the data keys. */
export function wrappingKey(given: Uint8Array, salt: Uint8Array, random: Random): FileKey {
  return deriveKey(given, salt, 'data keys', new Nonces(random))
}

function deriveKey(secret: Uint8Array, salt: Uint8Array, purpose: string, nonces: Nonces): FileKey {
  const bytes = hkdfSync('sha256', secret, salt, `polylog ${purpose}`, keyBytes)
  return new FileKey(createSecretKey(new Uint8Array(bytes)), nonces)
}

class Nonces {
  readonly #random: Random
  readonly #bytes = new Uint8Array(drawnBytes)
  #at = drawnBytes

  constructor(random: Random) {
    this.#random = random
  }

  /** Writes the next one. */
  write(into: Uint8Array, at: number): void {
    if (this.#at === drawnBytes) {
      this.#random(this.#bytes)
      this.#at = 0
    }
    for (let i = 0; i < nonceBytes; i++) into[at + i] = this.#bytes[this.#at + i]!
    this.#at += nonceBytes
  }
}

/** A unit in memory: `sealAt` is where nonce and tag stand, the text lies from `start` to `end`. */
export interface UnitPlace {
  readonly sealAt: number
  readonly start: number
  readonly end: number
}

export class FileKey {
  readonly #key: KeyObject
  readonly #nonces: Nonces

  constructor(key: KeyObject, nonces: Nonces) {
    this.#key = key
    this.#nonces = nonces
  }

  /** In place. */
  encrypt(bytes: Uint8Array, { sealAt, start, end }: UnitPlace, context: Uint8Array): void {
    this.#nonces.write(bytes, sealAt)
    const cipher = createCipheriv(algorithm, this.#key, bytes.subarray(sealAt, sealAt + nonceBytes))
    cipher.setAAD(context)
    bytes.set(cipher.update(bytes.subarray(start, end)), start)
    cipher.final()
    bytes.set(cipher.getAuthTag(), sealAt + nonceBytes)
  }

  /** The text, in memory of its own; undefined where this is not what was encrypted with this key and context. */
  decrypt(bytes: Uint8Array, { sealAt, start, end }: UnitPlace, context: Uint8Array): Uint8Array | undefined {
    const nonce = bytes.subarray(sealAt, sealAt + nonceBytes)
    const decipher = createDecipheriv(algorithm, this.#key, nonce, { authTagLength: tagBytes })
    decipher.setAAD(context)
    decipher.setAuthTag(bytes.subarray(sealAt + nonceBytes, sealAt + sealBytes))
    const text = decipher.update(bytes.subarray(start, end))
    try {
      decipher.final()
    } catch {
      return undefined
    }
    return text
  }
}
