import { deserialize, serialize, type Document } from 'bson'
import { MongoServerError } from 'mongodb'
import { describe, expect, it } from 'vitest'
import { messageOf, openTestDriver } from './testing.ts'

interface Item {
  _id: number
  a?: unknown
}

const { server, client } = await openTestDriver()

/** So many levels, the document itself included. */
function nested(levels: number): Document {
  let document: Document = {}
  for (let i = 1; i < levels; i++) document = { a: document }
  return document
}

/** The same without a stack: bytes of a document of so many levels. */
function nestedBytes(levels: number): Uint8Array {
  const bytes = Buffer.alloc(levels * 8 - 3)
  for (let level = 0; level < levels; level++) {
    bytes.writeInt32LE(bytes.length - level * 8, level * 7)
    if (level < levels - 1) bytes.set([3, 0x61, 0], level * 7 + 4)
  }
  return bytes
}

async function codeOf(promise: Promise<unknown>): Promise<number | string | undefined> {
  const error: unknown = await promise.catch((reason: unknown) => reason)
  return error instanceof MongoServerError ? error.code : undefined
}

function manyAnd(levels: number): Document {
  let filter: Document = { a: 1 }
  for (let i = 0; i < levels; i++) filter = { $and: [filter] }
  return filter
}

describe('nesting', () => {
  it('of a stored document goes to 100 levels, whatever command it comes in', async () => {
    const deep = client.db('nesting').collection<Item>('deep')
    await deep.insertOne({ _id: 1, ...nested(100) })
    await deep.insertMany([{ _id: 2, ...nested(99) }])
    await deep.replaceOne({ _id: 2 }, nested(100))
    await deep.updateOne({ _id: 3 }, { $set: { a: nested(99) } }, { upsert: true })
    expect(await deep.countDocuments(nested(100))).toBe(3)
    expect(await deep.findOne({ _id: 1 })).toEqual({ _id: 1, ...nested(100) })
  })

  it('beyond that is an error of the document, on a living connection', async () => {
    const deep = client.db('nesting').collection<Item>('deeper')
    const inserted = await deep
      .insertMany([{ _id: 1 }, { _id: 2, ...nested(101) }, { _id: 3 }], { ordered: false })
      .catch((error: unknown) => error)
    expect(inserted).toMatchObject({ code: 15, result: { insertedCount: 2 } })
    expect(await codeOf(deep.insertOne({ _id: 4, ...nested(101) }))).toBe(15)
    expect(await codeOf(deep.replaceOne({ _id: 1 }, nested(101)))).toBe(15)
    expect(await codeOf(deep.updateOne({ _id: 1 }, { $set: { a: nested(100) } }))).toBe(15)
    expect(await codeOf(deep.updateOne({ _id: 1 }, { $set: { [Array(101).fill('a').join('.')]: 1 } }))).toBe(15)
    expect(await codeOf(deep.updateOne({ _id: 1 }, [{ $set: { a: { b: nested(99) } } }]))).toBe(15)
    expect(await deep.find().sort({ _id: 1 }).toArray()).toEqual([{ _id: 1 }, { _id: 3 }])
  })

  it('of filters, pipelines and paths has room, and an end', async () => {
    const deep = client.db('nesting').collection<Item>('filters')
    await deep.insertOne({ _id: 1, a: 1 })
    expect(await deep.countDocuments(manyAnd(90))).toBe(1)
    expect(await deep.find(manyAnd(95)).toArray()).toHaveLength(1)
    expect(await codeOf(deep.findOne(manyAnd(120)))).toBe(15)
    const path = Array(100_000).fill('a').join('.')
    expect(await codeOf(deep.findOne({ [path]: 1 }))).toBe(15)
    expect(await codeOf(deep.updateOne({}, { $set: { [path]: 1 } }))).toBe(15)
    expect(await codeOf(deep.updateOne({}, { $rename: { a: path } }))).toBe(15)
    expect(await codeOf(deep.find({}, { projection: { [path]: 1 } }).toArray())).toBe(15)
    expect(
      await codeOf(
        deep
          .find()
          .sort({ [path]: 1 })
          .toArray(),
      ),
    ).toBe(15)
    expect(await codeOf(deep.aggregate([{ $project: { b: `$${path}` } }]).toArray())).toBe(15)
    expect(await codeOf(deep.createIndex({ [path]: 1 }))).toBe(15)
  })

  it('of ten thousand levels in raw bytes is answered', async () => {
    const raw = await server.connect()
    const bytes = nestedBytes(10_000)
    expect(nestedBytes(3)).toEqual(Buffer.from(serialize(nested(3))))
    await raw.command(serialize({ hello: 1 }))
    raw.send(messageOf(bytes))
    expect(deserialize((await raw.reply())!)).toMatchObject({ ok: 0, code: 15, codeName: 'Overflow' })
    const broken = Buffer.from(serialize({ ping: 1, $db: 'a', x: true }))
    broken[broken.length - 2] = 7
    expect(deserialize((await raw.command(broken))!)).toMatchObject({ ok: 0, code: 22, codeName: 'InvalidBSON' })
    raw.send(messageOf(bytes, 2))
    expect(deserialize((await raw.command(serialize({ ping: 1, $db: 'a' })))!)).toMatchObject({ ok: 1 })
    raw.destroy()
  })
})
