/**
 * One seed: a whole server on a simulated machine, its clients, its crashes, and what must hold.
 *
 * The server lives several lives on one disk. In each it starts, finds what the crash before has left (compared with the
 * oracle of what clients were told, with the shadow that the feed has drawn, and with itself), works for a while, suffers
 * its faults, is looked at once more, and ends. The last life has no faults.
 */
import { PolylogError } from '../../src/base/errors.ts'
import { errorText } from '../../src/base/logged-error.ts'
import type { Transaction } from '../../src/database/contract.ts'
import type { Database } from '../../src/database/database.ts'
import type { InstanceOptions } from '../../src/database/instance.ts'
import { throughMisses } from '../../src/database/transaction/pinned-pages.ts'
import type { CrashKind } from '../../src/host/simulated/faults.ts'
import { SeededRandom } from '../../src/host/simulated/random.ts'
import type { SimulatedProcess } from '../../src/host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../src/host/simulated/simulated-world.ts'
import { type Durability, LogError } from '../../src/log/commit-log.ts'
import { FaultyLog } from '../../src/log/faulty-log.ts'
import { DiskError, type Host } from '../../src/host/host.ts'
import { loadGrammar } from '../../src/language/sql/grammar.ts'
import { runSql } from '../../src/library/sql.ts'
import { churnTables } from './clients/churn.ts'
import { startClients } from './clients/clients.ts'
import { EmbeddedClient } from './embedded-client.ts'
import { SimulatedFollower } from './follower.ts'
import { LogTrouble } from './log-trouble.ts'
import { MissingPages } from './missing-pages.ts'
import { Oracle, survivorsOf, type Survivors } from './oracle.ts'
import { excludedFromDurability, smallerPlans, type Life, type Plan } from './plan.ts'
import { openServer, type SimulatedServer } from './server.ts'
import { Shadow } from './shadow.ts'
import { createShop, readString } from './shop.ts'
import {
  derivedViolations,
  finished,
  onNewest,
  readShop,
  violationsOf,
  type ShopState,
  type Violation,
} from './verify.ts'

/** Where tests plant their bugs. */
export interface Plant {
  /** What the server gets for a host. */
  host?(host: Host): Host
  /** After the database was opened. */
  database?(database: Database): void
}

export interface SeedResult {
  readonly seed: number
  readonly plan: Plan
  readonly hash: string
  readonly violations: readonly Violation[]
  readonly faults: Readonly<Record<string, number>>
  readonly crashes: number
  readonly simulatedMs: number
  readonly history: readonly string[]
  readonly transfers: number
  readonly serializableCompared: number
  /** Times that somebody waited for a page of a store. */
  readonly pageWaits: number
  /** What its follower has been through, where it had one. */
  readonly follower?: Readonly<Record<string, number>>
}

const everything: Survivors = new Set<Durability>(['memory', 'written', 'synced'])
const longestWaitMs = 20_000

/** What has been acknowledged is there while the server runs, as far as trouble with the log has left it. */
function survivorsIn({ pipeline, returns }: Database): Survivors {
  if (pipeline.failure !== undefined) return survivorsOf.power
  return returns > 0 ? survivorsOf.process : everything
}

class Simulation {
  readonly plan: Plan
  readonly world: SimulatedWorld
  readonly oracle = new Oracle()
  readonly shadow = new Shadow()
  readonly violations: Violation[] = []
  readonly #plant: Plant
  readonly #random: SeededRandom
  /** Of its own, so that what else a seed decides is as it would be without. */
  readonly #stopRandom: SeededRandom
  readonly #pages: MissingPages | undefined
  readonly #follower: SimulatedFollower | undefined
  readonly #claimsDurability: boolean
  #survivors: Survivors = everything
  #crashes = 0
  /** What befalls the log of this life's server, where that is not the disk's doing. */
  #logTrouble: LogTrouble | undefined
  readonly #logStruck: Record<string, number> = {}
  #clients = false

