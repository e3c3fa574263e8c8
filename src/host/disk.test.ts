import { randomFillSync } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Disk, DiskError, DiskErrorCode } from './host.ts'
import { encryptedDisk } from './encrypted/encrypted-disk.ts'
import { Encryption } from './encrypted/encryption.ts'
import { createRealHost } from './real/real-host.ts'
import { createMemoryDisk } from './simulated/memory-disk.ts'
import { SimulatedWorld } from './simulated/simulated-world.ts'

/** What every `Disk` does, whatever it is made of. */
interface Subject {
  readonly name: string
  /** Runs the body on an empty folder, to its end. */
  run(body: (disk: Disk, folder: string) => Promise<void>): Promise<void>
}

const temporary: string[] = []
afterAll(() => {
  for (const folder of temporary) fs.rmSync(folder, { recursive: true, force: true })
})

const subjects: Subject[] = [
  {
    name: 'real',
    run: async (body) => {
      const folder = fs.mkdtempSync(path.join(tmpdir(), 'polylog-disk-'))
      temporary.push(folder)
      await body(createRealHost().disk, folder)
    },
  },
  {
    name: 'simulated',
    run: async (body) => {
      const world = new SimulatedWorld(1)
      const { disk } = world.startProcess('test')
      const whole = async (): Promise<void> => {
        await disk.makeFolder('data')
        await body(disk, 'data')
      }
      await world.complete(whole())
    },
  },
  {
    name: 'encrypted',
    run: async (body) => {
      const disk = createMemoryDisk()
      await disk.makeFolder('data')
      await body(
        encryptedDisk(disk, 'data', new Encryption(new Map([[1, new Uint8Array(32)]]), randomFillSync)),
        'data',
      )
    },
  },
  {
    name: 'memory',
    run: async (body) => {
      const disk = createMemoryDisk()
      await disk.makeFolder('data')
      await body(disk, 'data')
    },
  },
]

