/** What an answer tells beside what was asked for: values, sizes and keys that who asks may not read. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { privilege, writing } from '../database/access/privileges.ts'
import { password, ServerWithUsers } from './testing-users.ts'

let world: ServerWithUsers

beforeEach(async () => {
  world = await ServerWithUsers.start()
  await world.addUser('ada')
})
afterEach(() => world.stop())

test('ZADD adds for who may only write, and tells the sum to who may read, too', async () => {
  await world.redis().zadd('z', 5, 'm')
  await world.give('ada', 'redis', writing)
  const redis = world.redis('ada')
  const refused = { message: expect.stringMatching(/^NOPERM .*keys/) as string }
  await expect(redis.call('ZADD', 'z', 'INCR', '0', 'm')).rejects.toMatchObject(refused)
  await expect(redis.call('ZADD', 'z', 'XX', 'incr', '0', 'm')).rejects.toMatchObject(refused)
  await expect(redis.call('ZINCRBY', 'z', '0', 'm')).rejects.toMatchObject(refused)
  // A member of that name is none of its options.
  expect(await redis.call('ZADD', 'z', 'CH', '1', 'incr')).toBe(1)
  expect(await redis.call('ZADD', 'z', '1', 'n', '2', 'INCR')).toBe(2)
  await world.give('ada', 'redis', privilege.read)
  expect(await redis.call('ZADD', 'z', 'INCR', '0', 'm')).toBe('5')
})

test('how many keys and documents there are is told to who has to do with them', async () => {
  await world.redis().set('k', 'v')
  await world.mongo().db('shop').collection('orders').insertOne({ n: 1 })
  const admin = await world.pg()
  await admin.query('CREATE TABLE t (id int)')
  await admin.query('INSERT INTO t VALUES (1)')
  const client = await world.pg('ada')
  const told = async (): Promise<unknown> => {
    const text = `SELECT relname, n_live_tup::int, pg_relation_size(relid) > 0, pg_total_relation_size(relid) > 0
      FROM pg_stat_user_tables ORDER BY relname`
    return (await client.query({ text, rowMode: 'array' })).rows
  }
  const table = ['t', 1, true, true]
  expect(await told()).toEqual([['db0', null, null, null], ['orders', null, null, null], table])
  await world.give('ada', 'shop', privilege.read)
  expect(await told()).toEqual([['db0', null, null, null], ['orders', 1, true, true], table])
  await admin.query('GRANT pg_read_all_stats TO ada')
  expect(await told()).toEqual([['db0', 1, true, true], ['orders', 1, true, true], table])
})

test('a unique index that cannot be built shows no key to who may not read', async () => {
  const orders = world.mongo().db('shop').collection('orders')
  await orders.insertMany([{ n: 'TOPSECRET' }, { n: 'TOPSECRET' }])
  await world.give('ada', 'shop', privilege.schema)
  const build = (user: string, secret: string): Promise<unknown> =>
    world.mongo(user, secret).db('shop').collection('orders').createIndex({ n: 1 }, { unique: true })
  const error = (await build('ada', password).catch((each: unknown) => each)) as { message: string; code: number }
  expect(error.code).toBe(11000)
  expect(JSON.stringify(error) + error.message).not.toContain('TOPSECRET')
  await expect(build('root', password)).rejects.toMatchObject({
    message: expect.stringContaining('dup key: { n: "TOPSECRET" }') as string,
  })
  // Who writes what is there already has sent it.
  await orders.drop()
  await orders.createIndex({ n: 1 }, { unique: true })
  await orders.insertOne({ n: 1 })
  await world.give('ada', 'shop', privilege.insert)
  const own = world.mongo('ada').db('shop').collection('orders').insertOne({ n: 1 })
  await expect(own).rejects.toMatchObject({ keyValue: { n: 1 } })
})