  constructor(plan: Plan, plant: Plant) {
    this.plan = plan
    this.world = new SimulatedWorld(plan.seed)
    this.#plant = plant
    this.#random = new SeededRandom(plan.seed * 2)
    this.#stopRandom = new SeededRandom(plan.seed * 2 + 4_000_001)
    const { poolPages, seed, follower } = plan
    this.#follower =
      follower &&
      new SimulatedFollower({
        world: this.world,
        plan: follower,
        seed,
        options: this.#options,
        hasFaults: () => this.#hasFaults,
        isInjected: (error, hasFaults) => this.#isInjected(error, hasFaults),
        report: (violation) => this.#report(violation),
      })
    this.#pages =
      poolPages === undefined ? undefined : new MissingPages(poolPages, new SeededRandom(seed * 2 + 3_000_001))
    this.#claimsDurability = !plan.lives.some((life) =>
      Object.keys(life.faults).some((fault) => excludedFromDurability.has(fault as never)),
    )
  }

  async run(): Promise<SeedResult> {
    for (const life of this.plan.lives) {
      await this.#live(life)
      if (this.violations.length > 0) break
    }
    if (this.violations.length === 0) await this.#liveLast()
    const { world } = this
    for (const { message, fields } of world.logged) {
      if (message === 'internal error')
        this.#report({ invariant: 'no surprise', message: errorText(fields['error'], true) })
    }
    return {
      seed: this.plan.seed,
      plan: this.plan,
      hash: world.hash(),
      violations: this.violations,
      faults: { ...world.faultCounts, ...this.#logStruck },
      crashes: this.#crashes,
      simulatedMs: world.timeUs / 1000,
      history: this.oracle.history,
      transfers: this.oracle.transfers.size,
      serializableCompared: this.shadow.compared,
      pageWaits: this.#pages?.waits ?? 0,
      ...(this.#follower !== undefined && { follower: this.#follower.counts }),
    }
  }

  #report(violation: Violation): void {
    this.violations.push(violation)
    this.oracle.note(`BROKEN ${violation.invariant}: ${violation.message}`)
  }

  // ---- a life

  async #live(life: Life): Promise<void> {
    const { world } = this
    if (life.isFaultyFromStart) world.faults.probability = life.faults
    this.#logTrouble = life.logFaults && new LogTrouble(life.logFaults, this.#random.bits(), this.#logStruck)
    let server = await this.#start(life.crashIo, life.end === 'power' ? 'power' : 'process')
    if (server === undefined) {
      world.faults.probability = {}
      server = await this.#start()
    }
    if (server === undefined || this.violations.length > 0) return
    world.faults.probability = life.faults
    this.#logTrouble?.begin()
    const strikesBefore = world.faultCounts['sync-error'] ?? 0
    const isStopping = { value: false }
    const work = this.#work(server, isStopping)
    this.#follower?.live()
    await this.#runLife(server.process, life)
    world.faults.probability = {}
    this.#logTrouble?.end()
    await this.#inspect(server)
    await this.#compareFollower(server)
    const failedSyncs = (world.faultCounts['sync-error'] ?? 0) > strikesBefore
    const failed = failedSyncs || server.database.pipeline.failure !== undefined
    if (life.end === 'stop') await this.#stop(server, isStopping, work)
    await this.#end(server, life.end === 'stop' ? 'process' : life.end, failed)
  }

  async #runLife(process: SimulatedProcess, { runMs, spareBytes }: Life): Promise<void> {
    const { world } = this
    const { disk } = world.machine('server')
    const endMs = world.timeUs / 1000 + runMs
    if (spareBytes !== undefined) {
      await world.run({ untilMs: endMs - runMs / 2, until: () => !process.alive })
      disk.capacityBytes = disk.usedBytes + spareBytes
    }
    await world.run({ untilMs: endMs, until: () => !process.alive })
    disk.capacityBytes = Infinity
  }

  /** No faults any more: it starts, is compared, works, stops, and is the same at the next start. */
  async #liveLast(): Promise<void> {
    this.#logTrouble = undefined
    const server = await this.#start()
    if (server === undefined || this.violations.length > 0) return
    const isStopping = { value: false }
    const work = this.#work(server, isStopping)
    this.#follower?.live()
    await this.world.run({ untilMs: this.world.timeUs / 1000 + 2_000, until: () => this.#random.chance(0.02) })
    await this.#inspect(server)
    await this.#compareFollower(server)
    await this.#stop(server, isStopping, work)
    await this.#end(server, 'power', false)
    await this.#start()
  }

  /** Starts the server and compares what it finds. Undefined where the start failed by a fault. */
  async #start(crashIo?: number, kind: CrashKind = 'power'): Promise<SimulatedServer | undefined> {
    const { world } = this
    const process = world.startProcess('server', { machine: 'server' })
    if (crashIo !== undefined) world.faults.crashAt('server', crashIo, kind)
    const host = this.#plant.host?.(process) ?? process
    const options: InstanceOptions = {
      host,
      ...this.#options,
      ...(this.#pages !== undefined && { wrapStore: (store) => this.#pages!.of(store, host) }),
      ...(this.#logTrouble !== undefined && {
        wrapLog: (log) => new FaultyLog(log, this.#logTrouble!.sourceFor(host)),
      }),
    }
    try {
      const server = await this.#within(process, openServer(process, options))
      if (server === undefined) {
        this.#survivors = new Set(['synced'])
        return undefined
      }
      this.#plant.database?.(server.database)
      await this.#compare(server)
      return process.alive ? server : undefined
    } catch (error) {
      this.#startFailed(process, error)
      return undefined
    }
  }

  /** Of the leader and of who follows it. */
  get #options(): Omit<InstanceOptions, 'host'> {
    const { largeCommitWrites, sliceKeys, checkpointEveryBytes, isEncrypted = false } = this.plan
    return {
      directory: 'data',
      ...(isEncrypted && { encryptionKey: new Uint8Array(32).fill(1) }),
      limits: { largeCommitWrites, sliceKeys },
      // Small ones are trimmed before a follower that is behind has read them.
      segmentBytes: (this.plan.follower === undefined ? 32 : 4) * 1024,
      checkpointEveryBytes,
      engines: { handOverBytes: 4_000, overlayBytesMax: 100_000 },
    }
  }

  #startFailed(process: SimulatedProcess, error: unknown): void {
    this.oracle.note(`start failed: ${String(error)}`)
    if (!this.#isInjected(error) && this.#claimsDurability) {
      this.#report({ invariant: 'start', message: `the server does not start: ${String(error)}` })
    }
    this.world.crash(process, 'process')
  }

  get #hasFaults(): boolean {
    return Object.keys(this.world.faults.probability).length > 0
  }

  /** An error that the disk has given because it was told to. */
  #isInjected(error: unknown, hasFaults = this.#hasFaults): boolean {
    if (this.#logTrouble !== undefined && error instanceof LogError) return error.code === 'unavailable'
    if (!hasFaults) return false
    if (error instanceof DiskError) return error.code === 'io' || error.code === 'no-space'
    // A start writes to the log, too.
    return error instanceof PolylogError && ['io_error', 'disk_full', 'outcome_unknown'].includes(error.code)
  }

  /** The promise's value; undefined where the process has ended first, or the one that it waits for. */
  async #within<T>(
    process: SimulatedProcess,
    promise: Promise<T>,
    leader: SimulatedProcess = process,
  ): Promise<T | undefined> {
    let settled = false
    const settle = (): void => void (settled = true)
    promise.then(settle, settle)
    const untilMs = this.world.timeUs / 1000 + longestWaitMs
    const areAlive = (): boolean => process.alive && leader.alive
    await this.world.run({ until: () => settled || !areAlive(), untilMs })
    if (settled) return promise
    if (areAlive()) this.#report({ invariant: 'liveness', message: 'what was waited for has not come' })
    return undefined
  }

  // ---- comparing

  async #compare(server: SimulatedServer): Promise<void> {
    const { database, process } = server
    const isNew = database.catalog.findCollection('public', 'account') === undefined
    if (isNew) {
      if (this.oracle.transfers.size > 0 && this.#claimsDurability) {
        this.#report({ invariant: 'durable', message: 'the whole shop is gone' })
      }
      const session = server.sessions.openSession({ user: 'simulation', door: 'setup' })
      const set = async (): Promise<void> => {
        await session.run((tx) => createShop(tx, this.plan.engine))
        for (const text of churnTables) await runSql(process, session, text, [])
        await database.pipeline.settled()
      }
      await this.#within(process, set())
      if (!process.alive || database.pipeline.failure !== undefined) return
      if (database.catalog.findCollection('public', 'account') === undefined) return
    }
    // What a lying disk has lost the feed has told all the same.
    if (this.#claimsDurability) await this.#within(process, this.shadow.catchUp(database))
    else await this.#within(process, this.shadow.startAnew(database))
    if (!process.alive) return
    const differences = await this.#within(
      process,
      throughMisses(database.store, () => this.shadow.compare(database)),
    )
    if (differences === undefined) return
    for (const violation of differences) this.#report(violation)
    for (const violation of this.shadow.unserializable(true)) this.#report(violation)
    await this.#compareWithOracle(server, () => this.#survivors, true)
  }

  /** `survivors` is asked when all has been read: a log may fail, and reads go back, while a page is waited for. */
  async #compareWithOracle(server: SimulatedServer, survivors: () => Survivors, settles: boolean): Promise<void> {
    const { database, process } = server
    const read = (tx: Transaction): { violations: Violation[]; state: ShopState; strings: Map<string, number> } => {
      const names = ['counter', ...this.oracle.registers.keys()]
      return {
        violations: [...violationsOf(tx), ...finished(derivedViolations(tx))],
        state: readShop(tx),
        strings: new Map(names.map((name) => [name, Number(readString(tx, name) ?? 0)])),
      }
    }
    const found = await this.#within(
      process,
      throughMisses(database.store, () => onNewest(database, read)),
    )
    if (found === undefined) return
    const { violations, state, strings } = found
    for (const violation of violations) this.#report(violation)
    if (this.#claimsDurability) {
      for (const violation of this.oracle.violations(state, strings, survivors())) this.#report(violation)
    }
    if (settles) this.oracle.settle(state, strings)
  }

  /** While it runs: what was acknowledged shows, as far as trouble with the log has left it. */
  async #inspect(server: SimulatedServer): Promise<void> {
    const { process } = server
    await this.#leadsAgain(server)
    const { database } = server
    if (!process.alive || database.catalog.findCollection('public', 'account') === undefined) return
    await this.#compareWithOracle(server, () => survivorsIn(database), false)
    if (!process.alive) return
    await this.#within(process, database.pipeline.settled())
    if (!process.alive) return
    for (const violation of this.shadow.unserializable(false)) this.#report(violation)
  }

  /** What is durable by now it shows, and nothing else. */
  async #compareFollower({ process, database }: SimulatedServer): Promise<void> {
    if (this.#follower === undefined || !process.alive || database.pipeline.state !== 'leading') return
    if (database.catalog.findCollection('public', 'account') === undefined) return
    const sequence = database.pipeline.stateOf(database.newestSequence)
    if (sequence === undefined) return
    await this.#follower.settle(sequence, this.shadow, (who, promise) => this.#within(who, promise, process))
  }

  /** With the faults of its log it may be following, or about to step down; without them that passes. */
  async #leadsAgain(server: SimulatedServer): Promise<void> {
    const { process } = server
    if (this.#logTrouble === undefined || !process.alive) return
    const untilMs = this.world.timeUs / 1000 + longestWaitMs
    const isCalm = (): boolean => ['leading', 'full', 'failed'].includes(server.database.pipeline.state)
    await this.world.run({ until: () => isCalm() || !process.alive, untilMs })
    if (process.alive && !isCalm()) {
      this.#report({
        invariant: 'liveness',
        message: `the log is well, and the database ${server.database.pipeline.state}`,
      })
    }
  }

  // ---- working and ending

  #work(server: SimulatedServer, isStopping: { value: boolean }): Promise<unknown> {
    if (server.database.catalog.findCollection('public', 'account') === undefined) return Promise.resolve()
    const { oracle, shadow, world } = this
    const { process, database, sessions } = server
    // It ends with the log, or is never heard of again once the process has died. A fault that struck an operation may be
    // heard of only when there are none any more.
    const hasFaults = this.#hasFaults
    this.shadow.follow(database).catch((error: unknown) => {
      if (process.alive && !this.#isInjected(error, hasFaults))
        this.#report({ invariant: 'feed', message: String(error) })
    })
    const goesOn = (): boolean => !isStopping.value && process.alive
    if (!this.#clients) {
      this.#clients = true
      startClients(world, this.plan.networkClients, this.#random, oracle, (error) =>
        this.#report({ invariant: 'no surprise', message: String(error) }),
      )
    }
    server.listen().catch((error: unknown) => {
      if (process.alive) this.#report({ invariant: 'no surprise', message: String(error) })
    })
    const report = (violation: Violation): void => this.#report(violation)
    const work = Array.from({ length: this.plan.embeddedClients }, (_, i) => {
      const random = new SeededRandom(this.#random.bits())
      const name = `embedded ${i}`
      const parts = { name, host: process, random, oracle, database: () => server.database, sessions, shadow, report }
      return new EmbeddedClient(parts).work(goesOn).catch((error: unknown) => {
        if (process.alive) this.#report({ invariant: 'no surprise', message: `embedded ${i}: ${String(error)}` })
      })
    })
    return Promise.all(work)
  }

  async #stop(server: SimulatedServer, isStopping: { value: boolean }, work: Promise<unknown>): Promise<void> {
    isStopping.value = true
    let isOver = false
    void work.then(() => (isOver = true))
    const waitsMs = this.#stopRandom.chance(0.5) ? 0 : 50
    // Some may wait for a lock that a client with a half-open connection holds: those end with the server.
    await this.world.run({ until: () => isOver, untilMs: this.world.timeUs / 1000 + waitsMs })
    await this.#within(server.process, server.stop())
    await this.world.run({ until: () => isOver || !server.process.alive, untilMs: this.world.timeUs / 1000 + 1_000 })
    if (!isOver && server.process.alive) {
      this.#report({ invariant: 'liveness', message: 'a caller does not hear that the server has stopped' })
    }
  }

  async #end(server: SimulatedServer, kind: CrashKind, failed: boolean): Promise<void> {
    const diedBefore = !server.process.alive
    this.world.crash(server.process, kind)
    this.#crashes++
    // How it died where a fault killed it is not known here: only what survives everything is asked for.
    this.#survivors = failed || diedBefore ? survivorsOf.power : survivorsOf[kind]
    this.oracle.note(`crash ${kind}`)
  }
}

export async function simulate(plan: Plan, plant: Plant = {}): Promise<SeedResult> {
  // WebAssembly is compiled in real time, which must not show: it is ready before the simulated time begins.
  await loadGrammar()
  return new Simulation(plan, plant).run()
}

/** The smallest plan found, within so many tries, that still breaks something. */
export async function shrink(failed: SeedResult, plant: Plant = {}, tries = 40): Promise<SeedResult> {
  let smallest = failed
  let left = tries
  for (let shrunk = true; shrunk && left > 0;) {
    shrunk = false
    for (const plan of smallerPlans(smallest.plan)) {
      if (left-- <= 0) break
      const result = await simulate(plan, plant)
      if (result.violations.length === 0) continue
      smallest = result
      shrunk = true
      break
    }
  }
  return smallest
}
