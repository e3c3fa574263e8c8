/**
 * What lies under every door, in this process: group commit of 64 waiting clients against a bare loop that writes and
 * syncs the same bytes, start-up with a million keys, and how long a point read waits while ten scans run.
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { sliceOf } from '../../src/base/slice.ts'
import { KeyWriter, keyspaceRange } from '../../src/base/tuple.ts'
import type { StatementSteps, Transaction } from '../../src/database/contract.ts'
import type { Database } from '../../src/database/database.ts'
import { Instance } from '../../src/database/instance.ts'
import { createRealHost } from '../../src/host/real/real-host.ts'
import { Sessions } from '../../src/session/sessions.ts'
import type { Area, BenchOptions } from '../area.ts'
import { compare, figure, type Measured, rowOf, type Row } from '../measure.ts'
import { measuredHere, removeFolder, scratchFolder } from '../processes.ts'

const waiting = 64
const valueBytes = 64
const keyspace = 100

export const commit: Area = {
  name: 'commit',
  apart: false,
  async *rows(options) {
    yield* await groupCommit(options)
    yield await startUp(options)
    yield await fairness(options)
  },
}

async function openInstance(folder: string): Promise<{ instance: Instance; database: Database; sessions: Sessions }> {
  const host = createRealHost()
  const instance = await Instance.open({ host, directory: folder }, 'polylog')
  const sessions = new Sessions(host, () => instance.databases)
  return { instance, database: instance.databases.get('polylog')!, sessions }
}

async function groupCommit(options: BenchOptions): Promise<Row[]> {
  const folder = scratchFolder('commit')
  const { instance, database, sessions } = await openInstance(folder)
  const commits = options.quick ? 50_000 : 300_000
  try {
    return await compare(
      {
        area: 'commit',
        name: `commit/synced/${waiting}-waiting`,
        unit: 'commits/s',
        durability: 'synced',
        clients: waiting,
        ours: { run: () => measuredHere(() => commitThrough(sessions, database, commits), commits) },
        peers: [
          {
            name: 'bare loop: preallocated, O_DSYNC',
            version: process.version,
            run: () => measuredHere(() => bareLoop(folder, commits), commits),
          },
        ],
        notes: 'sessions in one process, each waits until its commit is synced',
      },
      options.pairs,
    )
  } finally {
    await instance.close()
    removeFolder(folder)
  }
}

/** Each client commits, waits until that is durable, and commits again. */
function commitThrough(sessions: Sessions, database: Database, commits: number): Promise<number> {
  const value = sliceOf(new Uint8Array(valueBytes))
  const key = new KeyWriter(32)
  let begun = 0
  let ended = 0
  const started = process.hrtime.bigint()
  return new Promise((resolve, reject) => {
    const client = (): void => {
      const session = sessions.openSession({ user: 'bench', door: 'bench' })
      const next = (error?: Error): void => {
        if (error !== undefined) return reject(error)
        if (begun >= commits) return
        const n = begun++
        void session.run((tx) => tx.put(key.begin(keyspace, 1).int64(n % 100_000), value))
        database.whenDurable(session.seen, 'synced', (failure) => {
          if (++ended === commits) resolve(commits / (Number(process.hrtime.bigint() - started) / 1e9))
          next(failure)
        })
      }
      next()
    }
    for (let i = 0; i < waiting; i++) client()
  })
}

/** As many bytes a batch as 64 records of the same size have, padded to sectors, one write at a time. */
async function bareLoop(folder: string, commits: number): Promise<number> {
  const path = join(folder, 'bare')
  const batchBytes = Math.ceil((waiting * (valueBytes + 32)) / 512) * 512
  const fileBytes = 64 * 1024 * 1024
  const zeros = await open(path, 'w')
  await zeros.write(new Uint8Array(fileBytes))
  await zeros.sync()
  await zeros.close()
  const file = await open(path, constants.O_RDWR | constants.O_DSYNC)
  const batch = new Uint8Array(batchBytes).fill(1)
  const started = process.hrtime.bigint()
  let position = 0
  for (let done = 0; done < commits; done += waiting) {
    await file.write(batch, 0, batchBytes, position)
    position = position + 2 * batchBytes > fileBytes ? 0 : position + batchBytes
  }
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  await file.close()
  return commits / seconds
}

