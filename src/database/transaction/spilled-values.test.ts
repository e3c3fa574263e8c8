/** Private writes whose values lie in a file, against a map: whatever has to be waited for, they say the same. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import { MutableSlice, sliceOf, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import { Elsewhere } from '../contract.ts'
import { type TemporaryFile, TemporaryFiles } from '../directory/temporary-files.ts'
import { TransactionCursor } from './transaction-cursor.ts'
import { asBatch } from './wait.ts'
import { WriteSet } from './write-set.ts'

const slice = (text: string): Slice => sliceOf(Buffer.from(text, 'latin1'))

async function newFiles(limitBytes = 1e9): Promise<TemporaryFiles> {
  const disk = createMemoryDisk()
  await disk.makeFolder('/t')
  return TemporaryFiles.open(disk, '/t', limitBytes)
}

let waits = 0

/** Runs a batch until nothing is to be waited for. */
async function finished<T>(batch: () => T): Promise<T> {
  for (;;) {
    try {
      return asBatch(batch)
    } catch (error) {
      if (!(error instanceof Elsewhere)) throw error
      waits++
      await error.done
    }
  }
}

function spillingSet(files: TemporaryFiles, chunkBytes: number): WriteSet {
  return new WriteSet({ createFile: () => files.create(), fromBytes: 0, chunkBytes })
}

async function put(set: WriteSet, key: string, value: string): Promise<void> {
  await finished(() => {
    set.waitForRoom()
    set.put(slice(key), slice(value), false)
  })
}

async function read(set: WriteSet, key: string): Promise<string | null | undefined> {
  const found = await finished(() => set.get(slice(key), new MutableSlice()))
  return found === null || found === undefined ? found : sliceToLatin1(found)
}

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), key: fc.nat(30), length: fc.nat(400) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), key: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'mark' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('rollback' as const), which: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('scan' as const), reverse: fc.boolean() }) },
  ),
  { minLength: 1, maxLength: 120, size: 'max' },
)

type State = Map<string, string | null>

/** All that the cursor gives, as entries. */
async function scanned(set: WriteSet, reverse: boolean): Promise<[string, string][]> {
  const store = await openMemoryStore(createRealHost(), undefined)
  const range = { start: slice('k'), end: slice('l') }
  const cursor = new TransactionCursor(() => store.current, set, range, { reverse })
  const found: [string, string][] = []
  while (await finished(() => cursor.next())) found.push([sliceToLatin1(cursor.key), sliceToLatin1(cursor.value)])
  store.close()
  return found
}

