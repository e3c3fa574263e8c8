/** Rows of a portal that are asked for in portions: as many as were asked for, however many pieces they are written in. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { Door } from '../door.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { postgresOver } from './postgres-protocol.ts'
import { bind, execute, parse, query, startup, sync, TestClient } from './testing.ts'
import { wordLanguage } from './word-language.ts'

let opened: TestSessions

beforeEach(async () => {
  opened = await openTestSessions()
})

afterEach(async () => opened.close())

async function connect(maxPendingOutputBytes: number): Promise<TestClient> {
  const limits = { ...defaultGatewayLimits, maxPendingOutputBytes }
  const client = new TestClient(new Door(postgresOver(wordLanguage), opened.sessions, limits), opened.sessions.host)
  await client.ask(startup('user', 'me'))
  return client
}

/** All lines up to ReadyForQuery. */
async function untilReady(client: TestClient, ...messages: Uint8Array[]): Promise<string[]> {
  const lines = await client.ask(...messages)
  while (!lines.some((line) => line.startsWith('Z'))) lines.push(...(await client.awaitAnswers()))
  return lines
}

const rowsOf = (lines: readonly string[]): number[] => {
  return lines.filter((line) => line.startsWith('D ')).map((line) => Number(line.slice(2)))
}

const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i)

it.each([2000, 1_000_000])(
  'are given out, more than a piece at a time: %i bytes wait at most',
  async (pendingBytes) => {
    const client = await connect(pendingBytes)
    await untilReady(client, query('BEGIN'))
    const first = await untilReady(client, parse('SERIES 3000'), bind([], '', 'p'), execute(1, 'p'), sync)
    expect(rowsOf(first)).toEqual([1])
    const second = await untilReady(client, execute(700, 'p'), sync)
    expect(rowsOf(second)).toEqual(from(2, 700))
    expect(second.slice(-2)).toEqual(['s', 'Z T'])
    const third = await untilReady(client, execute(256, 'p'), sync)
    expect(rowsOf(third)).toEqual(from(702, 256))
    expect(third.slice(-2)).toEqual(['s', 'Z T'])
    const last = await untilReady(client, execute(0, 'p'), sync)
    expect(rowsOf(last)).toEqual(from(958, 2043))
    expect(last.slice(-2)).toEqual(['C SELECT 2043', 'Z T'])
  },
)
