/** A client of the gateway within the process, for its tests. Nothing outside of tests imports this. */
import { deaf } from '../../host/deaf.ts'
import type { SocketListener, Host, Socket } from '../../host/host.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { Door } from '../door.ts'
import { defaultGatewayLimits, type Gateway } from '../gateway.ts'
import { postgresProtocol } from './gateway.ts'

export class FakeSocket implements Socket {
  readonly remote = 'test'
  readonly isLocal = true
  listener: SocketListener = deaf
  received: Buffer = Buffer.alloc(0)
  pendingBytes = 0
  isStuck = false
  isEnded = false
  isPaused = false

  write(bytes: Uint8Array): boolean {
    this.received = Buffer.concat([this.received, bytes])
    if (this.isStuck) this.pendingBytes += bytes.length
    return !this.isStuck
  }

  drain(): void {
    this.pendingBytes = 0
    this.listener.onDrain()
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  end(): void {
    this.isEnded = true
  }

  destroy(): void {
    this.isEnded = true
  }
}

export function message(type: string, ...parts: (string | number | Buffer)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'string') return Buffer.from(`${part}\0`)
      if (typeof part === 'number') return Buffer.from([part >> 24, part >> 16, part >> 8, part])
      return part
    }),
  )
  const head = Buffer.alloc(5)
  head.write(type, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value])
export const query = (text: string): Buffer => message('Q', text)
export const parse = (text: string, name = ''): Buffer => message('P', name, text, u16(0))
export const sync: Buffer = message('S')
export const execute = (maxRows = 0, portal = ''): Buffer => message('E', portal, maxRows)

/** Of the unnamed portal. */
export const describePortal: Buffer = message('D', Buffer.from('P'), '')

export function bind(values: readonly (string | null)[] = [], name = '', portal = ''): Buffer {
  const encoded = values.flatMap((value) => (value === null ? [-1] : [value.length, Buffer.from(value)]))
  return message('B', portal, name, u16(0), u16(values.length), ...encoded, u16(0))
}

export function startup(...parameters: string[]): Buffer {
  const body = Buffer.concat([
    Buffer.from([0, 3, 0, 0]),
    ...parameters.map((one) => Buffer.from(`${one}\0`)),
    Buffer.alloc(1),
  ])
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([length, body])
}

/** One line a message: `A 7 channel payload`, `D 1|a`, `C SELECT 1`, `E 22012 division by zero`, `Z I`. */
function show(bytes: Buffer): string[] {
  const lines: string[] = []
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] === 0x4e && bytes.length === 1) return ['N']
    const type = String.fromCharCode(bytes[at]!)
    const length = bytes.readInt32BE(at + 1)
    lines.push(`${type}${showBody(type, bytes.subarray(at + 5, at + 1 + length))}`)
    at += 1 + length
  }
  return lines
}

function showBody(type: string, body: Buffer): string {
  if (type === 'D') return ` ${showRow(body)}`
  if (type === 'C') return ` ${body.toString('utf8', 0, body.length - 1)}`
  if (type === 'Z') return ` ${body.toString()}`
  if (type === 'T') return ` ${body.readInt16BE(0)}`
  if (type === 't') return ` ${body.readInt16BE(0)}`
  if (type === 'A')
    return ` ${body.readInt32BE(0)} ${body
      .toString('utf8', 4, body.length - 1)
      .split('\0')
      .join(' ')}`
  if (type !== 'E' && type !== 'N') return ''
  const fields = new Map(
    body
      .toString()
      .split('\0')
      .map((field) => [field[0], field.slice(1)]),
  )
  return ` ${fields.get('S')} ${fields.get('C')} ${fields.get('M')}`
}

function showRow(body: Buffer): string {
  const values: string[] = []
  let at = 2
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const size = body.readInt32BE(at)
    values.push(size < 0 ? 'null' : body.toString('utf8', at + 4, at + 4 + size))
    at += 4 + Math.max(0, size)
  }
  return values.join('|')
}

export class TestClient {
  readonly socket: FakeSocket = new FakeSocket()
  readonly #host: Host

  constructor(gateway: Gateway, host: Host) {
    this.#host = host
    gateway.accept(this.socket, new Uint8Array(0))
  }

  send(...messages: Uint8Array[]): void {
    this.socket.listener.onData(Buffer.concat(messages))
  }

  /** What has arrived once the server has nothing left to do at once. */
  async answers(): Promise<string[]> {
    for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => this.#host.turn(resolve))
    const bytes = this.socket.received
    this.socket.received = Buffer.alloc(0)
    return show(bytes)
  }

  /** What arrives next, once something does: for what a timer causes. */
  async awaitAnswers(): Promise<string[]> {
    while (this.socket.received.length === 0) await new Promise<void>((resolve) => this.#host.at(2, resolve))
    return this.answers()
  }

  async ask(...messages: Uint8Array[]): Promise<string[]> {
    this.send(...messages)
    return this.answers()
  }
}

/** A door of its own with sessions behind it, for tests with several clients. */
export class TestDoor {
  readonly opened: TestSessions
  readonly #door: Door

  private constructor(opened: TestSessions) {
    this.opened = opened
    this.#door = new Door(postgresProtocol, opened.sessions, defaultGatewayLimits)
  }

  static async open(): Promise<TestDoor> {
    return new TestDoor(await openTestSessions())
  }

  /** `settings`: names and values in turn. */
  async connect(...settings: string[]): Promise<TestClient> {
    const client = new TestClient(this.#door, this.opened.sessions.host)
    client.send(startup('user', 'me', ...settings))
    const greeting = await client.awaitAnswers()
    if (greeting.at(-1) !== 'Z I') throw new Error(`no login: ${greeting.join('; ')}`)
    return client
  }

  close(): Promise<void> {
    return this.opened.close()
  }
}
