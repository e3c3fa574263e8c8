import { describe, expect, test } from 'vitest'
import { sliceOf } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import type { SimulatedProcess } from '../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { contentOf, databaseOf, History, openOn } from './directory/crash-history.ts'
import { Instance } from './instance.ts'
import { commitNow } from './testing.ts'

let serial = 0

function start(world: SimulatedWorld): SimulatedProcess {
  return world.startProcess(`process ${++serial}`, { machine: 'disk' })
}

/** A directory with some data in it, closed. */
async function filled(seed: number): Promise<SimulatedWorld> {
  const world = new SimulatedWorld(seed)
  const process = start(world)
  const instance = await world.complete(openOn(process))
  const history = new History(seed)
  const work = async (): Promise<void> => {
    for (let i = 0; i < 60; i++) {
      history.step(databaseOf(instance))
      await new Promise<void>((resolve) => void process.at(1, resolve))
    }
  }
  await world.complete(work())
  await world.complete(instance.close())
  world.crash(process, 'process')
  return world
}

async function overwrite(world: SimulatedWorld, path: string, text: string, at = 0): Promise<void> {
  const process = start(world)
  const write = async (): Promise<void> => {
    const file = await process.disk.open(path, { mode: 'write' })
    await file.writeAt(at, Buffer.from(text))
    await file.sync()
    await file.close()
  }
  await world.complete(write())
  world.crash(process, 'process')
}

async function pathsOf(world: SimulatedWorld): Promise<string[]> {
  return world
    .machine('disk')
    .disk.files()
    .map(({ path }) => path)
}

