/**
 * How far back the past of a database goes: from the oldest checkpoint that is kept on, by the log behind it.
 *
 *   time      ──────────[ now − retention ]──────────────────────▶ now
 *   kept        base            ·              middle          newest
 *   log          └───────────────────────────────────────────────▶
 *
 * The base is the newest checkpoint that is as old as the retention; the middle one is the first that is half a retention
 * younger, and becomes the base when it is old enough: so that the past is never less than asked for, and of the whole
 * data no more than three copies lie on the disk. Where the log behind the base would hold more than `maxLogBytes`, the
 * next checkpoint becomes the base, and the past is shorter than was asked for.
 */
import type { LogSegment } from '../../log/commit-log.ts'
import type { Sequence } from '../contract.ts'

export interface RetentionOptions {
  /** How long what was is kept at least; 0: only what the newest checkpoint and the log happen to hold. */
  readonly keptMs: number
  /** Of log, at most. */
  readonly maxLogBytes: number
}

export const noRetention: RetentionOptions = { keptMs: 0, maxLogBytes: 0 }

/** A checkpoint, and when the state that it holds was the newest. */
export interface DatedCheckpoint {
  readonly sequence: Sequence
  readonly atMs: number
}

/**
 * Those that stay, in order; the first is the base. `all`: in order, the newest one last. `nowMs`, as all times, by the
 * clock of the log.
 */
export function keptCheckpoints(
  all: readonly DatedCheckpoint[],
  { keptMs, maxLogBytes }: RetentionOptions,
  nowMs: number,
  segments: readonly LogSegment[],
): DatedCheckpoint[] {
  const newest = all.at(-1)!
  if (keptMs === 0) return [newest]
  const old = all.findLast(({ atMs }) => atMs <= nowMs - keptMs) ?? all[0]!
  const base = all.find(
    (one) => one.sequence >= old.sequence && (one === newest || bytesBehind(one.sequence, segments) <= maxLogBytes),
  )!
  const middle = all.find(({ sequence, atMs }) => sequence > base.sequence && atMs >= base.atMs + keptMs / 2)
  return [...new Set([base, middle ?? newest, newest])]
}

function bytesBehind(sequence: Sequence, segments: readonly LogSegment[]): number {
  let bytes = 0
  for (const { last, sizeBytes } of segments) if (last > sequence) bytes += sizeBytes
  return bytes
}
