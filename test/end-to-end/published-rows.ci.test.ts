/**
 * A copy by logical replication while server and subscriber are killed: behind what the subscriber has kept each transaction that was
 * acknowledged comes once, whole. And PostgreSQL itself subscribes, where it is installed.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { type Change, type Row, Subscriber } from '../../src/server/testing-subscriber.ts'
import { freePort } from '../free-port.ts'
import { ServerProcess, withFolder } from './server-process.ts'

let running: ServerProcess | undefined

afterEach(async () => {
  if (running?.isRunning === true) await running.kill()
})

const config = (port: number): pg.ClientConfig => ({ host: '127.0.0.1', port, user: 'polylog', database: 'polylog' })

async function connect(port: number): Promise<pg.Client> {
  const client = new pg.Client(config(port))
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** What a subscriber has kept: rows and the place behind them, together. */
class Kept {
  readonly rows = new Map<string, Row>()
  lsn = 0n
  #pending: Change[] = []

  /** Of one stream, in its order; `lsn`: of the last message. */
  take(change: Change, lsn: bigint): void {
    if (change.kind === 'begin') this.#pending = []
    else if (change.kind !== 'commit') this.#pending.push(change)
    else {
      for (const one of this.#pending) this.#apply(one)
      this.lsn = lsn
    }
  }

  #apply(change: Change): void {
    if (change.kind !== 'insert' && change.kind !== 'update' && change.kind !== 'delete') return
    const id = (change.row ?? change.old)!['id']!
    if ((change.kind === 'insert') === this.rows.has(id)) throw new Error(`${change.kind} of ${id} does not fit`)
    if (change.kind === 'delete') this.rows.delete(id)
    else this.rows.set(id, change.row!)
  }
}

async function follow(port: number, kept: Kept, signal: AbortSignal): Promise<void> {
  const subscriber = await Subscriber.connect(config(port))
  signal.addEventListener('abort', () => subscriber.close())
  const text = `${(kept.lsn >> 32n).toString(16)}/${(kept.lsn & 0xffff_ffffn).toString(16)}`
  let taken = 0
  subscriber.onMessage = () => {
    for (; taken < subscriber.changes.length; taken++) kept.take(subscriber.changes[taken]!, subscriber.endLsn)
    if (Math.random() < 0.1 && kept.lsn > 0n) subscriber.confirm(kept.lsn)
  }
  subscriber.start('copy', 'copied', '', text)
  await subscriber.until(() => signal.aborted).catch(() => undefined)
}

test('a copy is the same after kills of both sides', async () => {
  await withFolder(async (folder) => {
    const kept = new Kept()
    let next = 1
    for (let round = 0; round < 12; round++) {
      running = await ServerProcess.start('--data', folder)
      const { port } = running
      const client = await connect(port)
      if (round === 0) {
        await client.query(
          'create table copied (id int primary key, n int); create publication copied for table copied',
        )
        await client.query(`select * from pg_create_logical_replication_slot('copy', 'pgoutput')`)
      }
      const end = new AbortController()
      const following = follow(port, kept, end.signal).catch(() => undefined)
      const writing = (async () => {
        for (;;) {
          await client.query('begin')
          await client.query('insert into copied select g, 0 from generate_series($1::int, $1::int + 2) g', [next])
          next += 3
          await client.query('update copied set n = n + 1 where id % 7 = $1', [next % 7])
          if (next % 4 === 0) await client.query('delete from copied where id = $1', [next - 5])
          await client.query('commit')
        }
      })().catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 150 + Math.random() * 500))
      if (round % 3 === 1) {
        // The subscriber alone, first.
        end.abort()
        await following
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await running.kill()
      end.abort()
      await writing
      await following
      next += 3
    }
    running = await ServerProcess.start('--data', folder)
    const client = await connect(running.port)
    await client.query('insert into copied values (0, 0)')
    const end = new AbortController()
    const following = follow(running.port, kept, end.signal)
    await expect.poll(() => kept.rows.has('0'), { timeout: 60_000 }).toBe(true)
    end.abort()
    await following
    const source = await client.query<Row>('select id::text, n::text from copied order by copied.id')
    expect(source.rows.length).toBeGreaterThan(0)
    expect([...kept.rows.values()].sort((a, b) => Number(a['id']) - Number(b['id']))).toEqual(source.rows)
    await client.end()
  })
})

const bin = '/usr/lib/postgresql/15/bin'

test.skipIf(!existsSync(`${bin}/initdb`) || process.getuid?.() !== 0)('PostgreSQL 15 subscribes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'subscriber-'))
  const port = await freePort()
  const as = (command: string): void => {
    execFileSync('su', ['postgres', '-c', command], { stdio: 'ignore' })
  }
  execFileSync('chown', ['postgres', folder])
  as(`${bin}/initdb -D ${folder}/data -A trust -U postgres`)
  as(`${bin}/pg_ctl -D ${folder}/data -w -o '-p ${port} -k ${folder} -c fsync=off -c listen_addresses=127.0.0.1' start`)
  running = await ServerProcess.start('--memory')
  const source = await connect(running.port)
  const copy = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  copy.on('error', () => undefined)
  try {
    await copy.connect()
    const table = 'create table item (id int primary key, name text, price numeric, tags text[], at timestamptz)'
    await source.query(table)
    await source.query(
      `insert into item select g, 'n' || g, g * 1.5, array['a', null], '2020-01-01' from generate_series(1, 500) g`,
    )
    await source.query('create publication items for table item where (id < 1000)')
    await copy.query(table)
    const from = `host=127.0.0.1 port=${running.port} dbname=polylog user=polylog`
    await copy.query(`create subscription items connection '${from}' publication items`)
    await source.query(`update item set price = price + 1 where id % 2 = 0`)
    await source.query(`insert into item values (900, 'seen', 1, '{}', now()), (1001, 'hidden', 1, null, null)`)
    await source.query('delete from item where id % 5 = 0')
    await source.query('update item set id = id + 500 where id = 3')
    const all = 'select id, name, price::text, tags, at from item where id < 1000 order by id'
    const wanted = (await source.query(all)).rows
    await expect.poll(async () => (await copy.query(all)).rows, { timeout: 60_000 }).toEqual(wanted)
    await source.query('truncate item')
    await expect.poll(async () => (await copy.query(all)).rows, { timeout: 60_000 }).toEqual([])
    await copy.query('drop subscription items')
    expect((await source.query('select slot_name from pg_replication_slots')).rows).toEqual([])
  } finally {
    await copy.end().catch(() => undefined)
    await source.end().catch(() => undefined)
    as(`${bin}/pg_ctl -D ${folder}/data -m immediate stop`)
    rmSync(folder, { recursive: true, force: true })
  }
})
