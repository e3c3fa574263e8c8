/** What clients hear of replies that were held for a log that then found no space, and how they go on. */
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTestSessions, SmallDisk, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits, type Gateway } from '../gateway.ts'
import { Door } from '../door.ts'
import { redisProtocol } from './gateway.ts'
import { countReplies, errorsFor } from './refused-replies.ts'
import { encodeCommand, renderReply, TestClient } from './testing.ts'

let disk: SmallDisk
let opened: TestSessions
let gateway: Gateway
let a: TestClient
let b: TestClient

const misconf = '-MISCONF no space left on the disk of the log: the write was not done'

beforeEach(async () => {
  disk = new SmallDisk()
  opened = await openTestSessions(disk)
  gateway = new Door(redisProtocol, opened.sessions, defaultGatewayLimits)
  a = new TestClient(gateway, disk.host)
  b = new TestClient(gateway, disk.host)
  expect(await a.send('SET', 'text', 'old')).toBe('+OK')
})
afterEach(async () => {
  await gateway.close(0)
  await opened.close()
})

const pipeline = (...commands: readonly (readonly string[])[]): Buffer => Buffer.concat(commands.map(encodeCommand))

async function replies(client: TestClient, count: number): Promise<string[]> {
  const all: string[] = []
  for (let i = 0; i < count; i++) all.push(await client.next())
  return all
}

/** Sends all in one piece while the disk is full, then makes room: what came, and whether the next reply is its own. */
async function refused(client: TestClient, ...commands: readonly (readonly string[])[]): Promise<string[]> {
  disk.isFull = true
  client.sendBytes(pipeline(...commands))
  const told = await replies(client, commands.length)
  disk.empty()
  return told
}

describe('replies that find no space become errors, one for each command', () => {
  it.each([
    [[['SET', 'text', 'new']]],
    [[['SET', 'text', 'new'], ['GET', 'text'], ['PING'], ['INCR', 'text']]],
    [
      [
        ['RPUSH', 'list', 'a', 'b'],
        ['LRANGE', 'list', '0', '-1'],
        ['LRANGE', 'none', '0', '-1'],
        ['GET', 'none'],
      ],
    ],
    [[['MULTI'], ['SET', 'text', 'new'], ['GET', 'text'], ['EXEC']]],
    [[['HSET', 'hash', 'f', 'v'], ['HGETALL', 'hash'], ['NOPE'], ['ECHO', '+OK\r\n+OK\r\n']]],
    [[['PING'], ['SET', 'text', 'new']]],
  ])('%j', async (commands) => {
    expect(await refused(a, ...commands)).toEqual(commands.map(() => misconf))
    expect(await a.isWaiting()).toBe(true)
    expect(await a.send('PING')).toBe('+PONG')
    expect(await a.send('GET', 'text')).toBe('"old"')
    expect(await a.send('EXISTS', 'list', 'hash')).toBe(':0')
    expect(await a.send('SET', 'text', 'newer')).toBe('+OK')
    expect(await b.send('GET', 'text')).toBe('"newer"')
  })

  it('in RESP3', async () => {
    await a.send('HELLO', '3')
    const commands = [
      ['HSET', 'hash', 'f', 'v'],
      ['HGETALL', 'hash'],
      ['GET', 'none'],
      ['SMEMBERS', 'none'],
    ]
    expect(await refused(a, ...commands)).toEqual(commands.map(() => misconf))
    expect(await a.send('HGETALL', 'hash')).toBe('{}')
  })

  it('of a block whose beginning has been answered, that of EXEC', async () => {
    expect(await a.send('MULTI')).toBe('+OK')
    expect(await a.send('SET', 'text', 'new')).toBe('+QUEUED')
    expect(await refused(a, ['EXEC'])).toEqual([misconf])
    expect(await a.send('EXEC')).toBe('-ERR EXEC without MULTI')
    expect(await a.send('GET', 'text')).toBe('"old"')
  })

  it('of an open transaction, that of its commit', async () => {
    expect([await a.send('POLYLOG.BEGIN'), await a.send('SET', 'text', 'new')]).toEqual(['+OK', '+OK'])
    expect(await refused(a, ['POLYLOG.COMMIT'], ['PING'])).toEqual([misconf, misconf])
    expect(await a.send('POLYLOG.COMMIT')).toBe('-ERR there is no transaction in progress')
    expect(await a.send('GET', 'text')).toBe('"old"')
  })

  it('also for who has only read it', async () => {
    disk.hold()
    a.sendBytes(encodeCommand(['SET', 'text', 'new']))
    b.sendBytes(pipeline(['GET', 'text'], ['PING']))
    disk.isFull = true
    disk.release()
    expect(await replies(b, 2)).toEqual([misconf, misconf])
    expect(await b.send('GET', 'text')).toBe('"old"')
    expect(await a.next()).toBe(misconf)
  })

  it('but not those before them, which the log has', async () => {
    disk.hold()
    a.sendBytes(pipeline(['SET', 'first', '1'], ['SET', 'first', '2']))
    expect(await a.isWaiting()).toBe(true)
    a.sendBytes(pipeline(['SET', 'second', '1'], ['PING']))
    const { append } = watchAppends()
    disk.release()
    await append
    disk.isFull = true
    expect(await replies(a, 4)).toEqual(['+OK', '+OK', misconf, misconf])
    expect(await a.send('MGET', 'first', 'second')).toBe('["2" (null)]')
  })

  it('until the connection ends, where it is to', async () => {
    expect(await refused(a, ['SET', 'text', 'new'], ['QUIT'])).toEqual([misconf, misconf])
    expect(await a.next()).toBe('(closed)')
  })
})

