/** Work that a few bytes ask for without end, through the built server: others are answered, and it can be ended. */
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Clients, failureOf } from './clients.ts'
import { ServerProcess } from './server-process.ts'

let server: ServerProcess
let clients: Clients

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
  clients = new Clients(server.port)
  const client = await clients.postgres()
  await client.query('CREATE TABLE points (id int PRIMARY KEY, name text)')
  await client.query("INSERT INTO points VALUES (-1, 'one')")
})

afterAll(async () => {
  await clients.close()
  await server.stop()
})

/** Point selects, one after the other, until `other` has its reply. */
async function selectsBefore(client: pg.Client, other: Promise<unknown>): Promise<number> {
  let isOver = false
  void other.catch(() => undefined).then(() => (isOver = true))
  for (let count = 0; ; count++) {
    expect((await client.query('SELECT name FROM points WHERE id = -1')).rows).toEqual([{ name: 'one' }])
    if (isOver) return count
  }
}

/**
 * The answer to `ask`, beside which others must have had more than `least`. Asked up to five times: where the machine is
 * busy with something else, they may have had less of it than they could.
 */
async function answeredBeside<T>(client: pg.Client, least: number, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const answer = ask()
    const count = await selectsBefore(client, answer)
    if (count <= least && tries < 5) continue
    expect(count).toBeGreaterThan(least)
    return answer
  }
}

const range = { $range: [0, 1_000_000] }
/** 10^24 elements. */
const endless = [1, 2, 3].reduce<object>((body) => ({ $map: { input: range, in: body } }), range)

test('nested loops over ranges are ended by maxTimeMS, and others are answered meanwhile', async () => {
  const mongo = clients.mongo()
  const items = mongo.db('dear').collection('items')
  await items.insertOne({ a: 1 })
  const reader = await clients.postgres()
  for (const pipeline of [
    [{ $project: { x: endless } }],
    [{ $match: { $expr: endless } }],
    [{ $group: { _id: endless } }],
  ]) {
    const ask = (): Promise<unknown> => failureOf(items.aggregate(pipeline, { maxTimeMS: 500 }).toArray())
    expect(((await answeredBeside(reader, 20, ask)) as { code?: number }).code).toBe(50)
  }
  expect(await items.countDocuments()).toBe(1)
})

test.each([
  ["SELECT count(upper(repeat('x', 16000000)))::int AS n", 1],
  ["SELECT length(translate(repeat('x', 4000000), 'x', 'y')) AS n", 4_000_000],
  ["SELECT cardinality(string_to_array(repeat('x,', 200000), ',')) AS n", 200_001],
  ["SELECT (repeat('ab', 3000000) LIKE '%a%b%a%b%c%')::int AS n", 0],
  ["SELECT length(replace(lower(reverse(repeat('Ab', 1000000))), 'ba', 'c')) AS n", 1_000_000],
  // Operators of one name that several files register.
  ["SELECT length(repeat('x', 4000000) || 'a') AS n", 4_000_001],
  ["SELECT length((to_jsonb(repeat('x', 1000000)) || '[1]')::text) AS n", 1_000_007],
  ["SELECT cardinality(regexp_split_to_array(repeat('a1', 100000), '[0-9]')) AS n", 100_001],
])('%s', async (text, expected) => {
  const [worker, reader] = [await clients.postgres(), await clients.postgres()]
  const answer = await answeredBeside(reader, 5, () => worker.query<{ n: number }>(text))
  expect(answer.rows).toEqual([{ n: expected }])
})

const list = (count: number): string => Array.from({ length: count }, (_, i) => i).join(',')

