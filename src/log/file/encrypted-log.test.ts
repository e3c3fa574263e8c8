import { randomFillSync } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { encryptedDiskOf, encryptedHost } from '../../host/encrypted/testing.ts'
import type { Disk, Host } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { batchOf, readTexts } from '../commit-log-contract.ts'
import { openSmallLog, runWorkload, start, Workload } from './crash-workload.ts'
import type { DroppedTail } from './dropped-tail.ts'
import { openFileLog } from './file-log.ts'
import { databaseId, stillHost } from './golden-logs.ts'
import { openLogTail } from './log-tail.ts'
import { segmentName } from './segment.ts'

const directory = '/data'
const folder = `${directory}/log`
const secret = 'nobody-reads-this'
const segmentBytes = 8192

/** Of the frames that follow: where nonce and tag stand. */
const nonceAt = 44
const textAt = 72

async function newDisk(): Promise<{ raw: Disk; host: Host }> {
  const raw = createMemoryDisk()
  await raw.makeFolder(directory)
  return { raw, host: hostOn(raw) }
}

function hostOn(raw: Disk): Host {
  return stillHost(encryptedDiskOf(raw, directory, { random: (into) => void randomFillSync(into) }))
}

function open(host: Host, onDropped?: (tail: DroppedTail) => void) {
  return openFileLog(host, folder, { databaseId, segmentBytes, ...(onDropped && { onDropped }) })
}

/** Frames of one sector at 512, 1024, … */
async function filled(count = 3): Promise<{ raw: Disk; host: Host }> {
  const { raw, host } = await newDisk()
  const log = await open(host)
  const leader = await log.acquire('a', 1000)
  for (let i = 0; i < count; i++) await leader.append(i, batchOf([`${secret} ${i}`]), 'synced')
  await log.close()
  return { raw, host }
}

const first = `${folder}/${segmentName(1)}`

async function bytesOf(raw: Disk, path: string): Promise<Uint8Array> {
  const file = await raw.open(path, { mode: 'read' })
  const bytes = new Uint8Array(await file.size())
  await file.readAt(0, bytes)
  await file.close()
  return bytes
}

async function change(raw: Disk, at: number, bytes: Uint8Array, path = first): Promise<void> {
  const file = await raw.open(path, { mode: 'write' })
  await file.writeAt(at, bytes)
  await file.close()
}

/** A whole frame again, as its checksum says. */
function repaired(frame: Uint8Array, segment = 1): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  view.setUint32(0, crc32(frame.subarray(4, view.getUint32(4, true)), segment), true)
  return frame
}

