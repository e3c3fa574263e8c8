import type { Cancel, Job, JobName, LogLevel } from '../host.ts'
import { DiskImage } from './disk-image.ts'
import { EventQueue, type Event } from './event-queue.ts'
import { Faults, type CrashKind } from './faults.ts'
import { guardRejections, ProcessCrashed } from './process-crashed.ts'
import { SeededRandom } from './random.ts'
import { RunningHash } from './running-hash.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { SimulatedProcess, type Machine } from './simulated-process.ts'
import { seededSurvival } from './survival.ts'

/**
 * Machines, processes, disks, a network and time, all driven by one seed.
 *
 * There is one queue of events: timers, turns, completions of disk operations, deliveries of bytes. A step takes the
 * earliest one, lets simulated time reach it, runs it, and lets everything that follows from it in microtasks happen; one
 * real `setImmediate` does that. Nothing else is asynchronous, so the seed decides all that happens, and `hash` tells two
 * runs apart by a single byte.
 *
 * Invariants:
 * - Time never goes back; an event that is late, because a process stood still, happens as soon as it can.
 * - An event belongs to a process, and does not happen when that process has ended.
 */
export class SimulatedWorld {
  readonly random: SeededRandom
  readonly faults: Faults
  readonly network: SimulatedNetwork
  readonly jobs: ReadonlyMap<JobName, Job>
  /** Processes that ended themselves, or by an exception that nothing caught. */
  readonly fatals: { readonly process: string; readonly error: unknown; readonly timeUs: number }[] = []
  readonly logged: LoggedLine[] = []
  timeUs = 0
  steps = 0
  /** Disk operations of all processes so far. */
  ioCount = 0
  readonly #queue = new EventQueue<OwnedEvent>()
  readonly #hash = new RunningHash()
  readonly #machines = new Map<string, Machine>()
  readonly #processes = new Set<SimulatedProcess>()
  #serial = 0
  #nextPid = 1000

  constructor(seed: number, options: SimulatedWorldOptions = {}) {
    this.random = new SeededRandom(seed)
    this.faults = new Faults(this.random)
    this.jobs = options.jobs ?? new Map()
    this.network = new SimulatedNetwork(this)
  }

  get faultCounts(): Record<string, number> {
    return this.faults.counts
  }

  hash(): string {
    return this.#hash.digest()
  }

  machine(name: string): Machine {
    let machine = this.#machines.get(name)
    if (machine === undefined) {
      machine = { name, disk: new DiskImage() }
      this.#machines.set(name, machine)
    }
    return machine
  }

