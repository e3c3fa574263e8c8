/**
 * Whole conversations: the bytes of a client at a door, with a database in memory behind it and nobody in between.
 *
 * Nothing may be a fault (`session/faults.ts`), end the process, or be answered by what is no message of the protocol.
 */
import { serialize } from 'bson'
import type { PolylogError } from '../../../src/base/errors.ts'
import { Door } from '../../../src/gateway/door.ts'
import { defaultGatewayLimits, type Gateway, type Protocol } from '../../../src/gateway/gateway.ts'
import { mongodbProtocol } from '../../../src/gateway/mongodb/gateway.ts'
import { postgresProtocol } from '../../../src/gateway/postgres/gateway.ts'
import { redisProtocol } from '../../../src/gateway/redis/gateway.ts'
import { renderReply } from '../../../src/gateway/redis/testing.ts'
import type { Host, Socket } from '../../../src/host/host.ts'
import { createRealHost } from '../../../src/host/real/real-host.ts'
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import { validateDocument } from '../../../src/model/document/validate.ts'
import { loadSql } from '../../../src/language/sql/sql.ts'
import { openTestSessions, type TestSessions } from '../../../src/session/testing.ts'
import commands from '../../../src/gateway/redis/commands.json' with { type: 'json' }
import {
  frontendMessage,
  mongoFrame,
  mongoHello,
  redisCommand,
  startupPacket,
} from '../../end-to-end/protocol-bytes.ts'
import { Choices } from '../choices.ts'
import { Unexpected, type Subject, type Target } from '../target.ts'
import { commandOf } from './mql.ts'
import { randomChoices, sqlOf } from './sql.ts'
import { piecesOf } from './wire.ts'

class ListeningSocket implements Socket {
  readonly remote = '127.0.0.1:1'
  readonly isLocal = true
  readonly pendingBytes = 0
  onData: (chunk: Uint8Array) => void = () => undefined
  onEnd: () => void = () => undefined
  onDrain: () => void = () => undefined
  onClose: () => void = () => undefined
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
    this.onClose()
  }
}

/** Turns in which nothing comes, after which nothing will. */
const quietTurns = 4
const mostTurns = 60

class Served {
  readonly #protocol: Protocol
  readonly #faults: string[] = []
  readonly #host: Host = createRealHost()
  #test: TestSessions | undefined
  #gateway: Gateway | undefined

  constructor(protocol: Protocol) {
    this.#protocol = protocol
    const fault = (what: string): void => void this.#faults.push(what)
    this.#host.log = (level, message, fields) => {
      if (level === 'error') fault(`${message}\n${String(fields?.['stack'] ?? '')}`)
    }
    this.#host.fatal = (error) => {
      fault(`the process ends: ${error.stack ?? error.message}`)
      throw error
    }
  }

  async open(): Promise<void> {
    await this.close()
    this.#test = await openTestSessions({ host: this.#host })
    this.#gateway = new Door(this.#protocol, this.#test.sessions, defaultGatewayLimits)
  }

  async close(): Promise<void> {
    await this.#gateway?.close(0)
    await this.#test?.close()
  }

  /** What is answered to these bytes, however long they are waited with. */
  async answer(pieces: readonly Uint8Array[]): Promise<Buffer> {
    const socket = new ListeningSocket()
    this.#gateway!.accept(socket, new Uint8Array(0))
    for (const piece of pieces) if (!socket.isClosed) socket.onData(piece)
    let quiet = 0
    for (let turn = 0; turn < mostTurns && quiet < quietTurns && !socket.isClosed; turn++) {
      const before = socket.received.length
      await new Promise<void>((resolve) => this.#host.turn(resolve))
      quiet = socket.received.length === before ? quiet + 1 : 0
    }
    socket.destroy()
    const fault = this.#faults.splice(0)[0]
    if (fault !== undefined) throw new Unexpected(fault)
    return Buffer.concat(socket.received)
  }
}

interface Conversing {
  readonly protocol: Protocol
  readonly seeds: readonly Uint8Array[]
  readonly words: readonly (string | Uint8Array)[]
  generate(random: SeededRandom): Uint8Array
  /** Throws where that is no run of messages; the last may be cut off. */
  check(reply: Buffer): void
}

async function subjectOf({ protocol, seeds, words, generate, check }: Conversing): Promise<Subject> {
  await loadSql()
  const served = new Served(protocol)
  await served.open()
  return {
    seeds,
    words,
    generate,
    async run(input) {
      check(await served.answer(input.length % 2 === 0 ? [Uint8Array.from(input)] : piecesOf(input)))
    },
    reset: () => served.open(),
    close: () => served.close(),
  }
}

const steps = { fixed: 3_000_000, perByte: 20_000 }

// ---- Redis

const redisWords = [
  'k',
  'a',
  'b',
  '1',
  '0',
  '-1',
  'x',
  '9007199254740993',
  '-9223372036854775808',
  'inf',
  'nan',
  '1e400',
  '*',
  '(1',
  '[a',
  '-',
  '+',
  'NX',
  'XX',
  'GT',
  'CH',
  'INCR',
  'WITHSCORES',
  'LIMIT',
  'COUNT',
  'MATCH',
  'EX',
  'PX',
  'KEEPTTL',
  'GET',
  'BEFORE',
  'LEFT',
  'RIGHT',
  'STORE',
  'WEIGHTS',
  'AGGREGATE',
  'BYSCORE',
  'REV',
  '__proto__',
  '',
  '\0',
  'é',
  'a*a*a*a*b',
  '2',
  '3',
  '536870912',
  '4294967296',
]
const redisNames = commands.map(({ name }) => name)

