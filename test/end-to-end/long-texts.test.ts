/** Long SQL through the built server: parsed in a worker while other connections are answered. */
import type pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Clients, cutPostgres, failureOf } from './clients.ts'
import { ServerProcess } from './server-process.ts'

const textLength = 600 * 1024
/** Parsed in place, in one turn, a text leaves room for no more than what is under way before it and after it. */
const fewReplies = 5
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

function longInsert(): { text: string; rowCount: number } {
  const rows: string[] = []
  for (let length = 0; length < textLength; length += rows.at(-1)!.length + 2) {
    rows.push(`(${rows.length}, 'the name of point ${rows.length}')`)
  }
  return { text: `INSERT INTO points VALUES ${rows.join(', ')}`, rowCount: rows.length }
}

/** Point selects, one after the other, until `other` has its reply. */
async function selectsBefore(client: pg.Client, other: Promise<unknown>): Promise<number> {
  let isOver = false
  void other.catch(() => undefined).then(() => (isOver = true))
  let count = 0
  for (;;) {
    const { rows } = await client.query('SELECT name FROM points WHERE id = -1')
    expect(rows).toEqual([{ name: 'one' }])
    if (isOver) return count
    count++
  }
}

test('a syntax error at the end has its place, and others are answered while it is looked for', async () => {
  const [writer, reader] = [await clients.postgres(), await clients.postgres()]
  const { text } = longInsert()
  const failing = failureOf(writer.query(`${text} nonsense here`))
  const answered = await selectsBefore(reader, failing)
  const { code, position } = (await failing) as pg.DatabaseError
  expect([code, position]).toEqual(['42601', String(text.length + 2)])
  expect(answered).toBeGreaterThan(fewReplies)
  expect((await writer.query('SELECT count(*)::int AS count FROM points')).rows).toEqual([{ count: 1 }])
})

test('the rows are there, what was sent behind it comes after it, and a prepared text does the same', async () => {
  const [writer, reader] = [await clients.postgres(), await clients.postgres()]
  const { text, rowCount } = longInsert()
  const inserting = writer.query(text)
  const counting = writer.query('SELECT count(*)::int AS count FROM points')
  const answered = await selectsBefore(reader, inserting)
  expect((await inserting).rowCount).toBe(rowCount)
  expect((await counting).rows).toEqual([{ count: rowCount + 1 }])
  expect(answered).toBeGreaterThan(fewReplies)
  await writer.query('DELETE FROM points WHERE id >= 0')
  expect((await writer.query({ text, name: 'long' })).rowCount).toBe(rowCount)
  await writer.query('DELETE FROM points WHERE id >= 0')
})

test('a client that goes away while its text is parsed leaves nothing behind', async () => {
  const [leaving, staying] = [await clients.postgres(), await clients.postgres()]
  const { text, rowCount } = longInsert()
  const lost = failureOf(leaving.query(`BEGIN; DELETE FROM points; ${text}`))
  await staying.query('SELECT 1')
  cutPostgres(leaving)
  await lost
  // One worker may still be busy with it; this one waits for rows that it would hold.
  expect((await staying.query(text)).rowCount).toBe(rowCount)
  await staying.query('DELETE FROM points WHERE id >= 0')
  expect((await staying.query('SELECT id FROM points')).rows).toEqual([{ id: -1 }])
})

test('a statement timeout counts while a worker parses', async () => {
  const client = await clients.postgres()
  await client.query('SET statement_timeout = 1')
  const { code } = (await failureOf(client.query(longInsert().text))) as pg.DatabaseError
  expect(code).toBe('57014')
  await client.query('SET statement_timeout = 0')
  expect((await client.query('SELECT id FROM points')).rows).toEqual([{ id: -1 }])
})
