/**
 * Work that is there to reach states which transfers never reach: values that become NULL and come back, arrays and their
 * elements, negative and equal scores, keys that expire while they are written, deletes of whole ranges that a savepoint
 * takes back, indexes that come and go under writers, portals that end exactly at their limit.
 *
 * Nobody keeps count of it: what it leaves behind has to be consistent, which the verifier and the shadow see.
 */
import type { Document } from 'bson'
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import type { PgReply } from './pg-protocol.ts'
import type { RespReply } from './resp.ts'

/** The doors of one client; each throws where it is refused or lost. */
export interface Doors {
  query(sql: string): Promise<PgReply>
  /** Executes a portal with a limit, again and again to its end. */
  page(sql: string, limit: number, times: number): Promise<PgReply>
  command(...words: readonly (string | number)[]): Promise<RespReply>
  send(command: Document): Promise<Document>
}

type Act = (doors: Doors, random: SeededRandom) => Promise<unknown>

const pick = <T>(random: SeededRandom, from: readonly T[]): T => from[random.below(from.length)]!

// ---- tables

/** Clients drop some of it now and then. */
export const churnTables: readonly string[] = [
  'CREATE TABLE IF NOT EXISTS churn (id int PRIMARY KEY, name text UNIQUE, rank int)',
  'CREATE INDEX IF NOT EXISTS churn_rank ON churn (rank DESC, name)',
  'CREATE TABLE IF NOT EXISTS heap (a int, b text)',
]

const nameOrNull = (random: SeededRandom): string => (random.chance(0.4) ? 'NULL' : `'n${random.below(6)}'`)
const rankOrNull = (random: SeededRandom): string => (random.chance(0.4) ? 'NULL' : String(random.between(-3, 3)))

export function changeOfTable(random: SeededRandom): string {
  const id = random.below(12)
  return pick(random, [
    `INSERT INTO churn VALUES (${id}, ${nameOrNull(random)}, ${rankOrNull(random)})
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, rank = excluded.rank`,
    `UPDATE churn SET rank = CASE WHEN rank IS NULL THEN -id END WHERE id = ${id}`,
    `UPDATE churn SET name = ${nameOrNull(random)} WHERE id = ${id}`,
    `UPDATE churn SET id = id + 12 WHERE id = ${id}`,
    `UPDATE churn SET id = id - 12 WHERE id >= 12`,
    `UPDATE churn SET name = NULL, rank = NULL WHERE rank < ${rankOrNull(random)}`,
    `DELETE FROM churn WHERE id = ${id}`,
    `INSERT INTO heap SELECT g, ${nameOrNull(random)} FROM generate_series(1, ${random.between(1, 9)}) g`,
    `DELETE FROM heap WHERE a > ${random.below(9)}`,
  ])
}

export const schemaChanges: readonly string[] = [
  'CREATE INDEX IF NOT EXISTS churn_two ON churn (rank NULLS FIRST, id DESC)',
  'DROP INDEX IF EXISTS churn_two',
  'ALTER TABLE churn ADD COLUMN IF NOT EXISTS extra int DEFAULT 7',
  'ALTER TABLE churn DROP COLUMN IF EXISTS extra',
  'ALTER TABLE churn ALTER COLUMN rank TYPE bigint',
  'ALTER TABLE churn ALTER COLUMN rank TYPE int',
  'ALTER TABLE heap ALTER COLUMN a TYPE numeric USING -a',
  'CREATE INDEX IF NOT EXISTS heap_b ON heap (b)',
  'TRUNCATE heap',
  'DROP TABLE IF EXISTS heap',
  'CREATE SEQUENCE IF NOT EXISTS steps INCREMENT -1',
  "SELECT nextval('steps')",
]

const changeTable: Act = async ({ query }, random) => {
  if (random.chance(0.1)) await query(churnTables.join(';'))
  // Of one query string all statements are one transaction.
  const changes = Array.from({ length: random.between(1, 4) }, () => changeOfTable(random))
  await query(changes.join(';'))
}

const changeSchema: Act = ({ query }, random) => query(pick(random, schemaChanges))

/** Some of it is taken back, all of it may be. */
const changeInSteps: Act = async ({ query }, random) => {
  await query(`BEGIN ISOLATION LEVEL ${pick(random, ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'])}`)
  await query(changeOfTable(random))
  await query('SAVEPOINT s')
  await query(pick(random, ['DELETE FROM churn', 'TRUNCATE heap', changeOfTable(random), pick(random, schemaChanges)]))
  await query(random.chance(0.7) ? 'ROLLBACK TO s' : 'RELEASE s')
  await query(changeOfTable(random))
  await query(random.chance(0.2) ? 'ROLLBACK' : 'COMMIT')
}

