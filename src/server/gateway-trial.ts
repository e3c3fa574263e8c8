/**
 * One server for the contract of gateways, its clients, and what can be planted in its statements and on its disk. Nothing
 * outside of tests imports this.
 */
import { hear } from '../host/deaf.ts'
import { expect } from 'vitest'
import { assert } from '../base/errors.ts'
import type { StatementSteps } from '../database/contract.ts'
import type { ProcessMemory } from '../database/process-memory.ts'
import { isSteps } from '../database/transaction/wait.ts'
import type { Host, Socket } from '../host/host.ts'
import type { Session } from '../session/contract.ts'
import { openTestSessions, SmallDisk, type TestSessions } from '../session/testing.ts'
import { probes, type Probe } from './gateway-probes.ts'
import type { ProtocolName } from './protocols.ts'
import { Server } from './server.ts'

/** Where the suite runs. */
export interface Ground {
  readonly server: Host
  readonly client: Host
  /** The name by which the client finds the server. */
  readonly address: string
  /** Why the server's process has ended. */
  readonly fatals: readonly { readonly error: unknown }[]
  /** Lines of the server's log. */
  readonly logged: Readonly<Record<string, unknown>>[]
  /** Lets what is asynchronous happen until the promise is settled. */
  complete<T>(running: Promise<T>): Promise<T>
}

/** What the statements of all sessions do instead of their work. */
export type Plant =
  | 'nothing'
  | 'throws'
  | 'throws later'
  | 'breaks the kernel'
  | 'breaks it later'
  | 'breaks it at its commit'
  | 'never ends'
  | 'ends when told'

/** One open server, and what tests look at. */
export class Tried {
  readonly probe: Probe
  plant: Plant = 'nothing'
  /** Statements that never end, and have not been ended yet. */
  running = 0
  /** Statements that end when told are told. */
  mayEnd = false
  readonly disk: SmallDisk
  readonly #ground: Ground
  readonly #opened: TestSessions
  readonly #server: Server

  private constructor(ground: Ground, probe: Probe, disk: SmallDisk, opened: TestSessions, server: Server) {
    this.#ground = ground
    this.probe = probe
    this.disk = disk
    this.#opened = opened
    this.#server = server
  }

  static async open(ground: Ground, name: ProtocolName, memory: ProcessMemory): Promise<Tried> {
    const disk = new SmallDisk(ground.server)
    const opened = await openTestSessions({ host: disk.host, log: disk.log, sessions: { memory } })
    const { sessions } = opened
    const open = sessions.openSession.bind(sessions)
    sessions.openSession = (options) => {
      const session = open(options)
      if (options.door === name) tried.#plantIn(session)
      return session
    }
    const server = await Server.listen(ground.server, sessions, { port: 0 })
    const tried = new Tried(ground, probes[name], disk, opened, server)
    tried.#plantInCommits()
    return tried
  }

  #plantIn(session: Session): void {
    const run = session.run.bind(session)
    session.run = (statement, options) => {
      if (this.plant === 'nothing' || this.plant === 'breaks it at its commit') return run(statement, options)
      return run((transaction) => this.#planted(() => statement(transaction)), options) as ReturnType<typeof run<never>>
    }
  }

  #planted<T>(statement: () => T | StatementSteps<T>): StatementSteps<T> {
    if (this.plant === 'throws') throw new TypeError('planted')
    if (this.plant === 'breaks the kernel') assert(false, 'planted')
    return this.#endless(statement)
  }

  *#endless<T>(statement: () => T | StatementSteps<T>): StatementSteps<T> {
    this.running++
    try {
      for (;;) {
        yield undefined
        if (this.plant === 'throws later') throw new TypeError('planted')
        if (this.plant === 'breaks it later') assert(false, 'planted')
        if (this.plant === 'ends when told' && this.mayEnd) break
      }
      const result = statement()
      return isSteps(result) ? yield* result : result
    } finally {
      this.running--
    }
  }

  #plantInCommits(): void {
    const { database } = this.#opened
    const begin = database.beginAlone.bind(database)
    database.beginAlone = (...options) => {
      const transaction = begin(...options)
      if (this.plant !== 'breaks it at its commit') return transaction
      transaction.commit = () => {
        throw new TypeError('planted')
      }
      return transaction
    }
  }

  get memory(): ProcessMemory {
    return this.#opened.sessions.memory
  }

  /** What is held for clients beside their connections as such, which may have to wait for their sockets' end. */
  get heldBytes(): number {
    return this.memory.work.usedBytes - this.memory.connections.usedBytes
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

  /** Sessions of the door whose statement waits. */
  get runningSession(): number {
    const found = [...this.#opened.sessions.all()].find(({ running }) => running !== undefined)
    assert(found !== undefined, 'no statement runs')
    return found.id
  }

  /** A client that has been answered, and has made what the probe's requests need. */
  async prepare(): Promise<Client> {
    const client = await this.greet()
    for (const [at, request] of this.probe.preparing.entries()) {
      client.send(request)
      await client.answers(at + 2)
    }
    client.received = Buffer.alloc(0)
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

export class Client {
  received: Buffer = Buffer.alloc(0)
  isClosed = false
  readonly #socket: Socket
  readonly #host: Host
  readonly #probe: Probe

  constructor(socket: Socket, host: Host, probe: Probe) {
    this.#socket = socket
    this.#host = host
    this.#probe = probe
    hear(socket, {
      onData: (chunk) => (this.received = Buffer.concat([this.received, chunk])),
      onEnd: () => socket.end(),
      onClose: () => (this.isClosed = true),
    })
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

  /** In pieces of so many bytes. */
  async sendInPieces(bytes: Uint8Array, pieceBytes: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      this.send(bytes.subarray(at, at + pieceBytes))
      await this.turns(1)
    }
  }

  async answers(count: number): Promise<void> {
    await waitUntil(this.#host, () => this.#probe.countAnswers(this.received) >= count || this.isClosed)
    expect(this.#probe.countAnswers(this.received)).toBeGreaterThanOrEqual(count)
  }

  async closed(): Promise<void> {
    await waitUntil(this.#host, () => this.isClosed)
  }
}
