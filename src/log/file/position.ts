/**
 * Where a byte lies in the file log: segment × 2³² + offset, which orders like the log itself. On disk it is a u64; here
 * a number, exact for the first two million segments (128 TiB of log).
 */
export type LogPosition = number

export const maxSegment = 0x1fffff

export function positionOf(segment: number, offset: number): LogPosition {
  return segment * 0x100000000 + offset
}

export function segmentOf(position: LogPosition): number {
  return Math.floor(position / 0x100000000)
}

export function offsetOf(position: LogPosition): number {
  return position % 0x100000000
}

/** A u64 that fits a number exactly, or -1. */
export function readU64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true)
  return high > maxSegment ? -1 : high * 0x100000000 + view.getUint32(at, true)
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x100000000, true)
  view.setUint32(at + 4, Math.floor(value / 0x100000000), true)
}
