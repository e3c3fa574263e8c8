import { failure } from './disk-image.ts'
import type { LockOwner } from './disk-image.ts'
import type { FaultName, Place, ScheduledCrash } from './faults.ts'
import type { DiskScheduler, Operation } from './image-disk.ts'
import { ProcessCrashed } from './process-crashed.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { SimulatedWorld } from './simulated-world.ts'

/**
 * When the disk operations of one process complete, and what goes wrong with them.
 *
 * An operation takes effect at the moment at which it completes, not when it is asked for, so that whoever reuses a
 * buffer too early or reads before a write has completed is found out. Operations under way complete in any order.
 * Whatever is under way when the process ends happens wholly, in part or not at all.
 */
export class SimulatedIo implements DiskScheduler {
  readonly owner: LockOwner
  readonly #world: SimulatedWorld
  readonly #process: SimulatedProcess
  readonly #underWay = new Set<Operation<unknown>>()

  constructor(world: SimulatedWorld, process: SimulatedProcess) {
    this.#world = world
    this.#process = process
    this.owner = process
  }

  run<T>(operation: Operation<T>): Promise<T> {
    if (!this.#process.alive) return new Promise(() => {})
    const crash = this.#countIo()
    const outcome = this.#decide(operation)
    const delayUs = this.#delayUs(operation)
    this.#underWay.add(operation)
    if (crash !== undefined) {
      const crashUs = this.#world.random.below(delayUs)
      this.#world.schedule(undefined, crashUs, 'crash', () => this.#world.crash(this.#process, crash.kind))
    }
    return new Promise<T>((resolve, reject) => {
      this.#world.schedule(this.#process, delayUs, `disk ${operation.kind}`, () => {
        this.#underWay.delete(operation)
        try {
          resolve(this.#complete(operation, outcome))
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  runSync<T>(operation: Operation<T>): T {
    if (!this.#process.alive) throw new ProcessCrashed(this.#process.name)
    const crash = this.#countIo()
    const outcome = this.#decide(operation)
    this.#world.elapse(this.#delayUs(operation))
    if (crash !== undefined) {
      this.#underWay.add(operation)
      this.#world.crash(this.#process, crash.kind)
      throw new ProcessCrashed(this.#process.name)
    }
    this.#world.record(`disk ${operation.kind}`)
    return this.#complete(operation, outcome)
  }

  /** The process has ended: what was under way may have happened, or some of it. */
  abandon(): void {
    const { random } = this.#world
    for (const operation of this.#underWay) {
      const extent = random.below(3)
      try {
        if (extent === 1) operation.apply()
        if (extent === 2) operation.applyPart?.(random, random.chance(0.5) ? 'prefix' : 'sectors')
      } catch {
        // It would have failed; nobody is left to be told.
      }
    }
    this.#underWay.clear()
  }

  #countIo(): ScheduledCrash | undefined {
    this.#process.ioCount += 1
    this.#world.ioCount += 1
    return this.#world.faults.crashOf(this.#process.name, this.#process.ioCount)
  }

  /** The fault that strikes this operation, drawn when it is asked for. */
  #decide(operation: Operation<unknown>): FaultName | undefined {
    const place = this.#place(operation)
    return CANDIDATES[operation.kind].find((fault) => {
      const applies = fault !== 'lying-sync' || operation.lie !== undefined
      return applies && this.#world.faults.strikes(fault, place)
    })
  }

  #complete<T>(operation: Operation<T>, outcome: FaultName | undefined): T {
    const { random, faults } = this.#world
    switch (outcome) {
      case 'tear':
        operation.applyPart?.(random, 'sectors')
        break
      case 'shorten':
        operation.applyPart?.(random, 'prefix')
        break
      case 'sync-error':
        operation.fail?.()
        break
      case 'no-space':
        throw failure('no-space', operation.path)
      default:
    }
    if (outcome !== undefined && FAILING.has(outcome)) throw failure('io', operation.path)
    const result = outcome === 'lying-sync' && operation.lie ? operation.lie() : operation.apply()
    if (outcome === 'flip-on-read') flipBit(operation.bytes, random.bits())
    if (operation.bytes !== undefined) this.#world.recordBytes(operation.bytes)
    if (operation.kind === 'write' && faults.strikes('flip-at-rest', this.#place(operation))) {
      this.#world.flipBit(this.#process.machine)
    }
    return result
  }

  #delayUs(operation: Operation<unknown>): number {
    const [shortest, longest] = DELAYS_US[operation.kind]
    const delayUs = this.#world.random.between(shortest, longest)
    if (!this.#world.faults.strikes('slow-disk', this.#place(operation))) return delayUs
    return delayUs * this.#world.random.between(10, 1000)
  }

  #place(operation: Operation<unknown>): Place {
    return { process: this.#process.name, path: operation.path }
  }
}

const CANDIDATES: Record<Operation<unknown>['kind'], readonly FaultName[]> = {
  read: ['read-error', 'flip-on-read'],
  write: ['write-error', 'tear', 'shorten', 'no-space', 'lying-sync'],
  sync: ['sync-error', 'lying-sync'],
  folder: ['folder-error'],
}

const FAILING: ReadonlySet<FaultName> = new Set([
  'read-error',
  'write-error',
  'tear',
  'shorten',
  'sync-error',
  'folder-error',
])

/** Of the order of what core.md measured. */
const DELAYS_US: Record<Operation<unknown>['kind'], readonly [number, number]> = {
  read: [20, 100],
  write: [30, 200],
  sync: [80, 500],
  folder: [20, 150],
}

function flipBit(bytes: Uint8Array | undefined, chance: number): void {
  if (bytes === undefined || bytes.length === 0) return
  const place = (chance >>> 3) % bytes.length
  bytes[place] = (bytes[place] ?? 0) ^ (1 << (chance & 7))
}
