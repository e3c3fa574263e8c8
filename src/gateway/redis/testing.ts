/** A client of the gateway within the process, for its tests. Nothing outside of tests imports this. */
import { deaf } from '../../host/deaf.ts'
import { verifySnapshot } from '../../query/verifiers.ts'
import { given, noOwner } from '../../database/access/access-list.ts'
import type { Privileges } from '../../database/access/privileges.ts'
import { Instance } from '../../database/instance.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { Sessions } from '../../session/sessions.ts'
import type { SocketListener, Host, Socket } from '../../host/host.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits, type DoorChoices, type Gateway, type GatewayLimits } from '../gateway.ts'
import { Door } from '../door.ts'
import { redisProtocol } from './gateway.ts'
import { splitWords } from './wire.ts'

/** Keeps what the gateway writes; hands over what the test sends. */
class TestSocket implements Socket {
  readonly remote: string
  readonly isLocal: boolean
  listener: SocketListener = deaf
  /** What the peer has not taken yet: tests may set it. */
  pendingBytes = 0
  received: Buffer = Buffer.alloc(0)
  isClosed = false
  isPaused = false

  constructor(remote: string) {
    this.remote = remote
    this.isLocal = remote.startsWith('127.')
  }

  write(bytes: Uint8Array): boolean {
    this.received = Buffer.concat([this.received, bytes])
    return true
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  end(): void {
    this.destroy()
  }

  destroy(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.listener.onClose()
  }
}

export class TestClient {
  readonly socket: TestSocket
  readonly #host: Host

  constructor(gateway: Gateway, host: Host, remote = '127.0.0.1:1') {
    this.#host = host
    this.socket = new TestSocket(remote)
    gateway.accept(this.socket, new Uint8Array(0))
  }

  sendBytes(bytes: Uint8Array | string): void {
    this.socket.listener.onData(Buffer.from(bytes as string, 'latin1'))
  }

  send(...args: (string | Uint8Array)[]): Promise<string> {
    this.sendBytes(encodeCommand(args))
    return this.next()
  }

  /** A command as one writes it for redis-cli. */
  sendLine(line: string): Promise<string> {
    const bytes = Buffer.from(line, 'latin1')
    return this.send(...splitWords({ bytes, start: 0, end: bytes.length })!)
  }

  /** The next reply, rendered; `(closed)` where the connection ended instead. */
  async next(): Promise<string> {
    for (;;) {
      const rendered = renderReply(this.socket.received)
      if (rendered !== undefined) {
        this.socket.received = this.socket.received.subarray(rendered.end)
        return rendered.text
      }
      if (this.socket.isClosed) return '(closed)'
      await this.#turn()
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#host.turn(resolve))
  }

  /** Whether no reply comes within some turns. */
  async isWaiting(): Promise<boolean> {
    for (let turn = 0; turn < 20; turn++) await this.#turn()
    return this.socket.received.length === 0 && !this.socket.isClosed
  }

  close(): void {
    this.socket.destroy()
  }
}

export interface TestServer extends TestSessions {
  readonly gateway: Gateway
  connect(): TestClient
}

export interface TestServerWithUsers {
  readonly sessions: Sessions
  readonly instance: Instance
  connect(): TestClient
  /** Of a new connection. */
  login(name: string, password?: string): Promise<TestClient>
  /** Gives on the namespace `redis`, a collection in it, or the keys of a pattern there. */
  give(to: string, may: Privileges, where?: { readonly collection?: string; readonly keys?: string }): Promise<void>
  /** All that was given there to it. */
  takeAll(from: string): Promise<void>
  close(): Promise<void>
}

/** A server with a superuser `ada`, and room for more. All passwords are `secret`. */
export async function openTestServerWithUsers({
  hasUsers = true,
}: { readonly hasUsers?: boolean } = {}): Promise<TestServerWithUsers> {
  const host = { ...createRealHost(), disk: createMemoryDisk(), log: (): void => undefined }
  const instance = await Instance.open({ host, directory: 'data' }, 'polylog')
  const sessions = new Sessions(host, () => instance.databases, { catalog: instance })
  const gateway = new Door(redisProtocol, sessions, defaultGatewayLimits)
  if (hasUsers) await sessions.principals.create('ada', { login: true, superuser: true, password: 'secret' })
  const server = sessions.openSession({ user: 'polylog', door: 'library' })
  const connect = (): TestClient => new TestClient(gateway, host)
  return {
    sessions,
    instance,
    connect,
    login: async (name, password = 'secret') => {
      const client = connect()
      const reply = await client.send('AUTH', name, password)
      if (reply !== '+OK') throw new Error(reply)
      return client
    },
    give: async (to, may, { collection, keys } = {}) => {
      const role = sessions.principals.find(to)!
      await server.run((tx) => {
        const namespace = tx.catalog.namespaces.get('redis') ?? tx.createNamespace('redis')
        const id = collection === undefined ? namespace.id : tx.catalog.findCollection('redis', collection)!.id
        const giving = { to: role.id, by: noOwner, privileges: may, option: false, ...(keys !== undefined && { keys }) }
        tx.access.change(id, keys === undefined ? '' : 'keys', (before) => given(before ?? [], giving))
      })
    },
    takeAll: async (from) => {
      const role = sessions.principals.find(from)!
      await server.run((tx) => {
        for (const [id, parts] of tx.catalog.access) {
          for (const part of parts.keys()) {
            tx.access.change(id, part, (before) => before!.filter(({ to }) => to !== role.id))
          }
        }
      })
    },
    close: async () => {
      await gateway.close(0)
      sessions.close()
      await instance.close()
    },
  }
}

export async function openTestServer(
  limits: Partial<GatewayLimits> = {},
  choices: DoorChoices = {},
): Promise<TestServer> {
  const test = await openTestSessions()
  const gateway = new Door(redisProtocol, test.sessions, { ...defaultGatewayLimits, ...limits }, undefined, choices)
  return {
    ...test,
    gateway,
    connect: () => new TestClient(gateway, test.database.host),
    close: async () => {
      await gateway.close(0)
      await test.close()
    },
  }
}

export function encodeCommand(args: readonly (string | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)]
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg, 'latin1') : Buffer.from(arg)
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'))
  }
  return Buffer.concat(parts)
}

