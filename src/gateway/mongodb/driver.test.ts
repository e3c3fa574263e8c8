import { Decimal128, Double, Int32, Long, ObjectId } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

const { client } = await openTestDriver()

const raw = { promoteValues: false, promoteLongs: false }

describe('the unmodified driver', () => {
  it('inserts and finds, types kept exactly', async () => {
    const items = client.db('shop').collection('items')
    const id = new ObjectId()
    const document = {
      _id: id,
      int: new Int32(1),
      double: new Double(1),
      long: Long.fromString('9007199254740993'),
      decimal: Decimal128.fromString('1.50'),
      text: 'käse',
      nested: { list: [1, 'two', null, { three: true }] },
      date: new Date(1_700_000_000_123),
    }
    await items.insertOne(document)
    const found = await items.findOne({ _id: id }, raw)
    expect(found).toEqual({
      ...document,
      nested: { list: [new Int32(1), 'two', null, { three: true }] },
    })
  })

  it('answers a query by filter, sort, projection, skip and limit', async () => {
    const numbers = client.db('shop').collection('numbers')
    await numbers.insertMany(Array.from({ length: 250 }, (_, n) => ({ n, even: n % 2 === 0, tags: [`t${n % 3}`] })))
    const found = await numbers
      .find({ n: { $gte: 100, $lt: 200 }, even: true, tags: 't1' })
      .sort({ n: -1 })
      .project({ _id: 0, n: 1 })
      .skip(1)
      .limit(3)
      .toArray()
    expect(found).toEqual([{ n: 190 }, { n: 184 }, { n: 178 }])
    expect(await numbers.find().toArray()).toHaveLength(250)
    expect(await numbers.countDocuments({ even: true })).toBe(125)
    expect(await numbers.estimatedDocumentCount()).toBe(250)
    expect(await numbers.distinct('tags')).toEqual(['t0', 't1', 't2'])
  })

  it('streams a cursor over several batches', async () => {
    const numbers = client.db('shop').collection('numbers')
    const seen = await numbers.find({}, { batchSize: 7 }).sort({ _id: 1 }).toArray()
    expect(new Set(seen.map(({ n }) => n)).size).toBe(250)
  })

  it('reports a duplicate key with the server’s code', async () => {
    const people = client.db('shop').collection<{ _id: number; mail?: string }>('people')
    await people.createIndex({ mail: 1 }, { unique: true, sparse: true })
    await people.insertMany([{ _id: 1, mail: 'a' }, { _id: 2 }, { _id: 3 }])
    await expect(people.insertOne({ _id: 4, mail: 'a' })).rejects.toMatchObject({
      code: 11_000,
      keyPattern: { mail: 1 },
      keyValue: { mail: 'a' },
    })
    const bulk = people.insertMany([{ _id: 5 }, { _id: 1 }, { _id: 6 }], { ordered: false })
    await expect(bulk).rejects.toMatchObject({ code: 11_000, result: { insertedCount: 2 } })
    expect(await people.countDocuments()).toBe(5)
  })
})
