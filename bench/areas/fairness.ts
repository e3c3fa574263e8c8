/**
 * What statements that write very much do to others: the longest round of the server's event loop while one runs, how
 * long a point read takes meanwhile, and how much time and processor time the statement itself takes, against PostgreSQL;
 * and Redis's commands on large collections (`fairness-redis.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Area } from '../area.ts'
import { figure, type Measured, rowOf, type Row } from '../measure.ts'
import { findPostgres, startPostgres } from '../postgres-peer.ts'
import { redisRows } from './fairness-redis.ts'
import { removeFolder, scratchFolder, type Running } from '../processes.ts'
import { versionOf } from '../programs.ts'
import { atRest, MeteredServer, readsWhile } from '../turns.ts'

interface Statement {
  readonly name: string
  /** Brings the tables to where they were. */
  readonly prepare: (rows: number) => readonly string[]
  readonly sql: (rows: number) => string
}

const fill = (rows: number): string => {
  return `insert into t select g, g * 7, 'row number ' || g from generate_series(1, ${rows}) g`
}

/** In this order, on one table and one like pgbench's. Dead rows are no part of what is compared. */
const statements: readonly Statement[] = [
  { name: 'insert', prepare: () => ['truncate t'], sql: fill },
  { name: 'update', prepare: () => ['vacuum t'], sql: () => 'update t set n = n + 1' },
  {
    name: 'update-accounts',
    prepare: () => ['vacuum accounts'],
    sql: () => 'update accounts set abalance = abalance + 1',
  },
  { name: 'rollback', prepare: () => ['vacuum t'], sql: () => 'begin; update t set n = n + 1; rollback' },
  {
    name: 'savepoint',
    prepare: () => ['delete from t where id = -1', 'vacuum t'],
    sql: () => 'begin; insert into t values (-1); savepoint a; update t set n = 0; rollback to a; commit',
  },
  { name: 'delete', prepare: (rows) => ['truncate t', fill(rows)], sql: () => 'delete from t' },
]

const setUp = (rows: number): readonly string[] => [
  'create table accounts (aid int primary key, bid int, abalance int, filler char(84))',
  `insert into accounts select g, 1, 0, '' from generate_series(1, ${rows}) g`,
  'create table t (id int primary key, n int, s text)',
  'create index on t (n)',
  'create table small (id int primary key, n int)',
  'insert into small select g, g from generate_series(1, 1000) g',
]

interface Figures {
  /** Seconds, and processor time a row. */
  readonly taken: Measured[]
  readonly readMs: Measured[]
  readonly idleMs: Measured[]
  readonly turnMs: Measured[]
}

const newFigures = (): Figures => ({ taken: [], readMs: [], idleMs: [], turnMs: [] })

export const fairness: Area = {
  name: 'fairness',
  apart: false,
  async *rows(options) {
    const rows = options.quick ? 100_000 : 1_000_000
    const folder = scratchFolder('fairness')
    const polylog = await MeteredServer.start(folder)
    const postgres = findPostgres('initdb') === undefined ? undefined : await startPostgres()
    try {
      yield* hostileRows(polylog)
      const ours = await Side.start(polylog.running, 'polylog', rows, polylog)
      const peer = postgres && (await Side.start(postgres, 'postgres', rows))
      for (const statement of statements) {
        // Once: it takes seconds, and is run four times for that.
        await ours.measure(statement)
        await peer?.measure(statement)
        yield* rowsOf(statement.name, rows, ours.take(), peer?.take())
      }
      await Promise.all([ours.stop(), peer?.stop()])
      yield* redisRows(polylog, options)
    } finally {
      await Promise.all([polylog.running.stop(), postgres?.stop()])
      removeFolder(folder)
    }
  },
}

/** One of the two servers, with a client that writes and one that reads beside it. */
class Side {
  readonly #server: Running
  readonly #writer: pg.Client
  readonly #reader: pg.Client
  readonly #rows: number
  readonly #meter: MeteredServer | undefined
  #figures = newFigures()

