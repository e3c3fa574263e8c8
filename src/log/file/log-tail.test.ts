/** Reading along while somebody else writes: two processes on one simulated disk. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import type { CommitLog, Leader } from '../commit-log.ts'
import { batchOf, readTexts } from '../commit-log-contract.ts'
import { openFileLog } from './file-log.ts'
import { type LogTail, openLogTail } from './log-tail.ts'
import { makeEmptyLog } from './segment-files.ts'

const databaseId = new Uint8Array(16).fill(0xcd)
const segmentBytes = 16 * 1024
const path = 'data/log'

let world: SimulatedWorld
let writer: SimulatedProcess
let reader: SimulatedProcess
let log: CommitLog
let leader: Leader
let appended: string[]

beforeEach(async () => {
  world = new SimulatedWorld(4)
  await restart('writer')
  await world.complete(writer.disk.makeFolder('data'))
  await world.complete(makeEmptyLog(writer.disk, path))
  await world.complete(writer.disk.syncFolder(path))
  appended = []
  await openWriter()
  reader = world.startProcess('reader', { machine: 'machine' })
})

async function restart(name: string): Promise<void> {
  writer = world.startProcess(name, { machine: 'machine' })
}

async function openWriter(): Promise<void> {
  const options = { databaseId, segmentBytes, firstSegmentBytes: segmentBytes, partBytes: 2_000, lazySyncMs: 1e9 }
  log = await world.complete(openFileLog(writer, path, options))
  leader = await world.complete(log.acquire('writer', 0))
}

async function append(count: number, bytes = 20, level: 'synced' | 'written' = 'synced'): Promise<void> {
  const texts = Array.from({ length: count }, (_, i) => `${appended.length + i}`.padEnd(bytes, '.'))
  await world.complete(leader.append(appended.length, batchOf(texts), level))
  appended.push(...texts)
}

const openTail = (): Promise<LogTail> => world.complete(openLogTail(reader, path, { databaseId }))

/** What a reader that follows has got so far. */
function follow(tail: LogTail, from = 1): { readonly texts: string[]; readonly ended: Promise<unknown> } {
  const texts: string[] = []
  const run = async (): Promise<void> => {
    for (let next = from; ;) {
      const got = await readTexts(asLog(tail), next, { follow: true, to: next })
      if (got.length === 0) return
      texts.push(...got)
      next += got.length
    }
  }
  return { texts, ended: run().catch((error: unknown) => error) }
}

const asLog = (tail: LogTail): CommitLog => tail as unknown as CommitLog

const pass = (ms: number): Promise<void> => world.complete(new Promise((resolve) => void reader.at(ms, resolve)))

