/**
 * Memory for writers that are used by turns: who has written all it had to gives it back, and the next one goes on with it.
 * Thousands of connections, of which a few write at a time, hold as much as those few.
 *
 * Invariant: what is lent to one writer is no other's. A writer that gave its memory back has none, so who kept it and writes
 * later gets memory of its own.
 */
import { ByteWriter } from './bytes.ts'

/** What a writer begins with: replies to small requests. */
export const lentBytes: number = 4096
/** Larger ones are rare, and are not kept. */
const mostKeptBytes = 64 * 1024
const mostKept = 64

/** Of `spares` the first so many hold memory; the others are there to take some over. */
let count = 0
const spares: ByteWriter[] = []

export function lendMemory(to: ByteWriter): void {
  if (count > 0) to.exchangeMemory(spares[--count]!)
  else to.reserve(lentBytes)
}

/** It has to be empty. */
export function takeMemoryBack(from: ByteWriter): void {
  const { length } = from.bytes
  if (length === 0) return
  if (count === mostKept || length < lentBytes || length > mostKeptBytes) return from.drop()
  const spare = (spares[count] ??= new ByteWriter(0))
  spare.exchangeMemory(from)
  count++
}
