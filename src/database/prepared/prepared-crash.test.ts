/**
 * Crashes at operations of the disk, while transactions are prepared and ended: what is left is one of the states that there were, no older
 * than what was acknowledged, and each transaction that is prepared in it holds its locks, and nobody else any.
 */
import { expect, test } from 'vitest'
import { assert } from '../../base/errors.ts'
import { sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import type { CrashKind } from '../../host/simulated/faults.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { LockWait, type Sequence } from '../contract.ts'
import type { Database } from '../database.ts'
import { contentOf, databaseOf, openOn } from '../directory/crash-history.ts'

const steps = 60
const by = { owner: 'me', ownerId: undefined }
const keyOf = (row: number): KeyWriter => new KeyWriter(16).begin(20, 1).int64(row)

class PreparedHistory {
  readonly random: SeededRandom
  readonly contents = new Map<Sequence, string>([[0, '']])
  /** What each locks, by its identifier, which is given once. */
  readonly locked = new Map<string, readonly number[]>()
  synced: Sequence = 0
  /** How often each was done. */
  readonly done = { write: 0, prepare: 0, commit: 0, rollback: 0 }

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
  }

  async step(database: Database): Promise<void> {
    const { random } = this
    const open = [...database.prepared.list()].map(({ gid }) => gid)
    const dice = random.below(10)
    if (dice < 4) await this.#noted(database, 'write', () => this.#write(database))
    else if (dice < 7 || open.length === 0) await this.#noted(database, 'prepare', () => this.#prepare(database))
    else {
      const commits = random.chance(0.6)
      const gid = open[random.below(open.length)]!
      await this.#noted(database, commits ? 'commit' : 'rollback', () => database.prepared.finish(gid, commits))
    }
    if (random.chance(0.1)) await database.checkpoint()
  }

  async #noted(
    database: Database,
    what: keyof PreparedHistory['done'],
    run: () => Promise<Sequence | undefined>,
  ): Promise<void> {
    const sequence = await run()
    if (sequence === undefined) return
    this.done[what]++
    assert(database.newestSequence === sequence, 'something else was committed meanwhile')
    this.contents.set(sequence, contentOf(database))
    database.whenDurable(sequence, 'synced', (error) => {
      if (error === undefined) this.synced = Math.max(this.synced, sequence)
    })
    // Locks are given back once the end is synced.
    if (this.random.chance(0.5)) await database.pipeline.settled()
  }

  #rows(): number[] {
    return Array.from({ length: this.random.between(1, 12) }, () => this.random.below(40))
  }

  #write(database: Database): Promise<Sequence | undefined> {
    return this.#change(database, this.#rows(), async (transaction) => transaction.commit())
  }

  #prepare(database: Database): Promise<Sequence | undefined> {
    const gid = `g${this.locked.size}`
    const rows = this.#rows()
    return this.#change(database, rows, (transaction) => {
      this.locked.set(gid, rows)
      return database.prepared.prepare(transaction, gid, by)
    })
  }

  /** Undefined where one of the rows is locked. */
  async #change(
    database: Database,
    rows: readonly number[],
    end: (transaction: ReturnType<Database['begin']>) => Promise<Sequence>,
  ): Promise<Sequence | undefined> {
    const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: true })
    transaction.beginStatement()
    try {
      for (const row of rows) {
        const value = Buffer.alloc(this.random.below(300), `v${this.random.below(1000)}`)
        if (this.random.chance(0.2)) transaction.delete(keyOf(row))
        else transaction.put(keyOf(row), sliceOf(value))
      }
      transaction.endStatement()
      return await end(transaction)
    } catch (error) {
      if (error instanceof LockWait) return undefined
      throw error
    } finally {
      transaction.rollback()
    }
  }

  check(database: Database, kind: CrashKind): void {
    const end = database.newestSequence
    expect(end).toBeGreaterThanOrEqual(kind === 'power' ? this.synced : 0)
    expect(contentOf(database)).toBe(this.contents.get(end))
    this.checkLocks(database)
  }

  checkLocks(database: Database): void {
    const held = new Set([...database.prepared.list()].flatMap(({ gid }) => this.locked.get(gid)!))
    for (let row = 0; row < 40; row++) {
      expect([row, isLocked(database, row)]).toEqual([row, held.has(row)])
    }
  }
}

function isLocked(database: Database, row: number): boolean {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: true })
  transaction.beginStatement()
  try {
    return !transaction.lock(keyOf(row), 'update', 'skip')
  } finally {
    transaction.rollback()
  }
}

/** Opens, runs, and closes; ends early where the process does. */
async function run(world: SimulatedWorld, process: SimulatedProcess, history: PreparedHistory): Promise<void> {
  const living = (async () => {
    const instance = await openOn(process)
    const database = databaseOf(instance)
    history.contents.set(database.newestSequence, contentOf(database))
    for (let i = 0; i < steps; i++) await history.step(database)
    await instance.close()
  })().catch((error: unknown) => {
    if (process.alive) throw error
  })
  let isOver = false
  void living.then(() => (isOver = true))
  await world.run({ until: () => isOver || !process.alive })
}

async function crashAndCheck(seed: number, io: number, kind: CrashKind): Promise<PreparedHistory> {
  const world = new SimulatedWorld(seed)
  const history = new PreparedHistory(seed)
  if (io > 0) world.faults.crashAt('first', io, kind)
  const first = world.startProcess('first', { machine: 'disk' })
  await run(world, first, history)
  world.crash(first, 'process')
  const second = world.startProcess('second', { machine: 'disk' })
  const instance = await world.complete(openOn(second))
  const database = databaseOf(instance)
  history.check(database, kind)
  // Whatever is prepared can be ended, and nothing is locked then.
  const left = [...database.prepared.list()]
  for (const { gid } of left) await world.complete(database.prepared.finish(gid, true))
  await world.complete(database.pipeline.settled())
  history.checkLocks(database)
  await world.complete(instance.close())
  return history
}

test('nothing is prepared in part, lost, or without its locks, wherever the crash comes', async () => {
  for (const seed of [1, 2]) {
    const whole = await crashAndCheck(seed, 0, 'process')
    expect(Math.min(...Object.values(whole.done))).toBeGreaterThan(2)
    for (let io = 3 + seed; io < 400; io += 31) {
      await crashAndCheck(seed, io, io % 3 === 0 ? 'process' : 'power')
    }
  }
})
