/**
 * What an operator must know of rows that it looks into only by the functions it is given: how much memory one holds, how
 * to keep it, and its bytes in a temporary file. Each language describes its rows once.
 */
import type { ByteReader, ByteWriter } from '../base/bytes.ts'

export interface RowFormat<R> {
  /** What a kept row holds in memory: all of it, as if nobody else held parts of it. */
  sizeOf(row: R): number
  /** The row in memory of its own, where the one at hand lies in memory that is used again. */
  keep(row: R): R
  encode(row: R, into: ByteWriter): void
  /** Exactly what was encoded, in memory of its own. */
  decode(from: ByteReader): R
}

/** What a Map compares by value. Languages make one key of several columns. */
export type HashKey = string | number | bigint | boolean

/** Of an entry of a Map or Set, beside its key and value. */
export const entryBytes = 56

/** What a Map's key holds. */
export function keyBytes(key: HashKey): number {
  return typeof key === 'string' ? entryBytes + textBytes(key) : entryBytes + 16
}

const headBytes = 24
/** Beyond it a text is looked at in so many places. */
const sampledLength = 1024
const samples = 64

/** V8 keeps a text in one byte a character where all of them are below 256, else in two. */
export function textBytes(text: string): number {
  return headBytes + (isWide(text) ? text.length * 2 : text.length)
}

function isWide(text: string): boolean {
  const step = text.length <= sampledLength ? 1 : Math.floor(text.length / samples)
  for (let i = 0; i < text.length; i += step) if (text.charCodeAt(i) > 0xff) return true
  return false
}

/** Spreads keys over partitions; another seed spreads them anew. */
export function hashOf(key: HashKey | undefined, seed: number): number {
  let hash = Math.imul(seed + 1, 0x9e3779b1)
  if (typeof key === 'number') hash = mixed(mixed(hash, key | 0), Math.floor(key / 0x1_0000_0000) | 0) ^ fraction(key)
  else {
    const text = String(key)
    for (let i = 0; i < text.length; i++) hash = mixed(hash, text.charCodeAt(i))
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}

function mixed(hash: number, value: number): number {
  return Math.imul(hash ^ value, 0x01000193)
}

function fraction(value: number): number {
  return Number.isInteger(value) || !Number.isFinite(value) ? 0 : Math.imul(((value % 1) * 0x7fffffff) | 0, 0x27d4eb2d)
}
