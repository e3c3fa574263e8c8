/** Followers with names: the leader of their directory keeps its log for them, up to a limit, for as long as they live. */
import { beforeEach, describe, expect, test } from 'vitest'
import { SeededRandom } from '../../host/simulated/random.ts'
import { contentOf, name, openOn, optionsOn } from '../directory/crash-history.ts'
import { FollowedWorld } from './followed-world.ts'
import { FollowingInstance } from './following-instance.ts'
import type { ConsumerStatus } from './log-use.ts'

const own = { name: 'reports', maxLagBytes: 100_000_000 }
const ownFile = Buffer.from(own.name).toString('hex')

let set: FollowedWorld

beforeEach(async () => {
  set = await FollowedWorld.start()
})

/** Looks so seldom that what is written meanwhile is trimmed before it is read, unless it is kept. */
const openFollower = (named = own, pollMs = 5_000, on = set.follower): Promise<FollowingInstance> =>
  set.follow({ pollMs, follower: named }, on)

const oldest = async (): Promise<number> => (await set.database.log.end()).oldest
const known = (): ConsumerStatus[] => set.database.logUse.consumers
const saidTimes = (part: string): number => set.world.logged.filter(({ message }) => message.includes(part)).length

async function folderOf(): Promise<string> {
  const [uuid] = await set.world.complete(set.leader.disk.list('data/databases'))
  return `data/databases/${uuid!}/followers`
}

const filesThere = async (): Promise<string[]> =>
  (await set.world.complete(set.leader.disk.list(await folderOf()))).filter((file) => !file.endsWith('.lock'))

async function write(file: string, text: string): Promise<void> {
  const opened = await set.world.complete(set.leader.disk.open(`${await folderOf()}/${file}`, { mode: 'create' }))
  await set.world.complete(opened.writeAt(0, Buffer.from(text)))
  await set.world.complete(opened.close())
}

describe('a follower that is behind', () => {
  test('finds all of the log, which goes when it has read that', async () => {
    const following = await openFollower()
    await set.work(10)
    await set.caughtUp(following)
    await set.pass(1_500)
    const position = set.database.newestSequence
    await set.work(200)
    expect(set.database.lastCheckpoint).toBeGreaterThan(position)
    expect(await oldest()).toBeLessThanOrEqual(position)
    await set.pass(1)
    expect(contentOf(await set.caughtUp(following))).toBe(contentOf(set.database))
    expect(following.restarts).toBe(0)
    await set.pass(12_000)
    // By nobody's commit or checkpoint.
    expect(await oldest()).toBeGreaterThan(position)
    expect(known()).toEqual([
      {
        name: 'reports',
        kind: 'follower',
        position: set.database.newestSequence,
        maxLagBytes: own.maxLagBytes,
        state: 'active',
        heldBytes: expect.any(Number),
      },
    ])
  })

  test('by more than its limit is passed, told so, begins anew, and is kept the log again', async () => {
    const following = await openFollower({ ...own, maxLagBytes: 20_000 })
    await set.work(10)
    await set.caughtUp(following)
    await set.pass(1_500)
    await set.work(200)
    expect(known()).toMatchObject([{ state: 'lost', heldBytes: 0 }])
    expect(contentOf(await set.caughtUp(following))).toBe(contentOf(set.database))
    expect([following.restarts, following.passed]).toEqual([1, 1])
    expect(saidTimes('the follower "reports" needs sequence')).toBe(1)
    expect(saidTimes('because more than 20000 bytes would have been kept')).toBe(1)
    await set.pass(6_000)
    expect(known()).toMatchObject([{ state: 'active', position: set.database.newestSequence }])
    expect(await filesThere()).toEqual([ownFile])
  })

  test('without a name leaves nothing, and is kept nothing', async () => {
    const following = await set.world.complete(
      FollowingInstance.open({ ...optionsOn(set.follower), pollMs: 5_000 }, name),
    )
    await set.work(210)
    await set.caughtUp(following)
    expect([following.restarts, following.passed]).toEqual([1, 0])
    expect(await set.codeOf(filesThere())).toBe('not-found')
  })
})

