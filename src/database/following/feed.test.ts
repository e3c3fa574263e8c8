import { describe, expect, test } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { contentOf, databaseOf, History, openOn } from '../directory/crash-history.ts'
import type { Database } from '../database.ts'
import type { FeedTransaction } from './feed.ts'
import { Instance } from '../instance.ts'
import { commitNow, openTestDatabase } from '../testing.ts'

async function collect(feed: AsyncIterable<FeedTransaction>): Promise<FeedTransaction[]> {
  const found: FeedTransaction[] = []
  for await (const transaction of feed) found.push(transaction)
  return found
}

/** Applies what a feed says to a naive map. */
function apply(content: Map<string, string>, { changes }: FeedTransaction): void {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
  for (const change of changes) {
    if (change.kind === 'put') content.set(text(change.key), text(change.value))
    else if (change.kind === 'delete') content.delete(text(change.key))
    else if (change.kind === 'delete range') {
      const [start, end] = [text(change.start), text(change.end)]
      for (const key of Array.from(content.keys())) if (key >= start && key < end) content.delete(key)
    }
  }
}

function dump(content: ReadonlyMap<string, string>): string {
  const lines = [...content].map(([key, value]) => ({ key, line: `${key}=${value}` }))
  return lines
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ line }) => line)
    .join('\n')
}

function begin(database: Database): ReturnType<Database['begin']> {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  return transaction
}

async function open(world: SimulatedWorld): Promise<{ process: SimulatedProcess; instance: Instance }> {
  const process = world.startProcess('feed', { machine: 'disk' })
  const options = { host: process, directory: 'data', segmentBytes: 16 * 1024, checkpointEveryBytes: 1e9 }
  return { process, instance: await world.complete(Instance.open(options, 'main')) }
}

