/** Random documents with arrays, nulls and nothing at all, against a list of documents; the model's verifier looks on. */
import { serialize, type Document } from 'bson'
import { describe, expect, test, vi } from 'vitest'
import { copySlice, sliceOf, type Slice } from '../../base/slice.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { Database } from '../../database/database.ts'
import { openTestDatabase, runNow, runSteps } from '../../database/testing.ts'
import { StatementSlice } from '../../database/transaction/time-slice.ts'
import { KernelTransaction } from '../../database/transaction/transaction.ts'
import { Verification } from '../../database/verification/verification.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import { bsonType, BsonValue } from './bson.ts'
import { ensureDocumentCollection, insertDocument, lockDocument, removeDocument, replaceDocument } from './document.ts'
import { createDocumentIndex } from './index-build.ts'
import { compileIndex, indexDefinition } from './index-definition.ts'
import { compareValues } from './order.ts'
import { DocumentEntries, indexKeyPrefixes } from './index-keys.ts'
import { documentVerifier } from './verify.ts'

const collectionOf = (tx: Transaction): Collection => tx.catalog.findCollection('n', 'things')!
const bytesOf = (document: Document): Slice => sliceOf(serialize(document))

function idValue(id: number): BsonValue {
  const { bytes } = bytesOf({ _id: id })
  return new BsonValue(bsonType.int32, bytes, 9, 13)
}

const indexes: readonly [string, boolean, boolean, [string, number][]][] = [
  ['tags', false, false, [['tags', -1]]],
  ['code', true, true, [['code', 1]]],
  [
    'both',
    false,
    true,
    [
      ['tags', 1],
      ['place.city', -1],
    ],
  ],
]

function* makeAll(tx: Transaction): StatementSteps<void> {
  ensureDocumentCollection(tx, 'n', 'things')
  for (const [name, unique, sparse, fields] of indexes) {
    yield* createDocumentIndex(tx, collectionOf(tx), { name, unique, definition: indexDefinition(fields, sparse) })
  }
}

function randomDocument(random: SeededRandom, id: number): Document {
  const pick = <T>(...from: T[]): T => from[random.below(from.length)]!
  return {
    _id: id,
    ...pick<Document>({}, { code: null }, { code: random.below(6) }, { code: [random.below(6), random.below(6)] }),
    ...pick<Document>(
      {},
      { tags: [] },
      { tags: 'a' },
      { tags: ['a', 'b'] },
      { tags: ['b', 'b', null] },
      { tags: [['a'], 'c'] },
    ),
    ...pick<Document>({}, { place: null }, { place: { city: 'x' } }, { place: { town: 1 } }),
    // A large one is written in steps.
    ...pick<Document>({}, {}, { padding: 'x'.repeat(20_000) }),
    ...pick<Document>({}, { [`new ${random.below(3)}`]: pick<unknown>(1, 'text', null) }),
  }
}

/** The values under which a document is in the unique index; none where it is not in it. */
function codes({ code }: Document): string[] {
  if (code === undefined) return []
  return (Array.isArray(code) ? code : [code]).map(String)
}

function conflicting(documents: ReadonlyMap<number, Document>, id: number, document: Document): boolean {
  const own = codes(document)
  return [...documents].some(([other, one]) => other !== id && codes(one).some((code) => own.includes(code)))
}

function differences(database: Database): string[] {
  return runNow(database, function* (tx) {
    const verification = new Verification(tx, Number.MAX_SAFE_INTEGER)
    yield* documentVerifier.verify(verification, collectionOf(tx))
    return verification.result.differences.map(({ kind, index, message }) => `${kind} ${index ?? ''}: ${message}`)
  })
}

function stored(tx: Transaction, id: number): Slice | undefined {
  const found = lockDocument(tx, collectionOf(tx), idValue(id))
  return found === undefined ? undefined : sliceOf(copySlice(found))
}

test('documents, their unique conflicts and their entries are those of a list of documents', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const database = await openTestDatabase()
    runNow(database, makeAll)
    const random = new SeededRandom(seed)
    const documents = new Map<number, Document>()
    for (let step = 0; step < 120; step++) {
      const what = `seed ${seed}, step ${step}`
      const id = random.below(10)
      const document = randomDocument(random, id)
      const isThere = documents.has(id)
      const isRemoved = isThere && random.chance(0.3)
      const change = (): void =>
        runNow<void>(database, (tx) => {
          const before = stored(tx, id)
          if (before === undefined) return insertDocument(tx, collectionOf(tx), bytesOf(document))
          if (isRemoved) return removeDocument(tx, collectionOf(tx), before)
          return replaceDocument(tx, collectionOf(tx), before, bytesOf(document))
        })
      if (isRemoved) {
        change()
        documents.delete(id)
      } else if (conflicting(documents, id, document)) {
        expect(change, what).toThrow('E11000')
      } else {
        change()
        documents.set(id, document)
      }
      const found = runNow(database, (tx) => stored(tx, id))
      const expected = documents.get(id)
      expect(found && Buffer.from(copySlice(found)).toString('hex'), what).toBe(
        expected && Buffer.from(serialize(expected)).toString('hex'),
      )
      if (step % 8 === 0) expect(differences(database), what).toEqual([])
    }
    expect(differences(database)).toEqual([])
    await database.close()
  }
})

