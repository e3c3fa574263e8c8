import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sliceOf, sliceToLatin1 } from '../base/slice.ts'
import { KeyWriter, keyspaceRange } from '../base/tuple.ts'
import type { Transaction } from '../database/contract.ts'
import type { Session } from './contract.ts'
import { openTestSessions, type TestSessions } from './testing.ts'

let server: TestSessions

beforeEach(async () => (server = await openTestSessions()))
afterEach(() => server.close())

const open = (): Session => server.sessions.openSession({ user: 'test', door: 'test' })
const keyOf = (name: string): KeyWriter => new KeyWriter(32).begin(20, 1).string(name)

const put =
  (name: string, value: string) =>
  (tx: Transaction): void =>
    tx.put(keyOf(name), sliceOf(Buffer.from(value)))

const get =
  (name: string) =>
  (tx: Transaction): string | undefined => {
    const found = tx.get(keyOf(name))
    return found === undefined ? undefined : sliceToLatin1(found)
  }

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
    return 'done'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('a transaction that can only be rolled back', () => {
  test('holds no lock', () => {
    const session = open()
    session.begin()
    void session.run(put('x', '1'))
    session.fail()
    expect(session.status).toBe('failed')
    expect(server.database.locks.size).toBe(0)
  })

  test('says so after its database was closed, to a session that does not know', async () => {
    const session = open()
    session.begin()
    expect(session.run(get('x'))).toBeUndefined()
    const writer = open()
    writer.begin()
    void writer.run(put('x', '1'))
    const closed = server.database.close()
    expect(await codeOf(() => session.run(get('x')))).toBe('shutting_down')
    expect(await session.commit()).toBe('aborted')
    expect(await codeOf(() => writer.commit())).toBe('shutting_down')
    await closed
  })

  test('lets go of its locks at once', async () => {
    const [a, b] = [open(), open()]
    a.begin()
    b.begin()
    void a.run(put('x', '1'))
    void b.run(put('y', '1'))
    const waiting = a.run(put('y', '2'))
    expect(await codeOf(() => b.run(put('x', '2')))).toBe('deadlock')
    await waiting
    expect(b.status).toBe('failed')
    expect(await codeOf(() => b.run(get('x')))).toBe('transaction_aborted')
    expect(a.commit()).toBe('committed')
    expect(b.commit()).toBe('aborted')
    expect(server.database.locks.size).toBe(0)
    expect(a.run(get('y'))).toBe('2')
  })

  test('keeps them where a savepoint can bring it back', async () => {
    const [a, b] = [open(), open()]
    a.begin()
    void a.run(put('x', '1'))
    void a.savepoint('s')
    a.fail()
    const waiting = b.run(put('x', '2'))
    expect(waiting).toBeInstanceOf(Promise)
    void a.rollbackTo('s')
    expect(a.commit()).toBe('committed')
    await waiting
    expect(a.run(get('x'))).toBe('2')
  })
})

describe('what was asked for in an order', () => {
  test('happens in it: a rollback never overtakes a statement, which would then run on its own', async () => {
    for (let delay = 0; delay < 30; delay++) {
      const [holder, session] = [open(), open()]
      holder.begin()
      void holder.run(put('x', String(delay)))
      session.begin()
      const first = session.run(put('x', 'mine'))
      const second = session.run(put(`y${delay}`, 'mine'))
      void holder.commit()
      for (let i = 0; i < delay; i++) await Promise.resolve()
      const end = session.rollback()
      await Promise.all([first, second, end])
      expect(session.run(get(`y${delay}`)), `after ${delay} microtasks`).toBeUndefined()
      expect(session.run(get('x'))).toBe(String(delay))
    }
  })
})

describe('reads that must not be forgotten', () => {
  test('a serializable cursor that is sought back has read what it had read', async () => {
    const [a, b] = [open(), open()]
    for (const name of ['a', 'b', 'c', 'd']) void a.run(put(name, '1'))
    a.begin({ isolation: 'serializable' })
    void a.run((tx) => {
      const cursor = tx.scan(keyspaceRange(20))
      while (cursor.next());
      cursor.seek(keyOf('a'))
      cursor.next()
    })
    void b.run(put('c', '2'))
    expect(await codeOf(() => a.run(put('z', '1')))).toBe('serialization_failure')
  })

  test('nor in reverse', async () => {
    const [a, b] = [open(), open()]
    for (const name of ['a', 'b', 'c', 'd']) void a.run(put(name, '1'))
    a.begin({ isolation: 'serializable' })
    void a.run((tx) => {
      const cursor = tx.scan(keyspaceRange(20), { reverse: true })
      while (cursor.next());
      cursor.seek(keyOf('d'))
      cursor.next()
    })
    void b.run(put('b', '2'))
    expect(await codeOf(() => a.run(put('z', '1')))).toBe('serialization_failure')
  })

  /** A store may pass over fewer than it was asked to. */
  function passOver(tx: Transaction): void {
    const cursor = tx.scan(keyspaceRange(20))
    for (let left = 3; left > 0;) left -= cursor.skip(left)
  }

  const reads: [string, (tx: Transaction) => unknown][] = [
    ['counted', (tx) => tx.count(keyspaceRange(20))],
    ['passed over', passOver],
  ]
  test.each(reads)('nor entries that were only %s', async (_, read) => {
    const [a, b] = [open(), open()]
    for (const name of ['a', 'b', 'c', 'd']) await a.run(put(name, '1'))
    a.begin({ isolation: 'serializable' })
    await a.run(read)
    await b.run(put('bb', '2'))
    expect(await codeOf(() => a.run(put('z', '1')))).toBe('serialization_failure')
  })

  test('a count has own writes, and none where only a scan can tell', () => {
    const a = open()
    for (const name of ['a', 'b', 'c']) void a.run(put(name, '1'))
    const count = (tx: Transaction): number | undefined => tx.count(keyspaceRange(20))
    a.begin()
    void a.run(put('a', '2'))
    void a.run(put('d', '1'))
    void a.run((tx) => tx.delete(keyOf('b')))
    void a.run((tx) => tx.delete(keyOf('never')))
    expect(a.run(count)).toBe(3)
    void a.run((tx) => tx.deleteRange(keyspaceRange(20)))
    expect(a.run(count)).toBeUndefined()
  })
})
