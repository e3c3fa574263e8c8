/**
 * Measures the memory store alone: `node .cache/tools/bench/storage-memory.js [keys]` after
 * `node scripts/prepare.mjs --tools`. Keys of 16 bytes in random order, values of 100 bytes in place. The figures in
 * `docs/decisions/020-memory-store.md` come from here: CPU time, and in brackets time on the wall.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PerformanceObserver } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { sliceOf } from '../src/base/slice.ts'
import type { KeyRange, Slice } from '../src/base/slice.ts'
import type { Host } from '../src/host/host.ts'
import { createRealHost } from '../src/host/real/real-host.ts'
import { MemoryStore, openMemoryStore } from '../src/storage/memory/memory.ts'

const keyBytes = 16
const host: Host = createRealHost()
const monotonic = (): number => performance.now() * 1000

/** One key buffer and one value buffer, filled anew for each operation: what a caller with scratch buffers does. */
class Workload {
  readonly key: Uint8Array = new Uint8Array(keyBytes)
  readonly value: Uint8Array = new Uint8Array(100)
  readonly keySlice: Slice = sliceOf(this.key)
  readonly valueSlice: Slice = sliceOf(this.value)
  readonly order: Uint32Array
  readonly #view = new DataView(this.key.buffer)

  constructor(keys: number) {
    this.order = new Uint32Array(keys).map((_, i) => i)
    let state = 12_345
    for (let i = keys - 1; i > 0; i--) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      const j = Math.floor((state / 2 ** 32) * (i + 1))
      const other = this.order[i]!
      this.order[i] = this.order[j]!
      this.order[j] = other
    }
    this.key.set([0x15, 0x07, 0x15, 0x01])
  }

  /** Keyspace and index numbers, then a hash of `n`, as tuple keys look. */
  set(n: number): Slice {
    this.#view.setUint32(4, Math.imul(n, 0x9e37_79b1))
    this.#view.setUint32(8, n)
    this.#view.setUint32(12, n ^ 0x5555)
    return this.keySlice
  }
}

interface Row {
  readonly name: string
  readonly value: string
}

export async function measureMemoryStore(keys: number): Promise<Row[]> {
  const rows: Row[] = []
  const pauses = observeCollections()
  const work = new Workload(keys)
  const store = new MemoryStore({ monotonic })
  const perKey = (name: string, count: number, run: () => void): void => {
    const { wallMs, cpuMs } = timed(run)
    rows.push({ name, value: `${Math.round((cpuMs * 1e6) / count)} (${Math.round((wallMs * 1e6) / count)}) ns` })
  }
  const putAll = (every: number): void => {
    for (let i = 0; i < keys; i++) {
      work.value[0] = i
      store.put(work.set(work.order[i]!), work.valueSlice)
      if (every > 0 && i % every === every - 1) {
        store.publish(store.sequence + 1)
        store.snapshot().release()
      }
    }
    store.publish(store.sequence + 1)
  }
  const settle = (): void => {
    while (store.reclaim(100_000));
  }
  perKey('put, nothing pinned', keys, () => putAll(0))
  const { usedBytes, reservedBytes } = store.statistics()
  rows.push({
    name: 'bytes per key, used / reserved',
    value: `${perKeyBytes(usedBytes)} / ${perKeyBytes(reservedBytes)}`,
  })
  perKey('get', keys, () => getAll(store, work, keys))
  perKey('overwrite, nothing pinned', keys, () => putAll(0))
  settle()
  for (const every of [1000, 100, 10, 1]) {
    perKey(`overwrite, a snapshot every ${every}`, keys, () => putAll(every))
    settle()
  }
  for (const every of [1000, 100]) {
    perKey(`overwrite, a mark every ${every}`, keys, () => overwriteMarked(store, work, keys, every))
    settle()
  }
  measureScans(store, work, keys, rows)
  rows.push(...measureFreeing(keys, work))
  rows.push(...(await measureCheckpoint(store, work, keys)))
  await host.disk.list('.')
  rows.push({ name: 'longest garbage collection', value: `${pauses().toFixed(1)} ms` })
  return rows

  function perKeyBytes(bytes: number): number {
    return Math.round(bytes / keys)
  }
}

/** Two marks are held at any time, as by a log that syncs one batch while the next gathers. */
function overwriteMarked(store: MemoryStore, work: Workload, keys: number, every: number): void {
  const marks = [store.mark()]
  for (let i = 0; i < keys; i++) {
    work.value[0] = i
    store.put(work.set(work.order[i]!), work.valueSlice)
    if (i % every !== every - 1) continue
    store.publish(store.sequence + 1)
    marks.push(store.mark())
    if (marks.length > 2) marks.shift()!.release()
  }
  store.publish(store.sequence + 1)
  for (const mark of marks) mark.release()
}

function getAll(store: MemoryStore, work: Workload, keys: number): void {
  let found = 0
  for (let i = 0; i < keys; i++) if (store.current.get(work.set(work.order[i]!)) !== undefined) found++
  if (found !== keys) throw new Error(`${found} of ${keys} keys found`)
}

