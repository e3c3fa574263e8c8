/**
 * Whole conversations: the bytes of a client at a door, with a database in memory behind it and nobody in between.
 *
 * Nothing may be a fault (`session/faults.ts`), end the process, or be answered by what is no message of the protocol.
 */
import { serialize, type Document } from 'bson'
import type { PolylogError } from '../../../src/base/errors.ts'
import type { Protocol } from '../../../src/gateway/gateway.ts'
import { mongodbProtocol } from '../../../src/gateway/mongodb/gateway.ts'
import { postgresProtocol } from '../../../src/gateway/postgres/gateway.ts'
import { redisProtocol } from '../../../src/gateway/redis/gateway.ts'
import { renderReply } from '../../../src/gateway/redis/testing.ts'
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import { validateDocument } from '../../../src/model/document/validate.ts'
import { loadSql } from '../../../src/language/sql/sql.ts'
import {
  frontendMessage,
  mongoFrame,
  mongoHello,
  redisCommand,
  startupPacket,
} from '../../end-to-end/protocol-bytes.ts'
import { Choices } from '../choices.ts'
import { commandOf } from '../grammars/mql.ts'
import { redisNames, redisRequest, redisSetUp, redisWords } from '../grammars/redis.ts'
import { randomChoices, sqlOf, tablesOfSql } from '../grammars/sql.ts'
import { OpenDoors, type SetUp } from '../open-doors.ts'
import { Unexpected, type Subject, type Target } from '../target.ts'
import { piecesOf } from './wire.ts'

interface Conversing {
  readonly protocol: Protocol
  readonly setUp: SetUp
  readonly seeds: readonly Uint8Array[]
  readonly words: readonly (string | Uint8Array)[]
  generate(random: SeededRandom): Uint8Array
  /** Throws where that is no run of messages; the last may be cut off. */
  check(reply: Buffer): void
}

async function subjectOf({ protocol, setUp, seeds, words, generate, check }: Conversing): Promise<Subject> {
  await loadSql()
  const doors = new OpenDoors([protocol], [setUp])
  await doors.open()
  return {
    seeds,
    words,
    generate,
    async run(input) {
      check(await doors.answer(input.length % 2 === 0 ? [Uint8Array.from(input)] : piecesOf(input)))
    },
    reset: () => doors.open(),
    close: () => doors.close(),
  }
}

export const steps: Target['steps'] = { fixed: 3_000_000, perByte: 20_000 }

// ---- Redis

function redisProgram(random: SeededRandom): Uint8Array {
  const choices = new Choices(randomChoices(random))
  return Buffer.concat(choices.some(6, () => redisRequest(choices), 1))
}

/** What comes behind it is a file and a stream of commands, for a replica. */
const replicated = /^(?:\+FULLRESYNC|\+CONTINUE|\$EOF:|\$\d+\r\nREDIS0)/

export function checkRedis(reply: Buffer): void {
  for (let at = 0; at < reply.length;) {
    if (replicated.test(reply.toString('latin1', at, at + 40))) return
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
  share: 0.2,
  open: () =>
    subjectOf({
      protocol: redisProtocol,
      setUp: redisSetUp,
      seeds: redisNames.map((names) => redisCommand(...names, 'k', '1', 'a', '2')),
      words: [...redisWords, ...redisNames.map((names) => names.join(' ')), '\r\n', '$1\r\n', '*2\r\n'],
      generate: redisProgram,
      check: checkRedis,
    }),
}

// ---- PostgreSQL

function postgresProgram(random: SeededRandom): Uint8Array {
  const sql = (): string => `${sqlOf(randomChoices(random))}\0`
  const messages = Array.from({ length: 1 + random.below(5) }, () => {
    const kind = random.below(9)
    if (kind < 2) return frontendMessage('Q', sql())
    if (kind === 2) return frontendMessage('P', `\0${sql()}\0\0`)
    if (kind === 3)
      return frontendMessage(
        'B',
        random.chance(0.5) ? '\0\0\0\0\0\0\0\0' : '\0\0\0\x01\0\x01\0\x01\0\0\0\x04\0\0\0\x01\0\x01\0\x01',
      )
    if (kind === 4) return frontendMessage('E', '\0\0\0\0\x01')
    if (kind === 5) return frontendMessage('D', random.chance(0.5) ? 'P\0' : 'S\0')
    if (kind === 6) return frontendMessage('d', `${sqlOf(randomChoices(random)).slice(0, 20)}\t1\n`)
    return frontendMessage(random.chance(0.8) ? 'S' : 'dcfHCpF'[random.below(7)]!, random.chance(0.5) ? '' : 'x\0')
  })
  return Buffer.concat([startupPacket(), ...messages, frontendMessage('S')])
}

export const postgresSetUp: SetUp = [
  startupPacket(),
  ...[...tablesOfSql, 'create role reader', 'grant select on t to reader'].map((text) =>
    frontendMessage('Q', `${text}\0`),
  ),
]

export function checkPostgres(reply: Buffer): void {
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
  share: 0.2,
  open: () =>
    subjectOf({
      protocol: postgresProtocol,
      setUp: postgresSetUp,
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
        Buffer.concat([
          startupPacket(),
          frontendMessage('Q', 'create table t (a int, b text); copy t to stdout binary; copy t from stdin binary\0'),
          frontendMessage('d', Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')),
          frontendMessage('d', Buffer.from('\0\x02\0\0\0\x04\0\0\0\x01\xff\xff\xff\xff\xff\xff', 'latin1')),
          frontendMessage('c'),
        ]),
      ],
      words: [frontendMessage('S'), frontendMessage('H'), frontendMessage('X'), 'SELECT ', '\0', '\xff\xff\xff\xff'],
      generate: postgresProgram,
      check: checkPostgres,
    }),
}

// ---- MongoDB

const things: readonly Document[] = [
  { _id: 1, a: [1, { b: 'x' }, [2, 3], null], b: 'xyz', c: { d: { e: 1.5 } } },
  { _id: 'x', a: { b: [{ c: 1 }, { c: 2 }], 0: 'zero' }, b: new Date(0), ['__proto__']: 1 },
  { _id: null },
]

export function mongoMessageOf(command: Document): Buffer {
  return mongoFrame(Buffer.concat([Buffer.from([0]), serialize(command)]))
}

export const mongoSetUp: SetUp = [
  mongoHello,
  mongoMessageOf({ insert: 'things', documents: things, $db: 'test' }),
  mongoMessageOf({ createIndexes: 'things', indexes: [{ key: { a: 1, 'c.d': -1 }, name: 'i' }], $db: 'test' }),
]

function mongoProgram(random: SeededRandom): Uint8Array {
  const messages = Array.from({ length: 1 + random.below(3) }, () => mongoCommand(randomChoices(random)))
  return Buffer.concat([mongoHello, ...messages])
}

function mongoCommand(choices: Uint8Array): Buffer {
  return mongoMessageOf(commandOf(new Choices(choices)))
}

export function checkMongo(reply: Buffer): void {
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
  share: 0.2,
  open: () =>
    subjectOf({
      protocol: mongodbProtocol,
      setUp: mongoSetUp,
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