test.each([
  ['select jsonb_array_length($1::jsonb) as n', `[${list(400_000)}]`, 400_000],
  ['select cardinality($1::int[]) as n', `{${list(400_000)}}`, 400_000],
  ['select length($1::bytea) as n', `\\x${'00'.repeat(1_000_000)}`, 1_000_000],
  ['select length($1::text) as n', 'é'.repeat(1_000_000), 1_000_000],
  [`select jsonb_array_length('[${list(100_000)}]'::jsonb) as n`, undefined, 100_000],
])('a large value that a client sends is read while others are answered', async (text, parameter, expected) => {
  const [worker, reader] = [await clients.postgres(), await clients.postgres()]
  const parameters = parameter === undefined ? [] : [parameter]
  const answer = await answeredBeside(reader, 5, () => worker.query<{ n: number }>(text, parameters))
  expect(answer.rows).toEqual([{ n: expected }])
})

test('a large parameter that does not parse is an error of its Bind, and can be given up', async () => {
  const client = await clients.postgres()
  const bad = await failureOf(client.query('select $1::jsonb', [`[${list(400_000)},]`]))
  expect(bad).toMatchObject({ code: '22P02', where: "unnamed portal parameter $1 = '...'" })
  await client.query('SET statement_timeout = 50')
  const slow = await failureOf(client.query('select $1::jsonb', [`[${list(1_500_000)}]`]))
  expect((slow as pg.DatabaseError).code).toBe('57014')
  await client.query('SET statement_timeout = 0')
  expect((await client.query("select '[1]'::jsonb as j")).rows).toEqual([{ j: [1] }])
})

test('a statement timeout ends a pattern that takes long', async () => {
  const client = await clients.postgres()
  await client.query('SET statement_timeout = 300')
  const text = "SELECT repeat('ab', 5000000) LIKE '%' || repeat('a_', 500) || 'c%'"
  expect(((await failureOf(client.query(text))) as pg.DatabaseError).code).toBe('57014')
  await client.query('SET statement_timeout = 0')
  expect((await client.query("SELECT 'abc' LIKE '%b%' AS t")).rows).toEqual([{ t: true }])
})

test('updates and deletes by what never ends are ended too, and change nothing', async () => {
  const db = clients.mongo().db('dear')
  const items = db.collection<{ _id: number; a: number; size?: number }>('changed')
  await items.insertMany([
    { _id: 1, a: 1 },
    { _id: 2, a: 2 },
  ])
  const update = { update: 'changed', updates: [{ q: {}, u: [{ $set: { x: endless } }], multi: true }] }
  const removal = { delete: 'changed', deletes: [{ q: { $expr: endless }, limit: 1 }] }
  for (const command of [update, removal]) {
    const failure = await failureOf(db.command({ ...command, maxTimeMS: 300 }))
    expect((failure as { code?: number }).code).toBe(50)
  }
  const long = { $size: { $map: { input: { $range: [0, 50_000] }, in: { $add: ['$$this', '$a'] } } } }
  await items.updateMany({ $expr: { $eq: [long, 50_000] } }, [{ $set: { size: long } }])
  expect(await items.find().sort({ _id: 1 }).toArray()).toEqual([
    { _id: 1, a: 1, size: 50_000 },
    { _id: 2, a: 2, size: 50_000 },
  ])
})

test('updates of large arrays are made while others are answered', async () => {
  const items = clients
    .mongo()
    .db('dear')
    .collection<{ _id: number; a: number[]; o: { k: number }[]; at?: Date }>('arrays')
  const count = 400_000
  await items.insertOne({ _id: 1, a: Array.from({ length: count }, (_, i) => i), o: [{ k: 1 }, { k: 2 }] })
  const reader = await clients.postgres()
  const last = Array.from({ length: 100 }, (_, i) => count - 100 + i)
  const change = { $pullAll: { a: last }, $inc: { 'o.$.k': 5, 'o.$[e].k': 10 }, $currentDate: { at: true } }
  const changing = items.updateOne({ _id: 1, 'o.k': 2 }, change as object, { arrayFilters: [{ 'e.k': 1 }] })
  expect(await selectsBefore(reader, changing)).toBeGreaterThan(5)
  expect((await changing).modifiedCount).toBe(1)
  const [found] = await items.find().toArray()
  expect([found!.a.length, found!.o]).toEqual([count - 100, [{ k: 11 }, { k: 7 }]])
  expect(found!.at).toBeInstanceOf(Date)
  const sorting = items.updateOne({ _id: 1 }, { $push: { a: { $each: [], $sort: -1 } } }, { maxTimeMS: 1 })
  expect(((await failureOf(sorting)) as { code?: number }).code).toBe(50)
})

