/**
 * A client of the file log for tests: appends random batches, large ones in parts among them, remembers what it was told,
 * and checks after a crash that the log kept its word.
 */
import { expect } from 'vitest'
import type { Host } from '../../host/host.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import type { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { batchOf, readTexts, stageTexts } from '../commit-log-contract.ts'
import {
  type AppendBatch,
  type CommitLog,
  type Durability,
  type Leader,
  LogError,
  type Sequence,
  type StagedGroup,
} from '../commit-log.ts'
import { openFileLog } from './file-log.ts'

const databaseId: Uint8Array = new Uint8Array(16).fill(0xab)

export function openSmallLog(host: Host): Promise<CommitLog> {
  return openFileLog(host, '/log', {
    databaseId,
    segmentBytes: 4096,
    firstSegmentBytes: 2048,
    partBytes: 700,
    lazySyncMs: 2,
  })
}

export interface WorkloadOptions {
  /** What a batch fits into: a segment, or several. */
  readonly largest?: 'segment' | 'segments'
  /** One of them for each append. */
  readonly levels?: readonly Durability[]
}

export class Workload {
  /** What the log may hold, by sequence − 1: a prefix of it must be there. */
  readonly accepted: string[] = []
  synced: Sequence = 0
  written: Sequence = 0
  trimmed: Sequence = 1
  /** Codes of the errors that appends met. */
  readonly errors: string[] = []
  private readonly random: SeededRandom
  private serial = 0
  /** What is on its way in pieces. */
  private staged: { readonly group: StagedGroup; text: string } | undefined
  private readonly levels: readonly Durability[]
  private readonly mostTexts: number
  private readonly longestText: number

  constructor(seed: number, options: WorkloadOptions = {}) {
    this.random = new SeededRandom(seed)
    const { largest = 'segments', levels = ['synced', 'synced', 'written', 'memory'] } = options
    this.mostTexts = largest === 'segment' ? 2 : 5
    this.longestText = largest === 'segment' ? 1000 : 6000
    this.levels = levels
  }

  async run(host: Host, steps: number): Promise<CommitLog> {
    const log = await openSmallLog(host)
    const leader = await log.acquire('workload', 1000)
    this.staged = undefined
    this.acknowledge((await log.end()).end, 'synced')
    for (let i = 0; i < steps; i++) await this.step(log, leader)
    return log
  }

  /** After a crash: exactly a prefix of what was accepted, with all that was acknowledged. */
  async verify(log: CommitLog, survived: 'process' | 'power'): Promise<void> {
    const { end, oldest } = await log.end()
    expect(end).toBeGreaterThanOrEqual(survived === 'power' ? this.synced : this.written)
    expect(end).toBeLessThanOrEqual(this.accepted.length)
    expect(oldest).toBeLessThanOrEqual(Math.max(1, this.trimmed))
    expect(await readTexts(log, oldest)).toEqual(this.accepted.slice(oldest - 1, end))
    // What was not acknowledged and is not there never will be.
    this.accepted.length = end
    this.synced = this.written = end
  }

  private async step(log: CommitLog, leader: Leader): Promise<void> {
    const choice = this.random.below(20)
    if (choice === 0) return this.trim(log)
    if (choice === 1) return this.flush(leader)
    if (choice <= 4) return this.stage(leader)
    await this.append(leader)
  }

  /** Begins a transaction in pieces, or takes it further, or ends it in one way or the other. */
  private async stage(leader: Leader): Promise<void> {
    const piece = `${++this.serial} ${'y'.repeat(this.textLength())}`
    const { staged } = this
    if (staged === undefined) {
      await this.survives(stageTexts(leader, [piece]).then((group) => (this.staged = { group, text: piece })))
    } else if (this.random.chance(0.5)) {
      if (await this.survives(leader.stage(staged.group, batchOf([piece])))) staged.text += piece
      else this.giveUp(leader)
    } else if (this.random.chance(0.3)) this.giveUp(leader)
    else {
      this.staged = undefined
      await this.appendAs(
        leader,
        [staged.text + piece],
        Object.assign(batchOf([piece]), { stagedAs: staged.group.number }),
      )
    }
  }

  private giveUp(leader: Leader): void {
    if (this.staged !== undefined) leader.abandon(this.staged.group, 1n)
    this.staged = undefined
  }

  private async trim(log: CommitLog): Promise<void> {
    this.trimmed = Math.max(this.trimmed, this.synced - this.random.below(20))
    await log.trim(this.trimmed)
  }

  private async flush(leader: Leader): Promise<void> {
    const end = this.accepted.length
    const level = this.random.chance(0.5) ? 'synced' : 'written'
    if (await this.survives(leader.flush(level))) this.acknowledge(end, level)
  }

  private async append(leader: Leader): Promise<void> {
    const texts = Array.from(
      { length: this.random.between(1, this.mostTexts) },
      () => `${++this.serial} ${'x'.repeat(this.textLength())}`,
    )
    await this.appendAs(leader, texts, batchOf(texts))
  }

  /** `texts`: what the log holds of the batch afterwards. */
  private async appendAs(leader: Leader, texts: readonly string[], batch: AppendBatch): Promise<void> {
    const level = this.levels[this.random.below(this.levels.length)]!
    const end = this.accepted.length
    this.accepted.push(...texts)
    if (await this.survives(leader.append(end, batch, level))) this.acknowledge(this.accepted.length, level)
    else if (this.errors.at(-1) === 'no-space' || this.errors.at(-1) === 'unavailable') this.accepted.length = end
  }

  private textLength(): number {
    const { random } = this
    return random.chance(0.1) ? random.between(700, this.longestText) : random.between(0, 150)
  }

  private acknowledge(through: Sequence, level: Durability): void {
    if (level === 'synced') this.synced = through
    if (level !== 'memory') this.written = Math.max(this.written, through)
  }

  private async survives(work: Promise<unknown>): Promise<boolean> {
    try {
      await work
      return true
    } catch (error) {
      if (!(error instanceof LogError)) throw error
      this.errors.push(error.code)
      return false
    }
  }
}

/** A process of the one machine; its disk is as the last one left it. */
export function start(world: SimulatedWorld, name: string): SimulatedProcess {
  return world.startProcess(name, { machine: 'machine' })
}

/** Runs the workload until it is done (and answers with its log) or the process has crashed. */
export async function runWorkload(
  world: SimulatedWorld,
  process: SimulatedProcess,
  workload: Workload,
  steps: number,
  host: Host = process,
): Promise<CommitLog | undefined> {
  let log: CommitLog | undefined
  let failure: unknown
  workload.run(host, steps).then(
    (result) => (log = result),
    (error: unknown) => (failure = error),
  )
  await world.run({ until: () => log !== undefined || failure !== undefined || !process.alive })
  if (failure !== undefined && process.alive) throw failure
  return process.alive ? log : undefined
}
