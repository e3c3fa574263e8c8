/** Doors over one database in memory, with nobody in between: bytes of clients go in, bytes of the server come out. */
import { deaf } from '../../src/host/deaf.ts'
import { Door } from '../../src/gateway/door.ts'
import { defaultGatewayLimits, type Gateway, type Protocol } from '../../src/gateway/gateway.ts'
import type { SocketListener, Host, Socket } from '../../src/host/host.ts'
import { createRealHost } from '../../src/host/real/real-host.ts'
import { openTestSessions, type TestSessions } from '../../src/session/testing.ts'
import { Unexpected } from './target.ts'

class ListeningSocket implements Socket {
  readonly remote = '127.0.0.1:1'
  readonly isLocal = true
  readonly pendingBytes = 0
  listener: SocketListener = deaf
  readonly received: Uint8Array[] = []
  isClosed = false

  write(bytes: Uint8Array): boolean {
    this.received.push(Uint8Array.from(bytes))
    return true
  }

  pause(): void {}
  resume(): void {}

  end(): void {
    this.destroy()
  }

  destroy(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.listener.onClose()
  }
}

/** Turns in which nothing comes, after which nothing will. */
const quietTurns = 4
const mostTurns = 60

/** What is said first of all, through the first door, whenever they open. */
export type SetUp = readonly Uint8Array[]

export class OpenDoors {
  readonly #protocols: readonly Protocol[]
  readonly #setUps: readonly SetUp[]
  readonly #faults: string[] = []
  readonly #host: Host = createRealHost()
  #test: TestSessions | undefined
  #gateways: Gateway[] = []

  /** `setUps`: of each protocol, what is said whenever the doors open. */
  constructor(protocols: readonly Protocol[], setUps: readonly SetUp[]) {
    this.#protocols = protocols
    this.#setUps = setUps
    const fault = (what: string): void => void this.#faults.push(what)
    this.#host.log = (level, message, fields) => {
      if (level === 'error') fault((fields?.['error'] as Error | undefined)?.stack ?? message)
    }
    this.#host.fatal = (error) => {
      fault(`the process ends: ${error.stack ?? error.message}`)
      throw error
    }
  }

  async open(): Promise<void> {
    await this.close()
    const test = await openTestSessions({ host: this.#host })
    this.#test = test
    this.#gateways = this.#protocols.map((protocol) => new Door(protocol, test.sessions, defaultGatewayLimits))
    for (const [door, setUp] of this.#setUps.entries()) await this.answer(setUp, door)
  }

  async close(): Promise<void> {
    for (const gateway of this.#gateways) await gateway.close(0)
    await this.#test?.close()
  }

  /** What is answered to these bytes on a connection of their own, however long they are waited with. */
  async answer(pieces: readonly Uint8Array[], door = 0): Promise<Buffer> {
    const line = this.connect(door)
    for (const piece of pieces) line.send(piece)
    const reply = await this.hear(line)
    line.end()
    this.check()
    return reply
  }

  connect(door: number): Line {
    const socket = new ListeningSocket()
    this.#gateways[door]!.accept(socket, new Uint8Array(0))
    return new Line(socket)
  }

  /** All that has come since it was last asked for, once nothing more comes. */
  async hear(line: Line): Promise<Buffer> {
    let quiet = 0
    for (let turn = 0; turn < mostTurns && quiet < quietTurns && !line.isClosed; turn++) {
      const before = line.heard
      await new Promise<void>((resolve) => this.#host.turn(resolve))
      quiet = line.heard === before ? quiet + 1 : 0
    }
    return line.take()
  }

  /** Throws what was logged as a fault of ours. */
  check(): void {
    const fault = this.#faults.splice(0)[0]
    if (fault !== undefined) throw new Unexpected(fault)
  }
}

/** A client's end. */
export class Line {
  readonly #socket: ListeningSocket

  constructor(socket: ListeningSocket) {
    this.#socket = socket
  }

  get isClosed(): boolean {
    return this.#socket.isClosed
  }

  /** Pieces of replies so far. */
  get heard(): number {
    return this.#socket.received.length
  }

  send(bytes: Uint8Array): void {
    if (!this.isClosed) this.#socket.listener.onData(bytes)
  }

  take(): Buffer {
    return Buffer.concat(this.#socket.received.splice(0))
  }

  end(): void {
    this.#socket.destroy()
  }
}
