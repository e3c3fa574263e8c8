/** insertOne and findOne by the `mongodb` driver, 16 at a time: against mongod, and against what Node can do at best. */
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import { microseconds, type Area, type BenchOptions } from '../area.ts'
import { compare, type Comparison, type Row } from '../measure.ts'
import { findProgram, removeFolder, scratchFolder, startPolylog, startScript, type Running } from '../processes.ts'

const clients = 16
const canned = fileURLToPath(new URL('../canned/mongodb.js', import.meta.url))

type Work = 'insertOne' | 'findOne'

/** Operations a second. */
async function drive(port: number, work: Work, operations: number): Promise<number> {
  const client = await MongoClient.connect(`mongodb://127.0.0.1:${port}/?maxPoolSize=${clients}`)
  try {
    const documents = client.db('bench').collection<{ _id: string | number }>('documents')
    if (work === 'findOne')
      await documents.updateOne({ _id: 1 }, { $set: { name: 'x'.repeat(64), n: 1 } }, { upsert: true })
    const run = `${process.hrtime.bigint()}`
    let next = 0
    const started = process.hrtime.bigint()
    const worker = async (): Promise<void> => {
      while (next < operations) {
        const n = next++
        if (work === 'findOne') await documents.findOne({ _id: 1 })
        else await documents.insertOne({ _id: `${run}-${n}`, name: 'x'.repeat(64), n } as never)
      }
    }
    await Promise.all(Array.from({ length: clients }, worker))
    return operations / (Number(process.hrtime.bigint() - started) / 1e9)
  } finally {
    await client.close()
  }
}

export const document: Area = {
  name: 'document',
  async *rows(options) {
    const folder = scratchFolder('document')
    const polylog = await startPolylog({ directory: folder })
    const ceiling = await startScript(canned)
    try {
      for (const work of ['insertOne', 'findOne'] as const) yield* rowsOf(work, polylog, ceiling, options)
    } finally {
      await Promise.all([polylog.stop(), ceiling.stop()])
      removeFolder(folder)
    }
  },
}

async function* rowsOf(work: Work, polylog: Running, ceiling: Running, options: BenchOptions): AsyncGenerator<Row> {
  const operations = options.quick ? 5_000 : 30_000
  let seconds = 0
  let done = 0
  const common: Omit<Comparison, 'peer' | 'name'> = {
    area: 'document',
    unit: 'operations/s',
    durability: 'synced',
    clients,
    ours: {
      run: async () => {
        const before = polylog.cpuSeconds()
        const rate = await drive(polylog.port, work, operations)
        seconds += polylog.cpuSeconds() - before
        done += operations
        return rate
      },
    },
    notes: () =>
      `processor time ${microseconds(seconds, done)} an operation; the driver runs in the benchmark's process`,
  }
  const mongod = findProgram('mongod')
  const missing = mongod === undefined ? 'peer not installed' : 'peer is not in Debian; start it by hand to compare'
  yield await compare({ ...common, name: `document/${work}/c16`, peer: { name: 'mongod', missing } }, options.pairs)
  const run = (): Promise<number> => drive(ceiling.port, work, operations)
  const peer = { name: 'canned replies', version: process.version, run }
  yield await compare({ ...common, name: `document/${work}/c16/ceiling`, peer }, options.pairs)
}
