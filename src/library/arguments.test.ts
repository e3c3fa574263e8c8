/** Keys, and the calls of a database: wrong arguments are refused before anything happens. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FeedOptions, FeedTransaction } from '../database/following/feed.ts'
import { LogError } from '../log/commit-log.ts'
import { openTestSessions } from '../session/testing.ts'
import { follow } from './follow.ts'
import type { Keys } from './keys.ts'
import { EmbeddedDatabase, type WriteOptions } from './library.ts'

let db: EmbeddedDatabase

beforeEach(async () => {
  const parts = await openTestSessions()
  db = new EmbeddedDatabase(parts.database, parts.sessions, () => parts.close())
})

afterEach(() => db.close())

const code = 'invalid_argument'
const refusal = { name: 'PolylogError', code }
const withKeys = <T>(run: (keys: Keys) => Promise<T>): Promise<T> => db.write((tx) => run(tx.keys()))

describe('keys', () => {
  const texts = [5, undefined, null, {}, [], true, 5n, 'x\ud800', new Uint16Array(1), new ArrayBuffer(1)] as string[]

  test.each(texts)('keys, fields, members and values are strings or bytes (%#)', async (wrong) => {
    const calls: ((keys: Keys) => Promise<unknown>)[] = [
      (keys) => keys.get(wrong),
      (keys) => keys.set(wrong, 'a'),
      (keys) => keys.set('a', wrong),
      (keys) => keys.delete(wrong),
      (keys) => keys.increment(wrong),
      (keys) => keys.setField(wrong, 'a', 'a'),
      (keys) => keys.setField('a', wrong, 'a'),
      (keys) => keys.setField('a', 'a', wrong),
      (keys) => keys.getField(wrong, 'a'),
      (keys) => keys.getField('a', wrong),
      (keys) => keys.setScore(wrong, 'a', 1),
      (keys) => keys.setScore('a', wrong, 1),
      (keys) => keys.getScore(wrong, 'a'),
      (keys) => keys.getScore('a', wrong),
    ]
    for (const call of calls) await expect(withKeys(call)).rejects.toMatchObject(refusal)
    expect(await db.read((tx) => tx.sql('SELECT count(*) AS n FROM polylog.collections'))).toEqual([{ n: 0n }])
  })

  test('scores are numbers, the infinite ones too', async () => {
    for (const wrong of [NaN, undefined, null, '5', 5n, {}] as number[]) {
      await expect(withKeys((keys) => keys.setScore('z', 'm', wrong))).rejects.toMatchObject(refusal)
    }
    for (const score of [Infinity, -Infinity, 0.1, 1e308]) {
      await withKeys((keys) => keys.setScore('z', 'm', score))
      expect(await withKeys((keys) => keys.getScore('z', 'm'))).toBe(score)
    }
  })

  test('increments are whole numbers of 64 bits', async () => {
    for (const wrong of [1.5, NaN, 2 ** 53, '1', null, Infinity] as number[]) {
      await expect(withKeys((keys) => keys.increment('n', wrong))).rejects.toMatchObject(refusal)
    }
    await expect(withKeys((keys) => keys.increment('n', 2n ** 63n))).rejects.toMatchObject({ code: 'out_of_range' })
    expect(await withKeys((keys) => keys.increment('n', 2n ** 62n))).toBe(2n ** 62n)
    expect(await withKeys((keys) => keys.increment('n', -1))).toBe(2n ** 62n - 1n)
  })

  test('any bytes come back', async () => {
    const bytes = new Uint8Array([0, 255, 10])
    await withKeys((keys) => keys.set(bytes, bytes))
    expect(await withKeys((keys) => keys.get(bytes))).toEqual(bytes)
  })

  test('a statement that waits for a lock keeps the bytes that it was given', async () => {
    const value = new Uint8Array([1, 2])
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    await withKeys((keys) => keys.set('a', 'first'))
    const holding = db.write(async (tx) => {
      await tx.keys().set('a', 'second')
      await released
    })
    const isolation = 'read committed'
    const waiting = db.write(
      async (tx) => {
        const setting = tx.keys().set('a', value)
        await Promise.resolve()
        value.fill(9)
        release()
        await setting
      },
      { isolation },
    )
    await Promise.all([holding, waiting])
    expect(await withKeys((keys) => keys.get('a'))).toEqual(new Uint8Array([1, 2]))
  })

  test('a value of more than 64 MiB is too large', async () => {
    const large = withKeys((keys) => keys.set('a', new Uint8Array(64 * 1024 * 1024 + 1)))
    await expect(large).rejects.toMatchObject({ code: 'too_large' })
  })

  test('databases are those that Redis numbers', async () => {
    for (const wrong of [-1, 16, 1.5, NaN, '0', null, {}] as number[]) {
      await expect(db.read((tx) => tx.keys(wrong).get('a'))).rejects.toMatchObject(refusal)
    }
    expect(await db.read((tx) => tx.keys(15).get('a'))).toBeUndefined()
  })
})

describe('calls of a database', () => {
  test('write and read take functions', async () => {
    for (const wrong of [undefined, null, 5, 'x', {}, []] as never[]) {
      await expect(db.write(wrong)).rejects.toMatchObject(refusal)
      await expect(db.read(wrong)).rejects.toMatchObject(refusal)
    }
  })

  test('options of write', async () => {
    let runs = 0
    const write = (options: unknown): Promise<number> => db.write(() => ++runs, options as WriteOptions)
    await expect(write({ retires: 1 })).rejects.toThrow(
      'the options of write have no "retires"; there are isolation, retries',
    )
    for (const wrong of [
      null,
      5,
      [],
      { isolation: 'snapshot' },
      { retries: -1 },
      { retries: NaN },
      { [Symbol('x')]: 1 },
    ]) {
      await expect(write(wrong)).rejects.toMatchObject(refusal)
    }
    expect(runs).toBe(0)
    await write({ isolation: 'read committed', retries: Infinity })
    await write({ isolation: undefined, retries: 0 })
    expect(runs).toBe(2)
  })

  test('options of feed', () => {
    for (const wrong of [
      undefined,
      {},
      { from: -1 },
      { from: 0 },
      { from: '1' },
      { from: 1, to: 1.5 },
      { from: 1, folow: true },
      { from: 1, follow: 1 },
      { from: 1, signal: {} },
    ]) {
      expect(() => db.feed(wrong as FeedOptions)).toThrow(expect.objectContaining(refusal))
    }
    expect(() => db.feed({ from: 1, follow: true, signal: new AbortController().signal })).not.toThrow()
  })

  test('proxies that are revoked are refused like everything else', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const calls: (() => Promise<unknown>)[] = [
      () => db.write(() => 1, proxy),
      () => db.read((tx) => tx.sql('SELECT 1', proxy as unknown[])),
      () => db.read((tx) => tx.sql('SELECT $1', [proxy])),
      () => db.read((tx) => tx.sql('SELECT $1::jsonb', [{ a: proxy }])),
      () => db.read((tx) => tx.sql('SELECT $1::int[]', [[proxy]])),
      () => db.write((tx) => tx.documents('a', 'b').insert(proxy)),
      () => db.write((tx) => tx.documents('a', 'b').insert({ a: [proxy] })),
      () => db.write((tx) => tx.keys().set('a', proxy as string)),
    ]
    for (const call of calls) await expect(call()).rejects.toMatchObject(refusal)
  })

  test('what the log no longer holds is an error of the package', async () => {
    const failing = follow(
      // oxlint-disable-next-line require-yield -- it fails before it yields
      (async function* (): AsyncGenerator<FeedTransaction> {
        throw new LogError('trimmed', 'the log begins at 5')
      })(),
    )
    const error = { name: 'PolylogError', code: 'trimmed', message: 'the log begins at 5' }
    await expect(failing.next()).rejects.toMatchObject(error)
  })

  test('a closed database does nothing more, and closes once', async () => {
    const fork = await db.fork()
    await fork.close()
    await fork.close()
    const closed = { name: 'PolylogError', code: 'shutting_down' }
    await expect(fork.read(() => 1)).rejects.toMatchObject(closed)
    await expect(fork.write(() => 1)).rejects.toMatchObject(closed)
    await expect(fork.snapshot()).rejects.toMatchObject(closed)
    await expect(fork.fork()).rejects.toMatchObject(closed)
    expect(() => fork.feed({ from: 1 })).toThrow(expect.objectContaining(closed))
  })

  test('a snapshot that is released reads nothing more', async () => {
    const snapshot = await db.snapshot()
    snapshot.release()
    snapshot.release()
    const closed = { name: 'PolylogError', code: 'shutting_down' }
    await expect(snapshot.sql('SELECT 1')).rejects.toMatchObject(closed)
    await expect(snapshot.keys().get('a')).rejects.toMatchObject(closed)
    await expect(snapshot.documents('a', 'b').find()).rejects.toMatchObject(closed)
  })
})
