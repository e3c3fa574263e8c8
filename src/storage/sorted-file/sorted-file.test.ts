import fc from 'fast-check'
import fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import { copySlice, sliceOf, type Slice } from '../../base/slice.ts'
import { type Disk, DiskError, type File } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import type { Miss } from '../store.ts'
import { SortedFileStore } from './sorted-file.ts'
import {
  batch,
  bytesOf,
  type Change,
  entriesOf,
  everything,
  get,
  key,
  numbers,
  through,
  value,
  write,
} from './testing.ts'

const golden = new URL('golden/state-41', import.meta.url)

/** Small and large values, keys that are prefixes of others. */
const sample: readonly Change[] = [
  [sliceOf(new Uint8Array(0)), value('the empty key')],
  [sliceOf(Uint8Array.of(0)), value('')],
  ...numbers(0, 200, 'value'),
  [sliceOf(Buffer.from('large')), sliceOf(new Uint8Array(9000).fill(7))],
  [sliceOf(Uint8Array.of(0xfe)), value('last')],
]

/** Its files can be opened, and not read. */
function diskThatFails(isBroken: () => boolean): Disk {
  const bound = (of: object, name: string | symbol): unknown => {
    const found: unknown = Reflect.get(of, name)
    return typeof found === 'function' ? (found.bind(of) as unknown) : found
  }
  const inner = createMemoryDisk()
  const open: Disk['open'] = async (path, options) => {
    const file = await inner.open(path, options)
    const readAt: File['readAt'] = (...place) =>
      isBroken() ? Promise.reject(new DiskError('io', path, `${path}: EIO`)) : file.readAt(...place)
    return new Proxy(file, { get: (of, name) => (name === 'readAt' ? readAt : bound(of, name)) })
  }
  return new Proxy(inner, { get: (of, name) => (name === 'open' ? open : bound(of, name)) })
}

async function storeOf(bytes: Uint8Array): Promise<SortedFileStore> {
  const disk = createMemoryDisk()
  await disk.makeFolder('base')
  await write(disk, 'base/state-41', bytes)
  return SortedFileStore.open(disk, 'base')
}

describe('the bytes of a sorted file', () => {
  test('are those of format 1, for ever', async () => {
    const disk = createMemoryDisk()
    const store = SortedFileStore.begin(disk, 'base')
    await store.apply(batch(41, sample))
    const written = await bytesOf(disk, 'base/state-41')
    if (process.env['REWRITE'] === '1') {
      fs.mkdirSync(new URL('.', golden), { recursive: true })
      fs.writeFileSync(golden, written)
    }
    expect(Buffer.compare(fs.readFileSync(golden), written)).toBe(0)
  })

  test('of the golden file open as what was written', async () => {
    const store = await storeOf(new Uint8Array(fs.readFileSync(golden)))
    expect(store.persistedThrough).toBe(41)
    const text = (slice: Slice): string => Buffer.from(copySlice(slice)).toString()
    expect(await entriesOf(store)).toEqual(sample.map(([name, given]) => [text(name), text(given!)]))
  })

  test('that are damaged anywhere are said to be, with the place, and give no other state', async () => {
    const bytes = new Uint8Array(fs.readFileSync(golden))
    const damaged = fc.oneof(
      fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
        const copy = bytes.slice()
        copy[at]! ^= flip
        return copy
      }),
      fc.nat(bytes.length - 1).map((length) => bytes.slice(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 80 }).map((more) => Uint8Array.from([...bytes, ...more])),
      fc.uint8Array({ maxLength: 200 }),
    )
    const read = async (copy: Uint8Array): Promise<void> => {
      try {
        await entriesOf(await storeOf(copy))
      } catch (error) {
        if (!(error instanceof PolylogError) || error.code !== 'data_corrupted') throw error
        expect(error.detail).toMatchObject({ file: 'base/state-41', offset: expect.any(Number) as number })
        return
      }
      throw new Error('the damage was not noticed')
    }
    await fc.assert(fc.asyncProperty(damaged, read), { numRuns: 300 })
  })
})

