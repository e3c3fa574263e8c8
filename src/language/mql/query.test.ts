/** Queries over a real database: whatever index a plan takes, the answer is that of the whole collection. */
import { BSON, type Document } from 'bson'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { copySlice, type KeyRange, sliceToLatin1 } from '../../base/slice.ts'
import { keyspaceRange } from '../../base/tuple.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import { openTestDatabase, runSteps } from '../../database/testing.ts'
import { advance } from '../../database/transaction/wait.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { bsonType, BsonValue, documentValue, getField } from '../../model/document/bson.ts'
import { ensureDocumentCollection } from '../../model/document/document.ts'
import { createDocumentIndex } from '../../model/document/index-build.ts'
import { indexDefinition, indexesOf } from '../../model/document/index-definition.ts'
import { indexKeyPrefixes } from '../../model/document/index-keys.ts'
import { documentOf } from '../../../test/documents/any-document.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import type { Cursor } from '../../storage/store.ts'
import { openSource } from '../../query/open-source.ts'
import { compileFilter } from './filter.ts'
import { plentyOfMemory } from '../../query/testing.ts'
import { computeAll, countMatching, firstBatch, nextBatch, plansOf, type Query } from './query.ts'
import { pipelineQuery } from './pipeline.ts'
import { parseSort } from './sort-order.ts'
import { compileUpdate } from './update.ts'
import { deleteDocuments, insertDocuments, updateDocuments } from './writes.ts'

const throws = (_: number, error: Error): never => {
  throw error
}

let database: Database
beforeEach(async () => {
  database = await openTestDatabase()
})
afterEach(() => database.close())

/** The memory store counts a range, and passes over entries, without looking at each. */
async function openWithoutMisses(): Promise<void> {
  await database.close()
  database = await openTestDatabase({ store: await openMemoryStore(createRealHost(), undefined) })
}

function run<T>(statement: (transaction: Transaction) => StatementSteps<T>): Promise<T> {
  return runSteps(database, statement)
}

const collectionOf = (transaction: Transaction): Collection => ensureDocumentCollection(transaction, 'test', 'items')

function insert(documents: readonly Document[]): Promise<readonly unknown[]> {
  return run(function* (transaction): StatementSteps<readonly unknown[]> {
    const source = openSource(collectionOf(transaction))
    const errors: unknown[] = []
    const note = (index: number, error: Error): void => void errors.push({ index, error })
    yield* insertDocuments(transaction, source, documents.map(documentOf), false, note)
    return errors
  })
}

function index(
  name: string,
  fields: [string, number][],
  options: { unique?: boolean; sparse?: boolean } = {},
): Promise<void> {
  return run(function* (transaction): StatementSteps<void> {
    const definition = indexDefinition(fields, options.sparse === true)
    const wanted = { name, unique: options.unique === true, definition }
    yield* createDocumentIndex(transaction, collectionOf(transaction), wanted)
  })
}

function queryOf(filter: Document, sort: Document = {}, more: Partial<Query> = {}): Query {
  const compiled = compileFilter(documentOf(filter), new Map())
  return {
    filter: compiled,
    sort: parseSort(documentOf(sort)),
    skip: 0,
    limit: undefined,
    hint: undefined,
    stages: [],
    ...more,
  }
}

function find(query: Query): Promise<Document[]> {
  return run(function* (transaction): StatementSteps<Document[]> {
    return (yield* computeAll(query, openSource(collectionOf(transaction)), transaction)).map(decode)
  })
}

function planName(query: Query): string {
  const transaction = database.begin({ isolation: 'read committed', readOnly: true, interactive: false })
  const plan = plansOf(query, openSource(transaction.catalog.findCollection('test', 'items')!), transaction).winning
    .plan
  transaction.rollback()
  return plan.isCollectionScan ? 'scan' : `${plan.index.name}${plan.sorted ? ' sorted' : ''}`
}

function decode({ bytes, start, end }: BsonValue): Document {
  return BSON.deserialize(bytes.subarray(start, end), { promoteValues: false })
}

function* eachEntry(transaction: Transaction, range: KeyRange, look: (entry: Cursor) => void): StatementSteps<void> {
  const cursor = transaction.scan(range)
  for (let found = advance(transaction, cursor); found !== false; found = advance(transaction, cursor)) {
    if (found === true) look(cursor)
    else yield found
  }
}

