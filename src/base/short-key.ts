/**
 * Texts and bytes as keys of a Map or Set.
 *
 * The engine hashes strings beyond 16 Ki characters by their length alone, so that a Map compares those of one length one
 * by one: a thousand texts of 100 KB held the thread for a minute. In place of a long key stands its SHA-256, behind a
 * character that begins no other key; that two texts have the same one is not to be feared.
 */
import { createHash } from 'node:crypto'
import { sliceOf, sliceToLatin1 } from './slice.ts'
import { charge } from './work.ts'

/** Longer keys are digested. */
const longestKey = 4096
/** Of a character: its two bytes are hashed. */
const digestUnits = 3

/** The same of bytes, one character each. */
export function shortBytesKey(bytes: Uint8Array): string {
  if (bytes.length <= longestKey) return sliceToLatin1(sliceOf(bytes))
  charge(bytes.length)
  return `\0${createHash('sha256').update(bytes).digest('base64')}`
}

export function shortKey(key: string): string {
  if (key.length <= longestKey) return key
  charge(key.length * digestUnits)
  return `\0${createHash('sha256').update(key, 'utf16le').digest('base64')}`
}
