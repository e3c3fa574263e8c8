/**
 * A transaction of a gigabyte, its commit followed by another process (this one) that answers reads: killed in the middle of
 * the commit it leaves nothing or all, where the server starts again and where it is followed; and the follower applies what
 * was committed a little at a time, told by the bytes that it puts between two rounds of its event loop.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextRound, setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { expect, test } from 'vitest'
import { openFollower, type EmbeddedFollower } from '../../src/polylog.ts'
import { MemoryDraft } from '../../src/storage/memory/draft.ts'
import { Clients } from './clients.ts'
import { ServerProcess, withFolder } from './server-process.ts'

const rows = 20_000
const rowBytes = 51_200
const gibibyte = 1024 ** 3
/** Of the leader, whose values wait in a file until the commit, and of what the follower adds to this process. */
const mostMib = 2_048
/** What a follower may put between two rounds: two pieces of the log, each of half a mebibyte and a value. */
const roundBytes = 1.5 * 1024 ** 2

class Rounds {
  mostBytes = 0
  putBytes = 0
  #bytes = 0
  #isOver = false
  readonly #put = MemoryDraft.prototype.put

  /** Counts from here on. */
  async watch(): Promise<void> {
    const put = this.#put
    const counted = (bytes: number): void => {
      this.#bytes += bytes
      this.putBytes += bytes
    }
    MemoryDraft.prototype.put = function (key, value) {
      counted(key.end - key.start + value.end - value.start)
      put.call(this, key, value)
    }
    while (!this.#isOver) {
      await nextRound()
      this.mostBytes = Math.max(this.mostBytes, this.#bytes)
      this.#bytes = 0
    }
  }

  end(): void {
    this.#isOver = true
    MemoryDraft.prototype.put = this.#put
  }
}

function logBytes(folder: string): number {
  const files = readdirSync(join(folder, 'databases'), { recursive: true }).map(String)
  const segments = files.filter((file) => /\/log\//.test(file)).map((file) => join(folder, 'databases', file))
  return segments.reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0)
}

const residentMib = (pid: number): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** Inserts all, and begins to commit it: what becomes of that. */
async function begin(client: pg.Client): Promise<{ readonly outcome: Promise<string> }> {
  await client.query('BEGIN')
  await client.query(
    `INSERT INTO t SELECT g, repeat(md5(g::text), ${rowBytes / 32}) FROM generate_series(1, ${rows}) g`,
  )
  const outcome = client.query('COMMIT').then(
    ({ command }) => command,
    () => 'lost',
  )
  return { outcome }
}

async function rowsOf(follower: EmbeddedFollower): Promise<number> {
  const [found] = await follower.read((snapshot) => snapshot.sql('SELECT count(*) AS n FROM t'))
  const n = Number(found!['n'])
  expect([0, rows]).toContain(n)
  return n
}

const onLinux = test.runIf(existsSync('/proc/self/status'))

onLinux('a gigabyte is committed, killed and followed as a whole', { timeout: 300_000 }, () =>
  withFolder(async (outer) => {
    const folder = join(outer, 'data')
    const start = (): Promise<ServerProcess> => ServerProcess.start('--data', folder, '--memory-limit', `${mostMib}MB`)
    let leader = await start()
    let clients = new Clients(leader.port)
    const rounds = new Rounds()
    const watching = rounds.watch()
    let follower: EmbeddedFollower | undefined
    try {
      const writer = await clients.postgres()
      await writer.query('CREATE TABLE t (id int PRIMARY KEY, s text)')
      follower = await openFollower(folder, { name: 'reports', maxLagBytes: 8 * gibibyte })
      const [before, residentBefore] = [logBytes(folder), residentMib(process.pid)]
      const killed = await begin(writer)
      while (logBytes(folder) < before + gibibyte / 2) await sleep(5)
      await leader.kill()
      expect(await killed.outcome).toBe('lost')
      await clients.close()
      leader = await start()
      clients = new Clients(leader.port)
      const [again, reader] = [await clients.postgres(), await clients.postgres()]
      const left = Number((await reader.query('SELECT count(*) AS n FROM t')).rows[0].n)
      expect([0, rows]).toContain(left)
      await again.query('DELETE FROM t')
      const { outcome } = await begin(again)
      let reads = 0
      while ((await rowsOf(follower)) < rows) {
        reads++
        await nextRound()
      }
      expect(await outcome).toBe('COMMIT')
      expect(reads).toBeGreaterThan(10)
      expect(residentMib(leader.pid)).toBeLessThan(mostMib)
      expect(residentMib(process.pid) - residentBefore).toBeLessThan(mostMib)
      const [{ bytes }] = (await follower.read((snapshot) =>
        snapshot.sql('SELECT sum(length(s)) AS bytes FROM t'),
      )) as [{ bytes: bigint }]
      expect(Number(bytes)).toBe(rows * rowBytes)
      expect(rounds.putBytes).toBeGreaterThanOrEqual(rows * rowBytes)
      expect(rounds.mostBytes).toBeLessThanOrEqual(roundBytes)
    } finally {
      rounds.end()
      await watching
      await follower?.close()
      await clients.close()
      if (leader.isRunning) await leader.kill()
    }
  }),
)
