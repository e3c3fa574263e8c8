import { describe, expect, test } from 'vitest'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { crashAndCompare, operationsOf } from './crash-comparison.ts'
import { contentOf, databaseOf, History, openOn, runHistory } from './crash-history.ts'

function expectNothingRepeated({ numbers, ids }: History): void {
  expect({ numbers: numbers.repeated, ids: ids.repeated }).toEqual({ numbers: [], ids: [] })
}

describe('a database after a crash', () => {
  test.each([1, 2])(
    'is one of its states, and no older than acknowledged: at every operation (seed %i)',
    async (seed) => {
      const operations = await operationsOf({ seed })
      expect(operations).toBeGreaterThan(100)
      for (let io = 1; io <= operations; io += 1 + (io % 2)) {
        const kind = io % 3 === 0 ? 'process' : 'power'
        await crashAndCompare({ seed, io, kind, again: io % 5 === 0 ? 1 + (io % 23) : 0 })
      }
    },
  )

  test('has in each engine what it has in memory', async () => {
    for (const seed of [3, 4]) {
      const operations = await operationsOf({ seed, hasTwins: true })
      for (let io = 1 + seed; io <= operations; io += 29) {
        const kind = io % 3 === 0 ? 'process' : 'power'
        await crashAndCompare({ seed, hasTwins: true, io, kind, again: io % 2 === 0 ? 1 + (io % 37) : 0 })
      }
    }
  })

  test('keeps what is written after a killed process had made its folders', async () => {
    const sizing = new SimulatedWorld(40)
    const sized = sizing.startProcess('first', { machine: 'disk' })
    await sizing.complete(openOn(sized))
    for (let round = 0; round < sized.ioCount * 4; round++) {
      const io = 1 + (round >> 2)
      const world = new SimulatedWorld(4000 + round)
      world.faults.crashAt('first', io, 'process')
      const first = world.startProcess('first', { machine: 'disk' })
      await runHistory(world, first, new History(io), 1)
      world.crash(first, 'process')
      const second = world.startProcess('second', { machine: 'disk' })
      const instance = await world.complete(openOn(second))
      const history = new History(io)
      history.restartFrom(databaseOf(instance))
      for (let i = 0; i < 5; i++) history.step(databaseOf(instance))
      await world.complete(history.settled())
      await world.complete(databaseOf(instance).pipeline.settled())
      history.acknowledged.synced = databaseOf(instance).newestSequence
      world.crash(second, 'power')
      const third = await world.complete(openOn(world.startProcess('third', { machine: 'disk' })))
      expect(history.faultOf(databaseOf(third), 'power'), `killed at ${io}`).toBeUndefined()
    }
  })

  test('is the same after a clean end, with numbers that go on', async () => {
    const world = new SimulatedWorld(5)
    const history = new History(5)
    for (let round = 0; round < 5; round++) {
      const process = world.startProcess(`run ${round}`, { machine: 'disk' })
      await runHistory(world, process, history, 40)
      world.crash(process, 'process')
      const reader = world.startProcess(`reader ${round}`, { machine: 'disk' })
      const instance = await world.complete(openOn(reader))
      expect(history.faultOf(databaseOf(instance), 'power')).toBeUndefined()
      await world.complete(instance.close())
      world.crash(reader, 'process')
    }
    expect(history.numbers.size).toBeGreaterThan(5)
    expectNothingRepeated(history)
  })

  test.each([8, 9, 10, 11])('has a bound above each number that one of its records uses (seed %i)', async (seed) => {
    const world = new SimulatedWorld(seed)
    const history = new History(seed)
    // Each commit compares.
    await runHistory(world, world.startProcess('first', { machine: 'disk' }), history, 400)
    expect(history.numbers.size).toBeGreaterThan(5)
    expect(history.largeCommits).toBeGreaterThan(5)
    expectNothingRepeated(history)
  })

  test('has the time of its last commit, though the clock was set back', async () => {
    const world = new SimulatedWorld(6)
    const history = new History(6)
    const first = world.startProcess('first', { machine: 'disk' })
    first.jumpClock(3_600_000)
    await runHistory(world, first, history, 20)
    world.crash(first, 'process')
    const second = world.startProcess('second', { machine: 'disk' })
    const instance = await world.complete(openOn(second))
    expect(databaseOf(instance).recovered.replayed).toBe(0)
    expect(databaseOf(instance).pipeline.timeMs()).toBeGreaterThanOrEqual(second.now() + 3_500_000)
  })

  test('has checkpoints written while it serves, and needs little of the log', async () => {
    const world = new SimulatedWorld(7)
    const history = new History(7)
    const process = world.startProcess('first', { machine: 'disk' })
    const instance = await world.complete(openOn(process))
    const database = databaseOf(instance)
    const work = async (): Promise<void> => {
      for (let i = 0; i < 150; i++) {
        history.step(database)
        await new Promise<void>((resolve) => void process.at(1, resolve))
      }
    }
    await world.complete(work())
    expect(database.lastCheckpoint).toBeGreaterThan(20)
    world.crash(process, 'power')
    const again = await world.complete(openOn(world.startProcess('second', { machine: 'disk' })))
    expect(history.faultOf(databaseOf(again), 'power')).toBeUndefined()
    expect(databaseOf(again).recovered.replayed).toBeLessThan(150)
    expect(contentOf(databaseOf(again)).length).toBeGreaterThan(100)
  })

  test.each([11, 12, 13, 14, 15, 16])('on a disk that was full now and then (seed %i)', async (seed) => {
    const world = new SimulatedWorld(seed)
    const history = new History(seed)
    const process = world.startProcess('first', { machine: 'disk' })
    const { disk } = world.machine('disk')
    const instance = await world.complete(openOn(process))
    const database = databaseOf(instance)
    const pause = (): Promise<void> => new Promise((resolve) => void process.at(20, resolve))
    const refusals = { refused: 0 }
    const work = async (steps: number): Promise<void> => {
      for (let i = 0; i < steps; i++) {
        try {
          history.step(database)
        } catch (error) {
          expect(error).toMatchObject({ code: 'disk_full' })
          refusals.refused++
        }
        if (i % 3 === 0) await pause()
        history.noteRefused(database)
      }
    }
    for (let round = 0; round < 3; round++) {
      disk.capacityBytes = disk.usedBytes
      await world.complete(work(250))
      disk.capacityBytes = Infinity
      await world.complete(work(150))
    }
    expect(database.returns).toBeGreaterThan(3)
    expect(refusals.refused).toBeGreaterThan(3)
    const kind = seed % 2 === 0 ? 'power' : 'process'
    world.crash(process, kind)
    const again = databaseOf(await world.complete(openOn(world.startProcess('second', { machine: 'disk' }))))
    expect(history.faultOf(again, kind)).toBeUndefined()
    const sequences: number[] = []
    const { oldest, end } = await world.complete(again.log.end())
    const follow = async (): Promise<void> => {
      for await (const { sequence } of again.feed({ from: oldest })) sequences.push(sequence)
    }
    await world.complete(follow())
    expect(sequences).toEqual(Array.from({ length: end - oldest + 1 }, (_, i) => oldest + i))
    // What was taken for refused records may come again now; what is in the log may not.
    history.restartFrom(again)
    for (let i = 0; i < 60; i++) history.step(again)
    await world.complete(history.settled())
    expectNothingRepeated(history)
  })
})
