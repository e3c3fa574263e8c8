/**
 * Who may do what, asked in SQL: what PostgreSQL 15 answers to the same statements of the same users, word for word, but for the
 * name of the database. `gateway/postgres/golden/privileges*.txt` has them: a statement and who says it, below it the answer.
 */
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Instance } from '../database/instance.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { Sessions } from '../session/sessions.ts'
import { Server } from './server.ts'

const host = { ...createRealHost(), log: (): void => undefined, disk: createMemoryDisk() }
let instance: Instance
let sessions: Sessions
let server: Server
let clients: Map<string, pg.Client>

beforeEach(async () => {
  const fresh = { ...host, disk: createMemoryDisk() }
  instance = await Instance.open({ host: fresh, directory: 'data' }, 'polylog')
  sessions = new Sessions(fresh, () => instance.databases, { catalog: instance })
  server = await Server.listen(fresh, sessions, { port: 0 })
  clients = new Map()
  await sessions.principals.create('admin', { login: true, superuser: true, password: 'admin' })
})

afterEach(async () => {
  for (const client of clients.values()) await client.end()
  await server.close()
  sessions.close()
  await instance.close()
})

/** Everybody's password is the name. */
async function as(user: string): Promise<pg.Client> {
  let client = clients.get(user)
  if (client === undefined) {
    client = new pg.Client({ host: '127.0.0.1', port: server.port, user, password: user, database: 'polylog' })
    client.on('error', () => undefined)
    await client.connect()
    clients.set(user, client)
  }
  return client
}

async function answerTo(user: string, text: string): Promise<string> {
  const notices: string[] = []
  const note = ({ message }: { message?: string | undefined }): void => void notices.push(message ?? '')
  let answer: string
  let client: pg.Client | undefined
  try {
    client = await as(user)
    client.on('notice', note)
    const { command, rowCount, rows } = await client.query({ text, rowMode: 'array' })
    answer = `${command} ${rowCount} ${JSON.stringify(text.startsWith('EXPLAIN') ? [] : rows)}`
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    answer = `E ${code} ${message}`
  }
  client?.off('notice', note)
  return notices.length === 0 ? answer : `${answer} N ${notices.join('|')}`
}

