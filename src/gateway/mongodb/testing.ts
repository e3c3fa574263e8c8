/** A listener for this gateway alone, and a client that sends what bytes it likes. Nothing outside of tests imports this. */
import { deaf, hear } from '../../host/deaf.ts'
import { MongoClient } from 'mongodb'
import { afterAll } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import type { TestDatabaseOptions } from '../../database/testing.ts'
import type { SocketListener, Host, Listener, Socket } from '../../host/host.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits, type DoorChoices, type Gateway, type GatewayLimits } from '../gateway.ts'
import { Door } from '../door.ts'
import { mongodbProtocol } from './gateway.ts'
import { headerBytes, opcode, readHeader } from './wire.ts'

export interface TestMongodb {
  readonly test: TestSessions
  readonly gateway: Gateway
  readonly url: string
  connect(): Promise<RawClient>
  close(): Promise<void>
}

export async function openTestMongodb(
  limits: Partial<GatewayLimits> = {},
  options: TestDatabaseOptions = {},
  choices: DoorChoices = {},
): Promise<TestMongodb> {
  const test = await openTestSessions(options)
  const gateway = new Door(mongodbProtocol, test.sessions, { ...defaultGatewayLimits, ...limits }, undefined, choices)
  const { host } = test.database
  const listener: Listener = await host.network.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    gateway.accept(socket, new Uint8Array(0))
  })
  const { address } = listener
  return {
    test,
    gateway,
    url: `mongodb://${address.host}:${address.port}/?serverSelectionTimeoutMS=60000`,
    connect: () => connectRaw(host, address.port),
    async close() {
      await listener.close()
      await gateway.close(100)
      await test.close()
    },
  }
}

/** The unmodified driver on a server of its own, both closed after the file's tests. */
export async function openTestDriver(): Promise<{ readonly server: TestMongodb; readonly client: MongoClient }> {
  const server = await openTestMongodb()
  const client = new MongoClient(server.url)
  afterAll(async () => {
    await client.close()
    await server.close()
  })
  return { server, client }
}

async function connectRaw(host: Host, port: number): Promise<RawClient> {
  return new RawClient(await host.network.connect({ host: '127.0.0.1', port }))
}

/** One end of a connection within the process: what one end writes the other has at once. */
class LocalSocket implements Socket {
  readonly remote = 'test'
  readonly isLocal = true
  readonly pendingBytes = 0
  listener: SocketListener = deaf
  peer: LocalSocket | undefined

  write(bytes: Uint8Array): boolean {
    this.peer?.listener.onData(Uint8Array.from(bytes))
    return true
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.destroy()
  }

  destroy(): void {
    const { peer } = this
    this.peer = undefined
    if (peer === undefined) return
    peer.destroy()
    this.listener.onClose()
  }
}

/** A client without a network: for a gateway on a simulated clock, or to see what comes at once. */
export function connectLocally(gateway: Gateway): RawClient {
  const [client, server] = [new LocalSocket(), new LocalSocket()]
  client.peer = server
  server.peer = client
  const raw = new RawClient(client)
  gateway.accept(server, new Uint8Array(0))
  return raw
}

/** One reply for one message, in order. */
export class RawClient {
  readonly closed: Promise<void>
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  readonly #replies: Uint8Array[] = []
  readonly #waiting: ((reply: Uint8Array | undefined) => void)[] = []
  #isClosed = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => {
      const onClose = (): void => {
        this.#isClosed = true
        for (const waiter of this.#waiting.splice(0)) waiter(undefined)
        resolve()
      }
      hear(socket, { onData: (chunk) => this.#receive(chunk), onEnd: () => socket.end(), onClose })
    })
  }

  #receive(chunk: Uint8Array): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= headerBytes) {
      const { length } = readHeader(this.#received, 0)
      if (this.#received.length < length) return
      const reply = this.#received.subarray(0, length)
      const waiter = this.#waiting.shift()
      if (waiter === undefined) this.#replies.push(reply)
      else waiter(reply)
      this.#received = this.#received.subarray(length)
    }
  }

  /** Replies that have come and that nobody has taken. */
  get replyCount(): number {
    return this.#replies.length
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** The next reply's document, or `undefined` where the connection closed. */
  async reply(): Promise<Uint8Array | undefined> {
    if (this.#isClosed) return undefined
    const ready = this.#replies.shift()
    const message = ready ?? (await new Promise<Uint8Array | undefined>((resolve) => this.#waiting.push(resolve)))
    if (message === undefined) return undefined
    const isLegacy = readHeader(message, 0).opcode === opcode.reply
    return message.subarray(headerBytes + (isLegacy ? 20 : 5))
  }

  command(document: Uint8Array): Promise<Uint8Array | undefined> {
    this.send(messageOf(document))
    return this.reply()
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

/** An OP_MSG with one body. */
export function messageOf(document: Uint8Array, flags = 0): Uint8Array {
  const writer = new ByteWriter()
  writer.u32le(headerBytes + 5 + document.length)
  writer.u32le(1)
  writer.u32le(0)
  writer.u32le(opcode.message)
  writer.u32le(flags)
  writer.u8(0)
  writer.copy(document)
  return writer.toBytes()
}