describe('values in a file', () => {
  test('are what was written, whatever is taken back', async () => {
    const property = fc.asyncProperty(steps, fc.integer({ min: 150, max: 900 }), async (program, chunkBytes) => {
      const files = await newFiles()
      const set = spillingSet(files, chunkBytes)
      let state: State = new Map()
      const marks: { count: number; state: State }[] = []
      let serial = 0
      for (const step of program) {
        if (step.kind === 'put') {
          const [key, value] = [`k${step.key}`, `${++serial} ${'v'.repeat(step.length)}`]
          await put(set, key, value)
          state.set(key, value)
        } else if (step.kind === 'delete') {
          set.delete(slice(`k${step.key}`), false)
          state.set(`k${step.key}`, null)
        } else if (step.kind === 'read') {
          expect(await read(set, `k${step.key}`)).toBe(state.get(`k${step.key}`))
        } else if (step.kind === 'mark') marks.push({ count: set.count, state: new Map(state) })
        else if (step.kind === 'rollback' && marks.length > 0) {
          const at = step.which % marks.length
          set.rollbackTo(marks[at]!.count)
          state = new Map(marks[at]!.state)
          marks.length = at
        } else if (step.kind === 'scan') {
          const all = [...state].filter((entry): entry is [string, string] => entry[1] !== null)
          all.sort(([a], [b]) => (a < b ? -1 : 1))
          expect(await scanned(set, step.reverse)).toEqual(step.reverse ? all.reverse() : all)
        }
      }
      for (const [key, value] of state) expect(await read(set, key)).toBe(value)
      let bytes = 0
      for (let i = 0; i < set.count; i++) {
        const [key, value] = [new MutableSlice(), new MutableSlice()]
        await finished(() => set.read(i, key, value))
        bytes += key.end - key.start + value.end - value.start
      }
      expect(set.hasSpilled ? set.sizeBytes >= bytes : set.sizeBytes === bytes).toBe(true)
      set.reset()
      await new Promise((resolve) => setImmediate(resolve))
      expect([files.openFiles, files.usedBytes, set.residentBytes]).toEqual([0, 0, 0])
    })
    waits = 0
    await fc.assert(property, { numRuns: 60 })
    expect(waits).toBeGreaterThan(100)
  })

  test('leave a few chunks of them in memory, and are read in order with one wait for two chunks', async () => {
    const set = spillingSet(await newFiles(), 10_000)
    for (let i = 0; i < 5000; i++) await put(set, `k${String(i).padStart(5, '0')}`, `${i} ${'x'.repeat(900)}`)
    expect(set.sizeBytes).toBeGreaterThan(4_500_000)
    expect(set.residentBytes).toBeLessThan(5000 * 6 + 5000 * 12 + 16 * 10_000)
    waits = 0
    for (let i = 0; i < 5000; i++)
      expect((await read(set, `k${String(i).padStart(5, '0')}`))!.split(' ')[0]).toBe(`${i}`)
    expect(waits).toBeLessThan(5000 / 10 / 2 + 10)
    set.reset()
  })

  test('that are short leave memory later, but leave it', async () => {
    const files = await newFiles()
    const set = new WriteSet({ createFile: () => files.create(), fromBytes: 20_000, chunkBytes: 10_000 })
    const put40 = (i: number): Promise<void> => put(set, `k${String(i).padStart(5, '0')}`, `${i}`.padEnd(40, 'x'))
    for (let i = 0; i < 1500; i++) await put40(i)
    expect(set.hasSpilled).toBe(false)
    for (let i = 1500; i < 10_000; i++) await put40(i)
    expect(set.sizeBytes).toBeGreaterThan(10_000 * 46)
    // Keys with what stands for a value, what came before, and a few chunks.
    expect(set.residentBytes).toBeLessThan(10_000 * 18 + 80_000 + 16 * 10_000)
    for (const i of [0, 1499, 1500, 5000, 9999]) {
      expect(await read(set, `k${String(i).padStart(5, '0')}`)).toBe(`${i}`.padEnd(40, 'x'))
    }
    set.reset()
  })

  test('wait for a disk that is slower than whoever writes them', async () => {
    const files = await newFiles()
    const createFile = async (): Promise<TemporaryFile> => {
      const file = await files.create()
      const append = file.append.bind(file)
      file.append = async (bytes) => {
        await new Promise((resolve) => setImmediate(resolve))
        await append(bytes)
      }
      return file
    }
    const set = new WriteSet({ createFile, fromBytes: 0, chunkBytes: 2_000 })
    let most = 0
    for (let i = 0; i < 300; i++) {
      await put(set, `k${i}`, 'x'.repeat(900))
      most = Math.max(most, set.residentBytes)
    }
    expect(most).toBeLessThan(15 * 2_000 + 300 * 20)
    set.reset()
  })

  test('are refused when there is no room, by the next write or read', async () => {
    const set = spillingSet(await newFiles(20_000), 5_000)
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 100; i++) await put(set, `k${i}`, 'x'.repeat(900))
    }
    await expect(fill()).rejects.toThrow(PolylogError)
    await expect(fill()).rejects.toMatchObject({ code: 'disk_full' })
    set.reset()
    await put(set, 'again', 'y'.repeat(200))
    expect(await read(set, 'again')).toBe('y'.repeat(200))
    set.reset()
  })
})
