/**
 * Garbage on the port: whatever is sent, in a connection's first bytes or later, the server answers with the protocol's
 * error or closes, goes on serving the others, and takes no memory for what was only announced.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { SeededRandom } from '../../samples/seeded-random.ts'
import {
  deepBson,
  frontendMessage,
  int32,
  int32LE,
  mongoFrame,
  mongoHello,
  mongoMessage,
  redisCommand,
  startupPacket,
} from './protocol-bytes.ts'
import { RawConnection } from './raw-connection.ts'
import { ServerProcess } from './server-process.ts'

const allowedGrowthBytes = 256 * 1024 * 1024

let server: ServerProcess
let redis: Redis
let residentBytesBefore: number

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
  redis = new Redis(server.port, { retryStrategy: () => null })
  await redis.set('canary', 'alive')
  residentBytesBefore = residentBytes(server.pid)
})

afterEach(async () => {
  expect(await redis.get('canary')).toBe('alive')
})

afterAll(async () => {
  redis.disconnect()
  expect(await server.stop()).toMatchObject({ status: 0 })
})

function residentBytes(pid: number): number {
  const status = `/proc/${pid}/status`
  if (existsSync(status)) return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))![1]) * 1024
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)]).toString()) * 1024
}

/** Sends and says no more; what the server said until it closed. */
async function sendAndEnd(...parts: (Uint8Array | string)[]): Promise<string> {
  const connection = await RawConnection.open(server.port)
  for (const part of parts) connection.send(part)
  return (await connection.end()).toString('latin1')
}

/** Sends and stays; the server must close by itself. */
async function sendAndWait(...parts: (Uint8Array | string)[]): Promise<string> {
  const connection = await RawConnection.open(server.port)
  for (const part of parts) connection.send(part)
  return (await connection.untilClosed()).toString('latin1')
}

describe('first bytes that no protocol knows', () => {
  const cases: [string, Buffer][] = [
    ['high bytes', Buffer.alloc(64, 0xff)],
    ['zeros', Buffer.alloc(64)],
    ['TLS', Buffer.from('16030100c8010000c40303', 'hex')],
    ['control characters', Buffer.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9])],
  ]
  for (const [name, bytes] of cases) {
    test(`${name}: closed, at the latest with the client`, async () => {
      expect(await sendAndEnd(bytes)).toMatch(/^$|^-ERR/)
    })
  }

  test('nothing at all: waits, and closes with the client', async () => {
    expect(await sendAndEnd()).toBe('')
  })

  test('a web browser is closed', async () => {
    for (const method of ['POST', 'GET']) {
      const reply = await sendAndEnd(`${method} / HTTP/1.1\r\nHost: localhost\r\n\r\nSET canary dead\r\n`)
      expect(reply).not.toContain('+OK')
    }
  })
})

describe('Redis', () => {
  const fatal: [string, Buffer | string, RegExp][] = [
    ['a count that is no number', '*abc\r\n', /^-ERR Protocol error: invalid multibulk length\r\n$/],
    ['a count of a milliard', '*1000000000\r\n', /^-ERR Protocol error: invalid multibulk length\r\n$/],
    ['a count beyond 64 bits', `*${'9'.repeat(30)}\r\n`, /^-ERR Protocol error: invalid multibulk length\r\n$/],
    ['a length that is no number', '*1\r\n$abc\r\n', /^-ERR Protocol error: invalid bulk length\r\n$/],
    ['a negative length', '*1\r\n$-5\r\n', /^-ERR Protocol error: invalid bulk length\r\n$/],
    ['a length of a terabyte', '*1\r\n$1099511627776\r\n', /^-ERR Protocol error: invalid bulk length\r\n$/],
    ['no length', '*1\r\nPING\r\n', /^-ERR Protocol error: expected '\$', got 'P'\r\n$/],
    ['a line without an end', 'A'.repeat(70_000), /^-ERR Protocol error: too big inline request\r\n$/],
    ['a count without an end', `*${'1'.repeat(70_000)}`, /^-ERR Protocol error: too big mbulk count string\r\n$/],
    ['unbalanced quotes', 'SET "canary dead\r\n', /^-ERR Protocol error: unbalanced quotes in request\r\n$/],
  ]
  for (const [name, bytes, reply] of fatal) {
    test(`${name}: its error, then closed; without a word where nothing told the protocol before`, async () => {
      const first = await sendAndWait(bytes)
      if (first !== '') expect(first).toMatch(reply)
      const later = await sendAndWait(redisCommand('PING'), bytes)
      expect(later).toMatch(/^\+PONG\r\n/)
      expect(later.slice('+PONG\r\n'.length)).toMatch(reply)
    })
  }

  test('a command cut off anywhere is not carried out', async () => {
    const command = redisCommand('SET', 'canary', 'dead')
    for (let length = 1; length < command.length; length++) {
      expect(await sendAndEnd(command.subarray(0, length))).toBe('')
    }
  })

  test('an empty command, an unknown one, one with zero bytes: the connection goes on', async () => {
    const reply = await sendAndEnd(
      '*0\r\n',
      '\r\n',
      redisCommand('NO\0SUCH', '\r\n'),
      redisCommand(''),
      redisCommand('PING'),
    )
    expect(reply).toMatch(/^-ERR unknown command[^\n]*\r\n-ERR unknown command[^\n]*\r\n\+PONG\r\n$/)
  })
})

