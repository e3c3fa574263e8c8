import { describe, expect, test } from 'vitest'
import type { File } from '../host.ts'
import type { FaultName } from './faults.ts'
import { SECTOR_BYTES } from './file-image.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { SimulatedWorld } from './simulated-world.ts'

async function start(
  seed = 1,
  syncWrites = false,
): Promise<{ world: SimulatedWorld; host: SimulatedProcess; file: File }> {
  const world = new SimulatedWorld(seed)
  const host = world.startProcess('p')
  const file = await world.complete(host.disk.open('f', { mode: 'create', syncWrites }))
  await world.complete(host.disk.syncFolder(''))
  return { world, host, file }
}

const letters = (letter: string, sectors = 1): Uint8Array => Buffer.alloc(sectors * SECTOR_BYTES, letter)

/** What the next process of the machine finds in the file. */
async function reread(world: SimulatedWorld): Promise<string> {
  const { disk } = world.startProcess(`reader ${world.steps}`, { machine: 'p' })
  const file = await world.complete(disk.open('f', { mode: 'read' }))
  const bytes = new Uint8Array(await world.complete(file.size()))
  await world.complete(file.readAt(0, bytes))
  const sectors = Array.from({ length: bytes.length / SECTOR_BYTES }, (_, index) => bytes[index * SECTOR_BYTES] ?? 0)
  return String.fromCharCode(...sectors).replaceAll('\0', '.')
}

describe('set faults', () => {
  test.each<[FaultName, (file: File) => Promise<unknown>]>([
    ['read-error', (file) => file.readAt(0, new Uint8Array(1))],
    ['write-error', (file) => file.writeAt(0, letters('N'))],
    ['sync-error', (file) => file.sync()],
    ['folder-error', (file) => file.size()],
  ])('%s strikes once, at the opportunity it is set for', async (fault, call) => {
    const { world, file } = await start()
    world.faults.once({ fault, process: 'other' })
    world.faults.once({ fault, process: 'p', path: 'f', after: 1 })
    await world.complete(call(file))
    await expect(world.complete(call(file))).rejects.toMatchObject({ code: 'io', path: 'f' })
    expect(world.faultCounts[fault]).toBe(1)
    if (fault !== 'sync-error') await world.complete(call(file))
    else await expect(world.complete(call(file))).rejects.toMatchObject({ code: 'io' })
  })

  test('the synchronous calls meet the same faults', async () => {
    const { world, file } = await start()
    world.faults.probability = { 'write-error': 1, 'read-error': 1 }
    expect(() => file.writeAtSync(0, letters('N'))).toThrow(/input\/output/)
    expect(() => file.readAtSync(0, new Uint8Array(1))).toThrow(/input\/output/)
    expect(world.faultCounts).toEqual({ 'write-error': 1, 'read-error': 1 })
  })

  test('a failed sync is never made good: later ones fail, and the bytes may go with the power', async () => {
    const found = new Set<string>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const { world, host, file } = await start(seed)
      await world.complete(file.writeAt(0, letters('a')))
      await world.complete(file.sync())
      await world.complete(file.writeAt(0, letters('N')))
      world.faults.once({ fault: 'sync-error' })
      await expect(world.complete(file.sync())).rejects.toMatchObject({ code: 'io' })
      await expect(world.complete(file.sync())).rejects.toMatchObject({ code: 'io' })
      const again = await world.complete(host.disk.open('f', { mode: 'write' }))
      await world.complete(again.sync())
      world.crash(host, 'power')
      found.add(await reread(world))
    }
    expect([...found].sort()).toEqual(['N', 'a'])
  })

  test('a failed durable write poisons the syncs of its file, one for lack of space does not', async () => {
    const { world, file } = await start(1, true)
    world.faults.once({ fault: 'no-space' })
    await expect(world.complete(file.writeAt(0, letters('N')))).rejects.toMatchObject({ code: 'no-space' })
    await world.complete(file.sync())
    world.faults.once({ fault: 'write-error' })
    await expect(world.complete(file.writeAt(0, letters('N')))).rejects.toMatchObject({ code: 'io' })
    await expect(world.complete(file.sync())).rejects.toMatchObject({ code: 'io' })
  })

  test('a lying sync and a lying durable write lose what they promised', async () => {
    for (const syncWrites of [false, true]) {
      const found = new Set<string>()
      for (let seed = 1; seed <= 30; seed += 1) {
        const { world, host, file } = await start(seed, syncWrites)
        world.faults.probability = { 'lying-sync': 1 }
        await world.complete(file.writeAt(0, letters('N')))
        if (!syncWrites) await world.complete(file.sync())
        world.crash(host, 'power')
        expect(world.faultCounts['lying-sync']).toBe(1)
        found.add(await reread(world))
      }
      expect([...found].sort()).toEqual(['', '.', 'N'])
    }
  })

  test('torn and shortened writes fail with a part written: any sectors, or a prefix', async () => {
    const found: Record<string, Set<string>> = { tear: new Set(), shorten: new Set() }
    for (let seed = 1; seed <= 100; seed += 1) {
      for (const fault of ['tear', 'shorten'] as const) {
        const { world, file } = await start(seed)
        await world.complete(file.writeAt(0, letters('a', 3)))
        world.faults.once({ fault })
        await expect(world.complete(file.writeAt(0, letters('N', 3)))).rejects.toMatchObject({ code: 'io' })
        found[fault]?.add(await reread(world))
      }
    }
    expect([...(found['shorten'] ?? [])].sort()).toEqual(['NNN', 'NNa', 'Naa', 'aaa'])
    expect(found['tear']?.size).toBe(8)
  })

  test('bits flip, in what is read or on the disk', async () => {
    const { world, file } = await start()
    await world.complete(file.writeAt(0, letters('a')))
    const bits = (): number => {
      const bytes = new Uint8Array(SECTOR_BYTES)
      file.readAtSync(0, bytes)
      return bytes.reduce((sum, byte) => sum + (byte ^ 0x61).toString(2).replaceAll('0', '').length, 0)
    }
    world.faults.once({ fault: 'flip-on-read' })
    expect([bits(), bits()]).toEqual([1, 0])
    world.flipBit(world.machine('p'), 'f')
    expect([bits(), bits()]).toEqual([1, 1])
    world.faults.once({ fault: 'flip-at-rest' })
    await world.complete(file.writeAt(0, letters('a')))
    expect([bits(), bits()]).toEqual([1, 1])
  })

  test('a slow disk takes longer', async () => {
    const { world, file } = await start()
    const start0 = world.timeUs
    await world.complete(file.writeAt(0, letters('a')))
    const usual = world.timeUs - start0
    world.faults.once({ fault: 'slow-disk' })
    await world.complete(file.writeAt(0, letters('a')))
    expect(world.timeUs - start0 - usual).toBeGreaterThan(usual)
    expect(world.faultCounts['slow-disk']).toBe(1)
  })
})

