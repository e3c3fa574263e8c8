import { describe, expect, it } from 'vitest'
import type { Disk } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { batchOf, readTexts } from '../commit-log-contract.ts'
import type { DroppedTail } from './dropped-tail.ts'
import { openFileLog } from './file-log.ts'
import { databaseId, stillHost } from './golden-logs.ts'
import { segmentName } from './segment.ts'

const folder = '/log'
const path = `${folder}/${segmentName(1)}`
/** The last frame, of several sectors: its place, and its length. */
const last = { offset: 1024, length: 44 + 1210 }

async function filled(): Promise<Disk> {
  const disk = createMemoryDisk()
  const { log } = await open(disk)
  const leader = await log.acquire('a', 1000)
  await leader.append(0, batchOf(['first']), 'synced')
  await leader.append(1, batchOf(['x'.repeat(1195)]), 'synced')
  await log.close()
  return disk
}

async function open(disk: Disk) {
  const dropped: DroppedTail[] = []
  const onDropped = (tail: DroppedTail): void => void dropped.push(tail)
  const log = await openFileLog(stillHost(disk), folder, { databaseId, segmentBytes: 8192, onDropped })
  return { log, dropped }
}

async function change(disk: Disk, at: number, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, { mode: 'write' })
  await file.writeAt(at, bytes)
  await file.close()
}

async function droppedOf(disk: Disk): Promise<DroppedTail[]> {
  const { log, dropped } = await open(disk)
  if (dropped.length > 0) expect(await readTexts(log, 1)).toEqual(['first'])
  await log.close()
  return dropped
}

describe('what is dropped at the end of a log', () => {
  it('is nothing where the log is whole', async () => {
    const { log, dropped } = await open(await filled())
    expect([dropped, (await readTexts(log, 1)).length]).toEqual([[], 2])
  })

  it('is a damaged frame wherever one bit of it is flipped, with its place and size', async () => {
    const reference = await filled()
    const original = new Uint8Array(last.length)
    await (await reference.open(path, { mode: 'read' })).readAt(last.offset, original)
    const kinds: Record<string, number> = { torn: 0, damaged: 0 }
    for (let at = 0; at < last.length; at += at < 64 ? 1 : 97) {
      const disk = await filled()
      await change(disk, last.offset + at, Uint8Array.of(original[at]! ^ (1 << (at % 8))))
      const [tail, ...more] = await droppedOf(disk)
      expect(more).toEqual([])
      // A length that is damaged may reach beyond the frame.
      const isLength = at >= 4 && at < 8
      expect(tail, `byte ${at}`).toMatchObject({ path, offset: last.offset })
      if (!isLength) expect(tail).toMatchObject({ kind: 'damaged' })
      if (!isLength && at < 40) expect(tail).toMatchObject({ bytes: last.length })
      kinds[tail!.kind]!++
    }
    expect(kinds['damaged']).toBeGreaterThan(60)
  })

  it.each([
    ['its end', 1024, 512],
    ['its middle', 512, 512],
  ])('is a torn frame where %s was never written', async (_, from, length) => {
    const disk = await filled()
    await change(disk, last.offset + from, new Uint8Array(length))
    expect(await droppedOf(disk)).toEqual([{ path, offset: last.offset, bytes: last.length, kind: 'torn' }])
  })

  it('is nothing where the whole frame was never written', async () => {
    const disk = await filled()
    await change(disk, last.offset, new Uint8Array(1536))
    expect(await droppedOf(disk)).toEqual([])
  })

  it('is nothing where bytes of an earlier life follow', async () => {
    const disk = await filled()
    const { log } = await open(disk)
    const leader = await log.acquire('a', 1000)
    for (let end = 2; end < 60; end++) {
      await leader.append(end, batchOf(['y'.repeat(end * 20)]), 'synced')
      await log.trim(end)
    }
    expect(log.describe().at(-1)!.name).not.toBe(segmentName(1))
    await log.close()
    const again = await open(disk)
    expect([again.dropped, (await again.log.end()).end]).toEqual([[], 60])
  })

  it('is told once: what is appended takes its place', async () => {
    const disk = await filled()
    await change(disk, last.offset + 700, Uint8Array.of(0))
    const { log, dropped } = await open(disk)
    expect(dropped.length).toBe(1)
    await (await log.acquire('a', 1000)).append(1, batchOf(['new']), 'synced')
    await log.close()
    const again = await open(disk)
    expect([again.dropped, await readTexts(again.log, 1)]).toEqual([[], ['first', 'new']])
  })
})

describe('the note of the newest segment', () => {
  async function manySegments(): Promise<{ disk: Disk; names: string[] }> {
    const disk = createMemoryDisk()
    const { log } = await open(disk)
    const leader = await log.acquire('a', 1000)
    for (let end = 0; end < 20; end++) await leader.append(end, batchOf(['z'.repeat(1000)]), 'synced')
    await log.close()
    return { disk, names: (await disk.list(folder)).filter((name) => name.endsWith('.log')) }
  }

  it('shows that the last segment is lost', async () => {
    const { disk, names } = await manySegments()
    expect(names.length).toBeGreaterThan(2)
    await disk.remove(`${folder}/${names.at(-1)}`)
    await expect(open(disk)).rejects.toMatchObject({ code: 'corrupt', position: `${names.at(-1)}+0` })
  })

  it('shows that the last segment was cut', async () => {
    const { disk, names } = await manySegments()
    const file = await disk.open(`${folder}/${names.at(-1)}`, { mode: 'write' })
    await file.truncate(512)
    await expect(open(disk)).rejects.toMatchObject({ code: 'corrupt', position: `${names.at(-1)}+512` })
  })

  it('is made where it is missing, as in logs of format 1, and moved on where a crash left it behind', async () => {
    const { disk, names } = await manySegments()
    const noteOf = (name: string): string => `newest-${name.slice(0, 16)}-00002000`
    const note = noteOf(names.at(-1)!)
    await disk.remove(`${folder}/${note}`)
    await (await open(disk)).log.close()
    expect(await disk.list(folder)).toContain(note)
    await disk.rename(`${folder}/${note}`, `${folder}/${noteOf(names.at(-2)!)}`)
    await (await open(disk)).log.close()
    expect((await disk.list(folder)).filter((name) => name.startsWith('newest-'))).toEqual([note])
  })

  it('a log that must be there and is not is damage', async () => {
    const opening = openFileLog(stillHost(createMemoryDisk()), folder, { databaseId, mustExist: true })
    await expect(opening).rejects.toMatchObject({ code: 'corrupt', message: expect.stringContaining('missing') })
  })
})
