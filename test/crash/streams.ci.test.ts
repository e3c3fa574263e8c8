/**
 * Streams when the server is killed: what was acknowledged is there, ids go on growing, and every entry that a group was given is
 * either acknowledged or pending for whoever was given it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ServerProcess } from '../end-to-end/server-process.ts'

const lastRound = 6

type Entry = readonly [id: string, fields: readonly string[]]

let directory: string

beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'polylog-streams-'))))
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
  /** Values by id. */
  readonly added = new Map<string, string>()
  /** Consumers by id. */
  readonly given = new Map<string, string>()
  readonly acknowledged = new Set<string>()
  /** Asked for, and perhaps done. */
  readonly asked = new Set<string>()
  #values = 0

  async hasAcknowledged(count: number): Promise<void> {
    while (this.acknowledged.size < count) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  async produce(redis: Redis, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const value = `v${++this.#values}`
      this.added.set((await redis.xadd('s', '*', 'f', value))!, value)
    }
  }

  async consume(redis: Redis, consumer: string, isOver: () => boolean): Promise<void> {
    for (let round = 0; !isOver(); round++) {
      const reply = await redis.xreadgroup('GROUP', 'g', consumer, 'COUNT', 3, 'BLOCK', 50, 'STREAMS', 's', '>')
      const entries = (reply as [[string, Entry[]]] | null)?.[0][1] ?? []
      for (const [id] of entries) this.given.set(id, consumer)
      if (round % 3 === 0) continue
      const ids = entries.map(([id]) => id)
      for (const id of ids) this.asked.add(id)
      if (ids.length > 0) await redis.xack('s', 'g', ...ids)
      for (const id of ids) this.acknowledged.add(id)
    }
  }
}

const isLater = (a: string, b: string): boolean => {
  const [[aTime, aSequence], [bTime, bSequence]] = [a.split('-').map(Number), b.split('-').map(Number)]
  return aTime! > bTime! || (aTime === bTime && aSequence! > bSequence!)
}

async function check(redis: Redis, told: Told): Promise<void> {
  const entries: Entry[] = await redis.xrange('s', '-', '+')
  const values = new Map(entries.map(([id, [, value]]) => [id, value!]))
  for (const [id, value] of told.added) expect(values.get(id), id).toBe(value)
  const pending = (await redis.xpending('s', 'g', '-', '+', 1_000_000)) as [string, string][]
  const owners = new Map(pending.map(([id, consumer]) => [id, consumer]))
  for (const [id, consumer] of told.given) {
    if (told.acknowledged.has(id)) expect(owners.has(id), `${id} was acknowledged`).toBe(false)
    else if (!told.asked.has(id)) expect(owners.get(id), id).toBe(consumer)
  }
  const groups = (await redis.xinfo('GROUPS', 's')) as unknown[][]
  const lastGiven = groups[0]![groups[0]!.indexOf('last-delivered-id') + 1] as string
  for (const id of owners.keys()) expect(values.has(id) && !isLater(id, lastGiven), id).toBe(true)
  const newest = entries.at(-1)![0]
  expect(isLater((await redis.xadd('s', '*', 'f', 'after'))!, newest)).toBe(true)
}

test('a killed server keeps entries, the order of ids, and what is pending', async () => {
  const told = new Told()
  for (let round = 0; round <= lastRound; round++) {
    const server = await startServer()
    const first = connect(server.port)
    if (round === 0) await first.xgroup('CREATE', 's', 'g', '0', 'MKSTREAM')
    else await check(first, told)
    let isOver = false
    const clients = Array.from({ length: 5 }, () => connect(server.port))
    const before = told.acknowledged.size
    const working = clients.map((client, i) =>
      i < 2 ? told.produce(client, () => isOver) : told.consume(client, `c${i}`, () => isOver),
    )
    const ended = Promise.allSettled(working)
    if (round < lastRound) await told.hasAcknowledged(before + 20)
    else isOver = true
    await server.kill()
    isOver = true
    for (const client of [first, ...clients]) client.disconnect()
    await ended
  }
  expect(told.acknowledged.size).toBeGreaterThan(50)
})
