/** CREATE ROLE within a transaction block: `golden/roles-in-blocks.txt` is PostgreSQL's; here is what two logs cost. */
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ServerWithUsers } from './testing-users.ts'

let world: ServerWithUsers
let client: pg.Client

beforeEach(async () => {
  world = await ServerWithUsers.start()
  client = await world.pg()
  await client.query('CREATE TABLE t (id int)')
})
afterEach(() => world.stop())

const codeOf = async (text: string): Promise<string> => {
  const done = await client.query(text).catch((error: unknown) => error as { code: string })
  return 'code' in done ? done.code : 'done'
}
const codesOf = async (...texts: readonly string[]): Promise<string[]> => {
  const codes: string[] = []
  for (const text of texts) codes.push(await codeOf(text))
  return codes
}

test('a block that has changed data changes no roles, and one that has changed roles no data', async () => {
  expect(await codesOf('BEGIN', 'INSERT INTO t VALUES (1)', 'CREATE ROLE ada', 'COMMIT')).toEqual([
    'done',
    'done',
    '25001',
    'done',
  ])
  for (const text of ['INSERT INTO t VALUES (1)', 'CREATE TABLE u (id int)', 'COPY t FROM STDIN']) {
    expect(await codesOf('BEGIN', 'CREATE ROLE ada', text, 'COMMIT'), text).toEqual(['done', 'done', '25001', 'done'])
  }
  expect(world.system.find('ada')).toBeUndefined()
  expect((await client.query('SELECT * FROM t')).rowCount).toBe(0)
})

test('what writes without saying so is found at the end: then neither is done', async () => {
  await client.query('PREPARE p AS INSERT INTO t VALUES (1)')
  const block = ['BEGIN', 'CREATE ROLE ada', 'EXECUTE p', 'COMMIT', 'SELECT 1']
  expect(await codesOf(...block)).toEqual(['done', 'done', 'done', '25001', 'done'])
  expect(world.system.find('ada')).toBeUndefined()
  expect((await client.query('SELECT * FROM t')).rowCount).toBe(0)
})

test('where another has made the role meanwhile nothing of the block is done', async () => {
  expect(await codesOf('BEGIN', 'CREATE ROLE eva', 'CREATE ROLE ada')).toEqual(['done', 'done', 'done'])
  await world.addUser('ada')
  expect(await codesOf('COMMIT', 'SELECT 1')).toEqual(['42710', 'done'])
  expect(world.system.find('eva')).toBeUndefined()
  expect([...world.system.audit.rows()].filter(({ object }) => object === 'eva')).toEqual([])
})

test('a role that a block has made is nobody before the end', async () => {
  expect(await codesOf('BEGIN', 'CREATE ROLE ada', 'SET ROLE ada', 'ROLLBACK')).toEqual([
    'done',
    'done',
    '22023',
    'done',
  ])
  expect(await codesOf('BEGIN', 'CREATE ROLE ada')).toEqual(['done', 'done'])
  expect(world.system.find('ada')).toBeUndefined()
  expect(await codesOf('COMMIT', 'SET ROLE ada')).toEqual(['done', 'done'])
  expect([...world.system.audit.rows()].map(({ event, object }) => `${event} ${object}`)).toContain('role created ada')
})
