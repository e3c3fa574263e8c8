/** The past of databases: whatever was done, each state that was is shown as it was. */
import { describe, expect, it } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { catalogOf, contentOf, databaseOf, History as Work, name, optionsOn } from '../directory/crash-history.ts'
import { listCheckpoints } from '../directory/checkpoints.ts'
import type { Database } from '../database.ts'
import { Instance } from '../instance.ts'
import { openTestDatabase, runNow } from '../testing.ts'

const keptMs = 20_000

/** A process that works on a directory, dies now and then, and looks back. */
class LookingBack {
  readonly world: SimulatedWorld
  readonly work: Work
  process: SimulatedProcess
  instance!: Instance
  looked = 0

  constructor(seed: number) {
    this.world = new SimulatedWorld(seed)
    this.work = new Work(seed)
    this.process = this.world.startProcess('first', { machine: 'machine' })
  }

  get database(): Database {
    return databaseOf(this.instance)
  }

  async open(maxLogBytes = 1024 * 1024): Promise<void> {
    const retention = { keptMs, maxLogBytes }
    this.instance = await this.world.complete(Instance.open({ ...optionsOn(this.process), retention }, name))
    this.work.restartFrom(this.database)
  }

  async steps(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.work.step(this.database)
      await this.world.complete(this.work.settled())
      if (this.work.random.chance(0.4)) await this.pass(this.work.random.below(800))
    }
    await this.world.complete(this.database.pipeline.settled())
  }

  pass(ms: number): Promise<unknown> {
    return this.world.run({ untilMs: this.world.timeUs / 1000 + ms })
  }

  /** While none is being written. */
  async checkpoints(): Promise<number[]> {
    const { world, process, database } = this
    await world.complete(database.checkpoint())
    const [uuid] = await world.complete(process.disk.list('data/databases'))
    return world.complete(listCheckpoints(process.disk, `data/databases/${uuid}/checkpoint`))
  }

  async look(sequence: number): Promise<void> {
    const state = await this.world.complete(this.database.history.at(sequence))
    const { database } = state
    expect(database.newestSequence).toBe(sequence)
    expect(contentOf(database), `sequence ${sequence}`).toBe(this.work.contents.get(sequence) ?? '')
    expect(JSON.stringify(catalogOf(database))).toBe(this.work.catalogs.get(sequence) ?? '[]')
    state.release()
    this.looked++
  }

  async lookAround(count: number): Promise<void> {
    const oldest = await this.world.complete(this.database.history.oldest())
    for (let i = 0; i < count; i++) {
      const sequence = this.work.random.between(oldest, this.database.newestSequence)
      await this.look(sequence)
      if (this.work.random.chance(0.3)) await this.steps(2)
    }
  }

  async checkTimes(count: number): Promise<void> {
    const { database, work, world } = this
    const { oldest: first } = await world.complete(database.log.end())
    const times: [number, number][] = []
    const read = async (): Promise<void> => {
      for await (const { sequence, timeMs } of database.feed({ from: first })) times.push([sequence, timeMs])
    }
    await world.complete(read())
    const oldest = await world.complete(database.history.oldest())
    const from = times[0]![1] - 10
    for (let i = 0; i < count; i++) {
      const timeMs = work.random.between(from, Math.floor(database.pipeline.timeMs()))
      const expected = times.findLast(([, one]) => one <= timeMs)?.[0] ?? first - 1
      const found = await world.complete(
        database.history.sequenceAt(timeMs).catch((error: unknown) => (error as PolylogError).code),
      )
      expect(found).toBe(expected < oldest ? 'trimmed' : expected)
    }
  }
}

