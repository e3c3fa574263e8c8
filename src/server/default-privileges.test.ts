/** ALTER DEFAULT PRIVILEGES at the other doors; `golden/privileges-of-defaults.txt` has what PostgreSQL answers of SQL. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { privilege, writing } from '../database/access/privileges.ts'
import { ServerWithUsers } from './testing-users.ts'

let world: ServerWithUsers

beforeEach(async () => {
  world = await ServerWithUsers.start()
  for (const name of ['ada', 'bob']) await world.addUser(name)
  await (await world.pg()).query('CREATE SCHEMA shop')
  await world.give('ada', 'shop', privilege.usage | privilege.create | privilege.schema | privilege.insert)
  await world.give('bob', 'shop', privilege.usage)
})
afterEach(() => world.stop())

test('a collection begins with what who makes it has said of tables', async () => {
  const ada = world.mongo('ada').db('shop')
  const bob = world.mongo('bob').db('shop')
  await ada.collection('before').insertOne({ n: 1 })
  await (await world.pg('ada')).query('ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO bob')
  await ada.collection('orders').insertOne({ n: 1 })
  expect(await bob.collection('orders').countDocuments({})).toBe(1)
  await expect(bob.collection('orders').insertOne({ n: 2 })).rejects.toMatchObject({ code: 13 })
  await expect(bob.collection('before').countDocuments({})).rejects.toMatchObject({ code: 13 })
  await world.mongo().db('shop').collection('of others').insertOne({ n: 1 })
  await expect(bob.collection('of others').countDocuments({})).rejects.toMatchObject({ code: 13 })
  await (await world.pg()).query('DROP OWNED BY ada CASCADE')
  await world.give('ada', 'shop', privilege.usage | privilege.create | privilege.schema | privilege.insert)
  await ada.collection('later').insertOne({ n: 1 })
  await expect(bob.collection('later').countDocuments({})).rejects.toMatchObject({ code: 13 })
})

test('who writes the first key of a database of Redis says nothing of the keys of others', async () => {
  await (await world.pg('ada')).query('ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob')
  await world.redis().set('k', 'v')
  await world.give('ada', 'redis', privilege.read | writing)
  const redis = world.redis('ada')
  await redis.select(3)
  await redis.set('k', 'v')
  const other = world.redis('bob')
  await other.select(3)
  await expect(other.get('k')).rejects.toMatchObject({ message: expect.stringContaining('NOPERM') as string })
})

test('the audit hears of them', async () => {
  await (await world.pg('ada')).query('ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob')
  const rows = [...world.system.audit.rows()].filter(({ event }) => event === 'default privileges altered')
  expect(rows.map(({ principal, detail }) => [principal, detail])).toEqual([
    ['ada', 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob'],
  ])
})
