import { describe, expect, test } from 'vitest'
import { sliceOf } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import type { SimulatedProcess } from '../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { contentOf } from './directory/crash-history.ts'
import type { Database } from './database.ts'
import { Instance } from './instance.ts'

let serial = 0

function start(world: SimulatedWorld): SimulatedProcess {
  return world.startProcess(`process ${++serial}`, { machine: 'disk' })
}

function open(process: SimulatedProcess, segmentBytes = 16 * 1024): Promise<Instance> {
  return Instance.open({ host: process, directory: 'data', segmentBytes }, 'main')
}

function write(database: Database, value: string): void {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  transaction.put(new KeyWriter(8).begin(20, 1).int64(1), sliceOf(Buffer.from(value)))
  void transaction.commit()
}

function usedBytes(world: SimulatedWorld): number {
  return world.machine('disk').disk.usedBytes
}

function pathsOf(world: SimulatedWorld): string[] {
  return world
    .machine('disk')
    .disk.files()
    .map(({ path }) => path)
}

/** A directory with `main`, and `other` with something in it, closed. */
async function twoDatabases(seed: number): Promise<SimulatedWorld> {
  const world = new SimulatedWorld(seed)
  const process = start(world)
  const instance = await world.complete(open(process))
  write(instance.databases.get('main')!, 'main')
  await world.complete(instance.create('other'))
  const other = await world.complete(instance.use('other'))
  write(other, 'other')
  await world.complete(other.checkpoint())
  write(other, 'more')
  await world.complete(instance.close())
  world.crash(process, 'process')
  return world
}

describe('databases that are not used', () => {
  test('take little of the disk and of a start, and are opened when they are used', async () => {
    const world = new SimulatedWorld(1)
    const process = start(world)
    const instance = await world.complete(open(process, 64 * 1024 * 1024))
    const [bytes, operations] = [usedBytes(world), process.ioCount]
    for (let i = 0; i < 50; i++) await world.complete(instance.create(`d${i}`))
    expect((usedBytes(world) - bytes) / 50).toBeLessThan(256 * 1024)
    expect((process.ioCount - operations) / 50).toBeLessThan(40)
    expect([...instance.databases.keys()]).toEqual(['main'])
    write(await world.complete(instance.use('d7')), 'seven')
    expect([...instance.databases.keys()]).toEqual(['main', 'd7'])
    await world.complete(instance.close())
    world.crash(process, 'power')
    const second = start(world)
    const again = await world.complete(open(second, 64 * 1024 * 1024))
    expect(second.ioCount).toBeLessThan(100 + 50 * 8)
    expect([...again.databases.keys()]).toEqual(['main'])
    expect(again.names.length).toBe(51)
    expect(contentOf(await world.complete(again.use('d7')))).toContain('seven')
    expect(contentOf(await world.complete(again.use('d8')))).toBe('')
    // What is written to takes the space of a small log.
    expect(usedBytes(world)).toBeLessThan(51 * 256 * 1024)
  })

  test('are opened once, however many ask for them', async () => {
    const world = await twoDatabases(2)
    const instance = await world.complete(open(start(world)))
    const [one, two] = await world.complete(Promise.all([instance.use('other'), instance.use('other')]))
    expect(one).toBe(two)
    await expect(world.complete(instance.use('none'))).rejects.toMatchObject({ code: 'undefined_object' })
  })

  test('that are damaged keep nobody from the others, and say so to who uses them', async () => {
    const world = await twoDatabases(3)
    const process = start(world)
    const segment = pathsOf(world).filter((path) => path.endsWith('.log'))
    const names = await Promise.all(
      segment.map(async (path) => {
        const file = await world.complete(process.disk.open(path.replace(/log\/[^/]*$/, 'name'), { mode: 'read' }))
        const bytes = new Uint8Array(16)
        const length = await world.complete(file.readAt(0, bytes))
        return Buffer.from(bytes.subarray(0, length)).toString()
      }),
    )
    const file = await world.complete(process.disk.open(segment[names.indexOf('other')]!, { mode: 'write' }))
    await world.complete(file.writeAt(0, Buffer.alloc(64, 'damage')))
    await world.complete(file.sync())
    world.crash(process, 'process')
    const instance = await world.complete(open(start(world)))
    expect(contentOf(instance.databases.get('main')!)).toContain('main')
    for (let i = 0; i < 2; i++) {
      await expect(world.complete(instance.use('other'))).rejects.toMatchObject({
        code: 'data_corrupted',
        message: expect.stringContaining('database "other" in data/databases/') as string,
      })
    }
    await world.complete(instance.close())
  })
})

