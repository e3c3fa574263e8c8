/** What strangers may do before and within a handshake, over real sockets and in simulated time; and that nothing stays of them. */
import { hear } from '../host/deaf.ts'
import { readFileSync } from 'node:fs'
import { createConnection, type Socket as NodeSocket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ProcessMemory } from '../database/process-memory.ts'
import type { Host, Socket } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { sniffClientHello } from './client-hello.ts'
import { Server } from './server.ts'

// Much here waits for an end: where a bug lets it wait for ever, that is a failure.
vi.setConfig({ testTimeout: 60_000 })

const read = (name: string): string => readFileSync(new URL(`../../test/certificates/${name}`, import.meta.url), 'utf8')
const ca = read('authority.pem')
const pair = { certificate: read('server.pem'), key: read('server.key') }
const sslRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const gssRequest = Buffer.from([0, 0, 0, 8, 4, 210, 22, 48])

/** As a client of Node's begins. */
async function realHello(): Promise<Buffer> {
  const chunks: Buffer[] = []
  const { createServer } = await import('node:net')
  await new Promise<void>((resolve) => {
    const listener = createServer((socket) => {
      socket.on('data', (chunk) => {
        chunks.push(chunk)
        socket.destroy()
        listener.close(() => resolve())
      })
    }).listen(0, '127.0.0.1', () => {
      const { port } = listener.address() as { port: number }
      connectTls({ port, host: '127.0.0.1', ca }).on('error', () => undefined)
    })
  })
  return Buffer.concat(chunks)
}

describe('a hello is looked at before OpenSSL is', () => {
  test('each prefix of a real one may be one, the whole record is', async () => {
    const hello = await realHello()
    const recordBytes = 5 + hello.readUInt16BE(3)
    for (let end = 0; end < recordBytes; end++) expect(sniffClientHello(hello.subarray(0, end))).toBe('more')
    expect(sniffClientHello(hello.subarray(0, recordBytes))).toBe('yes')
    expect(sniffClientHello(hello)).toBe('yes')
  })

  test.each([
    ['another record', [23, 3, 1, 0, 5, 1, 0, 0, 1, 0]],
    ['another version', [22, 2, 1, 0, 5, 1, 0, 0, 1, 0]],
    ['too little for a head', [22, 3, 1, 0, 3]],
    ['a record beyond all measure', [22, 3, 1, 0x40, 1]],
    ['another message', [22, 3, 1, 0, 5, 2, 0, 0, 1, 0]],
    ['a message that would take 128 KiB', [22, 3, 1, 0, 5, 1, 2, 0, 0, 0]],
  ])('not %s', (_name, bytes) => {
    expect(sniffClientHello(Uint8Array.from(bytes))).toBe('no')
  })
})

const real = createRealHost()
/** Nobody is cut off for the time it takes: what ends a connection is what it did. */
const quiet: Host = {
  ...real,
  log: () => undefined,
  at: (delayMs, run) => (delayMs === 10_000 ? () => undefined : real.at(delayMs, run)),
}

