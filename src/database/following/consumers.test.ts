/** Named consumers hold the log back, up to their limit, over restarts and crashes. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import { sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { databaseOf, openOn } from '../directory/crash-history.ts'
import type { Database } from '../database.ts'
import type { Instance } from '../instance.ts'
import { openTestDatabase } from '../testing.ts'

let world: SimulatedWorld
let host: SimulatedProcess
let instance: Instance
let database: Database
let lives = 0

beforeEach(async () => {
  world = new SimulatedWorld(6)
  await restart()
})

async function restart(): Promise<void> {
  host = world.startProcess(`server ${++lives}`, { machine: 'machine' })
  instance = await world.complete(openOn(host))
  database = databaseOf(instance)
}

/** A record of 2 KB; checkpoints come by themselves. */
async function commit(count: number, on = database): Promise<void> {
  for (let i = 0; i < count; i++) {
    const transaction = on.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    transaction.beginStatement()
    transaction.put(new KeyWriter(16).begin(20, 1).int64(i), sliceOf(Buffer.alloc(2_000, i)))
    const sequence = await Promise.resolve(transaction.commit())
    await world.complete(new Promise<void>((resolve) => on.whenDurable(sequence, 'synced', () => resolve())))
  }
}

const checkpoint = (): Promise<unknown> => world.complete(database.checkpoint())
const oldest = async (): Promise<number> => (await database.log.end()).oldest

const errorOf = (work: Promise<unknown>): Promise<PolylogError | undefined> =>
  world.complete(
    work.then(
      () => undefined,
      (error: unknown) => error as PolylogError,
    ),
  )

function statusOf(name: string): unknown {
  const { position, state, kind } = database.logUse.consumer(name)
  return [position, state, kind]
}

async function sequencesOf(from: number, to: number): Promise<number[]> {
  const sequences: number[] = []
  for await (const { sequence } of database.feed({ from, to })) sequences.push(sequence)
  return sequences
}

test('without one the log goes with the checkpoints; with one it stays from its position on', async () => {
  await commit(40)
  await checkpoint()
  expect(await oldest()).toBeGreaterThan(20)
  await world.complete(database.logUse.register('search', { kind: 'learner' }))
  expect(statusOf('search')).toEqual([41, 'active', 'learner'])
  await commit(60)
  await checkpoint()
  expect(await oldest()).toBeLessThanOrEqual(41)
  expect((await world.complete(sequencesOf(41, 100))).length).toBe(60)
  const [held] = database.logUse.consumers
  expect(held!.heldBytes).toBeGreaterThan(60 * 2_000)
})

test('as it advances, what it has had goes, and what is dropped holds nothing', async () => {
  await world.complete(database.logUse.register('feed', { from: 1 }))
  await commit(60)
  await checkpoint()
  expect(await oldest()).toBe(1)
  database.logUse.advance('feed', 31)
  database.logUse.advance('feed', 7)
  expect(statusOf('feed')).toEqual([31, 'active', 'feed'])
  await world.run({ untilMs: world.timeUs / 1000 + 50 })
  const after = await oldest()
  expect(after).toBeGreaterThan(15)
  expect(after).toBeLessThanOrEqual(31)
  await world.complete(database.logUse.drop('feed'))
  await world.run({ untilMs: world.timeUs / 1000 + 50 })
  expect(await oldest()).toBeGreaterThan(45)
  expect(() => database.logUse.consumer('feed')).toThrow('there is no consumer')
})

describe('one that is too far behind', () => {
  test('is lost, told where it may go on, and goes on there', async () => {
    await world.complete(database.logUse.register('slow', { from: 1, maxLagBytes: 60_000 }))
    await world.complete(database.logUse.register('quick', { from: 1 }))
    await commit(20)
    await checkpoint()
    expect(statusOf('slow')).toEqual([1, 'active', 'feed'])
    await commit(40)
    // One that has begun by itself may have looked at positions before.
    await checkpoint()
    database.logUse.advance('quick', 50)
    await checkpoint()
    expect(statusOf('slow')).toEqual([1, 'lost', 'feed'])
    expect(statusOf('quick')).toEqual([50, 'active', 'feed'])
    const first = await oldest()
    expect(first).toBeGreaterThan(20)
    expect(first).toBeLessThanOrEqual(50)
    expect(await errorOf(database.logUse.positionOf('slow'))).toMatchObject({
      code: 'trimmed',
      detail: { oldest: first },
    })
    expect(() => database.logUse.advance('slow', 70)).toThrow('trimmed')
    world.crash(host, 'power')
    await restart()
    expect(statusOf('slow')).toEqual([1, 'lost', 'feed'])
    const from = await world.complete(database.logUse.goOn('slow'))
    expect(from).toBe(await oldest())
    expect(await world.complete(database.logUse.positionOf('slow'))).toBe(from)
    expect((await world.complete(sequencesOf(from, 60))).at(-1)).toBe(60)
  })

  test('holds nothing back of others, and keeps the log for nobody', async () => {
    await world.complete(database.logUse.register('slow', { from: 1, maxLagBytes: 0 }))
    await commit(40)
    await checkpoint()
    expect(statusOf('slow')).toEqual([1, 'lost', 'feed'])
    expect(database.logUse.consumers[0]).toMatchObject({ heldBytes: 0 })
    expect(await oldest()).toBeGreaterThan(20)
    world.crash(host, 'power')
    await restart()
    expect(statusOf('slow')).toEqual([1, 'lost', 'feed'])
  })
})