describe('a database that is dropped', () => {
  test('is gone with all its files, open or not, and its name is free', async () => {
    for (const isOpen of [true, false]) {
      const world = await twoDatabases(4)
      const process = start(world)
      const instance = await world.complete(open(process))
      if (isOpen) write(await world.complete(instance.use('other')), 'once more')
      await world.complete(instance.drop('other'))
      expect(instance.names).toEqual(['main'])
      expect(pathsOf(world).filter((path) => path.endsWith('/name')).length).toBe(1)
      await expect(world.complete(instance.use('other'))).rejects.toMatchObject({ code: 'undefined_object' })
      await expect(world.complete(instance.drop('other'))).rejects.toMatchObject({ code: 'undefined_object' })
      await world.complete(instance.create('other'))
      expect(contentOf(await world.complete(instance.use('other')))).toBe('')
      world.crash(process, 'power')
      const again = await world.complete(open(start(world)))
      expect(contentOf(await world.complete(again.use('other')))).toBe('')
    }
  })

  test('is the default one: refused', async () => {
    const world = await twoDatabases(5)
    const instance = await world.complete(open(start(world)))
    await expect(world.complete(instance.drop('main'))).rejects.toMatchObject({ code: 'denied' })
  })

  test('is whole or gone, whenever that is cut short, and what is left of it goes at the next start', async () => {
    const sizing = await twoDatabases(6)
    const sized = start(sizing)
    const before = await sizing.complete(open(sized))
    const from = sized.ioCount
    await sizing.complete(before.drop('other'))
    const operations = sized.ioCount - from
    expect(operations).toBeGreaterThan(15)
    const ends = new Set<number>()
    for (let io = 1; io <= operations; io++) {
      const world = await twoDatabases(6)
      const process = start(world)
      const instance = await world.complete(open(process))
      world.faults.crashAt(process.name, process.ioCount + io, io % 2 === 0 ? 'process' : 'power')
      let isOver = false
      const end = (): boolean => (isOver = true)
      instance.drop('other').then(end, end)
      await world.run({ until: () => isOver || !process.alive })
      world.crash(process, 'power')
      const again = await world.complete(open(start(world)))
      expect(contentOf(again.databases.get('main')!)).toContain('main')
      ends.add(again.names.length)
      if (again.names.length === 2) {
        expect(contentOf(await world.complete(again.use('other'))), `cut at ${io}`).toContain('more')
      } else expect(pathsOf(world).filter((path) => path.endsWith('/name')).length, `cut at ${io}`).toBe(1)
      await world.complete(again.close())
    }
    expect(ends).toEqual(new Set([1, 2]))
  })

  test('is still there where the list cannot be written', async () => {
    const world = await twoDatabases(7)
    const process = start(world)
    const instance = await world.complete(open(process))
    world.faults.once({ fault: 'sync-error', process: process.name, path: 'CONTENTS' })
    await expect(world.complete(instance.drop('other'))).rejects.toMatchObject({ code: 'io_error' })
    expect(contentOf(await world.complete(instance.use('other')))).toContain('more')
    await world.complete(instance.drop('other'))
    expect(instance.names).toEqual(['main'])
  })
})
