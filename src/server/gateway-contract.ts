/**
 * What every gateway promises, whatever its protocol: tried on each that is registered, by sockets of the machine and by
 * the simulated network, which cuts and joins what is sent as it likes. Nothing outside of tests imports this.
 */
import { describe, expect, test } from 'vitest'
import { ProcessMemory } from '../database/process-memory.ts'
import type { Host, Socket } from '../host/host.ts'
import type { Session } from '../session/contract.ts'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { probes, type Probe } from './gateway-probes.ts'
import { protocols, type ProtocolName } from './protocols.ts'
import { Server } from './server.ts'

/** Where the suite runs. */
export interface Ground {
  readonly server: Host
  readonly client: Host
  /** The name by which the client finds the server. */
  readonly address: string
  /** Lines of the server's log. */
  readonly logged: Readonly<Record<string, unknown>>[]
  /** Lets what is asynchronous happen until the promise is settled. */
  complete<T>(running: Promise<T>): Promise<T>
}

/** What the statements of all sessions do instead of their work. */
type Plant = 'nothing' | 'throws' | 'never ends'

/** One open server, and what tests look at. */
class Tried {
  readonly probe: Probe
  plant: Plant = 'nothing'
  /** Statements that never end, and have not been ended yet. */
  running = 0
  readonly #ground: Ground
  readonly #opened: TestSessions
  readonly #server: Server

  private constructor(ground: Ground, probe: Probe, opened: TestSessions, server: Server) {
    this.#ground = ground
    this.probe = probe
    this.#opened = opened
    this.#server = server
  }

  static async open(ground: Ground, name: ProtocolName, memory: ProcessMemory): Promise<Tried> {
    const opened = await openTestSessions({ host: ground.server, sessions: { memory } })
    const { sessions } = opened
    const open = sessions.openSession.bind(sessions)
    sessions.openSession = (options) => {
      const session = open(options)
      if (options.door === name) tried.#plantIn(session)
      return session
    }
    const server = await Server.listen(ground.server, sessions, { port: 0 })
    const tried = new Tried(ground, probes[name], opened, server)
    return tried
  }

  #plantIn(session: Session): void {
    const run = session.run.bind(session)
    session.run = (statement, options) => {
      if (this.plant === 'throws') {
        return run(() => {
          throw new TypeError('planted')
        }, options)
      }
      return this.plant === 'never ends' ? run(() => this.#endless(), options) : run(statement, options)
    }
  }

