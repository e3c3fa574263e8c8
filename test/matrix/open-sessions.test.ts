/**
 * What is given and taken away counts at once for what is open already, by whichever door: statements that were prepared, cursors,
 * transactions, commands that are queued, statements that wait. And a party of a joined transaction has its own privileges.
 */
import type { ClientSession } from 'mongodb'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Command, type Door, doors } from './operation.ts'
import { type Answer, type User, World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world.stop())
afterEach(() => world.takeAll())

const denied: Answer = { outcome: 'denied' }

interface Way {
  readonly give: readonly (string | Command)[]
  readonly take: readonly (string | Command)[]
}

const roles = [
  { role: 'read', db: 'shop' },
  { role: 'read', db: 'redis' },
]
/** To read everything in both schemas. */
const ways: Readonly<Record<Door, Way>> = {
  sql: {
    give: ['GRANT SELECT ON SCHEMA shop TO ada', 'GRANT SELECT ON SCHEMA redis TO ada'],
    take: ['REVOKE SELECT ON SCHEMA shop FROM ada', 'REVOKE SELECT ON SCHEMA redis FROM ada'],
  },
  mongodb: { give: [{ grantRolesToUser: 'ada', roles }], take: [{ revokeRolesFromUser: 'ada', roles }] },
  redis: {
    give: ['ACL SETUSER ada %R~* +@all'],
    take: ['ACL SETUSER ada resetkeys'],
  },
}
/** By the role that she is a member of, and by what she is. */
const otherWays: readonly Way[] = [
  {
    give: ['GRANT SELECT ON SCHEMA shop TO crew', 'GRANT SELECT ON SCHEMA redis TO crew', 'GRANT crew TO ada'],
    take: ['REVOKE crew FROM ada'],
  },
  { give: ['ALTER ROLE ada SUPERUSER'], take: ['ALTER ROLE ada NOSUPERUSER'] },
  { give: ['GRANT pg_read_all_data TO ada'], take: ['REVOKE pg_read_all_data FROM ada'] },
]

async function administer(door: Door, all: Way['give']): Promise<void> {
  for (const one of all) await world.administer(door, one)
}

const all: readonly (readonly [string, Door, Way])[] = [
  ...doors.map((door) => [`by ${door}`, door, ways[door]] as const),
  ...otherWays.map((way) => [String(way.give.at(-1)), 'sql', way] as const),
]

describe.each(all)('what was given %s and is taken away', (_, by, way) => {
  const isOfKeys = by === 'redis'
  const rows = isOfKeys ? 'SELECT key FROM redis.db0' : 'SELECT id FROM shop.items'
  const find = isOfKeys ? { find: 'db0', $db: 'redis' } : { find: 'notes' }
  const database = find.$db ?? 'shop'

  test('is refused to a statement that was prepared, and given again answered', async () => {
    for (let round = 0; round < 2; round++) {
      await administer(by, way.give)
      expect(await world.say('sql', rows)).toMatchObject({ outcome: 'allowed' })
      expect(await world.say('redis', 'GET a:s')).toMatchObject({ outcome: 'allowed' })
      await administer(by, way.take)
      expect(await world.say('sql', rows)).toEqual(denied)
      expect(await world.say('redis', 'GET a:s')).toEqual(denied)
    }
  })

  test('is refused within transactions, of whatever state', async () => {
    const { sql, mongo } = world.ada
    const session = mongo.startSession()
    await administer(by, way.give)
    await sql.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await sql.query(rows)
    session.startTransaction()
    await mongo.db(database).command({ find: find.find }, { session })
    await administer(by, way.take)
    expect(await world.say('sql', rows)).toEqual(denied)
    await sql.query('ROLLBACK')
    expect(await world.ada.say('mongodb', find, session)).toEqual(denied)
    await session.abortTransaction()
    await session.endSession()
  })

  test('is refused to the next batch of a cursor', async () => {
    await administer(by, way.give)
    const db = world.ada.mongo.db(database)
    const { cursor } = await db.command({ find: find.find, batchSize: 1 })
    await administer(by, way.take)
    expect(await world.say('mongodb', { getMore: cursor.id, collection: find.find, $db: database })).toEqual(denied)
  })

  test('is refused to commands that are queued', async () => {
    await administer(by, way.give)
    await world.ada.redis.call('MULTI')
    await world.ada.redis.call('GET', 'a:s')
    await administer(by, way.take)
    const answer = await world.ada.say('redis', 'EXEC')
    // Redis runs the block, and refuses the command in it.
    const found =
      answer.outcome === 'allowed' ? (answer.value as Error[]).map(({ message }) => message) : [answer.outcome]
    expect(found).toEqual([expect.stringMatching(/^NOPERM|denied/)])
  })
})

