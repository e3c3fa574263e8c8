/** Queries over a real database: whatever index a plan takes, the answer is that of the whole collection. */
import { BSON, type Document } from 'bson'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { copySlice, sliceToLatin1 } from '../../base/slice.ts'
import { keyspaceRange } from '../../base/tuple.ts'
import type { Collection } from '../../database/catalog.ts'
import type { Pause, Transaction } from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import { commitNow, openTestDatabase } from '../../database/testing.ts'
import type { BsonValue } from '../../model/document/bson.ts'
import { documentValue, getField } from '../../model/document/bson.ts'
import { ensureDocumentCollection } from '../../model/document/document.ts'
import { createDocumentIndex } from '../../model/document/index-build.ts'
import { indexDefinition, indexesOf } from '../../model/document/index-definition.ts'
import { indexKeyPrefixes } from '../../model/document/index-keys.ts'
import { documentOf } from '../../../test/documents/any-document.ts'
import { openSource } from '../../query/open-source.ts'
import { compileFilter } from './filter.ts'
import { plentyOfMemory } from '../../query/testing.ts'
import { computeAll, countMatching, firstBatch, nextBatch, planOf, type Query } from './query.ts'
import { parsePipeline } from './pipeline.ts'
import { parseSort } from './sort-order.ts'
import { compileUpdate } from './update.ts'
import { deleteDocuments, insertDocuments, updateDocuments } from './writes.ts'

let database: Database
beforeEach(async () => {
  database = await openTestDatabase()
})
afterEach(() => database.close())

type Steps<T> = Generator<Pause, T, void>

function run<T>(statement: (transaction: Transaction) => Steps<T>): T {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  try {
    const steps = statement(transaction)
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done !== true) continue
      transaction.endStatement()
      commitNow(transaction)
      return step.value
    }
  } catch (error) {
    transaction.rollback()
    throw error
  }
}

const collectionOf = (transaction: Transaction): Collection => ensureDocumentCollection(transaction, 'test', 'items')

function insert(documents: readonly Document[]): readonly unknown[] {
  return run(function* (transaction): Steps<readonly unknown[]> {
    const source = openSource(collectionOf(transaction))
    return (yield* insertDocuments(transaction, source, documents.map(documentOf), false)).errors
  })
}

