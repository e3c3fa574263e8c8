/**
 * The longest turn that one statement with values as large as they may be takes: the processor time of the longest round of
 * the server's event loop, the lowest of three runs, since collections of garbage fall where they like. The bound is 10 ms
 * (decision 081) on a machine that has nothing else to do, of which the meter itself takes up to 4.
 *
 * `POLYLOG_TURNS='part of a name'` measures some of them.
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import postgres from 'postgres'
import type { Area } from '../area.ts'
import { removeFolder, scratchFolder, type Running } from '../processes.ts'
import { MeteredServer, measureTurn } from '../turns.ts'

const elements = 200_000
const megabytes15 = 15_000_000

interface Query {
  readonly name: string
  readonly text: string
  readonly values?: readonly (() => unknown)[]
  readonly isBinary?: boolean
}

const integers = (): string => `{${Array.from({ length: elements }, (_, i) => i * 7).join(',')}}`
const texts = (): string => `{${Array.from({ length: elements }, (_, i) => `text ${i}`).join(',')}}`
const digits = (): string => `\\x${'0af7'.repeat(megabytes15 / 2)}`

/** The wire's form of an array of a type, elements written by `write`. */
function binaryArray(elementOid: number, write: (i: number) => Buffer): Buffer {
  const head = Buffer.alloc(20)
  for (const [i, word] of [1, 0, elementOid, elements, 1].entries()) head.writeInt32BE(word, 4 * i)
  const parts = Array.from({ length: elements }, (_, i) => {
    const value = write(i)
    const size = Buffer.alloc(4)
    size.writeInt32BE(value.length)
    return Buffer.concat([size, value])
  })
  return Buffer.concat([head, ...parts])
}

const integer = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
const binaryIntegers = (): Buffer => binaryArray(23, (i) => integer(i * 7))
const binaryTexts = (): Buffer => binaryArray(25, (i) => Buffer.from(`text ${i}`))
const bytes = (): Buffer => Buffer.alloc(megabytes15, 'bytes as they come')
const text = (): string => 'text as it comes '.repeat(megabytes15 / 17)
const json = (): string => JSON.stringify(Array.from({ length: elements }, (_, i) => ({ a: i })))

const setUp: readonly Query[] = [
  { name: '', text: 'create table keyed (id int primary key, s text)' },
  { name: '', text: "insert into keyed select g, 'text ' || g from generate_series(1, 20000) g" },
  { name: '', text: 'create index on keyed (s)' },
  { name: '', text: 'create table arrays (id int primary key, i int[], s text[], n numeric[])' },
  {
    name: '',
    text: `insert into arrays select h, array_agg(g), array_agg('text ' || g), array_agg(g::numeric)
      from generate_series(1, 4) h, generate_series(1, ${elements}) g group by h`,
  },
  { name: '', text: 'create table long (id int primary key, b bytea, t text, j jsonb)' },
  ...[1, 2].map((id) => ({
    name: '',
    text: `insert into long values (${id}, $1, $2, $3)`,
    values: [bytes, text, json],
  })),
]

/** What comes in, and goes out again. */
const types: readonly (readonly [name: string, type: string, value: () => unknown])[] = [
  ['integers', 'int[]', integers],
  ['binary integers', 'int[]', binaryIntegers],
  ['texts', 'text[]', texts],
  ['binary texts', 'text[]', binaryTexts],
  ['bytea', 'bytea', bytes],
  ['bytea digits', 'bytea', digits],
  ['text', 'text', text],
  ['jsonb', 'jsonb', json],
]

