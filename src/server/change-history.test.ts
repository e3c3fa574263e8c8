/** What was changed, when and by whom: `polylog.history`, at the door of PostgreSQL, of what all doors wrote. */
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EmbeddedDatabase } from '../library/library.ts'
import { ServerWithUsers } from './testing-users.ts'

let server: ServerWithUsers
let library: EmbeddedDatabase
let sql: pg.Client
let redis: Redis

beforeEach(async () => {
  server = await ServerWithUsers.start()
  sql = await server.pg()
  redis = server.redis()
  library = new EmbeddedDatabase(server.instance.databases.get('polylog')!, server.sessions, () => Promise.resolve())
})

afterEach(() => server.stop())

const rows = async (text: string, client = sql): Promise<unknown[][]> =>
  (await client.query<unknown[]>({ text, rowMode: 'array' })).rows

const changes = (relation: string): Promise<unknown[][]> =>
  rows(`SELECT operation, key, before, after FROM polylog.history WHERE relation = '${relation}' ORDER BY transaction`)

describe('changes of rows', () => {
  test('are told with what was there before and after, by transaction, time, door and session', async () => {
    await sql.query('CREATE TABLE t (id int PRIMARY KEY, v text)')
    await sql.query("INSERT INTO t VALUES (1, 'a')")
    await sql.query("BEGIN; INSERT INTO t VALUES (2, 'b'); UPDATE t SET v = 'c' WHERE id = 1; COMMIT")
    await sql.query('DELETE FROM t WHERE id = 2')
    expect(await changes('public.t')).toEqual([
      ['insert', { id: 1 }, null, { id: 1, v: 'a' }],
      ['insert', { id: 2 }, null, { id: 2, v: 'b' }],
      ['update', { id: 1 }, { id: 1, v: 'a' }, { id: 1, v: 'c' }],
      ['delete', { id: 2 }, { id: 2, v: 'b' }, null],
    ])
    const [found] = await rows(`
      SELECT count(DISTINCT transaction)::int, min(door), min(username), min(session) = pg_backend_pid(), min(origin),
        min(committed_at) > now() - interval '1 day', max(committed_at) <= clock_timestamp()
      FROM polylog.history WHERE relation = 'public.t'`)
    expect(found).toEqual([3, 'postgres', 'root', true, 'client', true, true])
  })
})
