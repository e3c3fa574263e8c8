/** Names that are words of JavaScript, keys that come twice, 2^53 + 1 and paths, through every door and back. */
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { BSON, Long, type Document, type MongoClient } from 'mongodb'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Clients, failureOf } from './clients.ts'
import { int32LE, mongoFrame, mongoHello, redisCommand } from './protocol-bytes.ts'
import { RawConnection } from './raw-connection.ts'
import { ServerProcess } from './server-process.ts'

let folder: string
let server: ServerProcess
let clients: Clients
let postgres: pg.Client
let redis: Redis
let mongo: MongoClient

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polylog-strange-'))
  server = await ServerProcess.start('--data', join(folder, 'data'))
  clients = new Clients(server.port)
  postgres = await clients.postgres()
  redis = clients.redis()
  mongo = clients.mongo({ promoteLongs: false })
})

afterAll(async () => {
  await clients.close()
  expect(await server.stop()).toMatchObject({ status: 0 })
  await rm(folder, { recursive: true, force: true })
})

const rowsOf = async (text: string, values: unknown[] = []): Promise<unknown[][]> =>
  (await postgres.query<unknown[]>({ text, values, rowMode: 'array' })).rows

describe('CWE-1321: words of JavaScript are names like any other', () => {
  const words = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'valueOf', '__defineGetter__']

  for (const word of words) {
    test(`${word}: schema, table, column, index, role, database`, async () => {
      await postgres.query(`CREATE SCHEMA "s${word}"; CREATE TABLE "s${word}"."${word}" ("${word}" int PRIMARY KEY)`)
      await postgres.query(`CREATE INDEX "i${word}" ON "s${word}"."${word}" ("${word}")`)
      await postgres.query(`INSERT INTO "s${word}"."${word}" AS "${word}" VALUES (1) RETURNING "${word}"."${word}"`)
      expect(await rowsOf(`SELECT "${word}" FROM "s${word}"."${word}"`)).toEqual([[1]])
      await postgres.query(`CREATE DATABASE "${word}"`)
      const own = await clients.postgres(word)
      expect((await own.query('SELECT current_database() AS name')).rows[0].name).toBe(word)
      await own.end()
    })

    test(`${word}: keys and fields of Redis, settings, unknown names`, async () => {
      await redis.hset(word, word, 'value')
      expect(await redis.hget(word, word)).toBe('value')
      expect(await redis.hget(word, 'other')).toBeNull()
      // By bytes of our own: drivers stumble over such commands themselves.
      const connection = await RawConnection.open(server.port)
      connection.send(Buffer.concat([redisCommand(word, 'x'), redisCommand('CLIENT', word)]))
      connection.send(Buffer.concat([redisCommand('SET', 'k', 'v', word), redisCommand('CONFIG', 'GET', word)]))
      expect((await connection.end()).toString()).toMatch(
        /^-ERR unknown command[^\n]+\n-ERR [^\n]+\n-ERR [^\n]+\n\*0\r\n$/,
      )
      for (const text of [`SHOW "${word}"`, `SET "${word}" = 1`, `SELECT "${word}"(1)`, `SELECT 1::"${word}"`]) {
        expect((await failureOf(postgres.query(text))).message).toMatch(/unrecognized|does not exist/)
      }
    })

    test(`${word}: databases, collections, fields and operators of MongoDB`, async () => {
      const things = mongo.db(`m${word}`).collection(word)
      const document = Object.fromEntries([
        ['_id', word],
        [word, { [word]: Long.fromNumber(1) }],
      ])
      await things.insertOne(JSON.parse(JSON.stringify(document)) as Document)
      expect(await things.countDocuments({ [`${word}.${word}`]: { $exists: true } })).toBe(1)
      await things.createIndex({ [word]: 1 })
      expect(await things.distinct('_id', { [word]: { $exists: true } })).toEqual([word])
      expect((await failureOf(things.countDocuments({ a: { [`$${word}`]: 1 } }))).message).toMatch(/unknown operator/)
      expect((await failureOf(mongo.db('x').command({ [word]: 1 }))).message).toMatch(/no such command/)
      expect((await failureOf(things.aggregate([{ [`$${word}`]: {} }]).toArray())).message).toMatch(/Unrecognized/)
    })
  }
})

