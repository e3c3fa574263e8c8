/** What a session's answers wait for, in the ways of answering that are no result of a statement. */
import { deaf } from '../host/deaf.ts'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import { sliceOf } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import type { Session } from './contract.ts'
import { Outbox } from './outbox.ts'
import { holdLog, openTestSessions, type TestSessions } from './testing.ts'

let server: TestSessions
let collection: Collection

beforeEach(async () => {
  server = await openTestSessions()
  collection = await openSession().run((tx) => {
    return tx.createCollection(tx.createNamespace('test'), 'numbers', 'keyvalue', {})
  })
})

afterEach(() => server.close())

function openSession(): Session {
  return server.sessions.openSession({ user: 'test', door: 'test' })
}

const put =
  (name: string) =>
  (tx: Transaction): void =>
    tx.put(new KeyWriter(32).begin(collection.id, 1).string(name), sliceOf(Buffer.from('1')))

function joined(): [Session, Session] {
  const a = openSession()
  const b = openSession()
  a.begin()
  b.join(a.token())
  return [a, b]
}

async function errorOf(run: () => unknown): Promise<{ code: string; detail: { outcome?: string } }> {
  try {
    await run()
  } catch (error) {
    return error as { code: string; detail: { outcome?: string } }
  }
  throw new Error('nothing was thrown')
}

/** Pauses until `goOn`, and writes then. */
function gate(): { statement: (tx: Transaction) => StatementSteps<void>; goOn: () => void } {
  let goOn = (): void => undefined
  const opened = new Promise<void>((resolve) => (goOn = resolve))
  return {
    goOn,
    statement: function* (tx) {
      yield opened
      put('late')(tx)
    },
  }
}

describe('a session has seen', () => {
  test('the catalog that it was shown: a statement may fail to bind by it, and run nowhere', () => {
    const session = openSession()
    expect(session.seen).toBe(0)
    expect(session.catalog.findCollection('test', 'numbers')).toBeDefined()
    expect(session.seen).toBe(server.database.newestSequence)
  })

  test.each(['run', 'token', 'savepoint'] as const)('the commit that it is told of by %s', async (way) => {
    const [a, b] = joined()
    await a.run(put('a'))
    await a.commit()
    const told = await errorOf(() => (way === 'run' ? b.run(put('b')) : way === 'token' ? b.token() : b.savepoint('s')))
    expect(told).toMatchObject({ code: 'transaction_ended', detail: { outcome: 'committed' } })
    expect(b.seen).toBe(server.database.newestSequence)
  })
})

describe('a commit that the log lost', () => {
  test.each(['run', 'leave'] as const)('is not told of by %s', async (way) => {
    const [a, b] = joined()
    await a.run(put('a'))
    let fail = (_: PolylogError): void => undefined
    server.database.whenDurable = (_sequence, _level, run) => (fail = run)
    await a.commit()
    fail(new PolylogError('outcome_unknown', 'the log failed'))
    const told = await errorOf(() => (way === 'run' ? b.run(put('b')) : b.leave()))
    expect(told.code).toBe('outcome_unknown')
  })
})

describe('a statement of a joined party', () => {
  test('hears of the end that came while it ran', async () => {
    const [a, b] = joined()
    const { statement, goOn } = gate()
    const running = errorOf(() => b.run(statement))
    a.close()
    goOn()
    expect(await running).toMatchObject({ code: 'transaction_ended', detail: { outcome: 'aborted' } })
    expect(b.status).toBe('failed')
  })

  test('that is canceled while it waits for its turn does not run', async () => {
    const [a, b] = joined()
    const { statement, goOn } = gate()
    const first = a.run(statement)
    const second = errorOf(() => b.run(put('b')))
    b.cancel()
    goOn()
    await first
    expect((await second).code).toBe('canceled')
    expect(await a.commit()).toBe('committed')
    const reader = openSession()
    const key = new KeyWriter(32).begin(collection.id, 1).string('b')
    expect(reader.run((tx) => tx.get(key) !== undefined)).toBe(false)
  })
})

/** The reply path of a door that has forgotten everything: it writes and flushes. */
function forgetfulDoor(session: Session): { outbox: Outbox; sent: () => string; reply: (text: string) => void } {
  let sent = ''
  const outbox = new Outbox(
    {
      remote: 'peer',
      isLocal: true,
      pendingBytes: 0,
      listener: deaf,
      write: (bytes) => {
        sent += Buffer.from(bytes).toString()
        return true
      },
      pause: () => undefined,
      resume: () => undefined,
      end: () => undefined,
      destroy: () => undefined,
    },
    session,
    { repliesLost: () => undefined },
  )
  const reply = (text: string): void => {
    outbox.writer.copy(Buffer.from(text))
    outbox.flush()
  }
  return { outbox, sent: () => sent, reply }
}

describe('a door that only writes and flushes', () => {
  let log: { release(): void }

  /** Nothing has left; it does when the log has come so far. */
  function expectHeld(door: { sent: () => string }, text: string): void {
    expect(door.sent()).toBe('')
    log.release()
    expect(door.sent()).toBe(text)
  }

  test('cannot tell of its own commit', () => {
    log = holdLog(server.database)
    const session = openSession()
    const door = forgetfulDoor(session)
    void session.run(put('a'))
    door.reply('done')
    expectHeld(door, 'done')
  })

  test('nor of what others have committed, by an error', () => {
    log = holdLog(server.database)
    void openSession().run(put('a'))
    const session = openSession()
    const door = forgetfulDoor(session)
    const refuse = (): never => {
      throw new Error('there is an a already')
    }
    expect(() => session.run(refuse)).toThrow('already')
    door.reply('error')
    expectHeld(door, 'error')
  })

  test('nor in the middle of a statement, alone or in a transaction', () => {
    for (const isAlone of [true, false]) {
      log = holdLog(server.database)
      void openSession().run(put('a'))
      const session = openSession()
      const door = forgetfulDoor(session)
      if (!isAlone) session.begin()
      void session.run(() => door.reply('row'))
      expectHeld(door, 'row')
    }
  })

  test('nor by what another session of the same caller has seen', () => {
    log = holdLog(server.database)
    const [a, b] = joined()
    void a.run(put('a'))
    const session = openSession()
    const party = server.sessions.openSession({ user: 'test', door: 'test', beside: session })
    party.join(b.token())
    void a.commit()
    const door = forgetfulDoor(session)
    void party.leave()
    party.close()
    door.reply('committed')
    expectHeld(door, 'committed')
  })

  test('while a repeatable read waits for no more than it sees', () => {
    const session = openSession()
    session.begin({ isolation: 'repeatable read' })
    void session.run(() => undefined)
    holdLog(server.database)
    void openSession().run(put('a'))
    const door = forgetfulDoor(session)
    void session.run(() => undefined)
    door.reply('old row')
    expect(door.sent()).toBe('old row')
  })
})