describe('after a restart', () => {
  test('they are there, by kill, power cut or stop', async () => {
    await world.complete(database.logUse.register('a "b"\n', { kind: 'backup' }))
    await world.complete(database.logUse.register('gone'))
    await world.complete(database.logUse.drop('gone'))
    for (const end of ['process', 'power', 'stop'] as const) {
      await commit(10)
      if (end === 'stop') {
        database.logUse.advance('a "b"\n', 25)
        await world.complete(instance.close())
      }
      world.crash(host, end === 'stop' ? 'process' : end)
      await restart()
      expect(database.logUse.consumers.map(({ name }) => name)).toEqual(['a "b"\n'])
    }
    expect(statusOf('a "b"\n')).toEqual([25, 'active', 'backup'])
  })

  test('slots are there again, but those that were temporary', async () => {
    const { slots } = database.logUse
    await world.complete(slots.create('kept', false, 1, () => slots.end))
    await world.complete(slots.create('fleeting', true, 1, () => slots.end))
    expect(slots.all.map(({ name, isTemporary }) => [name, isTemporary])).toEqual([
      ['kept', false],
      ['fleeting', true],
    ])
    expect(database.logUse.areRowsNoted).toBe(true)
    world.crash(host, 'power')
    await restart()
    expect(database.logUse.slots.all.map(({ name }) => name)).toEqual(['kept'])
    expect(database.logUse.areRowsNoted).toBe(true)
    await world.complete(database.logUse.slots.drop(database.logUse.slots.find('kept')!))
    expect(database.logUse.areRowsNoted).toBe(false)
    world.crash(host, 'power')
    await restart()
    expect(database.logUse.slots.all).toEqual([])
  })

  test('no crash leaves an active one without what it needs', async () => {
    await world.complete(database.logUse.register('feed', { from: 1 }))
    for (let round = 0; round < 12; round++) {
      await commit(8)
      database.logUse.advance('feed', round * 8 + 4)
      const ioCount = 1 + ((round * 7) % 29)
      world.faults.crashAt(host.name, ioCount, round % 2 === 0 ? 'power' : 'process')
      const crashed = database.checkpoint().catch(() => undefined)
      await Promise.race([world.run({ until: () => !host.alive, untilMs: world.timeUs / 1000 + 100 }), crashed])
      if (host.alive) world.crash(host, 'power')
      await restart()
      const { position, state } = database.logUse.consumer('feed')
      expect(state).toBe('active')
      expect(await oldest()).toBeLessThanOrEqual(position)
      expect(position).toBeLessThanOrEqual(round * 8 + 4)
      expect(await world.complete(database.logUse.positionOf('feed'))).toBe(position)
    }
  })

  test('a damaged file is said to be, with its place', async () => {
    await world.complete(database.logUse.register('feed'))
    await world.complete(instance.close())
    const { disk } = host
    const [uuid] = await world.complete(disk.list('data/databases'))
    const path = `data/databases/${uuid!}/consumers`
    const file = await world.complete(disk.open(path, { mode: 'write' }))
    await world.complete(file.writeAt(20, Buffer.from('9')))
    await world.complete(file.close())
    host = world.startProcess('damaged', { machine: 'machine' })
    const error = await errorOf(openOn(host))
    expect(error).toMatchObject({ code: 'data_corrupted' })
    expect(error!.message).toContain(path)
  })
})

test('two have not the same name, and none begins before the log', async () => {
  await world.complete(database.logUse.register('feed'))
  expect(await errorOf(database.logUse.register('feed'))).toMatchObject({ code: 'duplicate_object' })
  await world.complete(database.logUse.drop('feed'))
  await commit(40)
  await checkpoint()
  const first = await oldest()
  expect(await errorOf(database.logUse.register('late', { from: first - 1 }))).toMatchObject({
    code: 'trimmed',
    detail: { oldest: first },
  })
  expect(database.logUse.consumers).toEqual([])
})

test('a database in memory has them for as long as it lives', async () => {
  const memory = await openTestDatabase()
  await memory.logUse.register('feed')
  memory.logUse.advance('feed', 3)
  expect(memory.logUse.consumers).toMatchObject([{ name: 'feed', position: 3, state: 'active' }])
  await memory.close()
})
