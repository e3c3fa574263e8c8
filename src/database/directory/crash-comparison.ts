/** For the tests of recovery: a crash at one operation of the disk, and whether what it leaves is what it must be. */
import { assert } from '../../base/errors.ts'
import type { CrashKind } from '../../host/simulated/faults.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'
import type { Database } from '../database.ts'
import { databaseOf, faultOfTwins, History, openOn, runHistory } from './crash-history.ts'

const steps = 60

export interface Life {
  readonly seed: number
  /** Each collection has another one beside it, in an engine. */
  readonly hasTwins?: boolean
}

export interface Crash extends Life {
  readonly io: number
  readonly kind: CrashKind
  /** The operation of the next start at which the power fails; 0: none. */
  readonly again: number
}

/** Operations of the disk in that life. */
export async function operationsOf({ seed, hasTwins = false }: Life): Promise<number> {
  const world = new SimulatedWorld(seed)
  const process = world.startProcess('first', { machine: 'disk' })
  await runHistory(world, process, new History(seed, { hasTwins }), steps)
  return process.ioCount
}

/** Crashes at one operation, perhaps again while starting, compares, goes on, and compares once more. Throws what is wrong. */
export async function crashAndCompare({ seed, hasTwins = false, io, kind, again }: Crash): Promise<void> {
  const world = new SimulatedWorld(seed)
  const history = new History(seed, { hasTwins })
  world.faults.crashAt('first', io, kind)
  const first = world.startProcess('first', { machine: 'disk' })
  await runHistory(world, first, history, steps)
  world.crash(first, 'process')
  if (again > 0) await crashWhileStarting(world, again)
  const where = `seed ${seed}, ${kind} at ${io}, again at ${again}`
  const third = world.startProcess('third', { machine: 'disk' })
  const instance = await world.complete(openOn(third))
  await compare(world, history, databaseOf(instance), again > 0 ? 'power' : kind, where)
  history.restartFrom(databaseOf(instance))
  for (let i = 0; i < 6; i++) history.step(databaseOf(instance))
  await world.complete(history.settled())
  await world.complete(instance.close())
  world.crash(third, 'power')
  const fourth = await world.complete(openOn(world.startProcess('fourth', { machine: 'disk' })))
  await compare(world, history, databaseOf(fourth), 'power', `${where}, closed`)
}

async function crashWhileStarting(world: SimulatedWorld, io: number): Promise<void> {
  world.faults.crashAt('second', io, 'power')
  const second = world.startProcess('second', { machine: 'disk' })
  let settled = false
  openOn(second).then(
    () => (settled = true),
    () => (settled = true),
  )
  await world.run({ until: () => settled || !second.alive })
  world.crash(second, 'power')
}

/** The database is one of the states of its history that may be left after such a crash, and twins are alike. */
export async function compareContents(
  world: SimulatedWorld,
  history: History,
  database: Database,
  kind: CrashKind,
  where: string,
): Promise<void> {
  const fault = history.faultOf(database, kind) ?? (await world.complete(faultOfTwins(database)))
  assert(fault === undefined, `${where}: ${fault}`)
}

async function compare(
  world: SimulatedWorld,
  history: History,
  database: Database,
  kind: CrashKind,
  where: string,
): Promise<void> {
  await compareContents(world, history, database, kind, where)
  const { numbers, ids } = history
  const repeated = [...numbers.repeated, ...ids.repeated]
  assert(repeated.length === 0, `${where}: given out twice: ${repeated.join(', ')}`)
}
