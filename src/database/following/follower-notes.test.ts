/** Followers with names: the leader of their directory keeps its log for them, up to a limit, for as long as they live. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { contentOf, databaseOf, History, name, openOn, optionsOn } from '../directory/crash-history.ts'
import type { Database } from '../database.ts'
import type { Instance } from '../instance.ts'
import { FollowingInstance } from './following-instance.ts'
import type { ConsumerStatus } from './log-use.ts'

const own = { name: 'reports', maxLagBytes: 100_000_000 }
const ownFile = Buffer.from(own.name).toString('hex')

let world: SimulatedWorld
let leader: SimulatedProcess
let follower: SimulatedProcess
let instance: Instance
let history: History

beforeEach(async () => {
  world = new SimulatedWorld(9)
  leader = world.startProcess('leader', { machine: 'machine' })
  follower = world.startProcess('follower', { machine: 'machine' })
  instance = await world.complete(openOn(leader))
  history = new History(3)
})

/** Looks so seldom that what is written meanwhile is trimmed before it is read, unless it is kept. */
const openFollower = (named = own, pollMs = 5_000, on = follower): Promise<FollowingInstance> =>
  world.complete(FollowingInstance.open({ ...optionsOn(on), pollMs, follower: named }, name))

async function work(steps: number, database = databaseOf(instance)): Promise<void> {
  for (let i = 0; i < steps; i++) {
    history.step(database)
    await world.complete(history.settled())
  }
  await world.complete(database.pipeline.settled())
}

const pass = (ms: number): Promise<unknown> => world.run({ untilMs: world.timeUs / 1000 + ms })