test('dear calls answer right wherever they stand', async () => {
  const client = await clients.postgres()
  const answer = async (text: string): Promise<unknown[]> =>
    (await client.query<{ b: unknown }>(text)).rows.map(({ b }) => b)
  await client.query('CREATE TABLE long (id int PRIMARY KEY, a text CHECK (length(upper(a)) > 0))')
  await client.query("INSERT INTO long SELECT g, repeat('x', 500000) || g FROM generate_series(1, 3) g")
  await client.query("UPDATE long SET a = lower(upper(a)) WHERE upper(a) LIKE '%X%2'")
  expect(await answer('SELECT (SELECT max(length(upper(y.a || x.id))) FROM long y) AS b FROM long x')).toEqual([
    500_002, 500_002, 500_002,
  ])
  expect(await answer("SELECT a LIKE ANY (ARRAY['%a%b%', '%c%d%', '%x%3']) AS b FROM long ORDER BY id")).toEqual([
    false,
    false,
    true,
  ])
  expect(
    await answer("SELECT CASE WHEN upper(a) LIKE '%X%1' THEN 1 ELSE length(reverse(a)) END AS b FROM long ORDER BY id"),
  ).toEqual([1, 500_001, 500_001])
  expect(await answer('SELECT count(*)::int AS b FROM long x JOIN long y ON upper(x.a) = upper(y.a)')).toEqual([3])
  expect(
    await answer('SELECT length(upper(repeat(random()::text, 50000))) > 5 AS b FROM generate_series(1, 3)'),
  ).toEqual([true, true, true])
  expect(
    await answer('SELECT count(DISTINCT upper(repeat(random()::text, 50000)))::int AS b FROM generate_series(1, 3)'),
  ).toEqual([3])
})

test.each([
  // New objects with the same contents, beside what an outer query hands in.
  ["SELECT ARRAY[(SELECT 'x'), reverse(upper(repeat('ab', 500000)))] = ARRAY['x']", false],
  ["SELECT length(encode((SELECT repeat('abc', 500000))::bytea, 'hex')) = 3000000", true],
  ["SELECT length(lpad((SELECT repeat('abc', 500000)), (9000000 + random() * 1000000)::int, 'x')) > 9000000", true],
  ["SELECT repeat('ab', 500000)::bytea = ANY (SELECT upper(repeat('ab', 500000))::bytea)", false],
  // Where there is no row to be known by.
  ["SELECT count(*) = 0 FROM regexp_matches(encode(repeat('abc', 300000)::bytea, 'hex'), 'b', 'g')", true],
  ["SELECT count(*) = 0 FROM regexp_matches(upper(repeat('abc', 500000) || random()::text), 'y')", true],
  ["SELECT x = 600000 FROM (VALUES (length(encode(repeat('abc', 100000)::bytea, 'hex')))) v (x)", true],
  ["SELECT true AS x LIMIT length(encode(repeat('abc', 1000000)::bytea, 'hex'))", true],
])('%s comes to its end', async (text, expected) => {
  const client = await clients.postgres()
  const { rows } = await client.query<unknown[]>({ text, rowMode: 'array' })
  expect(rows).toEqual([[expected]])
})

test('a server that is told to stop does not wait for work without end', async () => {
  const own = await ServerProcess.start('--memory')
  const others = new Clients(own.port)
  const items = others.mongo().db('dear').collection('items')
  await items.insertOne({ a: 1 })
  const failing = failureOf(items.aggregate([{ $project: { x: endless } }]).toArray())
  await items.countDocuments()
  await own.stop()
  await failing
  await others.close()
})