/** Entries that are there against those that the documents should have. */
function checkEntries(): Promise<void> {
  return run(function* (transaction): StatementSteps<void> {
    const collection = collectionOf(transaction)
    const expected: string[] = []
    const found: string[] = []
    for (const one of indexesOf(collection)) {
      yield* eachEntry(transaction, keyspaceRange(collection.id, 1), ({ value }) => {
        const document = documentValue(copySlice(value), 1)
        expected.push(...indexKeyPrefixes(collection, one, document))
      })
      yield* eachEntry(transaction, keyspaceRange(collection.id, one.id), ({ key, value }) => {
        const size = one.unique ? 0 : value.bytes[value.start]!
        found.push(sliceToLatin1({ ...key, bytes: key.bytes, start: key.start, end: key.end - size }))
      })
    }
    expect(found.sort()).toEqual(expected.sort())
  })
}

const small = fc.oneof(
  fc.integer({ min: 0, max: 4 }),
  fc.constantFrom(null, 'x', 'y', 1.5, true, NaN),
  fc.constantFrom(2, 3).map((n) => BSON.Long.fromInt(n)),
)
const field = fc.oneof(
  { weight: 4, arbitrary: small },
  { weight: 2, arbitrary: fc.array(small, { maxLength: 3 }) },
  { weight: 2, arbitrary: fc.record({ c: small, d: small }, { requiredKeys: [] }) },
  { weight: 1, arbitrary: fc.array(fc.record({ c: small, d: small }, { requiredKeys: [] }), { maxLength: 2 }) },
)
const documents = fc.array(fc.record({ a: field, b: small, e: small }, { requiredKeys: [] }), { maxLength: 20 })
const condition = fc.oneof(
  small,
  small.map((value) => ({ $gt: value })),
  small.map((value) => ({ $lte: value })),
  fc.tuple(small, small).map(([low, high]) => ({ $gte: low, $lt: high })),
  fc.array(small, { minLength: 1, maxLength: 3 }).map((list) => ({ $in: list })),
  small.map((value) => ({ $ne: value })),
  small.map((value) => ({ $elemMatch: { $gte: value } })),
)
const path = fc.constantFrom('a', 'b', 'e', 'a.c', 'a.d')
const filters = fc.array(fc.tuple(path, condition), { maxLength: 3 }).map((list): Document => Object.fromEntries(list))
const sorts = fc
  .array(fc.tuple(path, fc.constantFrom(1, -1)), { maxLength: 2 })
  .map((list): Document => Object.fromEntries([...list, ['_id', 1]]))

describe('a plan', () => {
  it('changes nothing of the answer', async () => {
    let used = 0
    const property = fc.asyncProperty(
      documents,
      fc.array(fc.tuple(filters, sorts), { minLength: 5, maxLength: 8 }),
      async (list, queries) => {
        await run(function* (transaction): StatementSteps<void> {
          transaction.dropCollection(collectionOf(transaction))
          yield* []
        })
        await index('a1', [['a', 1]])
        await index('b-1', [
          ['b', -1],
          ['e', 1],
        ])
        await index('ac', [
          ['a.c', 1],
          ['a.d', -1],
        ])
        await index('eb', [
          ['e', 1],
          ['b', 1],
          ['_id', 1],
        ])
        await index('sparse', [['e', -1]], { sparse: true })
        await insert(list.map((document, _id) => ({ _id, ...document })))
        await checkEntries()
        for (const [filter, sort] of queries) {
          const scanned = await find(queryOf(filter, sort, { hint: { kind: 'natural', reverse: false } }))
          expect(await find(queryOf(filter, sort))).toEqual(scanned)
          if (planName(queryOf(filter, sort)) !== 'scan') used++
        }
      },
    )
    await fc.assert(property, { numRuns: 60 })
    expect(used).toBeGreaterThan(50)
  })

  it('takes the index that a query asks for', async () => {
    await insert(Array.from({ length: 10 }, (_, n) => ({ _id: n, a: n, b: n % 3, t: [n, n + 1] })))
    await index('a', [['a', 1]])
    await index('ba', [
      ['b', 1],
      ['a', -1],
    ])
    await index('t', [['t', 1]])
    const names = [
      [{ a: 3 }, {}],
      [{ a: { $gte: 3 } }, {}],
      [{ b: 1 }, { a: 1 }],
      [{ b: 1, a: 4 }, {}],
      [{}, { a: -1 }],
      [{ t: 4 }, {}],
      [{ t: 4 }, { t: 1 }],
      [{ _id: { $lt: 5 } }, {}],
      [{}, { _id: -1 }],
      [{ c: 1 }, {}],
      [{ a: { $ne: 1 } }, {}],
    ].map(([filter, sort]) => planName(queryOf(filter!, sort)))
    expect(names).toEqual(['a', 'a', 'ba sorted', 'ba', 'a sorted', 't', 't', '_id_', '_id_ sorted', 'scan', 'scan'])
  })
})