const series = `generate_series(1, ${elements}) g`
const queries: readonly Query[] = [
  ...types.flatMap(([name, type, value]): Query[] => [
    { name: `parameter, ${name}`, text: `select pg_typeof($1::${type})`, values: [value] },
    { name: `parameter and back, ${name}`, text: `select $1::${type} v`, values: [value] },
    { name: `parameter and back, binary, ${name}`, text: `select $1::${type} v`, values: [value], isBinary: true },
  ]),
  ...['integers', 'binary integers'].flatMap((name): Query[] => {
    const values = [name === 'integers' ? integers : binaryIntegers]
    return [
      { name: `= any by primary key, ${name}`, text: 'select count(*) from keyed where id = any($1::int[])', values },
      {
        name: `= any without index, ${name}`,
        text: 'select count(*) from keyed where id + 0 = any($1::int[])',
        values,
      },
      { name: `<> all, ${name}`, text: 'select count(*) from keyed where id <> all($1::int[])', values },
      { name: `unnest, ${name}`, text: 'select count(*) from unnest($1::int[])', values },
    ]
  }),
  { name: '= any by index, texts', text: 'select count(*) from keyed where s = any($1::text[])', values: [texts] },
  ...['i', 's', 'n'].flatMap((column): Query[] =>
    [
      `select ${column} from arrays`,
      `select id from arrays order by ${column}`,
      `select count(*) from arrays group by ${column}`,
      `select count(distinct ${column}) from arrays`,
      `select distinct ${column} from arrays`,
      `select count(*) from arrays a join arrays b using (${column})`,
      `select count(*) from arrays where ${column} = (select ${column} from arrays where id = 1)`,
      `select count(*) from arrays a, arrays b where a.${column} < b.${column}`,
      `select ${column} from arrays union select ${column} from arrays`,
      `select count(*) from arrays where ${column} in (select ${column} from arrays)`,
      `select max(${column}) from arrays`,
      `select array_length(${column}, 1) from arrays`,
      `select ${column}[5:100] from arrays`,
      `select ${column} || ${column} from arrays where id = 1`,
      `select ${column}::text from arrays where id = 1`,
      `select count(*) from arrays, unnest(${column})`,
      `update arrays set ${column} = ${column} || ${column}[1:2]`,
      `insert into arrays (id, ${column}) select 100 + id, ${column} from arrays where id < 3`,
      `delete from arrays where id > 100`,
    ].map((statement) => ({ name: statement.replaceAll(/\s+/g, ' '), text: statement })),
  ),
  { name: 'select integers, binary', text: 'select i from arrays', isBinary: true },
  { name: 'select texts, binary', text: 'select s from arrays', isBinary: true },
  ...['b', 't', 'j'].flatMap((column): Query[] =>
    [
      `select ${column} from long`,
      `select id from long order by ${column}`,
      `select count(*) from long group by ${column}`,
      `select count(distinct ${column}) from long`,
      `select count(*) from long a join long b using (${column})`,
      `select count(*) from long a, long b where a.${column} < b.${column}`,
      `select ${column}::text from long`,
      `update long set ${column} = ${column}`,
      `insert into long (id, ${column}) select 100 + id, ${column} from long where id < 3`,
      `delete from long where id > 100`,
    ].map((statement) => ({ name: statement, text: statement })),
  ),
  { name: 'select bytea, binary', text: 'select b from long', isBinary: true },
  ...[
    "select encode(b, 'hex') from long",
    "select encode(b, 'base64') from long",
    "select encode(b, 'escape') from long",
    "select length(encode(b, 'base64')) from long",
    "select length(decode(encode(b, 'hex'), 'hex')) from long",
    "select decode(encode(b, 'hex'), 'hex') from long",
    "select length(decode(encode(b, 'base64'), 'base64')) from long",
    'select length(b || b) from long',
    'select b || b from long',
    'select substr(b, 5, 10000000) from long',
    'select md5(b) from long',
    'select sha256(b) from long',
    'select length(t) from long',
    'select upper(t) from long',
    'select count(upper(t)) from long',
    'select t || t from long',
    "select count(upper(repeat('x', 16000000))) from generate_series(1, 5)",
    "select max(repeat('x', 16000000) || g) from generate_series(1, 5) g",
    `select length(string_agg(repeat('x', 100), ',')) from ${series}`,
    `select string_agg(repeat('x', 70), ',') from ${series}`,
    `select length(jsonb_object_agg('k' || g, g)::text) from ${series}`,
    `select jsonb_object_agg('k' || g, g) from ${series}`,
    `select json_object_agg('k' || g, g) from ${series}`,
    `select jsonb_agg(g) from ${series}`,
    `select json_agg(g) from ${series}`,
    `select array_agg(g) from ${series}`,
    `select array_agg(g order by md5(g::text)) from ${series}`,
    `select array_agg(distinct g % 1000) from ${series}`,
    `select array_agg(array[g, g]) from ${series}`,
    `select count(distinct g) from ${series}`,
    `select array_to_string(array_agg(g), ',') from ${series}`,
    `select string_to_array(string_agg(g::text, ','), ',') from ${series}`,
    `select count(j) from (select jsonb_array_elements(j) j from long) x`,
    `select count(*) from long, jsonb_array_elements(j)`,
    `select count(*) from long, jsonb_each(j -> 0)`,
    'select j -> 100000 from long',
    "select j #> '{100000,a}' from long",
    'select j @> \'[{"a": 5}]\' from long',
    'select jsonb_pretty(j) from long',
    "select regexp_split_to_table(t, ' ') from long limit 10",
    "select count(*) from long where t like '%a%b%c%zz%'",
    "select count(*) from long where t ~ '(a|b)*zz'",
  ].map((statement) => ({ name: statement.replaceAll(/\s+/g, ' '), text: statement })),
]

