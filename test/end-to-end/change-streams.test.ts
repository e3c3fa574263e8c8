/** A change stream across `kill -9` and a restart: behind its last token each write that was acknowledged comes once, in order. */
import { type ChangeStream, type Document, MongoClient } from 'mongodb'
import { afterEach, expect, test } from 'vitest'
import { ServerProcess, withFolder } from './server-process.ts'

const rounds = 2
const acknowledgedPerRound = 40

let running: ServerProcess | undefined

afterEach(async () => {
  if (running?.isRunning === true) await running.kill()
})

type Item = Document & { _id: number }

async function start(folder: string): Promise<MongoClient> {
  running = await ServerProcess.start('--data', folder)
  return MongoClient.connect(`mongodb://127.0.0.1:${running.port}/?retryWrites=false&serverSelectionTimeoutMS=500`)
}

/** Told events, by the `_id` of their documents, and the place to go on from. */
class Told {
  readonly ids: number[] = []
  token: unknown
}

/** Reads on as long as the server answers, or until `count` have been told. */
async function follow(client: MongoClient, told: Told, count: number): Promise<void> {
  const stream: ChangeStream<Item> = client
    .db('shop')
    .collection<Item>('orders')
    .watch([], {
      maxAwaitTimeMS: 100,
      ...(told.token !== undefined && { resumeAfter: told.token }),
    })
  await (stream as unknown as { cursor: { cursorInit(): Promise<void> } }).cursor.cursorInit()
  told.token ??= stream.resumeToken
  try {
    while (told.ids.length < count) {
      const event = await stream.tryNext()
      if (event?.operationType === 'insert') told.ids.push(event.documentKey._id)
      told.token = stream.resumeToken
    }
  } finally {
    await stream.close().catch(() => undefined)
  }
}

test('what was acknowledged is told once', async () => {
  await withFolder(async (folder) => {
    const told = new Told()
    const acknowledged: number[] = []
    let next = 1
    for (let round = 0; round < rounds; round++) {
      const client = await start(folder)
      const orders = client.db('shop').collection<Item>('orders')
      // What is written from here on is told.
      if (told.token === undefined) await follow(client, told, 0)
      const following = follow(client, told, Infinity).catch(() => undefined)
      const until = acknowledged.length + acknowledgedPerRound
      const writing = (async (): Promise<void> => {
        for (;;) {
          const id = next++
          await orders.insertOne({ _id: id })
          acknowledged.push(id)
          if (acknowledged.length === until) await running!.kill()
        }
      })().catch(() => undefined)
      await writing
      await following
      await client.close(true)
    }
    const client = await start(folder)
    const stored = await client.db('shop').collection<Item>('orders').distinct('_id')
    await follow(client, told, stored.length)
    await client.close()
    expect(told.ids).toEqual(stored.toSorted((a, b) => a - b))
    expect(acknowledged.every((id) => stored.includes(id))).toBe(true)
  })
}, 60_000)