test('a full disk refuses what would grow, takes the rest, and goes on when it has space', async () => {
  const { world, host, file } = await start()
  const { disk } = world.machine('p')
  await world.complete(file.writeAt(0, letters('a', 2)))
  disk.capacityBytes = 3 * SECTOR_BYTES
  await expect(world.complete(file.writeAt(SECTOR_BYTES, letters('b', 3)))).rejects.toMatchObject({ code: 'no-space' })
  await world.complete(file.writeAt(0, letters('c', 3)))
  await expect(world.complete(file.allocate(0, 2000))).rejects.toMatchObject({ code: 'no-space' })
  await expect(world.complete(file.truncate(2000))).rejects.toMatchObject({ code: 'no-space' })
  disk.capacityBytes = 4 * SECTOR_BYTES
  await world.complete(file.writeAt(3 * SECTOR_BYTES, letters('d')))
  await world.complete(file.sync())
  expect(disk.usedBytes).toBe(4 * SECTOR_BYTES)
  await world.complete(host.disk.remove('f'))
  expect(disk.usedBytes).toBe(0)
})

describe('what is under way at a crash', () => {
  /** A synced file of three `a`, and a write of three `N` during which the process ends. */
  async function crashDuringWrite(kind: 'process' | 'power', syncWrites: boolean): Promise<string[]> {
    const found = new Set<string>()
    for (let seed = 1; seed <= 200; seed += 1) {
      const { world, host, file } = await start(seed, syncWrites)
      await world.complete(file.writeAt(0, letters('a', 3)))
      await world.complete(file.sync())
      world.faults.crashAt('p', host.ioCount + 1, kind)
      let done = false
      void file.writeAt(0, letters('N', 3)).finally(() => (done = true))
      await world.run()
      expect(done).toBe(false)
      found.add(await reread(world))
    }
    return [...found].sort()
  }
  const all = ['NNN', 'NNa', 'NaN', 'Naa', 'aNN', 'aNa', 'aaN', 'aaa']

  test.each([true, false])('a write may have reached any of its sectors (durable: %s)', async (syncWrites) => {
    expect(await crashDuringWrite('power', syncWrites)).toEqual(all)
    expect(await crashDuringWrite('process', syncWrites)).toEqual(all)
  })

  test('kill -9 loses nothing that was completed, power only what was not synced', async () => {
    const found = { process: new Set<string>(), power: new Set<string>() }
    for (let seed = 1; seed <= 60; seed += 1) {
      for (const kind of ['process', 'power'] as const) {
        const { world, host, file } = await start(seed)
        await world.complete(file.writeAt(0, letters('a')))
        await world.complete(file.sync())
        await world.complete(file.writeAt(SECTOR_BYTES, letters('b')))
        file.writeAtSync(2 * SECTOR_BYTES, letters('c'))
        world.crash(host, kind)
        found[kind].add(await reread(world))
      }
    }
    expect([...found.process]).toEqual(['abc'])
    expect([...found.power].sort()).toEqual(['a', 'a.', 'a..', 'a.c', 'ab', 'ab.', 'abc'])
  })

  test('a sync may have done its work or not; a completed one has', async () => {
    const found = { under: new Set<string>(), done: new Set<string>() }
    for (let seed = 1; seed <= 100; seed += 1) {
      const { world, host, file } = await start(seed, false)
      await world.complete(file.writeAt(0, letters('N')))
      world.faults.crashAt('p', host.ioCount + (seed % 2) + 1, 'power')
      void file.sync().then(() => file.size())
      await world.run()
      found[seed % 2 === 0 ? 'under' : 'done'].add(await reread(world))
    }
    expect([...found.under].sort()).toEqual(['', '.', 'N'])
    expect([...found.done]).toEqual(['N'])
  })

  test('a synchronous durable write is cut by its crash, and throws so that nothing follows it', async () => {
    const { world, host, file } = await start(3, true)
    world.faults.crashAt('p', host.ioCount + 1, 'process')
    const after: string[] = []
    host.at(1, () => {
      file.writeAtSync(0, letters('N', 3))
      after.push('went on')
    })
    await world.run()
    expect(after).toEqual([])
    expect([host.alive, world.fatals.length, world.faultCounts['crash-process']]).toEqual([false, 0, 1])
  })

  test('a write takes effect when it completes: a buffer that is reused too early shows', async () => {
    const { world, file } = await start()
    const bytes = letters('a')
    const written = file.writeAt(0, bytes)
    bytes.fill(0x4e)
    await world.complete(written)
    expect(await reread(world)).toBe('N')
  })
})
