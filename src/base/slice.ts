/**
 * A run of bytes in somebody's buffer: how keys and values travel without an allocation per operation.
 *
 * Slices that a store or a transaction returns are reused: they hold until the next call on the same object, and never
 * across a turn of the event loop. Copy with `copySlice` what must live longer.
 */
export interface Slice {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** Half-open: `start` inclusive, `end` exclusive, both full keys in byte order. */
export interface KeyRange {
  readonly start: Slice
  readonly end: Slice
}

/** A slice whose owner moves it along; the reusable result of `get` and of cursors. */
export class MutableSlice implements Slice {
  bytes: Uint8Array
  start: number
  end: number

  constructor(bytes: Uint8Array = empty, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.start = start
    this.end = end
  }

  set(bytes: Uint8Array, start: number, end: number): this {
    this.bytes = bytes
    this.start = start
    this.end = end
    return this
  }
}

const empty = new Uint8Array(0)

export const emptySlice: Slice = { bytes: empty, start: 0, end: 0 }

export function sliceOf(bytes: Uint8Array): Slice {
  return { bytes, start: 0, end: bytes.length }
}

/** A native copy has a fixed price that shorter runs do not earn back. */
const nativeCopyBytes = 48

/** A copy in memory of its own. Not `bytes.slice`: that of a Buffer is a view. */
export function copySlice(slice: Slice): Uint8Array {
  const { start, end } = slice
  const copy = new Uint8Array(end - start)
  copyInto(copy, 0, slice)
  return copy
}

/** Copies of both ends, in one memory of their own. */
export function copyRange(range: KeyRange): KeyRange {
  const length = range.start.end - range.start.start
  const bytes = new Uint8Array(length + range.end.end - range.end.start)
  copyInto(bytes, 0, range.start)
  copyInto(bytes, length, range.end)
  return { start: { bytes, start: 0, end: length }, end: { bytes, start: length, end: bytes.length } }
}

export function copyInto(target: Uint8Array, at: number, { bytes, start, end }: Slice): void {
  if (end - start > nativeCopyBytes) target.set(bytes.subarray(start, end), at)
  else for (let i = start; i < end; i++) target[at++] = bytes[i]!
}

export function sliceLength(slice: Slice): number {
  return slice.end - slice.start
}

/** Likewise of comparing. */
const nativeCompareBytes = 512

/** Byte order, as unsigned: negative, zero or positive. */
export function compareSlices(a: Slice, b: Slice): number {
  if (Math.min(a.end - a.start, b.end - b.start) > nativeCompareBytes) {
    return Buffer.compare(a.bytes.subarray(a.start, a.end), b.bytes.subarray(b.start, b.end))
  }
  const aBytes = a.bytes
  const bBytes = b.bytes
  const shared = Math.min(a.end - a.start, b.end - b.start)
  for (let i = a.start, j = b.start, stop = a.start + shared; i < stop; i++, j++) {
    const difference = aBytes[i]! - bBytes[j]!
    if (difference !== 0) return difference
  }
  return a.end - a.start - (b.end - b.start)
}

export function equalSlices(a: Slice, b: Slice): boolean {
  return a.end - a.start === b.end - b.start && compareSlices(a, b) === 0
}

/** The slice as a latin1 string: one character a byte, ordered as the bytes are. The form of keys that JavaScript holds. */
export function sliceToLatin1(slice: Slice): string {
  return methods.latin1Slice.call(slice.bytes, slice.start, slice.end)
}

/** Buffer's own takes every `Uint8Array`, of shared memory too; making a Buffer over the bytes would cost as much again. */
const methods = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, start: number, end: number): string
}

export function latin1ToBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}
