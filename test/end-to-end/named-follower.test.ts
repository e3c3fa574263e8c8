/** A leader and a follower with a name as two real processes: the server is built, the follower is this process. */
import { readdirSync } from 'node:fs'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { openFollower, type EmbeddedFollower } from '../../src/polylog.ts'
import { ServerProcess, withFolder } from './server-process.ts'

const filler = "INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series($1::int, $2::int) g"

interface Leader {
  readonly process: ServerProcess
  ask(text: string, values?: unknown[]): Promise<Record<string, string>>
  /** It writes a checkpoint, and trims what nobody needs. */
  stop(): Promise<unknown>
}

async function lead(folder: string): Promise<Leader> {
  const process = await ServerProcess.start('--data', folder, '--history', '0')
  const client = new Client({ host: '127.0.0.1', port: process.port, user: 'me', database: 'polylog' })
  client.on('error', () => undefined)
  await client.connect()
  return {
    process,
    ask: async (text, values = []) => (await client.query(text, values)).rows[0],
    stop: () => client.end().then(() => process.stop()),
  }
}

const oldest = async ({ ask }: Leader): Promise<number> =>
  Number((await ask('SELECT min(first_sequence) FROM polylog.log_segments'))['min'])

test('a leader keeps its log for a follower that looks seldom, over a restart, and shows it', () =>
  withFolder(async (folder) => {
    const open = (name: string): Promise<EmbeddedFollower> => openFollower(folder, { name, pollMs: 20_000 })
    let leader = await lead(folder)
    let follower: EmbeddedFollower | undefined
    try {
      await leader.ask('CREATE TABLE t (id int PRIMARY KEY, filler text)')
      follower = await open('reports')
      await expect(open('reports')).rejects.toMatchObject({ code: 'duplicate_object' })
      const first = await oldest(leader)
      for (let from = 0; from < 6_000; from += 1_000) await leader.ask(filler, [from, from + 999])
      await leader.stop()
      leader = await lead(folder)
      expect(await oldest(leader)).toBe(first)
      await follower.close()
      follower = undefined
      await leader.ask('INSERT INTO t VALUES (-2)')
      await leader.stop()
      leader = await lead(folder)
      expect(await oldest(leader)).toBeGreaterThan(first)
    } finally {
      await follower?.close()
      if (leader.process.isRunning) await leader.process.kill()
    }
    const files = readdirSync(`${folder}/databases`, { recursive: true }).map(String)
    expect(files.filter((file) => /followers\/[0-9a-f]+$/.test(file))).toEqual([])
  }))

test('a follower with a name is shown where consumers are, and reads what its leader writes', () =>
  withFolder(async (folder) => {
    const leader = await lead(folder)
    await leader.ask('CREATE TABLE t (id int PRIMARY KEY, filler text)')
    const follower = await openFollower(folder, { name: 'reports', maxLagBytes: 1_000_000 })
    try {
      await leader.ask(filler, [1, 100])
      await follower.waitFor(
        Number((await leader.ask('SELECT last_sequence FROM polylog.durability'))['last_sequence']),
      )
      expect(await follower.read((snapshot) => snapshot.sql('SELECT count(*) FROM t'))).toEqual([{ count: 100n }])
      const asked = "SELECT kind, state, max_lag_bytes FROM polylog.consumers WHERE name = 'reports'"
      let shown: unknown
      while (shown === undefined) shown = await leader.ask(asked)
      expect(shown).toEqual({ kind: 'follower', state: 'active', max_lag_bytes: '1000000' })
      expect(follower.restarts).toEqual({ all: 0, passed: 0 })
    } finally {
      await follower.close()
      await leader.process.kill()
    }
  }))
