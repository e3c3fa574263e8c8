/** A snapshot of MongoDB's drivers across `kill -9` and a restart: the same time is the same state. */
import { type Document, MongoClient, type Timestamp } from 'mongodb'
import { afterEach, expect, test } from 'vitest'
import { ServerProcess, withFolder } from './server-process.ts'

let running: ServerProcess | undefined

afterEach(async () => {
  if (running?.isRunning === true) await running.kill()
})

type Item = Document & { _id: number }

async function start(folder: string): Promise<MongoClient> {
  running = await ServerProcess.start('--data', folder, '--history', '1h')
  return MongoClient.connect(`mongodb://127.0.0.1:${running.port}/?retryWrites=false&serverSelectionTimeoutMS=2000`)
}

async function readAt(client: MongoClient, atClusterTime: Timestamp): Promise<Item[]> {
  const readConcern = { level: 'snapshot', atClusterTime }
  const reply = await client.db('shop').command({ find: 'orders', sort: { _id: 1 }, batchSize: 1000, readConcern })
  return (reply['cursor'] as { firstBatch: Item[] }).firstBatch
}

test('a time that was told shows what it showed', async () => {
  await withFolder(async (folder) => {
    const told: { time: Timestamp; state: Item[] }[] = []
    for (let round = 0; round < 2; round++) {
      const client = await start(folder)
      const orders = client.db('shop').collection<Item>('orders')
      for (const { time, state } of told) expect(await readAt(client, time)).toEqual(state)
      for (let i = 0; i < 5; i++) {
        const n = round * 5 + i
        const written = await client.db('shop').command({ insert: 'orders', documents: [{ _id: n }] })
        await orders.updateMany({}, { $inc: { n: 1 } })
        const session = client.startSession({ snapshot: true })
        const state = await orders.find({}, { session }).sort({ _id: 1 }).toArray()
        told.push({ time: (session as unknown as { snapshotTime: Timestamp }).snapshotTime, state })
        await session.endSession()
        const time = written['operationTime'] as Timestamp
        told.push({ time, state: await readAt(client, time) })
        expect(told.at(-1)!.state).toContainEqual(expect.objectContaining({ _id: n }))
      }
      const rest = (async (): Promise<void> => {
        for (let id = 100; ; id++) await orders.insertOne({ _id: id + 1000 * round })
      })().catch(() => undefined)
      await running!.kill()
      await rest
      await client.close(true)
    }
    const client = await start(folder)
    for (const { time, state } of told) expect(await readAt(client, time)).toEqual(state)
    await client.close()
  })
}, 60_000)
