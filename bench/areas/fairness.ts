/**
 * What statements that write very much do to others: the longest round of the server's event loop while one runs, how
 * long a point read takes meanwhile, and how much time and processor time the statement itself takes, against PostgreSQL;
 * and Redis's commands on large collections (`fairness-redis.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Area } from '../area.ts'
import { spreadOf, type Row, type Spread } from '../measure.ts'
import { findPostgres, startPostgres } from '../postgres-peer.ts'
import { redisRows } from './fairness-redis.ts'
import { removeFolder, scratchFolder, versionOf, type Running } from '../processes.ts'
import { MeteredServer, readsWhile } from '../turns.ts'

interface Statement {
  readonly name: string
  readonly sql: (rows: number) => string
}

/** In this order, on one table and one like pgbench's. */
const statements: readonly Statement[] = [
  {
    name: 'insert',
    sql: (rows) => `insert into t select g, g * 7, 'row number ' || g from generate_series(1, ${rows}) g`,
  },
  { name: 'update', sql: () => 'update t set n = n + 1' },
  { name: 'update-accounts', sql: () => 'update accounts set abalance = abalance + 1' },
  { name: 'rollback', sql: () => 'begin; update t set n = n + 1; rollback' },
  {
    name: 'savepoint',
    sql: () => 'begin; insert into t values (-1); savepoint a; update t set n = 0; rollback to a; commit',
  },
  { name: 'delete', sql: () => 'delete from t' },
]

const setUp = (rows: number): readonly string[] => [
  'drop table if exists t, small, accounts',
  'create table accounts (aid int primary key, bid int, abalance int, filler char(84))',
  `insert into accounts select g, 1, 0, '' from generate_series(1, ${rows}) g`,
  'create table t (id int primary key, n int, s text)',
  'create index on t (n)',
  'create table small (id int primary key, n int)',
  'insert into small select g, g from generate_series(1, 1000) g',
]

interface Figures {
  readonly seconds: number[]
  readonly processorSeconds: number[]
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
    const polylog = await MeteredServer.start(folder)
    const postgres = findPostgres('initdb') === undefined ? undefined : await startPostgres()
    try {
      const ours = await measure(polylog.running, 'polylog', rows, rounds, polylog)
      const peers = postgres && (await measure(postgres, 'postgres', rows, rounds))
      for (const [name, turnMs] of await hostileTurns(polylog)) yield hostileRow(name, turnMs)
      yield* redisRows(polylog, options)
      for (const { name } of statements) yield* rowsOf(name, rows, ours.get(name)!, peers?.get(name))
    } finally {
      await Promise.all([polylog.running.stop(), postgres?.stop()])
      removeFolder(folder)
    }
  },
}

/** Each round twice: for the times that statements take, and beside point reads with the meter, which takes time itself. */
async function measure(
  server: Running,
  database: string,
  rows: number,
  rounds: number,
  meter?: MeteredServer,
): Promise<Map<string, Figures>> {
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database })
    await client.connect()
    return client
  }
  const [writer, reader] = [await connect(), await connect()]
  const read = (n: number): Promise<unknown> => {
    return reader.query({ name: 'read', text: 'select n from small where id = $1', values: [1 + (n % 1000)] })
  }
  const figures = new Map(
    statements.map(({ name }): [string, Figures] => {
      return [name, { seconds: [], processorSeconds: [], readMs: [], idleMs: [], turnMs: [] }]
    }),
  )
  for (let round = 0; round < rounds; round++) {
    for (const sql of setUp(rows)) await writer.query(sql)
    for (const { name, sql } of statements) {
      const { seconds, processorSeconds } = figures.get(name)!
      const [started, before] = [performance.now(), server.cpuSeconds()]
      await writer.query(sql(rows))
      seconds.push((performance.now() - started) / 1e3)
      processorSeconds.push(server.cpuSeconds() - before)
    }
    for (const sql of setUp(rows)) await writer.query(sql)
    for (const { name, sql } of statements) {
      const { readMs, idleMs, turnMs } = figures.get(name)!
      idleMs.push(await readsWhile(read, sleep(500)))
      const work = async (): Promise<void> => void readMs.push(await readsWhile(read, writer.query(sql(rows))))
      if (meter === undefined) await work()
      else turnMs.push(await meter.longestTurnMs(work))
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

async function hostileTurns(server: MeteredServer): Promise<[string, number][]> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.running.port, user: 'postgres', database: 'polylog' })
  await client.connect()
  const turns: [string, number][] = []
  for (const [name, text, values] of hostile) {
    turns.push([name, await server.longestTurnMs(() => client.query(text, values?.() ?? []))])
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
    ...against(spreadOf(ours.seconds), peers?.seconds),
    notes: `${rows} rows`,
  }
  yield {
    ...common,
    name: `fairness/${name}/processor-time`,
    unit: 's',
    ...against(spreadOf(ours.processorSeconds), peers?.processorSeconds),
    notes: `${rows} rows; of all threads, and of all of PostgreSQL's processes`,
  }
}

function against(ours: Spread, peers: readonly number[] | undefined): Pick<Row, 'ours' | 'peer' | 'ratio'> {
  if (peers === undefined) return { ours, peer: { name: 'PostgreSQL', missing: 'not installed' }, ratio: null }
  const theirs = spreadOf(peers)
  const version = versionOf(findPostgres('postgres')!)
  return { ours, peer: { name: 'PostgreSQL', version, ...theirs }, ratio: theirs.median / ours.median }
}