describe('a feed', () => {
  test('from any sequence on is what was committed', async () => {
    const world = new SimulatedWorld(11)
    const { process, instance } = await open(world)
    const database = databaseOf(instance)
    const history = new History(11)
    const work = async (): Promise<void> => {
      for (let i = 0; i < 100; i++) {
        history.step(database)
        await new Promise<void>((resolve) => void process.at(1, resolve))
      }
      await database.pipeline.settled()
    }
    await world.complete(work())
    const all = await world.complete(collect(database.feed({ from: 1 })))
    expect(all.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: database.newestSequence }, (_, i) => i + 1),
    )
    const content = new Map<string, string>()
    for (const transaction of all) {
      apply(content, transaction)
      // The ranges of dropped indexes are derived, and nothing here writes entries: the rest is everything.
      expect(dump(content)).toBe(history.contents.get(transaction.sequence))
    }
    expect(dump(content)).toBe(contentOf(database))
    for (const from of [2, 37, database.newestSequence]) {
      expect(await world.complete(collect(database.feed({ from })))).toEqual(all.slice(from - 1))
    }
    expect(await world.complete(collect(database.feed({ from: 10, to: 12 })))).toEqual(all.slice(9, 12))
    const times = all.map(({ timeMs }) => timeMs)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  test('ends within a group commit where that is asked for', async () => {
    const database = await openTestDatabase()
    for (let n = 1; n <= 6; n++) {
      const transaction = begin(database)
      transaction.put(new KeyWriter(8).begin(20, 1).int64(n), sliceOf(new Uint8Array(1)))
      commitNow(transaction)
    }
    await database.pipeline.settled()
    expect(database.pipeline.batches).toBe(1)
    const parts = [
      { from: 1, to: 2 },
      { from: 3, to: 5, follow: true },
      { from: 6, to: 5, follow: true },
      { from: 6, to: 9 },
    ]
    const found: number[][] = []
    for (const part of parts) found.push((await collect(database.feed(part))).map(({ sequence }) => sequence))
    expect(found).toEqual([[1, 2], [3, 4, 5], [], [6]])
    await database.close()
  })

  test('hands a transaction of many changes out in parts, whatever the log holds it in', async () => {
    const database = await openTestDatabase({ limits: { largeCommitWrites: 100_000, pieceBytes: 100_000 } })
    const put = async (counts: readonly number[], bytes: number): Promise<void> => {
      for (const count of counts) {
        const transaction = begin(database)
        for (let n = 0; n < count; n++) {
          const key = new KeyWriter(8).begin(20, 1).int64(n)
          transaction.put(key, sliceOf(new Uint8Array(bytes)))
        }
        await transaction.commit()
        await database.pipeline.settled()
      }
    }
    await put([1, 10_000, 10_001, 25_000, 1], 1)
    await put([7, 8, 40, 1], 200_000)
    const parts = await collect(database.feed({ from: 2 }))
    const told = parts.map(({ sequence, changes, continues }) => [sequence, changes.length, continues])
    expect(told).toEqual([
      [2, 10_000, false],
      [3, 10_000, true],
      [3, 1, false],
      [4, 10_000, true],
      [4, 10_000, true],
      [4, 5_000, false],
      [5, 1, false],
      [6, 6, true],
      [6, 1, false],
      [7, 6, true],
      [7, 2, false],
      ...Array.from({ length: 6 }, () => [8, 6, true]),
      [8, 4, false],
      [9, 1, false],
    ])
    const keys = parts.filter(({ sequence }) => sequence === 4).flatMap(({ changes }) => changes)
    expect(new Set(keys.map((change) => change.kind === 'put' && Buffer.from(change.key).toString('hex'))).size).toBe(
      25_000,
    )
    expect(await collect(database.feed({ from: 4, to: 4 }))).toEqual(parts.slice(3, 6))
    await database.close()
  })

  test('leaves derived entries out, and carries origins and messages', async () => {
    const database = await openTestDatabase()
    const key = (index: number): KeyWriter => new KeyWriter(8).begin(20, index).int64(1)
    const first = begin(database)
    first.put(key(1), sliceOf(Buffer.from('row')))
    first.put(key(17), sliceOf(Buffer.from('entry')), 'derived')
    first.notify('channel', 'payload')
    commitNow(first)
    const second = begin(database)
    second.origin = 'expiry'
    second.delete(key(1))
    second.delete(key(17), 'derived')
    commitNow(second)
    await database.pipeline.settled()
    const found = await collect(database.feed({ from: 1 }))
    // The first record also carries the mark of the format.
    const kinds = [['put', 'notify', 'put'], ['delete']]
    expect(found.map(({ changes }) => changes.map(({ kind }) => kind))).toEqual(kinds)
    expect(found[0]!.changes[2]).toMatchObject({ collection: 0 })
    expect(found[0]!.changes[1]).toEqual({ kind: 'notify', channel: 'channel', payload: 'payload' })
    expect(found[1]!.origin).not.toBe(found[0]!.origin)
    await database.close()
  })

  test('follows what comes until it is told to stop', async () => {
    const database = await openTestDatabase()
    const stop = new AbortController()
    const seen: number[] = []
    const following = (async (): Promise<void> => {
      for await (const { sequence } of database.feed({ from: 1, follow: true, signal: stop.signal })) {
        seen.push(sequence)
        if (seen.length === 3) stop.abort()
      }
    })()
    for (let i = 0; i < 3; i++) {
      const transaction = begin(database)
      transaction.put(new KeyWriter(8).begin(20, 1).int64(i), sliceOf(Buffer.from('row')))
      commitNow(transaction)
      await database.pipeline.settled()
    }
    await following
    expect(seen).toEqual([1, 2, 3])
    await database.close()
  })

  test('says where the log no longer holds what was asked for', async () => {
    const world = new SimulatedWorld(12)
    const process = world.startProcess('feed', { machine: 'disk' })
    const instance = await world.complete(openOn(process))
    const database = databaseOf(instance)
    const history = new History(12)
    const work = async (): Promise<void> => {
      for (let i = 0; i < 150; i++) {
        history.step(database)
        await new Promise<void>((resolve) => void process.at(1, resolve))
      }
      await database.checkpoint()
    }
    await world.complete(work())
    expect((await world.complete(database.log.end())).oldest).toBeGreaterThan(1)
    await expect(world.complete(collect(database.feed({ from: 1 })))).rejects.toMatchObject({ code: 'trimmed' })
  })
})