describe('PostgreSQL', () => {
  const ready = (received: Buffer): boolean => received.subarray(-6, -1).equals(Buffer.from('Z\0\0\0\x05', 'latin1'))

  async function connected(): Promise<RawConnection> {
    const connection = await RawConnection.open(server.port)
    connection.send(startupPacket())
    await connection.until(ready)
    return connection
  }

  test('a startup packet of an unknown version gets an error', async () => {
    const packet = Buffer.concat([int32(8), int32(0x00_09_00_09)])
    const reply = await sendAndEnd(packet)
    if (reply !== '') expect(reply).toMatch(/^E[\s\S]*(08P01|0A000)/)
  })

  test('a startup packet that is too long, without an end or without a user is refused', async () => {
    await sendAndWait(Buffer.concat([int32(0x7f_ff_ff_ff), int32(196_608)]), Buffer.alloc(32_768, 0x61))
    await sendAndEnd(Buffer.concat([int32(20), int32(196_608), Buffer.from('useruseruser')]))
    expect(await sendAndWait(startupPacket({ database: 'polylog' }))).toMatch(/^E[\s\S]*28000/)
  })

  test('a startup packet cut off anywhere is closed with the client', async () => {
    const packet = startupPacket()
    for (let length = 1; length < packet.length; length += 3) {
      expect(await sendAndEnd(packet.subarray(0, length))).toBe('')
    }
  })

  test('TLS and GSSAPI are declined, and the connection goes on', async () => {
    const connection = await RawConnection.open(server.port)
    connection.send(Buffer.concat([int32(8), int32(80_877_103)]))
    await connection.until((received) => received.toString() === 'N')
    connection.send(Buffer.concat([int32(8), int32(80_877_104)]))
    await connection.until((received) => received.toString() === 'NN')
    connection.send(startupPacket())
    await connection.until(ready)
    connection.destroy()
  })

  test('a cancel request for nobody is closed without a word', async () => {
    expect(await sendAndWait(Buffer.concat([int32(16), int32(80_877_102), int32(4711), int32(1)]))).toBe('')
  })

  const fatal: [string, Buffer][] = [
    ['an unknown type', frontendMessage('z', 'x')],
    ['a length below its own', frontendMessage('Q', '', 3)],
    ['a negative length', frontendMessage('Q', '', -1)],
    ['a length of two gigabytes', frontendMessage('Q', 'SELECT 1', 0x7f_ff_ff_ff)],
  ]
  for (const [name, bytes] of fatal) {
    test(`a message with ${name}: a fatal error, then closed`, async () => {
      const connection = await connected()
      const before = connection.received.length
      connection.send(bytes)
      const reply = (await connection.untilClosed()).subarray(before).toString('latin1')
      expect(reply).toMatch(/^E[\s\S]*FATAL[\s\S]*08P01/)
    })
  }

  const refused: [string, Buffer][] = [
    ['a query without its end', frontendMessage('Q', 'SELECT 1')],
    ['a Bind cut off', frontendMessage('B', '\0\0\0\x01')],
    ['a Bind with more parameters than bytes', frontendMessage('B', '\0\0\0\0\x7f\xff')],
    ['a Bind of what was never parsed', frontendMessage('B', '\0none\0\0\0\0\0\0\0')],
    ['an Execute of what was never bound', frontendMessage('E', 'none\0\0\0\0\0')],
    ['a Describe of neither', frontendMessage('D', 'X\0')],
    ['a query that is no UTF-8', frontendMessage('Q', Buffer.from("SELECT '\xff\xfe'\0", 'latin1'))],
    ['a query of parentheses', frontendMessage('Q', `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}\0`)],
  ]
  for (const [name, bytes] of refused) {
    test(`${name}: an error`, async () => {
      const connection = await connected()
      const before = connection.received.length
      connection.send(Buffer.concat([bytes, frontendMessage('S')]))
      const reply = await connection.until((received) => received.length > before)
      expect(reply.subarray(before).toString('latin1')).toMatch(/^E/)
      connection.destroy()
    })
  }

  test('the driver works after all this', async () => {
    const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'me', database: 'polylog' })
    await client.connect()
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await client.end()
  })
})

