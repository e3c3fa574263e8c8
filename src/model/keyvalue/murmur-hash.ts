/**
 * MurmurHash64A (Austin Appleby), by which HyperLogLogs tell elements apart: the same bits as Redis computes, so that both
 * fill the same registers. 64-bit numbers are two halves of 32 bits, since bigints would cost microseconds an element.
 */
import type { Slice } from '../../base/slice.ts'

/** The multiplier 0xc6a4a7935bd1e995. */
const multiplierHigh = 0xc6a4a793
const multiplierLow = 0x5bd1e995

export interface Hash64 {
  readonly high: number
  readonly low: number
}

/** Holds until the next hash. */
const state = { high: 0, low: 0 }

/** `state` times the multiplier, modulo 2^64. */
function multiply(): void {
  const { high, low } = state
  state.high = (Math.imul(low, multiplierHigh) + Math.imul(high, multiplierLow) + highOfProduct(low)) | 0
  state.low = Math.imul(low, multiplierLow)
}

/** The upper 32 bits of a 32-bit number times the multiplier's lower half. */
function highOfProduct(low: number): number {
  const first = low & 0xffff
  const second = low >>> 16
  const otherFirst = multiplierLow & 0xffff
  const otherSecond = multiplierLow >>> 16
  const lowest = first * otherFirst
  const middle = second * otherFirst + (lowest >>> 16)
  const other = first * otherSecond + (middle % 0x10000)
  return second * otherSecond + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000)
}

/** `state ^= state >> 47` */
function fold(): void {
  state.low ^= state.high >>> 15
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}

export function murmurHash64({ bytes, start, end }: Slice, seed: number): Hash64 {
  state.high = 0
  state.low = end - start
  multiply()
  let low = state.low ^ seed
  let { high } = state
  let at = start
  for (; at + 8 <= end; at += 8) {
    state.low = wordAt(bytes, at)
    state.high = wordAt(bytes, at + 4)
    multiply()
    fold()
    multiply()
    state.low ^= low
    state.high ^= high
    multiply()
    low = state.low
    high = state.high
  }
  if (at < end) {
    for (let i = 0; at + i < end; i++) {
      if (i < 4) low ^= bytes[at + i]! << (8 * i)
      else high ^= bytes[at + i]! << (8 * (i - 4))
    }
  }
  state.low = low
  state.high = high
  if (at < end) multiply()
  fold()
  multiply()
  fold()
  return state
}
