/**
 * LZF, by which Redis packs strings of more than 20 bytes: runs of literal bytes, and copies of what came before.
 *
 *   literals := u8 n − 1 (n ≤ 32) byte{n}
 *   copy     := llloooo₅ [u8 more, where l = 7] u8 o      l + 2 (+ more) bytes from o + 1 back
 */
import { charge, isTurnOver } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { badData } from './bad-data.ts'

/** Of a byte that is unpacked. */
const byteUnits = 3
const unpackedAtOnce = 64 * 1024

/** Errors: `BadData` where it is not what fills `size` bytes. */
export function* unpackLzf(packed: Uint8Array, size: number): StatementSteps<Uint8Array> {
  const unpacked = new Uint8Array(size)
  let to = 0
  let looked = 0
  for (let at = 0; at < packed.length;) {
    if (to - looked >= unpackedAtOnce) {
      charge((to - looked) * byteUnits)
      looked = to
      if (isTurnOver()) yield undefined
    }
    const control = packed[at++]!
    if (control < 32) {
      const end = at + control + 1
      if (end > packed.length || to + control + 1 > size) throw badData('a packed string is too long')
      unpacked.set(packed.subarray(at, end), to)
      to += control + 1
      at = end
      continue
    }
    let length = (control >> 5) + 2
    if (length === 9) length += packed[at++] ?? 0
    if (at >= packed.length) throw badData('a packed string is cut off')
    const from = to - ((control & 0x1f) << 8) - packed[at++]! - 1
    if (from < 0 || to + length > size) throw badData('a packed string points outside itself')
    // Byte by byte: what is copied may be what this copy writes.
    for (let i = 0; i < length; i++) unpacked[to + i] = unpacked[from + i]!
    to += length
  }
  if (to !== size) throw badData('a packed string is too short')
  return unpacked
}
