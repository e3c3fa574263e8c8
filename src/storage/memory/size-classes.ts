/**
 * The sizes in which the arena hands out records, in granules of 8 bytes: every multiple up to 128 bytes, then eight
 * steps per doubling up to 32 KiB, so that at most an eighth of a record is padding. Larger records get a buffer of
 * their own, rounded the same way.
 */
import { granuleShift } from './address-space.ts'

export const largestClassBytes: number = 32 << 10

const granuleBytes = 1 << granuleShift
const largestGranules = largestClassBytes >>> granuleShift

/** Granules of each class, ascending. */
export const classGranules: readonly number[] = buildClasses()

const classOfGranules = buildIndex()

/** The smallest class that holds so many bytes; they must not be more than `largestClassBytes`. */
export function classOf(sizeBytes: number): number {
  return classOfGranules[(sizeBytes + granuleBytes - 1) >>> granuleShift]!
}

/** The size of a buffer for a record of its own. */
export function roundLarge(sizeBytes: number): number {
  const step = 2 ** (Math.floor(Math.log2(sizeBytes)) - 3)
  return Math.ceil(sizeBytes / step) * step
}

function buildClasses(): number[] {
  const classes: number[] = []
  for (let granules = 1; granules <= 16; granules++) classes.push(granules)
  for (let base = 16; base < largestGranules; base *= 2) {
    for (let step = 1; step <= 8; step++) classes.push(base + (base / 8) * step)
  }
  return classes
}

function buildIndex(): Uint8Array {
  const index = new Uint8Array(largestGranules + 1)
  let sizeClass = 0
  for (let granules = 0; granules <= largestGranules; granules++) {
    if (granules > classGranules[sizeClass]!) sizeClass++
    index[granules] = sizeClass
  }
  return index
}
