/** A second process on the directory of a leader: two simulated processes of one machine. */
import { beforeEach, describe, expect, test } from 'vitest'
import { catalogOf, contentOf, databaseOf, faultOfTwins, History, name, openOn } from '../directory/crash-history.ts'
import type { Database } from '../database.ts'
import { FollowedWorld } from './followed-world.ts'
import { FollowingInstance } from './following-instance.ts'

let set: FollowedWorld

beforeEach(async () => {
  set = await FollowedWorld.start()
})

const openFollower = (pollMs = 10): Promise<FollowingInstance> => set.follow({ pollMs })
const work = (steps: number, database?: Database): Promise<void> =>
  set.work(steps, { pausing: true, ...(database && { database }) })

function expectSame(database: Database): void {
  expect(contentOf(database)).toBe(contentOf(set.database))
  expect(catalogOf(database)).toEqual(catalogOf(set.database))
}

test('follows through checkpoints, trimmed and recycled segments', async () => {
  const following = await openFollower()
  for (let round = 0; round < 8; round++) {
    await work(25)
    expectSame(await set.caughtUp(following))
  }
  expect(set.database.lastCheckpoint).toBeGreaterThan(100)
  expect((await set.database.log.end()).oldest).toBeGreaterThan(50)
  // The segments are so small that some are gone before they are read: then it has begun anew.
  expect(following.restarts).toBeLessThan(30)
  expectSame(await set.caughtUp(await openFollower()))
})

test('that has slept while the log was trimmed begins anew, and who reads there goes on', async () => {
  // Nothing of what is written between two looks is read along.
  const following = await openFollower(5_000)
  await work(10)
  const before = await set.caughtUp(following)
  const pinned = before.pin()
  const seen = contentOf(before, pinned)
  await work(300)
  const after = await set.caughtUp(following)
  expect(following.restarts).toBe(1)
  expectSame(after)
  expect(before.successor).toBe(after)
  expect(contentOf(before, pinned)).toBe(seen)
  pinned.release()
  await set.world.complete(following.close())
})

describe('a promotion', () => {
  test('is refused while the leader lives, and it follows on', async () => {
    const following = await openFollower()
    expect(await set.codeOf(following.promote(name))).toBe('directory_locked')
    await work(5)
    expectSame(await set.caughtUp(following))
    expect(following.databases.get(name)!.pipeline.state).toBe('following')
  })

  test('after a kill loses nothing that was acknowledged, and the next process finds all of it', async () => {
    const following = await openFollower()
    await work(30)
    for (let i = 0; i < 6; i++) set.history.step(set.database)
    set.world.crash(set.leader, 'process')
    await set.world.complete(following.promote(name))
    const database = following.openDatabases.get(name)!
    expect(database.pipeline.state).toBe('leading')
    expect(set.history.faultOf(database, 'process')).toBeUndefined()
    set.history.restartFrom(database)
    await work(40, database)
    expect(set.history.numbers.repeated).toEqual([])
    const content = contentOf(database)
    const { acknowledged } = set.history
    expect(acknowledged.synced).toBeGreaterThan(0)
    expect(
      await set.codeOf(Promise.resolve().then(() => openOn(set.world.startProcess('late', { machine: 'machine' })))),
    ).toBe('directory_locked')
    await set.world.complete(following.close())
    const again = await set.world.complete(openOn(set.world.startProcess('again', { machine: 'machine' })))
    expect(contentOf(databaseOf(again))).toBe(content)
    await set.world.complete(again.close())
  })

  test('takes other databases along, and makes new ones', async () => {
    await set.world.complete(set.instance.create('second'))
    const following = await openFollower()
    await set.world.complete(following.use('second'))
    expect(await set.codeOf(Promise.resolve().then(() => following.create('third')))).toBe('not_leading')
    await set.world.complete(set.instance.close())
    await set.world.complete(following.promote(name))
    await set.world.complete(following.create('third'))
    expect([...following.names].sort()).toEqual(['main', 'second', 'third'])
    expect((await set.world.complete(following.use('second'))).pipeline.state).toBe('leading')
    await set.world.complete(following.close())
  })
})

