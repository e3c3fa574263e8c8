/** Statements that pause every few documents, while others write what they read. */
import { MongoClient, type Collection } from 'mongodb'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openTestMongodb, type TestMongodb } from './testing.ts'

interface Item {
  _id: number
  text: string
  tags: string[]
  copies: string
}

let server: TestMongodb
let client: MongoClient
let items: Collection<Item>
const count = 400

function item(_id: number, text: string): Item {
  return { _id, text, tags: [text, 'all'], copies: text.repeat(20) }
}

beforeAll(async () => {
  server = await openTestMongodb({}, { limits: { sliceKeys: 3 } })
  client = new MongoClient(server.url)
  items = client.db('slow').collection<Item>('items')
  await items.insertMany(Array.from({ length: count }, (_, i) => item(i, `first${i}`)))
  await items.createIndex({ tags: 1 })
})
afterAll(async () => {
  await client.close()
  await server.close()
})

function checkWhole(found: readonly Item[]): void {
  for (const { text, tags, copies } of found) expect([tags[0], copies]).toEqual([text, text.repeat(20)])
  expect(new Set(found.map(({ _id }) => _id)).size).toBe(count)
}

it('read each document whole', async () => {
  const state = { isDone: false }
  const writing = (async () => {
    for (let round = 0; !state.isDone; round++) {
      const _id = (round * 37) % count
      await items.replaceOne({ _id }, item(_id, `round${round}`))
    }
  })()
  for (let i = 0; i < 3; i++) {
    checkWhole(await items.find({ text: { $ne: '' } }, { batchSize: 1000 }).toArray())
    checkWhole(await items.find({ tags: 'all' }, { batchSize: 1000 }).toArray())
    checkWhole(await items.find().sort({ text: 1 }).toArray())
    const [group] = await items
      .aggregate([{ $group: { _id: null, n: { $sum: 1 }, texts: { $push: '$text' } } }])
      .toArray()
    expect([group!['n'], group!['texts'].every((text: string) => /^(first|round)\d+$/.test(text))]).toEqual([
      count,
      true,
    ])
  }
  state.isDone = true
  await writing
})

it('change each document once', async () => {
  const numbers = client.db('slow').collection<{ _id: number; n: number }>('numbers')
  await numbers.insertMany(Array.from({ length: 50 }, (_, _id) => ({ _id, n: 0 })))
  await numbers.createIndex({ n: 1 })
  const rounds = Array.from({ length: 8 }, () => numbers.updateMany({ n: { $gte: 0 } }, { $inc: { n: 1 } }))
  const results = await Promise.all(rounds)
  expect(results.map(({ modifiedCount }) => modifiedCount)).toEqual(rounds.map(() => 50))
  expect(await numbers.distinct('n')).toEqual([8])
})
