/**
 * What statements that write very much do to others: the longest round of the server's event loop while one runs, how
 * long a point read takes meanwhile, and how long the statement itself takes, against PostgreSQL; and Redis's commands on
 * large collections (`fairness-redis.ts`).
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { Area } from '../area.ts'
import { spreadOf, type Row, type Spread } from '../measure.ts'
import { findPostgres, startPostgres } from '../postgres-peer.ts'
import { redisRows } from './fairness-redis.ts'
import { removeFolder, scratchFolder, startPolylog, versionOf, type Running } from '../processes.ts'

interface Statement {
  readonly name: string
  readonly sql: (rows: number) => string
}

/** In this order, on one table. */
const statements: readonly Statement[] = [
  {
    name: 'insert',
    sql: (rows) => `insert into t select g, g * 7, 'row number ' || g from generate_series(1, ${rows}) g`,
  },
  { name: 'update', sql: () => 'update t set n = n + 1' },
  { name: 'rollback', sql: () => 'begin; update t set n = n + 1; rollback' },
  {
    name: 'savepoint',
    sql: () => 'begin; insert into t values (-1); savepoint a; update t set n = 0; rollback to a; commit',
  },
  { name: 'delete', sql: () => 'delete from t' },
]

const setUp = [
  'drop table if exists t, small',
  'create table t (id int primary key, n int, s text)',
  'create index on t (n)',
  'create table small (id int primary key, n int)',
  'insert into small select g, g from generate_series(1, 1000) g',
]

interface Figures {
  readonly seconds: number[]
  readonly readMs: number[]
  readonly idleMs: number[]
  readonly turnMs: number[]
}

export const fairness: Area = {
  name: 'fairness',
  async *rows(options) {
    const rows = options.quick ? 200_000 : 1_000_000
    const rounds = options.quick ? 1 : options.pairs
    const folder = scratchFolder('fairness')
    const meter = join(folder, 'turns')
    const polylog = await startPolylog({
      directory: join(folder, 'data'),
      imports: fileURLToPath(new URL('../turn-meter.js', import.meta.url)),
      env: { POLYLOG_TURN_METER: meter },
    })
    const postgres = findPostgres('initdb') === undefined ? undefined : await startPostgres()
    try {
      const ours = await measure(polylog, 'polylog', rows, rounds, meter)
      const peers = postgres && (await measure(postgres, 'postgres', rows, rounds, undefined))
      for (const [name, turnMs] of await hostileTurns(polylog, meter)) yield hostileRow(name, turnMs)
      yield* redisRows({ polylog, longestTurn: () => longestTurn(polylog, meter) }, options)
      for (const { name } of statements) yield* rowsOf(name, rows, ours.get(name)!, peers?.get(name))
    } finally {
      await Promise.all([polylog.stop(), postgres?.stop()])
      removeFolder(folder)
    }
  },
}

async function measure(
  server: Running,
  database: string,
  rows: number,
  rounds: number,
  meter: string | undefined,
): Promise<Map<string, Figures>> {
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database })
    await client.connect()
    return client
  }
  const [writer, reader] = [await connect(), await connect()]
  const figures = new Map(
    statements.map(({ name }): [string, Figures] => [name, { seconds: [], readMs: [], idleMs: [], turnMs: [] }]),
  )
  for (let round = 0; round < rounds; round++) {
    for (const sql of setUp) await writer.query(sql)
    for (const { name, sql } of statements) {
      const { seconds, readMs, idleMs, turnMs } = figures.get(name)!
      idleMs.push(await readsWhile(reader, sleep(500)))
      await longestTurn(server, meter)
      const started = performance.now()
      const running = writer.query(sql(rows)).then(() => seconds.push((performance.now() - started) / 1e3))
      readMs.push(await readsWhile(reader, running))
      turnMs.push(await longestTurn(server, meter))
    }
  }
  await Promise.all([writer.end(), reader.end()])
  return figures
}

