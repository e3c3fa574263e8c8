/**
 * Clients of all doors that do their worst at once, each in one of the ways listed here, and what becomes of them.
 *
 * Each writes as fast as the server takes it, and does not go before the flood ends. They are bare sockets, which keep
 * nothing of what they receive but its end: a thousand of them take little memory of the test's own.
 */
import { createConnection, type Socket } from 'node:net'
import {
  mongoHello,
  mongoMessage,
  frontendMessage,
  int32,
  int32LE,
  redisCommand,
  startupPacket,
} from './protocol-bytes.ts'

const mebibyte = 1024 * 1024
const megabyteOfSpaces = Buffer.alloc(mebibyte, 0x20)
const keptBytes = 256

/** What the server says to who is refused for want of memory, at each door. */
const refusals = /out of memory|53200/i

export class FloodClient {
  readonly #socket: Socket
  #last = ''
  isClosed = false
  isRefused = false

  constructor(port: number) {
    this.#socket = createConnection({ port, host: '127.0.0.1' })
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => (this.isClosed = true))
    this.#socket.on('data', (chunk) => this.#heard(chunk))
  }

  #heard(chunk: Buffer): void {
    const heard = (from: number, to: number): string => chunk.toString('latin1', from, to)
    const said = this.#last + heard(0, keptBytes) + heard(Math.max(keptBytes, chunk.length - keptBytes), chunk.length)
    if (refusals.test(said)) this.isRefused = true
    this.#last = said.slice(-keptBytes)
  }

  /** Reads nothing from here on. */
  stopReading(): void {
    this.#socket.pause()
  }

  /** Resolves when the server has taken it, or never will. */
  send(bytes: Uint8Array): Promise<void> {
    if (this.isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('close', done)
        resolve()
      }
      this.#socket.once('close', done)
      this.#socket.write(bytes, done)
    })
  }

  async sendMany(count: number, bytes: (i: number) => Uint8Array): Promise<void> {
    for (let i = 0; i < count && !this.isClosed; i++) await this.send(bytes(i))
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

export type Worst = (client: FloodClient, number: number) => Promise<void>

const query = (text: string): Buffer => frontendMessage('Q', `${text}\0`)
const sync = frontendMessage('S')
const long = 'x'.repeat(mebibyte)

function parse(name: string, text: string): Buffer {
  return Buffer.concat([frontendMessage('P', `${name}\0${text}\0\0\0`), sync])
}

function bindLong(portal: string): Buffer {
  const value = Buffer.concat([int32(long.length), Buffer.from(long)])
  const body = Buffer.concat([Buffer.from(`${portal}\0s\0`), Buffer.from([0, 0, 0, 1]), value, Buffer.from([0, 0])])
  return frontendMessage('B', body)
}

async function greetPostgres(client: FloodClient): Promise<void> {
  await client.send(startupPacket())
}

/** Half a message that has been announced with so many bytes, and arrives in pieces. */
async function trickle(client: FloodClient, bytes: number): Promise<void> {
  await client.sendMany(Math.floor(bytes / mebibyte) - 1, () => megabyteOfSpaces)
}

/** By their names; `number` tells those of one kind apart. */
export const worst: Readonly<Record<string, Worst>> = {
  'half a value of Redis': async (client) => {
    await client.send(Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$60000000\r\n'))
    await trickle(client, 60_000_000)
  },
  'half a query of PostgreSQL': async (client) => {
    await greetPostgres(client)
    await client.send(frontendMessage('Q', '', 60_000_000))
    await trickle(client, 60_000_000)
  },
  'half a command of MongoDB': async (client) => {
    await client.send(mongoHello)
    await client.send(Buffer.concat([int32LE(47_000_000), int32LE(7), int32LE(0), int32LE(2013)]))
    await trickle(client, 47_000_000)
  },
  'a start-up packet that never ends': (client) =>
    client.send(Buffer.concat([int32(9000), int32(196_608), Buffer.alloc(8000, 0x61)])),
  'replies of Redis that nobody takes': async (client, number) => {
    client.stopReading()
    await client.send(redisCommand('SET', `large ${number % 4}`, long))
    await client.sendMany(100, () => redisCommand('GET', `large ${number % 4}`))
  },
  'rows of PostgreSQL that nobody takes': async (client) => {
    await greetPostgres(client)
    client.stopReading()
    await client.send(query("SELECT repeat('x', 100000) FROM generate_series(1, 10000)"))
  },
  'documents of MongoDB that nobody takes': async (client, number) => {
    await client.send(mongoHello)
    await client.send(mongoMessage({ insert: `c${number % 4}`, documents: [{ text: long }], $db: 'flood' }))
    client.stopReading()
    await client.sendMany(30, () => mongoMessage({ find: `c${number % 4}`, filter: {}, $db: 'flood' }))
  },
  'a sort of long texts': async (client) => {
    await greetPostgres(client)
    await client.send(
      query("SELECT count(*) FROM (SELECT repeat('x', 50000) || g AS a FROM generate_series(1, 400) g ORDER BY a) s"),
    )
  },
  'one group that cannot be divided': async (client) => {
    await greetPostgres(client)
    await client.send(query("SELECT length(string_agg(repeat('x', 50000), ',')) FROM generate_series(1, 2000) g"))
  },
  'cursors that are held': async (client) => {
    await greetPostgres(client)
    await client.sendMany(20, (i) =>
      query(`DECLARE c${i} CURSOR WITH HOLD FOR SELECT repeat('x', 10000) || g FROM generate_series(1, 200) g`),
    )
  },
  'prepared statements of long texts': async (client) => {
    await greetPostgres(client)
    await client.sendMany(40, (i) => parse(`s${i}`, `SELECT '${i}${long.slice(0, 500_000)}'`))
  },
  'prepared statements of many parts': async (client) => {
    await greetPostgres(client)
    await client.sendMany(10, (i) => parse(`s${i}`, `SELECT ${i} IN (${'1,'.repeat(50_000)}1)`))
  },
  'portals of long values': async (client) => {
    await greetPostgres(client)
    await client.send(frontendMessage('P', 's\0SELECT $1::text\0\0\0'))
    await client.sendMany(40, (i) => bindLong(`p${i}`))
  },
  'a COPY that never ends': async (client) => {
    await greetPostgres(client)
    await client.send(query(`CREATE TABLE IF NOT EXISTS flood (a text); BEGIN; COPY flood FROM STDIN`))
    await client.sendMany(40, () => frontendMessage('d', `${long.slice(0, 500_000)}\n`))
  },
  'long settings': async (client) => {
    await greetPostgres(client)
    await client.sendMany(20, (i) => query(`SET a.b${i} = '${long.slice(0, 500_000)}'`))
  },
  'commands since MULTI': async (client) => {
    await client.send(redisCommand('MULTI'))
    await client.sendMany(40, (i) => redisCommand('SET', `queued ${i}`, long))
  },
  'many small commands since MULTI': async (client) => {
    await client.send(redisCommand('MULTI'))
    const commands = Buffer.concat(Array.from({ length: 1000 }, () => redisCommand('INCR', 'n')))
    await client.sendMany(50, () => commands)
  },
  'a pipeline whose replies nobody takes': async (client) => {
    client.stopReading()
    const commands = Buffer.concat(Array.from({ length: 5000 }, () => redisCommand('ECHO', 'x'.repeat(50))))
    await client.sendMany(100, () => commands)
  },
  'writes of a transaction that stays open': async (client, number) => {
    await greetPostgres(client)
    await client.send(query('CREATE TABLE IF NOT EXISTS written (a text)'))
    await client.send(
      query(`BEGIN; INSERT INTO written SELECT repeat('${number % 10}', 10000) FROM generate_series(1, 1000)`),
    )
  },
  'cursors of MongoDB': async (client, number) => {
    await client.send(mongoHello)
    const documents = Array.from({ length: 50 }, (_, i) => ({ i, text: 'y'.repeat(10_000) }))
    await client.send(mongoMessage({ insert: `d${number % 4}`, documents, $db: 'flood' }))
    const pipeline = [{ $sort: { text: 1, i: -1 } }]
    await client.sendMany(20, () =>
      mongoMessage({ aggregate: `d${number % 4}`, pipeline, cursor: { batchSize: 1 }, $db: 'flood' }),
    )
  },
  'documents that are unwound and sorted': async (client, number) => {
    await client.send(mongoHello)
    const documents = Array.from({ length: 10 }, (_, i) => ({ i, text: 'y'.repeat(50_000) }))
    await client.send(mongoMessage({ insert: `e${number % 4}`, documents, $db: 'flood' }))
    const pipeline = [{ $addFields: { n: { $range: [0, 40] } } }, { $unwind: '$n' }, { $sort: { n: -1 } }]
    await client.sendMany(4, () => mongoMessage({ aggregate: `e${number % 4}`, pipeline, cursor: {}, $db: 'flood' }))
  },
}

/** `count` clients, divided evenly among the ways. They have connected when it resolves, and go on. */
export class Flood {
  readonly #clients: FloodClient[] = []
  readonly #ways: string[] = []

  constructor(port: number, count: number, ways: readonly string[] = Object.keys(worst)) {
    for (let i = 0; i < count; i++) {
      const way = ways[i % ways.length]!
      const client = new FloodClient(port)
      this.#clients.push(client)
      this.#ways.push(way)
      void worst[way]!(client, i)
    }
  }

  /** How many were refused or cut, by their ways. */
  get refused(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const [i, { isRefused, isClosed }] of this.#clients.entries()) {
      const way = this.#ways[i]!
      if (isRefused || isClosed) counts.set(way, (counts.get(way) ?? 0) + 1)
    }
    return counts
  }

  end(): void {
    for (const client of this.#clients) client.destroy()
  }
}
