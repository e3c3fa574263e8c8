/**
 * Redis's hash slots: CRC16 (XMODEM: the polynomial 0x1021, from 0 on) of a key modulo 16384, or of what stands between its
 * first `{` and the next `}`, where that is something.
 */
import type { Slice } from '../../../base/slice.ts'

export const slotCount = 16_384

const table = new Uint16Array(256)
for (let i = 0; i < 256; i++) {
  let value = i << 8
  for (let bit = 0; bit < 8; bit++) value = (value & 0x8000) === 0 ? value << 1 : (value << 1) ^ 0x1021
  table[i] = value
}

export function crc16({ bytes, start, end }: Slice): number {
  let crc = 0
  for (let at = start; at < end; at++) crc = ((crc << 8) & 0xffff) ^ table[((crc >> 8) ^ bytes[at]!) & 0xff]!
  return crc
}

const open = 0x7b
const close = 0x7d

/** The part of a key that tells its slot. */
function tagOf(key: Slice): Slice {
  const { bytes, end } = key
  const begin = bytes.indexOf(open, key.start)
  if (begin < 0 || begin >= end) return key
  const last = bytes.indexOf(close, begin + 1)
  if (last < 0 || last >= end || last === begin + 1) return key
  return { bytes, start: begin + 1, end: last }
}

export function slotOf(key: Slice): number {
  return crc16(tagOf(key)) % slotCount
}
