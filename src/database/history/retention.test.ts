import { describe, expect, it } from 'vitest'
import type { LogSegment } from '../../log/commit-log.ts'
import { openMemoryLog } from '../../log/memory-log.ts'
import { batchOf } from '../../log/commit-log-contract.ts'
import { CommitTimes } from './commit-times.ts'
import { type DatedCheckpoint, keptCheckpoints } from './retention.ts'

const at = (sequence: number, atMs: number): DatedCheckpoint => ({ sequence, atMs })

function segment(first: number, last: number, sizeBytes: number): LogSegment {
  return { name: `${first}`, first, last, sizeBytes, usedBytes: sizeBytes }
}

function kept(
  all: readonly DatedCheckpoint[],
  nowMs: number,
  maxLogBytes = Infinity,
  segments: LogSegment[] = [],
): number[] {
  return keptCheckpoints(all, { keptMs: 100, maxLogBytes }, nowMs, segments).map(({ sequence }) => sequence)
}

describe('the checkpoints that are kept', () => {
  it('begin with the newest that is old enough', () => {
    expect(kept([at(1, 0), at(2, 50), at(3, 90), at(4, 150)], 150)).toEqual([2, 4])
    expect(kept([at(1, 0), at(2, 10), at(3, 90), at(4, 150)], 150)).toEqual([2, 3, 4])
  })

  it('begin with the oldest where none is old enough', () => {
    expect(kept([at(5, 100), at(6, 120), at(7, 160), at(8, 170)], 170)).toEqual([5, 7, 8])
  })

  it('are one where nothing is to be kept', () => {
    expect(keptCheckpoints([at(1, 0), at(2, 50)], { keptMs: 0, maxLogBytes: 1 }, 50, [])).toEqual([at(2, 50)])
  })

  it('begin later where the log would be too long, and never later than the newest', () => {
    const segments = [segment(1, 10, 60), segment(11, 20, 60), segment(21, 30, 60)]
    const all = [at(5, 0), at(12, 10), at(22, 20)]
    expect(kept(all, 50, 180, segments)).toEqual([5, 22])
    expect(kept(all, 50, 179, segments)).toEqual([12, 22])
    expect(kept(all, 50, 1, segments)).toEqual([22])
  })
})

describe('the newest transaction at a time', () => {
  it('is what the log says, also where a mark is of one that it has refused', async () => {
    const log = openMemoryLog()
    const leader = await log.acquire('test', 0)
    const clocks = [100, 200, 250, 300]
    for (const [i, ms] of clocks.entries()) await leader.append(i, batchOf(['t'], BigInt(ms) << 16n), 'synced')
    const times = new CommitTimes(log)
    // The third was to be written at 130, and the log had no room then.
    times.note(1, 100)
    times.note(3, 210)
    const found = await Promise.all([99, 100, 199, 200, 220, 250, 299, 1000].map((ms) => times.sequenceAt(ms)))
    expect(found).toEqual([0, 1, 1, 2, 2, 3, 3, 4])
    expect([await times.timeOf(3), await times.timeOf(5)]).toEqual([250, undefined])
  })

  it('is not what has not come to the log', async () => {
    const log = openMemoryLog()
    const leader = await log.acquire('test', 0)
    await leader.append(0, batchOf(['t'], 100n << 16n), 'synced')
    const times = new CommitTimes(log)
    times.note(1, 100)
    times.note(5, 300)
    expect(await times.sequenceAt(400)).toBe(1)
  })
})
