import fs from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import { copySlice, sliceOf } from '../../base/slice.ts'
import type { Slice } from '../../base/slice.ts'
import type { Disk, Host } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { decodeManifest, encodeManifest } from './checkpoint-format.ts'
import { MemoryStore, openMemoryStore } from './memory.ts'

const golden = new URL('./golden/checkpoint-1/', import.meta.url)
const files = ['entries', 'manifest']

const hostOf = (disk: Disk): Host => ({ disk, monotonic: () => 0 }) as unknown as Host

/** Empty key and value, shared prefixes, 00 and FF, a block that ends by its size and a value with a block of its own. */
function sample(): [Slice, Slice][] {
  const entries: [Slice, Slice][] = [
    [sliceOf(new Uint8Array(0)), sliceOf(new Uint8Array(0))],
    [sliceOf(Uint8Array.of(0)), sliceOf(Uint8Array.of(0xff))],
    [sliceOf(Uint8Array.of(0, 0)), sliceOf(Uint8Array.of(1, 2, 3))],
  ]
  for (let i = 0; i < 12; i++) {
    const key = Buffer.from(`account/${String(i).padStart(3, '0')}/balance`)
    entries.push([sliceOf(key), sliceOf(new Uint8Array(i * i * 2).fill(i))])
  }
  entries.push([sliceOf(Buffer.from('large')), sliceOf(new Uint8Array(131_073).fill(7))])
  entries.push([sliceOf(new Uint8Array(300).fill(0xff)), sliceOf(Buffer.from('last'))])
  return entries
}

async function writeSample(): Promise<Map<string, Uint8Array>> {
  const disk = createMemoryDisk()
  await disk.makeFolder('here')
  const store = new MemoryStore({ monotonic: () => 0, poison: true })
  for (const [key, value] of sample().toReversed()) store.put(key, value)
  store.publish(41)
  await store.checkpoint(hostOf(disk), 'here')
  return readAll(disk)
}

async function readAll(disk: Disk): Promise<Map<string, Uint8Array>> {
  const contents = new Map<string, Uint8Array>()
  for (const name of files) {
    const file = await disk.open(`here/${name}`, { mode: 'read' })
    const bytes = new Uint8Array(await file.size())
    await file.readAt(0, bytes)
    contents.set(name, bytes)
    await file.close()
  }
  return contents
}

/** Opens the given files as a checkpoint. */
async function openFiles(contents: ReadonlyMap<string, Uint8Array>): Promise<MemoryStore> {
  const disk = createMemoryDisk()
  await disk.makeFolder('here')
  for (const [name, bytes] of contents) {
    const file = await disk.open(`here/${name}`, { mode: 'create' })
    await file.writeAt(0, bytes)
    await file.close()
  }
  return openMemoryStore(hostOf(disk), 'here')
}

async function damage(contents: ReadonlyMap<string, Uint8Array>): Promise<PolylogError> {
  try {
    await openFiles(contents)
  } catch (error) {
    if (error instanceof PolylogError && error.code === 'data_corrupted') return error
    throw error
  }
  throw new Error('damage was not noticed')
}

describe('the bytes of a checkpoint', () => {
  test('are those of format 1, for ever', async () => {
    const written = await writeSample()
    if (process.env['REWRITE'] === '1') {
      fs.mkdirSync(golden, { recursive: true })
      for (const [name, bytes] of written) fs.writeFileSync(new URL(name, golden), bytes)
    }
    for (const name of files) {
      const expected = fs.readFileSync(new URL(name, golden))
      expect(Buffer.compare(expected, written.get(name)!), name).toBe(0)
    }
  })

  test('of the golden folder open as what was written', async () => {
    const contents = new Map(files.map((name) => [name, new Uint8Array(fs.readFileSync(new URL(name, golden)))]))
    const store = await openFiles(contents)
    expect(store.sequence).toBe(41)
    expect(store.persistedThrough).toBe(41)
    expect(store.statistics().keys).toBe(sample().length)
    for (const [key, value] of sample()) {
      expect(Buffer.compare(copySlice(store.current.get(key)!), copySlice(value))).toBe(0)
    }
  })
})