function measureScans(store: MemoryStore, work: Workload, keys: number, rows: Row[]): void {
  const end = sliceOf(new Uint8Array(keyBytes).fill(0xff))
  const scans = Math.min(20_000, keys)
  let bytes = 0
  const time = (name: string, count: number, unit: string, run: () => void): void => {
    const { wallMs, cpuMs } = timed(run)
    const scale = (unit === 'µs' ? 1e3 : 1e6) / count
    rows.push({ name, value: `${(cpuMs * scale).toFixed(1)} (${(wallMs * scale).toFixed(1)}) ${unit}` })
  }
  time('scan of 100 with values', scans, 'µs', () => {
    for (let i = 0; i < scans; i++) {
      const cursor = store.current.scan({ start: work.set(work.order[i]!), end })
      for (let j = 0; j < 100 && cursor.next(); j++) bytes += cursor.value.end - cursor.value.start
    }
  })
  for (const reverse of [false, true]) {
    const all: KeyRange = { start: sliceOf(new Uint8Array(0)), end }
    time(`an entry of a full scan${reverse ? ', reverse' : ''}`, keys, 'ns', () => {
      const cursor = store.current.scan(all, { reverse })
      while (cursor.next()) bytes += cursor.value.end - cursor.value.start
    })
  }
  if (bytes === 0) throw new Error('nothing was read')
}

/** Half of the keys in one range delete while a snapshot holds them; the release; then freeing in slices of 1 ms. */
function measureFreeing(keys: number, work: Workload): Row[] {
  const store = new MemoryStore({ monotonic })
  for (let i = 0; i < keys; i++) store.put(work.set(work.order[i]!), work.valueSlice)
  store.publish(1)
  const held = store.snapshot()
  const middle = new Uint8Array(keyBytes)
  middle.set([0x15, 0x07, 0x15, 0x01, 0x80])
  const started = performance.now()
  store.deleteRange({ start: sliceOf(new Uint8Array(0)), end: sliceOf(middle) })
  store.publish(2)
  const deleted = performance.now()
  held.release()
  store.snapshot().release()
  const cpu: number[] = []
  const wall: number[] = []
  for (;;) {
    const beforeCpu = threadMs()
    const before = performance.now()
    const more = store.reclaim(1000)
    wall.push(performance.now() - before)
    cpu.push(threadMs() - beforeCpu)
    if (!more) break
  }
  const summary = (slices: number[]): string => {
    const total = slices.reduce((sum, ms) => sum + ms, 0)
    slices.sort((a, b) => a - b)
    const p99 = slices[Math.floor(slices.length * 0.99)] ?? 0
    return `${total.toFixed(0)} / ${p99.toFixed(2)} / ${slices.at(-1)!.toFixed(2)}`
  }
  const before = store.statistics().keys
  const deleting = timed(() => {
    for (let i = 0; i < keys; i++) store.delete(work.set(work.order[i]!))
  })
  const deletes = before - store.statistics().keys
  return [
    { name: 'range delete of half', value: `${(deleted - started).toFixed(2)} ms` },
    { name: 'freeing it: all / p99 / longest slice of 1 ms', value: `${summary(cpu)} (${summary(wall)}) ms` },
    { name: `delete, ${deletes} hits`, value: `${Math.round((deleting.cpuMs * 1e6) / keys)} ns` },
  ]
}

async function measureCheckpoint(store: MemoryStore, work: Workload, keys: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'polylog-bench-'))
  try {
    const started = performance.now()
    const state = { running: true }
    let longestMs = 0
    let longestCpuMs = 0
    const written = store.checkpoint(host, folder).finally(() => (state.running = false))
    let last = performance.now()
    let lastCpu = threadMs()
    for (let i = 0; state.running; i = (i + 1) % keys) {
      await new Promise<void>((resolve) => host.turn(resolve))
      longestMs = Math.max(longestMs, performance.now() - last)
      longestCpuMs = Math.max(longestCpuMs, threadMs() - lastCpu)
      for (let j = 0; j < 20; j++) store.put(work.set(work.order[(i + j) % keys]!), work.valueSlice)
      store.publish(store.sequence + 1)
      store.snapshot().release()
      last = performance.now()
      lastCpu = threadMs()
    }
    await written
    const took = performance.now() - started
    const opening = performance.now()
    const opened = await openMemoryStore(host, folder)
    const openMs = performance.now() - opening
    const { usedBytes } = opened.statistics()
    const scanStart = performance.now()
    const cursor = opened.current.scan({
      start: sliceOf(new Uint8Array(0)),
      end: sliceOf(new Uint8Array(16).fill(0xff)),
    })
    while (cursor.next());
    const entryNs = ((performance.now() - scanStart) * 1e6) / keys
    return [
      { name: 'checkpoint while 20 puts a turn go on', value: `${took.toFixed(0)} ms` },
      { name: 'longest turn of it', value: `${longestCpuMs.toFixed(1)} (${longestMs.toFixed(1)}) ms` },
      { name: 'opening it', value: `${openMs.toFixed(0)} ms` },
      { name: 'bytes per key when opened', value: String(Math.round(usedBytes / keys)) },
      { name: 'an entry of a full scan when opened', value: `${entryNs.toFixed(1)} ns` },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** CPU time of this thread alone: what the system took away from it for others is no pause of ours. Linux only. */
function threadMs(): number {
  return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6
}

/** CPU time of the process beside the time on the wall: other work on the machine disturbs it less. */
function timed(run: () => void): { wallMs: number; cpuMs: number } {
  const cpu = process.cpuUsage()
  const start = performance.now()
  run()
  const wallMs = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { wallMs, cpuMs: (user + system) / 1000 }
}

/** The longest pause so far, in milliseconds. */
function observeCollections(): () => number {
  let longestMs = 0
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) longestMs = Math.max(longestMs, entry.duration)
  })
  observer.observe({ entryTypes: ['gc'] })
  return () => longestMs
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const keys = Number(process.argv[2] ?? 1_000_000)
  for (const { name, value } of await measureMemoryStore(keys)) console.log(`${name.padEnd(52)} ${value}`)
}