async function codeOf(opening: Promise<unknown>): Promise<string> {
  try {
    await opening
    return 'opened'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('a data directory', () => {
  test('is held by one process at a time', async () => {
    const world = await filled(1)
    const first = await world.complete(openOn(start(world)))
    await expect(world.complete(openOn(start(world)))).rejects.toMatchObject({
      code: 'directory_locked',
      message: expect.stringMatching(/data is in use by another process \(process \d+\)/) as string,
    })
    await world.complete(first.close())
    expect(await codeOf(world.complete(openOn(start(world))))).toBe('opened')
  })

  test('of a newer version is refused, and left as it is', async () => {
    const world = await filled(2)
    await overwrite(world, 'data/FORMAT', '9\n')
    await expect(world.complete(openOn(start(world)))).rejects.toMatchObject({
      code: 'data_newer',
      message: expect.stringContaining('data has format 9') as string,
    })
  })

  test.each(['x\n', '\0\n', '-1'])('with a damaged FORMAT (%j) is refused', async (text) => {
    const world = await filled(3)
    await overwrite(world, 'data/FORMAT', text)
    await expect(world.complete(openOn(start(world)))).rejects.toMatchObject({
      code: 'data_corrupted',
      message: expect.stringContaining('data/FORMAT') as string,
    })
  })

  test('with a damaged checkpoint is refused, with the place', async () => {
    const world = await filled(4)
    const path = (await pathsOf(world)).find((name) => /checkpoint\/\d+\/.*entries/.test(name))
    await overwrite(world, path!, 'damage', 100)
    await expect(world.complete(openOn(start(world)))).rejects.toMatchObject({
      code: 'data_corrupted',
      message: expect.stringContaining('checkpoint') as string,
    })
  })

  test('whose log does not reach its checkpoint is refused: something is missing between them', async () => {
    const world = await filled(5)
    const process = start(world)
    const [folder] = await world.complete(process.disk.list('data/databases'))
    const path = `data/databases/${folder}/checkpoint`
    const [sequence] = await world.complete(process.disk.list(path))
    // An older state under the number of a checkpoint that the log has been trimmed behind.
    await world.complete(process.disk.rename(`${path}/${sequence}`, `data/old`))
    world.crash(process, 'process')
    await expect(world.complete(openOn(start(world)))).rejects.toMatchObject({
      code: 'data_corrupted',
      message: expect.stringMatching(/the checkpoint ends at sequence 0, the log holds \d+ to \d+/) as string,
    })
  })

  test('with a missing segment in the middle of the log is refused', async () => {
    const world = new SimulatedWorld(6)
    const process = start(world)
    const options = { host: process, directory: 'data', segmentBytes: 16 * 1024, checkpointEveryBytes: 1e9 }
    const instance = await world.complete(Instance.open(options, 'main'))
    const history = new History(6)
    const work = async (): Promise<void> => {
      for (let i = 0; i < 120; i++) {
        history.step(databaseOf(instance))
        await new Promise<void>((resolve) => void process.at(1, resolve))
      }
    }
    await world.complete(work())
    world.crash(process, 'process')
    const remover = start(world)
    const [folder] = await world.complete(remover.disk.list('data/databases'))
    const names = await world.complete(remover.disk.list(`data/databases/${folder}/log`))
    const segments = names.filter((name) => /^\d/.test(name) || /^[0-9a-f]{8,}/.test(name))
    expect(segments.length).toBeGreaterThan(3)
    await world.complete(remover.disk.remove(`data/databases/${folder}/log/${segments[1]}`))
    world.crash(remover, 'process')
    expect(await codeOf(world.complete(openOn(start(world))))).toBe('data_corrupted')
  })

  test('whose creation is cut short at any operation is simply made again', async () => {
    const world = new SimulatedWorld(7)
    const process = start(world)
    await world.complete(openOn(process))
    const operations = process.ioCount
    expect(operations).toBeGreaterThan(15)
    for (let io = 1; io <= operations; io++) {
      const cut = new SimulatedWorld(700 + io)
      cut.faults.crashAt('first', io, io % 4 === 0 ? 'process' : 'power')
      const first = cut.startProcess('first', { machine: 'disk' })
      let settled = false
      openOn(first).then(
        () => (settled = true),
        () => (settled = true),
      )
      await cut.run({ until: () => settled || !first.alive })
      cut.crash(first, 'power')
      const instance = await cut.complete(openOn(start(cut)))
      expect([...instance.names], `cut at ${io}`).toEqual(['main'])
      expect(contentOf(databaseOf(instance))).toBe('')
    }
  })

  test('whose second database is cut short at any operation has it or has it not, and the first one whole', async () => {
    const sizing = await filled(21)
    const sized = start(sizing)
    const before = await sizing.complete(openOn(sized))
    const from = sized.ioCount
    await sizing.complete(before.create('second'))
    const operations = sized.ioCount - from
    expect(operations).toBeGreaterThan(15)
    const ends = new Set<number>()
    for (let io = 1; io <= operations; io++) {
      const cut = await filled(21)
      const process = start(cut)
      const instance = await cut.complete(openOn(process))
      const content = contentOf(databaseOf(instance))
      // A killed process leaves what it has done last, whatever the seed.
      const isKilled = io % 3 === 0 || io === operations
      cut.faults.crashAt(process.name, process.ioCount + io, isKilled ? 'process' : 'power')
      let isMade = false
      instance.create('second').then(
        () => (isMade = true),
        () => undefined,
      )
      await cut.run({ until: () => isMade || !process.alive })
      cut.crash(process, 'power')
      const again = await cut.complete(openOn(start(cut)))
      expect(contentOf(databaseOf(again)), `cut at ${io}`).toBe(content)
      if (isMade) expect([...again.names]).toEqual(['main', 'second'])
      ends.add(again.names.length)
      if (again.names.length === 1) await cut.complete(again.create('second'))
      await cut.complete(again.close())
    }
    expect(ends).toEqual(new Set([1, 2]))
  })

  test('whose list cannot be written makes no database, and makes it later', async () => {
    const world = await filled(25)
    const process = start(world)
    const instance = await world.complete(openOn(process))
    world.faults.once({ fault: 'sync-error', process: process.name, path: 'CONTENTS' })
    expect(await codeOf(world.complete(instance.create('second')))).toBe('io_error')
    expect([...instance.names]).toEqual(['main'])
    await world.complete(instance.create('second'))
    world.crash(process, 'power')
    const again = await world.complete(openOn(start(world)))
    expect([...again.names]).toEqual(['main', 'second'])
  })

  test('of format 1 becomes one of the present format, whenever that is cut short', async () => {
    const version1 = async (seed: number): Promise<SimulatedWorld> => {
      const world = await filled(seed)
      const process = start(world)
      const [uuid] = await world.complete(process.disk.list('data/databases'))
      await world.complete(process.disk.remove('data/CONTENTS'))
      const log = `data/databases/${uuid}/log`
      for (const name of await world.complete(process.disk.list(log))) {
        if (name.startsWith('newest-')) await world.complete(process.disk.remove(`${log}/${name}`))
      }
      await world.complete(process.disk.syncFolder(log))
      await world.complete(process.disk.syncFolder('data'))
      world.crash(process, 'process')
      await overwrite(world, 'data/FORMAT', '1\n')
      return world
    }
    const sizing = await version1(21)
    const sized = start(sizing)
    const opened = await sizing.complete(openOn(sized))
    const content = contentOf(databaseOf(opened))
    expect(content.length).toBeGreaterThan(1000)
    for (let io = 1; io <= sized.ioCount; io++) {
      const cut = await version1(21)
      const process = start(cut)
      cut.faults.crashAt(process.name, io, io % 3 === 0 ? 'process' : 'power')
      let settled = false
      openOn(process).then(
        () => (settled = true),
        () => (settled = true),
      )
      await cut.run({ until: () => settled || !process.alive })
      cut.crash(process, 'power')
      const again = await cut.complete(openOn(start(cut)))
      expect(contentOf(databaseOf(again)), `cut at ${io}`).toBe(content)
      expect(await pathsOf(cut)).toContain('data/CONTENTS')
    }
  })

  test.each([
    ['deleted', undefined],
    ['that is no UTF-8', Buffer.from([0xff, 0xfe])],
    ['with a NUL', Buffer.from('a\0b/../c')],
    ['emptied', Buffer.alloc(0)],
  ])('of format 1 with a name %s is refused', async (_, name) => {
    const world = await filled(22)
    await overwrite(world, 'data/FORMAT', '1\n')
    const process = start(world)
    const [uuid] = await world.complete(process.disk.list('data/databases'))
    const path = `data/databases/${uuid}/name`
    await world.complete(process.disk.remove(path))
    if (name !== undefined) {
      const file = await world.complete(process.disk.open(path, { mode: 'create' }))
      await world.complete(file.writeAt(0, name))
    }
    world.crash(process, 'process')
    await expect(world.complete(openOn(start(world)))).rejects.toMatchObject({
      code: 'data_corrupted',
      message: expect.stringContaining(path) as string,
    })
  })

  test.each(['', 'a\0b', '\ud800', 'x'.repeat(64)])('takes no database named %j', async (name) => {
    const world = new SimulatedWorld(23)
    const instance = await world.complete(openOn(start(world)))
    expect(await codeOf(world.complete(instance.create(name)))).toBe('invalid_argument')
  })

  test.each(['', 'a\0b'])('is not at %j', async (directory) => {
    const world = new SimulatedWorld(24)
    expect(await codeOf(Instance.open({ host: start(world), directory }, 'main'))).toBe('invalid_argument')
  })

  test('a disk that is full at the start says so', async () => {
    const world = new SimulatedWorld(8)
    world.machine('disk').disk.capacityBytes = 1024
    expect(await codeOf(world.complete(openOn(start(world))))).toBe('disk_full')
  })

  test('that cannot be read says so, and lets go of its lock', async () => {
    const world = await filled(9)
    const process = start(world)
    world.faults.once({ fault: 'read-error', process: process.name, path: 'FORMAT' })
    expect(await codeOf(world.complete(openOn(process)))).toBe('io_error')
    expect(await codeOf(world.complete(openOn(process)))).toBe('opened')
  })
})

describe('a database in memory', () => {
  test('has no checkpoints and leaves nothing', async () => {
    const world = new SimulatedWorld(10)
    const process = start(world)
    const instance = await world.complete(Instance.open({ host: process }, 'main'))
    const database = databaseOf(instance)
    const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    transaction.beginStatement()
    transaction.put(new KeyWriter(8).begin(20, 1).int64(1), sliceOf(Buffer.from('x')))
    commitNow(transaction)
    expect(await codeOf(database.checkpoint())).toBe('unsupported')
    await world.complete(instance.close())
    expect(await pathsOf(world)).toEqual([])
  })
})