describe('an encrypted log', () => {
  test('holds nothing to be read, and is read with its key', async () => {
    const { raw, host } = await filled()
    for (const name of await raw.list(folder)) {
      const bytes = await bytesOf(raw, `${folder}/${name}`)
      expect(Buffer.from(bytes).includes(secret.slice(0, 8)), name).toBe(false)
    }
    const log = await open(host)
    expect(await readTexts(log, 1)).toEqual([0, 1, 2].map((i) => `${secret} ${i}`))
    await log.close()
  })

  test('loses nothing in a crash that was acknowledged, in parts and segments, and neither does one that reads along', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const world = new SimulatedWorld(seed)
      const workload = new Workload(seed)
      const kind = seed % 3 === 0 ? 'process' : 'power'
      world.faults.crashAt('first', 20 + seed * 4, kind)
      const process = start(world, 'first')
      await runWorkload(world, process, workload, 40, encryptedHost(process, ''))
      await world.run({ until: () => !process.alive, untilMs: world.timeUs / 1000 + 100 })
      if (process.alive) world.crash(process, kind)
      const second = start(world, 'second')
      const host = encryptedHost(second, '')
      const log = await world.complete(openSmallLog(host))
      await world.complete(workload.verify(log, kind))
      await world.complete(log.close())
      const tail = await world.complete(openLogTail(host, '/log', { databaseId: new Uint8Array(16).fill(0xab) }))
      const { end, oldest } = await world.complete(tail.end())
      expect(await world.complete(readTexts(tail as never, oldest))).toEqual(workload.accepted.slice(oldest - 1, end))
      await world.complete(tail.close())
    }
  })

  test('takes a torn tail for one', async () => {
    const { raw, host } = await newDisk()
    const log = await open(host)
    const leader = await log.acquire('a', 1000)
    await leader.append(0, batchOf(['first']), 'synced')
    await leader.append(1, batchOf(['x'.repeat(1195)]), 'synced')
    await log.close()
    await change(raw, 1024 + 512, new Uint8Array(512))
    const dropped: DroppedTail[] = []
    const again = await open(host, (tail) => void dropped.push(tail))
    expect(dropped).toMatchObject([{ offset: 1024, kind: 'torn' }])
    expect(await readTexts(again, 1)).toEqual(['first'])
    await again.close()
  })

  test('writes another nonce where a torn frame stood', async () => {
    const { raw, host } = await filled()
    const nonces = new Set<string>()
    for (let life = 0; life < 50; life++) {
      const bytes = await bytesOf(raw, first)
      nonces.add(Buffer.from(bytes.subarray(1536 + nonceAt, 1536 + nonceAt + 12)).toString('hex'))
      await change(raw, 1536 + 100, Uint8Array.of(bytes[1536 + 100]! ^ 1))
      const log = await open(host, () => undefined)
      const leader = await log.acquire('a', 1000)
      expect((await log.end()).end).toBe(2)
      await leader.append(2, batchOf([`${secret} 2`]), 'synced')
      await log.close()
    }
    expect(nonces.size).toBe(50)
  })

  test.each([
    ['its text', textAt],
    ['its nonce', nonceAt],
    ['its tag', nonceAt + 12],
    ['its clock', 16],
    ['its term', 32],
  ])('says of a whole frame that %s was changed, also of the last one', async (_, at) => {
    for (const offset of [512, 1536]) {
      const { raw, host } = await filled()
      const frame = (await bytesOf(raw, first)).slice(offset, offset + 512)
      frame[at]! ^= 1
      await change(raw, offset, repaired(frame))
      await expect(open(host)).rejects.toMatchObject({
        code: 'corrupt',
        position: `${segmentName(1)}+${offset}`,
        message: expect.stringContaining('not what was encrypted'),
      })
    }
  })

  test('takes no frame of another place, segment or database', async () => {
    const { raw, host } = await filled()
    const bytes = await bytesOf(raw, first)
    const moved = bytes.slice(512, 1024)
    new DataView(moved.buffer).setBigUint64(8, 2n, true)
    await change(raw, 1024, repaired(moved))
    await expect(open(host)).rejects.toThrow('not what was encrypted')
    // The same frame of another log with the same key: its salt is another one.
    const other = await filled()
    await change(other.raw, 512, bytes.subarray(512, 1024))
    await expect(open(other.host)).rejects.toThrow('not what was encrypted')
  })

  test.each([
    ['the first sequence', 32, 'not what was written'],
    ['its salt', 70, 'not valid'],
    ['its tag', 120, 'not valid'],
  ])('says of a header that %s was changed', async (_, at, message) => {
    const { raw, host } = await filled()
    const sector = (await bytesOf(raw, first)).slice(0, 512)
    sector[at]! ^= 2
    new DataView(sector.buffer).setUint32(60, crc32(sector.subarray(0, 60)), true)
    await change(raw, 0, sector)
    await expect(open(host)).rejects.toThrow(message)
  })

  test('is not mixed with one in the open', async () => {
    const { raw, host } = await filled()
    await expect(open(stillHost(raw))).rejects.toThrow('the segment is encrypted')
    const plain = createMemoryDisk()
    await plain.makeFolder(directory)
    const log = await open(stillHost(plain))
    await log.close()
    await change(raw, 0, (await bytesOf(plain, first)).subarray(0, 512))
    await expect(open(host)).rejects.toThrow('the segment is not encrypted')
  })

  test('has another key in each segment, and in each life of a recycled file', async () => {
    const { raw, host } = await newDisk()
    const salts = new Set<string>()
    const log = await open(host)
    const leader = await log.acquire('a', 1000)
    let segments = 0
    for (let i = 0; i < 100; i++) {
      await leader.append(i, batchOf(['x'.repeat(800)]), 'synced')
      await log.trim(i)
      const newest = log.describe().at(-1)!
      const header = (await bytesOf(raw, `${folder}/${newest.name}`)).subarray(68, 100)
      salts.add(Buffer.from(header).toString('hex'))
      segments = Math.max(segments, Number.parseInt(newest.name, 16))
    }
    await log.close()
    expect(segments).toBeGreaterThan(10)
    expect(salts.size).toBe(segments)
  })
})
