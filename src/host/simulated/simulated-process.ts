import {
  type Cancel,
  type Disk,
  type Host,
  type JobName,
  type LogLevel,
  type MemoryFacts,
  type Network,
  type Transfer,
  UnknownJobError,
} from '../host.ts'
import type { DiskImage } from './disk-image.ts'
import { ImageDisk } from './image-disk.ts'
import { ProcessCrashed } from './process-crashed.ts'
import { SimulatedIo } from './simulated-io.ts'
import type { SimulatedWorld } from './simulated-world.ts'

/** A computer: what processes share, and what survives them. */
export interface Machine {
  readonly name: string
  readonly disk: DiskImage
}

/**
 * The host of one simulated process.
 *
 * Invariant: once the process has ended nothing calls it back. Its promises stay pending, what it asks for does nothing,
 * and what must answer at once throws `ProcessCrashed`.
 */
export class SimulatedProcess implements Host {
  readonly name: string
  readonly machine: Machine
  readonly pid: number
  readonly disk: Disk
  readonly network: Network
  alive = true
  /** Disk operations so far. */
  ioCount = 0
  readonly io: SimulatedIo
  readonly #world: SimulatedWorld
  #clockOffsetMs = 0
  #lastTurnUs = 0

  constructor(world: SimulatedWorld, machine: Machine, name: string, pid: number) {
    this.#world = world
    this.machine = machine
    this.name = name
    this.pid = pid
    this.io = new SimulatedIo(world, this)
    this.disk = new ImageDisk(machine.disk, this.io)
    this.network = world.network.of(this)
  }

  now(): number {
    this.#maybeJump()
    return START_MS + this.#clockOffsetMs + Math.floor(this.#world.timeUs / 1000)
  }

  /** Asking takes time, so that a loop which works until its slice is over comes to its end. */
  monotonic(): number {
    const { random, faults } = this.#world
    this.#world.elapse(random.between(1, 4))
    if (faults.strikes('stall', { process: this.name, path: '' })) this.#world.elapse(random.between(1000, 50_000))
    return this.#world.timeUs
  }

  random(into: Uint8Array): void {
    this.#world.random.fill(into)
  }

  at(delayMs: number, run: () => void): Cancel {
    const delayUs = Math.ceil(Math.max(0, delayMs) * 1000) + this.#world.random.below(1000)
    return this.#world.schedule(this, delayUs, 'timer', run)
  }

  /** In the order in which they were asked for, as on the real host; anything else may come between them. */
  turn(run: () => void): void {
    const timeUs = Math.max(this.#world.timeUs + this.#world.random.between(1, 20), this.#lastTurnUs + 1)
    this.#lastTurnUs = timeUs
    this.#world.schedule(this, timeUs - this.#world.timeUs, 'turn', run)
  }

  worker(job: JobName, input: Transfer, signal?: AbortSignal): Promise<Transfer> {
    if (!this.alive) return new Promise(() => {})
    const run = this.#world.jobs.get(job)
    if (run === undefined) return Promise.reject(new UnknownJobError(job))
    return new Promise<Transfer>((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new Error('the job was given up')), { once: true })
      const given = structuredClone(input)
      const deliver = (settle: () => void): void => {
        this.#world.schedule(this, this.#world.random.between(50, 5000), 'worker ends', settle)
      }
      this.#world.schedule(this, this.#world.random.between(20, 500), 'worker starts', () => {
        void Promise.resolve(given)
          .then(run)
          .then((output) => structuredClone(output))
          .then(
            (output) => deliver(() => resolve(output)),
            (error: unknown) => deliver(() => reject(error)),
          )
      })
    })
  }

  log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.alive) this.#world.logged.push({ process: this.name, level, message, fields })
  }

  collectGarbage(): void {}

  /** The same in every run, whatever machine it runs on. */
  memory(): MemoryFacts {
    const used = { residentBytes: GIB / 16, heapBytes: 0, bufferBytes: 0, workerBytes: 0 }
    return { totalBytes: 4 * GIB, heapLimitBytes: 2 * GIB, ...used }
  }

  processorTime(): { readonly userUs: number; readonly systemUs: number } {
    return { userUs: 0, systemUs: 0 }
  }

  fatal(error: Error): never {
    this.#world.fail(this, error)
    throw new ProcessCrashed(this.name)
  }

  /** Sets the wall clock forward, or back. */
  jumpClock(deltaMs: number): void {
    this.#clockOffsetMs += deltaMs
  }

  #maybeJump(): void {
    if (!this.#world.faults.strikes('clock-jump', { process: this.name, path: '' })) return
    this.jumpClock(this.#world.random.between(-LARGEST_JUMP_MS, LARGEST_JUMP_MS))
  }
}

/** 2026-01-01T00:00:00Z, where every world begins. */
const START_MS = 1_767_225_600_000
const LARGEST_JUMP_MS = 3_600_000
const GIB = 2 ** 30
