import { describe, expect, it } from 'vitest'
import { DiskError, type File, type OpenOptions } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { batchOf, readTexts } from '../commit-log-contract.ts'
import { openSmallLog, start } from './crash-workload.ts'
import { databaseId, diskWith, openGolden, readFiles, readGolden, stillHost } from './golden-logs.ts'
import { openFileLog } from './file-log.ts'
import { segmentName } from './segment.ts'

describe('recovery of the file log', () => {
  it('does not let a stale frame follow what is appended after a torn tail', async () => {
    const disk = createMemoryDisk()
    const append = async (...texts: string[]): Promise<void> => {
      const log = await openGolden(disk)
      const leader = await log.acquire('a', 1000)
      for (const text of texts) await leader.append((await log.end()).end, batchOf([text]), 'written')
      await log.close()
    }
    await append('A')
    await append('B', 'C')
    const file = await disk.open(`/log/${segmentName(1)}`, { mode: 'write' })
    const sector = new Uint8Array(512)
    await file.readAt(1536, sector)
    expect(sector.includes('C'.charCodeAt(0))).toBe(true)
    await file.writeAt(1024, new Uint8Array(512))
    // Its leader has the term that B and C had, and b takes exactly B's place.
    await append('b')
    expect(await readTexts(await openGolden(disk), 1)).toEqual(['A', 'b'])
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('makes durable what it found after a failed sync (seed %i)', async (seed) => {
    const world = new SimulatedWorld(seed)
    const first = start(world, 'first')
    const log = await world.complete(openSmallLog(first))
    const leader = await world.complete(log.acquire('a', 1000))
    await world.complete(leader.append(0, batchOf(['in the cache only']), 'written'))
    world.faults.once({ fault: 'sync-error' })
    await expect(world.complete(leader.flush('synced'))).rejects.toMatchObject({ code: 'unknown' })
    expect([leader.lost.aborted, leader.syncedThrough]).toEqual([true, 0])
    expect(await world.complete(readTexts(log, 1))).toEqual([])
    world.crash(first, 'process')
    const second = start(world, 'second')
    const found = await world.complete(openSmallLog(second).then((again) => readTexts(again, 1)))
    world.crash(second, 'power')
    const after = await world.complete(openSmallLog(start(world, 'third')).then((again) => readTexts(again, 1)))
    expect(found).toEqual(['in the cache only'])
    expect(after).toEqual(found)
  })

  it('leaves nothing of a batch that found no space half way', async () => {
    const disk = createMemoryDisk()
    let full = false
    // The worst that a disk may do: all bytes are there, and it says that they did not fit.
    const open = async (path: string, options: OpenOptions): Promise<File> => {
      const file = await disk.open(path, options)
      const writeAt = file.writeAt.bind(file)
      file.writeAt = async (position, bytes) => {
        await writeAt(position, bytes)
        const fails = full && bytes.some((byte) => byte !== 0)
        full &&= !fails
        if (fails) throw new DiskError('no-space', path, 'full')
      }
      return file
    }
    const log = await openGolden({
      ...disk,
      list: disk.list.bind(disk),
      makeFolder: disk.makeFolder.bind(disk),
      rename: disk.rename.bind(disk),
      syncFolder: disk.syncFolder.bind(disk),
      open,
    })
    const leader = await log.acquire('a', 1000)
    await leader.append(0, batchOf(['A']), 'synced')
    full = true
    await expect(leader.append(1, batchOf(['B', 'B'.repeat(600)]), 'synced')).rejects.toMatchObject({
      code: 'no-space',
    })
    expect(await readTexts(await openGolden(disk), 1)).toEqual(['A'])
    await leader.append(1, batchOf(['C']), 'synced')
    full = true
    await leader.append(2, batchOf(['D']), 'memory')
    await expect(leader.flush('written')).rejects.toMatchObject({ code: 'no-space' })
    await leader.append(3, batchOf(['E']), 'synced')
    expect(await readTexts(log, 1)).toEqual(['A', 'C', 'D', 'E'])
    await log.close()
    expect(await readTexts(await openGolden(disk), 1)).toEqual(['A', 'C', 'D', 'E'])
  })

  it('refuses a newest segment that was cut off, though what is left ends with a whole frame', async () => {
    const disk = createMemoryDisk()
    const log = await openGolden(disk)
    const leader = await log.acquire('a', 1000)
    for (const [i, text] of ['A', 'B'].entries()) await leader.append(i, batchOf([text]), 'synced')
    await log.close()
    const file = await disk.open(`/log/${segmentName(1)}`, { mode: 'write' })
    await file.truncate(1024)
    await expect(openGolden(disk)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('the file ends here, after 1024 of 2560 bytes'),
    })
  })

  it('refuses a log of another database', async () => {
    const disk = await diskWith(readGolden('commits'))
    const other = { databaseId: new Uint8Array(16), segmentBytes: 2560 }
    await expect(openFileLog(stillHost(disk), '/log', other)).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('another database'),
    })
  })

  it('goes on with segments of another size than it was opened with', async () => {
    const disk = await diskWith(readGolden('parts'))
    const log = await openFileLog(stillHost(disk), '/log', { databaseId, segmentBytes: 8192 })
    const leader = await log.acquire('a', 1000)
    const texts = Array.from({ length: 20 }, (_, i) => `more ${i}`)
    for (const [i, text] of texts.entries()) await leader.append(5 + i, batchOf([text]), 'synced')
    await log.close()
    const sizes = [...(await readFiles(disk)).values()].map((bytes) => bytes.length)
    expect(new Set(sizes)).toEqual(new Set([2560, 8192]))
    expect((await readTexts(await openGolden(disk), 1)).slice(5)).toEqual(texts)
  })

  it('recycles segments whose old frames never pass', async () => {
    const disk = createMemoryDisk()
    for (let round = 0; round < 12; round++) {
      const log = await openGolden(disk)
      const leader = await log.acquire('a', 1000)
      const { end } = await log.end()
      for (let i = 0; i < 6; i++) await leader.append(end + i, batchOf([`t${end + i + 1}`]), 'synced')
      await log.trim(end)
      const { oldest } = await log.end()
      const expected = Array.from({ length: end + 7 - oldest }, (_, i) => `t${oldest + i}`)
      expect(await readTexts(log, oldest)).toEqual(expected)
      await log.close()
      expect(await readTexts(await openGolden(disk), oldest)).toEqual(expected)
    }
    const spares = (await disk.list('/log')).filter((name) => name.startsWith('spare-'))
    expect((await disk.list('/log')).length).toBeLessThanOrEqual(6)
    expect(spares.length).toBeGreaterThan(0)
  })

  it('keeps what a reader still reads from being trimmed', async () => {
    const disk = createMemoryDisk()
    const log = await openGolden(disk)
    const leader = await log.acquire('a', 1000)
    for (let i = 0; i < 20; i++) await leader.append(i, batchOf([`t${i + 1}`]), 'synced')
    const reader = log.read(1)[Symbol.asyncIterator]()
    await reader.next()
    await log.trim(20)
    const seen: number[] = []
    for (let next = await reader.next(); !next.done; next = await reader.next()) seen.push(next.value.first)
    expect(seen).toEqual(Array.from({ length: 19 }, (_, i) => i + 2))
    await log.trim(20)
    expect((await log.end()).oldest).toBeGreaterThan(10)
  })
})