describe('a note', () => {
  test('of one that was killed holds nothing after a minute, and goes after an hour', async () => {
    await openFollower()
    set.world.crash(set.follower, 'process')
    await set.work(100)
    expect(await oldest()).toBe(1)
    await set.pass(70_000)
    expect(known()).toMatchObject([{ state: 'silent', heldBytes: 0 }])
    expect(await oldest()).toBeGreaterThan(10)
    expect(saidTimes('has said nothing for a minute')).toBe(1)
    await set.pass(3_600_000)
    expect(known()).toEqual([])
    expect(await filesThere()).toEqual([])
  })

  test('that is none, or is damaged, is said to be, once, and holds nothing back', async () => {
    const following = await openFollower()
    const [file] = await filesThere()
    const opened = await set.world.complete(set.leader.disk.open(`${await folderOf()}/${file!}`, { mode: 'read' }))
    const bytes = new Uint8Array(200)
    const text = Buffer.from(bytes.subarray(0, await set.world.complete(opened.readAt(0, bytes)))).toString()
    await set.world.complete(opened.close())
    await set.world.complete(following.close())
    await write('aa', 'hello')
    await write('bb', '')
    await write('cc', text.replace(/\n0 /, '\n1 '))
    await write('README', 'no file of ours')
    await set.work(100)
    await set.pass(20_000)
    expect(await oldest()).toBeGreaterThan(10)
    expect(saidTimes('is no note of a follower')).toBe(3)
    expect(known()).toEqual([])
  })

  test('that cannot be written is no reason to follow no longer, and is said once', async () => {
    const following = await openFollower()
    set.world.faults.probability = { 'write-error': 1 }
    await set.pass(10_000)
    set.world.faults.probability = {}
    expect(saidTimes('the leader is not told how far')).toBe(1)
    await set.work(20)
    await set.caughtUp(following)
    await set.pass(10_000)
    expect(known()).toMatchObject([{ state: 'active', position: set.database.newestSequence }])
  })

  test('goes with its follower: by close, and by leading', async () => {
    await set.world.complete((await openFollower()).close())
    expect(await filesThere()).toEqual([])
    const following = await openFollower()
    await set.world.complete(set.instance.close())
    await set.world.complete(following.promote(name))
    expect(await filesThere()).toEqual([])
    await set.world.complete(following.close())
  })
})

test('one process at a time has a name, and who was killed has it no longer', async () => {
  const following = await openFollower()
  const other = set.world.startProcess('other', { machine: 'machine' })
  const open = (): Promise<unknown> =>
    FollowingInstance.open({ ...optionsOn(other), follower: own }, name).then((opened) => opened.close())
  expect(await set.codeOf(open())).toBe('duplicate_object')
  expect(await set.codeOf(openFollower({ ...own, name: 'others' }, 10, other).then((opened) => opened.close()))).toBe(
    'done',
  )
  set.world.crash(set.follower, 'process')
  expect(await set.codeOf(open())).toBe('done')
  expect(following.isPromoted).toBe(false)
})

test('a database that is dropped under its follower goes, notes and all', async () => {
  await set.world.complete(set.instance.create('second'))
  const following = await openFollower()
  await set.world.complete(following.use('second'))
  await set.world.complete(set.instance.drop('second'))
  await set.pass(20_000)
  expect(set.instance.names).toEqual([name])
  expect((await set.world.complete(set.leader.disk.list('data/databases'))).length).toBe(1)
  await set.world.complete(following.close())
})

/**
 * The leader is killed over and over, and started again by another process; the follower sleeps and stands still; now and
 * then the power fails. As long as it has its name it never begins anew.
 */
test.each([1, 2, 3, 4])('whatever the leader goes through, its follower misses nothing (seed %i)', async (seed) => {
  const random = new SeededRandom(seed)
  let following = await openFollower(own, 400)
  for (let round = 0; round < 12; round++) {
    set.world.faults.probability = random.chance(0.5) ? { stall: 0.01, 'slow-disk': 0.05 } : {}
    await set.work(random.between(5, 40))
    await set.pass(random.below(3_000))
    set.world.faults.probability = {}
    const isPowerCut = random.chance(0.15)
    if (isPowerCut || random.chance(0.4)) {
      set.world.crash(set.leader, isPowerCut ? 'power' : 'process')
      set.leader = set.world.startProcess(`leader ${round}`, { machine: 'machine' })
      set.instance = await set.world.complete(openOn(set.leader))
      set.history.restartFrom(set.database)
    }
    if (isPowerCut) {
      // Both are gone. What was left of the note holds the log, or nothing does: the next one begins at a checkpoint.
      set.follower = set.world.startProcess(`follower after power cut ${round}`, { machine: 'machine' })
      following = await openFollower(own, random.between(10, 2_000))
    }
    if (random.chance(0.3)) expect(contentOf(await set.caughtUp(following))).toBe(contentOf(set.database))
    if (random.chance(0.2)) {
      expect([following.restarts, following.passed]).toEqual([0, 0])
      set.world.crash(set.follower, 'process')
      set.follower = set.world.startProcess(`follower ${round}`, { machine: 'machine' })
      following = await openFollower(own, random.between(10, 2_000))
    }
  }
  expect(contentOf(await set.caughtUp(following))).toBe(contentOf(set.database))
  expect([following.restarts, following.passed]).toEqual([0, 0])
  expect(set.database.lastCheckpoint).toBeGreaterThan(50)
})
