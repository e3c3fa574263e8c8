/** Writes an RDB file of version 10, in pieces that are taken as they come; `rdb-file.ts` reads it. */
import { sliceOf } from '../../../base/slice.ts'
import { Crc64 } from './crc64.ts'
import { lengthBytes } from './rdb-output.ts'

const mark = { library: 0xf5, fact: 0xfa, expiry: 0xfc, database: 0xfe, end: 0xff }

export class RdbFileWriter {
  readonly #checksum = new Crc64()
  #parts: Uint8Array[] = []
  #bytes = 0

  constructor() {
    this.#add(Buffer.from('REDIS0010'))
    this.#fact('redis-ver', '7.0.15')
    this.#fact('redis-bits', '64')
  }

  /** Not taken yet. */
  get sizeBytes(): number {
    return this.#bytes
  }

  #add(part: Uint8Array): void {
    this.#parts.push(part)
    this.#bytes += part.length
  }

  #string(bytes: Uint8Array): void {
    this.#add(lengthBytes(bytes.length))
    this.#add(bytes)
  }

  #fact(name: string, value: string): void {
    this.#add(Uint8Array.of(mark.fact))
    this.#string(Buffer.from(name))
    this.#string(Buffer.from(value))
  }

  /** Its code. */
  library(code: Uint8Array): void {
    this.#add(Uint8Array.of(mark.library))
    this.#string(code)
  }

  /** Whose keys come. */
  database(number: number): void {
    this.#add(Uint8Array.of(mark.database, number))
  }

  /** `value`: its type, and then what it is, in parts; the key stands between. `expiresAtMs`: negative for never. */
  key(key: Uint8Array, value: readonly Uint8Array[], expiresAtMs: number): void {
    if (expiresAtMs >= 0) {
      const expiry = Buffer.alloc(9)
      expiry[0] = mark.expiry
      expiry.writeBigInt64LE(BigInt(expiresAtMs), 1)
      this.#add(expiry)
    }
    const [first, ...rest] = value
    this.#add(first!.subarray(0, 1))
    this.#string(key)
    this.#add(first!.subarray(1))
    for (const part of rest) this.#add(part)
  }

  /** What is there so far; the next ones come behind it. */
  take(): Uint8Array {
    const bytes = Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    this.#checksum.add(sliceOf(bytes))
    return bytes
  }

  /** The rest of it. */
  end(): Uint8Array {
    this.#add(Uint8Array.of(mark.end))
    return Buffer.concat([this.take(), this.#checksum.toBytes()])
  }
}