describe('over real sockets', () => {
  let memory: ProcessMemory
  let opened: TestSessions
  let server: Server
  const sockets: NodeSocket[] = []

  beforeEach(async () => {
    memory = new ProcessMemory(2 ** 30, 0, Infinity)
    opened = await openTestSessions({ host: quiet, memory, sessions: { memory } })
    server = await Server.listen(opened.database.host, opened.sessions, { port: 0, tls: pair })
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await server.close()
    await opened.close()
  })

  async function until(holds: () => boolean): Promise<void> {
    for (let turns = 0; turns < 20_000 && !holds(); turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(holds()).toBe(true)
  }

  function connect(): Promise<NodeSocket> {
    return new Promise((resolve) => {
      const socket = createConnection({ port: server.port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
      socket.on('error', () => undefined)
      socket.on('connect', () => resolve(socket))
      sockets.push(socket)
    })
  }

  /** What the server says until it ends the connection. */
  function answers(socket: NodeSocket): Promise<Buffer> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = []
      socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      socket.on('end', () => socket.end())
      socket.on('close', () => resolve(Buffer.concat(chunks)))
    })
  }

  const nothingHeld = (): Promise<void> => until(() => memory.connections.usedBytes === 0)

  test('garbage behind the first byte is cut off', async () => {
    for (const garbage of [Buffer.alloc(64, 22), Buffer.from([22, 3, 1, 0, 8, 1, 0, 0, 4, 9, 9, 9, 9])]) {
      const socket = await connect()
      const end = answers(socket)
      socket.write(garbage)
      // OpenSSL's alert, or nothing.
      expect((await end).length).toBeLessThan(16)
    }
    await nothingHeld()
  })

  test('what comes before the answer to an SSLRequest is refused, by whoever it was put in (CVE-2021-23214)', async () => {
    const socket = await connect()
    const end = answers(socket)
    socket.write(Buffer.concat([sslRequest, await realHello()]))
    const answer = await end
    expect(answer[0]).toBe(0x45)
    expect(answer.readInt32BE(1)).toBe(answer.length - 1)
    expect(answer.toString()).toContain('08P01\0Mreceived unencrypted data after SSL request')
    await nothingHeld()
  })

  test('who was told that it may begin with TLS begins with nothing else', async () => {
    const socket = await connect()
    socket.write(sslRequest)
    const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
    expect(first.toString()).toBe('S')
    const end = answers(socket)
    socket.write('PING\r\n')
    expect(await end).toHaveLength(0)
    await nothingHeld()
  })

  test('what is no handshake behind a hello ends the connection, and nothing stays of it', async () => {
    const socket = await connect()
    const answer = answers(socket)
    socket.write(await realHello())
    socket.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 32]), Buffer.alloc(32, 7)]))
    await answer
    await nothingHeld()
  })

  test('encryption by GSSAPI is refused once, and TLS is offered behind it', async () => {
    const socket = await connect()
    socket.write(gssRequest)
    expect((await new Promise<Buffer>((resolve) => socket.once('data', resolve))).toString()).toBe('N')
    socket.write(sslRequest)
    expect((await new Promise<Buffer>((resolve) => socket.once('data', resolve))).toString()).toBe('S')
    const again = await connect()
    const end = answers(again)
    again.write(Buffer.concat([gssRequest, gssRequest]))
    expect((await end).toString()).toBe('N')
  })

  test('a hello in single bytes is one', async () => {
    const raw = await connect()
    const lines: string[] = []
    const secure = connectTls({ socket: drip(raw), ca, servername: 'localhost' }, () => secure.write('PING\r\n'))
    secure.on('data', (chunk: Buffer) => {
      lines.push(chunk.toString())
      secure.end()
    })
    await new Promise((resolve) => secure.on('close', resolve))
    expect(lines).toEqual(['+PONG\r\n'])
    await nothingHeld()
  })

  test('who goes, or ends its half, in the middle of a handshake leaves nothing behind', async () => {
    const hello = await realHello()
    for (const part of [hello.subarray(0, 3), hello.subarray(0, 60), hello]) {
      for (const way of ['end', 'destroy'] as const) {
        const socket = await connect()
        const end = answers(socket)
        await new Promise((resolve) => socket.write(part, resolve))
        socket[way]()
        await end
      }
    }
    await nothingHeld()
  })

  test('a hundred that come at once begin some at a time, and all are served', async () => {
    const turns: number[] = []
    const { network } = opened.database.host
    const secure = network.secure.bind(network)
    let inTurn = 0
    Object.assign(network, {
      secure: (...all: Parameters<typeof secure>) => {
        if (inTurn++ === 0) setImmediate(() => turns.push(inTurn) && (inTurn = 0))
        return secure(...all)
      },
    })
    const clients = Array.from({ length: 100 }, () => connectTls({ port: server.port, host: '127.0.0.1', ca }))
    await Promise.all(clients.map((client) => new Promise((resolve) => client.on('secureConnect', resolve))))
    Object.assign(network, { secure })
    expect(turns.reduce((sum, count) => sum + count, 0)).toBe(100)
    expect(Math.max(...turns)).toBeLessThanOrEqual(8)
    await until(() => memory.connections.usedBytes >= 100 * 24 * 1024)
    for (const client of clients) client.destroy()
    await nothingHeld()
  })
})

