/** A second process on the directory of a leader: two simulated processes of one machine. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import {
  catalogOf,
  contentOf,
  databaseOf,
  faultOfTwins,
  History,
  name,
  openOn,
  optionsOn,
} from '../directory/crash-history.ts'
import type { Database } from '../database.ts'
import { FollowingInstance } from './following-instance.ts'
import type { Instance } from '../instance.ts'

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

const openFollower = (pollMs = 10): Promise<FollowingInstance> =>
  world.complete(FollowingInstance.open({ ...optionsOn(follower), pollMs }, name))

async function work(steps: number, database = databaseOf(instance)): Promise<void> {
  for (let i = 0; i < steps; i++) {
    history.step(database)
    await world.complete(history.settled())
    if (history.random.chance(0.5)) await pass(history.random.below(8))
  }
  await world.complete(database.pipeline.settled())
}

const pass = (ms: number): Promise<void> => world.complete(new Promise((resolve) => void follower.at(ms, resolve)))

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

function expectSame(database: Database): void {
  expect(contentOf(database)).toBe(contentOf(databaseOf(instance)))
  expect(catalogOf(database)).toEqual(catalogOf(databaseOf(instance)))
}

test('follows through checkpoints, trimmed and recycled segments', async () => {
  const following = await openFollower()
  for (let round = 0; round < 8; round++) {
    await work(25)
    expectSame(await caughtUp(following))
  }
  expect(databaseOf(instance).lastCheckpoint).toBeGreaterThan(100)
  expect((await databaseOf(instance).log.end()).oldest).toBeGreaterThan(50)
  // The segments are so small that some are gone before they are read: then it has begun anew.
  expect(following.restarts).toBeLessThan(30)
  expectSame(await caughtUp(await openFollower()))
})

test('that has slept while the log was trimmed begins anew, and who reads there goes on', async () => {
  // Nothing of what is written between two looks is read along.
  const following = await openFollower(5_000)
  await work(10)
  const before = await caughtUp(following)
  const pinned = before.pin()
  const seen = contentOf(before, pinned)
  await work(300)
  const after = await caughtUp(following)
  expect(following.restarts).toBe(1)
  expectSame(after)
  expect(before.successor).toBe(after)
  expect(contentOf(before, pinned)).toBe(seen)
  pinned.release()
  await world.complete(following.close())
})

describe('a promotion', () => {
  test('is refused while the leader lives, and it follows on', async () => {
    const following = await openFollower()
    expect(await codeOf(following.promote(name))).toBe('directory_locked')
    await work(5)
    expectSame(await caughtUp(following))
    expect(following.databases.get(name)!.pipeline.state).toBe('following')
  })

  test('after a kill loses nothing that was acknowledged, and the next process finds all of it', async () => {
    const following = await openFollower()
    await work(30)
    for (let i = 0; i < 6; i++) history.step(databaseOf(instance))
    world.crash(leader, 'process')
    await world.complete(following.promote(name))
    const database = following.openDatabases.get(name)!
    expect(database.pipeline.state).toBe('leading')
    expect(history.faultOf(database, 'process')).toBeUndefined()
    history.restartFrom(database)
    await work(40, database)
    expect(history.numbers.repeated).toEqual([])
    const content = contentOf(database)
    const { acknowledged } = history
    expect(acknowledged.synced).toBeGreaterThan(0)
    expect(await codeOf(Promise.resolve().then(() => openOn(world.startProcess('late', { machine: 'machine' }))))).toBe(
      'directory_locked',
    )
    await world.complete(following.close())
    const again = await world.complete(openOn(world.startProcess('again', { machine: 'machine' })))
    expect(contentOf(databaseOf(again))).toBe(content)
    await world.complete(again.close())
  })

  test('takes other databases along, and makes new ones', async () => {
    await world.complete(instance.create('second'))
    const following = await openFollower()
    await world.complete(following.use('second'))
    expect(await codeOf(Promise.resolve().then(() => following.create('third')))).toBe('not_leading')
    await world.complete(instance.close())
    await world.complete(following.promote(name))
    await world.complete(following.create('third'))
    expect([...following.names].sort()).toEqual(['main', 'second', 'third'])
    expect((await world.complete(following.use('second'))).pipeline.state).toBe('leading')
    await world.complete(following.close())
  })
})

describe('a collection in an engine', () => {
  const twins = new History(12, { hasTwins: true })

  async function workWithTwins(steps: number): Promise<void> {
    ;[history, twins.contents] = [twins, new Map()]
    await work(steps)
  }

  test('is followed from where the file is, or from its first row on, and let go of when the leader has it', async () => {
    const before = await openFollower()
    await workWithTwins(60)
    const after = await openFollower()
    for (const following of [before, after]) {
      const database = await caughtUp(following)
      expect(await world.complete(faultOfTwins(database))).toBeUndefined()
      expect(database.catalog.collectionsOf('test').filter(({ engine }) => engine === 'sorted').length).toBeGreaterThan(
        0,
      )
    }
    const taken = (): number => Number(before.databases.get(name)!.engines!.bases[0]!.base.statistics()['taken'])
    const restarts = before.restarts
    for (let round = 0; round < 40 && (taken() < 3 || before.restarts === restarts); round++) await workWithTwins(10)
    expect(taken() + before.restarts).toBeGreaterThan(0)
    const database = await caughtUp(before)
    expect(await world.complete(faultOfTwins(database))).toBeUndefined()
    const { differences, baseEntries } = await world.complete(database.verifyFiles())
    expect([differences, baseEntries > 0]).toEqual([[], true])
    await world.complete(before.close())
  })

  test('is verified by the bytes of the file that is read, and its damage is named', async () => {
    await workWithTwins(60)
    await world.complete(databaseOf(instance).checkpoint())
    const following = await openFollower()
    const database = await caughtUp(following)
    world.flipBit(world.machine('machine'), '/sorted/')
    const { differences } = await world.complete(database.verifyFiles())
    expect(differences).toEqual([
      expect.objectContaining({
        kind: 'unreadable',
        where: 'engine sorted',
        message: expect.stringMatching(/at byte/),
      }),
    ])
    await world.complete(following.close())
  })

  test('is not forked where it is followed', async () => {
    await workWithTwins(60)
    const database = await caughtUp(await openFollower())
    expect(await codeOf(database.fork('fork'))).toBe('unsupported')
  })

  test('is all that keeps a follower from being forked', async () => {
    await work(30)
    const database = await caughtUp(await openFollower())
    const fork = await world.complete(database.fork('fork'))
    expect(contentOf(fork)).toBe(contentOf(database))
    history.restartFrom(fork)
    await work(5, fork)
    expect(contentOf(fork)).not.toBe(contentOf(database))
    expectSame(await caughtUp(await openFollower()))
    await world.complete(fork.close())
  })
})

test('a disk that cannot be read for a while is waited for, and does not keep a follower from being closed', async () => {
  const following = await openFollower()
  await work(20)
  await caughtUp(following)
  world.faults.probability = { 'read-error': 1, 'folder-error': 1 }
  await pass(5_000)
  world.faults.probability = {}
  await work(20)
  expectSame(await caughtUp(following))
  expect(following.restarts).toBeGreaterThan(0)
  world.faults.probability = { 'read-error': 1, 'folder-error': 1 }
  await pass(1_000)
  const beforeMs = world.timeUs / 1000
  await world.complete(following.close())
  expect(world.timeUs / 1000 - beforeMs).toBeLessThan(2_000)
})

test('there is no database but those of the directory', async () => {
  const following = await openFollower()
  expect(await codeOf(following.use('none'))).toBe('undefined_object')
  await world.complete(instance.create('late'))
  expect(await codeOf(following.use('late'))).toBe('done')
  const other = FollowingInstance.open({ host: follower, directory: 'nothing' }, name)
  expect(await codeOf(other)).toBe('undefined_object')
})
