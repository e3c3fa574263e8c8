/**
 * What the disk of a base store can do, at each of its operations: torn, cut short, refused, not synced, not read. Whatever it
 * is, nothing that was acknowledged is lost, collections in memory and their twins in an engine are the same after a power
 * failure, and the verifier finds nothing.
 */
import { expect, test } from 'vitest'
import type { FaultName } from '../host/simulated/faults.ts'
import type { SimulatedProcess } from '../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { databaseOf, faultOfTwins, History, openOn } from './directory/crash-history.ts'

const steps = 60
const files = '/sorted'

/** Ends where a fault has made the database read-only, or refuses to open it. */
async function writeUntilRefused(process: SimulatedProcess, history: History): Promise<void> {
  const instance = await openOn(process)
  const database = databaseOf(instance)
  history.restartFrom(database)
  for (let i = 0; i < steps && database.pipeline.failure === undefined; i++) {
    history.step(database)
    if (history.random.chance(0.6)) await new Promise<void>((resolve) => void process.at(0, resolve))
  }
  await history.settled()
  await instance.close()
}

/** Whether the fault has struck. */
async function strike(fault: FaultName, after: number): Promise<boolean> {
  const seed = 7
  const world = new SimulatedWorld(seed)
  const history = new History(seed, { hasTwins: true })
  world.faults.once({ fault, process: 'first', path: files, after })
  const first = world.startProcess('first', { machine: 'disk' })
  await world.complete(writeUntilRefused(first, history))
  world.crash(first, 'power')
  const again = await world.complete(openOn(world.startProcess('again', { machine: 'disk' })))
  const database = databaseOf(again)
  const where = `${fault} at ${after}`
  expect(history.faultOf(database, 'power'), where).toBeUndefined()
  expect(await world.complete(faultOfTwins(database)), where).toBeUndefined()
  expect((await world.complete(database.verifyFiles())).differences, where).toEqual([])
  await world.complete(again.close())
  return world.faults.counts[fault] !== undefined
}

test.each<FaultName>(['tear', 'shorten', 'write-error', 'sync-error', 'no-space', 'folder-error', 'read-error'])(
  'a fault of the files of an engine loses nothing: %s',
  async (fault) => {
    let struck = 0
    for (let after = 0; after < 40; after += 1 + (struck >> 2)) if (await strike(fault, after)) struck++
    expect(struck).toBeGreaterThan(3)
  },
)