/** What one client sends to stop the others. */
const hostile: readonly (readonly [name: string, text: string, values?: () => unknown[]])[] = [
  ['long-text', "select count(upper(repeat('x', 16000000)))"],
  ['distinct-long', "select count(distinct repeat('x', 20000) || (g + 100000)) from generate_series(1, 5000) g"],
  ['sort-long', "select 1 from generate_series(1, 100) g order by repeat('x', 1000000) || g limit 1"],
  ['json-aggregate', "select length(jsonb_object_agg('k' || g, g)::text) from generate_series(1, 200000) g"],
  ['json-rows', 'select count(*) from jsonb_array_elements((select jsonb_agg(g) from generate_series(1, 200000) g))'],
  ['json-parameter', 'select jsonb_array_length($1::jsonb)', () => [`[${'1,'.repeat(1_000_000)}1]`]],
  ['array-parameter', 'select cardinality($1::int[])', () => [`{${'1,'.repeat(1_000_000)}1}`]],
  ['pattern', "select repeat('ab', 3000000) like '%a%b%a%b%c%'"],
]

async function hostileTurns(server: Running, meter: string): Promise<[string, number][]> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'polylog' })
  await client.connect()
  const turns: [string, number][] = []
  for (const [name, text, values] of hostile) {
    await longestTurn(server, meter)
    await client.query(text, values?.() ?? [])
    turns.push([name, await longestTurn(server, meter)])
  }
  await client.end()
  return turns
}

function hostileRow(name: string, turnMs: number): Row {
  return {
    area: 'fairness',
    durability: 'synced',
    clients: 1,
    name: `fairness/hostile/${name}/longest-turn`,
    unit: 'ms of processor time',
    ours: spreadOf([turnMs]),
    peer: { name: 'none', missing: 'no peer: the figure itself counts' },
    ratio: null,
    notes: 'longest round of the event loop while one such statement runs',
  }
}

/** p99 of point reads, one every millisecond or so. */
async function readsWhile(reader: pg.Client, work: Promise<unknown>): Promise<number> {
  const state = { isOver: false }
  const over = work.finally(() => (state.isOver = true))
  const delays: number[] = []
  while (!state.isOver) {
    const started = performance.now()
    await reader.query({
      name: 'read',
      text: 'select n from small where id = $1',
      values: [1 + (delays.length % 1000)],
    })
    delays.push(performance.now() - started)
    await sleep(1)
  }
  await over
  delays.sort((a, b) => a - b)
  return delays[Math.floor(delays.length * 0.99)] ?? 0
}

/** Since this was last asked. */
async function longestTurn(server: Running, meter: string | undefined): Promise<number> {
  if (meter === undefined) return 0
  rmSync(meter, { force: true })
  process.kill(server.pid, 'SIGUSR2')
  for (let i = 0; i < 100; i++) {
    await sleep(20)
    try {
      const text = readFileSync(meter, 'utf8')
      if (text !== '') return Number(text)
    } catch {
      // Not written yet.
    }
  }
  throw new Error('the server does not answer the turn meter')
}

function* rowsOf(name: string, rows: number, ours: Figures, peers: Figures | undefined): Generator<Row> {
  const common = { area: 'fairness', durability: 'synced', clients: 2 }
  const none = { name: 'none', missing: 'no peer: the figure itself counts' }
  yield {
    ...common,
    name: `fairness/${name}/longest-turn`,
    unit: 'ms of processor time',
    ours: spreadOf(ours.turnMs),
    peer: none,
    ratio: null,
    notes: `longest round of the event loop while ${rows} rows are written`,
  }
  const [busy, idle] = [spreadOf(ours.readMs), spreadOf(ours.idleMs)]
  yield {
    ...common,
    name: `fairness/${name}/read-p99`,
    unit: 'ms',
    ours: busy,
    peer: { name: 'the same without writes', version: process.version, ...idle },
    ratio: idle.median / busy.median,
    notes: `p99 of a point read meanwhile; in PostgreSQL ${peers === undefined ? '–' : spreadOf(peers.readMs).median.toFixed(1)} ms`,
  }
  yield {
    ...common,
    name: `fairness/${name}/time`,
    unit: 's',
    ours: spreadOf(ours.seconds),
    ...against(ours, peers),
    notes: `${rows} rows`,
  }
}

function against(ours: Figures, peers: Figures | undefined): Pick<Row, 'peer' | 'ratio'> {
  if (peers === undefined) return { peer: { name: 'PostgreSQL', missing: 'not installed' }, ratio: null }
  const seconds: Spread = spreadOf(peers.seconds)
  const version = versionOf(findPostgres('postgres')!)
  return { peer: { name: 'PostgreSQL', version, ...seconds }, ratio: seconds.median / spreadOf(ours.seconds).median }
}
