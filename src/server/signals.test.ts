/** Who may cancel what another session runs, or end it: pg_cancel_backend and pg_terminate_backend where there are users. */
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { type RunningServer, startServer } from './server.ts'

let running: RunningServer
const open: pg.Client[] = []

beforeEach(async () => {
  running = await startServer({
    instance: { host: { ...createRealHost(), log: () => undefined, disk: createMemoryDisk() }, directory: 'data' },
    server: { port: 0 },
    firstUser: { name: 'ada', password: 'p' },
  })
})

afterEach(async () => {
  for (const client of open.splice(0)) await client.end()
  await running.stop()
})

async function connect(user: string): Promise<pg.Client> {
  const { port } = running.server
  const client = new pg.Client({ host: '127.0.0.1', port, user, password: 'p', database: 'polylog' })
  client.on('error', () => undefined)
  await client.connect()
  open.push(client)
  return client
}

async function backend(client: pg.Client): Promise<number> {
  return (await client.query('select pg_backend_pid() id')).rows[0].id as number
}

async function signal(client: pg.Client, what: 'cancel' | 'terminate', id: number): Promise<unknown> {
  return client.query(`select pg_${what}_backend(${id}) done`).then(
    ({ rows }) => rows[0].done,
    (error: unknown) => `${(error as pg.DatabaseError).code} ${(error as pg.DatabaseError).message}`,
  )
}

test('a superuser, who belongs to the role, and pg_signal_backend, but not to a superuser', async () => {
  const ada = await connect('ada')
  for (const role of ['low', 'other', 'member', 'signaler']) await ada.query(`create role ${role} login password 'p'`)
  await ada.query('grant low to member; grant pg_signal_backend to signaler')
  const [low, other, member, signaler] = [
    await connect('low'),
    await connect('other'),
    await connect('member'),
    await connect('signaler'),
  ]
  const [adaId, lowId] = [await backend(ada), await backend(low)]
  expect(await signal(other, 'cancel', adaId)).toBe('42501 must be a superuser to cancel superuser query')
  expect(await signal(signaler, 'terminate', adaId)).toBe('42501 must be a superuser to terminate superuser process')
  const ofRole = (words: string): string =>
    `42501 must be a member of the role whose ${words} or member of pg_signal_backend`
  expect(await signal(other, 'cancel', lowId)).toBe(ofRole('query is being canceled'))
  expect(await signal(other, 'terminate', lowId)).toBe(ofRole('process is being terminated'))
  expect(await signal(member, 'cancel', lowId)).toBe(true)
  expect(await signal(signaler, 'cancel', lowId)).toBe(true)
  expect(await signal(ada, 'terminate', await backend(signaler))).toBe(true)
  // As who it has come in counts, not as who it acts.
  await ada.query('set role low')
  expect(await signal(member, 'terminate', adaId)).toMatch(/^42501 must be a superuser/)
  await ada.query('reset role')
  expect(await signal(member, 'terminate', lowId)).toBe(true)
  const audit = "select object from polylog.audit where event = 'session terminated' order by 1"
  await running.server.sessions.principals.audit.settle()
  const { rows } = await ada.query(audit)
  expect(rows.map(({ object }) => (object as string).replace(/\d+/, 'n'))).toEqual(
    ['session n of signaler', 'session n of low'].sort(),
  )
})

test('within SECURITY DEFINER the owner asks, whoever has called', async () => {
  const ada = await connect('ada')
  for (const role of ['low', 'other', 'weak']) await ada.query(`create role ${role} login password 'p'`)
  await ada.query('grant create on schema public to weak')
  const define = (name: string): string =>
    `create function ${name}(id int) returns boolean language sql security definer ` +
    `as 'select pg_cancel_backend(id)'`
  await ada.query(`${define('strong_cancel')}; set role weak; ${define('weak_cancel')}; reset role`)
  const [low, other] = [await connect('low'), await connect('other')]
  const [adaId, lowId] = [await backend(ada), await backend(low)]
  const ask = async (client: pg.Client, call: string): Promise<unknown> =>
    client.query(`select ${call} done`).then(
      ({ rows }) => rows[0].done,
      (error: unknown) => (error as pg.DatabaseError).message,
    )
  expect(await ask(other, `strong_cancel(${lowId})`)).toBe(true)
  expect(await ask(other, `strong_cancel(${adaId})`)).toBe(true)
  const mustBelong = 'must be a member of the role whose query is being canceled or member of pg_signal_backend'
  expect(await ask(ada, `weak_cancel(${lowId})`)).toBe(mustBelong)
  expect(await ask(other, `weak_cancel(${adaId})`)).toBe('must be a superuser to cancel superuser query')
  expect(await ask(other, `pg_cancel_backend(${lowId})`)).toBe(mustBelong)
})
