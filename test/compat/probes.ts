/** Asks a server, through stock drivers, which of the names in `candidates.ts` it knows. */
import { Redis } from 'ioredis'
import { MongoClient, type Db, type Document } from 'mongodb'
import pg from 'pg'
import * as candidates from './candidates.ts'

export interface Answer {
  readonly here: readonly string[]
  readonly missing: readonly string[]
}

export interface Probed {
  readonly redis: readonly { readonly group: string; readonly missing: readonly string[] }[]
  readonly mongo: readonly (readonly [title: string, answer: Answer])[]
  readonly sql: Answer
}

export async function probe(host: string, port: number): Promise<Probed> {
  return {
    redis: await probeRedis(host, port),
    mongo: await probeMongo(host, port),
    sql: await probeSql(host, port),
  }
}

async function sorted<T>(
  names: readonly T[],
  nameOf: (one: T) => string,
  isHere: (one: T) => Promise<boolean>,
): Promise<Answer> {
  const answer = { here: [] as string[], missing: [] as string[] }
  for (const one of names) ((await isHere(one)) ? answer.here : answer.missing).push(nameOf(one))
  return answer
}

async function messageOf(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => '',
    (error: unknown) => (error as Error).message,
  )
}

async function probeRedis(host: string, port: number): Promise<Probed['redis']> {
  const client = new Redis({ host, port })
  const groups: Probed['redis'][number][] = []
  try {
    for (const [group, names] of Object.entries(candidates.redisCommands)) {
      const known = (await client.call('COMMAND', 'INFO', ...names)) as unknown[]
      groups.push({ group, missing: names.filter((_, i) => known[i] === null) })
    }
  } finally {
    client.disconnect()
  }
  return groups.filter(({ missing }) => missing.length > 0)
}

const unknownName = /unknown|unrecognized|not supported|no such command|not allowed in this|is not a recognized/i

async function probeMongo(host: string, port: number): Promise<Probed['mongo']> {
  const client = await MongoClient.connect(`mongodb://${host}:${port}`)
  const db = client.db('probe')
  try {
    await db.collection('c').insertOne({ a: 1 })
    const names = (list: readonly string[], commandOf: (name: string) => Document): Promise<Answer> =>
      sorted(
        list,
        (name) => name,
        async (name) => !unknownName.test(await messageOf(db.command(commandOf(name)))),
      )
    const pipeline = (...stages: Document[]): Document => ({ aggregate: 'c', pipeline: stages, cursor: {} })
    return [
      ['commands', await mongoCommands(db)],
      ['query operators', await names(candidates.mongoQueryOperators, (name) => find({ a: { [name]: null } }))],
      ['top-level query operators', await names(candidates.mongoTopLevelOperators, (name) => find({ [name]: null }))],
      ['update operators', await names(candidates.mongoUpdateOperators, (name) => update({ [name]: { b: 'x' } }))],
      ['pipeline stages', await names(candidates.mongoStages, (name) => pipeline({ [name]: null }))],
      [
        'accumulators',
        await names(candidates.mongoAccumulators, (name) => pipeline({ $group: { _id: null, x: { [name]: null } } })),
      ],
      [
        'expressions',
        await names(candidates.mongoExpressions, (name) => pipeline({ $project: { x: { [name]: null } } })),
      ],
    ]
  } finally {
    await client.close()
  }
}

function find(filter: Document): Document {
  return { find: 'c', filter }
}

function update(change: Document): Document {
  return { update: 'c', updates: [{ q: {}, u: change }] }
}

async function mongoCommands(db: Db): Promise<Answer> {
  return sorted(
    candidates.mongoCommands,
    (name) => name,
    async (name) => !/no such command/.test(await messageOf(db.command({ [name]: 1 }))),
  )
}

/** 0A000 and its like are what a missing statement answers; every other error is one of its rules. */
const missingStates: ReadonlySet<string> = new Set(['0A000', '42883', '42704', '42601'])

async function probeSql(host: string, port: number): Promise<Answer> {
  const client = new pg.Client({ host, port, user: 'you', database: 'polylog' })
  await client.connect()
  try {
    await client.query('CREATE TABLE probe (id int PRIMARY KEY, v text)')
    return await sorted(
      candidates.sqlStatements,
      ([what]) => what,
      async ([, statement]) => {
        const failed = await client.query(statement).then(
          () => undefined,
          (error: unknown) => (error as { code?: string }).code,
        )
        return failed === undefined || !missingStates.has(failed)
      },
    )
  } finally {
    await client.end()
  }
}