function index(name: string, fields: [string, number][], options: { unique?: boolean; sparse?: boolean } = {}): void {
  run(function* (transaction): Steps<void> {
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

function find(query: Query): Document[] {
  return run(function* (transaction): Steps<Document[]> {
    return (yield* computeAll(query, openSource(collectionOf(transaction)), transaction)).map(decode)
  })
}

function planName(query: Query): string {
  const transaction = database.begin({ isolation: 'read committed', readOnly: true, interactive: false })
  const plan = planOf(query, openSource(transaction.catalog.findCollection('test', 'items')!))
  transaction.rollback()
  return plan.isCollectionScan ? 'scan' : `${plan.index.name}${plan.sorted ? ' sorted' : ''}`
}

function decode({ bytes, start, end }: BsonValue): Document {
  return BSON.deserialize(bytes.subarray(start, end), { promoteValues: false })
}

/** Entries that are there against those that the documents should have. */
function checkEntries(): void {
  run(function* (transaction): Steps<void> {
    const collection = collectionOf(transaction)
    const expected: string[] = []
    const found: string[] = []
    for (const one of indexesOf(collection)) {
      const rows = transaction.scan(keyspaceRange(collection.id, 1))
      while (rows.next()) {
        const document = documentValue(copySlice(rows.value), 1)
        expected.push(...indexKeyPrefixes(collection, one, document))
      }
      const entries = transaction.scan(keyspaceRange(collection.id, one.id))
      while (entries.next()) {
        const size = one.unique ? 0 : entries.value.bytes[entries.value.start]!
        found.push(
          sliceToLatin1({
            ...entries.key,
            bytes: entries.key.bytes,
            start: entries.key.start,
            end: entries.key.end - size,
          }),
        )
      }
    }
    expect(found.sort()).toEqual(expected.sort())
    yield* []
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
  it('changes nothing of the answer', () => {
    let used = 0
    const property = fc.property(
      documents,
      fc.array(fc.tuple(filters, sorts), { minLength: 5, maxLength: 8 }),
      (list, queries) => {
        run(function* (transaction): Steps<void> {
          transaction.dropCollection(collectionOf(transaction))
          yield* []
        })
        index('a1', [['a', 1]])
        index('b-1', [
          ['b', -1],
          ['e', 1],
        ])
        index('ac', [
          ['a.c', 1],
          ['a.d', -1],
        ])
        index('eb', [
          ['e', 1],
          ['b', 1],
          ['_id', 1],
        ])
        index('sparse', [['e', -1]], { sparse: true })
        insert(list.map((document, _id) => ({ _id, ...document })))
        checkEntries()
        for (const [filter, sort] of queries) {
          const scanned = find(queryOf(filter, sort, { hint: { kind: 'natural', reverse: false } }))
          expect(find(queryOf(filter, sort))).toEqual(scanned)
          if (planName(queryOf(filter, sort)) !== 'scan') used++
        }
      },
    )
    fc.assert(property, { numRuns: 60 })
    expect(used).toBeGreaterThan(50)
  })

  it('takes the index that a query asks for', () => {
    insert(Array.from({ length: 10 }, (_, n) => ({ _id: n, a: n, b: n % 3, t: [n, n + 1] })))
    index('a', [['a', 1]])
    index('ba', [
      ['b', 1],
      ['a', -1],
    ])
    index('t', [['t', 1]])
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
  it('give each document once, in order, while others write', () => {
    insert(Array.from({ length: 50 }, (_, n) => ({ _id: n, a: [n % 7, n % 5] })))
    index('a', [['a', 1]])
    const query = queryOf({ a: { $gte: 0 } })
    const wants = { documents: 6, bytes: 1e6, openWorkspace: plentyOfMemory }
    const seen: unknown[] = []
    let position = run((transaction) =>
      firstBatch(query, openSource(collectionOf(transaction)), transaction, { ...wants, documents: 0 }),
    ).next
    for (let batch = 0; position !== undefined; batch++) {
      const from = position
      const result = run((transaction) =>
        nextBatch(query, () => openSource(collectionOf(transaction)), transaction, wants, from),
      )
      seen.push(...result.documents.map((one) => decode(one)['_id'].value))
      position = result.next
      if (batch === 2) insert([{ _id: 1000 + batch, a: -1 }])
    }
    expect(seen).toHaveLength(50)
    expect(new Set(seen).size).toBe(50)
  })
})

describe('writes', () => {
  const change = (filter: Document, update: Document, more: { isMulti?: boolean; isUpsert?: boolean } = {}) =>
    run(function* (transaction): Steps<{ matched: number; modified: number }> {
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

  it('do not meet the documents that they move', () => {
    insert(Array.from({ length: 20 }, (_, n) => ({ _id: n, a: n })))
    index('a', [['a', 1]])
    expect(change({ a: { $gte: 5 } }, { $inc: { a: 100 } }, { isMulti: true })).toEqual({ matched: 15, modified: 15 })
    expect(find(queryOf({ a: { $gte: 200 } }))).toEqual([])
    checkEntries()
  })

  it('keep entries true through inserts, updates and deletes', () => {
    index('a', [['a', 1]])
    index('u', [['u', 1]], { unique: true, sparse: true })
    index('ab', [
      ['a.c', -1],
      ['b', 1],
    ])
    insert([{ _id: 1, a: [1, 2, 2], u: 1 }, { _id: 2, a: [{ c: 1 }, { c: 2 }], b: 1, u: 2 }, { _id: 3 }])
    change({ _id: 1 }, { $push: { a: 3 }, $unset: { u: '' } })
    change({ _id: 3 }, { $set: { u: 1 } })
    change({ _id: 2 }, { $pull: { a: { c: 1 } } })
    checkEntries()
    run((transaction) =>
      deleteDocuments(transaction, openSource(collectionOf(transaction)), {
        filter: compileFilter(documentOf({ u: 1 }), new Map()),
        isMulti: true,
        hint: undefined,
        sort: [],
      }),
    )
    checkEntries()
    expect(find(queryOf({}))).toHaveLength(2)
  })

  it('upsert what the filter says', () => {
    change({ _id: 7, 'a.b': 1, c: { $gt: 5 } }, { $set: { d: 'x' } }, { isUpsert: true })
    expect(find(queryOf({}))).toEqual([{ _id: new BSON.Int32(7), a: { b: new BSON.Int32(1) }, d: 'x' }])
  })

  it('refuse parallel arrays and ids that are none', () => {
    index('ab', [
      ['a', 1],
      ['b', 1],
    ])
    const errors = insert([{ a: [1], b: [2] }, { _id: [1] }, { _id: /x/ }, { _id: 1, a: [1], b: 2 }])
    expect(errors).toMatchObject([
      { index: 0, error: { detail: { mongoCode: 171 } } },
      { index: 1, error: { detail: { mongoCode: 53 } } },
      { index: 2, error: { detail: { mongoCode: 53 } } },
    ])
    checkEntries()
  })

  it('note the types of fields', () => {
    insert([
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

describe('what nobody looks at', () => {
  const ids = Array.from({ length: 500 }, (_, i) => ({ _id: i, a: i % 7 }))

  /** How many entries a cursor shows during the statement. */
  function entriesShown<T>(statement: (transaction: Transaction) => Steps<T>): { result: T; shown: number } {
    let shown = 0
    const result = run((transaction) => {
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
  ])('is counted at once: %j', (window, expected) => {
    insert(ids)
    const query = queryOf({}, {}, window)
    const counted = entriesShown((transaction) =>
      countMatching(query, openSource(collectionOf(transaction)), transaction),
    )
    expect(counted).toEqual({ result: expected, shown: 0 })
  })

  it.each([
    [[{ $group: { _id: null, n: { $sum: 1 } } }], [{ _id: null, n: new BSON.Int32(500) }]],
    [[{ $group: { _id: 1, n: { $count: {} }, m: { $sum: 1 } } }], [{ _id: 1, n: 500, m: 500 }]],
    [[{ $count: 'n' }], [{ n: 500 }]],
  ])('by the stages %j too', (pipeline, expected) => {
    insert(ids)
    const list = getField(documentOf({ pipeline }), 'pipeline')!
    const { result, shown } = entriesShown((transaction) => {
      const context = {
        variables: new Map(),
        reader: (): never => expect.fail('no other collection is read'),
      }
      const query = { ...queryOf({}), ...parsePipeline(list, context) }
      return computeAll(query, openSource(collectionOf(transaction)), transaction)
    })
    expect([result.map(decode), shown]).toEqual([
      BSON.deserialize(BSON.serialize({ expected }), { promoteValues: false })['expected'],
      0,
    ])
  })

  it('is looked at where a stage or a filter asks', () => {
    insert(ids)
    const filtered = entriesShown((transaction) =>
      countMatching(queryOf({ a: 3 }), openSource(collectionOf(transaction)), transaction),
    )
    expect(filtered.result).toBe(ids.filter(({ a }) => a === 3).length)
    expect(filtered.shown).toBeGreaterThan(400)
  })

  it('is not what a hinted sparse index leaves out', () => {
    insert([...ids, { _id: 500, e: 1 }, { _id: 501, e: null }])
    index('sparse', [['e', 1]], { sparse: true })
    const query = queryOf({}, {}, { hint: { kind: 'name', name: 'sparse' } })
    expect(find(query)).toHaveLength(2)
    expect(run((transaction) => countMatching(query, openSource(collectionOf(transaction)), transaction))).toBe(2)
  })

  it('is passed over, within a transaction that wrote too', () => {
    insert(ids)
    const wants = { documents: 3, bytes: 10_000, openWorkspace: plentyOfMemory }
    const { result, shown } = entriesShown(function* (transaction): Steps<number[][]> {
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
    run(function* (transaction): Steps<void> {
      const source = openSource(collectionOf(transaction))
      yield* deleteDocuments(transaction, source, { ...queryOf({ _id: { $lt: 10 } }), isMulti: true })
      expect(yield* countMatching(queryOf({}), source, transaction)).toBe(490)
      const [document] = yield* computeAll(queryOf({}, { _id: 1 }, { skip: 100, limit: 1 }), source, transaction)
      expect(decode(document!)).toMatchObject({ _id: new BSON.Int32(110) })
    })
  })
})
