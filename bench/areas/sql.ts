/** Prepared point SELECT and TPC-B by pgbench: against PostgreSQL, and against what Node can do at best. */
import { fileURLToPath } from 'node:url'
import { microseconds, type Area, type BenchOptions } from '../area.ts'
import { compare, type Comparison, type Row } from '../measure.ts'
import { findPostgres, initializePgbench, runPgbench, startPostgres, type PgbenchLoad } from '../postgres-peer.ts'
import { removeFolder, scratchFolder, startPolylog, startScript, versionOf, type Running } from '../processes.ts'

const clients = 8
const canned = fileURLToPath(new URL('../canned/postgres.js', import.meta.url))

interface Case {
  readonly name: string
  readonly load: Omit<PgbenchLoad, 'seconds'>
  readonly ceiling: boolean
}

const cases: readonly Case[] = [
  { name: 'sql/select-prepared/c8', load: { mode: 'prepared', selectOnly: true, clients }, ceiling: true },
  { name: 'sql/select-simple/c8', load: { mode: 'simple', selectOnly: true, clients }, ceiling: true },
  { name: 'sql/tpcb/c8', load: { mode: 'simple', selectOnly: false, clients }, ceiling: true },
  { name: 'sql/tpcb-prepared/c8', load: { mode: 'prepared', selectOnly: false, clients }, ceiling: false },
]

export const sql: Area = {
  name: 'sql',
  async *rows(options) {
    if (findPostgres('pgbench') === undefined) throw new Error('pgbench is not installed')
    const folder = scratchFolder('sql')
    const polylog = await startPolylog({ directory: folder })
    const postgres = findPostgres('initdb') === undefined ? undefined : await startPostgres()
    const ceiling = await startScript(canned)
    try {
      await initializePgbench(polylog.port, 'polylog')
      if (postgres !== undefined) await initializePgbench(postgres.port, 'postgres')
      for (const tested of cases) yield* rowsOf(tested, { polylog, postgres, ceiling }, options)
    } finally {
      await Promise.all([polylog.stop(), postgres?.stop(), ceiling.stop()])
      removeFolder(folder)
    }
  },
}

interface Servers {
  readonly polylog: Running
  readonly postgres: Running | undefined
  readonly ceiling: Running
}

async function* rowsOf(tested: Case, servers: Servers, options: BenchOptions): AsyncGenerator<Row> {
  const load: PgbenchLoad = { ...tested.load, seconds: options.quick ? 2 : 5 }
  const { polylog, postgres, ceiling } = servers
  const measured = measuredCpu(polylog, () => runPgbench(polylog.port, 'polylog', load), load)
  const common: Omit<Comparison, 'peer' | 'name'> = {
    area: 'sql',
    unit: 'transactions/s',
    durability: 'synced',
    clients,
    ours: measured,
    notes: measured.note,
  }
  const peerCpu = postgres && measuredCpu(postgres, () => runPgbench(postgres.port, 'postgres', load), load)
  const peer = peerCpu
    ? { name: 'PostgreSQL', version: versionOf(findPostgres('postgres')!), run: peerCpu.run }
    : { name: 'PostgreSQL', missing: 'peer not installed' }
  const notes = (): string => [measured.note(), peerCpu && `peer: ${peerCpu.note()}`].filter(Boolean).join('; ')
  yield await compare({ ...common, name: tested.name, peer, notes }, options.pairs)
  if (!tested.ceiling) return
  const run = (): Promise<number> => runPgbench(ceiling.port, 'polylog', load)
  const cannedPeer = { name: 'canned replies', version: process.version, run }
  yield await compare({ ...common, name: `${tested.name}/ceiling`, peer: cannedPeer }, options.pairs)
}

function measuredCpu(
  server: Running,
  work: () => Promise<number>,
  load: PgbenchLoad,
): { run: () => Promise<number>; note: () => string } {
  let seconds = 0
  let transactions = 0
  return {
    run: async () => {
      const before = server.cpuSeconds()
      const rate = await work()
      seconds += server.cpuSeconds() - before
      transactions += rate * load.seconds
      return rate
    },
    note: () => `processor time ${microseconds(seconds, transactions)} a transaction`,
  }
}
