/**
 * HyperLogLog: about how many different elements were added, with a standard error of 0.81 %, in the bytes of a string that
 * Redis lays out in the same way, so that one may be moved there and back, merged with Redis's, or compared.
 *
 *   value    := "HYLL" encoding (u8: 0 dense, 1 sparse) 0 0 0 count registers
 *   count    := the estimate, u64 little-endian; its highest bit says that it is out of date
 *   dense    := 16,384 registers of 6 bits, the lowest bits first
 *   sparse   := run*                       which cover all 16,384 registers
 *   run      := 00llllll                   l + 1 registers are 0
 *             | 01llllll llllllll          l + 1 registers are 0
 *             | 1vvvvvll                   l + 1 registers are v + 1
 *
 * An element's hash gives a register (its lowest 14 bits) and a value for it (the zeros that follow, and 1); a register keeps
 * the highest. The estimate is Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", arXiv:1702.01284),
 * from how many registers have which value. Sparse runs are for few elements: beyond 3,000 bytes, or a value above 32,
 * registers become dense.
 *
 * A value may come from anybody (it is a string), so runs are checked wherever they are read.
 */
import type { Slice } from '../../base/slice.ts'
import { charge } from '../../base/work.ts'
import { murmurHash64 } from './murmur-hash.ts'

export const registerCount = 16_384
const headerBytes = 16
const denseBytes = headerBytes + (registerCount * 6) / 8
const sparseBytesMax = 3_000
const highestSparse = 32
const hashBits = 50
const seed = 0xadc83b19

const dense = 0
const sparse = 1
const encodingAt = 4
const countAt = 8
const staleAt = 15
const staleBit = 0x80

const longestRun = 4
const longestShortZeros = 64

/** What it takes to look at all registers. */
const registersUnits = 30_000

export function isHyperLogLog({ bytes, start, end }: Slice): boolean {
  const size = end - start
  if (size < headerBytes || String.fromCharCode(...bytes.subarray(start, start + 4)) !== 'HYLL') return false
  const encoding = bytes[start + encodingAt]!
  return encoding === sparse || (encoding === dense && size === denseBytes)
}

/** Runs that do not cover the registers. */
export class InvalidRegisters extends Error {}

function corrupted(): InvalidRegisters {
  return new InvalidRegisters('Corrupted HLL object detected')
}

/** A run of sparse registers. */
interface Run {
  readonly value: number
  readonly length: number
  readonly bytes: number
}

function encodeRun(value: number, length: number): number[] {
  if (value > 0) return [0x80 | ((value - 1) << 2) | (length - 1)]
  if (length <= longestShortZeros) return [length - 1]
  return [0x40 | ((length - 1) >> 8), (length - 1) & 0xff]
}

export class HyperLogLog {
  #bytes: Uint8Array

  /** Of a value for which `isHyperLogLog` holds; it is not kept. */
  constructor(value: Slice) {
    this.#bytes = value.bytes.slice(value.start, value.end)
  }

  static empty(): HyperLogLog {
    const bytes = new Uint8Array(headerBytes + 2)
    bytes.set([0x48, 0x59, 0x4c, 0x4c, sparse])
    bytes.set(encodeRun(0, registerCount), headerBytes)
    return new HyperLogLog({ bytes, start: 0, end: bytes.length })
  }

  get bytes(): Uint8Array {
    return this.#bytes
  }

  get isDense(): boolean {
    return this.#bytes[encodingAt] === dense
  }

  /** Whether a register has changed. Errors: `InvalidRegisters`, when nothing has. */
  add(element: Slice): boolean {
    charge(element.end - element.start)
    const { low, high } = murmurHash64(element, seed)
    return this.raise(low & (registerCount - 1), zerosAfter(low, high) + 1)
  }

  /** Makes a register at least so high: whether it was lower. */
  raise(register: number, value: number): boolean {
    return this.isDense ? this.#raiseDense(register, value) : this.#raiseSparse(register, value)
  }