function redisProgram(random: SeededRandom): Uint8Array {
  const choices = new Choices(randomChoices(random))
  return Buffer.concat(
    choices.some(6, () => redisCommand(choices.of(redisNames), ...choices.some(6, () => choices.of(redisWords))), 1),
  )
}

function checkRedis(reply: Buffer): void {
  for (let at = 0; at < reply.length;) {
    if (!'+-:$*_%~=,#(>'.includes(String.fromCharCode(reply[at]!)))
      throw new Unexpected(`a reply of ${reply.toString('latin1')}`)
    const end = renderReply(reply, at)?.end
    if (end === undefined) return
    at = end
  }
}

export const redisDoorTarget: Target = {
  name: 'redis-door',
  title: 'conversations at the Redis door',
  mostBytes: 1024,
  steps,
  open: () =>
    subjectOf({
      protocol: redisProtocol,
      seeds: redisNames.map((name) => redisCommand(name, 'k', '1', 'a', '2')),
      words: [...redisWords, ...redisNames, '\r\n', '$1\r\n', '*2\r\n'],
      generate: redisProgram,
      check: checkRedis,
    }),
}

// ---- PostgreSQL

function postgresProgram(random: SeededRandom): Uint8Array {
  const sql = (): string => `${sqlOf(randomChoices(random))}\0`
  const messages = Array.from({ length: 1 + random.below(5) }, () => {
    const kind = random.below(7)
    if (kind < 2) return frontendMessage('Q', sql())
    if (kind === 2) return frontendMessage('P', `\0${sql()}\0\0`)
    if (kind === 3)
      return frontendMessage(
        'B',
        random.chance(0.5) ? '\0\0\0\0\0\0\0\0' : '\0\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x01\0\x01\0\x01',
      )
    if (kind === 4) return frontendMessage('E', '\0\0\0\0\x01')
    if (kind === 5) return frontendMessage('D', random.chance(0.5) ? 'P\0' : 'S\0')
    return frontendMessage(random.chance(0.8) ? 'S' : 'dcfHCpF'[random.below(7)]!, random.chance(0.5) ? '' : 'x\0')
  })
  return Buffer.concat([startupPacket(), ...messages, frontendMessage('S')])
}

function checkPostgres(reply: Buffer): void {
  for (let at = reply[0] === 0x4e && reply[1] !== 0 ? 1 : 0; at + 5 <= reply.length;) {
    const type = String.fromCharCode(reply[at]!)
    const length = reply.readInt32BE(at + 1)
    if (!'RSKvZ123nsICtTGHcdDENVA'.includes(type) || length < 4)
      throw new Unexpected(`a message ${type} of ${length} bytes`)
    at += 1 + length
  }
}

export const postgresDoorTarget: Target = {
  name: 'postgres-door',
  title: 'conversations at the PostgreSQL door',
  mostBytes: 2048,
  steps,
  open: () =>
    subjectOf({
      protocol: postgresProtocol,
      seeds: [
        Buffer.concat([startupPacket(), frontendMessage('Q', 'SELECT 1, now()\0')]),
        Buffer.concat([
          startupPacket(),
          frontendMessage('P', 's\0SELECT $1::int\0\0\0'),
          frontendMessage('B', '\0s\0\0\0\0\x01\0\0\0\x011\0\0'),
          frontendMessage('D', 'P\0'),
          frontendMessage('E', '\0\0\0\0\0'),
          frontendMessage('S'),
        ]),
        Buffer.concat([
          startupPacket(),
          frontendMessage('Q', 'create table t (a int, b text)\0'),
          frontendMessage('Q', 'copy t from stdin\0'),
          frontendMessage('d', '1\tx\n2\t\\N\n'),
          frontendMessage('c'),
          frontendMessage('Q', 'begin; select * from t; rollback\0'),
        ]),
      ],
      words: [frontendMessage('S'), frontendMessage('H'), frontendMessage('X'), 'SELECT ', '\0', '\xff\xff\xff\xff'],
      generate: postgresProgram,
      check: checkPostgres,
    }),
}

// ---- MongoDB

function mongoProgram(random: SeededRandom): Uint8Array {
  const messages = Array.from({ length: 1 + random.below(3) }, () => mongoCommand(randomChoices(random)))
  return Buffer.concat([mongoHello, ...messages])
}

function mongoCommand(choices: Uint8Array): Buffer {
  return mongoFrame(Buffer.concat([Buffer.from([0]), serialize(commandOf(choices))]))
}

function checkMongo(reply: Buffer): void {
  for (let at = 0; at + 16 <= reply.length;) {
    const end = at + reply.readInt32LE(at)
    const opcode = reply.readInt32LE(at + 12)
    if (end > reply.length) return
    if (end < at + 21 || (opcode !== 2013 && opcode !== 1)) throw new Unexpected(`a message of operation ${opcode}`)
    try {
      validateDocument(reply, at + (opcode === 1 ? 36 : 21), end, 300)
    } catch (error) {
      throw new Unexpected(`a reply that is no BSON: ${(error as PolylogError).message}`)
    }
    at = end
  }
}

export const mongoDoorTarget: Target = {
  name: 'mongodb-door',
  title: 'conversations at the MongoDB door',
  mostBytes: 2048,
  steps,
  open: () =>
    subjectOf({
      protocol: mongodbProtocol,
      seeds: Array.from({ length: 30 }, (_, i) =>
        Buffer.concat([
          mongoHello,
          mongoCommand(Uint8Array.from({ length: 24 }, (_, at) => (i * 37 + at * 11) & 0xff)),
        ]),
      ),
      words: ['$db\0', 'find\0', '$or\0', '\x10', '\x12', '\x03', '\x04'],
      generate: mongoProgram,
      check: checkMongo,
    }),
}