describe('writing a checkpoint', () => {
  /** A disk that tells of every write, and whose `failAt`th one fails. */
  function watched(sizes: number[], failAt = Infinity): Disk {
    const disk = createMemoryDisk()
    return new Proxy(disk, {
      get(target, name) {
        if (name !== 'open') return Reflect.get(target, name).bind(target)
        return async (...args: Parameters<Disk['open']>) => {
          const file = await target.open(...args)
          const writeAt = file.writeAt.bind(file)
          file.writeAt = (position, bytes) => {
            sizes.push(bytes.length)
            return sizes.length === failAt ? Promise.reject(new Error('no space')) : writeAt(position, bytes)
          }
          return file
        }
      },
    })
  }

  function filled(): MemoryStore {
    const store = new MemoryStore({ monotonic: () => 0, poison: true })
    for (let i = 0; i < 20_000; i++) {
      store.put(sliceOf(Buffer.from(`key ${i}`)), { bytes: new Uint8Array(60), start: 0, end: 60 })
    }
    store.put(sliceOf(Buffer.from('large')), sliceOf(new Uint8Array(5 << 20)))
    store.publish(9)
    return store
  }

  test('gives the thread up after every piece, in the middle of large values too', async () => {
    const sizes: number[] = []
    const disk = watched(sizes)
    await disk.makeFolder('here')
    await filled().checkpoint(hostOf(disk), 'here')
    expect(Math.max(...sizes)).toBeLessThanOrEqual(512 << 10)
    expect(sizes.length).toBeGreaterThan(20)
  })

  test('that fails pins nothing and persists nothing', async () => {
    for (const failAt of [1, 5]) {
      const disk = watched([], failAt)
      await disk.makeFolder('here')
      const store = filled()
      await expect(store.checkpoint(hostOf(disk), 'here')).rejects.toThrow('no space')
      expect(store.persistedThrough).toBe(0)
      expect(store.statistics().pinnedSnapshots).toBe(0)
    }
  })
})

describe('a damaged checkpoint', () => {
  let whole: Map<string, Uint8Array>
  beforeAll(async () => {
    whole = await writeSample()
  })

  /** All positions but in the run of the large value's bytes; of that run a few. */
  function positions(name: string): number[] {
    const { length } = whole.get(name)!
    const dense = (at: number): boolean => at < 1200 || at > length - 350 || at % 9973 === 0
    return Array.from({ length }, (_, at) => at).filter(dense)
  }

  test('is noticed by any flipped bit, with the file and a position in it', async () => {
    for (const name of files) {
      const bytes = whole.get(name)!
      for (const at of positions(name)) {
        const bit = 1 << ((at * 5 + (at >> 3)) % 8)
        bytes[at]! ^= bit
        const error = await damage(whole)
        bytes[at]! ^= bit
        expect(error.detail['file']).toBe(`here/${name}`)
        expect(error.detail['offset']).toBeLessThanOrEqual(bytes.length)
      }
    }
  })

  test('is noticed by every bit of the manifest', async () => {
    const bytes = whole.get('manifest')!
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      await damage(whole)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
  })

  test('is noticed when it is cut anywhere, or longer', async () => {
    for (const name of files) {
      const bytes = whole.get(name)!
      for (const length of [...positions(name).filter((at) => at % 3 === 0), bytes.length + 1]) {
        const other = new Uint8Array(length)
        other.set(bytes.subarray(0, length))
        await damage(new Map([...whole, [name, other]]))
      }
    }
  })

  test('is noticed when a file is missing or another checkpoint’s', async () => {
    for (const name of files) {
      const rest = new Map(whole)
      rest.delete(name)
      await damage(rest)
    }
    const store = new MemoryStore({ monotonic: () => 0 })
    for (const [key] of sample()) store.put(key, key)
    store.publish(42)
    const disk = createMemoryDisk()
    await disk.makeFolder('here')
    await store.checkpoint(hostOf(disk), 'here')
    const other = await readAll(disk)
    await damage(new Map([...whole, ['manifest', other.get('manifest')!]]))
    await damage(new Map([...whole, ['entries', other.get('entries')!]]))
  })

  test('of a newer format says so', async () => {
    const newer = whole.get('manifest')!.slice()
    new DataView(newer.buffer).setUint16(4, 2, true)
    const { crc32 } = await import('node:zlib')
    new DataView(newer.buffer).setUint32(60, crc32(newer.subarray(0, 60)), true)
    await expect(openFiles(new Map([...whole, ['manifest', newer]]))).rejects.toMatchObject({ code: 'data_newer' })
    const manifest = decodeManifest(whole.get('manifest')!, 'm')
    expect(encodeManifest(manifest)).toEqual(whole.get('manifest'))
  })
})

test('the blocks of another checkpoint of the same size are not taken for its own', async () => {
  const contents = async (text: string): Promise<Map<string, Uint8Array>> => {
    const disk = createMemoryDisk()
    await disk.makeFolder('here')
    const store = new MemoryStore({ monotonic: () => 0, poison: true })
    store.put(sliceOf(Buffer.from('key')), sliceOf(Buffer.from(text)))
    store.publish(41)
    await store.checkpoint(hostOf(disk), 'here')
    return readAll(disk)
  }
  const [one, other] = [await contents('one value'), await contents('two value')]
  const mixed = new Map([...one, ['entries', other.get('entries')!]])
  expect((await damage(mixed)).message).toContain('not those of the manifest')
})
