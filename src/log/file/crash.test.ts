import { describe, expect, it } from 'vitest'
import type { CrashKind } from '../../host/simulated/faults.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { openSmallLog, runWorkload, start, Workload } from './crash-workload.ts'

const steps = 40

/** Disk operations of the whole workload without a crash. */
async function operationsOf(seed: number): Promise<number> {
  const world = new SimulatedWorld(seed)
  await runWorkload(world, start(world, 'first'), new Workload(seed), steps)
  return world.ioCount
}

/** Crashes at one operation, perhaps once more while recovering, checks what is found, goes on, and checks again. */
async function crashAndCheck(seed: number, io: number, kind: CrashKind, recoveryIo: number): Promise<void> {
  const world = new SimulatedWorld(seed)
  const workload = new Workload(seed)
  world.faults.crashAt('first', io, kind)
  const first = start(world, 'first')
  await runWorkload(world, first, workload, steps)
  await world.run({ until: () => !first.alive })
  if (recoveryIo > 0) await crashInRecovery(world, recoveryIo)
  const second = start(world, 'second')
  const recovered = await world.complete(openSmallLog(second))
  await world.complete(workload.verify(recovered, recoveryIo > 0 ? 'power' : kind))
  await world.complete(recovered.close())
  const log = await runWorkload(world, second, workload, 8)
  world.crash(second, 'power')
  expect(log).toBeDefined()
  const again = await world.complete(openSmallLog(start(world, 'third')))
  await world.complete(workload.verify(again, 'power'))
}

async function crashInRecovery(world: SimulatedWorld, io: number): Promise<void> {
  const process = start(world, 'recovering')
  world.faults.crashAt('recovering', io, 'power')
  let opened = false
  openSmallLog(process).then(
    () => (opened = true),
    () => (opened = true),
  )
  await world.run({ until: () => opened || !process.alive })
  world.crash(process, 'power')
}

describe('crashes of the file log', () => {
  it('lose nothing when writes are made on the thread', async () => {
    let onThread = 0
    for (let seed = 50; seed < 80; seed++) {
      const world = new SimulatedWorld(seed)
      const workload = new Workload(seed, { levels: ['synced'] })
      const process = start(world, 'first')
      const { disk } = process
      const open = disk.open.bind(disk)
      disk.open = async (path, options) => {
        const file = await open(path, options)
        const write = file.writeAtSync.bind(file)
        file.writeAtSync = (position, bytes) => {
          onThread++
          write(position, bytes)
        }
        return file
      }
      world.faults.crashAt('first', 200 + seed * 3, 'power')
      await runWorkload(world, process, workload, 150)
      await world.run({ until: () => !process.alive, untilMs: world.timeUs / 1000 + 100 })
      world.crash(process, 'power')
      await world.complete(workload.verify(await world.complete(openSmallLog(start(world, 'second'))), 'power'))
    }
    expect(onThread).toBeGreaterThan(100)
  })

  it.each([1, 2])('lose nothing that was acknowledged, at every operation (seed %i)', async (seed) => {
    const operations = await operationsOf(seed)
    expect(operations).toBeGreaterThan(60)
    for (let io = 1; io <= operations; io++) {
      const kind = io % 3 === 0 ? 'process' : 'power'
      await crashAndCheck(seed, io, kind, io % 4 === 0 ? 1 + (io % 17) : 0)
    }
  })
})
