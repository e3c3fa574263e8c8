/**
 * Large commits whose record goes to the log in pieces, and whose values lie in a file: crashes, full disks and small commits
 * among the pieces. The limits are low, so that a few keys are many pieces, segments and chunks.
 */
import { describe, expect, test } from 'vitest'
import type { PolylogError } from '../../base/errors.ts'
import { sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { Elsewhere, type Sequence } from '../contract.ts'
import type { Database } from '../database.ts'
import type { Interruption } from './large-commits.ts'
import { Instance } from '../instance.ts'
import { asBatch } from '../transaction/wait.ts'

const limits = { largeCommitWrites: 10, sliceKeys: 7, pieceBytes: 1_500, spillWritesFromBytes: 2_000 }
const keys = 60

let serial = 0

function start(world: SimulatedWorld): SimulatedProcess {
  return world.startProcess(`process ${++serial}`, { machine: 'machine' })
}

function open(process: SimulatedProcess): Promise<Instance> {
  return Instance.open({ host: process, directory: 'data', segmentBytes: 16 * 1024, limits }, 'polylog')
}

const keyOf = (group: string, n: number): KeyWriter => new KeyWriter(32).begin(20, 1).string(group).int64(n)

/** Writes all keys of the group; resolves when it is committed, not when it is durable. */
async function putMany(database: Database, group: string, text: string): Promise<Sequence> {
  const transaction = database.begin({ isolation: 'repeatable read', readOnly: false, interactive: true })
  try {
    transaction.beginStatement()
    for (let n = 0; n < keys; n++) {
      const value = sliceOf(Buffer.from(`${text} ${n} ${'v'.repeat(300)}`))
      for (let done = false; !done;) {
        try {
          asBatch(() => transaction.put(keyOf(group, n), value))
          done = true
        } catch (error) {
          if (!(error instanceof Elsewhere)) throw error
          await error.done
        }
      }
    }
    transaction.leaveTurn(false)
    return await transaction.commit()
  } finally {
    transaction.rollback()
  }
}

function putSmall(database: Database, n: number): Sequence {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  transaction.put(keyOf('small', n), sliceOf(Buffer.from('small')))
  return transaction.commit() as Sequence
}

/** What the group holds: the text of its values, each once, and how many there are. */
function contentOf(database: Database, group: string): { readonly count: number; readonly texts: string[] } {
  const cursor = database.newest.scan({ start: keyOf(group, 0), end: keyOf(group, 1e9) })
  const texts = new Set<string>()
  let count = 0
  for (; cursor.next(); count++) texts.add(sliceToLatin1(cursor.value).split(' ')[0]!)
  return { count, texts: [...texts] }
}

const durable = (database: Database, sequence: Sequence): Promise<boolean> =>
  new Promise((resolve) => database.pipeline.whenDurable(sequence, 'synced', (error) => resolve(error === undefined)))

interface Work {
  /** Small commits that were acknowledged as synced. */
  small: number
  /** `committed`, `durable`, or the code of its error. */
  large: string | undefined
}

/** A large commit over values that are there, with small ones meanwhile. */
async function work(instance: Instance, host: SimulatedProcess): Promise<Work> {
  const database = instance.databases.get('polylog')!
  const done: Work = { small: 0, large: undefined }
  await durable(database, await putMany(database, 'large', 'old'))
  const committing = putMany(database, 'large', 'new').then(
    async (sequence) => {
      done.large = 'committed'
      if (await durable(database, sequence)) done.large = 'durable'
    },
    (error: unknown) => void (done.large = (error as PolylogError).code),
  )
  for (let n = 1; n <= 12; n++) {
    if (await durable(database, putSmall(database, n))) done.small = n
    await new Promise<void>((resolve) => void host.at(1, resolve))
  }
  await committing
  return done
}

describe('a commit in pieces', () => {
  test('goes on among small ones, is one transaction in the feed, and is there after a start', async () => {
    const world = new SimulatedWorld(1)
    const process = start(world)
    const instance = await world.complete(open(process))
    const done = await world.complete(work(instance, process))
    expect(done).toEqual({ small: 12, large: 'durable' })
    const database = instance.databases.get('polylog')!
    const sizes: number[] = []
    const read = async (): Promise<void> => {
      for await (const { changes } of database.feed({ from: 1, to: database.newestSequence }))
        sizes.push(changes.length)
    }
    await world.complete(read())
    expect(sizes.filter((size) => size >= keys)).toHaveLength(2)
    expect(instance.temporary!.openFiles).toBe(0)
    const segments = database.log.describe().length
    expect(segments).toBeGreaterThan(2)
    world.crash(process, 'power')
    const again = (await world.complete(open(start(world)))).databases.get('polylog')!
    expect(contentOf(again, 'large')).toEqual({ count: keys, texts: ['new'] })
    expect(contentOf(again, 'small').count).toBe(12)
  })

  test('is all there or not at all, wherever a crash comes', async () => {
    const whole = new SimulatedWorld(2)
    const first = start(whole)
    const wholeInstance = await whole.complete(open(first))
    const before = first.ioCount
    await whole.complete(work(wholeInstance, first))
    const operations = first.ioCount
    const outcomes = { old: 0, new: 0, partial: 0 }
    for (let io = before + 1; io <= operations; io++) {
      const world = new SimulatedWorld(2)
      const process = start(world)
      const instance = await world.complete(open(process))
      world.faults.crashAt(process.name, io, io % 2 === 0 ? 'power' : 'process')
      const done: { work?: Work } = {}
      void work(instance, process).then(
        (result) => (done.work = result),
        () => undefined,
      )
      await world.run({ until: () => done.work !== undefined || !process.alive })
      if (process.alive) world.crash(process, 'power')
      const database = (await world.complete(open(start(world)))).databases.get('polylog')!
      const { count, texts } = contentOf(database, 'large')
      if (count === keys && texts.length === 1) outcomes[texts[0] as 'old' | 'new']++
      else if (count === 0) outcomes.old++
      else outcomes.partial++
      if (done.work?.large === 'durable') expect(texts).toEqual(['new'])
    }
    expect(outcomes.partial).toBe(0)
    expect(Math.min(outcomes.old, outcomes.new)).toBeGreaterThan(3)
  })

  test('that finds no space is refused, and leaves nothing that holds anybody up', async () => {
    let refused = 0
    for (let room = 0; room < 40; room++) {
      const world = new SimulatedWorld(3)
      const process = start(world)
      const instance = await world.complete(open(process))
      const database = instance.databases.get('polylog')!
      await world.complete(putMany(database, 'large', 'old').then((sequence) => durable(database, sequence)))
      const { disk } = process.machine
      disk.capacityBytes = disk.usedBytes + room * 1024
      const outcome = await world.complete(
        putMany(database, 'large', 'new').then(
          (sequence) => durable(database, sequence).then(String),
          (error: unknown) => (error as PolylogError).code,
        ),
      )
      disk.capacityBytes = Infinity
      const isThere = outcome === 'true'
      if (!isThere) refused++
      expect(contentOf(database, 'large')).toEqual({ count: keys, texts: [isThere ? 'new' : 'old'] })
      await world.complete(new Promise<void>((resolve) => void process.at(3_000, resolve)))
      for (let n = 0; n < 40; n++) expect(await world.complete(durable(database, putSmall(database, n)))).toBe(true)
      await world.complete(putMany(database, 'large', 'last').then((sequence) => durable(database, sequence)))
      await world.complete(database.checkpoint())
      expect((await database.log.end()).oldest).toBeGreaterThan(1)
      world.crash(process, 'power')
      expect(instance.temporary!.openFiles).toBe(0)
    }
    expect(refused).toBeGreaterThan(4)
  })

  test('that is given up leaves nothing', async () => {
    const world = new SimulatedWorld(4)
    const process = start(world)
    const instance = await world.complete(open(process))
    const database = instance.databases.get('polylog')!
    const transaction = database.begin({ isolation: 'repeatable read', readOnly: false, interactive: true })
    transaction.beginStatement()
    for (let n = 0; n < keys; n++) transaction.put(keyOf('large', n), sliceOf(Buffer.from('x'.repeat(200))))
    transaction.leaveTurn(false)
    let looks = 0
    const stops: Interruption = {
      check: () => {
        if (++looks > 5) throw new Error('canceled')
      },
      orWoken: (pause) => pause,
    }
    await expect(world.complete(Promise.resolve(transaction.commit(stops)))).rejects.toThrow('canceled')
    transaction.rollback()
    for (let n = 0; n < 200; n++) expect(await world.complete(durable(database, putSmall(database, n)))).toBe(true)
    expect(contentOf(database, 'large').count).toBe(0)
    await world.complete(database.checkpoint())
    expect((await database.log.end()).oldest).toBeGreaterThan(1)
    world.crash(process, 'power')
    const again = (await world.complete(open(start(world)))).databases.get('polylog')!
    expect([contentOf(again, 'large').count, contentOf(again, 'small').count]).toEqual([0, 200])
  })
})