describe('what has begun goes on, as in PostgreSQL, and what comes next is refused:', () => {
  const update = 'UPDATE shop.items SET price = price + 1 WHERE id = 1'

  test('a statement that waits for a lock', async () => {
    const { root, ada } = world
    await administer('sql', ['GRANT SELECT, UPDATE ON SCHEMA shop TO ada'])
    await root.sql.query('BEGIN')
    await root.sql.query('UPDATE shop.items SET price = 50 WHERE id = 1')
    const waiting = ada.say('sql', update)
    const taker = await world.server.pg()
    const waits = "SELECT count(*)::int AS n FROM polylog.sessions WHERE waits_for = 'lock'"
    while ((await taker.query<{ n: number }>(waits)).rows[0]!.n === 0);
    await taker.query('REVOKE SELECT, UPDATE ON SCHEMA shop FROM ada')
    await root.sql.query('COMMIT')
    expect(await waiting).toMatchObject({ outcome: 'allowed' })
    expect(await ada.say('sql', update)).toEqual(denied)
    expect((await root.sql.query('SELECT price FROM shop.items WHERE id = 1')).rows).toEqual([{ price: 51 }])
    await world.putBack('items')
  })

  test('a cursor of SQL', async () => {
    const { sql } = world.ada
    await administer('sql', ways.sql.give)
    await sql.query('BEGIN')
    await sql.query('DECLARE c CURSOR FOR SELECT id FROM shop.items')
    await administer('sql', ways.sql.take)
    expect((await sql.query('FETCH c')).rows).toEqual([{ id: 1 }])
    expect(await world.say('sql', 'DECLARE d CURSOR FOR SELECT id FROM shop.items')).toEqual(denied)
    await sql.query('ROLLBACK')
  })
})

// ---- joined

/** One party of a transaction, at one door. */
class Party {
  readonly #user: User
  readonly #door: Door
  readonly #session: ClientSession | undefined

  constructor(user: User, door: Door) {
    this.#user = user
    this.#door = door
    this.#session = door === 'mongodb' ? user.mongo.startSession() : undefined
  }

  async #value(what: string | Command): Promise<unknown> {
    const answer = await this.say(what)
    if (answer.outcome === 'allowed') return answer.value
    throw new Error(`${JSON.stringify(what)}: ${JSON.stringify(answer)}`)
  }

  say(what: string | Command): Promise<Answer> {
    return this.#user.say(this.#door, what, this.#session)
  }

  async begin(): Promise<string> {
    if (this.#door === 'redis') {
      await this.#value('POLYLOG.BEGIN')
      return String(await this.#value('POLYLOG.TOKEN'))
    }
    if (this.#session !== undefined) {
      this.#session.startTransaction()
      return ((await this.#value({ polylogToken: 1 })) as { token: string }).token
    }
    await this.#value('BEGIN')
    return ((await this.#value('SELECT polylog_transaction_token()')) as string[][])[0]![0]!
  }

  async join(token: string): Promise<void> {
    this.#session?.startTransaction()
    if (this.#door === 'sql') await this.#value('BEGIN')
    const join = {
      sql: `SELECT polylog_join('${token}')`,
      redis: `POLYLOG.JOIN ${token}`,
      mongodb: { polylogJoin: token },
    }
    await this.#value(join[this.#door])
  }

  async end(): Promise<void> {
    await this.#session?.abortTransaction().catch(() => undefined)
    await this.#session?.endSession()
    if (this.#door === 'sql') await this.say('ROLLBACK')
    if (this.#door === 'redis') await this.say('POLYLOG.ROLLBACK')
  }
}

/** What `ada` may do, and what she may not. */
const tried: Readonly<Record<Door, readonly [allowed: string | Command, refused: string | Command]>> = {
  sql: ['SELECT id FROM shop.items', 'DELETE FROM shop.items'],
  mongodb: [{ find: 'notes' }, { insert: 'notes', documents: [{ _id: 9 }] }],
  redis: ['GET a:s', 'SET a:s 2'],
}

describe.each(doors.flatMap((begins) => doors.map((joins) => [begins, joins] as const)))(
  '%s begins and %s joins:',
  (begins, joins) => {
    async function joined(
      beginner: User,
      other: User,
      run: (first: Party, second: Party) => Promise<void>,
    ): Promise<void> {
      await administer('sql', ways.sql.give)
      const [first, second] = [new Party(beginner, begins), new Party(other, joins)]
      try {
        await second.join(await first.begin())
        await run(first, second)
      } finally {
        await second.end()
        await first.end()
      }
    }

    test('who joins a transaction of a superuser has its own privileges', () =>
      joined(world.root, world.ada, async (root, ada) => {
        const before = world.state()
        expect(await root.say(tried[begins][1])).toMatchObject({ outcome: 'allowed' })
        expect(await ada.say(tried[joins][0])).toMatchObject({ outcome: 'allowed' })
        expect(await ada.say(tried[joins][1])).toEqual(denied)
        expect(world.state()).toBe(before)
      }))

    test('whose transaction a superuser joins, too', () =>
      joined(world.ada, world.root, async (ada, root) => {
        expect(await root.say(tried[joins][1])).toMatchObject({ outcome: 'allowed' })
        expect(await ada.say(tried[begins][0])).toMatchObject({ outcome: 'allowed' })
        expect(await ada.say(tried[begins][1])).toEqual(denied)
      }))
  },
)

test('a single command within the transaction of a superuser has the privileges of who sends it', async () => {
  await administer('sql', ways.sql.give)
  const root = new Party(world.root, 'sql')
  const token = await root.begin()
  expect(await world.say('redis', `POLYLOG.IN ${token} GET a:s`)).toMatchObject({ outcome: 'allowed' })
  expect(await world.say('redis', `POLYLOG.IN ${token} SET a:s 2`)).toEqual(denied)
  await root.end()
})
