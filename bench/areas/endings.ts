/**
 * How long statements that would run for a long time live on when they are to end: by a cancel, by their timeout, by the end
 * of their connection, by SIGTERM of the server. The bound is 100 ms (decision 081), on a machine that has nothing else to do.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Area } from '../area.ts'
import { figure, type Row } from '../measure.ts'
import { type Running, startPolylog } from '../processes.ts'

const statements: readonly (readonly [name: string, text: string])[] = [
  ['count', 'select count(*) from generate_series(1, 2000000000)'],
  ['product', 'select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where a * b = -1'],
  ['join', 'select count(*) from t a join t b on a.n / 1000 = b.n / 1000 where a.id + b.id = -1'],
  ['long-text', "select count(upper(repeat('x', 16000000) || g)) from generate_series(1, 1000) g"],
  ['pattern', "select count(repeat('ab', 3000000) || g like '%a%b%a%b%c%') from generate_series(1, 1000) g"],
  [
    'expression',
    "select count(regexp_replace(repeat('a', 3000000) || g, '(a|b)*c', 'x')) from generate_series(1, 1000) g",
  ],
  ['translate', "select translate(repeat('abc', 5000000), 'abc', 'xyz')"],
  ['digits', "select sqrt(repeat('9', 130000)::numeric)"],
  ['json', "select length(jsonb_object_agg('k' || g, g)::text) from generate_series(1, 3000000) g"],
  ['array', "select count(*) from unnest(string_to_array(repeat('a,', 5000000), ','))"],
  ['any', 'select count(*) from t where n = any((select array_agg(g) from generate_series(1, 3000000) g)::int[])'],
  ['sort', 'select g from generate_series(1, 5000000) g order by md5(g::text) limit 1'],
  ['sort-long', "select 1 from generate_series(1, 100000) g order by repeat('x', 100000) || g limit 1"],
  ['distinct', 'select count(distinct md5(g::text)) from generate_series(1, 5000000) g'],
  ['group', 'select g % 1000003, count(*) from generate_series(1, 5000000) g group by 1 limit 1'],
  ['insert', 'insert into s select g from generate_series(1, 50000000) g'],
  ['update', 'update t set n = n + 1'],
  ['delete', 'delete from t'],
  ['index', 'create index on t (n, id)'],
]

/** Redis's commands that go on for a while, on collections of 300,000. */
const commands: readonly (readonly [name: string, command: readonly string[]])[] = [
  ['copy-zset', ['COPY', 'zset', 'new']],
  ['zunionstore', ['ZUNIONSTORE', 'new', '2', 'zset', 'set']],
  ['sunionstore', ['SUNIONSTORE', 'new', 'set', 'other']],
  ['copy-list', ['COPY', 'list', 'new']],
]
const members = 300_000

const boundMs = 100
const rowsOfTable = 500_000
/** Until a statement is told to end it runs so long. */
const headStartMs = 400

export interface Ending {
  readonly name: string
  readonly way: string
  readonly ms: number
  /** Of SIGTERM: until the process was gone. */
  readonly exitMs?: number
}

export const endings: Area = {
  name: 'endings',
  apart: false,
  async *rows({ quick }) {
    for await (const ending of measured(quick)) yield endingRow(ending)
  },
}

async function* measured(quick: boolean): AsyncGenerator<Ending> {
  const server = await startPolylog({})
  try {
    await fillTable(server)
    for (const [name, text] of statements) {
      for (const end of [byCancel, byTimeout, byDisconnect]) yield { name, ...(await end(server, text)) }
    }
    await fillRedis(server)
    for (const [name, command] of commands) yield { name, ...(await redisByDisconnect(server, command)) }
  } finally {
    await server.stop()
  }
  for (const [name, text] of quick ? statements.filter((_, i) => i % 4 === 0) : statements) {
    yield { name, ...(await bySignal(fillTable, async (server) => streamOf(await silent(server, text)))) }
  }
  for (const [name, command] of commands) {
    yield {
      name,
      ...(await bySignal(fillRedis, (server) => sent(server, command))),
    }
  }
}

async function open(server: Running): Promise<pg.Client> {
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'postgres', database: 'polylog' })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