describe('a collection in an engine', () => {
  const twins = new History(12, { hasTwins: true })

  async function workWithTwins(steps: number): Promise<void> {
    ;[set.history, twins.contents] = [twins, new Map()]
    await work(steps)
  }

  test('is followed from where the file is, or from its first row on, and let go of when the leader has it', async () => {
    const before = await openFollower()
    await workWithTwins(60)
    const after = await openFollower()
    for (const following of [before, after]) {
      const database = await set.caughtUp(following)
      expect(await set.world.complete(faultOfTwins(database))).toBeUndefined()
      expect(database.catalog.collectionsOf('test').filter(({ engine }) => engine === 'sorted').length).toBeGreaterThan(
        0,
      )
    }
    const taken = (): number => Number(before.databases.get(name)!.engines!.bases[0]!.base.statistics()['taken'])
    const restarts = before.restarts
    for (let round = 0; round < 40 && (taken() < 3 || before.restarts === restarts); round++) await workWithTwins(10)
    expect(taken() + before.restarts).toBeGreaterThan(0)
    const database = await set.caughtUp(before)
    expect(await set.world.complete(faultOfTwins(database))).toBeUndefined()
    const { differences, baseEntries } = await set.world.complete(database.verifyFiles())
    expect([differences, baseEntries > 0]).toEqual([[], true])
    await set.world.complete(before.close())
  })

  test('is verified by the bytes of the file that is read, and its damage is named', async () => {
    await workWithTwins(60)
    await set.world.complete(set.database.checkpoint())
    const following = await openFollower()
    const database = await set.caughtUp(following)
    set.world.flipBit(set.world.machine('machine'), '/sorted/')
    const { differences } = await set.world.complete(database.verifyFiles())
    expect(differences).toEqual([
      expect.objectContaining({
        kind: 'unreadable',
        where: 'engine sorted',
        message: expect.stringMatching(/at byte/),
      }),
    ])
    await set.world.complete(following.close())
  })

  test('is not forked where it is followed', async () => {
    await workWithTwins(60)
    const database = await set.caughtUp(await openFollower())
    expect(await set.codeOf(database.fork('fork'))).toBe('unsupported')
  })

  test('is all that keeps a follower from being forked', async () => {
    await work(30)
    const database = await set.caughtUp(await openFollower())
    const fork = await set.world.complete(database.fork('fork'))
    expect(contentOf(fork)).toBe(contentOf(database))
    set.history.restartFrom(fork)
    await work(5, fork)
    expect(contentOf(fork)).not.toBe(contentOf(database))
    expectSame(await set.caughtUp(await openFollower()))
    await set.world.complete(fork.close())
  })
})

test('a disk that cannot be read for a while is waited for, and does not keep a follower from being closed', async () => {
  const following = await openFollower()
  await work(20)
  await set.caughtUp(following)
  set.world.faults.probability = { 'read-error': 1, 'folder-error': 1 }
  await set.pass(5_000)
  set.world.faults.probability = {}
  await work(20)
  expectSame(await set.caughtUp(following))
  expect(following.restarts).toBeGreaterThan(0)
  set.world.faults.probability = { 'read-error': 1, 'folder-error': 1 }
  await set.pass(1_000)
  const beforeMs = set.world.timeUs / 1000
  await set.world.complete(following.close())
  expect(set.world.timeUs / 1000 - beforeMs).toBeLessThan(2_000)
})

test('there is no database but those of the directory', async () => {
  const following = await openFollower()
  expect(await set.codeOf(following.use('none'))).toBe('undefined_object')
  await set.world.complete(set.instance.create('late'))
  expect(await set.codeOf(following.use('late'))).toBe('done')
  const other = FollowingInstance.open({ host: set.follower, directory: 'nothing' }, name)
  expect(await set.codeOf(other)).toBe('undefined_object')
})
