/**
 * A string as a row of bits, as Redis counts them: bit 0 is the highest one of the first byte. Integers of 1 to 64 bits lie
 * anywhere in it, their highest bit first. All of this is pure; where the bytes of a long string come from is
 * `string-parts.ts`.
 */
import type { Slice } from '../../base/slice.ts'

const bitsOfByte = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

/** How many bits are set. */
export function countBits({ bytes, start, end }: Slice): number {
  let count = 0
  for (let at = start; at < end; at++) count += bitsOfByte[bytes[at]!]!
  return count
}

/** Of `from` to `to`, both included and counted from the first bit of the bytes: how many are set in the two bytes at the ends beyond these. */
export function bitsBeside(first: number, from: number, last: number, to: number): number {
  return bitsOfByte[first >> (8 - (from & 7))]! + bitsOfByte[last & ((1 << (7 - (to & 7))) - 1)]!
}

export function bitOf(byte: number, offset: number): number {
  return (byte >> (7 - (offset & 7))) & 1
}

export function withBit(byte: number, offset: number, bit: number): number {
  const mask = 1 << (7 - (offset & 7))
  return bit === 1 ? byte | mask : byte & ~mask
}

/**
 * The first bit that is `wanted` from bit `from` to bit `to` of the bytes, both included and counted from `start`;
 * undefined where there is none.
 */
export function findBit({ bytes, start }: Slice, wanted: number, from: number, to: number): number | undefined {
  const passed = wanted === 1 ? 0 : 0xff
  const lastByte = to >> 3
  for (let byte = from >> 3; byte <= lastByte; byte++) {
    const value = bytes[start + byte]!
    if (value === passed) continue
    const last = Math.min(to, byte * 8 + 7)
    for (let at = Math.max(from, byte * 8); at <= last; at++) if (bitOf(value, at) === wanted) return at
  }
  return undefined
}

export interface IntegerType {
  readonly signed: boolean
  /** 1 to 64. */
  readonly bits: number
}

/** Most bytes that an integer touches: 64 bits that begin within a byte. */
export const integerBytes = 9

/** The integer at a bit offset into `bytes`, which are zero where they end. */
export function readInteger(bytes: Uint8Array, offset: number, { signed, bits }: IntegerType): bigint {
  const first = offset >> 3
  const last = (offset + bits - 1) >> 3
  let window = 0n
  for (let at = first; at <= last; at++) window = (window << 8n) | BigInt(bytes[at] ?? 0)
  const value = BigInt.asUintN(bits, window >> BigInt(last * 8 + 8 - offset - bits))
  return signed ? BigInt.asIntN(bits, value) : value
}

export function writeInteger(bytes: Uint8Array, offset: number, { bits }: IntegerType, value: bigint): void {
  const last = (offset + bits - 1) >> 3
  const shift = BigInt(last * 8 + 8 - offset - bits)
  let mask = ((1n << BigInt(bits)) - 1n) << shift
  let window = BigInt.asUintN(bits, value) << shift
  for (let at = last; at >= offset >> 3; at--) {
    bytes[at] = (bytes[at]! & ~Number(mask & 0xffn)) | Number(window & 0xffn)
    mask >>= 8n
    window >>= 8n
  }
}

export type Overflow = 'WRAP' | 'SAT' | 'FAIL'

/** What `before + by` becomes in an integer of that type; undefined where it does not fit and is to fail. */
export function addInteger(before: bigint, by: bigint, type: IntegerType, overflow: Overflow): bigint | undefined {
  const { lowest, highest } = limitsOf(type)
  const sum = before + by
  if (sum >= lowest && sum <= highest) return sum
  return overflowed(sum, type, overflow, sum > highest)
}

/** The same for a value that is to be stored, which Redis takes as 64 bits of that sign. */
export function fitInteger(value: bigint, type: IntegerType, overflow: Overflow): bigint | undefined {
  const { lowest, highest } = limitsOf(type)
  const taken = type.signed ? value : BigInt.asUintN(64, value)
  if (taken >= lowest && taken <= highest) return taken
  // Of a signed type Redis looks at how far it is to the highest, in 64 bits: the lowest values are too high then.
  const isHigh = taken > highest || (type.signed && type.bits < 64 && BigInt.asIntN(64, highest - taken) < 0n)
  return overflowed(taken, type, overflow, isHigh)
}

function overflowed(value: bigint, type: IntegerType, overflow: Overflow, isHigh: boolean): bigint | undefined {
  if (overflow === 'FAIL') return undefined
  if (overflow === 'WRAP') return type.signed ? BigInt.asIntN(type.bits, value) : BigInt.asUintN(type.bits, value)
  const { lowest, highest } = limitsOf(type)
  return isHigh ? highest : lowest
}

function limitsOf({ signed, bits }: IntegerType): { lowest: bigint; highest: bigint } {
  const size = 1n << BigInt(signed ? bits - 1 : bits)
  return { lowest: signed ? -size : 0n, highest: size - 1n }
}

export type BitOperation = 'AND' | 'OR' | 'XOR'

/** Combines a part of a string with what lies from `at` on in `into`. */
export function combineBits(operation: BitOperation, into: Uint8Array, at: number, { bytes, start, end }: Slice): void {
  let to = at
  if (operation === 'AND') for (let from = start; from < end; from++) into[to++]! &= bytes[from]!
  else if (operation === 'OR') for (let from = start; from < end; from++) into[to++]! |= bytes[from]!
  else for (let from = start; from < end; from++) into[to++]! ^= bytes[from]!
}

export function invertBits(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at++) bytes[at]! ^= 0xff
}