async function using<T>(server: Running, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await open(server)
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** A statement whose end nobody hears of. */
async function silent(server: Running, text: string): Promise<pg.Client> {
  const client = await open(server)
  client.query(text).catch(() => undefined)
  return client
}

async function fillTable(server: Running): Promise<void> {
  await using(server, async (client) => {
    await client.query('create table t (id int primary key, n int); create table s (id int)')
    await client.query(`insert into t select g, g from generate_series(1, ${rowsOfTable}) g`)
  })
}

/** Milliseconds from `begin` to the end of the query, whatever that is; undefined where it ended before. */
async function byCancel(server: Running, text: string): Promise<Omit<Ending, 'name'>> {
  return using(server, async (client) => {
    const ended = client.query(text).then(
      () => performance.now(),
      () => performance.now(),
    )
    await sleep(headStartMs)
    const other = await openSocket(server)
    const begun = performance.now()
    other.write(cancelRequest(client))
    const ms = (await ended) - begun
    other.destroy()
    return { way: 'cancel', ms }
  })
}

/** PostgreSQL's own: with what the server has told the client at its start. */
function cancelRequest(client: pg.Client): Buffer {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
  const request = Buffer.alloc(16)
  for (const [i, word] of [16, 80_877_102, processID, secretKey].entries()) request.writeInt32BE(word, 4 * i)
  return request
}

async function byTimeout(server: Running, text: string): Promise<Omit<Ending, 'name'>> {
  return using(server, async (client) => {
    await client.query(`set statement_timeout = ${headStartMs}`)
    const begun = performance.now()
    await client.query(text).catch(() => undefined)
    return { way: 'timeout', ms: performance.now() - begun - headStartMs }
  })
}

async function byDisconnect(server: Running, text: string): Promise<Omit<Ending, 'name'>> {
  const client = await silent(server, text)
  await sleep(headStartMs)
  return { way: 'disconnect', ms: await untilIdle(server, () => streamOf(client).destroy()) }
}

function streamOf(client: pg.Client): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream
}

/** From `begin` to when nothing runs but the question for it. */
async function untilIdle(server: Running, begin: () => void): Promise<number> {
  return using(server, async (client) => {
    const ask = "select count(*)::int n from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
    const begun = performance.now()
    begin()
    for (;;) {
      const { rows } = await client.query<{ n: number }>(ask)
      if (rows[0]!.n === 0) return performance.now() - begun
    }
  })
}

/** To the end of the connection, which is the statement's; the end of the process comes when its memory is given back. */
async function bySignal(
  fill: (server: Running) => Promise<void>,
  begin: (server: Running) => Promise<Socket>,
): Promise<Omit<Ending, 'name'>> {
  const server = await startPolylog({})
  await fill(server)
  const socket = await begin(server)
  const closed = new Promise<number>((resolve) => socket.once('close', () => resolve(performance.now())))
  await sleep(headStartMs / 4)
  const begun = performance.now()
  const stopped = server.stop()
  const ms = (await closed) - begun
  await stopped
  return { way: 'SIGTERM', ms, exitMs: performance.now() - begun }
}

function resp(command: readonly string[]): string {
  return `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`
}

async function openSocket(server: Running): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1')
  socket.on('error', () => undefined)
  // Who does not read does not hear of the end either, and a stop waits for its clients for a while.
  socket.resume()
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  return socket
}

async function fillRedis(server: Running): Promise<void> {
  const socket = await openSocket(server)
  let replies = 0
  let wanted = 0
  const all = new Promise<void>((resolve) => {
    socket.on('data', (data) => {
      for (const byte of data) if (byte === 0x0a) replies++
      if (replies === wanted) resolve()
    })
  })
  for (let from = 0; from < members; from += 1000) {
    const part = Array.from({ length: 1000 }, (_, i) => `member${from + i}`)
    const of = [
      ['SADD', 'set', ...part],
      ['SADD', 'other', ...part.map((member) => `${member}x`)],
      ['RPUSH', 'list', ...part],
      ['ZADD', 'zset', ...part.flatMap((member, i) => [`${((from + i) * 7919) % members}`, member])],
    ]
    wanted += of.length
    socket.write(of.map(resp).join(''))
  }
  await all
  socket.destroy()
}

async function sent(server: Running, command: readonly string[]): Promise<Socket> {
  const socket = await openSocket(server)
  socket.write(resp(command))
  return socket
}

async function redisByDisconnect(server: Running, command: readonly string[]): Promise<Omit<Ending, 'name'>> {
  const socket = await sent(server, command)
  // Those take less than a second.
  await sleep(headStartMs / 4)
  return { way: 'disconnect', ms: await untilIdle(server, () => socket.destroy()) }
}

export function endingRow({ name, way, ms, exitMs }: Ending): Row {
  const exit = exitMs === undefined ? [] : [`the process ended after ${Math.round(exitMs)} ms`]
  // A faster machine wants larger statements.
  const early = ms < -headStartMs / 4 ? ['it had ended by itself'] : []
  const notes = [...early, ...(ms > boundMs ? ['over the bound'] : []), ...exit].join(', ')
  const rest = { area: 'endings', unit: 'ms', durability: 'memory', clients: 1, notes }
  return figure({ ...rest, name: `${name}-${way}` }, [{ value: ms }], 'the bound is 100 ms')
}