/** Resolves when the next append has been accepted. */
function watchAppends(): { append: Promise<void> } {
  const { database } = opened
  const before = database.durableThrough('synced')
  const look = (done: () => void): void => {
    if (database.durableThrough('synced') > before) done()
    else queueMicrotask(() => look(done))
  }
  return { append: new Promise(look) }
}

describe('a connection ends where no error fits', () => {
  it.each([
    [
      [
        ['SET', 'text', 'new'],
        ['SELECT', '1'],
      ],
    ],
    [
      [
        ['SET', 'text', 'new'],
        ['HELLO', '3'],
      ],
    ],
    [[['SET', 'text', 'new'], ['POLYLOG.BEGIN']]],
    [[['SET', 'text', 'new'], ['MULTI'], ['SET', 'text', 'newer']]],
    [[['SET', 'text', 'new'], ['MULTI'], ['SELECT', '1'], ['EXEC']]],
    [
      [
        ['SET', 'text', 'new'],
        ['WATCH', 'text'],
      ],
    ],
  ])('%j', async (commands) => {
    expect((await refused(a, ...commands))[0]).toBe('(closed)')
    expect(await b.send('GET', 'text')).toBe('"old"')
  })

  it('a transaction that a refused reply was of is lost', async () => {
    expect(await a.send('POLYLOG.BEGIN')).toBe('+OK')
    disk.hold()
    b.sendBytes(encodeCommand(['SET', 'text', 'new']))
    a.sendBytes(encodeCommand(['SET', 'mine', '1']))
    disk.isFull = true
    disk.release()
    expect(await a.next()).toBe(misconf)
    disk.empty()
    expect(await a.send('POLYLOG.COMMIT')).toMatch(/^-(MISCONF|POLYLOGENDED aborted)/)
    expect(await a.send('GET', 'mine')).toBe('(null)')
  })

  it('so is one that has not seen what was refused, where its client heard of errors in it', async () => {
    expect(await a.send('POLYLOG.BEGIN', 'REPEATABLE', 'READ')).toBe('+OK')
    expect(await a.send('GET', 'text')).toBe('"old"')
    await b.send('POLYLOG.BEGIN')
    const token = JSON.parse(await b.send('POLYLOG.TOKEN')) as string
    const c = new TestClient(gateway, disk.host)
    disk.hold()
    c.sendBytes(encodeCommand(['SET', 'text', 'new']))
    a.sendBytes(pipeline(['POLYLOG.IN', token, 'GET', 'text'], ['SET', 'mine', '1']))
    disk.isFull = true
    disk.release()
    expect(await replies(a, 2)).toEqual([misconf, misconf])
    disk.empty()
    expect(await a.send('POLYLOG.COMMIT')).toBe('-POLYLOGENDED aborted')
    expect(await b.send('POLYLOG.COMMIT')).not.toBe('+OK')
    expect(await a.send('GET', 'mine')).toBe('(null)')
  })

  it('nobody hears later of a commit that was refused', async () => {
    await a.send('POLYLOG.BEGIN')
    const token = JSON.parse(await a.send('POLYLOG.TOKEN')) as string
    expect(await b.send('POLYLOG.IN', token, 'SET', 'b', '1')).toBe('+OK')
    disk.hold()
    a.sendBytes(encodeCommand(['POLYLOG.COMMIT']))
    b.sendBytes(encodeCommand(['POLYLOG.IN', token, 'GET', 'b']))
    disk.isFull = true
    disk.release()
    expect([await a.next(), await b.next()]).toEqual([misconf, misconf])
    expect(await b.send('POLYLOG.IN', token, 'GET', 'b')).not.toContain('committed')
    expect(await b.send('GET', 'b')).toBe('(null)')
  })
})

