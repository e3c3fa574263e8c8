/**
 * Damages golden logs in every way that a single bit or a cut can, and judges what the log answers: the same data, a
 * shorter exact prefix where only the tail was hurt, or corruption with its place.
 *
 * `thorough` leaves nothing out. Else, where zeros lie between and behind frames, one bit of each byte and one cut in
 * sixteen stand for the others.
 */
import { expect } from 'vitest'
import { batchOf, readTexts } from '../commit-log-contract.ts'
import { LogError } from '../commit-log.ts'
import { diskWith, type LogFiles, openGolden, readGolden } from './golden-logs.ts'

/** What the logs hold. */
export const goldenTexts: Record<string, string[]> = {
  commits: ['one', 'two', 'three', 'four', 'number 5', 'number 6', 'number 7'],
  parts: ['before', 'small', 'large '.repeat(200), 'after', 'last'],
  pieces: ['small', `${'one '.repeat(120)}two${'three '.repeat(200)}four`, 'last'],
  interleaved: ['s1', 'A'.repeat(300), 's3', 'B'.repeat(200), 's5'],
}

/** What a damaged log may answer; anything else fails the test. */
async function judge(
  files: LogFiles,
  whole: readonly string[],
  least: number,
): Promise<'same' | 'shorter' | 'corrupt'> {
  const disk = await diskWith(files)
  try {
    const log = await openGolden(disk)
    const found = await readTexts(log, 1)
    expect(found).toEqual(whole.slice(0, found.length))
    expect(found.length).toBeGreaterThanOrEqual(least)
    if (found.length === whole.length) return 'same'
    // What was dropped must not come back behind what is appended now.
    const leader = await log.acquire('a', 1000)
    await leader.append(found.length, batchOf(['new']), 'synced')
    await log.close()
    expect(await readTexts(await openGolden(disk), 1)).toEqual([...found, 'new'])
    return 'shorter'
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    expect(error.code).toBe('corrupt')
    expect(error.position).toMatch(/^[0-9a-f]{16}\.log\+\d+$/)
    return 'corrupt'
  }
}

/** The texts that a log without its last group commit holds: a flip in the last one cannot be told from a torn tail. */
const leastTexts: Record<string, number> = { commits: 6, parts: 4, pieces: 2, interleaved: 4 }

export async function flipEveryBit(name: string, thorough: boolean): Promise<void> {
  const outcomes = { same: 0, shorter: 0, corrupt: 0 }
  const files = readGolden(name)
  for (const bytes of files.values()) {
    for (let at = 0; at < bytes.length; at++) {
      const quiet = !thorough && at % 512 >= 64 && bytes.subarray(at - 1, at + 2).every((byte) => byte === 0)
      for (let bit = quiet ? at % 8 : 0; bit < 8; bit += quiet ? 8 : 1) {
        bytes[at]! ^= 1 << bit
        outcomes[await judge(files, goldenTexts[name]!, leastTexts[name]!)]++
        bytes[at]! ^= 1 << bit
      }
    }
  }
  expect(outcomes.same).toBeGreaterThan(0)
  expect(outcomes.shorter).toBeGreaterThan(0)
  expect(outcomes.corrupt).toBeGreaterThan(1000)
}

export async function cutEverywhere(name: string, thorough: boolean): Promise<void> {
  const files = readGolden(name)
  const names = [...files.keys()]
  for (const [i, segment] of names.entries()) {
    const bytes = files.get(segment)!
    for (let size = 0; size < bytes.length; size++) {
      const quiet = size % 16 !== 0 && bytes.subarray(Math.max(0, size - 1), size + 2).every((byte) => byte === 0)
      if (quiet && !thorough) continue
      const outcome = await judge(new Map([...files, [segment, bytes.subarray(0, size)]]), goldenTexts[name]!, 0)
      if (i < names.length - 1) expect(outcome).not.toBe('shorter')
      if (size < 64) expect(outcome).toBe('corrupt')
    }
  }
}