  private constructor(server: Running, writer: pg.Client, reader: pg.Client, rows: number, meter?: MeteredServer) {
    this.#server = server
    this.#writer = writer
    this.#reader = reader
    this.#rows = rows
    this.#meter = meter
  }

  static async start(server: Running, database: string, rows: number, meter?: MeteredServer): Promise<Side> {
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database })
      await client.connect()
      return client
    }
    const side = new Side(server, await connect(), await connect(), rows, meter)
    for (const sql of setUp(rows)) await side.#writer.query(sql)
    return side
  }

  /** Twice: for the time that it takes, and beside point reads with the meter, which takes time itself. */
  async measure(statement: Statement): Promise<void> {
    const { taken, readMs, idleMs, turnMs } = this.#figures
    await this.#prepare(statement)
    const [started, before] = [performance.now(), this.#server.cpuSeconds()]
    await this.#writer.query(statement.sql(this.#rows))
    const value = (performance.now() - started) / 1e3
    taken.push({ value, cpuMicros: ((this.#server.cpuSeconds() - before) * 1e6) / this.#rows })
    await this.#prepare(statement)
    const read = (n: number): Promise<unknown> => {
      return this.#reader.query({ name: 'read', text: 'select n from small where id = $1', values: [1 + (n % 1000)] })
    }
    idleMs.push({ value: await readsWhile(read, sleep(500)) })
    const work = async (): Promise<void> => {
      readMs.push({ value: await readsWhile(read, this.#writer.query(statement.sql(this.#rows))) })
    }
    if (this.#meter === undefined) await work()
    else turnMs.push({ value: await this.#meter.longestTurnMs(work) })
  }

  async #prepare({ prepare }: Statement): Promise<void> {
    for (const sql of prepare(this.#rows)) await this.#writer.query(sql)
    if (this.#meter !== undefined) await atRest(this.#server)
  }

  /** Of one statement: the next one begins anew. */
  take(): Figures {
    const figures = this.#figures
    this.#figures = newFigures()
    return figures
  }

  async stop(): Promise<void> {
    await this.#writer.query('drop table t, small, accounts')
    await Promise.all([this.#writer.end(), this.#reader.end()])
  }
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

async function* hostileRows(server: MeteredServer): AsyncGenerator<Row> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.running.port, user: 'postgres', database: 'polylog' })
  await client.connect()
  for (const [name, text, values] of hostile) {
    yield hostileRow(name, await server.longestTurnMs(() => client.query(text, values?.() ?? [])))
  }
  await client.end()
}

function hostileRow(name: string, turnMs: number): Row {
  return figure(
    {
      area: 'fairness',
      durability: 'synced',
      clients: 1,
      name: `fairness/hostile/${name}/longest-turn`,
      unit: 'ms of processor time',
      notes: 'longest round of the event loop while one such statement runs',
    },
    [{ value: turnMs }],
  )
}

function* rowsOf(name: string, rows: number, ours: Figures, peers: Figures | undefined): Generator<Row> {
  const common = { area: 'fairness', durability: 'synced', clients: 2, lowerIsBetter: true }
  const postgres = findPostgres('postgres')
  yield rowOf(
    { ...common, name: `fairness/${name}/time`, unit: 's', notes: `${rows} rows; processor time a row` },
    { name: 'PostgreSQL', ...(postgres !== undefined && { version: versionOf(postgres) }) },
    ours.taken,
    peers?.taken ?? [],
  )
  const turn = { ...common, name: `fairness/${name}/longest-turn`, unit: 'ms of processor time' }
  yield figure({ ...turn, notes: `longest round of the event loop while ${rows} rows are written` }, ours.turnMs)
  yield rowOf(
    { ...common, name: `fairness/${name}/read-p99`, unit: 'ms', notes: 'p99 of a point read meanwhile' },
    { name: 'the same without writes' },
    ours.readMs,
    ours.idleMs,
  )
  if (peers === undefined) return
  const inPostgres = { ...common, name: `fairness/${name}/read-p99/postgresql`, unit: 'ms' }
  yield rowOf({ ...inPostgres, notes: 'in PostgreSQL' }, { name: 'there without writes' }, peers.readMs, peers.idleMs)
}