type Work = (sides: Sides) => Promise<unknown>

/** The doors of one server. */
interface Sides {
  readonly running: Running
  readonly client: pg.Client
  readonly sql: postgres.Sql
  readonly redis: Redis
}

const copyIn =
  (table: string, columns: string, line: () => string): Work =>
  async ({ sql }) => {
    await sql.unsafe(`drop table if exists ${table}`)
    await sql.unsafe(`create table ${table} (${columns})`)
    const into = await sql.unsafe(`copy ${table} from stdin`).writable()
    await pipeline(Readable.from([line()]), into)
  }

const copyOut =
  (what: string, options = ''): Work =>
  async ({ sql }) => {
    for await (const chunk of await sql.unsafe(`copy ${what} to stdout ${options}`).readable()) void chunk
  }

const item = Buffer.alloc(48_000_000, 'an item of a list')

const others: readonly (readonly [name: string, work: Work])[] = [
  ['copy in, integers', copyIn('copied', 'v int[]', () => `${integers()}\n`)],
  ['copy in, texts', copyIn('copied', 'v text[]', () => `${texts()}\n`)],
  ['copy in, bytea', copyIn('copied', 'v bytea', () => `\\${digits()}\n`)],
  ['copy in, text', copyIn('copied', 'v text', () => `${text()}\n`)],
  ['copy in, jsonb', copyIn('copied', 'v jsonb', () => `${json()}\n`)],
  ...['arrays (i)', 'arrays (s)', 'arrays (n)', 'long (b)', 'long (t)', 'long (j)'].flatMap(
    (what): (readonly [string, Work])[] => [
      [`copy out, ${what}`, copyOut(what)],
      [`copy out csv, ${what}`, copyOut(what, 'with (format csv)')],
    ],
  ),
  ['redis hset', ({ redis }) => redis.hset('long-hash', 'field', item)],
  ['redis hscan', ({ redis }) => redis.hscanBuffer('long-hash', 0)],
  ['redis rpush', ({ redis }) => redis.del('long-list').then(() => redis.rpush('long-list', item))],
  ['redis lrange', ({ redis }) => redis.lrangeBuffer('long-list', 0, -1)],
  ['redis get', ({ redis }) => redis.set('long-string', item).then(() => redis.getBuffer('long-string'))],
]

export const sqlTurns: Area = {
  name: 'sql-turns',
  apart: false,
  async *rows({ quick }) {
    const folder = scratchFolder('sql-turns')
    const server = await MeteredServer.start(folder)
    const sides = await open(server.running)
    try {
      for (const query of setUp) await run(sides.client, query)
      const chosen = process.env['POLYLOG_TURNS'] ?? ''
      const all: (readonly [string, Work])[] = [
        ...queries.map((query) => [query.name, (on: Sides) => run(on.client, query)] as const),
        ...others,
      ]
      for (const [name, work] of all) {
        if (name.includes(chosen))
          yield await measureTurn(server, 'sql-turns', { name, run: () => work(sides) }, quick ? 1 : 3)
      }
    } finally {
      await close(sides)
      await server.running.stop()
      removeFolder(folder)
    }
  },
}

async function open(running: Running): Promise<Sides> {
  const { port } = running
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'polylog' })
  await client.connect()
  const sql = postgres({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'polylog',
    max: 1,
    onnotice: () => undefined,
  })
  return { running, client, sql, redis: new Redis({ port }) }
}

async function close({ client, sql, redis }: Sides): Promise<void> {
  await client.end()
  await sql.end()
  redis.disconnect()
}

async function run(client: pg.Client, { text: statement, values = [], isBinary = false }: Query): Promise<void> {
  // What is thrown away has no text made of it.
  const types = { getTypeParser: () => () => null }
  const config = { text: statement, values: values.map((value) => value()), types }
  await client.query(Object.assign(config, { binary: isBinary }))
}