describe('CVE-2017-12635: a key that comes twice is the same to every reader', () => {
  test('in JSON: the last one counts, as in PostgreSQL, wherever it is asked', async () => {
    const json = `'{"roles": [], "a": 1, "roles": ["admin"]}'`
    expect(await rowsOf(`SELECT ${json}::jsonb::text, ${json}::jsonb -> 'roles', ${json}::json ->> 'roles'`)).toEqual([
      ['{"a": 1, "roles": ["admin"]}', ['admin'], '["admin"]'],
    ])
    await postgres.query('CREATE TABLE twice (_id int PRIMARY KEY, j jsonb)')
    await postgres.query(`INSERT INTO twice VALUES (1, ${json})`)
    const seen = await mongo.db('public').collection('twice').findOne({ 'j.roles': 'admin' })
    expect(seen).toMatchObject({ j: { roles: ['admin'] } })
  })

  test('in BSON: the first one counts, for filters, indexes, SQL and expressions', async () => {
    const twice = Buffer.concat([
      BSON.serialize({ _id: 1, role: 'guest' }).subarray(4, -1),
      BSON.serialize({ role: 'admin' }).subarray(4),
    ])
    const document = Buffer.concat([int32LE(twice.length + 4), twice])
    const sequence = Buffer.concat([Buffer.from('documents\0'), document])
    const section = Buffer.concat([Buffer.from([1]), int32LE(sequence.length + 4), sequence])
    const body = Buffer.concat([Buffer.from([0]), BSON.serialize({ insert: 'people', $db: 'twice' })])
    const connection = await RawConnection.open(server.port)
    connection.send(mongoHello)
    connection.send(mongoFrame(Buffer.concat([body, section])))
    await connection.end()
    const people = mongo.db('twice').collection('people')
    for (const indexed of [false, true]) {
      if (indexed) await people.createIndex({ role: 1 })
      expect(await people.countDocuments({ role: 'guest' })).toBe(1)
      expect(await people.countDocuments({ role: 'admin' })).toBe(0)
      expect(await rowsOf(`SELECT role FROM twice.people WHERE role = 'guest'`)).toEqual([['guest']])
      expect(await rowsOf(`SELECT role FROM twice.people WHERE role = 'admin'`)).toEqual([])
    }
    const [shown] = await people.aggregate([{ $project: { found: '$role', _id: 0 } }]).toArray()
    expect(shown).toEqual({ found: 'guest' })
    expect(await rowsOf(`SELECT doc ->> 'role' FROM twice.people`)).toEqual([['guest']])
  })
})

describe('CWE-681: 2^53 + 1 through every door', () => {
  const exact = '9007199254740993'

  test('from SQL', async () => {
    await postgres.query('CREATE TABLE wide (_id bigint PRIMARY KEY, n numeric, j jsonb)')
    await postgres.query('INSERT INTO wide VALUES ($1, $1, $2)', [exact, `{"n": ${exact}}`])
    expect(await rowsOf('SELECT _id::text, n, j ->> $1 FROM wide WHERE _id = $2', ['n', exact])).toEqual([
      [exact, exact, exact],
    ])
    const wide = mongo.db('public').collection('wide')
    const found = await wide.findOne({ _id: Long.fromString(exact) })
    expect([String(found!['_id']), String(found!['n']), String((found!['j'] as Document)['n'])]).toEqual([
      exact,
      exact,
      exact,
    ])
    expect(await wide.countDocuments({ _id: Long.fromString('9007199254740992') as never })).toBe(0)
  })

  test('from MongoDB', async () => {
    const things = mongo.db('wide').collection('things')
    await things.insertOne({
      _id: Long.fromString(exact) as never,
      n: Long.fromString(exact),
      list: [Long.fromString(exact)],
    })
    await things.updateOne({ n: Long.fromString(exact) }, { $inc: { n: Long.fromNumber(2) } })
    expect(
      await rowsOf(`SELECT _id::text, n::text, doc -> 'list' ->> 0 FROM wide.things WHERE _id = ${exact}`),
    ).toEqual([[exact, '9007199254740995', exact]])
    await postgres.query(`UPDATE wide.things SET n = ${exact} WHERE _id = ${exact}`)
    expect(String((await things.findOne())!['n'])).toBe(exact)
  })

  test('from Redis', async () => {
    await redis.set('wide', exact)
    // As text: the driver's own numbers end at 2^53.
    await redis.call('INCRBY', 'wide', '2')
    expect(await redis.get('wide')).toBe('9007199254740995')
    await redis.hset('widehash', 'f', exact)
    await redis.call('HINCRBY', 'widehash', 'f', '-2')
    expect(await redis.hget('widehash', 'f')).toBe('9007199254740991')
    expect(await rowsOf(`SELECT value::bigint::text FROM redis.db0_string WHERE key = 'wide'`)).toEqual([
      ['9007199254740995'],
    ])
    expect((await failureOf(redis.call('INCRBY', 'wide', '9223372036854775807'))).message).toMatch(/overflow/)
  })
})

describe('CWE-22: a name is no path', () => {
  const paths = [
    '../../escaped',
    '/escaped',
    '..',
    '.',
    'a/b',
    'C:\\escaped',
    '%2e%2e%2fescaped',
    'escaped\n',
    '~escaped',
  ]

  test('databases, schemas, tables, collections and keys', async () => {
    for (const path of paths) {
      const quoted = `"${path}"`
      await postgres.query(`CREATE DATABASE ${quoted}`)
      await postgres.query(`CREATE SCHEMA ${quoted}; CREATE TABLE ${quoted}.${quoted} (a int) WITH (engine = 'sorted')`)
      await redis.set(path, '1')
      // Some are no names of collections.
      await mongo
        .db('paths')
        .collection(path)
        .insertOne({ a: 1 })
        .catch(() => undefined)
      expect((await failureOf(postgres.query(`CREATE TABLE t (a int) WITH (engine = '${path}')`))).message).toMatch(
        /engine/,
      )
    }
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    expect(readdirSync(folder)).toEqual(['data'])
    expect(names.filter((name) => name.includes('escaped'))).toEqual([])
    for (const name of readdirSync(join(folder, 'data', 'databases'))) expect(name).toMatch(/^[0-9a-f-]{36}$/)
  })
})