describe('batches', () => {
  it('give each document once, in order, while others write', async () => {
    await insert(Array.from({ length: 50 }, (_, n) => ({ _id: n, a: [n % 7, n % 5] })))
    await index('a', [['a', 1]])
    const query = queryOf({ a: { $gte: 0 } })
    const wants = { documents: 6, bytes: 1e6, openWorkspace: plentyOfMemory }
    const seen: unknown[] = []
    let { next: position } = await run((transaction) =>
      firstBatch(query, openSource(collectionOf(transaction)), transaction, { ...wants, documents: 0 }),
    )
    for (let batch = 0; position !== undefined; batch++) {
      const from = position
      const result = await run((transaction) =>
        nextBatch(query, () => openSource(collectionOf(transaction)), transaction, wants, from),
      )
      seen.push(...result.documents.map((one) => decode(one)['_id'].value))
      position = result.next
      if (batch === 2) await insert([{ _id: 1000 + batch, a: -1 }])
    }
    expect(seen).toHaveLength(50)
    expect(new Set(seen).size).toBe(50)
  })
})

describe('writes', () => {
  const change = (filter: Document, update: Document, more: { isMulti?: boolean; isUpsert?: boolean } = {}) =>
    run(function* (transaction): StatementSteps<{ matched: number; modified: number }> {
      const compiled = compileUpdate({ update: documentOf(update), arrayFilters: [], variables: new Map() })
      const parsed = compileFilter(documentOf(filter), new Map())
      const operation = {
        filter: parsed,
        update: compiled,
        isMulti: false,
        isUpsert: false,
        hint: undefined,
        sort: [],
        ...more,
      }
      const { matched, modified } = yield* updateDocuments(
        transaction,
        openSource(collectionOf(transaction)),
        operation,
      )
      return { matched, modified }
    })

  it('do not meet the documents that they move', async () => {
    await insert(Array.from({ length: 20 }, (_, n) => ({ _id: n, a: n })))
    await index('a', [['a', 1]])
    expect(await change({ a: { $gte: 5 } }, { $inc: { a: 100 } }, { isMulti: true })).toEqual({
      matched: 15,
      modified: 15,
    })
    expect(await find(queryOf({ a: { $gte: 200 } }))).toEqual([])
    await checkEntries()
  })

  it('keep entries true through inserts, updates and deletes', async () => {
    await index('a', [['a', 1]])
    await index('u', [['u', 1]], { unique: true, sparse: true })
    await index('ab', [
      ['a.c', -1],
      ['b', 1],
    ])
    await insert([{ _id: 1, a: [1, 2, 2], u: 1 }, { _id: 2, a: [{ c: 1 }, { c: 2 }], b: 1, u: 2 }, { _id: 3 }])
    await change({ _id: 1 }, { $push: { a: 3 }, $unset: { u: '' } })
    await change({ _id: 3 }, { $set: { u: 1 } })
    await change({ _id: 2 }, { $pull: { a: { c: 1 } } })
    await checkEntries()
    await run((transaction) =>
      deleteDocuments(transaction, openSource(collectionOf(transaction)), {
        filter: compileFilter(documentOf({ u: 1 }), new Map()),
        isMulti: true,
        hint: undefined,
        sort: [],
      }),
    )
    await checkEntries()
    expect(await find(queryOf({}))).toHaveLength(2)
  })

  it('upsert what the filter says', async () => {
    await change({ _id: 7, 'a.b': 1, c: { $gt: 5 } }, { $set: { d: 'x' } }, { isUpsert: true })
    expect(await find(queryOf({}))).toEqual([{ _id: new BSON.Int32(7), a: { b: new BSON.Int32(1) }, d: 'x' }])
  })

  it('refuse parallel arrays and ids that are none', async () => {
    await index('ab', [
      ['a', 1],
      ['b', 1],
    ])
    const errors = await insert([{ a: [1], b: [2] }, { _id: [1] }, { _id: /x/ }, { _id: 1, a: [1], b: 2 }])
    expect(errors).toMatchObject([
      { index: 0, error: { detail: { mongoCode: 171 } } },
      { index: 1, error: { detail: { mongoCode: 53 } } },
      { index: 2, error: { detail: { mongoCode: 53 } } },
    ])
    await checkEntries()
  })

  it('note the types of fields', async () => {
    await insert([
      { _id: 1, a: 1, ['__proto__x']: true },
      { _id: 'x', a: 'y' },
    ])
    const fields = database.catalog.findCollection('test', 'items')!.fields
    expect([...fields].map(([name, types]) => [name, [...types].sort()])).toEqual([
      ['__proto__x', ['bool']],
      ['_id', ['int', 'string']],
      ['a', ['int', 'string']],
    ])
  })
})

