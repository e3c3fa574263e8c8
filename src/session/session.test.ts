import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sliceOf, sliceToLatin1 } from '../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../base/tuple.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Isolation, StatementSteps, Transaction } from '../database/contract.ts'
import type { Session } from './contract.ts'
import { advance, inPlace } from '../database/transaction/wait.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

let server: TestSessions
let collection: Collection

beforeEach(async () => {
  server = await openTestSessions()
  collection = await openSession().run((tx) => {
    const namespace = tx.createNamespace('test')
    return tx.createCollection(namespace, 'numbers', 'keyvalue', {})
  })
})

afterEach(() => server.close())

function openSession(): Session {
  return server.sessions.openSession({ user: 'test', door: 'test' })
}

function keyOf(name: string): KeyWriter {
  return new KeyWriter(32).begin(collection.id, 1).string(name)
}

function read(tx: Transaction, name: string): string | undefined {
  const found = tx.get(keyOf(name))
  return found === undefined ? undefined : sliceToLatin1(found)
}

function write(tx: Transaction, name: string, value: string): void {
  tx.put(keyOf(name), sliceOf(Buffer.from(value)))
}

const get =
  (name: string) =>
  (tx: Transaction): string | undefined =>
    read(tx, name)

const put =
  (name: string, value: string) =>
  (tx: Transaction): void =>
    write(tx, name, value)

const increment =
  (name: string) =>
  (tx: Transaction): void =>
    write(tx, name, String(Number(read(tx, name) ?? 0) + 1))

function sum(tx: Transaction): number {
  let total = 0
  const cursor = tx.scan(keyspaceRange(collection.id))
  while (cursor.next()) total += Number(sliceToLatin1(cursor.value))
  return total
}

