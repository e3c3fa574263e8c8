/**
 * Ids of a stream's entries: `milliseconds-sequence`, two unsigned numbers of 64 bits. Here an id is one number of 128 bits,
 * so that ids compare, and the next one is one more.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts'

export type StreamId = bigint

export const leastId: StreamId = 0n
export const greatestId: StreamId = (1n << 128n) - 1n
const greatestPart = (1n << 64n) - 1n
export const idBytes = 16
/** Two numbers of 20 digits and the hyphen are less. */
const longestIdText = 127

export function streamId(milliseconds: bigint, sequence: bigint): StreamId {
  return (milliseconds << 64n) | sequence
}

export function millisecondsOf(id: StreamId): bigint {
  return id >> 64n
}

export function sequenceOf(id: StreamId): bigint {
  return id & greatestPart
}

export function formatStreamId(id: StreamId): string {
  return `${textOf(millisecondsOf(id))}-${textOf(sequenceOf(id))}`
}

/** A small number is printed in less time. */
function textOf(part: bigint): string {
  return String(part <= greatestSafe ? Number(part) : part)
}

const greatestSafe = BigInt(Number.MAX_SAFE_INTEGER)

/** Sorts as the ids do. */
export function writeStreamId(writer: ByteWriter, id: StreamId): void {
  writer.u64be(id >> 64n)
  writer.u64be(id)
}

export function readStreamId(reader: ByteReader): StreamId {
  const milliseconds = reader.u64be()
  const sequence = reader.u64be()
  // The most that are stored are none: of a stream of which nothing was deleted.
  return milliseconds === 0n ? sequence : streamId(milliseconds, sequence)
}

/** The next one of a stream: of that time, or behind the last one where that is not before. */
export function nextStreamId(last: StreamId, timeMs: number): StreamId {
  const now = BigInt(Math.max(0, Math.floor(timeMs)))
  return now > millisecondsOf(last) ? streamId(now, 0n) : last + 1n
}

/** The first of that time, or behind the last one where that has the same; undefined where that one is the last there can be. */
export function nextStreamIdOf(milliseconds: bigint, last: StreamId): StreamId | undefined {
  if (milliseconds !== millisecondsOf(last)) return streamId(milliseconds, 0n)
  return sequenceOf(last) === greatestPart ? undefined : last + 1n
}

/** A number as C's `strtoull` reads it, which Redis does where its own reading fails: `007`, ` +7`, and some below zero. */
function parsePart(text: string): bigint | undefined {
  const found = /^[\t-\r ]*([+-]?)(\d+)$/.exec(text)
  if (found === null) return undefined
  const value = BigInt(found[2]!)
  if (value > greatestPart) return undefined
  if (found[1] !== '-' || value === 0n) return value
  const isPlainNegative = /^-[1-9]/.test(text) && value <= 1n << 63n
  return isPlainNegative ? undefined : (1n << 64n) - value
}

export interface ParsedStreamId {
  readonly milliseconds: bigint
  /** Of an id without one: what was to be there. `*` where the stream is to choose. */
  readonly sequence: bigint | '*'
}

/** `5-1`, `5`, and `5-*` where that is allowed; undefined for anything else. */
export function parseStreamId(text: string, missing: bigint, allowsStar = false): ParsedStreamId | undefined {
  if (text.length > longestIdText) return undefined
  const plain = text.split('\0', 1)[0]!
  const hyphen = plain.indexOf('-')
  const milliseconds = parsePart(hyphen < 0 ? plain : plain.slice(0, hyphen))
  if (milliseconds === undefined) return undefined
  if (hyphen < 0) return { milliseconds, sequence: missing }
  const rest = plain.slice(hyphen + 1)
  if (allowsStar && rest === '*') return { milliseconds, sequence: '*' }
  const sequence = parsePart(rest)
  return sequence === undefined ? undefined : { milliseconds, sequence }
}