describe('plans by what is there', () => {
  beforeEach(openWithoutMisses)

  const many = Array.from({ length: 400 }, (_, i) => ({ _id: i, kind: i % 2, rare: i % 100, n: i }))

  it('go through the index that finds fewer', async () => {
    await insert(many)
    await index('kind', [['kind', 1]])
    await index('rare', [['rare', 1]])
    expect(planName(queryOf({ kind: 1, rare: 7 }))).toBe('rare')
    // The same shape, and now the other one is the rare one.
    await insert(Array.from({ length: 400 }, (_, i) => ({ _id: 1000 + i, kind: 2 + i, rare: 7 })))
    expect(planName(queryOf({ kind: 500, rare: 7 }))).toBe('kind')
    // Either would fetch a large part of the collection.
    expect(planName(queryOf({ kind: 1, rare: 7 }))).toBe('scan')
    expect(planName(queryOf({ kind: 1, rare: 8 }))).toBe('rare')
  })

  it('find by null what is undefined, which no driver writes any more', async () => {
    const name = Buffer.from('_id\0')
    const bytes = Buffer.concat([Buffer.from([17, 0, 0, 0, 0x10]), name, Buffer.from([1, 0, 0, 0, 6, 0x61, 0, 0])])
    await run(function* (transaction): StatementSteps<void> {
      const document = new BsonValue(bsonType.object, bytes, 0, bytes.length)
      yield* insertDocuments(transaction, openSource(collectionOf(transaction)), [document], false, throws)
    })
    await insert([{ _id: 2, a: null }, { _id: 3 }, { _id: 4, a: 1 }])
    const found = async (): Promise<number[]> =>
      (await find(queryOf({ a: null }))).map(({ _id }) => Number(_id)).sort((a, b) => a - b)
    expect(await found()).toEqual([1, 2, 3])
    await index('a', [['a', 1]])
    expect(planName(queryOf({ a: null }))).toBe('a')
    expect(await found()).toEqual([1, 2, 3])
  })

  it('sort what is little, and read in order what is much', async () => {
    await insert(many)
    await index('rare', [['rare', 1]])
    await index('n', [['n', 1]])
    expect(planName(queryOf({ rare: 7 }, { n: 1 }))).toBe('rare')
    expect(planName(queryOf({ rare: { $gte: 0 } }, { n: 1 }, { limit: 3 }))).toBe('n sorted')
  })

  it('count the own writes of their transaction, by a sample', async () => {
    await insert(many.slice(0, 100))
    await index('kind', [['kind', 1]])
    await index('rare', [['rare', 1]])
    await run(function* (transaction): StatementSteps<void> {
      const source = openSource(collectionOf(transaction))
      const own = Array.from({ length: 300 }, (_, i) => documentOf({ _id: 1000 + i, kind: 5 + i, rare: 7 }))
      yield* insertDocuments(transaction, source, own, false, throws)
      expect(plansOf(queryOf({ kind: 1, rare: 7 }), source, transaction).winning.plan.index.name).toBe('kind')
    })
  })

  it('are made by rules where the store would have to wait', async () => {
    await insert(many)
    await index('kind', [['kind', 1]])
    await index('both', [
      ['kind', 1],
      ['rare', 1],
    ])
    await run(function* (transaction): StatementSteps<void> {
      const source = openSource(collectionOf(transaction))
      const newest = {
        ...transaction.newest,
        estimate: () => {
          throw Object.assign(new Error('not resident'), { miss: true, page: 1 })
        },
      }
      expect(plansOf(queryOf({ kind: 1, rare: 7 }), source, { newest }).winning.plan.index.name).toBe('both')
      yield* []
    })
  })
})