test('every byte of the index and of the footer is under a checksum', async () => {
  const bytes = new Uint8Array(fs.readFileSync(golden))
  const blocksBytes = Number(new DataView(bytes.buffer).getBigUint64(bytes.length - 64 + 32, true))
  for (let at = blocksBytes; at < bytes.length; at++) {
    const copy = bytes.slice()
    copy[at]! ^= 0x20
    await expect(storeOf(copy), `byte ${at}`).rejects.toMatchObject({ code: expect.stringMatching(/^data_/) as string })
  }
})

describe('verifying', () => {
  const path = 'base/state-41'

  async function withByteFlipped(disk: Disk, at: number, run: () => Promise<void>): Promise<void> {
    const file = await disk.open(path, { mode: 'write' })
    const flip = async (): Promise<void> => {
      const byte = new Uint8Array(1)
      await file.readAt(at, byte)
      byte[0]! ^= 0x10
      await file.writeAt(at, byte)
    }
    await flip()
    await run()
    await flip()
    await file.close()
  }

  test('names every byte that has changed since it was opened, whatever is resident', async () => {
    const disk = createMemoryDisk()
    const store = SortedFileStore.begin(disk, 'base')
    await store.apply(batch(41, sample))
    const whole = { entries: sample.length, faults: [] }
    expect(await store.verify()).toEqual(whole)
    await entriesOf(store)
    const { length } = await bytesOf(disk, path)
    for (let at = 0; at < length; at += 13) {
      await withByteFlipped(disk, at, async () => {
        const { faults } = await store.verify()
        expect(faults, `byte ${at}`).toEqual([expect.stringMatching(/base\/state-41 .*at byte \d+/)])
      })
    }
    expect(await store.verify()).toEqual(whole)
    await store.close()
  })

  test('goes on with the other blocks, and while batches are taken', async () => {
    const disk = createMemoryDisk()
    const store = SortedFileStore.begin(disk, 'base')
    await store.apply(batch(41, numbers(0, 2000, 'row')))
    await withByteFlipped(disk, 5000, async () => {
      const { faults, entries } = await store.verify()
      expect(faults).toHaveLength(1)
      expect(entries).toBeGreaterThan(1500)
      expect(entries).toBeLessThan(2000)
    })
    const [report] = await Promise.all([store.verify(), store.apply(batch(42, numbers(0, 3000, 'new')))])
    expect(report).toEqual({ entries: 2000, faults: [] })
    expect(await store.verify()).toEqual({ entries: 3000, faults: [] })
    await store.close()
  })

  test('names blocks whose keys are not in order, though each for itself is', async () => {
    const store = SortedFileStore.begin(createMemoryDisk(), 'base')
    const large = sliceOf(new Uint8Array(5000))
    await store.apply(
      batch(1, [
        [key(1), value('first')],
        [key(9), large],
        [key(5), large],
      ]),
    )
    expect((await store.verify()).faults).toEqual([
      expect.stringMatching(/^block 1 of base\/state-1, at byte \d+, begins with a key that is not above/),
    ])
    await store.close()
  })

  test('reports an error of the disk as a fault', async () => {
    const disk = diskThatFails(() => isBroken)
    let isBroken = false
    const store = SortedFileStore.begin(disk, 'base')
    await store.apply(batch(41, sample))
    isBroken = true
    const { faults } = await store.verify()
    expect(faults.length).toBeGreaterThan(1)
    expect(new Set(faults)).toEqual(new Set(['base/state-41: EIO']))
    isBroken = false
    expect((await store.verify()).faults).toEqual([])
    await store.close()
  })
})

