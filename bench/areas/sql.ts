/** Point SELECT and TPC-B by pgbench: against PostgreSQL, and against what Node can do at best. */
import { fileURLToPath } from 'node:url'
import type { Area, BenchOptions } from '../area.ts'
import { compare, type Peer, type Row } from '../measure.ts'
import { findPostgres, initializePgbench, runPgbench, startPostgres, type PgbenchLoad } from '../postgres-peer.ts'
import { measured, removeFolder, scratchFolder, startPolylog, startScript, type Running } from '../processes.ts'
import { versionOf } from '../programs.ts'

const canned = fileURLToPath(new URL('../canned/postgres.js', import.meta.url))

interface Case {
  readonly name: string
  readonly load: Omit<PgbenchLoad, 'seconds'>
  readonly ceiling?: true
}

/** In this order: the last ones at scale 5. */
const cases: readonly (readonly [scale: number, cases: readonly Case[]])[] = [
  [
    1,
    [
      { name: 'sql/select-prepared/c8', load: { mode: 'prepared', selectOnly: true, clients: 8 }, ceiling: true },
      { name: 'sql/select-simple/c8', load: { mode: 'simple', selectOnly: true, clients: 8 }, ceiling: true },
      { name: 'sql/tpcb/c8', load: { mode: 'simple', selectOnly: false, clients: 8 }, ceiling: true },
      { name: 'sql/tpcb-prepared/c8', load: { mode: 'prepared', selectOnly: false, clients: 8 } },
      { name: 'sql/tpcb/c1', load: { mode: 'simple', selectOnly: false, clients: 1 } },
      { name: 'sql/tpcb-prepared/c1', load: { mode: 'prepared', selectOnly: false, clients: 1 } },
    ],
  ],
  [5, [{ name: 'sql/tpcb-prepared/c8/scale5', load: { mode: 'prepared', selectOnly: false, clients: 8 } }]],
]

interface Servers {
  readonly polylog: Running
  readonly postgres: Running | undefined
  readonly ceiling: Running
}

export const sql: Area = {
  name: 'sql',
  apart: true,
  async *rows(options) {
    if (findPostgres('pgbench') === undefined) throw new Error('pgbench is not installed')
    const folder = scratchFolder('sql')
    const polylog = await startPolylog({ directory: folder })
    const postgres = findPostgres('initdb') === undefined ? undefined : await startPostgres()
    const ceiling = await startScript(canned)
    try {
      for (const [scale, ofScale] of cases) {
        await initializePgbench(polylog.port, 'polylog', scale)
        if (postgres !== undefined) await initializePgbench(postgres.port, 'postgres', scale)
        for (const tested of ofScale) yield* await compareOne(tested, { polylog, postgres, ceiling }, options)
      }
    } finally {
      await Promise.all([polylog.stop(), postgres?.stop(), ceiling.stop()])
      removeFolder(folder)
    }
  },
}

function compareOne({ name, load, ceiling }: Case, servers: Servers, options: BenchOptions): Promise<Row[]> {
  const seconds = options.quick ? 2 : 3
  const on = (server: Running, database: string) => () => {
    const run = (): Promise<number> => runPgbench(server.port, database, { ...load, seconds })
    return measured(server, run, (rate) => rate * seconds)
  }
  const { polylog, postgres } = servers
  const version = (): string => versionOf(findPostgres('postgres')!)
  const cannedRun = on(servers.ceiling, 'polylog')
  const peers: Peer[] = [
    { name: 'PostgreSQL', ...(postgres && { version: version(), run: on(postgres, 'postgres') }) },
    ...(ceiling === true
      ? [{ name: 'canned replies', suffix: '/ceiling', version: process.version, run: cannedRun }]
      : []),
  ]
  const row = { area: 'sql', name, unit: 'transactions/s', durability: 'synced', clients: load.clients }
  return compare({ ...row, ours: { run: on(polylog, 'polylog') }, peers }, options.pairs)
}