describe('what nobody looks at', () => {
  beforeEach(openWithoutMisses)

  const ids = Array.from({ length: 500 }, (_, i) => ({ _id: i, a: i % 7 }))

  /** How many entries a cursor shows during the statement. */
  async function entriesShown<T>(
    statement: (transaction: Transaction) => StatementSteps<T>,
  ): Promise<{ result: T; shown: number }> {
    let shown = 0
    const result = await run((transaction) => {
      const scan = transaction.scan.bind(transaction)
      transaction.scan = (range, options) => {
        const cursor = scan(range, options)
        const next = cursor.next.bind(cursor)
        cursor.next = () => ++shown > 0 && next()
        return cursor
      }
      return statement(transaction)
    })
    return { result, shown }
  }

  it.each([
    [{}, 500],
    [{ skip: 495 }, 5],
    [{ skip: 600 }, 0],
    [{ skip: 10, limit: 20 }, 20],
    [{ skip: 490, limit: 20 }, 10],
  ])('is counted at once: %j', async (window, expected) => {
    await insert(ids)
    const query = queryOf({}, {}, window)
    const counted = await entriesShown((transaction) =>
      countMatching(query, openSource(collectionOf(transaction)), transaction),
    )
    expect(counted).toEqual({ result: expected, shown: 0 })
  })

  it.each([
    [[{ $group: { _id: null, n: { $sum: 1 } } }], [{ _id: null, n: new BSON.Int32(500) }]],
    [[{ $group: { _id: 1, n: { $count: {} }, m: { $sum: 1 } } }], [{ _id: 1, n: 500, m: 500 }]],
    [[{ $count: 'n' }], [{ n: 500 }]],
  ])('by the stages %j too', async (pipeline, expected) => {
    await insert(ids)
    const list = getField(documentOf({ pipeline }), 'pipeline')!
    const { result, shown } = await entriesShown((transaction) => {
      const context = {
        variables: new Map(),
        reader: { names: new Set<string>(), open: (): never => expect.fail('no other collection is read') },
      }
      const query = pipelineQuery(list, context)
      return computeAll(query, openSource(collectionOf(transaction)), transaction)
    })
    expect([result.map(decode), shown]).toEqual([
      BSON.deserialize(BSON.serialize({ expected }), { promoteValues: false })['expected'],
      0,
    ])
  })

  it('is looked at where a stage or a filter asks', async () => {
    await insert(ids)
    const filtered = await entriesShown((transaction) =>
      countMatching(queryOf({ a: 3 }), openSource(collectionOf(transaction)), transaction),
    )
    expect(filtered.result).toBe(ids.filter(({ a }) => a === 3).length)
    expect(filtered.shown).toBeGreaterThan(400)
  })

  it('is not what a hinted sparse index leaves out', async () => {
    await insert([...ids, { _id: 500, e: 1 }, { _id: 501, e: null }])
    await index('sparse', [['e', 1]], { sparse: true })
    const query = queryOf({}, {}, { hint: { kind: 'name', name: 'sparse' } })
    expect(await find(query)).toHaveLength(2)
    expect(await run((transaction) => countMatching(query, openSource(collectionOf(transaction)), transaction))).toBe(2)
  })

  it('is passed over, within a transaction that wrote too', async () => {
    await insert(ids)
    const wants = { documents: 3, bytes: 10_000, openWorkspace: plentyOfMemory }
    const { result, shown } = await entriesShown(function* (transaction): StatementSteps<number[][]> {
      const source = openSource(collectionOf(transaction))
      const query = queryOf({}, { _id: -1 }, { skip: 300 })
      const first = yield* firstBatch(query, source, transaction, wants)
      const second = yield* nextBatch(query, () => source, transaction, wants, first.next!)
      return [first, second].map(({ documents }) =>
        documents.map((one) => BSON.deserialize(one.bytes.subarray(one.start, one.end))['_id'] as number),
      )
    })
    expect(result).toEqual([
      [199, 198, 197],
      [196, 195, 194],
    ])
    expect(shown).toBeLessThan(12)
    await run(function* (transaction): StatementSteps<void> {
      const source = openSource(collectionOf(transaction))
      yield* deleteDocuments(transaction, source, { ...queryOf({ _id: { $lt: 10 } }), isMulti: true })
      expect(yield* countMatching(queryOf({}), source, transaction)).toBe(490)
      const [document] = yield* computeAll(queryOf({}, { _id: 1 }, { skip: 100, limit: 1 }), source, transaction)
      expect(decode(document!)).toMatchObject({ _id: new BSON.Int32(110) })
    })
  })
})
