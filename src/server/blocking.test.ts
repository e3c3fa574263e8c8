/** Redis's commands that wait, served by what is committed at the other doors. */
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openAllDoors, type AllDoors } from './testing.ts'

let doors: AllDoors
let clients: Redis[]

beforeEach(async () => {
  doors = await openAllDoors()
  clients = []
})
afterEach(async () => {
  for (const client of clients) client.disconnect()
  await doors.close()
})

function redis(): Redis {
  const client = new Redis(doors.port)
  clients.push(client)
  return client
}

async function untilBlocked(count: number): Promise<void> {
  const client = redis()
  while (!(await client.info('clients')).includes(`blocked_clients:${count}\r\n`));
}

describe('a client that waits for a member', () => {
  it('is served by a transaction of SQL, once it is committed', async () => {
    await redis().zadd('other', 1, 'x')
    const popped = redis().bzpopmin('z', 0)
    await untilBlocked(1)
    await doors.pg.query('BEGIN')
    await doors.pg.query("INSERT INTO redis.db0_zset VALUES ('z', 'a', 2), ('z', 'b', 1)")
    await untilBlocked(1)
    await doors.pg.query('COMMIT')
    expect(await popped).toEqual(['z', 'b', '1'])
    expect(await redis().zrange('z', '0', '-1')).toEqual(['a'])
  })

  it('is not served by one that is rolled back', async () => {
    await redis().zadd('other', 1, 'x')
    const popped = redis().bzpopmin('z', 0)
    await untilBlocked(1)
    await doors.pg.query('BEGIN')
    await doors.pg.query("INSERT INTO redis.db0_zset VALUES ('z', 'rolled back', 2)")
    await doors.pg.query('ROLLBACK')
    await untilBlocked(1)
    await doors.pg.query("INSERT INTO redis.db0_zset VALUES ('z', 'committed', 2)")
    expect(await popped).toEqual(['z', 'committed', '2'])
  })

  it('waits in place where the key is locked, and gives up in time', async () => {
    const client = redis()
    await client.zadd('z', 1, 'x')
    await doors.pg.query('BEGIN')
    await doors.pg.query("INSERT INTO redis.db0_zset VALUES ('z', 'y', 2)")
    await doors.pg.query("INSERT INTO redis.db0_zset VALUES ('w', 'y', 2)")
    const popped = [redis().bzpopmin('w', 0), redis().bzpopmin('w', 0.05)]
    expect(await popped[1]).toBeNull()
    await doors.pg.query('COMMIT')
    expect(await popped[0]).toEqual(['w', 'y', '2'])
  })

  it('gives up in time while another holds what has come', async () => {
    await redis().zadd('z', 1, 'x')
    const [first, second] = [doors.pg, await doors.connectPg()]
    const insert = (member: string): string => `INSERT INTO redis.db0_zset VALUES ('w', '${member}', 1)`
    await first.query('BEGIN')
    await first.query(insert('a'))
    await second.query('BEGIN')
    const inserted = second.query(insert('b'))
    const popping = redis()
    const id = await popping.client('ID')
    const popped = popping.bzpopmin('w', 0)
    await untilBlocked(1)
    await first.query('COMMIT')
    await inserted
    expect(await redis().client('UNBLOCK', id)).toBe(1)
    expect(await popped).toBeNull()
    await second.query('COMMIT')
    expect(await redis().zrange('w', '0', '-1')).toEqual(['a', 'b'])
    await second.end()
  })

  it('is served in a database that somebody makes by writing to it', async () => {
    const waiting = redis()
    await waiting.select(7)
    const popped = [waiting.blpop('l', 0)]
    await untilBlocked(1)
    const pushing = redis()
    await pushing.select(7)
    await pushing.set('another', 'x')
    await untilBlocked(1)
    await pushing.rpush('l', 'a')
    expect(await popped[0]).toEqual(['l', 'a'])
  })
})

describe('who waits', () => {
  it('is served by scripts, transactions, RENAME, COPY, MOVE and RESTOREs of lists', async () => {
    const client = redis()
    const pushes: readonly (() => Promise<unknown>)[] = [
      () => client.eval("redis.call('rpush', KEYS[1], 'x') return redis.call('exists', KEYS[1])", 1, 'l'),
      () => client.multi().rpush('l', 'w').del('l').rpush('l', 'x').exec(),
      () => client.multi().rpush('a', 'x').rename('a', 'l').exec(),
      async () => {
        await client.rpush('from', 'x')
        await client.copy('from', 'l')
      },
      async () => {
        const other = redis()
        await other.select(3)
        await other.rpush('l', 'x')
        await other.move('l', 0)
      },
    ]
    for (const push of pushes) {
      const popped = redis().blpop('l', 0)
      await untilBlocked(1)
      await push()
      expect(await popped).toEqual(['l', 'x'])
      expect(await client.exists('l')).toBe(0)
    }
  })
})