  /** Without a machine's name the process has the machine of its own name: what it wrote is there when it starts again. */
  startProcess(name: string, options: { machine?: string } = {}): SimulatedProcess {
    for (const process of this.#processes) {
      if (process.name === name) throw new Error(`a process named ${name} is running`)
    }
    const process = new SimulatedProcess(this, this.machine(options.machine ?? name), name, this.#nextPid++)
    this.#processes.add(process)
    return process
  }

  /** `process`: as by kill -9. `power`: every process of its machine ends, and the disk loses what it may. */
  crash(process: SimulatedProcess, kind: CrashKind): void {
    if (!process.alive) return
    this.faults.count(`crash-${kind}`)
    this.record(`crash ${kind} ${process.name}`)
    if (kind === 'process') this.#end(process, kind)
    else this.#losePower(process.machine)
  }

  /** As the crash of one of its processes by power, whether any runs or not. */
  cutPower(machine: Machine): void {
    this.faults.count('crash-power')
    this.record(`crash power ${machine.name}`)
    this.#losePower(machine)
  }

  /** The process ends by a fault of its own. */
  fail(process: SimulatedProcess, error: unknown): void {
    if (!process.alive) return
    this.fatals.push({ process: process.name, error, timeUs: this.timeUs })
    this.crash(process, 'process')
  }

  /** Changes one bit of some file of the machine, or of a file whose path contains `path`. */
  flipBit(machine: Machine, path: string = ''): void {
    const files = machine.disk.files().filter((entry) => entry.file.size > 0 && entry.path.includes(path))
    const { file } = files[this.random.below(files.length)] ?? {}
    file?.flipBit(this.random.below(file.size), this.random.below(8))
  }

  /** Runs until `until` holds, `untilMs` of simulated time is reached, nothing is left to happen, or `maxSteps` are done. */
  async run(limits: RunLimits = {}): Promise<RunEnd> {
    const unguard = guardRejections()
    try {
      await drain()
      return await this.#run(limits)
    } finally {
      await drain()
      unguard()
    }
  }

  /** Runs until the promise is settled and answers with what it came to. */
  async complete<T>(promise: Promise<T>, limits: Omit<RunLimits, 'until'> = {}): Promise<T> {
    let settled = false
    const settle = (): void => void (settled = true)
    promise.then(settle, settle)
    const end = await this.run({ ...limits, until: () => settled })
    if (!settled) throw new Error(`what was waited for has not come: the run ended by ${end} after ${this.steps} steps`)
    return promise
  }

  /** For the parts of the world: something happens later, unless its owner has ended by then. */
  schedule(owner: SimulatedProcess | undefined, delayUs: number, name: string, run: () => void): Cancel {
    if (owner?.alive === false) return () => {}
    const event = new OwnedEvent(this.timeUs + delayUs, this.random.bits(), this.#serial++, name, owner, run)
    this.#queue.push(event)
    return () => event.cancel()
  }

  /** Something takes time, without anything else happening meanwhile. */
  elapse(durationUs: number): void {
    this.timeUs += durationUs
  }

  record(name: string): void {
    this.#hash.name(name)
    this.#hash.number(this.timeUs)
  }

  recordBytes(bytes: Uint8Array): void {
    this.#hash.bytes(bytes)
  }

  async #run({ until, untilMs = Infinity, maxSteps = Infinity }: RunLimits): Promise<RunEnd> {
    const lastStep = this.steps + maxSteps
    for (;;) {
      if (until?.() === true) return 'until'
      if (this.steps >= lastStep) return 'steps'
      const event = this.#next()
      if (event === undefined) return 'idle'
      if (event.timeUs > untilMs * 1000) {
        this.timeUs = Math.max(this.timeUs, untilMs * 1000)
        return 'time'
      }
      this.#queue.pop()
      this.#step(event)
      await drain()
    }
  }

  #next(): OwnedEvent | undefined {
    for (;;) {
      const event = this.#queue.peek()
      if (event === undefined || event.isDue) return event
      this.#queue.pop()
    }
  }

  #step(event: OwnedEvent): void {
    this.steps += 1
    this.timeUs = Math.max(this.timeUs, event.timeUs)
    this.record(event.name)
    if (event.owner !== undefined) this.#hash.number(event.owner.pid)
    try {
      event.run()
    } catch (error) {
      if (error instanceof ProcessCrashed) return
      if (event.owner === undefined) throw error
      this.fail(event.owner, error)
    }
  }

  #losePower(machine: Machine): void {
    for (const process of this.#processes) if (process.machine === machine) this.#end(process, 'power')
    const losses = machine.disk.lose(seededSurvival(this.random))
    if (losses.lost) this.faults.count('lost-sectors')
    if (losses.torn) this.faults.count('torn-writes')
    if (losses.shortened) this.faults.count('shortened-files')
    if (losses.namesLost) this.faults.count('lost-names')
  }

  #end(process: SimulatedProcess, kind: CrashKind): void {
    process.alive = false
    this.#processes.delete(process)
    process.io.abandon()
    process.machine.disk.releaseLocks(process)
    this.network.abandon(process, kind)
  }
}

/** What a process told the people who run it. */
export interface LoggedLine {
  readonly process: string
  readonly level: LogLevel
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface SimulatedWorldOptions {
  /** What `worker` runs, by name: inline, as the real host's threads run the modules of the same names. */
  readonly jobs?: ReadonlyMap<JobName, Job>
}

export interface RunLimits {
  readonly until?: () => boolean
  readonly untilMs?: number
  readonly maxSteps?: number
}

export type RunEnd = 'until' | 'time' | 'idle' | 'steps'

class OwnedEvent implements Event {
  readonly timeUs: number
  readonly tie: number
  readonly serial: number
  readonly name: string
  readonly owner: SimulatedProcess | undefined
  #run: (() => void) | undefined

  constructor(
    timeUs: number,
    tie: number,
    serial: number,
    name: string,
    owner: SimulatedProcess | undefined,
    run: () => void,
  ) {
    this.timeUs = timeUs
    this.tie = tie
    this.serial = serial
    this.name = name
    this.owner = owner
    this.#run = run
  }

  get isDue(): boolean {
    return this.#run !== undefined && this.owner?.alive !== false
  }

  cancel(): void {
    this.#run = undefined
  }

  run(): void {
    this.#run?.()
  }
}

/** Lets all microtasks happen. */
function drain(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
