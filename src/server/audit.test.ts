/** `polylog.audit`: what happens at every door, as rows that a superuser reads from any database and that outlive the server. */
import pg from 'pg'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemDatabase } from '../database/instance.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { readAudit, trimAudit, writeAudit, type AuditRow } from '../principal/audit-rows.ts'
import { createRole, newRole } from '../principal/roles.ts'
import { secretOf, secretText } from '../principal/secret.ts'
import type { Sessions } from '../session/sessions.ts'
import { type RunningServer, startServer } from './server.ts'

const lines: string[] = []
const host = { ...createRealHost(), log: (_: string, message: string): void => void lines.push(message) }
let disk = createMemoryDisk()
let running: RunningServer
const ends: (() => unknown)[] = []
const ada = { name: 'ada', password: 'geheim' }

async function start(): Promise<void> {
  running = await startServer({
    instance: { host: { ...host, disk }, directory: 'data' },
    server: { port: 0 },
    firstUser: ada,
  })
}

async function stop(): Promise<void> {
  for (const end of ends.splice(0)) await end()
  await running.stop()
}

beforeEach(async () => {
  disk = createMemoryDisk()
  lines.length = 0
  await start()
})
afterEach(stop)

async function connect(user = ada.name, password = ada.password, database = 'polylog'): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: running.server.port, user, password, database })
  client.on('error', () => undefined)
  await client.connect()
  ends.push(() => client.end())
  return client
}

function redis(username: string, password: string): Redis {
  const options = { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null, protocol: 2 as const }
  const client = new Redis({ port: running.server.port, username, password, ...options })
  client.on('error', () => undefined)
  ends.push(() => client.disconnect())
  return client
}

async function rowsOf(client: pg.Client, where: string): Promise<string[]> {
  await running.server.sessions.principals.audit.settle()
  const text = `SELECT concat_ws(' ', event, principal, door, object, count) AS row FROM polylog.audit WHERE ${where}`
  return (await client.query(text)).rows.map(({ row }) => row as string)
}

test('logins and failures of every door are rows', async () => {
  const client = await connect()
  await expect(connect('ada', 'wrong')).rejects.toThrow()
  await expect(connect('ada', 'wrong')).rejects.toThrow()
  await expect(redis('nobody', 'x').ping()).rejects.toThrow()
  await redis('ada', ada.password).ping()
  const mongo = new MongoClient(`mongodb://ada:wrong@127.0.0.1:${running.server.port}/`)
  ends.push(() => mongo.close())
  await expect(mongo.db('a').command({ ping: 1 })).rejects.toThrow()
  const found = await rowsOf(client, "event LIKE 'login%'")
  expect(found).toEqual([
    'login ada postgres 1',
    'login failed ada postgres 1',
    'login failed nobody redis 1',
    'login ada redis 1',
    'login failed ada mongodb 1',
    'login failed ada postgres 1',
  ])
  const times = await client.query(
    "SELECT count(*) FROM polylog.audit WHERE at > now() - interval '1 hour' AND at < now() + interval '1 minute' AND remote LIKE '127.0.0.1%'",
  )
  expect(times.rows[0].count).toBe('6')
  expect(lines).toContain('login failed')
})