describe('batches', () => {
  test('delete ranges, then put and delete keys', async () => {
    const store = SortedFileStore.begin(createMemoryDisk(), 'base')
    await store.apply(batch(1, numbers(0, 3000, 'old')))
    const ranges = [
      { start: key(10), end: key(20) },
      { start: key(100), end: key(2900) },
    ]
    await store.apply(batch(2, [...numbers(15, 17, 'new'), [key(50), undefined], ...numbers(500, 501, 'new')], ranges))
    const kept = (n: number): boolean => (n < 10 || n >= 20) && (n < 100 || n >= 2900) && n !== 50
    const expected = numbers(0, 3000, 'old').filter((_, n) => kept(n) || n === 15 || n === 16 || n === 500)
    const found = await entriesOf(store)
    expect(found.map(([name]) => name)).toEqual(expected.map(([name]) => Buffer.from(copySlice(name)).toString()))
    expect([await get(store, 15), await get(store, 99), await get(store, 50)]).toEqual(['new 15', 'old 99', undefined])
    expect([store.persistedThrough, store.statistics().keys]).toEqual([2, expected.length])
  })

  test('that were taken already change nothing, and empty ones only say how far it is', async () => {
    const disk = createMemoryDisk()
    const store = SortedFileStore.begin(disk, 'base')
    await store.apply(batch(3, numbers(0, 10, 'a')))
    await store.apply(batch(2, numbers(0, 10, 'older')))
    await store.apply(batch(3, numbers(0, 10, 'again')))
    const pinned = store.snapshot()
    await store.apply(batch(7, []))
    expect([await get(store, 5), store.persistedThrough, store.statistics()['batches']]).toEqual(['a 5', 7, 1])
    expect(await disk.list('base')).toEqual(['state-7'])
    pinned.release()
    const opened = await SortedFileStore.open(disk, 'base')
    expect([await get(opened, 5), opened.persistedThrough]).toEqual(['a 5', 7])
  })

  test('that fail leave the state as it was, and can be given again', async () => {
    const disk = createMemoryDisk()
    let failing = ''
    const faulty = new Proxy(disk, {
      get(target, name) {
        const call = Reflect.get(target, name) as (...args: unknown[]) => Promise<unknown>
        return (...args: unknown[]) =>
          name === failing ? Promise.reject(new Error('no space')) : call.apply(target, args)
      },
    })
    const store = SortedFileStore.begin(faulty, 'base')
    await store.apply(batch(1, numbers(0, 100, 'a')))
    for (failing of ['open', 'rename', 'syncFolder']) {
      await expect(store.apply(batch(2, numbers(0, 100, 'b')))).rejects.toThrow('no space')
      expect([await get(store, 7), store.persistedThrough]).toEqual(['a 7', 1])
    }
    failing = ''
    await store.apply(batch(2, numbers(0, 100, 'b')))
    expect([await get(store, 7), store.persistedThrough]).toEqual(['b 7', 2])
    expect(await disk.list('base')).toEqual(['state-2'])
  })

  test('snapshots keep reading the file of their state, and the last one lets go of it', async () => {
    const store = SortedFileStore.begin(createMemoryDisk(), 'base', { cacheBytes: 1 })
    await store.apply(batch(1, numbers(0, 1000, 'a')))
    const pinned = store.snapshot()
    await store.apply(batch(2, [], [everything]))
    expect(await through(pinned, () => Buffer.from(copySlice(pinned.get(key(999))!)).toString())).toBe('a 999')
    expect(await get(store, 999)).toBeUndefined()
    pinned.release()
    expect(store.statistics()).toMatchObject({ pinnedSnapshots: 0, pages: 0, keys: 0 })
  })

  test('a start takes the newest whole file and removes what was left behind', async () => {
    const disk = createMemoryDisk()
    const store = SortedFileStore.begin(disk, 'base')
    await store.apply(batch(1, numbers(0, 10, 'a')))
    const first = await bytesOf(disk, 'base/state-1')
    const fork = store.fork()
    await fork.apply(batch(2, numbers(0, 10, 'fork')))
    await store.apply(batch(3, numbers(0, 10, 'b')))
    expect([await get(fork, 1), await get(store, 1)]).toEqual(['fork 1', 'b 1'])
    await write(disk, 'base/state-1', first)
    await write(disk, 'base/next.part', first.subarray(0, 50))
    const opened = await SortedFileStore.open(disk, 'base')
    expect([await get(opened, 1), opened.persistedThrough]).toEqual(['b 1', 3])
    expect(await disk.list('base')).toEqual(['state-3'])
  })
})

