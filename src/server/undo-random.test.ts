/**
 * Random transactions over three models, undone: the last one leaves exactly what was there before it, and its undoing undone
 * what was there after it; an earlier one is undone as a whole, or, where something came later, not at all.
 */
import type { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import { SeededRandom } from '../host/simulated/random.ts'
import type { EmbeddedDatabase } from '../library/library.ts'
import { openDoors, type ServerWithUsers } from './testing-users.ts'

let server: ServerWithUsers
let library: EmbeddedDatabase
let redis: Redis

beforeEach(async () => {
  ;({ server, library, redis } = await openDoors())
  for (const text of [
    'CREATE TABLE parent (id int PRIMARY KEY, u int UNIQUE, v text CHECK (v <> $$bad$$))',
    `CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE,
       q int REFERENCES parent (u) ON DELETE SET NULL)`,
    'CREATE INDEX ON child (p)',
    'CREATE TABLE loose (v int, w int GENERATED ALWAYS AS (v + 1) STORED)',
  ]) {
    await library.write((tx) => tx.sql(text))
  }
  await library.write((tx) => tx.documents('shop', 'orders').insert({ _id: 0, n: 0 }))
  await redis.set('first', '1')
})

afterEach(() => server.stop())

async function state(): Promise<unknown> {
  const rows = await library.read(async (snapshot) => [
    await snapshot.sql('SELECT * FROM parent ORDER BY id'),
    await snapshot.sql('SELECT * FROM child ORDER BY id'),
    await snapshot.sql('SELECT * FROM loose ORDER BY v, w'),
    await snapshot.sql('SELECT doc FROM shop.orders ORDER BY doc'),
  ])
  const keys = (await redis.keys('*')).sort()
  const values = await Promise.all(
    keys.map(async (key) => {
      const type = await redis.type(key)
      const read = { string: ['GET', key], hash: ['HGETALL', key], list: ['LRANGE', key, '0', '-1'] }[type]
      const members = type === 'set' ? ['SORT', key, 'ALPHA'] : ['ZRANGE', key, '0', '-1', 'WITHSCORES']
      const [command, ...args] = read ?? members
      return [key, type, await redis.pexpiretime(key), await redis.call(command!, ...args)]
    }),
  )
  return { rows, values }
}

function pick<T>(random: SeededRandom, from: readonly T[]): T {
  return from[random.below(from.length)]!
}

/** False where it was refused: nothing was written. */
async function step(random: SeededRandom): Promise<boolean> {
  const [a, b, c] = [random.below(6), random.below(6), random.below(6)]
  const before = library.sequence
  const statements = [
    `INSERT INTO parent VALUES (${a}, ${b}, 'x${c}')`,
    `INSERT INTO child VALUES (${a}, ${b}, ${c})`,
    `INSERT INTO loose SELECT g % 3 FROM generate_series(1, ${c}) g`,
    `UPDATE parent SET u = u + 1 WHERE id = ${a}`,
    `UPDATE parent SET id = ${b} + 10 WHERE id = ${a}`,
    `UPDATE child SET p = ${b}, q = NULL WHERE id = ${a}`,
    `DELETE FROM parent WHERE id = ${a}`,
    `DELETE FROM loose WHERE v = ${a % 3}`,
    'TRUNCATE loose',
  ]
  const key = `k${a}`
  const commands = [
    ['SET', key, `v${b}`],
    ['APPEND', key, 'x'],
    ['HSET', `h${a}`, `f${b}`, `v${c}`],
    ['HDEL', `h${a}`, `f${b}`],
    ['ZADD', `z${a}`, String(c), `m${b}`],
    ['RPUSH', `l${a}`, `i${b}`, `i${c}`],
    ['LREM', `l${a}`, '0', `i${b}`],
    ['SADD', `s${a}`, `m${b}`, `m${c}`],
    ['DEL', key, `h${b}`, `l${c}`, `z${b}`, `s${c}`],
    ['PEXPIRE', key, '100000000'],
    ['RENAME', `h${a}`, `h${b}`],
  ]
  try {
    if (random.chance(0.4)) {
      const block = redis.multi()
      for (let i = 0; i < 3; i++) block.call(...(pick(random, commands) as [string, ...string[]]))
      await block.exec()
    } else {
      await library.write(async (tx) => {
        for (let i = random.between(1, 3); i > 0; i--) await tx.sql(pick(random, statements))
        const orders = tx.documents('shop', 'orders')
        if (random.chance(0.3)) await orders.insert({ _id: a, n: b })
        if (random.chance(0.3)) await orders.update({ _id: b }, { $set: { n: c } })
        if (random.chance(0.2)) await orders.delete({ _id: c })
        if (random.chance(0.3)) await tx.keys().increment('counter')
      })
    }
  } catch (error) {
    if (!(error instanceof PolylogError)) throw error
    return false
  }
  return library.sequence === before + 1
}

const undo = (sequence: number): Promise<unknown> =>
  library.write((tx) => tx.sql('SELECT polylog_undo($1)', [BigInt(sequence)]))

test.each([1, 2])('are as if they had not been (seed %i)', async (seed) => {
  const random = new SeededRandom(seed)
  const done: number[] = []
  const counts = { last: 0, earlier: 0, refused: 0 }
  for (let i = 0; i < 60; i++) {
    const before = await state()
    if (!(await step(random))) continue
    const sequence = library.sequence
    const after = await state()
    await undo(sequence)
    expect(await state(), `step ${i}`).toEqual(before)
    if (library.sequence > sequence) await undo(library.sequence)
    expect(await state(), `step ${i}`).toEqual(after)
    counts.last++
    done.push(library.sequence)
    if (done.length < 4 || random.chance(0.6)) continue
    const isUndone = await undo(pick(random, done.slice(0, -1))).then(
      () => true,
      (error: unknown) => {
        expect(['conflict', 'unique_violation', 'foreign_key_violation']).toContain((error as { code: string }).code)
        return false
      },
    )
    counts[isUndone ? 'earlier' : 'refused']++
    if (!isUndone) expect(await state(), `step ${i}`).toEqual(after)
  }
  expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(0)
  expect((await library.verify()).differences).toEqual([])
})