test('changes of roles are rows, as they are made or not at all, and stay over a start', async () => {
  const client = await connect()
  await client.query("CREATE ROLE bob LOGIN SUPERUSER PASSWORD 'never shown'")
  await expect(client.query('CREATE ROLE bob')).rejects.toMatchObject({ code: '42710' })
  await client.query("ALTER ROLE bob PASSWORD 'nor this' VALID UNTIL 'infinity'")
  await client.query('ALTER ROLE bob RENAME TO eve')
  await expect(client.query('DROP ROLE eve, nobody')).rejects.toMatchObject({ code: '42704' })
  await client.query('DROP ROLE eve')
  const expected = [
    'role created polylog server ada 1',
    'role created ada postgres bob 1',
    'role altered ada postgres bob 1',
    'role renamed ada postgres bob 1',
    'role dropped ada postgres eve 1',
  ]
  expect(await rowsOf(client, "event LIKE 'role%'")).toEqual(expected)
  const { rows } = await client.query("SELECT detail FROM polylog.audit WHERE event = 'role altered'")
  expect(rows[0].detail).toBe('validUntilMs: null, a new password')
  await stop()
  await start()
  const again = await connect()
  await again.query('CREATE DATABASE other')
  const other = await connect('ada', ada.password, 'other')
  expect(await rowsOf(other, "event LIKE 'role%'")).toEqual(expected)
  expect((await other.query('SELECT * FROM polylog.audit')).fields.map(({ name }) => name)).toEqual([
    'at',
    'event',
    'principal',
    'door',
    'remote',
    'object',
    'detail',
    'count',
  ])
})

test('who ends the session of another is a row', async () => {
  const [first, second] = [redis('ada', ada.password), redis('ada', ada.password)]
  await Promise.all([first.ping(), second.ping()])
  const id = await first.client('ID')
  expect(await second.client('KILL', 'ID', `${id}`)).toBe(1)
  const client = await connect()
  const [row] = await rowsOf(client, "event = 'session terminated'")
  expect(row).toMatch(/^session terminated ada redis session \d+ of ada 1$/)
})

async function inSystem(run: Parameters<ReturnType<Sessions['openSession']>['run']>[0]): Promise<void> {
  const session = running.server.sessions.openSession({ user: 'test', database: systemDatabase, door: 'library' })
  await session.run(run)
  session.close()
}

test('who is no superuser may not read it', async () => {
  const secret = secretText(await secretOf('x', new Uint8Array(16)))
  const effects = { chance: new Uint8Array(32), asGuest: false }
  await inSystem((tx) => createRole(tx, 'bob', { ...newRole, login: true, secret }, effects))
  const client = await connect('bob', 'x')
  await expect(client.query('SELECT * FROM polylog.audit')).rejects.toMatchObject({ code: '42501' })
  await expect(client.query('SELECT count(*) FROM polylog.audit')).rejects.toMatchObject({ code: '42501' })
})

test('pages follow each other, and the rows that are too many or too old go, but never for many of another kind', async () => {
  const row = (i: number, event: AuditRow['event'], atMs: number): AuditRow => {
    return { atMs, event, principal: `${i}`, door: '', remote: '', object: '', detail: '', count: 1 }
  }
  const now = host.now()
  const many = Array.from({ length: 20_300 }, (_, i) => row(i, 'login failed', now))
  const seldom = Array.from({ length: 450 }, (_, i) => row(i, 'role altered', now))
  for (let at = 0; at < many.length; at += 1000) await inSystem((tx) => writeAudit(tx, many.slice(at, at + 1000)))
  await inSystem((tx) => writeAudit(tx, seldom))
  const client = await connect()
  const counts = 'SELECT event, count(*)::int, min(principal::int) FROM polylog.audit'
  const text = `${counts} WHERE event IN ('login failed', 'role altered') GROUP BY event ORDER BY event`
  const values = async (): Promise<unknown[]> => (await client.query({ text, rowMode: 'array' })).rows
  expect(await values()).toEqual([
    ['login failed', 20_300, 0],
    ['role altered', 450, 0],
  ])
  await inSystem((tx) => trimAudit(tx, now))
  // The first user has come in once: its row is one of the last 20,000.
  expect(await values()).toEqual([
    ['login failed', 19_999, 301],
    ['role altered', 450, 0],
  ])
  const system = running.instance.databases.get(systemDatabase)!
  const state = { reader: system.store.current, catalog: system.catalog }
  expect([...readAudit(() => state)]).toHaveLength(20_451)
  await inSystem((tx) => trimAudit(tx, now + 366 * 86_400_000))
  expect(await values()).toEqual([['login failed', 19_499, 801]])
})