test('a large document is written in turns, whatever is done with it', async () => {
  const numbers = (from: number): Document => ({
    _id: 1,
    code: Array.from({ length: 5000 }, (_, i) => from + i),
    tags: Array.from({ length: 5000 }, (_, i) => `${(i * 7919) % 5000}`),
    place: { city: 'x' },
  })
  const database = await openTestDatabase()
  runNow(database, makeAll)
  const writes: [string, (tx: Transaction) => void | StatementSteps<void>][] = [
    ['insert', (tx) => insertDocument(tx, collectionOf(tx), bytesOf(numbers(0)))],
    ['replace', (tx) => replaceDocument(tx, collectionOf(tx), stored(tx, 1)!, bytesOf(numbers(5)))],
    ['remove', (tx) => removeDocument(tx, collectionOf(tx), stored(tx, 1)!)],
    ['insert again', (tx) => insertDocument(tx, collectionOf(tx), bytesOf(numbers(0)))],
    [
      'index',
      function* (tx): StatementSteps<void> {
        yield* createDocumentIndex(tx, collectionOf(tx), {
          name: 'late',
          unique: true,
          definition: indexDefinition([['tags', 1]], false),
        })
      },
    ],
  ]
  for (const [what, write] of writes) {
    const most = entriesInATurn()
    await runSteps(database, write)
    // Five thousand entries in each of three indexes; a turn has a thousand keys.
    expect(most(), what).toBeGreaterThan(100)
    expect(most(), what).toBeLessThan(1100)
    if (what !== 'remove') expect(differences(database), what).toEqual([])
  }
  await database.close()
})

/** The most entries that are gone through between two turns from here on. */
function entriesInATurn(): () => number {
  let entries = 0
  let most = 0
  const next = vi.spyOn(DocumentEntries.prototype, 'next').mockImplementation(function (this: DocumentEntries) {
    entries++
    most = Math.max(most, entries)
    return originalNext.call(this)
  })
  const renew = vi.spyOn(StatementSlice.prototype, 'renew').mockImplementation(function (this: StatementSlice) {
    entries = 0
    originalRenew.call(this)
  })
  return () => {
    next.mockRestore()
    renew.mockRestore()
    return most
  }
}

const originalNext = DocumentEntries.prototype.next
const originalRenew = StatementSlice.prototype.renew

test('of a document that is replaced, entries that stay are neither locked nor written', async () => {
  const database = await openTestDatabase()
  runNow(database, makeAll)
  const many = Array.from({ length: 1500 }, (_, i) => i)
  runNow<void>(database, (tx) => insertDocument(tx, collectionOf(tx), bytesOf({ _id: 1, code: many, x: 1 })))
  const put = vi.spyOn(KernelTransaction.prototype, 'put')
  runNow<void>(database, (tx) =>
    replaceDocument(tx, collectionOf(tx), stored(tx, 1)!, bytesOf({ _id: 1, code: [...many, 1500], x: 1 })),
  )
  runNow<void>(database, (tx) =>
    replaceDocument(tx, collectionOf(tx), stored(tx, 1)!, bytesOf({ _id: 1, code: [...many, 1500], x: 2 })),
  )
  expect(put.mock.calls.filter(([, , kind]) => kind === 'derived').length).toBe(1)
  put.mockRestore()
  expect(differences(database)).toEqual([])
  await database.close()
})

describe('the entries of', () => {
  const entries = async (document: Document, fields: [string, number][], sparse = false): Promise<number> => {
    const database = await openTestDatabase()
    try {
      return runNow(database, (tx) => {
        const collection = ensureDocumentCollection(tx, 'n', 'things')
        const definition = indexDefinition(fields, sparse)
        const index = compileIndex({ id: 17, name: 'i', unique: false, definition })
        return indexKeyPrefixes(collection, index, bytesOf({ _id: 1, ...document })).length
      })
    } finally {
      await database.close()
    }
  }

  test.each<[string, Document, number]>([
    ['an array: one for each different element', { a: [1, 2, 2, null] }, 3],
    ['an empty array: one', { a: [] }, 1],
    ['arrays within an array: one for each, whole', { a: [[1, 2], [3]] }, 2],
    ['a missing field: one', {}, 1],
    ['a field within the documents of an array', { a: [{ b: 1 }, { b: 2 }, 3] }, 1 + 2],
  ])('%s', async (_name, document, expected) => {
    const path =
      'a' in document && typeof document['a'][0] === 'object' && 'b' in (document['a'][0] ?? {}) ? 'a.b' : 'a'
    expect(await entries(document, [[path, 1]])).toBe(expected)
  })

  test('a sparse index: none only where all of its fields are missing', async () => {
    const fields: [string, number][] = [
      ['a', 1],
      ['b', 1],
    ]
    expect(await entries({}, fields, true)).toBe(0)
    expect(await entries({ b: 1 }, fields, true)).toBe(1)
    expect(await entries({ a: null }, fields, true)).toBe(1)
  })

  test('parallel arrays: none, it is an error', async () => {
    await expect(
      entries({ a: [1, 2], b: [3, 4] }, [
        ['a', 1],
        ['b', 1],
      ]),
    ).rejects.toThrow('parallel arrays')
  })
})

test('values are in the order of MongoDB', () => {
  const ascending: unknown[] = [
    null,
    Number.NaN,
    -Infinity,
    -1,
    0,
    1,
    Infinity,
    '',
    'a',
    'aa',
    'b',
    { a: 1 },
    [1],
    Buffer.from('b'),
    Buffer.from('aa'),
    false,
    true,
    new Date(0),
  ]
  const values = ascending.map((value) => {
    const { bytes } = bytesOf({ v: value })
    const nameEnd = bytes.indexOf(0, 5) + 1
    return new BsonValue(bytes[4], bytes, nameEnd, bytes.length - 1)
  })
  for (const [i, a] of values.entries()) {
    for (const [j, b] of values.entries()) {
      expect(Math.sign(compareValues(a, b)), `${String(ascending[i])} and ${String(ascending[j])}`).toBe(
        Math.sign(i - j),
      )
    }
  }
})
