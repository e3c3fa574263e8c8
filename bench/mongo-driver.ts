/** The `mongodb` driver as load: so many at a time, in this process. */
import { MongoClient } from 'mongodb'

export const mongoClients = 16

export type MongoWork = 'insertOne' | 'findOne'

/** Operations a second. */
export async function driveMongo(port: number, work: MongoWork, operations: number): Promise<number> {
  const client = await MongoClient.connect(`mongodb://127.0.0.1:${port}/?maxPoolSize=${mongoClients}`)
  try {
    const documents = client.db('bench').collection<{ _id: string | number }>('documents')
    if (work === 'findOne')
      await documents.updateOne({ _id: 1 }, { $set: { name: 'x'.repeat(64), n: 1 } }, { upsert: true })
    const run = `${process.hrtime.bigint()}`
    let next = 0
    const started = process.hrtime.bigint()
    const worker = async (): Promise<void> => {
      while (next < operations) {
        const n = next++
        if (work === 'findOne') await documents.findOne({ _id: 1 })
        else await documents.insertOne({ _id: `${run}-${n}`, name: 'x'.repeat(64), n } as never)
      }
    }
    await Promise.all(Array.from({ length: mongoClients }, worker))
    return operations / (Number(process.hrtime.bigint() - started) / 1e9)
  } finally {
    await client.close()
  }
}