  /** The estimate is out of date. */
  markStale(): void {
    this.#bytes[staleAt]! |= staleBit
  }

  /** The highest of each register and `highest`, which takes them. Errors: `InvalidRegisters`. */
  mergeInto(highest: Uint8Array): void {
    charge(registersUnits)
    if (!this.isDense) {
      this.#eachRun((run, first) => {
        if (run.value === 0) return
        for (let at = first; at < first + run.length; at++) if (run.value > highest[at]!) highest[at] = run.value
      })
      return
    }
    for (let at = 0; at < registerCount; at++) {
      const value = this.#denseValue(at)
      if (value > highest[at]!) highest[at] = value
    }
  }

  /** The stored estimate where it is up to date, else a new one. Errors: `InvalidRegisters`. */
  count(): bigint {
    if ((this.#bytes[staleAt]! & staleBit) === 0) {
      const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length)
      return view.getBigUint64(countAt, true)
    }
    const registers = new Uint8Array(registerCount)
    this.mergeInto(registers)
    return BigInt(estimate(registers))
  }

  /** Errors: `InvalidRegisters`. */
  makeDense(): void {
    if (this.isDense) return
    const registers = new Uint8Array(registerCount)
    this.mergeInto(registers)
    const bytes = new Uint8Array(denseBytes)
    bytes.set(this.#bytes.subarray(0, headerBytes))
    bytes[encodingAt] = dense
    this.#bytes = bytes
    for (let at = 0; at < registerCount; at++) if (registers[at]! > 0) this.#raiseDense(at, registers[at]!)
  }

  /** As people read it: `z:` and `Z:` runs of zeros, `v:` a value and how often. */
  describeRuns(): string {
    const texts: string[] = []
    for (let at = headerBytes; at < this.#bytes.length;) {
      const run = this.#runAt(at)
      const name = run.bytes === 2 ? 'Z' : 'z'
      texts.push(run.value > 0 ? `v:${run.value},${run.length}` : `${name}:${run.length}`)
      at += run.bytes
    }
    return texts.join(' ')
  }

  // ---- dense

  #denseValue(register: number): number {
    const bit = register * 6
    const at = headerBytes + (bit >> 3)
    return (((this.#bytes[at]! | ((this.#bytes[at + 1] ?? 0) << 8)) >> (bit & 7)) & 0x3f) >>> 0
  }

  #raiseDense(register: number, value: number): boolean {
    if (this.#denseValue(register) >= value) return false
    const bit = register * 6
    const at = headerBytes + (bit >> 3)
    const shift = bit & 7
    this.#bytes[at] = (this.#bytes[at]! & ~(0x3f << shift)) | (value << shift)
    if (shift > 2) this.#bytes[at + 1] = (this.#bytes[at + 1]! & ~(0x3f >> (8 - shift))) | (value >> (8 - shift))
    return true
  }

  // ---- sparse

  #runAt(at: number): Run {
    const first = this.#bytes[at]!
    if ((first & 0x80) !== 0) return { value: ((first >> 2) & 0x1f) + 1, length: (first & 3) + 1, bytes: 1 }
    if ((first & 0x40) === 0) return { value: 0, length: (first & 0x3f) + 1, bytes: 1 }
    return { value: 0, length: (((first & 0x3f) << 8) | (this.#bytes[at + 1] ?? 0)) + 1, bytes: 2 }
  }

  #eachRun(visit: (run: Run, first: number) => void): void {
    let register = 0
    for (let at = headerBytes; at < this.#bytes.length;) {
      const run = this.#runAt(at)
      if (run.value > 0 && register + run.length > registerCount) throw corrupted()
      visit(run, register)
      register += run.length
      at += run.bytes
    }
    if (register !== registerCount) throw corrupted()
  }

  #raiseSparse(register: number, value: number): boolean {
    if (value > highestSparse) return this.#raiseAsDense(register, value)
    const place = this.#findRun(register)
    const { at, first, run } = place
    if (run.value >= value) return false
    const parts: number[] = []
    if (register > first) parts.push(...encodeRun(run.value, register - first))
    parts.push(...encodeRun(value, 1))
    const behind = first + run.length - 1 - register
    if (behind > 0) parts.push(...encodeRun(run.value, behind))
    const growth = parts.length - run.bytes
    if (growth > 0 && this.#bytes.length + growth > sparseBytesMax) return this.#raiseAsDense(register, value)
    this.#replace(at, run.bytes, parts)
    this.#joinRuns(place.before ?? headerBytes)
    this.markStale()
    return true
  }

  #raiseAsDense(register: number, value: number): boolean {
    this.makeDense()
    return this.#raiseDense(register, value)
  }

  /** The run that a register is in, the register that it begins with, and where the run before it lies. */
  #findRun(register: number): { at: number; first: number; run: Run; before: number | undefined } {
    let before: number | undefined
    let first = 0
    for (let at = headerBytes; at < this.#bytes.length;) {
      const run = this.#runAt(at)
      if (register < first + run.length) {
        charge(at)
        return { at, first, run, before }
      }
      before = at
      first += run.length
      at += run.bytes
    }
    throw corrupted()
  }

  #replace(at: number, size: number, parts: readonly number[]): void {
    const old = this.#bytes
    charge(old.length / 8)
    if (parts.length === size) {
      old.set(parts, at)
      return
    }
    const bytes = new Uint8Array(old.length + parts.length - size)
    bytes.set(old.subarray(0, at))
    bytes.set(parts, at)
    bytes.set(old.subarray(at + size), at + parts.length)
    this.#bytes = bytes
  }

  /** Equal values beside each other become one run where that can be: Redis looks at five runs, and so do we, for its bytes. */
  #joinRuns(from: number): void {
    let at = from
    for (let looks = 5; looks > 0 && at < this.#bytes.length; looks--) {
      const run = this.#runAt(at)
      if (run.value > 0 && at + 1 < this.#bytes.length) {
        const next = this.#runAt(at + 1)
        const length = run.length + next.length
        if (next.value === run.value && length <= longestRun) {
          this.#replace(at, 2, encodeRun(run.value, length))
          continue
        }
      }
      at += run.bytes
    }
  }
}