/** Exactly as many rows as there are, however they are asked for. */
const readInPages: Act = async ({ page }, random) => {
  const rows = random.below(20)
  const limit = random.between(1, 8)
  const full = Math.floor(rows / limit)
  const reply = await page(`SELECT g FROM generate_series(1, ${rows}) g`, limit, full + 1)
  const found = `${reply.rows.length} rows, ${reply.suspended} pages, ${reply.tag}`
  const expected = `${rows} rows, ${full} pages, SELECT ${rows % limit}`
  if (reply.error === undefined && found !== expected) throw new Error(`a portal gives ${found}, not ${expected}`)
}

// ---- Redis

const keyNames = ['churn:1', 'churn:2', 'churn:3', 'churn:4']
const member = (random: SeededRandom): string => `m${random.below(6)}`
const group = (random: SeededRandom): string => `g${random.below(2)}`
const score = (random: SeededRandom): string => pick(random, ['-inf', '-2.5', '-1', '-0', '0', '1', '1', '3e300'])

function keyCommand(random: SeededRandom): (string | number)[] {
  const key = pick(random, keyNames)
  const other = pick(random, keyNames)
  return pick<(string | number)[]>(random, [
    ['HSET', key, member(random), 'v', member(random), 'w'],
    ['HDEL', key, member(random), member(random)],
    ['SADD', key, member(random), member(random)],
    ['SREM', key, member(random)],
    ['SMOVE', key, other, member(random)],
    ['SUNIONSTORE', key, key, other],
    ['ZADD', key, score(random), member(random), score(random), member(random)],
    ['ZADD', key, 'XX', 'CH', score(random), member(random)],
    ['ZINCRBY', key, random.between(-2, 2), member(random)],
    ['ZREM', key, member(random)],
    ['ZREMRANGEBYSCORE', key, '(-2.5', '0'],
    ['ZPOPMIN', key, 2],
    ['ZUNIONSTORE', key, 2, key, other, 'WEIGHTS', 1, -1],
    ['RPUSH', key, member(random), member(random), member(random)],
    ['LPUSH', key, member(random)],
    ['LINSERT', key, 'BEFORE', member(random), member(random)],
    ['LREM', key, random.between(-2, 2), member(random)],
    ['LTRIM', key, 1, -2],
    ['RPOPLPUSH', key, other],
    ['XADD', key, '*', 'f', member(random)],
    ['XADD', key, 'MAXLEN', random.below(6), '*', 'f', 'x'.repeat(random.chance(0.1) ? 70_000 : 9)],
    ['XGROUP', 'CREATE', key, group(random), pick(random, ['0', '$']), 'MKSTREAM'],
    ['XGROUP', pick(random, ['DELCONSUMER', 'CREATECONSUMER']), key, group(random), member(random)],
    ['XGROUP', 'DESTROY', key, group(random)],
    ['XREADGROUP', 'GROUP', group(random), member(random), 'COUNT', 3, 'STREAMS', key, '>'],
    ['XREADGROUP', 'GROUP', group(random), member(random), 'BLOCK', random.between(1, 9), 'STREAMS', key, '>'],
    ['XREAD', 'BLOCK', random.between(1, 9), 'STREAMS', key, other, '$', '0'],
    ['XAUTOCLAIM', key, group(random), member(random), random.below(5), '0', 'COUNT', 2],
    ['XTRIM', key, 'MAXLEN', random.below(4)],
    ['SET', key, 'text', 'PX', random.between(1, 9)],
    ['APPEND', key, 'more'],
    ['PEXPIRE', key, random.between(0, 9)],
    ['PERSIST', key],
    ['RENAME', key, other],
    ['COPY', key, other, 'REPLACE'],
    ['DEL', key],
  ])
}

const changeKey: Act = ({ command }, random) => command(...keyCommand(random))

const changeKeysAtOnce: Act = async ({ command }, random) => {
  await command('MULTI')
  for (let left = random.between(1, 4); left > 0; left--) await command(...keyCommand(random))
  await command(random.chance(0.1) ? 'DISCARD' : 'EXEC')
}

// ---- documents

const tags = (random: SeededRandom): unknown => {
  return pick<unknown>(random, [[], null, 'a', ['a'], ['a', 'b'], ['a', 'b', 'a'], [['a'], 'b'], [null, 1, -1]])
}
const code = (random: SeededRandom): Document => pick<Document>(random, [{}, { code: null }, { code: random.below(5) }])

