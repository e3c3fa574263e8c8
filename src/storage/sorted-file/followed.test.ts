/** A sorted file that another process writes: it is read along, and never written, until that process is no more. */
import { beforeEach, describe, expect, test } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import type { Disk } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { SortedFileStore } from './sorted-file.ts'
import { batch, bytesOf, entriesOf, get, numbers, write } from './testing.ts'

let disk: Disk
let leader: SortedFileStore
/** What is shown where the follower is. */
let shown: number
let looks: (() => void)[]
let isOver: boolean

beforeEach(async () => {
  disk = createMemoryDisk()
  leader = SortedFileStore.begin(disk, 'base')
  ;[shown, looks, isOver] = [0, [], false]
  await leader.apply(batch(1, numbers(0, 500, 'one')))
})

function follow(on: Disk = disk): Promise<SortedFileStore> {
  const followed = {
    get sequence() {
      return shown
    },
    next: async () => {
      await new Promise<void>((resolve) => looks.push(resolve))
      if (isOver) throw new PolylogError('shutting_down', 'over')
    },
  }
  return SortedFileStore.open(on, 'base', { followed, cacheBytes: 1 })
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** It is time to look again. */
async function look(): Promise<void> {
  await settle()
  for (const one of looks.splice(0)) one()
  await settle()
}

/** Of the follower: it was told of that state, and has the same in memory. */
function upTo(store: SortedFileStore, through: number): { isDone: boolean; promise: Promise<void> } {
  const taking = { isDone: false, promise: Promise.resolve() }
  taking.promise = store.apply(batch(through, numbers(0, 9, 'never written'))).then(() => void (taking.isDone = true))
  return taking
}

test('takes what the leader has, once that state or a later one is shown, and writes nothing', async () => {
  const follower = await follow()
  expect([follower.persistedThrough, await get(follower, 7)]).toEqual([1, 'one 7'])
  shown = 3
  const taking = upTo(follower, 3)
  await look()
  await leader.apply(batch(2, numbers(0, 500, 'two')))
  await look()
  expect([taking.isDone, await get(follower, 7)]).toEqual([false, 'one 7'])
  await leader.apply(batch(5, numbers(0, 500, 'five')))
  await look()
  expect([taking.isDone, await get(follower, 7)]).toEqual([false, 'one 7'])
  // It holds that one, whatever comes next: so it arrives, however often the leader hands over.
  await leader.apply(batch(6, numbers(0, 500, 'six')))
  shown = 5
  await look()
  await taking.promise
  expect([follower.persistedThrough, await get(follower, 499)]).toEqual([5, 'five 499'])
  await follower.apply(batch(4, numbers(0, 9, 'older')))
  expect(await get(follower, 7)).toBe('five 7')
  expect(await disk.list('base')).toEqual(['state-6'])
})

test('keeps the file that it reads, and its snapshots theirs, when the leader removes or renames it', async () => {
  const follower = await follow()
  const pinned = follower.snapshot()
  await leader.apply(batch(4, []))
  expect((await entriesOf(follower)).length).toBe(500)
  await leader.apply(batch(5, numbers(0, 1, 'five')))
  expect(await get(follower, 0)).toBe('one 0')
  shown = 5
  await upTo(follower, 2).promise
  expect(await get(follower, 0)).toBe('five 0')
  expect(pinned.sequence).toBe(1)
  pinned.release()
  expect((await follower.verify()).faults).toEqual([])
})

test('looks again where the file was replaced between its name and its opening', async () => {
  let isFirst = true
  const racing = new Proxy(disk, {
    get: (target, property) => {
      const call = Reflect.get(target, property) as (...args: unknown[]) => Promise<unknown>
      return async (...args: unknown[]) => {
        if (property === 'open' && isFirst) {
          isFirst = false
          await leader.apply(batch(2, numbers(0, 5, 'two')))
        }
        return call.apply(target, args)
      }
    },
  })
  const follower = await follow(racing)
  expect([isFirst, follower.persistedThrough, await get(follower, 1)]).toEqual([false, 2, 'two 1'])
})

test('does not take a damaged file, keeps what it has, and takes the next one', async () => {
  const follower = await follow()
  await leader.apply(batch(2, numbers(0, 500, 'two')))
  const bytes = await bytesOf(disk, 'base/state-2')
  bytes[bytes.length - 5]! ^= 1
  await disk.remove('base/state-2')
  await write(disk, 'base/state-2', bytes)
  shown = 9
  await expect(upTo(follower, 2).promise).rejects.toMatchObject({ code: 'data_corrupted' })
  expect([follower.persistedThrough, await get(follower, 7)]).toEqual([1, 'one 7'])
  await leader.apply(batch(3, numbers(0, 500, 'three')))
  await upTo(follower, 2).promise
  expect(await get(follower, 7)).toBe('three 7')
})

test('follows from before there is anything, and ends its waiting where nobody waits any more', async () => {
  disk = createMemoryDisk()
  leader = SortedFileStore.begin(disk, 'base')
  const follower = await follow()
  expect(await entriesOf(follower)).toEqual([])
  shown = 1
  const taking = upTo(follower, 1)
  await leader.apply(batch(1, numbers(0, 3, 'one')))
  await look()
  await taking.promise
  expect((await entriesOf(follower)).length).toBe(3)
  const waiting = upTo(follower, 2)
  isOver = true
  void look()
  await expect(waiting.promise).rejects.toMatchObject({ code: 'shutting_down' })
  await follower.close()
})

test('is not forked: there is no place that is its own', async () => {
  const follower = await follow()
  expect(() => follower.fork()).toThrow(expect.objectContaining({ code: 'unsupported' }))
})

describe('leading', () => {
  test('goes on from the newest file, with a batch of all since the one that was read, and cleans up', async () => {
    const follower = await follow()
    await leader.apply(batch(2, numbers(100, 200, 'two')))
    await leader.fork().apply(batch(3, numbers(0, 1, 'of a fork')))
    await write(disk, 'base/next.part', new Uint8Array(7))
    shown = 3
    const pinned = follower.snapshot()
    const begin = await follower.lead()
    expect([follower.persistedThrough, await get(follower, 150)]).toEqual([1, 'one 150'])
    begin()
    expect([follower.persistedThrough, await get(follower, 150)]).toEqual([2, 'two 150'])
    await follower.apply(batch(3, [...numbers(0, 2, 'three'), ...numbers(100, 200, 'two')]))
    expect(await disk.list('base')).toEqual(['state-3'])
    expect([await get(follower, 1), await get(follower, 150), pinned.sequence]).toEqual(['three 1', 'two 150', 1])
    pinned.release()
  })

  test('ends the waiting for the leader: what was to be taken is written', async () => {
    const follower = await follow()
    shown = 2
    const waiting = follower.apply(batch(2, numbers(0, 2, 'mine')))
    await look()
    ;(await follower.lead())()
    await look()
    await waiting
    expect(await disk.list('base')).toEqual(['state-2'])
    expect([await get(follower, 1), await get(follower, 2)]).toEqual(['mine 1', 'one 2'])
  })

  test('that fails leaves it following', async () => {
    let isBroken = false
    const broken = new Proxy(disk, {
      get: (target, property) => {
        const call = Reflect.get(target, property) as (...args: unknown[]) => Promise<unknown>
        return (...args: unknown[]) =>
          property === 'syncFolder' && isBroken ? Promise.reject(new Error('EIO')) : call.apply(target, args)
      },
    })
    const follower = await follow(broken)
    isBroken = true
    await expect(follower.lead()).rejects.toThrow('EIO')
    shown = 2
    const taking = upTo(follower, 2)
    await leader.apply(batch(2, numbers(0, 500, 'two')))
    await look()
    await taking.promise
    expect([await get(follower, 3), await disk.list('base')]).toEqual(['two 3', ['state-2']])
  })
})

test('files that a store and its fork open at the same time have pages of their own', async () => {
  const fork = leader.fork()
  await Promise.all([
    leader.apply(batch(2, numbers(0, 500, 'two'))),
    fork.apply(batch(2, numbers(0, 500, 'of the fork'))),
  ])
  expect([await get(leader, 3), await get(fork, 3)]).toEqual(['two 3', 'of the fork 3'])
  expect([await get(fork, 400), await get(leader, 400)]).toEqual(['of the fork 400', 'two 400'])
})
