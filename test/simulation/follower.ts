/**
 * A follower beside the simulated server: a process of the same machine that reads the leader's files, with a name by which
 * the leader keeps its log for it. It lives a life of its own: it is stopped, killed and started again, looks so seldom that it
 * falls behind, and where its limit is small it is passed. While nothing strikes the disk it must reach what the leader has,
 * and whatever it shows must be what the leader's feed has told of that sequence.
 */
import type { Database } from '../../src/database/database.ts'
import { FollowingInstance } from '../../src/database/following/following-instance.ts'
import type { InstanceOptions } from '../../src/database/instance.ts'
import { throughMisses } from '../../src/database/transaction/pinned-pages.ts'
import { SeededRandom } from '../../src/host/simulated/random.ts'
import type { SimulatedProcess } from '../../src/host/simulated/simulated-process.ts'
import type { SimulatedWorld } from '../../src/host/simulated/simulated-world.ts'
import type { FollowerPlan } from './plan.ts'
import type { Shadow } from './shadow.ts'
import type { Violation } from './verify.ts'

export interface FollowerWorld {
  readonly world: SimulatedWorld
  readonly plan: FollowerPlan
  readonly seed: number
  /** As the leader's, but for the host. */
  readonly options: Omit<InstanceOptions, 'host'>
  /** Whether anything strikes the disk now. */
  hasFaults(): boolean
  /** An error that the disk may have given because it was told to, where it was. */
  isInjected(error: unknown, hasFaults: boolean): boolean
  report(violation: Violation): void
}

const databaseName = 'polylog'

export class SimulatedFollower {
  readonly #parts: FollowerWorld
  readonly #random: SeededRandom
  /** Of a machine that nothing happens to: its timers go on whoever dies. */
  readonly #clock: SimulatedProcess
  #process: SimulatedProcess | undefined
  #following: FollowingInstance | undefined
  /** Of the life at hand: one that was ended does nothing any more. */
  #life = 0
  #last: Promise<void> = Promise.resolve()
  /** What it has been through. */
  readonly counts = { opened: 0, stopped: 0, killed: 0, compared: 0, restarts: 0, passed: 0 }

  constructor(parts: FollowerWorld) {
    this.#parts = parts
    this.#random = new SeededRandom(parts.seed * 2 + 7_000_001)
    this.#clock = parts.world.startProcess('clock of the follower')
  }

  /** From now on it comes and goes, until `settle`. */
  live(): void {
    void this.#goOn(++this.#life)
  }

  async #goOn(life: number): Promise<void> {
    while (life === this.#life) {
      await this.#inTurn(() => this.#open())
      await this.#pass(this.#random.between(2, 40))
      if (life === this.#life && this.#random.chance(0.5)) await this.#inTurn(() => this.#leave())
      await this.#pass(this.#random.between(1, 20))
    }
  }

  /** What an earlier life has begun ends first: it may be in the middle of an opening. */
  #inTurn(action: () => Promise<void>): Promise<void> {
    return (this.#last = this.#last.then(action))
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.at(ms, resolve))
  }

  get #isFollowing(): boolean {
    return this.#following !== undefined && this.#process?.alive === true
  }

  async #open(): Promise<void> {
    if (this.#isFollowing) return
    const { world, options, plan } = this.#parts
    if (this.#process?.alive !== true) this.#process = world.startProcess('follower', { machine: 'server' })
    this.#forget()
    const process = this.#process
    const { pollMs, maxLagBytes } = plan
    const follower = { name: 'follower', maxLagBytes }
    const opening = FollowingInstance.open(
      { ...options, host: process, directory: 'data', pollMs, follower },
      databaseName,
    )
    const hadFaults = this.#parts.hasFaults()
    try {
      const opened = await this.#unlessDead(process, opening)
      if (opened !== undefined) this.counts.opened++
      this.#following = opened
    } catch (error) {
      // It is tried again.
      if (!this.#parts.isInjected(error, hadFaults || this.#parts.hasFaults())) {
        this.#parts.report({ invariant: 'follower', message: `does not open: ${String(error)}` })
      }
    }
  }

  #forget(): void {
    this.counts.restarts += this.#following?.restarts ?? 0
    this.counts.passed += this.#following?.passed ?? 0
    this.#following = undefined
  }

  /** By a stop, or by a kill. */
  async #leave(): Promise<void> {
    const [process, following] = [this.#process!, this.#following]
    if (following === undefined || !process.alive) return
    this.#forget()
    if (this.#random.chance(0.5)) {
      this.counts.killed++
      this.#parts.world.crash(process, 'process')
      return
    }
    this.counts.stopped++
    await this.#unlessDead(process, following.close()).catch(() => undefined)
  }

  /** Nothing is heard of a process that has died. */
  async #unlessDead<T>(process: SimulatedProcess, promise: Promise<T>): Promise<T | undefined> {
    const state = { isOver: false }
    const settle = (): void => void (state.isOver = true)
    promise.then(settle, settle)
    while (!state.isOver && process.alive) await this.#pass(1)
    return state.isOver ? promise : undefined
  }

  /**
   * Nothing strikes any more, and the feed has told all that is durable: the follower gets to `sequence`, and has what the
   * feed has told. `within` waits in simulated time.
   */
  async settle(
    sequence: number,
    shadow: Shadow,
    within: <T>(process: SimulatedProcess, promise: Promise<T>) => Promise<T | undefined>,
  ): Promise<void> {
    this.#life++
    await within(this.#clock, this.#reopened())
    const [process, following] = [this.#process!, this.#following]
    if (following === undefined || !process.alive) return
    await within(process, following.waitFor(databaseName, sequence))
    const database = following.databases.get(databaseName)
    // Its leader has ended before it wrote so far.
    if (database === undefined || !process.alive || database.newestSequence < sequence) return
    await this.#compare(database, process, shadow, within)
  }

  async #reopened(): Promise<void> {
    for (let tries = 0; tries < 200 && !this.#isFollowing; tries++) {
      await this.#inTurn(() => this.#open())
      if (!this.#isFollowing) await this.#pass(5)
    }
  }

  async #compare(
    database: Database,
    process: SimulatedProcess,
    shadow: Shadow,
    within: <T>(process: SimulatedProcess, promise: Promise<T>) => Promise<T | undefined>,
  ): Promise<void> {
    for (let tries = 0; tries < 100 && !shadow.knows(database.newestSequence); tries++) {
      await within(this.#clock, this.#pass(1))
    }
    const differences = (): string[] | undefined =>
      shadow.knows(database.newestSequence) ? shadow.differencesFrom(database) : undefined
    const violations = await within(process, throughMisses(database.store, differences))
    if (violations === undefined) return
    this.counts.compared++
    for (const message of violations.slice(0, 3)) this.#parts.report({ invariant: 'follower', message })
  }
}
