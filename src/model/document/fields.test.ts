import { serialize, type Document } from 'bson'
import { expect, test } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import { asOneBatch } from '../../database/transaction/wait.ts'
import type { Collection } from '../../database/catalog/catalog.ts'
import type { Transaction } from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import { commitNow, openTestDatabase } from '../../database/testing.ts'
import { ensureDocumentCollection, insertDocument } from './document.ts'
import { hasUnnoted, mostFields, notedNames } from './fields.ts'
import { mayHoldArray } from './index-definition.ts'
import { parsePath } from './path.ts'

function run(database: Database, statement: (tx: Transaction) => void): void {
  const tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  tx.beginStatement()
  statement(tx)
  tx.endStatement()
  commitNow(tx)
}

async function collectionOf(...documents: readonly Document[]): Promise<Collection> {
  const database = await openTestDatabase()
  run(database, (tx) => void ensureDocumentCollection(tx, 'n', 'things'))
  let found: Collection | undefined
  run(database, (tx) => {
    const collection = tx.catalog.findCollection('n', 'things')!
    for (const one of documents) {
      const steps = insertDocument(tx, collection, sliceOf(serialize(one)))
      if (steps !== undefined) asOneBatch(steps)
    }
    found = tx.catalog.findCollection('n', 'things')
  })
  return found!
}

function fieldsFrom(first: number, count: number): Document {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${first + i}`, i]))
}

test('fields are noted, and what is not noted holds no array', async () => {
  const collection = await collectionOf({ _id: 1, a: 1 }, { _id: 2, a: 'x', b: [1] })
  expect(notedNames(collection.fields)).toEqual(['_id', 'a', 'b'])
  expect(hasUnnoted(collection.fields)).toBe(false)
  expect(mayHoldArray(collection.fields, parsePath('b'))).toBe(true)
  expect(mayHoldArray(collection.fields, parsePath('a'))).toBe(false)
  expect(mayHoldArray(collection.fields, parsePath('c'))).toBe(false)
})

test('names that are data are noted up to a number, in one transaction too; any field may hold an array then', async () => {
  const documents = Array.from({ length: 20 }, (_, i) => ({ _id: i, ...fieldsFrom(i * 100, 100) }))
  const collection = await collectionOf(...documents)
  expect(notedNames(collection.fields).length).toBe(mostFields)
  expect(hasUnnoted(collection.fields)).toBe(true)
  expect(mayHoldArray(collection.fields, parsePath('f1'))).toBe(true)
})

test('a document with many fields is not looked through', async () => {
  const collection = await collectionOf(
    { _id: 1, ...fieldsFrom(0, 1000) },
    { _id: 2, ...fieldsFrom(0, 100_000), z: [1] },
  )
  expect(notedNames(collection.fields).length).toBe(mostFields)
  expect(mayHoldArray(collection.fields, parsePath('z'))).toBe(true)
})