describe('the past of a database', () => {
  it.each([1, 2, 3, 4])('is every state that was, also after crashes (seed %i)', async (seed) => {
    const one = new LookingBack(seed)
    await one.open()
    for (let life = 0; life < 3; life++) {
      await one.steps(40)
      await one.lookAround(12)
      await one.checkTimes(10)
      if (life === 1) await one.world.complete(one.instance.close())
      else one.world.crash(one.process, life === 0 ? 'power' : 'process')
      one.process = one.world.startProcess(`life ${life}`, { machine: 'machine' })
      await one.open()
      await one.lookAround(6)
    }
    expect(one.work.largeCommits).toBeGreaterThan(0)
    expect(one.looked).toBe(54)
  })

  it('is as long as was asked for, and costs no more than three checkpoints', async () => {
    const one = new LookingBack(5)
    await one.open()
    const since = one.database.pipeline.timeMs()
    let most = 0
    for (let i = 0; i < 15; i++) {
      await one.steps(12)
      const { history, pipeline } = one.database
      const back = Math.max(since, pipeline.timeMs() - keptMs)
      const sequence = await one.world.complete(history.sequenceAt(Math.floor(back)))
      await one.look(sequence)
      most = Math.max(most, (await one.checkpoints()).length)
    }
    expect(most).toBe(3)
    const oldest = await one.world.complete(one.database.history.oldest())
    expect(oldest).toBeGreaterThan(0)
    expect(await codeOf(one, one.database.history.at(oldest - 1))).toBe('trimmed')
  })

  it('is shorter than was asked for where the log would grow beyond its bound', async () => {
    const one = new LookingBack(6)
    await one.open(32 * 1024)
    await one.steps(150)
    const bytes = one.database.log.describe().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    expect(bytes).toBeLessThan(128 * 1024)
    await one.lookAround(10)
  })

  it('shows the time of what it shows, and takes no writes', async () => {
    const database = await openTestDatabase()
    const put = (value: string): number => {
      runNow(database, (transaction) =>
        transaction.put(new KeyWriter(16).begin(77, 1).int64(1), sliceOf(Buffer.from(value))),
      )
      return database.newestSequence
    }
    const first = put('one')
    put('two')
    const state = await database.history.at(first, 12_345)
    const { database: past } = state
    expect(past.host.now()).toBe(12_345)
    const transaction = past.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    transaction.beginStatement()
    transaction.put(new KeyWriter(16).begin(77, 1).int64(1), sliceOf(Buffer.from('three')))
    expect(() => transaction.commit()).toThrow('the database is read-only: it shows what was at sequence')
    expect(() => past.nextCollectionId()).toThrow('read-only')
    state.release()
    await database.close()
  })

  it('settles a time: what is committed afterwards is later, also by a wall clock that goes back', async () => {
    const host = createRealHost()
    let nowMs = 1_000_000
    host.now = () => nowMs
    host.at = (ms, run) => {
      nowMs += ms
      queueMicrotask(run)
      return () => undefined
    }
    const database = await openTestDatabase({ host })
    const { history } = database
    let value = 0
    const put = (): number => {
      runNow(database, (transaction) =>
        transaction.put(new KeyWriter(16).begin(77, 1).int64(1), sliceOf(Buffer.from(`${++value}`))),
      )
      return database.newestSequence
    }
    const settled: [number, number][] = []
    for (const change of [0, 0, 5, -500_000, 0, 0.25, -1]) {
      nowMs += change
      const newest = put()
      const timeMs = await history.settledTime()
      settled.push([newest, timeMs])
      expect(await history.settledTime(timeMs)).toBe(timeMs)
    }
    const newest = put()
    await database.pipeline.settled()
    for (const [sequence, timeMs] of settled) expect(await history.sequenceAt(timeMs)).toBe(sequence)
    expect(history.recentTimeOf(newest)).toBeGreaterThan(settled.at(-1)![1])
    const before = database.pipeline.clock.last
    await expect(history.settledTime(nowMs + 10_000_000)).rejects.toMatchObject({ code: 'invalid_argument' })
    expect(database.pipeline.clock.last).toBe(before)
    await database.close()
  })

  it('that nobody reads is given up where memory is short', async () => {
    const world = new SimulatedWorld(1)
    const process = world.startProcess('first', { machine: 'machine' })
    const instance = await world.complete(Instance.open(optionsOn(process), name))
    const database = databaseOf(instance)
    new Work(1).step(database)
    await world.complete(database.pipeline.settled())
    const [read, idle] = [
      await world.complete(database.history.at(0)),
      await world.complete(database.history.at(database.newestSequence)),
    ]
    idle.release()
    for (const giveUp of instance.memory.holders) giveUp(1)
    await world.run({ untilMs: world.timeUs / 1000 + 100 })
    expect([read.database.isClosed, idle.database.isClosed]).toEqual([false, true])
    read.release()
    await world.complete(instance.close())
    expect(instance.memory.holders.size).toBe(0)
  })

  it('ends with its database, whoever reads it', async () => {
    const database = await openTestDatabase()
    runNow(database, (transaction) =>
      transaction.put(new KeyWriter(16).begin(77, 1).int64(1), sliceOf(Buffer.from('one'))),
    )
    const state = await database.history.at(database.newestSequence)
    const opening = database.history.at(0)
    await database.close()
    expect(state.database.isClosed).toBe(true)
    await expect(opening).rejects.toMatchObject({ code: 'shutting_down' })
    await expect(database.history.at(0)).rejects.toMatchObject({ code: 'shutting_down' })
  })
})

function codeOf({ world }: LookingBack, work: Promise<unknown>): Promise<string> {
  return world.complete(
    work.then(
      () => 'done',
      (error: unknown) => (error as PolylogError).code,
    ),
  )
}
