/** Strings that lie in pieces: every command that reads or writes one, against the same bytes in memory. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { differencesOf, openTestServer, TestChance, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
let client: TestClient

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})

afterEach(async () => {
  await server.close()
})

const chance = new TestChance()
const below = (limit: number): number => chance.below(limit)
const text = (length: number): Buffer => chance.text(length)

function shown(value: Buffer | undefined): string {
  return value === undefined ? '(null)' : JSON.stringify(value.toString('latin1'))
}

const problems = (): Promise<readonly unknown[]> => differencesOf(server)

/** Around the lengths at which a string becomes long, and at which pieces end. */
const edges = [0, 1, 31_999, 32_000, 32_001, 64_000, 65_535, 65_536, 65_537, 95_999, 96_000, 96_001, 300_000]

describe('a string', () => {
  it.each([65_535, 65_536, 65_537, 96_000, 96_001, 3_000_000])('of %i bytes is stored and read', async (length) => {
    const value = text(length)
    expect(await client.send('SET', 'k', value)).toBe('+OK')
    expect(await client.send('GET', 'k')).toBe(shown(value))
    expect(await client.send('STRLEN', 'k')).toBe(`:${length}`)
    expect(await client.send('TYPE', 'k')).toBe('+string')
    expect(await client.send('GETSET', 'k', 'short')).toBe(shown(value))
    expect(await client.send('SET', 'k', value, 'GET')).toBe('"short"')
    expect(await client.send('SETNX', 'k', 'other')).toBe(':0')
    expect(await client.send('SETNX', 'other', value)).toBe(':1')
    expect(await client.send('MGET', 'k', 'none', 'other')).toBe(`[${shown(value)} (null) ${shown(value)}]`)
    expect(await client.send('INCR', 'k')).toBe('-ERR value is not an integer or out of range')
    expect(await client.send('INCRBYFLOAT', 'k', '1')).toBe('-ERR value is not a valid float')
    expect(await client.send('LPUSH', 'k', '1')).toContain('-WRONGTYPE')
    expect(await client.send('GETDEL', 'k')).toBe(shown(value))
    expect(await client.send('EXISTS', 'k')).toBe(':0')
    expect(await problems()).toEqual([])
  })

  it('is what the same changes make of bytes in memory', async () => {
    const model = new Map<string, Buffer>()
    const keys = ['a', 'b', 'c']
    for (let step = 0; step < 200; step++) {
      const key = keys[below(3)]!
      const other = keys[below(3)]!
      const had = model.get(key)
      const edge = Math.max(0, edges[below(edges.length)]! + below(3) - 1)
      const choice = below(9)
      if (choice === 0) {
        const value = text(edge)
        expect(await client.send('SET', key, value)).toBe('+OK')
        model.set(key, value)
      } else if (choice === 1) {
        const part = text(below(2) === 0 ? below(40) : edge)
        const after = Buffer.concat([had ?? Buffer.alloc(0), part])
        expect(await client.send('APPEND', key, part)).toBe(`:${after.length}`)
        model.set(key, after)
      } else if (choice === 2 || choice === 3) {
        const part = text(1 + below(choice === 2 ? 40 : 100_000))
        const after = Buffer.alloc(Math.max(had?.length ?? 0, edge + part.length))
        had?.copy(after)
        part.copy(after, edge)
        expect(await client.send('SETRANGE', key, `${edge}`, part)).toBe(`:${after.length}`)
        model.set(key, after)
      } else if (choice === 4) {
        const end = edge + below(70_000)
        const expected = had?.subarray(edge, end + 1) ?? Buffer.alloc(0)
        expect(await client.send('GETRANGE', key, `${edge}`, `${end}`)).toBe(shown(expected))
      } else if (choice === 5 && had !== undefined && key !== other) {
        expect(await client.send('RENAME', key, other)).toBe('+OK')
        model.delete(key)
        model.set(other, had)
      } else if (choice === 6 && had !== undefined && key !== other) {
        expect(await client.send('COPY', key, other, 'REPLACE')).toBe(':1')
        model.set(other, had)
      } else if (choice === 7 && had !== undefined) {
        expect(await client.send('EXPIRE', key, '1000')).toBe(':1')
      } else if (choice === 8) {
        expect(await client.send('GET', key)).toBe(shown(had))
      }
    }
    for (const key of keys) expect(await client.send('GET', key)).toBe(shown(model.get(key)))
    expect(await problems()).toEqual([])
  })

  it('keeps its expiry where it becomes long, and loses it where it is set', async () => {
    await client.send('SET', 'k', 'x', 'EX', '1000')
    await client.send('SETRANGE', 'k', '200000', 'y')
    expect(await client.send('TTL', 'k')).toBe(':1000')
    await client.send('PERSIST', 'k')
    expect(await client.send('TTL', 'k')).toBe(':-1')
    expect(await client.send('STRLEN', 'k')).toBe(':200001')
    await client.send('PEXPIREAT', 'k', '99999999999999')
    await client.send('SET', 'k', text(100_000), 'KEEPTTL')
    expect(await client.send('PEXPIRETIME', 'k')).toBe(':99999999999999')
    await client.send('SET', 'k', text(100_000))
    expect(await client.send('TTL', 'k')).toBe(':-1')
    expect(await problems()).toEqual([])
  })

  it('is changed and read within a block, whose errors leave the replies before them', async () => {
    const value = text(2_500_000)
    for (const command of [
      ['SET', 'k', value],
      ['GET', 'k'],
      ['GET', 'k'],
      ['LPUSH', 'k', 'x'],
      ['STRLEN', 'k'],
    ] as const) {
      if (command[0] === 'SET') await client.send('MULTI')
      expect(await client.send(...command)).toBe('+QUEUED')
    }
    const wrong = '-WRONGTYPE Operation against a key holding the wrong kind of value'
    expect(await client.send('EXEC')).toBe(`[+OK ${shown(value)} ${shown(value)} ${wrong} :2500000]`)
    expect(await client.send('PING')).toBe('+PONG')
  })

  it('that is watched, is seen to change in the middle', async () => {
    await client.send('SET', 'k', text(200_000))
    await client.send('WATCH', 'k')
    const other = server.connect()
    expect(await other.send('SETRANGE', 'k', '100000', 'x')).toBe(':200000')
    await client.send('MULTI')
    await client.send('GET', 'k')
    expect(await client.send('EXEC')).toBe('(null array)')
  })

  it('leaves replies that come after it in their order', async () => {
    const value = text(1_000_000)
    await client.send('SET', 'k', value)
    const commands = ['PING', 'GET k', 'PING', 'GET k', 'GET none', 'PING']
    client.sendBytes(commands.map((line) => `${line}\r\n`).join(''))
    const replies: string[] = []
    for (const _ of commands) replies.push(await client.next())
    expect(replies).toEqual(['+PONG', shown(value), '+PONG', shown(value), '(null)', '+PONG'])
  })
})
