/**
 * Transactions that meet each other, against PostgreSQL: how many serializable ones are refused and have to be run again, in three workloads;
 * serializable against a snapshot where they hardly meet; a queue of jobs with SKIP LOCKED.
 */
import pg from 'pg'
import type { Area, BenchOptions } from '../area.ts'
import { compare, type Comparison, type Measured } from '../measure.ts'
import { findPostgres, startPostgres } from '../postgres-peer.ts'
import { removeFolder, type Running, scratchFolder, startPolylog } from '../processes.ts'
import { versionOf } from '../programs.ts'

const clients = 16
const workers = 64
const rows = 1000

interface Workload {
  readonly name: string
  readonly notes: string
  /** The statements of one transaction; `draw`: a whole number below. */
  statements(draw: (below: number) => number): readonly string[]
}

const transfer = (from: number, to: number): readonly string[] => [
  `select n from account where id = ${from}`,
  `select n from account where id = ${to}`,
  `update account set n = n - 1 where id = ${from}`,
  `update account set n = n + 1 where id = ${to}`,
]

const workloads: readonly Workload[] = [
  {
    name: 'low-contention',
    notes: `a transfer between two of ${rows} rows, both read before`,
    statements: (draw) => transfer(draw(rows), draw(rows)),
  },
  {
    name: 'hot-rows',
    notes: 'the same between two of 10 rows',
    statements: (draw) => transfer(draw(10), draw(10)),
  },
  {
    name: 'range-heavy',
    notes: `the sum of 50 rows in a series of ${rows}, and a change of one row anywhere`,
    statements: (draw) => {
      const from = draw(rows - 50)
      return [
        `select sum(n) from account where id between ${from} and ${from + 49}`,
        `update account set n = n + 1 where id = ${draw(rows)}`,
      ]
    },
  },
]

/** One of the servers, with its clients. */
class Side {
  readonly #server: Running
  readonly #clients: pg.Client[] = []

  private constructor(server: Running) {
    this.#server = server
  }

  static async start(server: Running, database: string): Promise<Side> {
    const side = new Side(server)
    for (let i = 0; i < workers; i++) {
      const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database })
      await client.connect()
      side.#clients.push(client)
    }
    const [first] = side.#clients
    await first!.query('create table account (id int primary key, n int not null)')
    await first!.query(`insert into account select g, 0 from generate_series(0, ${rows}) g`)
    await first!.query('create table job (id int primary key)')
    await first!.query('analyze account')
    return side
  }

  /** `share`: of the transactions that were begun, those that were refused, in per cent; else those committed a second. */
  async run(workload: Workload, level: string, count: number, share: boolean): Promise<Measured> {
    let [left, refused, seed] = [count, 0, 1]
    const draw = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
    const work = async (client: pg.Client): Promise<void> => {
      while (left-- > 0) {
        const statements = workload.statements(draw)
        while (!(await commits(client, level, statements))) refused++
      }
    }
    const started = this.#begin()
    await Promise.all(this.#clients.slice(0, clients).map(work))
    const { seconds, cpuMicros } = started(count)
    return { value: share ? (100 * refused) / (count + refused) : count / seconds, cpuMicros }
  }

  async jobs(count: number): Promise<Measured> {
    await this.#clients[0]!.query(`truncate job; insert into job select generate_series(1, ${count})`)
    const take =
      'delete from job where id = (select id from job order by id limit 1 for update skip locked) returning id'
    const done = new Set<number>()
    const started = this.#begin()
    await Promise.all(
      this.#clients.map(async (client) => {
        for (;;) {
          const { rows: taken } = await client.query<{ id: number }>({ name: 'take', text: take })
          if (taken[0] === undefined) return
          if (done.has(taken[0].id)) throw new Error(`job ${taken[0].id} was given to two`)
          done.add(taken[0].id)
        }
      }),
    )
    if (done.size !== count) throw new Error(`${done.size} of ${count} jobs were done`)
    const { seconds, cpuMicros } = started(count)
    return { value: count / seconds, cpuMicros }
  }

  #begin(): (operations: number) => { seconds: number; cpuMicros: number } {
    const [at, cpu] = [performance.now(), this.#server.cpuSeconds()]
    return (operations) => ({
      seconds: (performance.now() - at) / 1e3,
      cpuMicros: ((this.#server.cpuSeconds() - cpu) * 1e6) / operations,
    })
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end()))
    await this.#server.stop()
  }
}

async function commits(client: pg.Client, level: string, statements: readonly string[]): Promise<boolean> {
  try {
    await client.query(`begin isolation level ${level}`)
    for (const text of statements) await client.query(text)
    await client.query('commit')
    return true
  } catch (error) {
    const { code } = error as { code?: string }
    if (code !== '40001' && code !== '40P01') throw error
    await client.query('rollback')
    return false
  }
}

export const transactions: Area = {
  name: 'transactions',
  apart: false,
  async *rows(options) {
    const folder = scratchFolder('transactions')
    const postgres = findPostgres('initdb') === undefined ? undefined : await startPostgres()
    const ours = await Side.start(await startPolylog({ directory: folder }), 'polylog')
    const peer = postgres && (await Side.start(postgres, 'postgres'))
    try {
      for (const comparison of comparisons(ours, peer, options)) yield* await compare(comparison, options.pairs)
    } finally {
      await Promise.all([ours.stop(), peer?.stop()])
      removeFolder(folder)
    }
  },
}

function* comparisons(ours: Side, peer: Side | undefined, { quick }: BenchOptions): Generator<Comparison> {
  const count = quick ? 1000 : 5000
  const server = findPostgres('postgres')
  const common = { area: 'transactions', durability: 'synced', clients }
  const against = (run: (side: Side) => Promise<Measured>): Pick<Comparison, 'ours' | 'peers'> => ({
    ours: { run: () => run(ours) },
    peers: [
      {
        name: 'PostgreSQL',
        ...(server !== undefined && { version: versionOf(server) }),
        ...(peer !== undefined && { run: () => run(peer) }),
      },
    ],
  })
  for (const workload of workloads) {
    const { name, notes } = workload
    yield {
      ...common,
      name: `transactions/${name}/refused`,
      unit: '% of serializable transactions',
      lowerIsBetter: true,
      notes,
      ...against((side) => side.run(workload, 'serializable', count, true)),
    }
  }
  const [low] = workloads
  yield {
    ...common,
    name: 'transactions/low-contention/serializable',
    unit: 'transactions/s',
    notes: low!.notes,
    ours: { run: () => ours.run(low!, 'serializable', count, false) },
    peers: [{ name: 'our own repeatable read', run: () => ours.run(low!, 'repeatable read', count, false) }],
  }
  yield {
    ...common,
    clients: workers,
    name: 'transactions/job-queue',
    unit: 'jobs/s',
    notes: 'DELETE of the first row that FOR UPDATE SKIP LOCKED gives',
    ...against((side) => side.jobs(count)),
  }
}
