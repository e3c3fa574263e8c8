/** insertOne and findOne by the `mongodb` driver, 16 at a time: against mongod, and against what Node can do at best. */
import { fileURLToPath } from 'node:url'
import type { Area, BenchOptions } from '../area.ts'
import { compare, type Peer, type Row } from '../measure.ts'
import { driveMongo, type MongoWork, mongoClients as clients } from '../mongo-driver.ts'
import { measured, removeFolder, scratchFolder, startPolylog, startScript, type Running } from '../processes.ts'
import { findProgram } from '../programs.ts'

const canned = fileURLToPath(new URL('../canned/mongodb.js', import.meta.url))

export const document: Area = {
  name: 'document',
  apart: true,
  async *rows(options) {
    const folder = scratchFolder('document')
    const polylog = await startPolylog({ directory: folder })
    const ceiling = await startScript(canned)
    try {
      for (const work of ['insertOne', 'findOne'] as const) yield* await compareOne(work, polylog, ceiling, options)
    } finally {
      await Promise.all([polylog.stop(), ceiling.stop()])
      removeFolder(folder)
    }
  },
}

function compareOne(work: MongoWork, polylog: Running, ceiling: Running, options: BenchOptions): Promise<Row[]> {
  const operations = options.quick ? 5_000 : 20_000
  const on = (server: Running) => () => {
    return measured(
      server,
      () => driveMongo(server.port, work, operations),
      () => operations,
    )
  }
  const isThere = findProgram('mongod') !== undefined
  const missing = isThere ? 'peer is not in Debian; start it by hand to compare' : 'peer not installed'
  const peers: Peer[] = [
    { name: 'mongod', missing },
    { name: 'canned replies', suffix: '/ceiling', version: process.version, run: on(ceiling) },
  ]
  const row = { area: 'document', name: `document/${work}/c16`, unit: 'operations/s', durability: 'synced', clients }
  const notes = "the driver runs in the benchmark's process"
  return compare({ ...row, notes, ours: { run: on(polylog) }, peers }, options.pairs)
}