test('scans begin and end where their ranges do, and go on from where they seek, in both directions', async () => {
  const store = SortedFileStore.begin(createMemoryDisk(), 'base')
  await store.apply(batch(1, numbers(0, 1000, 'a')))
  const snapshot = store.snapshot()
  const collect = async (reverse: boolean, seek?: Slice): Promise<number[]> => {
    const cursor = snapshot.scan({ start: key(300), end: key(600) }, { reverse })
    if (seek !== undefined) cursor.seek(seek)
    const found: number[] = []
    while (await through(snapshot, () => cursor.next())) {
      found.push(Number(Buffer.from(copySlice(cursor.key)).toString().slice(4)))
    }
    return found
  }
  const expected = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
  expect(await collect(false)).toEqual(expected(300, 600))
  expect(await collect(true)).toEqual(expected(300, 600).reverse())
  expect(await collect(false, key(450))).toEqual(expected(450, 600))
  expect(await collect(true, key(450))).toEqual(expected(300, 451).reverse())
  expect(await collect(false, key(2))).toEqual(expected(300, 600))
  expect(await collect(true, key(600))).toEqual(expected(300, 600).reverse())
  expect(await collect(true, key(900))).toEqual(expected(300, 600).reverse())
  expect(await through(snapshot, () => snapshot.count({ start: key(300), end: key(600) }))).toBe(300)
  snapshot.release()
})

function missOf(read: () => unknown): Miss {
  try {
    read()
  } catch (error) {
    return error as Miss
  }
  throw new Error('nothing is missing')
}

describe('blocks', () => {
  test('are read once where the cache holds them, ahead of a scan, and stay while they are pinned', async () => {
    const store = SortedFileStore.begin(createMemoryDisk(), 'base', { cacheBytes: 60_000 })
    await store.apply(batch(1, numbers(0, 3000, 'some longer value')))
    await entriesOf(store)
    const { pageLoads, pageMisses } = store.statistics()
    expect(pageMisses).toBeLessThanOrEqual(pageLoads! / 4 + 1)
    const snapshot = store.snapshot()
    await through(snapshot, () => snapshot.get(key(0)))
    for (let n = 0; n < 10; n++) expect(snapshot.get(key(n))).toBeDefined()
    const miss = missOf(() => snapshot.get(key(1000)))
    const pins = await Promise.all([snapshot.load(miss), snapshot.load(miss)])
    const { pageLoads: before } = store.statistics()
    await entriesOf(store)
    expect(snapshot.get(key(1000))).toBeDefined()
    pins[0].release()
    pins[0].release()
    await entriesOf(store)
    expect(snapshot.get(key(1000))).toBeDefined()
    pins[1].release()
    expect(store.statistics()['pageLoads']! - before!).toBeLessThan(2 * (pageLoads! + 4))
    await entriesOf(store)
    expect(() => snapshot.get(key(1000))).toThrow()
    snapshot.release()
  })

  test('that the disk cannot read are an answer to all who wait for them, and are read when it can again', async () => {
    let fails = false
    const disk = diskThatFails(() => fails)
    const store = SortedFileStore.begin(disk, 'base', { cacheBytes: 0 })
    await store.apply(batch(1, numbers(0, 300, 'value')))
    const snapshot = store.snapshot()
    const miss = { ...missOf(() => snapshot.get(key(7))) }
    fails = true
    const told = await Promise.allSettled([snapshot.load(miss), snapshot.load(miss)])
    expect(told).toMatchObject([{ reason: { code: 'io_error' } }, { reason: { code: 'io_error' } }])
    expect(told.every((one) => one.status === 'rejected' && one.reason instanceof PolylogError)).toBe(true)
    fails = false
    expect(await get(store, 7)).toBe('value 7')
    snapshot.release()
  })

  test('that are damaged on the disk are the error of who reads them, with the place', async () => {
    const bytes = new Uint8Array(fs.readFileSync(golden))
    bytes[20]! ^= 1
    const store = await storeOf(bytes)
    await expect(entriesOf(store)).rejects.toMatchObject({ code: 'data_corrupted', detail: { offset: 0 } })
  })
})
