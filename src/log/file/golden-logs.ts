/**
 * The golden logs: small logs whose bytes must never change, because such bytes are on people's disks. Each is built here,
 * and kept in `golden/<name>.txt` as a dump of its segments. For tests only.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { sliceOf } from '../../base/slice.ts'
import type { Disk, Host } from '../../host/host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { batchOf, stageTexts } from '../commit-log-contract.ts'
import type { CommitLog } from '../commit-log.ts'
import { derivedBit } from '../record.ts'
import { RecordWriter } from '../record-writer.ts'
import { openFileLog } from './file-log.ts'
import { type FramePart, sectorBytes } from './frame.ts'
import { FrameBuffer } from './frame-buffer.ts'
import { encodeSegmentHeader } from './segment-header.ts'
import { segmentName } from './segment.ts'

export const databaseId: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => i + 1)
const createdMs = 1_700_000_000_000
const clock = BigInt(createdMs) << 16n
const segmentBytes = 2560

export type LogFiles = Map<string, Uint8Array>

/** A host whose clock stands still and whose timers never fire. */
export function stillHost(disk: Disk): Host {
  const host: Partial<Host> = { now: () => createdMs, monotonic: () => 0, at: () => () => undefined, disk }
  return host as Host
}

export function openGolden(disk: Disk): Promise<CommitLog> {
  return openFileLog(stillHost(disk), '/log', { databaseId, segmentBytes, partBytes: 400 })
}

export const goldenLogs: Record<string, () => Promise<LogFiles>> = {
  /** Group commits of one and of several records, two leaders, and a second segment. */
  commits: () =>
    built(async (log) => {
      const first = await log.acquire('a', 1000)
      await first.append(0, batchOf(['one', 'two', 'three'], clock), 'synced')
      await first.append(3, batchOf(['four'], clock + 1n), 'synced')
      const second = await log.acquire('b', 1000)
      for (let i = 5; i < 8; i++) await second.append(i - 1, batchOf([`number ${i}`], clock + BigInt(i)), 'synced')
    }),
  /** Every kind of operation. */
  operations: () =>
    built(async (log) => {
      const leader = await log.acquire('a', 1000)
      await leader.append(0, Object.assign(allOperations(), { clock }), 'synced')
    }),
  /** A large transaction in parts, over two segments, between small ones. */
  parts: () =>
    built(async (log) => {
      const leader = await log.acquire('a', 1000)
      await leader.append(0, batchOf(['before'], clock), 'synced')
      await leader.append(1, batchOf(['small', 'large '.repeat(200), 'after'], clock + 1n), 'synced')
      await leader.append(4, batchOf(['last'], clock + 2n), 'synced')
    }),
  /** A transaction in pieces, over segments and among small ones, another that was given up, and one that is never finished. */
  pieces: () =>
    built(async (log) => {
      const leader = await log.acquire('a', 1000)
      const group = await stageTexts(leader, ['one '.repeat(120), 'two'], clock)
      await leader.append(0, batchOf(['small'], clock + 1n), 'synced')
      const other = await stageTexts(leader, ['given up '.repeat(20)], clock + 2n)
      await leader.stage(group, batchOf(['three '.repeat(200)], clock + 3n))
      leader.abandon(other, clock + 4n)
      await stageTexts(leader, ['never finished'], clock + 5n)
      const last = Object.assign(batchOf(['four'], clock + 6n), { stagedAs: group.number })
      await leader.append(1, last, 'synced')
      await leader.append(2, batchOf(['last'], clock + 7n), 'synced')
    }),
  /** Parts of two large transactions among each other and among small ones, and one that is never finished. */
  interleaved: async () => interleaved(),
}

async function built(fill: (log: CommitLog) => Promise<void>): Promise<LogFiles> {
  const disk = createMemoryDisk()
  const log = await openGolden(disk)
  await fill(log)
  await log.close()
  return readFiles(disk)
}

