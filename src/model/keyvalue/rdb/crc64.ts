/**
 * The checksum of DUMP's payloads and of RDB files: CRC-64 by Jones's polynomial, reflected, which begins with 0 and is not
 * inverted at its end. 64 bits are two halves of 32.
 */
import type { Slice } from '../../../base/slice.ts'

const polynomialHigh = 0x95ac9329
const polynomialLow = 0xac4bc9b5

const tableHigh = new Int32Array(256)
const tableLow = new Int32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let high = 0
  let low = byte
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = (low & 1) !== 0
    low = (low >>> 1) | (high << 31)
    high >>>= 1
    if (!isOdd) continue
    high ^= polynomialHigh
    low ^= polynomialLow
  }
  tableHigh[byte] = high
  tableLow[byte] = low
}

export class Crc64 {
  #high = 0
  #low = 0

  add({ bytes, start, end }: Slice): void {
    let high = this.#high
    let low = this.#low
    for (let at = start; at < end; at++) {
      const entry = (low ^ bytes[at]!) & 0xff
      low = ((low >>> 8) | (high << 24)) ^ tableLow[entry]!
      high = (high >>> 8) ^ tableHigh[entry]!
    }
    this.#high = high
    this.#low = low
  }

  /** As it is stored: little-endian. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(8)
    const view = new DataView(bytes.buffer)
    view.setInt32(0, this.#low, true)
    view.setInt32(4, this.#high, true)
    return bytes
  }
}
