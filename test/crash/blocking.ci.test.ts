/**
 * Queues of blocking commands when the server is killed. BLPOP takes an item with its commit, so it may take one whose reply never
 * leaves: at most one a client and kill, and none twice. BLMOVE to a list of one's own, as BullMQ's workers do it, loses nothing: an
 * item is in the queue, with one worker, or done, and in one of these alone.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ServerProcess } from '../end-to-end/server-process.ts'

const rounds = 6
const poppers = 3
const workers = 3
const itemsPerRound = 60

let directory: string

beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'polylog-blocking-'))))
afterEach(() => rm(directory, { recursive: true, force: true }))

function startServer(): Promise<ServerProcess> {
  const binary = join(process.cwd(), 'dist', 'cli', 'polylog.js')
  return ServerProcess.run([binary, 'serve', '--port', '0', '--data', directory], process.cwd())
}

function connect(port: number): Redis {
  const redis = new Redis({ host: '127.0.0.1', port, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  redis.on('error', () => undefined)
  return redis
}

/** What clients were told. */
class Told {
  /** Items whose push was acknowledged, by queue. */
  readonly pushed: Readonly<Record<'plain' | 'kept', Set<string>>> = { plain: new Set(), kept: new Set() }
  readonly popped: string[] = []
  readonly done = new Set<string>()
  #items = 0

  async push(redis: Redis, queue: 'plain' | 'kept', isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const item = `item ${++this.#items}`
      await redis.rpush(queue, item)
      this.pushed[queue].add(item)
    }
  }

  async pop(redis: Redis, isOver: () => boolean): Promise<void> {
    while (!isOver()) this.popped.push((await redis.blpop('plain', 0))![1])
  }

  async work(redis: Redis, worker: string, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const item = (await redis.blmove('kept', worker, 'LEFT', 'RIGHT', 0))!
      const replies = await redis.multi().lrem(worker, 1, item).rpush('done', item).exec()
      if (replies !== null) this.done.add(item)
    }
  }

  async hasDone(count: number): Promise<void> {
    while (this.done.size < count || this.popped.length < count) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

const twice = (items: readonly string[]): string[] => items.filter((item, i) => items.indexOf(item) !== i)

async function check(redis: Redis, told: Told, kills: number): Promise<void> {
  const waiting = await redis.lrange('plain', 0, -1)
  const found = [...told.popped, ...waiting]
  expect(twice(found)).toEqual([])
  const seen = new Set(found)
  const lost = [...told.pushed.plain].filter((item) => !seen.has(item))
  expect(lost.length).toBeLessThanOrEqual(poppers * kills)

  const lists = ['kept', 'done', ...Array.from({ length: workers }, (_, i) => `worker ${i}`)]
  const items = (await Promise.all(lists.map((list) => redis.lrange(list, 0, -1)))).flat()
  expect(twice(items)).toEqual([])
  const kept = new Set(items)
  expect([...told.pushed.kept].filter((item) => !kept.has(item))).toEqual([])
  const done = new Set(await redis.lrange('done', 0, -1))
  expect([...told.done].filter((item) => !done.has(item))).toEqual([])
}

test('a killed server loses no item but those it was about to answer, and gives none twice', async () => {
  const told = new Told()
  for (let round = 0; round <= rounds; round++) {
    const server = await startServer()
    const first = connect(server.port)
    await check(first, told, round)
    if (round === rounds) {
      await server.kill()
      first.disconnect()
      break
    }
    let isOver = false
    const over = (): boolean => isOver
    const clients = Array.from({ length: 2 + poppers + workers }, () => connect(server.port))
    const before = Math.max(told.done.size, told.popped.length)
    const ended = Promise.allSettled(
      clients.map((client, i) => {
        if (i < 2) return told.push(client, i === 0 ? 'plain' : 'kept', over)
        return i < 2 + poppers ? told.pop(client, over) : told.work(client, `worker ${i - 2 - poppers}`, over)
      }),
    )
    await told.hasDone(before + itemsPerRound)
    await server.kill()
    isOver = true
    for (const client of [first, ...clients]) client.disconnect()
    await ended
  }
  expect(told.done.size).toBeGreaterThan(rounds * itemsPerRound)
})
