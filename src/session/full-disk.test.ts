/** What a session may still be told after the log refused its commits, or failed. */
import { expect, test } from 'vitest'
import type { PolylogError } from '../base/errors.ts'
import { sliceOf } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import { Instance } from '../database/instance.ts'
import type { SimulatedProcess } from '../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import type { Session } from './contract.ts'
import { Sessions } from './sessions.ts'

const key = (n: number): KeyWriter => new KeyWriter(16).begin(100, 1).int64(n)

async function openSimulated(
  world: SimulatedWorld,
): Promise<{ host: SimulatedProcess; instance: Instance; session: Session }> {
  const host = world.startProcess('server')
  const instance = await world.complete(Instance.open({ host, directory: 'data', segmentBytes: 16 * 1024 }, 'main'))
  const sessions = new Sessions(host, () => instance.databases, { defaultDatabase: 'main' })
  return { host, instance, session: sessions.openSession({ user: 'test', door: 'test' }) }
}

function write(session: Session, n: number): Promise<string> {
  void session.run((tx) => tx.put(key(n), sliceOf(new Uint8Array(4_000))))
  return reply(session)
}

/** What becomes of a reply that has seen what the session has seen. */
function reply(session: Session): Promise<string> {
  return new Promise((resolve) => {
    session.durabilityWatch.whenDurable(session.seen, 'synced', (error?: PolylogError) =>
      resolve(error?.code ?? 'sent'),
    )
  })
}

test('a session whose commit found no space reads on, and sees what is left', async () => {
  const world = new SimulatedWorld(7)
  const { session } = await openSimulated(world)
  const { disk } = world.machine('server')
  disk.capacityBytes = disk.usedBytes + 20_000
  let outcome = 'sent'
  let kept = 0
  for (let n = 0; outcome === 'sent' && n < 50; n++) {
    outcome = await world.complete(write(session, n))
    if (outcome === 'sent') kept = n
  }
  expect(outcome).toBe('disk_full')
  expect(session.run((tx) => tx.get(key(kept)) !== undefined)).toBe(true)
  expect(session.run((tx) => tx.get(key(kept + 1)) !== undefined)).toBe(false)
  expect(await world.complete(reply(session))).toBe('sent')
})

test('a session whose commit may be lost reads on at the last synced state', async () => {
  const world = new SimulatedWorld(8)
  const { session } = await openSimulated(world)
  expect(await world.complete(write(session, 1))).toBe('sent')
  world.faults.once({ fault: 'write-error', process: 'server' })
  world.faults.once({ fault: 'sync-error', process: 'server' })
  expect(await world.complete(write(session, 2))).toBe('outcome_unknown')
  expect(session.run((tx) => tx.get(key(1)) !== undefined)).toBe(true)
  expect(session.run((tx) => tx.get(key(2)) !== undefined)).toBe(false)
  // Whoever has not heard of it yet hears of it now.
  expect(await world.complete(reply(session))).toBe('outcome_unknown')
  session.forgetRefused()
  expect(await world.complete(reply(session))).toBe('sent')
  expect(() => session.run((tx) => tx.put(key(3), sliceOf(new Uint8Array(1))))).toThrow('read-only')
})

test('a full disk does not keep the server from ending', async () => {
  const world = new SimulatedWorld(9)
  const { host, instance, session } = await openSimulated(world)
  const { disk } = world.machine('server')
  expect(await world.complete(write(session, 0))).toBe('sent')
  disk.capacityBytes = disk.usedBytes
  for (let n = 1; n < 20; n++) void session.run((tx) => tx.put(key(n), sliceOf(new Uint8Array(4_000))))
  await world.complete(instance.close())
  world.crash(host, 'process')
  disk.capacityBytes = Infinity
  const again = await openSimulated(world)
  expect(again.session.run((tx) => tx.get(key(0)) !== undefined)).toBe(true)
})