async function caughtUp(following: FollowingInstance): Promise<Database> {
  await world.complete(following.waitFor(name, databaseOf(instance).newestSequence))
  return following.databases.get(name)!
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  world.complete(
    work.then(
      () => 'done',
      (error: unknown) => (error as PolylogError).code,
    ),
  )

const oldest = async (): Promise<number> => (await databaseOf(instance).log.end()).oldest
const known = (): ConsumerStatus[] => databaseOf(instance).logUse.consumers
const saidTimes = (part: string): number => world.logged.filter(({ message }) => message.includes(part)).length

async function folderOf(): Promise<string> {
  const [uuid] = await world.complete(leader.disk.list('data/databases'))
  return `data/databases/${uuid!}/followers`
}

const filesThere = async (): Promise<string[]> =>
  (await world.complete(leader.disk.list(await folderOf()))).filter((file) => !file.endsWith('.lock'))

async function write(file: string, text: string): Promise<void> {
  const opened = await world.complete(leader.disk.open(`${await folderOf()}/${file}`, { mode: 'create' }))
  await world.complete(opened.writeAt(0, Buffer.from(text)))
  await world.complete(opened.close())
}

describe('a follower that is behind', () => {
  test('finds all of the log, which goes when it has read that', async () => {
    const following = await openFollower()
    await work(10)
    await caughtUp(following)
    await pass(1_500)
    const position = databaseOf(instance).newestSequence
    await work(200)
    expect(databaseOf(instance).lastCheckpoint).toBeGreaterThan(position)
    expect(await oldest()).toBeLessThanOrEqual(position)
    await pass(1)
    expect(contentOf(await caughtUp(following))).toBe(contentOf(databaseOf(instance)))
    expect(following.restarts).toBe(0)
    await pass(12_000)
    // By nobody's commit or checkpoint.
    expect(await oldest()).toBeGreaterThan(position)
    expect(known()).toEqual([
      {
        name: 'reports',
        kind: 'follower',
        position: databaseOf(instance).newestSequence,
        maxLagBytes: own.maxLagBytes,
        state: 'active',
        heldBytes: expect.any(Number),
      },
    ])
  })

  test('by more than its limit is passed, told so, begins anew, and is kept the log again', async () => {
    const following = await openFollower({ ...own, maxLagBytes: 20_000 })
    await work(10)
    await caughtUp(following)
    await pass(1_500)
    await work(200)
    expect(known()).toMatchObject([{ state: 'lost', heldBytes: 0 }])
    expect(contentOf(await caughtUp(following))).toBe(contentOf(databaseOf(instance)))
    expect([following.restarts, following.passed]).toEqual([1, 1])
    expect(saidTimes('the follower "reports" needs sequence')).toBe(1)
    expect(saidTimes('because more than 20000 bytes would have been kept')).toBe(1)
    await pass(6_000)
    expect(known()).toMatchObject([{ state: 'active', position: databaseOf(instance).newestSequence }])
    expect(await filesThere()).toEqual([ownFile])
  })

  test('without a name leaves nothing, and is kept nothing', async () => {
    const following = await world.complete(FollowingInstance.open({ ...optionsOn(follower), pollMs: 5_000 }, name))
    await work(210)
    await caughtUp(following)
    expect([following.restarts, following.passed]).toEqual([1, 0])
    expect(await codeOf(filesThere())).toBe('not-found')
  })
})

describe('a note', () => {
  test('of one that was killed holds nothing after a minute, and goes after an hour', async () => {
    await openFollower()
    world.crash(follower, 'process')
    await work(100)
    expect(await oldest()).toBe(1)
    await pass(70_000)
    expect(known()).toMatchObject([{ state: 'silent', heldBytes: 0 }])
    expect(await oldest()).toBeGreaterThan(10)
    expect(saidTimes('has said nothing for a minute')).toBe(1)
    await pass(3_600_000)
    expect(known()).toEqual([])
    expect(await filesThere()).toEqual([])
  })

  test('that is none, or is damaged, is said to be, once, and holds nothing back', async () => {
    const following = await openFollower()
    const [file] = await filesThere()
    const opened = await world.complete(leader.disk.open(`${await folderOf()}/${file!}`, { mode: 'read' }))
    const bytes = new Uint8Array(200)
    const text = Buffer.from(bytes.subarray(0, await world.complete(opened.readAt(0, bytes)))).toString()
    await world.complete(opened.close())
    await world.complete(following.close())
    await write('aa', 'hello')
    await write('bb', '')
    await write('cc', text.replace(/\n0 /, '\n1 '))
    await write('README', 'no file of ours')
    await work(100)
    await pass(20_000)
    expect(await oldest()).toBeGreaterThan(10)
    expect(saidTimes('is no note of a follower')).toBe(3)
    expect(known()).toEqual([])
  })

  test('that cannot be written is no reason to follow no longer, and is said once', async () => {
    const following = await openFollower()
    world.faults.probability = { 'write-error': 1 }
    await pass(10_000)
    world.faults.probability = {}
    expect(saidTimes('the leader is not told how far')).toBe(1)
    await work(20)
    await caughtUp(following)
    await pass(10_000)
    expect(known()).toMatchObject([{ state: 'active', position: databaseOf(instance).newestSequence }])
  })

  test('goes with its follower: by close, and by leading', async () => {
    await world.complete((await openFollower()).close())
    expect(await filesThere()).toEqual([])
    const following = await openFollower()
    await world.complete(instance.close())
    await world.complete(following.promote(name))
    expect(await filesThere()).toEqual([])
    await world.complete(following.close())
  })
})

test('one process at a time has a name, and who was killed has it no longer', async () => {
  const following = await openFollower()
  const other = world.startProcess('other', { machine: 'machine' })
  const open = (): Promise<unknown> =>
    FollowingInstance.open({ ...optionsOn(other), follower: own }, name).then((opened) => opened.close())
  expect(await codeOf(open())).toBe('duplicate_object')
  expect(await codeOf(openFollower({ ...own, name: 'others' }, 10, other).then((opened) => opened.close()))).toBe(
    'done',
  )
  world.crash(follower, 'process')
  expect(await codeOf(open())).toBe('done')
  expect(following.isPromoted).toBe(false)
})

test('a database that is dropped under its follower goes, notes and all', async () => {
  await world.complete(instance.create('second'))
  const following = await openFollower()
  await world.complete(following.use('second'))
  await world.complete(instance.drop('second'))
  await pass(20_000)
  expect(instance.names).toEqual([name])
  expect((await world.complete(leader.disk.list('data/databases'))).length).toBe(1)
  await world.complete(following.close())
})

/**
 * The leader is killed over and over, and started again by another process; the follower sleeps and stands still; now and
 * then the power fails. As long as it has its name it never begins anew.
 */
test.each([1, 2, 3, 4])('whatever the leader goes through, its follower misses nothing (seed %i)', async (seed) => {
  const random = new SeededRandom(seed)
  let following = await openFollower(own, 400)
  for (let round = 0; round < 12; round++) {
    world.faults.probability = random.chance(0.5) ? { stall: 0.01, 'slow-disk': 0.05 } : {}
    await work(random.between(5, 40))
    await pass(random.below(3_000))
    world.faults.probability = {}
    const isPowerCut = random.chance(0.15)
    if (isPowerCut || random.chance(0.4)) {
      world.crash(leader, isPowerCut ? 'power' : 'process')
      leader = world.startProcess(`leader ${round}`, { machine: 'machine' })
      instance = await world.complete(openOn(leader))
      history.restartFrom(databaseOf(instance))
    }
    if (isPowerCut) {
      // Both are gone. What was left of the note holds the log, or nothing does: the next one begins at a checkpoint.
      follower = world.startProcess(`follower after power cut ${round}`, { machine: 'machine' })
      following = await openFollower(own, random.between(10, 2_000))
    }
    if (random.chance(0.3)) expect(contentOf(await caughtUp(following))).toBe(contentOf(databaseOf(instance)))
    if (random.chance(0.2)) {
      expect([following.restarts, following.passed]).toEqual([0, 0])
      world.crash(follower, 'process')
      follower = world.startProcess(`follower ${round}`, { machine: 'machine' })
      following = await openFollower(own, random.between(10, 2_000))
    }
  }
  expect(contentOf(await caughtUp(following))).toBe(contentOf(databaseOf(instance)))
  expect([following.restarts, following.passed]).toEqual([0, 0])
  expect(databaseOf(instance).lastCheckpoint).toBeGreaterThan(50)
})
