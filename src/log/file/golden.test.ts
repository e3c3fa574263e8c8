import { describe, expect, it } from 'vitest'
import { batchOf, readTexts } from '../commit-log-contract.ts'
import { LogError } from '../commit-log.ts'
import { decodeRecord } from '../record.ts'
import { diskWith, dump, goldenLogs, type LogFiles, openGolden, readGolden, writeGolden } from './golden-logs.ts'

const texts: Record<string, string[]> = {
  commits: ['one', 'two', 'three', 'four', 'number 5', 'number 6', 'number 7'],
  parts: ['before', 'small', 'large '.repeat(200), 'after', 'last'],
  interleaved: ['s1', 'A'.repeat(300), 's3', 'B'.repeat(200), 's5'],
}

async function textsIn(files: LogFiles): Promise<string[]> {
  const log = await openGolden(await diskWith(files))
  const found = await readTexts(log, 1)
  await log.close()
  return found
}

describe('golden logs', () => {
  it.each(Object.keys(goldenLogs))('%s has the bytes it always had', async (name) => {
    const files = await goldenLogs[name]!()
    if (process.env['REWRITE'] === '1') writeGolden(name, files)
    expect(dump(files)).toBe(dump(readGolden(name)))
  })

  it.each(Object.keys(texts))('%s opens and gives back its data', async (name) => {
    expect(await textsIn(readGolden(name))).toEqual(texts[name])
  })

  it('operations decodes to what was written', async () => {
    const log = await openGolden(await diskWith(readGolden('operations')))
    for await (const { bytes, offsets } of log.read(1)) {
      const records = [...offsets].map((start, i) => decodeRecord(bytes, start, offsets[i + 1] ?? bytes.length))
      expect(records.map((record) => [record.origin, record.operations.map(({ kind }) => kind)])).toEqual([
        [0, [1, 1, 1, 2, 3, 4]],
        [1, [5, 6, 7]],
        [5, []],
      ])
      expect(Buffer.from(records[0]!.operations[2]!.before!).toString()).toBe('Hopper')
    }
  })
})

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
    expect(error).toMatchObject({ code: 'corrupt', position: expect.stringMatching(/^[0-9a-f]{16}\.log\+\d+$/) })
    return 'corrupt'
  }
}

/** The texts that a log without its last group commit holds: a flip in the last one cannot be told from a torn tail. */
const leastTexts: Record<string, number> = { commits: 6, parts: 4, interleaved: 4 }

describe.each(Object.keys(texts))('damage to the golden log %s', (name) => {
  it('by every single bit flip is found, or harmless, or in the last frame', async () => {
    const outcomes = { same: 0, shorter: 0, corrupt: 0 }
    const files = readGolden(name)
    for (const bytes of files.values()) {
      for (let at = 0; at < bytes.length; at++) {
        // In the zeros between frames one bit of each byte will do: what a frame begins with is looked at as a whole.
        const quiet = at % 512 >= 64 && bytes.subarray(at - 1, at + 2).every((byte) => byte === 0)
        for (let bit = quiet ? at % 8 : 0; bit < 8; bit += quiet ? 8 : 1) {
          bytes[at]! ^= 1 << bit
          outcomes[await judge(files, texts[name]!, leastTexts[name]!)]++
          bytes[at]! ^= 1 << bit
        }
      }
    }
    expect(outcomes.same).toBeGreaterThan(0)
    expect(outcomes.shorter).toBeGreaterThan(0)
    expect(outcomes.corrupt).toBeGreaterThan(1000)
  })

  it('by every truncation is found, or costs the tail only', async () => {
    const files = readGolden(name)
    const names = [...files.keys()]
    for (const [i, segment] of names.entries()) {
      const bytes = files.get(segment)!
      for (let size = 0; size < bytes.length; size++) {
        // Where zeros are cut from zeros one size of sixteen will do.
        if (size % 16 !== 0 && bytes.subarray(Math.max(0, size - 1), size + 2).every((byte) => byte === 0)) continue
        const outcome = await judge(new Map([...files, [segment, bytes.subarray(0, size)]]), texts[name]!, 0)
        if (i < names.length - 1) expect(outcome).not.toBe('shorter')
        if (size < 64) expect(outcome).toBe('corrupt')
      }
    }
  })

  it('by the loss of a segment in the middle is found', async () => {
    const files = readGolden(name)
    const [first, ...others] = files.keys()
    if (others.length < 2) return
    for (const lost of others.slice(0, -1)) {
      const rest = new Map([...files].filter(([segment]) => segment !== lost))
      await expect(textsIn(rest)).rejects.toMatchObject({ code: 'corrupt', position: expect.stringContaining('.log+') })
    }
    expect(first).toBeDefined()
  })
})
