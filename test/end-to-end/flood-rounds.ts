/** One flood against a server of its own: what it did to the process, to others, and what was left behind. */
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { Clients } from './clients.ts'
import { Flood } from './flood.ts'
import { ServerProcess, withFolder } from './server-process.ts'

const mebibyte = 1024 * 1024
/** What accounts keep granted so that they need not ask again for each byte, and what those have who ask. */
export const grantedBytes: number = mebibyte
/** Half a second each. */
const mostTries = 60
const mostLooks = 2000

export interface FloodResult {
  /** The most that the process had, of the operating system. */
  readonly peakMib: number
  /** Of those who did their worst. */
  readonly refused: ReadonlyMap<string, number>
  /** The longest that one small request waited during the flood. */
  readonly longestWaitMs: number
  /** Bytes that accounts of work held when all had gone, but for cursors. */
  readonly leftBytes: number
  /** Of cursors of MongoDB, which outlive their connections. */
  readonly cursorBytes: number
  /** What was answered when all had gone. */
  readonly answerAfterwards: string
}

export interface FloodOptions {
  readonly limitMib: number
  readonly clients: number
  /** How often somebody else asks something small at each door meanwhile. */
  readonly rounds: number
  readonly ways?: readonly string[]
}

export function runFlood({ limitMib, clients: count, rounds, ways }: FloodOptions): Promise<FloodResult> {
  return withFolder(async (folder) => {
    const server = await ServerProcess.start('--data', `${folder}/data`, '--memory-limit', `${limitMib}MB`)
    const clients = new Clients(server.port)
    try {
      const others = await Others.connect(clients)
      const flood = new Flood(server.port, count, ways)
      const longestWaitMs = await others.askOften(rounds)
      const { refused } = flood
      flood.end()
      const left = await others.leftBytes()
      return {
        peakMib: peakMib(server.pid),
        refused,
        longestWaitMs,
        ...left,
        answerAfterwards: await others.askMuch(),
      }
    } finally {
      await clients.close()
      await server.stop()
    }
  })
}

/** The others: who asks little, and has to be answered whatever the flood does. */
class Others {
  readonly #clients: Clients
  readonly #redis: Redis

  private constructor(clients: Clients, redis: Redis) {
    this.#clients = clients
    this.#redis = redis
  }

  static async connect(clients: Clients): Promise<Others> {
    const redis = clients.redis()
    await redis.set('point', '1')
    const client = await clients.postgres()
    await client.query('CREATE TABLE point (id int PRIMARY KEY, v int)')
    await client.query('INSERT INTO point VALUES (1, 10)')
    return new Others(clients, redis)
  }

  /** Each round at a connection that is there and at a new one. */
  async askOften(rounds: number): Promise<number> {
    let longest = 0
    const timed = async (request: () => Promise<unknown>): Promise<void> => {
      const start = performance.now()
      await request()
      longest = Math.max(longest, performance.now() - start)
    }
    for (let i = 0; i < rounds; i++) {
      await timed(() => this.#redis.get('point'))
      await timed(async () => {
        const client = await this.#clients.postgres()
        const { rows } = await client.query('SELECT v FROM point WHERE id = 1')
        if ((rows[0] as { v: number }).v !== 10) throw new Error('a point query was answered wrongly')
        await client.end()
      })
    }
    return longest
  }

  async leftBytes(): Promise<{ leftBytes: number; cursorBytes: number }> {
    const client = await this.#clients.postgres()
    const sql = `SELECT coalesce(sum(granted_bytes) FILTER (WHERE path LIKE '%all statements together'), 0) AS work,
      coalesce(sum(granted_bytes) FILTER (WHERE path LIKE '%all cursors together'), 0) AS cursors FROM polylog.memory`
    for (let looks = 0; ; looks++) {
      const { rows } = await client.query<{ work: string; cursors: string }>(sql)
      const cursorBytes = Number(rows[0]!.cursors)
      const leftBytes = Number(rows[0]!.work) - cursorBytes
      if (leftBytes <= grantedBytes || looks >= mostLooks) return { leftBytes, cursorBytes }
      // What has gone is noticed as the server gets to it.
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /**
   * A sort of 20 MB, which needs some memory, and must have it again: once garbage was collected, which rests in between
   * (`memory-pressure.ts`).
   */
  async askMuch(): Promise<string> {
    const client = await this.#clients.postgres()
    const sql =
      "SELECT count(*) AS n FROM (SELECT repeat('x', 100000) || g AS a FROM generate_series(1, 200) g ORDER BY a) s"
    for (let tries = 1; ; tries++) {
      try {
        const { rows } = await client.query<{ n: string }>(sql)
        return rows[0]!.n
      } catch (error) {
        if ((error as { code?: string }).code !== '53200' || tries >= mostTries) throw error
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    }
  }
}

function peakMib(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return (Number(kib) * 1024) / mebibyte
}