function allOperations(): RecordWriter {
  const slice = (text: string) => sliceOf(new TextEncoder().encode(text))
  const writer = new RecordWriter()
  writer.begin(0, 1, new TextEncoder().encode('session'))
  writer.put(1, slice('user:1'), slice('Ada'))
  writer.put(200, slice('user:1'), slice(''), derivedBit, null)
  writer.put(1, slice('user:2'), slice('Grace'), 0, slice('Hopper'))
  writer.delete(1, slice('user:3'), 0, slice('gone'))
  writer.deleteRange(70_000, slice('a'), slice('b'))
  writer.delta(1, slice('count'), slice('+1'))
  writer.end()
  writer.begin(1, 0)
  writer.notify(slice('channel'), slice('payload'))
  writer.catalogPut(0, slice('table'), slice('{}'))
  writer.catalogDelete(0, slice('index'))
  writer.end()
  writer.begin(5, 0)
  writer.end()
  return writer
}

function interleaved(): LogFiles {
  const header = { databaseId, segment: 1, firstSequence: 1, createdMs, previousChecksum: 0 }
  const buffer = new FrameBuffer()
  buffer.restart(sectorBytes)
  const large = ['A'.repeat(300), 'B'.repeat(200), 'C'.repeat(100)].map((text) => {
    const { bytes, length } = batchOf([text])
    return bytes.slice(0, length)
  })
  let next = 1
  const add = (payload: Uint8Array, transactions: number, part?: FramePart): void => {
    const head = { first: next, transactions, clock, syncedOffset: 2 ** 32 + buffer.end, term: next < 5 ? 1 : 2 }
    buffer.add({ number: 1, key: undefined }, head, payload, part)
    next += transactions
  }
  const part = (which: number, from: number, to: number): void => {
    const record = large[which]!
    const last = to >= record.length
    const group = BigInt(which + 1)
    add(record.subarray(from, to), last ? 1 : 0, {
      group,
      offset: from,
      pieceLength: record.length,
      last,
      later: false,
      abandoned: false,
    })
  }
  const small = (text: string): void => {
    const { bytes, length, count } = batchOf([text])
    add(bytes.subarray(0, length), count)
  }
  part(0, 0, 100)
  small('s1')
  part(1, 0, 150)
  part(2, 0, 50)
  part(0, 100, 999)
  small('s3')
  part(1, 150, 999)
  small('s5')
  const bytes = new Uint8Array(buffer.end + 512)
  bytes.set(encodeSegmentHeader(header))
  bytes.set(buffer.used, sectorBytes)
  return new Map([[segmentName(1), bytes]])
}

/** The named segments of a log, without spares. */
export async function readFiles(disk: Disk): Promise<LogFiles> {
  const files: LogFiles = new Map()
  for (const name of await disk.list('/log')) {
    if (!name.endsWith('.log')) continue
    const file = await disk.open(`/log/${name}`, { mode: 'read' })
    const bytes = new Uint8Array(await file.size())
    await file.readAt(0, bytes)
    files.set(name, bytes)
  }
  return files
}

export async function diskWith(files: LogFiles): Promise<Disk> {
  const disk = createMemoryDisk()
  await disk.makeFolder('/log')
  for (const [name, bytes] of files) await (await disk.open(`/log/${name}`, { mode: 'create' })).writeAt(0, bytes)
  return disk
}

/** One line a row of 32 bytes: offset, bytes. Rows of zeros are left out. */
export function dump(files: LogFiles): string {
  const lines: string[] = []
  for (const [name, bytes] of files) {
    lines.push(`${name} ${bytes.length}`)
    for (let at = 0; at < bytes.length; at += 32) {
      const row = Buffer.from(bytes.subarray(at, at + 32))
      if (row.some((byte) => byte !== 0)) lines.push(`  ${String(at).padStart(5)} ${row.toString('hex')}`)
    }
  }
  return `${lines.join('\n')}\n`
}

function undump(text: string): LogFiles {
  const files: LogFiles = new Map()
  let current = new Uint8Array(0)
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [first, second] = line.trim().split(' ') as [string, string]
    if (line.startsWith(' ')) current.set(Buffer.from(second, 'hex'), Number(first))
    else files.set(first, (current = new Uint8Array(Number(second))))
  }
  return files
}

const folder = new URL('golden/', import.meta.url)

export function readGolden(name: string): LogFiles {
  return undump(readFileSync(new URL(`${name}.txt`, folder), 'utf8'))
}

export function writeGolden(name: string, files: LogFiles): void {
  writeFileSync(new URL(`${name}.txt`, folder), dump(files))
}