/** The connection with all that is written to it in single bytes. */
function drip(raw: NodeSocket): NodeSocket {
  const write = raw.write.bind(raw)
  let first = true
  const patched = (chunk: Uint8Array, ...rest: unknown[]): boolean => {
    if (!first || !(chunk instanceof Uint8Array)) return write(chunk, ...(rest as []))
    first = false
    for (const byte of chunk.subarray(0, -1)) write(Uint8Array.of(byte))
    return write(chunk.subarray(-1), ...(rest as []))
  }
  return Object.assign(raw, { write: patched })
}

describe('in simulated time', () => {
  /** A record with a ClientHello, as far as the simulation looks. */
  const hello = Uint8Array.of(22, 3, 1, 0, 4, 1, 0, 0, 0)

  interface Ground {
    readonly server: Server
    readonly opened: TestSessions
    connect(): Promise<{ readonly socket: Socket; readonly heard: string[] }>
    wait(ms: number): Promise<void>
  }

  async function inWorld(seed: number, body: (ground: Ground) => Promise<void>): Promise<void> {
    const world = new SimulatedWorld(seed)
    const [home, away] = [world.startProcess('server'), world.startProcess('client')] as unknown as [Host, Host]
    const run = async (): Promise<void> => {
      const opened = await openTestSessions({ host: home })
      const server = await Server.listen(home, opened.sessions, { port: 7, tls: { certificate: '', key: '' } })
      const connect: Ground['connect'] = async () => {
        const socket = await away.network.connect({ host: 'server', port: 7 })
        const heard: string[] = []
        hear(socket, {
          onData: (chunk) => heard.push(Buffer.from(chunk).toString('latin1')),
          onEnd: () => socket.end(),
          onClose: () => heard.push('close'),
        })
        return { socket, heard }
      }
      const wait = (ms: number): Promise<void> => new Promise((resolve) => void away.at(ms, resolve))
      await body({ server, opened, connect, wait })
      await server.close()
      await opened.close()
    }
    await world.complete(run(), { maxSteps: 1_000_000 })
    expect(world.fatals).toEqual([])
  }

  test.each([1, 2, 3, 4, 5])('who begins with TLS is served within it (seed %i)', (seed) =>
    inWorld(seed, async ({ connect, wait }) => {
      const { socket, heard } = await connect()
      socket.write(hello)
      socket.write(Buffer.from('PING\r\n'))
      await wait(1000)
      expect(heard.join('')).toBe('\x16\x03\x03\0\0+PONG\r\n')
      socket.destroy()
    }),
  )

  test.each([
    ['half a hello', hello.subarray(0, 7)],
    ['nothing behind an SSLRequest', sslRequest],
  ])('%s: after ten seconds it has to go', (_name, bytes) =>
    inWorld(6, async ({ connect, wait }) => {
      const { socket, heard } = await connect()
      socket.write(Uint8Array.from(bytes))
      await wait(9_000)
      expect(heard).not.toContain('close')
      await wait(3_000)
      expect(heard).toContain('close')
    }),
  )

  test('the ten seconds of the listener and of the login are the same ten', () =>
    inWorld(7, async ({ connect, wait, opened }) => {
      Object.defineProperty(opened.sessions.principals, 'areProved', { value: true })
      const { socket, heard } = await connect()
      await wait(6_000)
      socket.write(hello)
      await wait(1_000)
      socket.write(Buffer.from('PING\r\n'))
      await wait(1_000)
      expect(heard.join('')).toContain('NOAUTH')
      await wait(4_000)
      expect(heard).toContain('close')
    }))
})
