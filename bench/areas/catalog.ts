/**
 * The catalog and the number of databases: a start with 10,000 collections of ten fields, another collection beside them,
 * and a thousand databases, made and found at a start.
 */
import pg from 'pg'
import type { Transaction } from '../../src/database/contract.ts'
import { Instance } from '../../src/database/instance.ts'
import { createRealHost } from '../../src/host/real/real-host.ts'
import { ensureDocumentCollection } from '../../src/model/document/document.ts'
import { Sessions } from '../../src/session/sessions.ts'
import type { Area, BenchOptions } from '../area.ts'
import { compare, figure, type Measured, type Row } from '../measure.ts'
import { findPostgres, startPostgres } from '../postgres-peer.ts'
import { measured, measuredHere, removeFolder, scratchFolder, startPolylog, type Running } from '../processes.ts'
import { versionOf } from '../programs.ts'

const fields = 10
const perTransaction = 500

export const catalog: Area = {
  name: 'catalog',
  apart: false,
  async *rows(options) {
    yield await openMany(options)
    yield* await createBesideMany(options)
    yield* await createDatabases(options)
    yield await startWithDatabases(options)
  },
}

function openInstance(folder: string): Promise<Instance> {
  return Instance.open({ host: createRealHost(), directory: folder }, 'polylog')
}

function createCollections(tx: Transaction, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    const collection = ensureDocumentCollection(tx, 'shop', `collection ${i}`)
    for (let field = 0; field < fields; field++) tx.widenCollection(collection, `field ${field}`, 'string')
  }
}

async function fill(instance: Instance, collections: number): Promise<void> {
  const sessions = new Sessions(instance.databases.get('polylog')!.host, () => instance.databases)
  const session = sessions.openSession({ user: 'bench', door: 'bench', durability: 'memory' })
  for (let at = 0; at < collections; at += perTransaction) {
    await session.run((tx) => createCollections(tx, at, Math.min(collections, at + perTransaction)))
  }
  session.close()
}

function milliseconds(since: bigint): number {
  return Number(process.hrtime.bigint() - since) / 1e6
}

/** Of the whole directory, opened and closed so many times. */
async function timeStarts(folder: string, count: number): Promise<Measured[]> {
  const times: Measured[] = []
  for (let i = 0; i < count; i++) {
    let instance: Instance | undefined
    const start = async (): Promise<number> => {
      const started = process.hrtime.bigint()
      instance = await openInstance(folder)
      return milliseconds(started)
    }
    times.push(await measuredHere(start, 1))
    await instance!.close()
  }
  return times
}

async function openMany(options: BenchOptions): Promise<Row> {
  const folder = scratchFolder('catalog')
  const collections = options.quick ? 2_000 : 10_000
  const times: Measured[] = []
  try {
    const filled = await openInstance(folder)
    await fill(filled, collections)
    await filled.close()
    times.push(...(await timeStarts(folder, options.pairs)))
  } finally {
    removeFolder(folder)
  }
  const notes = `a data directory with ${collections} collections of ${fields} fields each, from its checkpoint`
  const row = {
    area: 'catalog',
    name: `catalog/open/${collections}x${fields}`,
    unit: 'ms',
    durability: 'synced',
    clients: 1,
  }
  return figure({ ...row, notes }, times, 'no peer has this in its process')
}

/** Against the same in a database without others: what the catalog's size costs a change. */
async function createBesideMany(options: BenchOptions): Promise<Row[]> {
  const collections = options.quick ? 2_000 : 10_000
  const repetitions = 50
  const sides = await Promise.all([collections, 0].map((count) => inMemoryWith(count)))
  const run =
    ({ sessions }: { sessions: Sessions }) =>
    async (): Promise<number> => {
      const session = sessions.openSession({ user: 'bench', door: 'bench', durability: 'memory' })
      const started = process.hrtime.bigint()
      for (let i = 0; i < repetitions; i++) {
        await session.run((tx) => {
          createCollections(tx, -1, 0)
        })
        await session.run((tx) => tx.dropCollection(tx.catalog.findCollection('shop', 'collection -1')!))
      }
      session.close()
      return (milliseconds(started) * 1000) / repetitions
    }
  const rows = await compare(
    {
      area: 'catalog',
      name: `catalog/create/beside-${collections}`,
      unit: 'µs',
      durability: 'memory',
      clients: 1,
      lowerIsBetter: true,
      ours: { run: () => measuredHere(run(sides[0]!), repetitions) },
      peers: [{ name: 'Polylog with no other collection', run: () => measuredHere(run(sides[1]!), repetitions) }],
      notes: `a collection of ${fields} fields made and dropped`,
    },
    options.pairs,
  )
  for (const { instance } of sides) await instance.close()
  return rows
}

async function inMemoryWith(collections: number): Promise<{ instance: Instance; sessions: Sessions }> {
  const instance = await Instance.open({ host: createRealHost() }, 'polylog')
  await fill(instance, collections)
  return { instance, sessions: new Sessions(createRealHost(), () => instance.databases) }
}

async function createDatabases(options: BenchOptions): Promise<Row[]> {
  const folder = scratchFolder('databases')
  const count = options.quick ? 5 : 20
  const polylog = await startPolylog({ directory: folder })
  const postgres = findPostgres('initdb') === undefined ? undefined : await startPostgres()
  let serial = 0
  const on = (server: Running, user: string, database: string) => () => {
    const run = async (): Promise<number> => {
      const client = new pg.Client({ host: '127.0.0.1', port: server.port, user, database })
      await client.connect()
      const started = process.hrtime.bigint()
      for (let i = 0; i < count; i++) await client.query(`CREATE DATABASE bench_${++serial}`)
      const took = milliseconds(started) / count
      await client.end()
      return took
    }
    return measured(server, run, () => count)
  }
  try {
    const there = postgres && {
      version: versionOf(findPostgres('postgres')!),
      run: on(postgres, 'postgres', 'postgres'),
    }
    return await compare(
      {
        area: 'catalog',
        name: 'databases/create',
        unit: 'ms',
        durability: 'synced',
        clients: 1,
        lowerIsBetter: true,
        ours: { run: on(polylog, 'bench', 'polylog') },
        peers: [{ name: 'PostgreSQL', ...there }],
        notes: 'CREATE DATABASE, one after the other',
      },
      options.pairs,
    )
  } finally {
    await Promise.all([polylog.stop(), postgres?.stop()])
    removeFolder(folder)
  }
}

async function startWithDatabases(options: BenchOptions): Promise<Row> {
  const folder = scratchFolder('databases')
  const count = options.quick ? 200 : 1_000
  const times: Measured[] = []
  try {
    const filled = await openInstance(folder)
    for (let i = 0; i < count; i++) await filled.create(`database ${i}`)
    await filled.close()
    times.push(...(await timeStarts(folder, options.pairs)))
  } finally {
    removeFolder(folder)
  }
  const notes = `a data directory with ${count} databases that nobody has used yet`
  const row = { area: 'catalog', name: `databases/start/${count}`, unit: 'ms', durability: 'synced', clients: 1, notes }
  return figure(row, times, 'PostgreSQL opens databases in processes of their own')
}