async function fill(sessions: Sessions, count: number, perTransaction: number): Promise<void> {
  const session = sessions.openSession({ user: 'bench', door: 'bench', durability: 'memory' })
  const value = sliceOf(new Uint8Array(100))
  const key = new KeyWriter(32)
  for (let at = 0; at < count; at += perTransaction) {
    const write = (tx: Transaction): void => {
      for (let i = at; i < at + perTransaction; i++) tx.put(key.begin(keyspace, 1).int64(i), value)
    }
    await session.run(write)
    await new Promise((resolve) => setImmediate(resolve))
  }
  session.close()
}

/** From a closed data directory with a million keys to the first answer. There is no peer: what counts is the figure. */
async function startUp(options: BenchOptions): Promise<Row> {
  const folder = scratchFolder('start')
  const keys = options.quick ? 200_000 : 1_000_000
  const times: Measured[] = []
  try {
    const filled = await openInstance(folder)
    await fill(filled.sessions, keys, 500)
    await filled.instance.close()
    for (let i = 0; i < options.pairs; i++) {
      let opened: Instance | undefined
      const start = async (): Promise<number> => {
        const started = process.hrtime.bigint()
        const { instance, sessions } = await openInstance(folder)
        opened = instance
        const session = sessions.openSession({ user: 'bench', door: 'bench' })
        await session.run((tx) => tx.get(new KeyWriter(32).begin(keyspace, 1).int64(keys - 1)))
        return Number(process.hrtime.bigint() - started) / 1e6
      }
      times.push(await measuredHere(start, 1))
      await opened!.close()
    }
  } finally {
    removeFolder(folder)
  }
  const notes = `${keys} keys of 100 bytes, from the checkpoint to the first read`
  return figure({ area: 'commit', name: 'start-up', unit: 'ms', durability: 'synced', clients: 1, notes }, times)
}

const scanners = 10

/** The longest delay of a point read while ten clients scan everything again and again; the peer is the idle server. */
async function fairness(options: BenchOptions): Promise<Row> {
  const folder = scratchFolder('fairness')
  const { instance, sessions } = await openInstance(folder)
  const keys = options.quick ? 200_000 : 1_000_000
  let stopped = false
  try {
    await fill(sessions, keys, 500)
    const idle = await readDelays(sessions, options.pairs)
    const scanning = Array.from({ length: scanners }, () => scanUntil(sessions, () => stopped))
    const busy = await readDelays(sessions, options.pairs)
    stopped = true
    const scans = (await Promise.all(scanning)).reduce((sum, count) => sum + count, 0)
    const notes = `p99 of a point read while ${scanners} clients scan ${keys} keys each, ${scans} scans ended meanwhile`
    const row = { area: 'commit', name: 'fairness/read-p99', unit: 'ms', durability: 'synced', clients: scanners + 1 }
    return rowOf({ ...row, lowerIsBetter: true, notes }, { name: 'the same without scans' }, busy, idle)
  } finally {
    stopped = true
    await instance.close()
    removeFolder(folder)
  }
}

/** p99 of 500 reads, `rounds` times. A read's delay is that of its turn: how late the event loop comes to it. */
async function readDelays(sessions: Sessions, rounds: number): Promise<Measured[]> {
  const session = sessions.openSession({ user: 'bench', door: 'bench' })
  const key = new KeyWriter(32)
  const percentiles: Measured[] = []
  for (let round = 0; round < rounds; round++) {
    const delays: number[] = []
    for (let i = 0; i < 500; i++) {
      const due = process.hrtime.bigint() + 1_000_000n
      await new Promise((resolve) => setTimeout(resolve, 1))
      await session.run((tx) => tx.get(key.begin(keyspace, 1).int64(i)))
      delays.push(Math.max(0, Number(process.hrtime.bigint() - due) / 1e6))
    }
    delays.sort((a, b) => a - b)
    percentiles.push({ value: delays[Math.floor(delays.length * 0.99)]! })
  }
  return percentiles
}

async function scanUntil(sessions: Sessions, stopped: () => boolean): Promise<number> {
  const session = sessions.openSession({ user: 'bench', door: 'bench' })
  const scan = function* (tx: Transaction): StatementSteps<number> {
    let count = 0
    const cursor = tx.scan(keyspaceRange(keyspace))
    while (cursor.next()) {
      count++
      if (tx.slice.spend(1)) {
        if (stopped()) break
        yield undefined
      }
    }
    return count
  }
  let scans = 0
  for (; !stopped(); scans++) await session.run(scan)
  return scans
}