function documentCommand(random: SeededRandom): Document {
  const q = { _id: random.below(8) }
  const update = (u: Document, upsert = false): Document => ({ update: 'churn', updates: [{ q, u, upsert }] })
  return pick<Document>(random, [
    { insert: 'churn', documents: [{ ...q, tags: tags(random), ...code(random) }] },
    update({ tags: tags(random), ...code(random) }, true),
    update({ $set: { tags: tags(random) } }),
    update({ $push: { tags: pick(random, ['a', 'c', null]) } }),
    update({ $pull: { tags: 'a' } }),
    update({ $unset: { code: 1 } }),
    update({ $set: code(random) }),
    { delete: 'churn', deletes: [{ q, limit: 1 }] },
    { createIndexes: 'churn', indexes: [{ key: { tags: 1, _id: -1 }, name: 'tags' }] },
    { createIndexes: 'churn', indexes: [{ key: { code: -1 }, name: 'code', unique: true, sparse: true }] },
    { dropIndexes: 'churn', index: pick(random, ['tags', 'code']) },
  ])
}

const changeDocument: Act = ({ send }, random) => send({ ...documentCommand(random), $db: 'shop' })

// ---- what reads a lot: two ways of one statement to the same number

const countedBySql = [
  'SELECT (SELECT count(*) FROM ledger), (SELECT count(*) FROM ledger l JOIN account a ON a.id = l.source)',
  'SELECT (SELECT count(*) FROM churn), (SELECT count(*) FROM churn a WHERE EXISTS (SELECT FROM churn b WHERE b.id = a.id))',
  'SELECT (SELECT count(rank) FROM churn), (SELECT sum(n) FROM (SELECT count(*) n FROM churn WHERE rank IS NOT NULL GROUP BY rank HAVING true) g)',
]

const countRows: Act = async ({ query }, random) => {
  const { rows } = await query(pick(random, countedBySql))
  const [[one, other]] = rows as [[string | null, string | null]]
  if (Number(one) !== Number(other)) throw new Error(`rows are ${one}, and ${other}`)
}

const countDocuments: Act = async ({ send }, random) => {
  const self = { from: 'orders', localField: '_id', foreignField: '_id', as: 'same' }
  const among = pick(random, [
    [{ $lookup: self }, { $unwind: '$same' }, { $count: 'n' }],
    [
      { $sort: { amount: 1 } },
      { $group: { _id: '$customer', n: { $sum: 1 } } },
      { $group: { _id: 1, n: { $sum: '$n' } } },
    ],
  ])
  const pipeline = [{ $facet: { among, all: [{ $count: 'n' }] } }]
  const reply = await send({ aggregate: 'orders', pipeline, cursor: {}, $db: 'shop' })
  const [{ among: one, all }] = reply['cursor'].firstBatch as [Record<'among' | 'all', { n: number }[]>]
  if (one[0]?.n !== all[0]?.n) throw new Error(`documents are ${one[0]?.n}, and ${all[0]?.n}`)
}

// ---- all of them

/** The savepoint is one door's, what it takes back another's. */
const changeTogether: Act = async ({ query, command }, random) => {
  const key = pick(random, keyNames)
  await query('BEGIN')
  const { rows } = await query('SELECT polylog_transaction_token()')
  const joined = (...words: (string | number)[]): Promise<RespReply> => command('POLYLOG.IN', rows[0]![0]!, ...words)
  await query(changeOfTable(random))
  await joined(...keyCommand(random)).catch(ignoreRefusal)
  await query('SAVEPOINT s')
  await joined('DEL', key)
  await joined('HSET', key, 'again', 1)
  await query('ROLLBACK TO s')
  await joined(...keyCommand(random)).catch(ignoreRefusal)
  await query(random.chance(0.2) ? 'ROLLBACK' : 'COMMIT')
}

/** No error of Redis dooms its transaction. */
function ignoreRefusal(error: unknown): void {
  if ((error as Error).name !== 'Refused') throw error
}

const acts: readonly Act[] = [
  changeTable,
  changeTable,
  changeSchema,
  changeInSteps,
  readInPages,
  changeKey,
  changeKey,
  changeKeysAtOnce,
  changeDocument,
  changeDocument,
  changeTogether,
  countRows,
  countDocuments,
]

export function churn(doors: Doors, random: SeededRandom): Promise<unknown> {
  return pick(random, acts)(doors, random)
}
