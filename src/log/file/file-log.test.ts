import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Host } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { batchOf, commitLogContract, readTexts } from '../commit-log-contract.ts'
import { openFileLog } from './file-log.ts'
import { faultOfLog, makeEmptyLog } from './segment-files.ts'

const databaseId = new Uint8Array(16).fill(0xab)

/** Time stands still and timers never fire: what a test waits for must come from the disk. */
function quietHost(): Host {
  const host: Partial<Host> = { now: () => 1_700_000_000_000, monotonic: () => 0, at: () => () => undefined }
  return { ...host, disk: createMemoryDisk() } as Host
}

for (const segmentBytes of [4096, 16 * 1024]) {
  commitLogContract(`file, segments of ${segmentBytes} bytes`, async () => {
    const host = quietHost()
    const reopen = () => openFileLog(host, '/log', { databaseId, segmentBytes })
    return { log: await reopen(), reopen }
  })
}

it('gives back any batches, wherever it is read from', async () => {
  const texts = fc.array(
    fc.oneof(
      fc.string({ maxLength: 30 }),
      fc.integer({ min: 300, max: 3000 }).map((n) => 'x'.repeat(n)),
    ),
  )
  const batches = fc.array(fc.tuple(fc.constantFrom('synced' as const, 'written' as const, 'memory' as const), texts))
  const property = fc.asyncProperty(batches, fc.integer({ min: 64, max: 2000 }), async (appended, partBytes) => {
    const log = await openFileLog(quietHost(), '/log', { databaseId, segmentBytes: 4096, partBytes })
    const leader = await log.acquire('a', 1000)
    const all: string[] = []
    for (const [durability, batch] of appended) {
      if (batch.length === 0) continue
      await leader.append(all.length, batchOf(batch), durability)
      all.push(...batch)
    }
    await leader.flush('synced')
    const step = Math.max(1, Math.floor(all.length / 5))
    for (let from = 1; from <= all.length; from += step) expect(await readTexts(log, from)).toEqual(all.slice(from - 1))
    await log.close()
  })
  await fc.assert(property, { numRuns: 40 })
})

it('splits large transactions, over many segments too, and gives them back whole', async () => {
  const host = quietHost()
  const options = { databaseId, segmentBytes: 4096, partBytes: 1000 }
  const log = await openFileLog(host, '/log', options)
  const leader = await log.acquire('a', 1000)
  const texts = ['a', 'b'.repeat(20_000), 'c', 'd', 'e'.repeat(1500), 'f'.repeat(2500), 'g']
  await leader.append(0, batchOf(texts), 'synced')
  expect(log.describe().length).toBeGreaterThan(6)
  for (let from = 1; from <= 7; from++) expect(await readTexts(log, from)).toEqual(texts.slice(from - 1))
  await log.close()
  const again = await openFileLog(host, '/log', options)
  for (let from = 1; from <= 7; from++) expect(await readTexts(again, from)).toEqual(texts.slice(from - 1))
  await again.trim(2)
  expect(await readTexts(again, 2)).toEqual(texts.slice(1))
  await again.trim(3)
  expect((await again.end()).oldest).toBe(3)
  await again.close()
  const trimmed = await openFileLog(host, '/log', options)
  expect((await trimmed.end()).oldest).toBe(3)
  expect(await readTexts(trimmed, 3)).toEqual(texts.slice(2))
  await trimmed.close()
})

it('begins small and grows, and goes on at its size when it is opened again', async () => {
  const host = quietHost()
  const options = { databaseId, segmentBytes: 2 * 1024 * 1024 }
  const log = await openFileLog(host, '/log', options)
  const leader = await log.acquire('a', 1000)
  const sizes = (of: typeof log): number[] => of.describe().map(({ sizeBytes }) => sizeBytes / 1024)
  expect(sizes(log)).toEqual([128])
  const texts = Array.from({ length: 40 }, (_, i) => String.fromCharCode(97 + (i % 26)).repeat(100_000))
  for (const [i, text] of texts.entries()) await leader.append(i, batchOf([text]), 'synced')
  expect(sizes(log)).toEqual([128, 1024, 2048, 2048])
  await log.close()
  const again = await openFileLog(host, '/log', options)
  expect(await readTexts(again, 1)).toEqual(texts)
  const next = await again.acquire('b', 1000)
  for (let i = 40; i < 62; i++) await next.append(i, batchOf(['z'.repeat(100_000)]), 'synced')
  expect(sizes(again).at(-1)).toBe(2048)
  await again.close()
})

it('that was made and not opened is empty, and is missing without its note', async () => {
  const host = quietHost()
  await makeEmptyLog(host.disk, '/log')
  expect(await faultOfLog(host.disk, '/log')).toBeUndefined()
  const log = await openFileLog(host, '/log', { databaseId, mustExist: true })
  expect(await log.end()).toMatchObject({ end: 0 })
  await log.close()
  expect(await faultOfLog(host.disk, '/log')).toBeUndefined()
  for (const name of await host.disk.list('/log')) if (name.endsWith('.log')) await host.disk.remove(`/log/${name}`)
  expect(await faultOfLog(host.disk, '/log')).toMatch(/0000000000000001\.log\+0: the segment is missing/)
  for (const name of await host.disk.list('/log')) await host.disk.remove(`/log/${name}`)
  expect(await faultOfLog(host.disk, '/log')).toBe('the log is missing: it has no segment')
  expect(await faultOfLog(host.disk, '/nowhere')).toBe('the log is missing: its folder is missing')
  await expect(openFileLog(host, '/log', { databaseId, mustExist: true })).rejects.toThrow('it has no segment')
})