/** Settles what can be settled without anybody else's help. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

async function outcomeOf(promise: unknown): Promise<string> {
  try {
    const value = await promise
    return typeof value === 'string' ? value : 'done'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('single statements', () => {
  test('run and commit in one turn, without a promise', () => {
    const session = openSession()
    expect(session.run(put('a', '1'))).toBeUndefined()
    expect(session.run(get('a'))).toBe('1')
    expect(session.seen).toBe(server.database.newestSequence)
  })

  test('an error leaves nothing behind', () => {
    const session = openSession()
    const failing = (tx: Transaction): never => {
      write(tx, 'a', '1')
      throw new Error('no')
    }
    expect(() => session.run(failing)).toThrow('no')
    expect(session.run(get('a'))).toBeUndefined()
    expect(server.database.open.size).toBe(0)
  })

  test('many interleaved increments never lose one', async () => {
    const sessions = Array.from({ length: 20 }, openSession)
    const slow = function* (tx: Transaction): StatementSteps<void> {
      const before = Number(read(tx, 'n') ?? 0)
      yield undefined
      yield* inPlace(tx, () => write(tx, 'n', String(before + 1)))
      yield undefined
    }
    await Promise.all(
      sessions.flatMap((session) =>
        [slow, increment('n'), slow].map(async (statement) => session.run<void>(statement)),
      ),
    )
    expect(openSession().run(get('n'))).toBe('60')
    expect(server.database.locks.size).toBe(0)
    expect(server.database.conflicts.active).toBe(false)
  })

  test('a paused scan sees one state, whatever is written meanwhile', async () => {
    const session = openSession()
    for (let i = 0; i < 100; i++) void session.run(put(`k${String(i).padStart(3, '0')}`, '1'))
    const scan = function* (tx: Transaction): StatementSteps<number> {
      let total = 0
      const cursor = tx.scan(keyspaceRange(collection.id))
      for (let found = advance(tx, cursor); found !== false; found = advance(tx, cursor)) {
        if (found === true) total += Number(sliceToLatin1(cursor.value))
        yield found === true ? undefined : found
      }
      return total
    }
    const total = openSession().run(scan)
    for (let i = 0; i < 150; i++) {
      void session.run(put(`k${String((i * 7) % 150).padStart(3, '0')}`, '5'))
      await turns()
    }
    expect(await total).toBe(100)
    expect(server.database.store.statistics().pinnedSnapshots).toBeLessThanOrEqual(2)
  })

  test('a canceled statement stops and leaves nothing', async () => {
    const session = openSession()
    const endless = function* (tx: Transaction): StatementSteps<void> {
      write(tx, 'a', '1')
      for (;;) yield undefined
    }
    const running = session.run(endless)
    await turns()
    session.cancel()
    expect(await outcomeOf(running)).toBe('canceled')
    expect(session.run(get('a'))).toBeUndefined()
  })
})

describe('interactive transactions', () => {
  test('others see all or nothing', () => {
    const [a, b] = [openSession(), openSession()]
    a.begin()
    void a.run(put('x', '1'))
    void a.run(put('y', '1'))
    expect(b.run(sum)).toBe(0)
    expect(a.run(sum)).toBe(2)
    expect(a.commit()).toBe('committed')
    expect(b.run(sum)).toBe(2)
  })

  test('rollback and savepoints', () => {
    const session = openSession()
    session.begin()
    void session.run(put('x', '1'))
    void session.savepoint('s')
    void session.run(put('x', '2'))
    void session.run((tx) => tx.delete(keyOf('x')))
    expect(session.run(get('x'))).toBeUndefined()
    void session.rollbackTo('s')
    expect(session.run(get('x'))).toBe('1')
    session.fail()
    expect(session.status).toBe('failed')
    expect(() => session.run(get('x'))).toThrow('current transaction is aborted')
    void session.rollbackTo('s')
    void session.releaseSavepoint('s')
    expect(() => session.rollbackTo('s')).toThrow('does not exist')
    void session.rollback()
    expect(session.run(get('x'))).toBeUndefined()
  })

  test('a savepoint keeps what was told before it, where nothing was written yet', () => {
    const session = openSession()
    const tell = (channel: string): void => {
      void session.run((tx) => tx.effects.tell({ scope: 'test', channel, payload: Buffer.from(channel) }))
    }
    session.begin()
    tell('kept')
    void session.savepoint('s')
    tell('taken back')
    void session.rollbackTo('s')
    const told = session.run((tx) => tx.effects.since(0).map((effect) => 'message' in effect && effect.message.channel))
    expect(told).toEqual(['kept'])
    void session.rollback()
  })

  test('read committed waits for the writer and goes on from what it left', async () => {
    const [a, b] = [openSession(), openSession()]
    a.begin()
    void a.run(increment('n'))
    b.begin()
    const waiting = b.run(increment('n'))
    await turns()
    expect(waiting).toBeInstanceOf(Promise)
    void a.commit()
    await waiting
    void b.commit()
    expect(a.run(get('n'))).toBe('2')
  })

  test('repeatable read reads one state and fails the second writer', async () => {
    const [a, b] = [openSession(), openSession()]
    void a.run(put('n', '0'))
    a.begin({ isolation: 'repeatable read' })
    expect(a.run(get('n'))).toBe('0')
    void b.run(put('n', '7'))
    expect(a.run(get('n'))).toBe('0')
    expect(await outcomeOf(Promise.resolve().then(() => a.run(increment('n'))))).toBe('serialization_failure')
    expect(a.status).toBe('failed')
    expect(a.commit()).toBe('aborted')
    expect(a.run(get('n'))).toBe('7')
  })

  test.each<[Isolation, string, string]>([
    ['repeatable read', 'committed', 'committed'],
    ['serializable', 'committed', 'serialization_failure'],
  ])('write skew under %s', async (isolation, first, second) => {
    const [a, b] = [openSession(), openSession()]
    void a.run(put('x', '1'))
    void a.run(put('y', '1'))
    a.begin({ isolation })
    b.begin({ isolation })
    expect(a.run(sum)).toBe(2)
    expect(b.run(sum)).toBe(2)
    void a.run(put('x', '0'))
    void b.run(put('y', '0'))
    expect(await outcomeOf(a.commit())).toBe(first)
    expect(await outcomeOf(Promise.resolve().then(() => b.commit()))).toBe(second)
  })

  test('a serializable scan that stopped early does not fear what lies behind', () => {
    const [a, b] = [openSession(), openSession()]
    for (const name of ['a', 'b', 'c']) void a.run(put(name, '1'))
    a.begin({ isolation: 'serializable' })
    void a.run((tx) => {
      const cursor = tx.scan(keyspaceRange(collection.id))
      expect(cursor.next()).toBe(true)
    })
    void b.run(put('c', '2'))
    void a.run(put('z', '1'))
    expect(a.commit()).toBe('committed')
  })

  test('a deadlock is found at once, and the other goes on', async () => {
    const [a, b] = [openSession(), openSession()]
    a.begin()
    b.begin()
    void a.run(put('x', '1'))
    void b.run(put('y', '1'))
    const waiting = a.run(put('y', '2'))
    expect(await outcomeOf(Promise.resolve().then(() => b.run(put('x', '2'))))).toBe('deadlock')
    await b.rollback()
    await waiting
    expect(a.commit()).toBe('committed')
    expect(a.run(get('y'))).toBe('2')
  })

  test('fail-fast transactions do not wait', async () => {
    const [a, b] = [openSession(), openSession()]
    a.begin()
    void a.run(put('x', '1'))
    b.begin({ failFast: true, isolation: 'repeatable read' })
    expect(await outcomeOf(Promise.resolve().then(() => b.run(put('x', '2'))))).toBe('serialization_failure')
  })

  test('a schema change waits for writers, and writers for it', async () => {
    const [a, b] = [openSession(), openSession()]
    a.begin()
    void a.run(put('x', '1'))
    const altering = b.run((tx) =>
      tx.alterCollection(tx.catalog.collectionById(collection.id)!, { definition: { v: 2 } }),
    )
    await turns()
    expect(altering).toBeInstanceOf(Promise)
    expect(server.database.catalog.collectionById(collection.id)!.definition).toEqual({})
    void a.commit()
    await altering
    expect(server.database.catalog.collectionById(collection.id)!.definition).toEqual({ v: 2 })
  })

  test('watched ranges tell whether others wrote', () => {
    const [a, b] = [openSession(), openSession()]
    a.watch(keyspaceRange(collection.id))
    expect(a.watchedChanged()).toBe(false)
    void b.run(put('x', '1'))
    expect(a.watchedChanged()).toBe(true)
    a.unwatch()
    expect(a.watchedChanged()).toBe(false)
    expect(server.database.conflicts.active).toBe(false)
  })
})

describe('one transaction, several parties', () => {
  function joined(): [Session, Session] {
    const [a, b] = [openSession(), openSession()]
    a.begin()
    b.join(a.token())
    return [a, b]
  }

  test('the beginner commits all', async () => {
    const [a, b] = joined()
    void a.run(put('x', '1'))
    void b.run(put('y', '1'))
    expect(b.run(sum)).toBe(2)
    expect(openSession().run(sum)).toBe(0)
    const leaving = b.commit()
    expect(leaving).toBeInstanceOf(Promise)
    expect(a.commit()).toBe('committed')
    expect(await Promise.race([leaving, turns()])).toBe('committed')
    expect(b.seen).toBe(a.seen)
    expect(b.status).toBe('none')
    expect(openSession().run(sum)).toBe(2)
  })

  test('until it leaves, a party hears of the decision', async () => {
    const [a, b] = joined()
    void b.run(put('y', '1'))
    void a.commit()
    expect(await outcomeOf(Promise.resolve().then(() => b.run(put('z', '1'))))).toBe('transaction_ended')
    expect(b.leave()).toBe('committed')
    void b.run(put('z', '1'))
    expect(openSession().run(sum)).toBe(2)
  })

  test.each(['rollback', 'close', 'fail'] as const)('a joined party’s %s aborts the whole', async (way) => {
    const [a, b] = joined()
    void a.run(put('x', '1'))
    void b.run(put('y', '1'))
    await b[way]()
    expect(await outcomeOf(Promise.resolve().then(() => a.run(sum)))).toBe('transaction_ended')
    expect(a.commit()).toBe('aborted')
    expect(openSession().run(sum)).toBe(0)
    expect(server.database.locks.size).toBe(0)
  })

  test('going back to a savepoint frees what was locked since', async () => {
    const [a, other] = [openSession(), openSession()]
    a.begin()
    void a.run(put('kept', '1'))
    void a.savepoint('s')
    void a.run(put('x', '1'))
    other.begin()
    const waiting = other.run(put('x', '2')) as Promise<void>
    void a.rollbackTo('s')
    await waiting
    expect(await other.commit()).toBe('committed')
    expect(a.commit()).toBe('committed')
    expect([openSession().run(get('x')), openSession().run(get('kept'))]).toEqual(['2', '1'])
  })

  test('an error inside a savepoint dooms nobody', () => {
    const [a, b] = joined()
    void a.savepoint('s')
    a.fail()
    void a.rollbackTo('s')
    void b.run(put('y', '1'))
    expect(a.commit()).toBe('committed')
  })

  test('statements and the commit run in the order of their arrival', async () => {
    const [a, b] = joined()
    const order: string[] = []
    const slow = (name: string) =>
      function* (): StatementSteps<void> {
        for (let i = 0; i < 3; i++) yield undefined
        order.push(name)
      }
    const first = a.run(slow('a'))
    const second = b.run(slow('b'))
    const commit = a.commit()
    await Promise.all([first, second, commit])
    expect(order).toEqual(['a', 'b'])
    expect(await commit).toBe('committed')
  })

  test('a deadlock aborts the whole', async () => {
    const [a, b] = joined()
    const other = openSession()
    other.begin()
    void other.run(put('x', '1'))
    void b.run(put('y', '1'))
    const waiting = other.run(put('y', '2'))
    expect(await outcomeOf(Promise.resolve().then(() => a.run(put('x', '2'))))).toBe('deadlock')
    await waiting
    expect(await outcomeOf(Promise.resolve().then(() => b.run(sum)))).toBe('transaction_ended')
    expect(b.leave()).toBe('aborted')
  })

  test('a token ends with its transaction, and never works twice over', () => {
    const [a, b] = joined()
    const token = a.token()
    expect(token).toMatch(/^[0-9a-f]{32}$/)
    expect(() => b.join(token)).toThrow('a transaction is open')
    void a.commit()
    expect(() => openSession().join(token)).toThrow('no open transaction')
  })

  test('a forgotten transaction is aborted after its idle time', async () => {
    await server.close()
    server = await openTestSessions({ sessions: { idleTimeoutMs: 20 } })
    const [a, b] = joined()
    expect(await b.leave()).toBe('aborted')
    expect(a.commit()).toBe('aborted')
  })
})

describe('evidence', () => {
  const rowsOf = (session: Session, name: string): (readonly unknown[])[] => [
    ...session.evidence.find((table) => table.name === name)!.rows(),
  ]

  test('tables have as many values as columns, and tell of locks, sessions and transactions', () => {
    const [a, b] = [openSession(), openSession()]
    a.begin()
    void a.run(put('x', '1'))
    for (const { name, columns, rows } of b.evidence) {
      for (const row of rows()) expect(row.length, name).toBe(columns.length)
    }
    expect(rowsOf(b, 'locks').map((row) => [row[0], row[3], row[4]])).toContainEqual([
      'test.numbers',
      'no key update',
      true,
    ])
    expect(rowsOf(b, 'sessions')).toHaveLength(3)
    expect(rowsOf(b, 'transactions')).toMatchObject([
      [expect.anything(), 'read committed', false, expect.anything(), 1n, expect.anything()],
    ])
    void a.commit()
    expect(rowsOf(b, 'locks')).toHaveLength(0)
    expect(rowsOf(b, 'durability')[0]![0]).toBe(BigInt(server.database.newestSequence))
  })
})

describe('a collection that a transaction has for itself', () => {
  const rowsLocked = (): number => server.database.locks.rows().filter(({ key }) => !key.startsWith('\xff')).length

  test('needs no locks on its keys, and others wait for its schema', async () => {
    const [a, b] = [openSession(), openSession()]
    a.begin()
    void a.run((tx) => tx.clearCollection(collection))
    for (let i = 0; i < 50; i++) void a.run(put(`k${i}`, '1'))
    expect(rowsLocked()).toBe(0)
    const writing = b.run(put('k1', '2'))
    const locking = openSession().run((tx) => tx.lock(keyOf('k1'), 'share'))
    await turns()
    expect(writing).toBeInstanceOf(Promise)
    expect(locking).toBeInstanceOf(Promise)
    void a.commit()
    await Promise.all([writing, locking])
    expect(b.run(get('k1'))).toBe('2')
  })

  test('still fails a snapshot transaction whose keys changed before it took the schema', async () => {
    const [a, b] = [openSession(), openSession()]
    void b.run(put('k', '1'))
    a.begin({ isolation: 'repeatable read' })
    expect(a.run(get('k'))).toBe('1')
    void b.run(put('k', '2'))
    const alter = (tx: Transaction): unknown =>
      tx.alterCollection(tx.catalog.collectionById(collection.id)!, { definition: { v: 3 } })
    expect(await outcomeOf(Promise.resolve().then(() => a.run(alter)))).toBe('serialization_failure')
    expect(await outcomeOf(Promise.resolve().then(() => a.run(increment('k'))))).toBe('transaction_aborted')
  })
})

describe('names that are taken', () => {
  test('the system keeps its namespaces, and Redis its own', () => {
    const session = openSession()
    for (const name of ['pg_catalog', 'information_schema', 'polylog']) {
      expect(() => session.run((tx) => tx.createNamespace(name))).toThrow("the system's own")
    }
    const inRedis = (model: 'document' | 'keyvalue') => (tx: Transaction) =>
      tx.createCollection(tx.catalog.namespaces.get('redis') ?? tx.createNamespace('redis'), 'db0', model, {})
    expect(() => session.run(inRedis('document'))).toThrow('the databases of Redis')
    expect(session.run(inRedis('keyvalue'))).toMatchObject({ name: 'db0' })
  })
})

describe('a read-committed transaction between its statements', () => {
  test('pins nothing, also after a statement that paused', async () => {
    const session = openSession()
    session.begin()
    await session.run(function* (tx: Transaction): StatementSteps<void> {
      read(tx, 'a')
      yield undefined
      read(tx, 'b')
    })
    expect(server.database.conflicts.active).toBe(false)
    expect(session.run(get('a'))).toBeUndefined()
    expect(session.commit()).toBe('committed')
  })
})

test('what a session limits for itself is its own', () => {
  const [one, other] = [openSession(), openSession()]
  one.ownLimits().lockTimeoutMs = 5
  one.ownLimits().countsRows = false
  expect([one.limits.lockTimeoutMs, one.limits.countsRows]).toEqual([5, false])
  for (const { limits } of [other, openSession()]) expect([limits.lockTimeoutMs, limits.countsRows]).toEqual([0, true])
})

describe('the account of a session', () => {
  const holders = (): readonly string[] => [...server.sessions.memory.root.holders()].map(({ path }) => path.join(' '))

  test('is there once something is charged to it, and gives all of it back with the session', async () => {
    const session = openSession()
    await session.run(put('a', '1'))
    const before = holders()
    expect(session.chargedBytes).toBe(0)
    session.account.charge(100_000)
    expect(session.chargedBytes).toBe(100_000)
    expect(holders().findLast((one) => !before.includes(one))).toContain(`the session ${session.id}`)
    session.close()
    expect(holders()).toEqual(before)
  })

  test('is closed where the session has ended before anything was charged', () => {
    const session = openSession()
    const before = holders()
    session.close()
    expect(session.account.tryCharge(1)).toBe(false)
    expect(holders()).toEqual(before)
  })
})
