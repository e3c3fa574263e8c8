/**
 * A server with little memory, and clients of all doors that ask for far more of it at once: every statement is answered
 * rightly or refused for want of memory, and the process stays below its limit meanwhile; writes are refused before the
 * stored data fill it. What it has had at most is asked of the operating system, which only Linux tells.
 */
import { existsSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { Clients } from './clients.ts'
import { ServerProcess, withFolder } from './server-process.ts'

const limitMib = 400
const text = "repeat('x', 100000) || g"

/** Each makes 50 to 200 MB of rows. */
const hostile: readonly (readonly [sql: string, answer: string])[] = [
  [`SELECT count(*) AS n FROM (SELECT ${text} AS a FROM generate_series(1, 1000) g ORDER BY a) s`, '1000'],
  [`SELECT count(*) AS n FROM (SELECT DISTINCT ${text} AS a FROM generate_series(1, 800) g) s`, '800'],
  [`SELECT count(*) AS n FROM (SELECT ${text} AS a, count(*) FROM generate_series(1, 800) g GROUP BY 1) s`, '800'],
  [
    `SELECT count(*) AS n FROM generate_series(1, 500) k JOIN (SELECT g, ${text} AS t FROM generate_series(1, 500) g) b ON k = b.g`,
    '500',
  ],
  [
    `WITH x AS MATERIALIZED (SELECT ${text} AS a FROM generate_series(1, 500) g) SELECT (SELECT count(*) FROM x) + (SELECT count(*) FROM x) AS n`,
    '1000',
  ],
  [`SELECT length(string_agg(${text}, ',')) AS n FROM generate_series(1, 3000) g`, ''],
  [`SELECT array_length(array_agg(${text}), 1) AS n FROM generate_series(1, 3000) g`, ''],
  [`SELECT count(*) AS n FROM (SELECT g FROM generate_series(1, 800000) g ORDER BY g DESC) s`, '800000'],
]

function peakMib(pid: number): number {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

const isOutOfMemory = (error: unknown): boolean => (error as { code?: unknown }).code === '53200'

test.runIf(existsSync('/proc/self/status'))(
  'many statements that do their worst leave the server below its memory limit, and answering',
  { timeout: 300_000 },
  () =>
    withFolder(async (folder) => {
      const server = await ServerProcess.start('--data', `${folder}/data`, '--memory-limit', `${limitMib}MB`)
      const clients = new Clients(server.port)
      try {
        const results = await Promise.all([...askPostgres(clients), askPostgresCursor(clients), ...askMongo(clients)])
        expect(peakMib(server.pid)).toBeLessThan(limitMib)
        // Most could be answered, by spilling; nothing but memory was ever in the way.
        expect(results.flat().filter((one) => one === 'answered').length).toBeGreaterThan(results.length / 2)
        expect(results.flat().filter((one) => one !== 'answered' && one !== 'out of memory')).toEqual([])
        expect(await (await clients.postgres()).query('SELECT 1 AS one')).toMatchObject({ rows: [{ one: 1 }] })
        // What is stored is bounded too, also where requests and what they leave behind come on top of it.
        for (const bytes of [400_000, 4_000_000]) expect(await fillRedis(clients, bytes)).toMatch(/^OOM/)
        expect(peakMib(server.pid)).toBeLessThan(limitMib)
        expect(await readdir(`${folder}/data/temporary`)).toEqual([])
      } finally {
        await clients.close()
        expect((await server.stop()).status).toBe(0)
      }
    }),
)

function askPostgres(clients: Clients): Promise<string>[] {
  return Array.from({ length: 24 }, async (_, i) => {
    const [sql, answer] = hostile[i % hostile.length]!
    const client = await clients.postgres()
    try {
      const { rows } = await client.query(sql)
      const found = String((rows[0] as { n: unknown }).n)
      return answer === '' || found === answer ? 'answered' : `${sql}: ${found}`
    } catch (error) {
      return isOutOfMemory(error) ? 'out of memory' : `${sql}: ${String(error)}`
    }
  })
}

async function askPostgresCursor(clients: Clients): Promise<string> {
  const client = await clients.postgres()
  let count = 0
  try {
    await client.query(`DECLARE held CURSOR WITH HOLD FOR SELECT ${text} AS a FROM generate_series(1, 1500) g`)
    for (;;) {
      const { rows } = await client.query('FETCH 100 FROM held')
      if (rows.length === 0) break
      count += rows.length
    }
    await client.query('CLOSE held')
  } catch (error) {
    return isOutOfMemory(error) ? 'out of memory' : String(error)
  }
  return count === 1500 ? 'answered' : `a held cursor gave ${count} rows`
}

function askMongo(clients: Clients): Promise<string>[] {
  const collection = clients.mongo().db('worst').collection('documents')
  const filled = collection.insertMany(
    Array.from({ length: 10 }, (_, i) => ({ _id: i as never, text: 'y'.repeat(100_000) })),
  )
  const many = [{ $addFields: { n: { $range: [0, 100] } } }, { $unwind: '$n' }]
  const pipelines = [
    [...many, { $sort: { n: -1, _id: 1 } }],
    [...many, { $group: { _id: { n: '$n', id: '$_id' }, first: { $first: '$text' } } }],
    [...many, { $facet: { all: [{ $count: 'n' }], sorted: [{ $sort: { n: 1 } }, { $limit: 1 }] } }],
    [...many, { $group: { _id: null, all: { $push: '$text' } } }],
  ]
  return pipelines.map(async (pipeline, i) => {
    await filled
    try {
      let count = 0
      for await (const _ of collection.aggregate(pipeline)) count++
      const wanted = i < 2 ? 1000 : 1
      return count === wanted ? 'answered' : `${JSON.stringify(pipeline)}: ${count}`
    } catch (error) {
      const { code } = error as { code?: unknown }
      // One document of 100 MB is too large for any answer.
      return code === 146 || code === 10_334 ? 'out of memory' : `${JSON.stringify(pipeline)}: ${String(error)}`
    }
  })
}

/** The error that ends it. */
async function fillRedis(clients: Clients, bytes: number): Promise<string> {
  const redis = clients.redis()
  const value = 'z'.repeat(bytes)
  for (let i = 0; i < 3 * limitMib; i++) {
    const refused = await redis.set(`key ${i}`, value).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    )
    if (refused === undefined) continue
    // What makes room is never refused.
    await Promise.all(Array.from({ length: i }, (_, j) => redis.del(`key ${j}`)))
    return refused
  }
  return 'everything was stored'
}
