import { crc32 } from 'node:zlib'

/** A fingerprint of all that happened, in order: two lanes of 32 bits, mixed as in MurmurHash3. Not cryptographic. */
export class RunningHash {
  #high = 0x12345678
  #low = 0x9abcdef0
  readonly #names = new Map<string, number>()

  name(text: string): void {
    let sum = this.#names.get(text)
    if (sum === undefined) {
      sum = crc32(text)
      this.#names.set(text, sum)
    }
    this.#mix(sum)
  }

  /** A non-negative integer below 2^53. */
  number(value: number): void {
    this.#mix(value >>> 0)
    this.#mix(Math.floor(value / 2 ** 32))
  }

  bytes(bytes: Uint8Array): void {
    this.#mix(crc32(bytes))
    this.#mix(bytes.length)
  }

  digest(): string {
    return hex(this.#high) + hex(this.#low)
  }

  #mix(value: number): void {
    const scrambled = Math.imul(value, 0xcc9e2d51)
    const low = this.#low ^ Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593)
    const high = this.#high ^ low
    this.#low = (Math.imul((low << 13) | (low >>> 19), 5) + 0xe6546b64) | 0
    this.#high = (Math.imul((high << 17) | (high >>> 15), 0x85ebca6b) + this.#low) | 0
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}