describe('the privileges of SQL', { timeout: 60_000 }, () => {
  test.each(['privileges', 'privileges-of-parts'])('%s: as PostgreSQL answers', async (name) => {
    const path = new URL(`../gateway/postgres/golden/${name}.txt`, import.meta.url)
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const found: string[] = []
    for (let at = 0; at < lines.length; at += 2) {
      const [, user, text] = /^(\w+)> (.*)$/.exec(lines[at]!)!
      found.push(lines[at]!, `  ${await answerTo(user!, text!)}`)
    }
    expect(found).toEqual(lines)
  })

  test('what PostgreSQL does not ask for is asked for: a WITH query that nobody reads', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE secret (id int)')
    expect(await answerTo('ada', 'WITH w AS (SELECT * FROM secret) SELECT 1')).toMatch(/^E 42501/)
  })

  test('a statement that was prepared asks again when something was taken away', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int)')
    await answerTo('admin', 'GRANT SELECT ON t TO ada')
    const client = await as('ada')
    const ask = (): Promise<pg.QueryResult> => client.query({ name: 'kept', text: 'SELECT id FROM t' })
    expect((await ask()).rowCount).toBe(0)
    await answerTo('admin', 'REVOKE SELECT ON t FROM ada')
    await expect(ask()).rejects.toMatchObject({ code: '42501' })
    await answerTo('admin', 'GRANT SELECT ON t TO ada')
    expect((await ask()).rowCount).toBe(0)
  })

  test('what is taken away counts within open transactions, also those that see an older state', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int)')
    await answerTo('admin', 'GRANT SELECT ON t TO ada')
    const client = await as('ada')
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT * FROM t')
    await answerTo('admin', 'REVOKE SELECT ON t FROM ada')
    await expect(client.query('SELECT * FROM t')).rejects.toMatchObject({ code: '42501' })
  })

  test('what is given on a schema holds for tables that come, and what is given on the database for all', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE SCHEMA shop')
    await answerTo('admin', 'GRANT SELECT ON SCHEMA shop TO ada')
    await answerTo('admin', 'CREATE TABLE shop.later (id int)')
    expect(await answerTo('ada', 'SELECT * FROM shop.later')).toBe('SELECT 0 []')
    expect(await answerTo('ada', 'INSERT INTO shop.later VALUES (1)')).toMatch(/^E 42501/)
    await answerTo('admin', 'GRANT INSERT ON DATABASE polylog TO ada')
    expect(await answerTo('ada', 'INSERT INTO shop.later VALUES (1)')).toBe('INSERT 1 []')
  })

  test('who may change definitions only comes to rows by no way around', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE SCHEMA shop')
    await answerTo('admin', 'CREATE SCHEMA hers')
    await answerTo('admin', 'CREATE TABLE shop.secret (id int, word text)')
    await answerTo('admin', 'GRANT SCHEMA ON SCHEMA shop TO ada')
    await answerTo('admin', 'GRANT CREATE, SELECT ON SCHEMA hers TO ada')
    expect(await answerTo('ada', 'ALTER TABLE shop.secret ADD COLUMN more int')).toBe('ALTER null []')
    for (const text of [
      'SELECT * FROM shop.secret',
      'ALTER TABLE shop.secret OWNER TO ada',
      'REASSIGN OWNED BY admin TO ada',
      'GRANT SELECT ON shop.secret TO ada',
      'CREATE TABLE hers.copy AS SELECT * FROM shop.secret',
      'SELECT * FROM polylog_verify()',
    ]) {
      expect(await answerTo('ada', text), text).toMatch(/^E 42501|no privileges were granted/)
    }
    expect(await answerTo('ada', 'SELECT * FROM hers.secret')).toMatch(/^E 42P01/)
  })

  test('nobody becomes another by a setting that it begins with', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int)')
    for (const name of ['role', 'session_authorization']) {
      await answerTo('ada', `ALTER ROLE ada SET ${name} = 'admin'`)
      await answerTo('admin', `ALTER ROLE ada SET ${name} = 'admin'`)
    }
    await clients.get('ada')?.end()
    clients.delete('ada')
    expect(await answerTo('ada', 'SELECT * FROM t')).toMatch(/^E 42501/)
    expect(await answerTo('ada', 'SELECT current_user, session_user')).toBe('SELECT 1 [["ada","ada"]]')
    for (const options of ['-c role=admin', '-c session_authorization=admin']) {
      const given = { host: '127.0.0.1', port: server.port, user: 'ada', password: 'ada', database: 'polylog', options }
      const client = new pg.Client(given)
      client.on('error', () => undefined)
      await expect(client.connect()).rejects.toMatchObject({ code: '42501' })
    }
    expect(await answerTo('ada', "SELECT set_config('role', 'admin', false)")).toMatch(/^E 42501/)
  })

  test('the audit hears of what was given and taken, once that holds, and of who may not', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    for (const text of [
      'CREATE TABLE t (id int)',
      'GRANT SELECT ON t TO ada',
      'BEGIN',
      'GRANT INSERT ON t TO ada',
      'SAVEPOINT s',
      'GRANT UPDATE ON t TO ada',
      'ROLLBACK TO s',
      'COMMIT',
      'BEGIN',
      'GRANT DELETE ON t TO ada',
      'ROLLBACK',
      'REVOKE SELECT ON t FROM ada',
    ]) {
      await answerTo('admin', text)
    }
    await answerTo('ada', "SELECT * FROM t WHERE 'marker' = ''")
    const { rows } = await (
      await as('admin')
    ).query<{ event: string; principal: string; detail: string }>(
      "SELECT event, principal, detail FROM polylog.audit WHERE event LIKE 'privilege%' OR event = 'access denied'",
    )
    expect(rows.map(({ event, principal, detail }) => `${principal}: ${event}: ${detail}`)).toEqual([
      'admin: privilege granted: GRANT SELECT ON t TO ada',
      'admin: privilege granted: GRANT INSERT ON t TO ada',
      'admin: privilege revoked: REVOKE SELECT ON t FROM ada',
      'ada: access denied: permission denied for table t',
    ])
  })

  test('who sees what runs sees no values of others', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int PRIMARY KEY)')
    await answerTo('admin', 'INSERT INTO t VALUES (1)')
    const holder = new pg.Client({
      port: server.port,
      host: '127.0.0.1',
      user: 'admin',
      password: 'admin',
      database: 'polylog',
    })
    holder.on('error', () => undefined)
    await holder.connect()
    await holder.query('BEGIN')
    await holder.query('DELETE FROM t')
    const waiting = (await as('admin')).query("DELETE FROM t WHERE 'marker' <> ''")
    const client = await as('ada')
    const running = "SELECT statement FROM polylog.sessions WHERE waits_for = 'lock'"
    let shown = ''
    while (shown === '')
      shown = ((await client.query(running)).rows[0] as { statement: string } | undefined)?.statement ?? ''
    expect(shown).toBe('<insufficient privilege>')
    const { rows } = await client.query('SELECT key FROM polylog.locks')
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.every((row: { key: unknown }) => row.key === null)).toBe(true)
    await holder.query('ROLLBACK')
    await waiting
    await holder.end()
  })

  test('who may not connect cannot', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'REVOKE CONNECT ON DATABASE polylog FROM PUBLIC')
    expect(await answerTo('ada', 'SELECT 1')).toBe('E 42501 permission denied for database "polylog"')
  })

  test('who makes a database may do everything in it', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN CREATEDB PASSWORD 'ada'")
    expect(await answerTo('ada', 'CREATE DATABASE hers')).toBe('CREATE null []')
    const there = new pg.Client({
      port: server.port,
      host: '127.0.0.1',
      user: 'ada',
      password: 'ada',
      database: 'hers',
    })
    await there.connect()
    await there.query('CREATE SCHEMA s')
    await there.query('CREATE TABLE public.t (id int)')
    await there.query('INSERT INTO t VALUES (1)')
    await there.end()
    expect(await answerTo('ada', 'DROP DATABASE hers')).toMatch(/^E 42501 must be owner/)
  })

  test('is kept over a restart', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int, b int)')
    await answerTo('admin', 'GRANT SELECT (id) ON t TO ada')
    for (const client of clients.values()) await client.end()
    clients.clear()
    await server.close()
    sessions.close()
    const { host: same } = sessions
    await instance.close()
    instance = await Instance.open({ host: same, directory: 'data' }, 'polylog')
    sessions = new Sessions(same, () => instance.databases, { catalog: instance })
    server = await Server.listen(same, sessions, { port: 0 })
    expect(await answerTo('ada', 'SELECT id FROM t')).toBe('SELECT 0 []')
    expect(await answerTo('ada', 'SELECT b FROM t')).toMatch(/^E 42501/)
  })
})
