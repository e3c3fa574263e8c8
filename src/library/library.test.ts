import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { EmbeddedDatabase, type EmbeddedTransaction } from './library.ts'

let parts: TestSessions
let db: EmbeddedDatabase

beforeEach(async () => {
  parts = await openTestSessions()
  db = new EmbeddedDatabase(parts.database, parts.sessions, () => parts.close())
})

afterEach(() => db.close())

const text = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString()

describe('one transaction over models', () => {
  test('commits all of it', async () => {
    await db.write(async (tx) => {
      await tx.sql('CREATE TABLE account (id int PRIMARY KEY, balance int8 NOT NULL)')
      await tx.sql('INSERT INTO account VALUES ($1, $2)', [1, 100n])
      await tx.documents('shop', 'orders').insert({ _id: 7, total: 30 })
      await tx.keys().setScore('leaderboard', 'ada', 30)
      await tx.keys().set('greeting', 'hello')
      await tx.keys().set('long', 'ab'.repeat(50_000))
    })
    await db.read(async (tx) => {
      expect(await tx.sql('SELECT * FROM account')).toEqual([{ id: 1, balance: 100n }])
      expect(await tx.documents('shop', 'orders').findOne({ total: { $gt: 20 } })).toEqual({ _id: 7, total: 30 })
      expect(await tx.keys().getScore('leaderboard', 'ada')).toBe(30)
      expect(text(await tx.keys().get('greeting'))).toBe('hello')
      expect(text(await tx.keys().get('long'))).toBe('ab'.repeat(50_000))
    })
  })

  test('a short statement does not overtake a long one that is still parsed', async () => {
    const rows = Array.from({ length: 4000 }, (_, i) => `(${i})`)
    const counts = await db.write(async (tx) => {
      await tx.sql('CREATE TABLE points (id int PRIMARY KEY)')
      const [, before, , after] = await Promise.all([
        tx.sql(`INSERT INTO points VALUES ${rows.join(', ')}`),
        tx.sql('SELECT count(*)::int AS count FROM points'),
        tx.sql('DELETE FROM points WHERE id >= 10'),
        tx.sql('SELECT count(*)::int AS count FROM points'),
      ])
      return [before, after]
    })
    expect(counts).toEqual([[{ count: 4000 }], [{ count: 10 }]])
  })

  test('documents written into a table keep its rules: defaults, checks, who writes', async () => {
    await db.write((tx) =>
      tx.sql(
        `CREATE TABLE ledger (id int PRIMARY KEY, amount int CHECK (amount > 0) DEFAULT 5, who text DEFAULT current_user)`,
      ),
    )
    await db.write((tx) => tx.documents('public', 'ledger').insert({ id: 1 }))
    expect(await db.read((tx) => tx.sql('SELECT * FROM ledger'))).toEqual([{ id: 1, amount: 5, who: 'library' }])
    const refused = db.write((tx) => tx.documents('public', 'ledger').insert({ id: 2, amount: -1 }))
    await expect(refused).rejects.toMatchObject({
      code: 'check_violation',
      detail: { constraint: 'ledger_amount_check' },
    })
  })

  test.each(['read committed', 'repeatable read', 'serializable'] as const)(
    'a table that it has changed itself can be used: %s',
    async (isolation) => {
      await db.write((tx) => tx.sql('CREATE TABLE points (id int PRIMARY KEY)'))
      const rows = await db.write(
        async (tx) => {
          await tx.sql('INSERT INTO points VALUES (1)')
          await tx.sql('ALTER TABLE points ADD COLUMN score int DEFAULT 5')
          await tx.sql('UPDATE points SET score = score + 1')
          return tx.sql('SELECT * FROM points')
        },
        { isolation },
      )
      expect(rows).toEqual([{ id: 1, score: 6 }])
    },
  )

  test('and so it can where others change the catalog meanwhile', async () => {
    await db.write((tx) => tx.sql('CREATE TABLE points (id int PRIMARY KEY)'))
    const rows = await db.write(
      async (tx) => {
        await tx.sql('ALTER TABLE points ADD COLUMN score int DEFAULT 5')
        await db.write((other) => other.sql('CREATE TABLE another (id int)'))
        await tx.sql('INSERT INTO points VALUES (1)')
        return tx.sql('SELECT * FROM points')
      },
      { isolation: 'read committed' },
    )
    expect(rows).toEqual([{ id: 1, score: 5 }])
  })

  test('a statement that has waited for a new index maintains it', async () => {
    await db.write((tx) => tx.sql('CREATE TABLE points (score int)'))
    await db.write((tx) => tx.sql('INSERT INTO points SELECT g FROM generate_series(1, 9) g'))
    let goOn = (): void => {}
    const isToGoOn = new Promise<void>((resolve) => (goOn = resolve))
    let built = (): void => {}
    const isBuilt = new Promise<void>((resolve) => (built = resolve))
    const indexing = db.write(async (tx) => {
      await tx.sql('CREATE INDEX points_score ON points (score)')
      built()
      await isToGoOn
    })
    await isBuilt
    const changes = ['DELETE FROM points WHERE score > 6', 'UPDATE points SET score = -score WHERE score < 4'].map(
      (text) => db.write((tx) => tx.sql(text), { isolation: 'read committed' }),
    )
    await new Promise((resolve) => setImmediate(resolve))
    goOn()
    await Promise.all([indexing, ...changes])
    expect((await db.verify()).differences).toEqual([])
    const found = await db.read((tx) => tx.sql('SELECT score FROM points WHERE score < 5 ORDER BY score'))
    expect(found.map(({ score }) => score)).toEqual([-3, -2, -1, 4])
  })

  test('an error takes all of it back', async () => {
    const failing = db.write(async (tx) => {
      await tx.documents('shop', 'orders').insert({ _id: 7 })
      await tx.keys().set('greeting', 'hello')
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await db.read((tx) => tx.documents('shop', 'orders').find())).toEqual([])
    expect(await db.read((tx) => tx.keys().get('greeting'))).toBeUndefined()
  })

  test('conflicts are retried: no increment is lost', async () => {
    const increment = (): Promise<void> =>
      db.write(async (tx) => {
        const before = Number(text(await tx.keys().get('n')) ?? 0)
        await tx.keys().set('n', String(before + 1))
      })
    await Promise.all(Array.from({ length: 10 }, increment))
    expect(text(await db.read((tx) => tx.keys().get('n')))).toBe('10')
  })

  test('what speaks after the commit is refused, and does not run on its own', async () => {
    let leaked: EmbeddedTransaction | undefined
    const writing = db.write(async (tx) => {
      leaked = tx
      await tx.keys().set('a', '1')
    })
    const before = db.sequence
    while (db.sequence === before) await Promise.resolve()
    for (let i = 0; i < 3; i++) await Promise.resolve()
    await expect(leaked!.keys().set('b', '1')).rejects.toMatchObject({ code: 'shutting_down' })
    await writing
    expect(await db.read((tx) => tx.keys().get('b'))).toBeUndefined()
  })

  test('reading transactions cannot write', async () => {
    await expect(db.read((tx) => tx.keys().set('a', '1'))).rejects.toMatchObject({ code: 'read_only' })
  })

  test('documents are updated and deleted by filter', async () => {
    const orders = await db.write(async (tx) => {
      const documents = tx.documents('shop', 'orders')
      await documents.insert({ _id: 1, n: 1 }, { _id: 2, n: 1 })
      expect(await documents.update({ n: 1 }, { $inc: { n: 5 } }, { many: true })).toBe(2)
      expect(await documents.delete({ _id: 1 })).toBe(1)
      return documents.find()
    })
    expect(orders).toEqual([{ _id: 2, n: 6 }])
  })
})

describe('states of the database', () => {
  test('a pinned snapshot does not move', async () => {
    await db.write((tx) => tx.keys().set('a', 'old'))
    const snapshot = await db.snapshot()
    await db.write((tx) => tx.keys().set('a', 'new'))
    expect(text(await snapshot.keys().get('a'))).toBe('old')
    snapshot.release()
    expect(text(await db.read((tx) => tx.keys().get('a')))).toBe('new')
    expect(parts.database.open.size).toBe(0)
  })

  test('a fork goes its own way', async () => {
    await db.write((tx) => tx.keys().set('a', 'common'))
    const fork = await db.fork()
    await fork.write((tx) => tx.keys().set('a', 'forked'))
    await db.write((tx) => tx.keys().increment('n'))
    expect(text(await db.read((tx) => tx.keys().get('a')))).toBe('common')
    expect(text(await fork.read((tx) => tx.keys().get('a')))).toBe('forked')
    expect(await fork.read((tx) => tx.keys().get('n'))).toBeUndefined()
    await fork.close()
  })

  test('the feed tells each transaction once, in order', async () => {
    const from = db.sequence + 1
    await db.write((tx) => tx.keys().set('a', '1'))
    await db.write(async (tx) => {
      await tx.keys().set('b', '1')
      await tx.keys().set('c', '1')
    })
    const sequences: number[] = []
    let puts = 0
    for await (const { sequence, changes } of db.feed({ from, to: db.sequence })) {
      sequences.push(sequence)
      puts += changes.filter((change) => change.kind === 'put' && change.collection >= 16).length
    }
    expect(sequences).toEqual([from, from + 1])
    expect(puts).toBe(3)
  })
})
