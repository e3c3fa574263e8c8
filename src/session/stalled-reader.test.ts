/**
 * A party of a transaction whose client does not read: others wait behind its statement, no longer than for one that has
 * fallen silent. The clock is simulated.
 */
import type { SocketListener } from '../host/host.ts'
import { deaf, hear } from '../host/deaf.ts'
import { beforeEach, describe, expect, test } from 'vitest'
import { ByteWriter } from '../base/bytes.ts'
import type { StatementSteps } from '../database/contract.ts'
import type { SimulatedProcess } from '../host/simulated/simulated-process.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import type { Session } from './contract.ts'
import { Outbox } from './outbox.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

const idleTimeoutMs = 60_000
const limitBytes = 100

let world: SimulatedWorld
let host: SimulatedProcess
let server: TestSessions

beforeEach(async () => {
  world = new SimulatedWorld(3)
  host = world.startProcess('server')
  server = await world.complete(openTestSessions({ host, sessions: { idleTimeoutMs } }))
})

/** A client that takes what the test says it takes. */
class Peer {
  readonly remote = 'peer'
  readonly isLocal = true
  pendingBytes = 0
  listener: SocketListener = deaf

  write(bytes: Uint8Array): boolean {
    this.pendingBytes += bytes.length
    return false
  }

  take(count: number): void {
    this.pendingBytes -= Math.min(count, this.pendingBytes)
    if (this.pendingBytes === 0) this.listener.onDrain()
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

interface Party {
  readonly session: Session
  readonly peer: Peer
  /** Sends a full buffer, `times` times. */
  select(times?: number): Promise<string>
}

function openParty(): Party {
  const session = server.sessions.openSession({ user: 'test', door: 'test' })
  const peer = new Peer()
  const outbox = new Outbox(peer, session, { repliesLost: () => undefined })
  hear(peer, { onDrain: () => outbox.drained() })
  function* rows(times: number): StatementSteps<void> {
    for (let i = 0; i < times; i++) {
      outbox.writer.copy(new ByteWriter(limitBytes).bytes.subarray(0, limitBytes))
      yield outbox.roomBelow(limitBytes)
    }
  }
  return { session, peer, select: (times = 1) => outcomeOf(() => session.run(() => rows(times))) }
}

async function outcomeOf(run: () => unknown): Promise<string> {
  try {
    const value = await run()
    return typeof value === 'string' ? value : 'done'
  } catch (error) {
    return (error as { code: string }).code
  }
}

function join(): [Party, Party] {
  const [beginner, joined] = [openParty(), openParty()]
  beginner.session.begin()
  joined.session.join(beginner.session.token())
  return [beginner, joined]
}

const later = (ms: number): Promise<void> => world.complete(new Promise((resolve) => void host.at(ms, resolve)))

describe('a party whose client does not read', () => {
  test('is a party that dropped, once another has waited behind it for the idle timeout', async () => {
    const [beginner, joined] = join()
    const selecting = joined.select()
    await later(10 * idleTimeoutMs)
    expect(beginner.session.status).toBe('open')
    const committing = outcomeOf(() => beginner.session.commit())
    await later(idleTimeoutMs - 1)
    expect(joined.session.status).toBe('open')
    expect(await world.complete(committing)).toBe('aborted')
    expect(await world.complete(selecting)).toBe('transaction_ended')
    expect(joined.session.leave()).toBe('aborted')
    expect(server.database.open.size).toBe(0)
  })

  test('also where it began the transaction', async () => {
    const [beginner, joined] = join()
    const selecting = beginner.select()
    const waiting = outcomeOf(() => joined.session.run(() => 'read'))
    expect(await world.complete(waiting)).toBe('transaction_ended')
    expect(await world.complete(selecting)).toBe('transaction_ended')
    expect(beginner.session.commit()).toBe('aborted')
  })

  test('also where the others have done their part, and wait for the decision', async () => {
    const [beginner, joined] = join()
    const selecting = beginner.select()
    const leaving = outcomeOf(() => joined.session.commit())
    await later(idleTimeoutMs - 1)
    expect(beginner.session.status).toBe('open')
    expect(await world.complete(leaving)).toBe('aborted')
    expect(await world.complete(selecting)).toBe('transaction_ended')
  })

  test('is waited for while it takes anything', async () => {
    const [beginner, joined] = join()
    const selecting = joined.select()
    const committing = outcomeOf(() => beginner.session.commit())
    for (let i = 0; i < limitBytes; i++) {
      await later(idleTimeoutMs - 1)
      joined.peer.take(1)
    }
    expect(await world.complete(selecting)).toBe('done')
    expect(await world.complete(committing)).toBe('committed')
  })

  test('has the idle timeout anew for each buffer', async () => {
    const [beginner, joined] = join()
    const selecting = joined.select(3)
    const committing = outcomeOf(() => beginner.session.commit())
    for (let i = 0; i < 3; i++) {
      await later(idleTimeoutMs - 1)
      joined.peer.take(limitBytes)
    }
    expect(await world.complete(selecting)).toBe('done')
    expect(await world.complete(committing)).toBe('committed')
  })

  test('is not to blame while its bytes wait for the log', async () => {
    const [beginner, joined] = join()
    const { database } = server
    let reach = (): void => undefined
    database.durableThrough = () => -1
    database.whenDurable = (_sequence, _level, run) => (reach = run)
    const selecting = joined.select()
    const committing = outcomeOf(() => beginner.session.commit())
    await later(10 * idleTimeoutMs)
    expect(joined.session.status).toBe('open')
    reach()
    expect(joined.peer.pendingBytes).toBe(limitBytes)
    joined.peer.take(limitBytes)
    expect(await world.complete(selecting)).toBe('done')
    expect(await world.complete(committing)).toBe('committed')
  })

  test('is waited for without end where nobody else is kept waiting', async () => {
    const alone = openParty()
    alone.session.begin()
    const selecting = alone.select()
    await later(10 * idleTimeoutMs)
    alone.peer.take(limitBytes)
    expect(await world.complete(selecting)).toBe('done')
    expect(alone.session.commit()).toBe('committed')
  })
})

describe('a statement that waits for its client', () => {
  test('ends when another party drops', async () => {
    const [beginner, joined] = join()
    const selecting = joined.select()
    beginner.session.close()
    await later(1)
    expect(await selecting).toBe('transaction_ended')
    expect(joined.session.leave()).toBe('aborted')
  })

  test('ends when it is canceled', async () => {
    const alone = openParty()
    const selecting = alone.select()
    await later(1)
    alone.session.cancel()
    await later(1)
    expect(await selecting).toBe('canceled')
    expect(await world.complete(Promise.resolve(alone.session.run(() => 'next')))).toBe('next')
  })
})
