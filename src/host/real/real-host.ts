import { randomFillSync } from 'node:crypto'
import { readFileSync, writeSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { errorText } from '../../base/logged-error.ts'
import type { Cancel, Garbage, Host, JobName, MemoryFacts } from '../host.ts'
import { createRealDisk } from './disk.ts'
import { logWith } from './log.ts'
import { createRealNetwork } from './network.ts'
import { type WorkerScript, Workers } from './workers.ts'

export interface RealHostOptions {
  /** The jobs for `worker`; left out: none. */
  readonly workers?: WorkerJobs | undefined
  readonly workerLimit?: number
  /** Collect garbage early, so that the process takes little more than what lives in it; costs processor time. */
  readonly tightHeap?: boolean
  /** What errors say of clients' values goes to the log, too. */
  readonly logLiterals?: boolean
  /** What a thread of endless jobs may need before it is ended. */
  readonly endlessHeapMb?: number
}

export interface WorkerJobs {
  /** One file without imports, made of a module that calls `answerJobs` of `worker-entry.ts`. */
  readonly script: URL
  readonly jobs: readonly JobName[]
  /** Those that clients can make as long as they like: they have threads of their own. */
  readonly endlessJobs: readonly JobName[]
}

/** By how much more than what lived after one collection the heap may grow before the next; V8's own is up to 300. */
const tightGrowthPercent = 20

/**
 * The host of a real process. What keeps the process alive is a listener, a connection, disk work under way or a job in
 * a worker; a timer does not, or a closed server would linger until its last idle timeout.
 */
export function createRealHost(options: RealHostOptions = {}): Host {
  if (options.tightHeap === true) setFlagsFromString(`--heap-growing-percent=${tightGrowthPercent}`)
  const totalBytes = machineBytes()
  const text = options.workers && readFileSync(options.workers.script, 'utf8')
  const script = (jobs: readonly JobName[] | undefined): WorkerScript | undefined => {
    return text === undefined ? undefined : { jobs: new Set(jobs), text }
  }
  const workers = new Workers(script(options.workers?.jobs), { limit: options.workerLimit })
  const endless = new Workers(script(options.workers?.endlessJobs), {
    // One core is the kernel's.
    limit: options.workerLimit ?? Math.max(1, availableParallelism() - 1),
    endless: { timeMs: 1000, heapMb: options.endlessHeapMb ?? usualHeapMb },
  })
  return {
    now: () => Date.now(),
    monotonic: () => Math.floor(performance.now() * 1000),
    random: (into) => void randomFillSync(into),
    at,
    turn: (run) => void setImmediate(run),
    disk: createRealDisk(),
    network: createRealNetwork(),
    worker: (job, input, signal) => (endless.has(job) ? endless : workers).run(job, input, signal),
    log: logWith(options.logLiterals === true),
    memory: () => memory(totalBytes, workers.heapBytes + endless.heapBytes),
    processorTime: () => {
      const { user, system } = process.cpuUsage()
      return { userUs: user, systemUs: system }
    },
    collectGarbage: garbageCollector(),
    fatal: (error) => fatal(error, options.logLiterals === true),
  }
}

/** Some times what the largest values take that a single function makes. */
const usualHeapMb = 512

/** setTimeout takes a longer delay for 1 ms. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

function at(delayMs: number, run: () => void): Cancel {
  let timer: NodeJS.Timeout
  const wait = (leftMs: number): void => {
    const stepMs = Math.min(leftMs, LONGEST_DELAY_MS)
    timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : run()), stepMs)
    timer.unref()
  }
  wait(delayMs)
  return () => clearTimeout(timer)
}

function garbageCollector(): (which: Garbage) => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void
  return (which) => {
    // Node 20 takes any options for those of a minor collection.
    if (which === 'all') collect()
    // V8 gives buffers back on another thread, and begins no collection before that has ended.
    collect({ type: 'minor' })
  }
}

function machineBytes(): number {
  const bytes = totalmem()
  // Zero, or more than there is, where no control group sets a bound.
  const groupBytes = process.constrainedMemory()
  return groupBytes > 0 && groupBytes < bytes ? groupBytes : bytes
}

/** Takes some microseconds. */
function memory(totalBytes: number, workerBytes: number): MemoryFacts {
  const { rss, heapTotal, arrayBuffers } = process.memoryUsage()
  return {
    totalBytes,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
    residentBytes: rss,
    heapBytes: heapTotal,
    bufferBytes: arrayBuffers,
    workerBytes,
  }
}

function fatal(error: Error, literals: boolean): never {
  try {
    writeSync(2, `polylog: fatal: ${errorText(error, literals)}\n`)
  } catch {
    // Nobody may be reading; the end is what matters.
  }
  process.exit(1)
}

/** Of the process, for the command line: nothing else is told by it. */
export function readEnvironment(name: 'POLYLOG_USER' | 'POLYLOG_PASSWORD'): string | undefined {
  return process.env[name]
}
