/** Scripts of MongoDB's clients that never end, through the built server: who ends them, and that their threads end too. */
import { type Document, type MongoClient, MongoServerError } from 'mongodb'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Clients } from './clients.ts'
import { ServerProcess } from './server-process.ts'

let server: ServerProcess
let clients: Clients
let mongo: MongoClient

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
  clients = new Clients(server.port)
  mongo = clients.mongo()
  await mongo.db('loops').collection('items').insertOne({ a: 1 })
})

afterAll(async () => {
  await clients.close()
  await server.stop()
})

const loop = 'function() { for (;;); }'
/** One function of the language, within which no interpreter looks for anything. */
const deaf = 'function() { [].indexOf.call({ length: 2 ** 53 }, 1) }'
const call = (body: string): Document => ({ $function: { body, args: [], lang: 'js' } })
const gather = { init: 'function() { return 0 }', accumulate: loop, accumulateArgs: [], merge: loop, lang: 'js' }

const cursor = {}
const commands: Document[] = [
  { find: 'items', filter: { $where: loop } },
  { find: 'items', filter: { $expr: call(deaf) } },
  { aggregate: 'items', pipeline: [{ $project: { x: call(loop) } }], cursor },
  { aggregate: 'items', pipeline: [{ $group: { _id: null, x: { $accumulator: gather } } }], cursor },
  { update: 'items', updates: [{ q: { $where: deaf }, u: { $set: { a: 2 } } }] },
]

async function codeOf(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => 'done',
    (error: unknown) => (error instanceof MongoServerError ? error.code : 'gone'),
  )
}

interface Operation {
  readonly opid: number
}

/** What runs beside the question itself, once there are so many. */
async function running(count: number): Promise<Operation[]> {
  for (;;) {
    const { inprog } = await mongo.db('admin').command({ currentOp: 1 })
    if ((inprog as Operation[]).length === count) return inprog as Operation[]
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Hundredths of a second that the process has had of the processors. */
function usedTicks(): number {
  const [, fields = ''] = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')
  const parts = fields.split(' ')
  return Number(parts[11]) + Number(parts[12])
}

/** Returns once the server does next to nothing. */
async function isAtRest(): Promise<void> {
  for (let before = usedTicks(); ; before = usedTicks()) {
    await new Promise((resolve) => setTimeout(resolve, 300))
    if (usedTicks() - before < 5) return
  }
}

describe('a script that never ends', () => {
  test.each(commands)('is ended by killOp, and with it its thread: %j', async (command) => {
    const answer = codeOf(mongo.db('loops').command(command))
    const [operation] = await running(1)
    await mongo.db('admin').command({ killOp: 1, op: operation!.opid })
    expect(await answer).toBe(11_601)
    await running(0)
    await isAtRest()
  })

  test('is ended when its client has gone', async () => {
    const leaving = clients.mongo()
    const answers = commands.map((command) => codeOf(leaving.db('loops').command(command)))
    await running(commands.length)
    await leaving.close(true)
    expect(new Set(await Promise.all(answers))).not.toContain('done')
    await running(0)
    await isAtRest()
    expect(await mongo.db('loops').collection('items').find({ $where: 'this.a === 1' }).toArray()).toHaveLength(1)
  })
})
