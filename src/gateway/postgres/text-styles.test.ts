/**
 * TimeZone, DateStyle, IntervalStyle, extra_float_digits and bytea_output, through the door. The golden file holds what a
 * PostgreSQL 15 answered to the same statements, in one session: `statement`, then `= value` a row or `! error`. `REWRITE=1
 * POSTGRES_PORT=n` asks a real one anew.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Listener } from '../../host/host.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits, type Gateway } from '../gateway.ts'
import { Door } from '../door.ts'
import { postgresProtocol } from './gateway.ts'

const path = fileURLToPath(new URL('golden/text-styles.txt', import.meta.url))
const statements = readFileSync(path, 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('= ') && !line.startsWith('! '))

let opened: TestSessions
let gateway: Gateway
let listener: Listener

beforeAll(async () => {
  opened = await openTestSessions()
  gateway = new Door(postgresProtocol, opened.sessions, defaultGatewayLimits)
  listener = await opened.sessions.host.network.listen({ host: '127.0.0.1', port: 0 }, (socket) =>
    gateway.accept(socket, new Uint8Array(0)),
  )
})

afterAll(async () => {
  await listener.close()
  await gateway.close(1000)
  await opened.close()
})

it('are as PostgreSQL has them', async () => {
  const asks = process.env['REWRITE'] === '1'
  const port = asks ? Number(process.env['POSTGRES_PORT']) : listener.address.port
  const database = asks ? 'postgres' : 'polylog'
  const types = { getTypeParser: () => (value: unknown) => value }
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database, types })
  await client.connect()
  const answers: string[] = []
  try {
    for (const statement of statements) answers.push(statement, ...(await answerOf(client, statement)))
  } finally {
    await client.end()
  }
  const text = `${answers.join('\n')}\n`
  if (asks) writeFileSync(path, text)
  else expect(text).toBe(readFileSync(path, 'utf8'))
})

it('are of their session alone, also where its statements wait, and not of what is stored', async () => {
  const port = listener.address.port
  const open = async (zone?: string): Promise<pg.Client> => {
    const client = new pg.Client({
      host: '127.0.0.1',
      port,
      user: 'me',
      database: 'polylog',
      ...(zone !== undefined && { options: `-c timezone=${zone}` }),
    })
    await client.connect()
    return client
  }
  const [tokyo, plain] = await Promise.all([open('Asia/Tokyo'), open()])
  try {
    await plain.query("CREATE TABLE moment (id int PRIMARY KEY, at timestamptz, CHECK (at::text LIKE '%+00'))")
    await plain.query("INSERT INTO moment SELECT g, '2024-07-01 12:00+00' FROM generate_series(1, 3000) g")
    await tokyo.query("INSERT INTO moment VALUES (0, '2024-07-01 12:00')")
    const ask = 'SELECT at::text AS shown, count(*)::int FROM moment GROUP BY 1 ORDER BY 1'
    const both = await Promise.all([tokyo, plain, tokyo, plain].map((client) => client.query(ask)))
    const shown = both.map(({ rows }) =>
      (rows as { shown: string; count: number }[]).map((row) => [row.shown, row.count]),
    )
    const ofTokyo = [
      ['2024-07-01 12:00:00+09', 1],
      ['2024-07-01 21:00:00+09', 3000],
    ]
    const ofUtc = [
      ['2024-07-01 03:00:00+00', 1],
      ['2024-07-01 12:00:00+00', 3000],
    ]
    expect(shown).toEqual([ofTokyo, ofUtc, ofTokyo, ofUtc])
    // One plan's literal is not another's.
    const literal = "SELECT '2024-07-01 12:00'::timestamptz = '2024-07-01 12:00+09'::timestamptz AS same"
    const same = await Promise.all([tokyo, plain, tokyo].map((client) => client.query<{ same: boolean }>(literal)))
    expect(same.map(({ rows }) => rows[0]!.same)).toEqual([true, false, true])
    const kept = { name: 'kept', text: "SELECT '2024-07-01 12:00'::timestamptz::text AS shown" }
    expect((await tokyo.query(kept)).rows).toEqual([{ shown: '2024-07-01 12:00:00+09' }])
    await tokyo.query("SET timezone TO 'Europe/Rome'")
    expect((await tokyo.query(kept)).rows).toEqual([{ shown: '2024-07-01 12:00:00+02' }])
    const given = await tokyo.query("SELECT $1::timestamptz AT TIME ZONE 'UTC' AS utc", ['2024-07-01 12:00'])
    expect(given.rows).toEqual([{ utc: new Date(2024, 6, 1, 10, 0) }])
  } finally {
    await Promise.all([tokyo.end(), plain.end()])
  }
})

async function answerOf(client: pg.Client, statement: string): Promise<string[]> {
  try {
    const result = (await client.query({ text: statement, rowMode: 'array' })) as
      | pg.QueryArrayResult
      | pg.QueryArrayResult[]
    const all = Array.isArray(result) ? result : [result]
    return all.flatMap(({ rows }) => (rows as (string | null)[][]).map((row) => `= ${row.join(' | ')}`))
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return [`! ${code} ${message}`]
  }
}