it('the driver gets errors, keeps its connection, and writes again when there is room', async () => {
  const listener = await disk.host.network.listen({ host: '127.0.0.1', port: 0 }, (socket) =>
    gateway.accept(socket, new Uint8Array(0)),
  )
  const client = new Redis({ port: listener.address.port, retryStrategy: () => null })
  const id = await client.client('ID')
  disk.isFull = true
  const outcomes = await client.pipeline().set('text', 'new').get('text').exec()
  expect(outcomes?.map(([error]) => error?.message)).toEqual([misconf.slice(1), misconf.slice(1)])
  await expect(client.multi().incr('n').incr('n').exec()).rejects.toThrow()
  expect(await client.get('text')).toBe('old')
  disk.empty()
  expect(await client.set('text', 'newer')).toBe('OK')
  expect([await client.get('text'), await client.client('ID')]).toEqual(['newer', id])
  client.disconnect()
  await listener.close()
})

describe('counting replies', () => {
  const text = fc.string({ unit: 'binary-ascii', maxLength: 12 })
  const { reply } = fc.letrec<{ reply: string }>((tie) => ({
    reply: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(
        '+OK\r\n',
        ':-17\r\n',
        '$-1\r\n',
        '*-1\r\n',
        '_\r\n',
        '#t\r\n',
        ',1.5\r\n',
        '-ERR no\r\n',
        '(12\r\n',
      ),
      text.map((value) => `$${value.length}\r\n${value}\r\n`),
      text.map((value) => `=${value.length + 4}\r\ntxt:${value}\r\n`),
      fc.array(tie('reply'), { maxLength: 4 }).map((items) => `*${items.length}\r\n${items.join('')}`),
      fc.array(tie('reply'), { maxLength: 4 }).map((items) => `~${items.length}\r\n${items.join('')}`),
      fc
        .array(fc.tuple(tie('reply'), tie('reply')), { maxLength: 3 })
        .map((pairs) => `%${pairs.length}\r\n${pairs.flat().join('')}`),
    ),
  }))

  it('finds as many as there are, and none that is cut short', () => {
    fc.assert(
      fc.property(fc.array(reply, { minLength: 1, maxLength: 5 }), (all) => {
        const bytes = Buffer.from(all.join(''), 'latin1')
        expect(countReplies(bytes)).toBe(all.length)
        expect(countReplies(bytes.subarray(0, -1))).toBeUndefined()
        const errors = Buffer.from(errorsFor(bytes, 'MISCONF full')!)
        expect(errors.toString()).toBe('-MISCONF full\r\n'.repeat(all.length))
        expect(renderReply(errors)?.text).toBe('-MISCONF full')
      }),
    )
  })

  it('makes nothing of what comes unasked, nor of more than is good', () => {
    expect(countReplies(Buffer.from('>1\r\n+push\r\n'))).toBeUndefined()
    expect(errorsFor(Buffer.from('+\r\n'.repeat(300_000)), 'x'.repeat(100))).toBeUndefined()
  })
})
