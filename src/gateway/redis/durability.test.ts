/** Every kind of reply waits for what it has seen, though no command says so. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTestDatabase } from '../../database/testing.ts'
import { holdLog } from '../../session/testing.ts'
import { Sessions } from '../../session/sessions.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { Door } from '../door.ts'
import { redisProtocol } from './gateway.ts'
import { encodeCommand, openTestServer, TestClient, type TestServer } from './testing.ts'

let server: TestServer
let a: TestClient
let b: TestClient

beforeEach(async () => {
  server = await openTestServer()
  a = server.connect()
  b = server.connect()
  expect(await a.send('SET', 'text', 'old')).toBe('+OK')
})
afterEach(() => server.close())

const pipeline = (...commands: readonly (readonly string[])[]): Buffer => Buffer.concat(commands.map(encodeCommand))

/** `a` writes what no log has, then `b` sends; nothing may come before the log has it. */
async function held(...commands: readonly (readonly string[])[]): Promise<string[]> {
  const log = holdLog(server.database)
  a.sendBytes(encodeCommand(['SET', 'text', 'new']))
  b.sendBytes(pipeline(...commands))
  expect(await b.isWaiting()).toBe(true)
  log.release()
  const replies: string[] = []
  for (let i = 0; i < commands.length; i++) replies.push(await b.next())
  return replies
}

describe('a reply that tells of what is not durable yet waits', () => {
  it.each([
    [[['GET', 'text']], ['"new"']],
    [[['INCR', 'text']], ['-ERR value is not an integer or out of range']],
    [
      [['SADD', 'text', 'x'], ['PING']],
      ['-WRONGTYPE Operation against a key holding the wrong kind of value', '+PONG'],
    ],
    [
      [['MULTI'], ['GET', 'text'], ['EXEC']],
      ['+OK', '+QUEUED', '["new"]'],
    ],
    [
      [
        ['GET', 'text'],
        ['POLYLOG.DURABILITY', 'memory'],
        ['GET', 'text'],
      ],
      ['"new"', '+OK', '"new"'],
    ],
    [
      [
        ['POLYLOG.DURABILITY', 'memory'],
        ['GET', 'text'],
        ['POLYLOG.DURABILITY', 'synced'],
      ],
      ['+OK', '"new"', '+OK'],
    ],
    [
      [['GET', 'text'], ['AUTH', 'ada', 'x'], ['PING']],
      ['"new"', '+OK', '+PONG'],
    ],
    [
      [['GET', 'text'], ['RESET']],
      ['"new"', '+RESET'],
    ],
    [
      [['GET', 'text'], ['NOPE']],
      ['"new"', "-ERR unknown command 'NOPE', with args beginning with: "],
    ],
  ])('%j', async (commands, replies) => {
    expect(await held(...commands)).toEqual(replies)
  })

  it('where a party of another transaction has seen it', async () => {
    const owner = server.sessions.openSession({ user: 'owner', door: 'test' })
    owner.begin()
    expect(await held(['POLYLOG.IN', owner.token(), 'GET', 'text'])).toEqual(['"new"'])
  })

  it('where it tells of the end of a transaction', async () => {
    await a.send('POLYLOG.BEGIN')
    const token = JSON.parse(await a.send('POLYLOG.TOKEN')) as string
    await b.send('POLYLOG.IN', token, 'SET', 'b', '1')
    const log = holdLog(server.database)
    a.sendBytes(encodeCommand(['POLYLOG.COMMIT']))
    b.sendBytes(pipeline(['POLYLOG.IN', token, 'GET', 'b'], ['PING']))
    expect([await a.isWaiting(), await b.isWaiting()]).toEqual([true, true])
    log.release()
    expect(await b.next()).toBe('-POLYLOGENDED committed')
    expect(await b.next()).toBe('+PONG')
  })

  it('but not for what others have written meanwhile', async () => {
    holdLog(server.database)
    a.sendBytes(encodeCommand(['SET', 'text', 'new']))
    expect(await b.send('PING')).toBe('+PONG')
  })
})

it('waits for the database that it tells of, whichever the connection has gone to', async () => {
  const [first, second] = [await openTestDatabase({ name: 'polylog' }), await openTestDatabase({ name: 'other' })]
  const databases = new Map([first, second].map((database) => [database.name, database]))
  const sessions = new Sessions(first.host, () => databases)
  const client = new TestClient(new Door(redisProtocol, sessions, defaultGatewayLimits), first.host)
  const logs = [holdLog(first), holdLog(second)]
  // More than an outbox copies: the change of database gives its buffer away.
  const large = 'x'.repeat(100_000)
  client.sendBytes(pipeline(['SET', 'a', large], ['GET', 'a'], ['POLYLOG.USE', 'other'], ['SET', 'a', '2']))
  expect(await client.isWaiting()).toBe(true)
  logs[1]!.release()
  expect(await client.isWaiting()).toBe(true)
  logs[0]!.release()
  const replies: string[] = []
  for (let i = 0; i < 4; i++) replies.push(await client.next())
  expect(replies).toEqual(['+OK', JSON.stringify(large), '+OK', '+OK'])
  client.close()
  for (const database of databases.values()) await database.close()
})
