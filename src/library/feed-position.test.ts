/** Who copies a state and follows the feed from there on misses nothing, whatever the disk and the process did meanwhile. */
import { beforeAll, expect, test } from 'vitest'
import type { PolylogError } from '../base/errors.ts'
import { Instance } from '../database/instance.ts'
import type { SimulatedProcess } from '../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { loadGrammar } from '../language/sql/grammar.ts'
import { Sessions } from '../session/sessions.ts'
import { EmbeddedDatabase } from './library.ts'

// A simulated world does not wait for it.
beforeAll(loadGrammar)

async function openOn(world: SimulatedWorld): Promise<{ host: SimulatedProcess; db: EmbeddedDatabase }> {
  const host = world.startProcess('server')
  const instance = await world.complete(Instance.open({ host, directory: 'data', segmentBytes: 16 * 1024 }, 'main'))
  const sessions = new Sessions(host, () => instance.databases, { defaultDatabase: 'main' })
  return { host, db: new EmbeddedDatabase(instance.databases.get('main')!, sessions, () => instance.close()) }
}

/** Resolves to what it was told. */
const set = (db: EmbeddedDatabase, name: string, bytes: number): Promise<string> =>
  db
    .write((tx) => tx.keys().set(name, 'x'.repeat(bytes)))
    .then(
      () => 'kept',
      (error: unknown) => (error as PolylogError).code,
    )

test('the place of a state that a full disk has left is one in the log', async () => {
  const world = new SimulatedWorld(5)
  const { host, db } = await openOn(world)
  const { disk } = world.machine('server')
  expect(await world.complete(set(db, 'first', 1))).toBe('kept')
  disk.capacityBytes = disk.usedBytes
  for (let n = 0, told = 'kept'; told === 'kept' && n < 20; n++) told = await world.complete(set(db, `n${n}`, 4_000))
  const position = await world.complete(db.read((tx) => tx.sql('SELECT sequence FROM polylog.snapshot')))
  expect([{ sequence: BigInt(db.sequence) }]).toEqual(position)
  world.crash(host, 'process')

  disk.capacityBytes = Infinity
  const again = await openOn(world)
  expect(again.db.sequence).toBe(Number(position[0]!['sequence']))
  expect(await world.complete(set(again.db, 'later', 1))).toBe('kept')
  const found: string[] = []
  const follow = async (): Promise<void> => {
    for await (const { changes } of again.db.feed({ from: Number(position[0]!['sequence']) + 1 })) {
      for (const change of changes) if (change.kind === 'put') found.push(Buffer.from(change.key).toString('latin1'))
    }
  }
  await world.complete(follow())
  expect(found.some((key) => key.includes('later'))).toBe(true)
})