/** Of a hash without its lowest 14 bits: the zeros before the first bit that is set; 50 where none is. */
function zerosAfter(low: number, high: number): number {
  const rest = (low >>> 14) | (high << 18)
  if (rest !== 0) return trailingZeros(rest)
  return 32 + Math.min(hashBits - 32, trailingZeros((high >>> 14) | (1 << 18)))
}

function trailingZeros(value: number): number {
  return 31 - Math.clz32(value & -value)
}

/** How many different elements have made these registers. */
export function estimate(registers: Uint8Array): number {
  const howMany = new Array<number>(64).fill(0)
  for (const value of registers) howMany[value & 63]!++
  let z = registerCount * tau((registerCount - howMany[hashBits + 1]!) / registerCount)
  for (let value = hashBits; value >= 1; value--) z = (z + howMany[value]!) * 0.5
  z += registerCount * sigma(howMany[0]! / registerCount)
  return Math.round((halfByLogarithmOf2 * registerCount * registerCount) / z)
}

const halfByLogarithmOf2 = 0.5 / Math.LN2

function sigma(share: number): number {
  if (share === 1) return Infinity
  let x = share
  let y = 1
  let z = x
  for (let before = -1; before !== z;) {
    x *= x
    before = z
    z += x * y
    y += y
  }
  return z
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0
  let x = share
  let y = 1
  let z = 1 - x
  for (let before = -1; before !== z;) {
    x = Math.sqrt(x)
    before = z
    y *= 0.5
    z -= (1 - x) * (1 - x) * y
  }
  return z / 3
}
