/** Writes what `rdb-input.ts` reads: lengths and strings, in parts that are put together at the end. */
import type { Slice } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import { parseShortInteger } from '../integer-text.ts'

/** What may lie in the encoding of a string: its text has at most 11 bytes. */
const longestIntegerText = 11
/** Of a byte: it is copied, and copied again where the parts are put together. */
const byteUnits = 2

const noBytes = new Uint8Array(0)

export class RdbOutput {
  readonly #parts: Uint8Array[] = []
  #bytes = 0
  readonly #grow: (bytes: number) => void

  /** `grow` is told of bytes before they are kept. */
  constructor(grow: (bytes: number) => void) {
    this.#grow = grow
  }

  get sizeBytes(): number {
    return this.#bytes
  }

  get parts(): readonly Uint8Array[] {
    return this.#parts
  }

  /** Bytes that nobody writes over. */
  add(part: Uint8Array): void {
    if (part.length === 0) return
    charge(part.length * byteUnits)
    this.#grow(part.length + partBytes)
    this.#parts.push(part)
    this.#bytes += part.length
  }

  byte(value: number): void {
    this.add(Uint8Array.of(value))
  }

  length(value: number): void {
    this.add(lengthBytes(value))
  }

  length64(value: bigint): void {
    if (value <= 0xffff_ffffn) return this.length(Number(value))
    const bytes = new Uint8Array(9)
    bytes[0] = 0x81
    new DataView(bytes.buffer).setBigUint64(1, value)
    this.add(bytes)
  }

  i64(value: bigint): void {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigInt64(0, value, true)
    this.add(bytes)
  }

  f64(value: number): void {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, value, true)
    this.add(bytes)
  }

  /** A copy of it. */
  string({ bytes, start, end }: Slice): void {
    const integer = end - start <= longestIntegerText ? integerBytes({ bytes, start, end }) : undefined
    if (integer !== undefined) return this.add(integer)
    this.length(end - start)
    this.add(bytes.slice(start, end))
  }

  /** A place that is filled later. */
  reserve(): number {
    this.#parts.push(noBytes)
    return this.#parts.length - 1
  }

  fill(place: number, part: Uint8Array): void {
    this.#parts[place] = part
    this.#bytes += part.length
  }
}

/** What a part takes beside its bytes. */
const partBytes = 96

export function lengthBytes(value: number): Uint8Array {
  if (value < 64) return Uint8Array.of(value)
  if (value < 16_384) return Uint8Array.of(0x40 | (value >> 8), value & 0xff)
  const isLong = value > 0xffff_ffff
  const bytes = new Uint8Array(isLong ? 9 : 5)
  const view = new DataView(bytes.buffer)
  bytes[0] = isLong ? 0x81 : 0x80
  if (isLong) view.setBigUint64(1, BigInt(value))
  else view.setUint32(1, value)
  return bytes
}

/** Of a text that is what an integer of up to 32 bits is printed as. */
function integerBytes(text: Slice): Uint8Array | undefined {
  const value = parseShortInteger(text)
  if (Number.isNaN(value) || value !== (value | 0)) return undefined
  const size = value === (value << 24) >> 24 ? 1 : value === (value << 16) >> 16 ? 2 : 4
  const bytes = new Uint8Array(1 + size)
  bytes[0] = 0xc0 | (size >> 1)
  for (let i = 0; i < size; i++) bytes[1 + i] = value >> (8 * i)
  return bytes
}
