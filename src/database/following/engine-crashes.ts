/**
 * For the tests of followers: one follows a database of which each collection has a twin in an engine, while its leader
 * works, dies at one operation of the disk, and is replaced by it.
 */
import { assert } from '../../base/errors.ts'
import type { CrashKind } from '../../host/simulated/faults.ts'
import type { SimulatedProcess } from '../../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import { compareContents } from '../directory/crash-comparison.ts'
import { databaseOf, faultOfTwins, History, name, openOn, optionsOn, runHistory } from '../directory/crash-history.ts'
import type { Database } from '../database.ts'
import { FollowingInstance } from './following-instance.ts'

const steps = 60
const machine = 'disk'

export interface LeaderCrash {
  readonly seed: number
  /** The operation of the leader at which it dies, where the power fails the follower dies with it. */
  readonly io: number
  readonly kind: CrashKind
  /** The operation of the follower's promotion at which it dies too; 0: none. */
  readonly again: number
}

/** What happened in a run, so that a test can tell that something did. */
export interface Followed {
  /** Files of the leader that the follower has taken. */
  taken: number
  restarts: number
}

export async function operationsOfLeader(seed: number): Promise<number> {
  const world = new SimulatedWorld(seed)
  const first = world.startProcess('first', { machine })
  await runHistory(world, first, new History(seed, { hasTwins: true }), steps)
  return first.ioCount
}

/** Throws what is wrong. */
export async function crashOfLeader({ seed, io, kind, again }: LeaderCrash, followed: Followed): Promise<void> {
  const world = new SimulatedWorld(seed)
  const history = new History(seed, { hasTwins: true })
  const where = `seed ${seed}, ${kind} at ${io}, again at ${again}`
  const first = world.startProcess('first', { machine })
  await prepare(world, first, history)
  const follower = world.startProcess('follower', { machine })
  const following = await world.complete(FollowingInstance.open({ ...optionsOn(follower), pollMs: 5 }, name))
  world.faults.crashAt('second', io, kind)
  const second = world.startProcess('second', { machine })
  const looks = { isOver: false, faults: [] as string[] }
  const looking = look(follower, following, looks).catch((error: unknown) => {
    if (follower.alive) throw error
  })
  await runHistory(world, second, history, steps)
  world.crash(second, kind)
  looks.isOver = true
  if (kind === 'process') await world.complete(looking)
  assert(looks.faults.length === 0, `${where}: ${looks.faults[0]}`)
  followed.restarts += following.restarts
  followed.taken += takenBy(following)
  if (kind === 'process') await takeOver(world, follower, following, again)
  const survivor = kind === 'process' && again === 0 ? following.openDatabases.get(name) : undefined
  const database = survivor ?? (await reopen(world, 'third'))
  await compareContents(world, history, database, kind === 'process' && again === 0 ? 'process' : 'power', where)
  history.restartFrom(database)
  for (let i = 0; i < 12; i++) history.step(database)
  await world.complete(history.settled())
  await world.complete(database.pipeline.settled())
  history.acknowledged.synced = database.newestSequence
  await compareContents(world, history, await reopen(world, 'fourth'), 'power', `${where}, written to`)
}

/** So that the follower finds a checkpoint and a file of the engine, and not the beginning. */
async function prepare(world: SimulatedWorld, process: SimulatedProcess, history: History): Promise<void> {
  await runHistory(world, process, history, 30)
  world.crash(process, 'process')
}

/** Whatever the follower shows, in memory and in the engine it is the same. */
async function look(
  follower: SimulatedProcess,
  following: FollowingInstance,
  looks: { isOver: boolean; readonly faults: string[] },
): Promise<void> {
  while (!looks.isOver && follower.alive) {
    const fault = await faultOfTwins(following.databases.get(name)!)
    if (fault !== undefined) looks.faults.push(fault)
    await new Promise<void>((resolve) => void follower.at(7, resolve))
  }
}

function takenBy(following: FollowingInstance): number {
  const [base] = following.databases.get(name)!.engines!.bases
  return base === undefined ? 0 : (base.base.statistics()['taken'] ?? 0)
}

async function takeOver(
  world: SimulatedWorld,
  follower: SimulatedProcess,
  following: FollowingInstance,
  again: number,
): Promise<void> {
  if (again === 0) return world.complete(following.promote(name))
  world.faults.crashAt('follower', follower.ioCount + again, 'power')
  let isOver = false
  following.promote(name).then(
    () => (isOver = true),
    () => (isOver = true),
  )
  await world.run({ until: () => isOver || !follower.alive })
  return undefined
}

async function reopen(world: SimulatedWorld, title: string): Promise<Database> {
  world.cutPower(world.machine(machine))
  return databaseOf(await world.complete(openOn(world.startProcess(title, { machine }))))
}