describe('MongoDB', () => {
  const insert = { insert: 'things', $db: 'garbage', documents: [{ _id: 1 }] }
  const body = mongoMessage(insert).subarray(21)

  const malformed: [string, Buffer][] = [
    ['a length of two gigabytes', mongoFrame(Buffer.alloc(0), { length: 0x7f_ff_ff_ff })],
    ['a length below its header', mongoFrame(Buffer.alloc(0), { length: 15 })],
    ['a negative length', mongoFrame(Buffer.alloc(0), { length: -1 })],
    ['no section', mongoFrame(Buffer.alloc(0))],
    ['an unknown section', mongoFrame(Buffer.concat([Buffer.from([9]), body]))],
    ['an unknown required flag', mongoFrame(Buffer.concat([Buffer.from([0]), body]), { flags: 1 << 5 })],
    ['an unknown operation', mongoFrame(Buffer.concat([Buffer.from([0]), body]), { opCode: 4711 })],
    ['two bodies', mongoFrame(Buffer.concat([Buffer.from([0]), body, Buffer.from([0]), body]))],
    [
      'a document longer than its message',
      mongoFrame(Buffer.concat([Buffer.from([0]), int32LE(500), body.subarray(4)])),
    ],
    [
      'a document without its end',
      mongoFrame(Buffer.concat([Buffer.from([0]), body.subarray(0, -1), Buffer.from([7])])),
    ],
    [
      'a sequence longer than its message',
      mongoFrame(Buffer.concat([Buffer.from([0]), body, Buffer.from([1]), int32LE(9_999)])),
    ],
  ]
  for (const [name, bytes] of malformed) {
    test(`${name}: an error or closed, and nothing is written`, async () => {
      await sendAndEnd(bytes)
      await sendAndEnd(mongoHello, bytes)
      await withMongo(async (client) => {
        expect(await client.db('garbage').collection('things').countDocuments()).toBe(0)
      })
    })
  }

  test('documents nested ten thousand deep are refused', async () => {
    await sendAndEnd(mongoHello, mongoFrame(Buffer.concat([Buffer.from([0]), deepBson(10_000)])))
  })

  test('a message cut off anywhere is not carried out', async () => {
    const message = mongoMessage(insert)
    for (let length = 1; length < message.length; length += 2) await sendAndEnd(message.subarray(0, length))
    await withMongo(async (client) => {
      expect(await client.db('garbage').collection('things').countDocuments()).toBe(0)
    })
  })

  async function withMongo(use: (client: MongoClient) => Promise<void>): Promise<void> {
    const client = new MongoClient(`mongodb://127.0.0.1:${server.port}/`, { serverSelectionTimeoutMS: 60_000 })
    try {
      await use(client)
    } finally {
      await client.close()
    }
  }
})

describe('all protocols', () => {
  const openings: Record<string, Buffer> = {
    redis: Buffer.concat([redisCommand('SET', 'garbage', 'x'.repeat(50)), redisCommand('GET', 'garbage')]),
    postgres: Buffer.concat([
      startupPacket(),
      frontendMessage('Q', 'SELECT 1, now()\0'),
      frontendMessage('P', 's\0SELECT $1::int\0\0\0'),
      frontendMessage('B', '\0s\0\0\0\0\x01\0\0\0\x011\0\0'),
      frontendMessage('E', '\0\0\0\0\0'),
      frontendMessage('S'),
    ]),
    mongodb: Buffer.concat([mongoHello, mongoMessage({ find: 'things', filter: { a: 1 }, $db: 'garbage' })]),
  }

  for (const [name, opening] of Object.entries(openings)) {
    test(`${name}: messages with a few bytes changed`, async () => {
      const random = new SeededRandom(7)
      for (let round = 0; round < 150; round++) {
        const bytes = Buffer.from(opening)
        for (let change = random.below(4); change >= 0; change--) bytes[random.below(bytes.length)] = random.below(256)
        await sendAndEnd(bytes)
      }
    })
  }

  test('random bytes', async () => {
    const random = new SeededRandom(8)
    for (let round = 0; round < 150; round++) {
      const bytes = Buffer.from(Array.from({ length: 1 + random.below(200) }, () => random.below(256)))
      await sendAndEnd(bytes)
    }
  })

  test('what is only announced takes no memory', async () => {
    const announced = 60 * 1024 * 1024
    const redisHeader = Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\na\r\n$${announced}\r\nx`)
    const postgresHeader = Buffer.concat([startupPacket(), frontendMessage('Q', 'SELECT 1', announced)])
    const mongoHeader = Buffer.concat([mongoHello, mongoFrame(Buffer.alloc(1), { length: 40 * 1024 * 1024 })])
    const connections: RawConnection[] = []
    for (let round = 0; round < 40; round++) {
      for (const bytes of [redisHeader, postgresHeader, mongoHeader]) {
        const connection = await RawConnection.open(server.port)
        connection.send(bytes)
        connections.push(connection)
      }
    }
    expect(await redis.get('canary')).toBe('alive')
    expect(residentBytes(server.pid) - residentBytesBefore).toBeLessThan(allowedGrowthBytes)
    for (const connection of connections) connection.destroy()
  })

  test('replies that nobody reads take bounded memory', async () => {
    await redis.set('large', Buffer.alloc(1024 * 1024, 'x'))
    const connection = await RawConnection.open(server.port)
    connection.socket.pause()
    for (let round = 0; round < 1_000; round++) connection.send(redisCommand('GET', 'large'))
    for (let round = 0; round < 20; round++) expect(await redis.get('canary')).toBe('alive')
    expect(residentBytes(server.pid) - residentBytesBefore).toBeLessThan(allowedGrowthBytes)
    connection.destroy()
  })
})