  *#endless(): Generator<undefined, never, void> {
    this.running++
    try {
      for (;;) yield undefined
    } finally {
      this.running--
    }
  }

  get memory(): ProcessMemory {
    return this.#opened.sessions.memory
  }

  /** Sessions of clients that are open. */
  get sessionCount(): number {
    return [...this.#opened.sessions.all()].filter(({ door }) => door !== 'housekeeping').length
  }

  async connect(): Promise<Client> {
    const { address } = this.#ground
    return new Client(
      await this.#ground.client.network.connect({ host: address, port: this.#server.port }),
      this.#ground.client,
      this.probe,
    )
  }

  /** A client that has been answered once. */
  async greet(): Promise<Client> {
    const client = await this.connect()
    client.send(this.probe.openings[0]!)
    await client.answers(1)
    return client
  }

  /** Whether others are served. */
  async checkAlive(): Promise<void> {
    const other = await this.greet()
    other.send(this.probe.request)
    await other.answers(2)
    other.destroy()
  }

  async until(holds: () => boolean): Promise<void> {
    await waitUntil(this.#ground.client, holds)
  }

  stop(): Promise<void> {
    return this.#server.close()
  }

  async close(): Promise<void> {
    await this.stop()
    await this.#opened.close()
  }
}

const mostPolls = 20_000

/** Asks again and again, for a bounded number of times. */
async function waitUntil(host: Host, holds: () => boolean): Promise<void> {
  for (let polls = 0; !holds(); polls++) {
    if (polls > mostPolls) throw new Error('what was waited for has not come')
    await new Promise<void>((resolve) => host.at(1, resolve))
  }
}

class Client {
  received: Buffer = Buffer.alloc(0)
  isClosed = false
  readonly #socket: Socket
  readonly #host: Host
  readonly #probe: Probe

  constructor(socket: Socket, host: Host, probe: Probe) {
    this.#socket = socket
    this.#host = host
    this.#probe = probe
    socket.onData = (chunk) => (this.received = Buffer.concat([this.received, chunk]))
    socket.onEnd = () => socket.end()
    socket.onClose = () => (this.isClosed = true)
  }

  send(bytes: Uint8Array): void {
    // A copy: the sender gives its bytes away.
    this.#socket.write(Uint8Array.from(bytes))
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  turns(count: number): Promise<void> {
    return new Promise((resolve) => {
      const next = (left: number): void => (left === 0 ? resolve() : this.#host.turn(() => next(left - 1)))
      next(count)
    })
  }

  async answers(count: number): Promise<void> {
    await waitUntil(this.#host, () => this.#probe.countAnswers(this.received) >= count || this.isClosed)
    expect(this.#probe.countAnswers(this.received)).toBeGreaterThanOrEqual(count)
  }

  async closed(): Promise<void> {
    await waitUntil(this.#host, () => this.isClosed)
  }
}

const mebibyte = 1024 * 1024

type Trying = (run: (tried: Tried, ground: Ground) => Promise<void>, memory?: ProcessMemory) => () => Promise<void>

export function describeGateways(where: string, openGround: () => Ground): void {
  describe.each([...protocols.keys()])(`%s ${where}`, (name) => {
    const trying: Trying =
      (run, memory = ProcessMemory.unlimited()) =>
      async () => {
        const ground = openGround()
        const body = async (): Promise<void> => {
          const tried = await Tried.open(ground, name, memory)
          await run(tried, ground)
          await tried.close()
          expect(tried.sessionCount).toBe(0)
          expect(memory.work.usedBytes).toBe(0)
        }
        await ground.complete(body())
      }
    testMessages(trying)
    testMemory(trying)
    testGoing(trying)
    testEnds(trying)
  })
}

function testMessages(trying: Trying): void {
  test(
    'takes each opening and each request in two halves, wherever they are cut',
    trying(async (tried) => {
      for (const opening of tried.probe.openings) {
        for (let at = 1; at < opening.length; at++) {
          const client = await tried.connect()
          client.send(opening.subarray(0, at))
          await client.turns(2)
          client.send(opening.subarray(at))
          await client.answers(1)
          client.destroy()
        }
      }
      const client = await tried.greet()
      const { request } = tried.probe
      for (let at = 1; at < request.length; at++) {
        client.send(request.subarray(0, at))
        await client.turns(2)
        client.send(request.subarray(at))
        await client.answers(1 + at)
      }
      client.destroy()
    }),
  )

  test(
    'answers many requests of one chunk in order, and many connections',
    trying(async (tried) => {
      const clients = await Promise.all(Array.from({ length: 100 }, () => tried.greet()))
      for (const client of clients) client.send(Buffer.concat(Array.from({ length: 20 }, () => tried.probe.request)))
      for (const client of clients) await client.answers(21)
      for (const client of clients) client.destroy()
    }),
  )

  test(
    'outlives any bytes, at first and after a greeting',
    trying(async (tried) => {
      for (let seed = 1; seed <= 40; seed++) {
        const client = seed % 2 === 0 ? await tried.connect() : await tried.greet()
        client.send(garbage(seed, tried.probe))
        await client.turns(3)
        client.end()
        await client.closed()
      }
      await tried.checkAlive()
    }),
  )

  test(
    'closes for a length that no message has, and takes no memory for one that is only announced',
    trying(async (tried) => {
      const stranger = await tried.connect()
      stranger.send(tried.probe.oversized)
      const known = await tried.greet()
      known.send(tried.probe.oversized)
      await known.closed()
      const announcing = await tried.greet()
      announcing.send(tried.probe.announce(40_000_000))
      await announcing.turns(5)
      expect(tried.memory.work.usedBytes).toBeLessThan(mebibyte)
      for (const client of [stranger, announcing]) client.destroy()
    }),
  )
}

function testMemory(trying: Trying): void {
  const small = new ProcessMemory(24 * mebibyte, 0, Infinity)
  test(
    'holds half messages of many within one limit, and serves others',
    trying(async (tried) => {
      const clients = await Promise.all(Array.from({ length: 24 }, () => tried.greet()))
      const piece = Buffer.alloc(64 * 1024, 0x20)
      for (const client of clients) client.send(tried.probe.announce(40_000_000))
      for (let round = 0; round < 32; round++) {
        for (const client of clients) client.send(piece)
        await clients[0]!.turns(2)
      }
      await tried.until(() => clients.some(({ isClosed }) => isClosed))
      expect(tried.memory.work.usedBytes).toBeLessThanOrEqual(tried.memory.work.limitBytes)
      for (const client of clients) client.destroy()
      await tried.until(() => tried.sessionCount === 0)
      await tried.checkAlive()
    }, small),
  )

  test(
    'holds no more than 64 KiB for who has not said anything yet',
    trying(async (tried) => {
      const client = await tried.connect()
      client.send(tried.probe.beginning)
      for (let sent = 0; sent < 8 && !client.isClosed; sent++) {
        await client.turns(3)
        expect(tried.memory.work.usedBytes).toBeLessThanOrEqual(64 * 1024)
        client.send(Buffer.alloc(32 * 1024, 0x20))
      }
      await client.closed()
      client.destroy()
    }),
  )

  test(
    'lets who does not read wait, and gives it all replies when it does',
    trying(async (tried) => {
      const slow = await tried.greet()
      slow.pause()
      const count = 60
      const request = tried.probe.longReply(200_000)
      for (let i = 0; i < count; i++) slow.send(request)
      await slow.turns(200)
      await tried.checkAlive()
      // A mebibyte, the reply that passed it, and what arrives meanwhile.
      expect(tried.memory.work.usedBytes).toBeLessThan(4 * mebibyte)
      slow.resume()
      await slow.answers(1 + count)
      expect(slow.received.length).toBeGreaterThan(count * 200_000)
      slow.destroy()
    }),
  )
}

function testGoing(trying: Trying): void {
  test(
    'frees everything of who goes at any moment',
    trying(async (tried) => {
      const { openings, request } = tried.probe
      const script = Buffer.concat([openings[0]!, request, request])
      for (let at = 1; at <= script.length; at += 3) {
        const client = await tried.connect()
        client.send(script.subarray(0, at))
        await client.turns(at % 7)
        if (at % 2 === 0) client.destroy()
        else client.end()
      }
      await tried.until(() => tried.sessionCount === 0 && tried.memory.work.usedBytes === 0)
    }),
  )

  test.each(['destroys', 'ends'] as const)('ends the statement of who %s its connection', async (way) =>
    trying(async (tried, ground) => {
      const client = await tried.greet()
      tried.plant = 'never ends'
      client.send(tried.probe.request)
      await tried.until(() => tried.running === 1)
      const sinceMs = ground.server.monotonic() / 1000
      if (way === 'destroys') client.destroy()
      else client.end()
      await tried.until(() => tried.running === 0)
      // Of simulated time, which passes as the simulation says: no machine can be too slow for it.
      if (ground.address === 'server') expect(ground.server.monotonic() / 1000 - sinceMs).toBeLessThan(250)
      await tried.until(() => tried.sessionCount === 0)
    })(),
  )

  test(
    'answers what was sent before the client ended its half',
    trying(async (tried) => {
      const client = await tried.greet()
      client.send(tried.probe.request)
      client.end()
      await client.answers(2)
      await client.closed()
    }),
  )
}

function testEnds(trying: Trying): void {
  test(
    'ends when the server stops: who is idle, who waits, and who is in the middle of a message',
    trying(async (tried) => {
      const idle = await tried.greet()
      const half = await tried.greet()
      half.send(tried.probe.request.subarray(0, 5))
      const unclear = await tried.connect()
      unclear.send(tried.probe.openings[0]!.subarray(0, 1))
      const busy = await tried.greet()
      tried.plant = 'never ends'
      busy.send(tried.probe.request)
      await tried.until(() => tried.running === 1)
      await tried.stop()
      expect(tried.running).toBe(0)
      for (const client of [idle, half, unclear, busy]) await client.closed()
      // The greeting, and the error of what was canceled.
      expect(tried.probe.countAnswers(busy.received)).toBeGreaterThanOrEqual(2)
    }),
  )

  test(
    'answers a fault by a number that is in the log, and goes on',
    trying(async (tried, ground) => {
      const client = await tried.greet()
      tried.plant = 'throws'
      client.send(tried.probe.request)
      await client.answers(2)
      const id = tried.probe.faultIn(client.received)
      expect(ground.logged.map((line) => line['id'])).toContain(id)
      expect(client.received.toString('latin1')).not.toContain('planted')
      tried.plant = 'nothing'
      client.send(tried.probe.request)
      await client.answers(3)
      client.destroy()
    }),
  )
}

/** Bytes at random, or a request with some of them changed. */
function garbage(seed: number, { request }: Probe): Buffer {
  let state = seed
  const next = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 16
  const bytes = seed % 3 === 0 ? Buffer.alloc(1 + (next() % 300)) : Buffer.concat([request, request])
  const changes = seed % 3 === 0 ? bytes.length : 1 + (next() % 4)
  for (let i = 0; i < changes; i++) bytes[seed % 3 === 0 ? i : next() % bytes.length] = next() & 0xff
  return bytes
}
