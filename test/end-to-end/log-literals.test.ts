/** What a server writes to stderr has nothing of what clients have sent, whatever goes wrong with it. */
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { ServerProcess } from './server-process.ts'

const marker = 'literal-of-a-client'

const statements = [
  `SELECT '${marker}`,
  `SELECT * FROM "${marker}"`,
  `SELECT '${marker}'::int`,
  `SELECT '{"${marker}'::jsonb`,
  `SELECT 'x' ~ '(${marker}'`,
  `SELECT '${marker}'::timestamptz`,
  `INSERT INTO t VALUES ('${marker}'), ('${marker}')`,
  `SELECT convert_from('\\xff', 'UTF8') || '${marker}'`,
  `DO $$ ${marker} $$`,
]

test('statements, keys and values that fail, through every door, are in no line of the log', async () => {
  const server = await ServerProcess.start('--memory')
  const pg = new Client({ host: '127.0.0.1', port: server.port, user: 'me', database: 'polylog' })
  const redis = new Redis(server.port)
  const mongo = new MongoClient(`mongodb://127.0.0.1:${server.port}/`)
  await pg.connect()
  await pg.query('CREATE TABLE t (a text PRIMARY KEY)')
  let failed = 0
  const fails = (work: Promise<unknown>): Promise<unknown> => work.catch(() => failed++)
  for (const text of statements) await fails(pg.query(text))
  await fails(pg.query('SELECT $1::int', [marker]))
  await redis.set(marker, marker)
  for (const command of [
    ['LPUSH', marker, marker],
    ['INCR', marker],
    ['EVAL', marker, '0'],
    [marker, marker],
  ]) {
    await fails(redis.call(command[0]!, ...command.slice(1)))
  }
  const documents = mongo.db('shop').collection<{ _id: string }>('orders')
  await documents.insertOne({ _id: marker })
  await fails(documents.insertOne({ _id: marker }))
  await fails(documents.find({ _id: { $regex: `(${marker}` } }).toArray())
  await fails(documents.aggregate([{ [`$${marker}`]: 1 }]).toArray())
  await fails(documents.aggregate([{ $project: { x: { $toInt: '$_id' } } }]).toArray())
  await mongo.close()
  redis.disconnect()
  await pg.end()
  const { stderr } = await server.stop()
  expect(failed).toBeGreaterThan(14)
  expect(stderr).not.toContain(marker)
})
