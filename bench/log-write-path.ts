/**
 * Measures group commit of the file log alone against bare loops that write as many bytes to a preallocated file with
 * `O_DSYNC`: `node .cache/tools/bench/log-write-path.js FOLDER [clients…]` after `node scripts/prepare.mjs --tools`. The
 * folder's disk is what is measured. The figures in `docs/decisions/010-log-write-path.md` come from here.
 */
import fs from 'node:fs'
import { sliceOf } from '../src/base/slice.ts'
import { createRealHost } from '../src/host/real/real-host.ts'
import type { AppendBatch } from '../src/log/commit-log.ts'
import { openFileLog } from '../src/log/file/file-log.ts'
import { RecordWriter } from '../src/log/record-writer.ts'

const roundMs = 400
const rounds = 7
const bareBytes = 64 * 1024 * 1024

const [parent = '.', ...clientCounts] = process.argv.slice(2)
const folder: string = fs.mkdtempSync(`${parent}/log-write-path-`)
const log = await openFileLog(createRealHost(), `${folder}/log`, { databaseId: new Uint8Array(16) })
const leader = await log.acquire('bench', 1000)
const key = sliceOf(new Uint8Array(16).fill(7))
const value = sliceOf(new Uint8Array(64).fill(3))
const writer = new RecordWriter()

function group(clients: number): AppendBatch {
  writer.reset()
  for (let i = 0; i < clients; i++) {
    writer.begin(0, 0)
    writer.put(5, key, value)
    writer.end()
  }
  const { bytes, offsets, count, length } = writer
  return { bytes, offsets, count, length, clock: 1n }
}

/** Thousands of commits a second of groups written one after another. */
async function rate(clients: number, write: () => Promise<void> | void): Promise<number> {
  const start = performance.now()
  let commits = 0
  while (performance.now() - start < roundMs) {
    const pending = write()
    if (pending !== undefined) await pending
    commits += clients
  }
  return commits / (performance.now() - start)
}

fs.writeFileSync(`${folder}/bare`, new Uint8Array(bareBytes))
const bare: number = fs.openSync(`${folder}/bare`, fs.constants.O_RDWR | fs.constants.O_DSYNC)
let position = 0

function place(size: number): number {
  if (position + size > bareBytes) position = 0
  position += size
  return position - size
}

function writeInPool(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.write(bare, bytes, 0, bytes.length, place(bytes.length), (error) => (error ? reject(error) : resolve()))
  })
}

function show(name: string, rates: number[]): void {
  const sorted = rates.toSorted((a, b) => a - b).map((each) => each.toFixed(1))
  console.log(`  ${name.padEnd(20)} ${sorted[rounds >> 1]} (${sorted[0]}–${sorted.at(-1)})`)
}

async function compare(clients: number): Promise<void> {
  const image = new Uint8Array(Math.ceil((44 + group(clients).length) / 512) * 512).fill(1)
  const found = { log: [] as number[], pool: [] as number[], thread: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    const append = async (): Promise<void> => {
      await leader.append(leader.syncedThrough, group(clients), 'synced')
    }
    found.log.push(await rate(clients, append))
    found.pool.push(await rate(clients, () => writeInPool(image)))
    const onThread = (): void => void fs.writeSync(bare, image, 0, image.length, place(image.length))
    found.thread.push(await rate(clients, onThread))
    await log.trim(leader.syncedThrough)
  }
  console.log(`${clients} waiting clients, thousands of synced commits a second, median (range) of ${rounds}`)
  show('file log', found.log)
  show('bare, thread pool', found.pool)
  show('bare, on the thread', found.thread)
}

for (const clients of clientCounts.length === 0 ? ['1', '64'] : clientCounts) await compare(Number(clients))
await log.close()
fs.closeSync(bare)
fs.rmSync(folder, { recursive: true })