interface Rendered {
  readonly text: string
  readonly end: number
}

/** The reply at the beginning of `bytes` as one line of text; undefined where it is not complete. */
export function renderReply(bytes: Buffer, at = 0): Rendered | undefined {
  const lineEnd = bytes.indexOf('\r\n', at)
  if (lineEnd < 0) return undefined
  const type = String.fromCharCode(bytes[at]!)
  const line = bytes.toString('latin1', at + 1, lineEnd)
  const next = lineEnd + 2
  if (type === '$' || type === '=') {
    if (line === '-1') return { text: '(null)', end: next }
    const end = next + Number(line)
    if (bytes.length < end + 2) return undefined
    const text = JSON.stringify(bytes.toString('latin1', next, end))
    return { text: type === '=' ? `=${text}` : text, end: end + 2 }
  }
  if (type === '_') return { text: '(null)', end: next }
  if (type !== '*' && type !== '~' && type !== '%' && type !== '>') return { text: type + line, end: next }
  if (line === '-1') return { text: '(null array)', end: next }
  return renderItems(bytes, next, type, Number(line) * (type === '%' ? 2 : 1))
}

const brackets: Readonly<Record<string, readonly [string, string]>> = {
  '*': ['[', ']'],
  '%': ['{', '}'],
  '~': ['<', '>'],
  '>': ['push[', ']'],
}

function renderItems(bytes: Buffer, start: number, type: string, count: number): Rendered | undefined {
  const items: string[] = []
  let at = start
  for (let i = 0; i < count; i++) {
    const item = renderReply(bytes, at)
    if (item === undefined) return undefined
    items.push(item.text)
    at = item.end
  }
  const [open, close] = brackets[type]!
  return { text: `${open}${items.join(' ')}${close}`, end: at }
}

/** What the verifier finds wrong. */
export async function differencesOf(server: TestServer): Promise<readonly unknown[]> {
  const session = server.sessions.openSession({ user: 'test', door: 'test' })
  const { differences } = await session.run((tx) => verifySnapshot(tx))
  session.close()
  return differences
}

/** Values that are the same in every run, and not alike anywhere. */
export class TestChance {
  #state = 1

  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) >>> 0
    return (this.#state >>> 8) % limit
  }

  text(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i++) bytes[i] = 0x61 + this.below(26)
    return bytes
  }
}