describe('a log that another process writes', () => {
  it('is read as it grows, over many segments, large transactions included', async () => {
    const tail = await openTail()
    const { texts } = follow(tail)
    for (let round = 0; round < 60; round++) {
      await append(1 + (round % 5), round % 9 === 0 ? 5_000 : 300)
      if (round % 7 === 0) await pass(25)
    }
    await pass(60)
    expect(log.describe().length).toBeGreaterThan(5)
    expect(texts).toEqual(appended)
    expect(await world.complete(tail.end())).toMatchObject({ end: appended.length, oldest: 1 })
    expect(await world.complete(readTexts(asLog(await openTail()), 7))).toEqual(appended.slice(6))
  })

  it('is waited for where it was made and never opened', async () => {
    await world.complete(makeEmptyLog(writer.disk, 'data/other'))
    await world.complete(writer.disk.syncFolder('data/other'))
    const tail = await world.complete(openLogTail(reader, 'data/other', { databaseId }))
    const { texts } = follow(tail)
    await pass(30)
    const other = await world.complete(openFileLog(writer, 'data/other', { databaseId, segmentBytes }))
    const leads = await world.complete(other.acquire('writer', 0))
    await world.complete(leads.append(0, batchOf(['first']), 'synced'))
    await pass(60)
    expect(texts).toEqual(['first'])
  })

  it('shows nothing that is not durable, and makes durable what it shows', async () => {
    const tail = await openTail()
    await append(2)
    await append(3, 20, 'written')
    const { texts } = follow(tail)
    await pass(60)
    expect(texts).toHaveLength(5)
    // The writer has never synced the last three: without the reader a power cut could take them.
    expect(leader.syncedThrough).toBe(2)
    world.crash(writer, 'power')
    await restart('after the cut')
    await openWriter()
    expect(await world.complete(readTexts(log, 1))).toEqual(appended)
  })

  it('asks the disk only where nobody says that what it has read is durable', async () => {
    const syncs = { count: 0 }
    const tail = await openTail()
    const active = (tail as unknown as { active: { file: { sync(): Promise<void> } } }).active
    const sync = active.file.sync.bind(active.file)
    active.file.sync = () => {
      syncs.count++
      return sync()
    }
    for (let i = 0; i < 12; i++) {
      await append(1)
      await pass(9)
    }
    await pass(60)
    expect(tail.syncedThrough).toBe(12)
    expect(syncs.count).toBeLessThanOrEqual(3)
  })

  it('goes on with the next writer after a kill, and does not take the torn end for damage', async () => {
    const tail = await openTail()
    const { texts } = follow(tail)
    await append(5)
    void leader.append(5, batchOf(['never heard of']), 'synced').catch(() => undefined)
    world.crash(writer, 'process')
    await restart('second')
    await openWriter()
    appended = await world.complete(readTexts(log, 1))
    for (let i = 0; i < 40; i++) await append(2, 400)
    await pass(60)
    expect(texts).toEqual(appended)
  })

  it('tells who is behind what was trimmed, and reads what is left, in recycled segments too', async () => {
    const behind = await openTail()
    await append(10, 1_000)
    await pass(30)
    for (let i = 0; i < 12; i++) {
      await append(10, 1_000)
      await world.complete(log.trim(appended.length - 12))
      await pass(25)
    }
    const names = await world.complete(reader.disk.list(path))
    expect(names.some((name) => name.startsWith('spare-'))).toBe(true)
    await expect(world.complete(readTexts(asLog(behind), 1))).rejects.toMatchObject({ code: 'trimmed' })
    await pass(60)
    expect(behind.oldest).toBeGreaterThan(1)
    const late = await openTail()
    const { oldest } = await world.complete(late.end())
    expect(oldest).toBe((await log.end()).oldest)
    expect(await world.complete(readTexts(asLog(late), oldest))).toEqual(appended.slice(oldest - 1))
  })

  it('of which its segment has gone while it slept is no log that it could wait for', async () => {
    const tail = await openTail()
    await append(3)
    const { ended } = follow(tail)
    await pass(30)
    for (const name of await world.complete(writer.disk.list(path))) {
      if (name.endsWith('.log')) await world.complete(writer.disk.remove(`${path}/${name}`))
    }
    expect(await world.complete(ended)).toMatchObject({ code: 'trimmed' })
  })

  it('in which a frame that it has read is another one now has diverged from it', async () => {
    const tail = await openTail()
    await append(3)
    await append(1)
    await pass(30)
    const { ended } = follow(tail, 5)
    const [segment] = log.describe()
    const file = await world.complete(writer.disk.open(`${path}/${segment!.name}`, { mode: 'write' }))
    await world.complete(file.writeAt(segment!.usedBytes - 512, new Uint8Array(512)))
    expect(await world.complete(ended)).toMatchObject({ code: 'corrupt' })
  })

  it('is damaged where a frame that was durable is not valid any more', async () => {
    await append(2)
    await append(2)
    const [segment] = log.describe()
    await append(2)
    await append(2)
    const file = await world.complete(writer.disk.open(`${path}/${segment!.name}`, { mode: 'write' }))
    await world.complete(file.writeAt(segment!.usedBytes + 60, new Uint8Array([1, 2, 3])))
    const tail = await openTail()
    const { texts, ended } = follow(tail)
    expect(await world.complete(ended)).toMatchObject({ code: 'corrupt' })
    expect(texts).toEqual(appended.slice(0, 4))
  })
})
