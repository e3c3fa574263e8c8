import { expect, it } from 'vitest'
import { batchOf, commitLogContract, readTexts, textsOf } from './commit-log-contract.ts'
import { openMemoryLog } from './memory-log.ts'

commitLogContract('memory', async () => ({ log: openMemoryLog() }))

it('keeps no more than its bound, and at least the newest batch', async () => {
  const log = openMemoryLog({ keptBytes: 1000 })
  const leader = await log.acquire('a', 1000)
  for (let i = 0; i < 5000; i++) await leader.append(i, batchOf([`t${i + 1}`]), 'synced')
  const { oldest } = await log.end()
  expect(log.describe()[0]!.usedBytes).toBeLessThanOrEqual(1000)
  expect(await readTexts(log, oldest)).toHaveLength(5000 - oldest + 1)
  await expect(readTexts(log, oldest - 1)).rejects.toMatchObject({ code: 'trimmed' })
  await leader.append(5000, batchOf(['x'.repeat(3000)]), 'synced')
  expect(await readTexts(log, 5001)).toEqual(['x'.repeat(3000)])
})

it('gives copies, which what comes later leaves alone', async () => {
  const log = openMemoryLog({ keptBytes: 1 })
  const leader = await log.acquire('a', 1000)
  const texts = Array.from({ length: 3000 }, (_, i) => `${i}`.padEnd(1000))
  const found = []
  for (const [i, text] of texts.entries()) {
    await leader.append(i, batchOf([text]), 'synced')
    for await (const batch of log.read(i + 1, { to: i + 1 })) found.push(batch)
  }
  expect(found.flatMap((batch) => textsOf(batch))).toEqual(texts)
})

it('keeps what it has said it keeps, whatever comes later', async () => {
  const log = openMemoryLog({ keptBytes: 500_000 })
  const leader = await log.acquire('a', 1000)
  const texts = Array.from({ length: 100 }, (_, i) => `${i}`.padEnd((i * 7919) % 400_000))
  for (const [i, text] of texts.entries()) {
    await leader.append(i, batchOf([text]), 'synced')
    const { oldest } = await log.end()
    expect(await readTexts(log, oldest)).toEqual(texts.slice(oldest - 1, i + 1))
  }
})

it('begins where it is told to', async () => {
  const log = openMemoryLog({ startAfter: 41 })
  const leader = await log.acquire('a', 1000)
  expect(await leader.append(41, batchOf(['a']), 'synced')).toEqual({ first: 42, last: 42 })
})