async function codeOf(promise: Promise<unknown>): Promise<DiskErrorCode | 'no error'> {
  return promise.then(
    () => 'no error' as const,
    (error: unknown) => (error as DiskError).code,
  )
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

async function write(disk: Disk, name: string, content: string): Promise<void> {
  const file = await disk.open(name, { mode: 'create' })
  await file.writeAt(0, Buffer.from(content))
  await file.close()
}

async function read(disk: Disk, name: string): Promise<string> {
  const file = await disk.open(name, { mode: 'read' })
  const bytes = new Uint8Array(await file.size())
  await file.readAt(0, bytes)
  await file.close()
  return text(bytes)
}

describe.each(subjects)('$name disk', ({ run }) => {
  test('reads what was written, where it was written, and no further than the end', () =>
    run(async (disk, folder) => {
      const file = await disk.open(`${folder}/a`, { mode: 'create' })
      await file.writeAt(600, Buffer.from('later'))
      await file.writeAt(0, Buffer.from('first'))
      file.writeAtSync(2, Buffer.from('XX'))
      expect(await file.size()).toBe(605)
      const bytes = new Uint8Array(10).fill(1)
      expect(await file.readAt(0, bytes)).toBe(10)
      expect(text(bytes)).toBe('fiXXt\0\0\0\0\0')
      expect(file.readAtSync(602, bytes)).toBe(3)
      expect(text(bytes.subarray(0, 3))).toBe('ter')
      expect(await file.readAt(605, bytes)).toBe(0)
      expect(await file.readAt(9999, bytes)).toBe(0)
      expect(await file.readAt(0, new Uint8Array(0))).toBe(0)
      await file.writeAt(2000, new Uint8Array(0))
      expect(await file.size()).toBe(605)
      await file.sync()
      await file.close()
    }))

  test('writes of many megabytes arrive whole', () =>
    run(async (disk, folder) => {
      const file = await disk.open(`${folder}/a`, { mode: 'create', syncWrites: true })
      const bytes = new Uint8Array(3_000_001).map((_, index) => index * 7)
      await file.writeAt(5, bytes)
      const found = new Uint8Array(bytes.length)
      expect(await file.readAt(5, found)).toBe(bytes.length)
      expect(Buffer.compare(found, bytes)).toBe(0)
      await file.close()
    }))

  test('allocates zeros from a position on, and truncates both ways', () =>
    run(async (disk, folder) => {
      const file = await disk.open(`${folder}/a`, { mode: 'create' })
      await file.writeAt(0, Buffer.from('abcdef'))
      await file.allocate(3, 1_500_000)
      expect(await file.size()).toBe(1_500_000)
      const bytes = new Uint8Array(6)
      await file.readAt(0, bytes)
      expect(text(bytes)).toBe('abc\0\0\0')
      await file.truncate(2)
      await file.truncate(6)
      await file.readAt(0, bytes)
      expect(text(bytes)).toBe('ab\0\0\0\0')
      await file.allocate(0, 3)
      expect(await file.size()).toBe(6)
      await file.close()
    }))

  test('modes: read does not write, write needs the file, create needs its absence', () =>
    run(async (disk, folder) => {
      expect(await codeOf(disk.open(`${folder}/a`, { mode: 'read' }))).toBe('not-found')
      expect(await codeOf(disk.open(`${folder}/a`, { mode: 'write' }))).toBe('not-found')
      expect(await codeOf(disk.open(`${folder}/none/a`, { mode: 'create' }))).toBe('not-found')
      await write(disk, `${folder}/a`, 'text')
      expect(await codeOf(disk.open(`${folder}/a`, { mode: 'create' }))).toBe('exists')
      expect(await codeOf(disk.open(`${folder}/a/b`, { mode: 'create' }))).toBe('not-found')
      expect(await codeOf(disk.open(folder, { mode: 'read' }))).toBe('io')
      const reader = await disk.open(`${folder}/a`, { mode: 'read' })
      expect(await codeOf(reader.writeAt(0, Buffer.from('x')))).toBe('io')
      expect(() => reader.writeAtSync(0, Buffer.from('x'))).toThrow(/a/)
      await reader.close()
      const writer = await disk.open(`${folder}/a`, { mode: 'write' })
      await writer.writeAt(0, Buffer.from('T'))
      await writer.close()
      expect(await read(disk, `${folder}/a`)).toBe('Text')
    }))

  test('a closed file answers io, and may be closed again', () =>
    run(async (disk, folder) => {
      const file = await disk.open(`${folder}/a`, { mode: 'create' })
      await file.close()
      expect(await codeOf(file.readAt(0, new Uint8Array(1)))).toBe('io')
      expect(await codeOf(file.writeAt(0, new Uint8Array(1)))).toBe('io')
      expect(await codeOf(file.sync())).toBe('io')
      expect(await codeOf(file.size())).toBe('io')
      expect(() => file.readAtSync(0, new Uint8Array(1))).toThrow(/closed/)
      await file.close()
    }))

  test('closing waits for what is under way', () =>
    run(async (disk, folder) => {
      const file = await disk.open(`${folder}/a`, { mode: 'create' })
      let written = false
      const bytes = new Uint8Array(2_000_000).fill(0x61)
      const writing = file.writeAt(0, bytes).then(() => (written = true))
      await file.close()
      await writing.then(() => expect(written).toBe(true))
      expect((await read(disk, `${folder}/a`)).length).toBe(bytes.length)
      const again = await disk.open(`${folder}/a`, { mode: 'read' })
      // At the end of a file a real read asks twice: the second time must not find another file's descriptor.
      const reading = again.readAt(bytes.length - 5, new Uint8Array(10))
      await again.close()
      expect(await reading).toBe(5)
    }))

  test('lists in order of code units', () =>
    run(async (disk, folder) => {
      for (const name of ['b', 'a', 'B', '10', '9', 'ä']) await write(disk, `${folder}/${name}`, '')
      expect(await disk.list(folder)).toEqual(['10', '9', 'B', 'a', 'b', 'ä'])
      expect(await codeOf(disk.list(`${folder}/none`))).toBe('not-found')
      expect(await codeOf(disk.list(`${folder}/a`))).toBe('not-found')
    }))

  test('renames, replacing what was there', () =>
    run(async (disk, folder) => {
      await write(disk, `${folder}/a`, 'new')
      await write(disk, `${folder}/b`, 'old')
      await disk.rename(`${folder}/a`, `${folder}/b`)
      expect(await disk.list(folder)).toEqual(['b'])
      expect(await read(disk, `${folder}/b`)).toBe('new')
      expect(await codeOf(disk.rename(`${folder}/a`, `${folder}/c`))).toBe('not-found')
      expect(await codeOf(disk.rename(`${folder}/b`, `${folder}/none/c`))).toBe('not-found')
      await disk.makeFolder(`${folder}/sub`)
      await disk.rename(`${folder}/b`, `${folder}/sub/b`)
      await disk.rename(`${folder}/sub`, `${folder}/moved`)
      expect(await read(disk, `${folder}/moved/b`)).toBe('new')
      await disk.syncFolder(`${folder}/moved`)
      await disk.syncFolder(folder)
      expect(await codeOf(disk.rename(`${folder}/moved`, `${folder}/moved/in`))).toBe('io')
    }))

  test('links give a file a second name', () =>
    run(async (disk, folder) => {
      await write(disk, `${folder}/a`, 'text')
      await disk.link(`${folder}/a`, `${folder}/b`)
      expect(await codeOf(disk.link(`${folder}/a`, `${folder}/b`))).toBe('exists')
      expect(await codeOf(disk.link(`${folder}/none`, `${folder}/c`))).toBe('not-found')
      expect(await codeOf(disk.link(folder, `${folder}/c`))).toBe('access')
      await disk.rename(`${folder}/a`, `${folder}/b`)
      expect(await disk.list(folder)).toEqual(['a', 'b'])
      await disk.remove(`${folder}/a`)
      expect(await read(disk, `${folder}/b`)).toBe('text')
    }))

  test('removes files and empty folders; a file lives on for who has it open', () =>
    run(async (disk, folder) => {
      await disk.makeFolder(`${folder}/sub`)
      expect(await codeOf(disk.makeFolder(`${folder}/sub`))).toBe('exists')
      expect(await codeOf(disk.makeFolder(`${folder}/none/sub`))).toBe('not-found')
      await write(disk, `${folder}/sub/a`, 'text')
      expect(await codeOf(disk.remove(`${folder}/sub`))).toBe('io')
      const file = await disk.open(`${folder}/sub/a`, { mode: 'read' })
      await disk.remove(`${folder}/sub/a`)
      await disk.remove(`${folder}/sub`)
      expect(await codeOf(disk.remove(`${folder}/sub`))).toBe('not-found')
      expect(await disk.list(folder)).toEqual([])
      const bytes = new Uint8Array(4)
      await file.readAt(0, bytes)
      expect(text(bytes)).toBe('text')
      await file.close()
    }))

  test('syncs folders, and says where there is none', () =>
    run(async (disk, folder) => {
      await disk.syncFolder(folder)
      expect(await codeOf(disk.syncFolder(`${folder}/none`))).toBe('not-found')
    }))

  test('tells whether what is locked still lies where it was', () =>
    run(async (disk, folder) => {
      await disk.makeFolder(`${folder}/inner`)
      const lock = await disk.lock(`${folder}/inner/LOCK`)
      expect(await lock.isInPlace()).toBe(true)
      await disk.rename(`${folder}/inner`, `${folder}/elsewhere`)
      expect(await lock.isInPlace()).toBe(false)
      await disk.makeFolder(`${folder}/inner`)
      await disk.makeFolder(`${folder}/inner/LOCK`)
      expect(await lock.isInPlace()).toBe(false)
      await disk.remove(`${folder}/inner/LOCK`)
      await disk.remove(`${folder}/inner`)
      await disk.rename(`${folder}/elsewhere`, `${folder}/inner`)
      expect(await lock.isInPlace()).toBe(true)
      await lock.release()
    }))

  test('locks once', () =>
    run(async (disk, folder) => {
      const lock = await disk.lock(`${folder}/LOCK`)
      expect(await disk.list(folder)).toEqual(['LOCK'])
      const error = await disk.lock(`${folder}/LOCK`).catch((reason: unknown) => reason)
      expect(error).toMatchObject({ code: 'locked', pid: expect.any(Number) })
      await lock.release()
      const again = await disk.lock(`${folder}/LOCK`)
      await lock.release()
      expect(await codeOf(disk.lock(`${folder}/LOCK`))).toBe('locked')
      await again.release()
      expect(await codeOf(disk.lock(`${folder}/none/LOCK`))).toBe('not-found')
    }))
})
