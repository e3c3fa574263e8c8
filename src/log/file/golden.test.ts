import { describe, expect, it } from 'vitest'
import { readTexts } from '../commit-log-contract.ts'
import { decodeRecord } from '../record.ts'
import { cutEverywhere, flipEveryBit, goldenTexts } from './golden-damage.ts'
import { diskWith, dump, goldenLogs, type LogFiles, openGolden, readGolden, writeGolden } from './golden-logs.ts'

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

  it.each(Object.keys(goldenTexts))('%s opens and gives back its data', async (name) => {
    expect(await textsIn(readGolden(name))).toEqual(goldenTexts[name])
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

describe.each(Object.keys(goldenTexts))('damage to the golden log %s', (name) => {
  it('by single bit flips is found, or harmless, or in the last frame', () => flipEveryBit(name, false))

  it('by truncations is found, or costs the tail only', () => cutEverywhere(name, false))

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
