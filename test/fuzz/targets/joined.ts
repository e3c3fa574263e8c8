/**
 * Three clients, at a door each, who may be in one transaction: one begins it, the others join by its token, and they speak
 * in turns. Afterwards everybody who comes anew must be served: nothing that the three left may stand in the way.
 */
import { BSON, type Document } from 'bson'
import { mongodbProtocol } from '../../../src/gateway/mongodb/gateway.ts'
import { postgresProtocol } from '../../../src/gateway/postgres/gateway.ts'
import { redisProtocol } from '../../../src/gateway/redis/gateway.ts'
import { SeededRandom } from '../../../src/host/simulated/random.ts'
import { loadSql } from '../../../src/language/sql/sql.ts'
import { frontendMessage, mongoHello, redisCommand, startupPacket } from '../../end-to-end/protocol-bytes.ts'
import { Choices } from '../choices.ts'
import { commandOf } from '../grammars/mql.ts'
import { redisRequest, redisSetUp } from '../grammars/redis.ts'
import { randomChoices, statementsOf } from '../grammars/sql.ts'
import { OpenDoors, type Line } from '../open-doors.ts'
import { Unexpected, type Target } from '../target.ts'
import { checkMongo, checkPostgres, checkRedis, mongoMessageOf, mongoSetUp, postgresSetUp, steps } from './served.ts'

const query = (...texts: string[]): Buffer => Buffer.concat(texts.map((text) => frontendMessage('Q', `${text}\0`)))

/** What a party says at its door, and how replies are checked there. */
interface Manner {
  greet(): Uint8Array
  begin(): Uint8Array
  join(token: string): Uint8Array
  speak(choices: Choices): Uint8Array
  commit(): Uint8Array
  rollBack(): Uint8Array
  check(reply: Buffer): void
  /** What is answered to everybody, and what is in the answer. */
  readonly probe: readonly [Uint8Array, string]
}

const redisManner: Manner = {
  greet: () => redisCommand('PING'),
  begin: () => Buffer.concat([redisCommand('POLYLOG.BEGIN'), redisCommand('POLYLOG.TOKEN')]),
  join: (token) => redisCommand('POLYLOG.JOIN', token),
  speak: redisRequest,
  commit: () => Buffer.concat([redisCommand('POLYLOG.COMMIT'), redisCommand('POLYLOG.LEAVE')]),
  rollBack: () => redisCommand('POLYLOG.ROLLBACK'),
  check: checkRedis,
  // A limit of memory is the server's, and stays as whoever was allowed to has set it.
  probe: [
    Buffer.concat([
      redisCommand('CONFIG', 'SET', 'maxmemory', '0'),
      redisCommand('SET', 'probe', 'here'),
      redisCommand('GET', 'probe'),
    ]),
    '$4\r\nhere',
  ],
}

const postgresManner: Manner = {
  greet: startupPacket,
  begin: () => query('begin', 'select polylog_transaction_token()'),
  join: (token) => query('begin', `select polylog_join('${token}')`),
  speak: (choices) => query(statementsOf(choices)),
  commit: () => query('commit'),
  rollBack: () => query('rollback'),
  check: checkPostgres,
  probe: [
    Buffer.concat([startupPacket(), query("create table probe as select 'here' as a", 'drop table probe')]),
    'DROP TABLE',
  ],
}

const lsid = { id: new BSON.UUID('01234567-89ab-4def-8123-456789abcdef') }

/** Its transaction is begun anew by every number. */
class MongoManner implements Manner {
  #transaction = 0
  readonly check: (reply: Buffer) => void = checkMongo
  readonly probe: readonly [Uint8Array, string] = [
    Buffer.concat([mongoHello, mongoMessageOf({ insert: 'probes', documents: [{}], $db: 'test' })]),
    'ok',
  ]

  greet(): Uint8Array {
    return mongoHello
  }

  begin(): Uint8Array {
    return this.#within({ polylogToken: 1, $db: 'admin' }, true)
  }

  join(token: string): Uint8Array {
    return this.#within({ polylogJoin: token, $db: 'admin' }, true)
  }

  speak(choices: Choices): Uint8Array {
    return this.#within(commandOf(choices))
  }

  commit(): Uint8Array {
    return this.#within({ commitTransaction: 1, $db: 'admin' })
  }

  rollBack(): Uint8Array {
    return this.#within({ abortTransaction: 1, $db: 'admin' })
  }

  #within(command: Document, isFirst = false): Uint8Array {
    const { $db, ...rest } = command
    if (isFirst) this.#transaction++
    const txnNumber = BSON.Long.fromNumber(this.#transaction)
    return mongoMessageOf({
      ...rest,
      lsid,
      txnNumber,
      autocommit: false,
      ...(isFirst && { startTransaction: true }),
      $db,
    })
  }
}

interface Party {
  readonly manner: Manner
  readonly line: Line
}

const token = /[0-9a-f]{16,}/g

/** The last thing in the reply that may be one. */
const tokenIn = (reply: Buffer): string => reply.toString('latin1').match(token)?.at(-1) ?? 'no token'

export const joinedTarget: Target = {
  name: 'joined-doors',
  title: 'three clients at three doors in one transaction',
  mostBytes: 400,
  steps,
  share: 0.03,
  async open() {
    await loadSql()
    const manners = (): readonly Manner[] => [redisManner, postgresManner, new MongoManner()]
    const doors = new OpenDoors(
      [redisProtocol, postgresProtocol, mongodbProtocol],
      [redisSetUp, postgresSetUp, mongoSetUp],
    )
    await doors.open()
    const random = new SeededRandom(5)

    async function say({ manner, line }: Party, bytes: Uint8Array): Promise<Buffer> {
      line.send(bytes)
      const reply = await doors.hear(line)
      manner.check(reply)
      return reply
    }

    async function converse(choices: Choices): Promise<void> {
      const parties = manners().map((manner, door): Party => ({ manner, line: doors.connect(door) }))
      for (const party of parties) await say(party, party.manner.greet())
      const first = choices.of(parties)
      const name = tokenIn(await say(first, first.manner.begin()))
      for (const party of parties) if (party !== first) await say(party, party.manner.join(name))
      while (!choices.isOver) {
        const party = choices.of(parties)
        const way = choices.below(16)
        if (way === 1) await say(party, party.manner.commit())
        else if (way === 2) await say(party, party.manner.rollBack())
        else if (way === 3) party.line.end()
        else if (way === 4) await say(party, party.manner.begin())
        else if (way === 5) await say(party, party.manner.join(name))
        // Not waited for: the next one speaks meanwhile.
        else if (way === 6) party.line.send(party.manner.speak(choices))
        else await say(party, party.manner.speak(choices))
      }
      for (const { line } of parties) line.end()
    }

    async function probe(): Promise<void> {
      for (const [
        door,
        {
          probe: [bytes, expected],
        },
      ] of manners().entries()) {
        const reply = await doors.answer([bytes], door)
        if (!reply.includes(expected))
          throw new Unexpected(`what was left stands in the way: ${reply.toString('latin1')}`)
      }
    }

    return {
      seeds: Array.from({ length: 30 }, () => randomChoices(random)),
      words: [],
      generate: (seeded) => Buffer.concat([randomChoices(seeded), randomChoices(seeded), randomChoices(seeded)]),
      async run(input) {
        await converse(new Choices(input))
        doors.check()
        await probe()
      },
      reset: () => doors.open(),
      close: () => doors.close(),
    }
  },
}
