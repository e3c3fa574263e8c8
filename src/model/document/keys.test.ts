/** Byte layouts that are on people's disks: a change here needs a new format. */
import { BSON, type Document } from 'bson'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import type { Slice } from '../../base/slice.ts'
import { keyspaceRange, orderedVarintWidth } from '../../base/tuple.ts'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { ensureDocumentCollection, insertDocument } from './document.ts'
import { indexDefinition } from './index-definition.ts'

let database: Database
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())

function hex(slice: Slice, skip = 0): string {
  return Buffer.from(slice.bytes.subarray(slice.start + skip, slice.end)).toString('hex')
}

/** Without the numbers of keyspace and index, which are the catalog's. */
function hexOfKey(key: Slice): string {
  const keyspace = orderedVarintWidth(key.bytes[key.start]!)
  return hex(key, keyspace + orderedVarintWidth(key.bytes[key.start + keyspace]!))
}

function entriesOf(
  name: string,
  documents: Document[],
  indexes: { fields: [string, number][]; unique: boolean }[],
): string[] {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  const { id } = ensureDocumentCollection(transaction, 'golden', name)
  for (const { fields, unique } of indexes) {
    const wanted = { name: fields.join(), unique, definition: indexDefinition(fields, false) }
    transaction.createIndex(transaction.catalog.collectionById(id)!, wanted)
  }
  const collection = transaction.catalog.collectionById(id)!
  for (const document of documents) insertDocument(transaction, collection, documentOf(document))
  const found: string[] = []
  const cursor = transaction.scan(keyspaceRange(id))
  while (cursor.next()) found.push(`${hexOfKey(cursor.key)} ${hex(cursor.value)}`)
  transaction.endStatement()
  transaction.rollback()
  return found
}

it('documents and entries', () => {
  const indexes = [
    { fields: [['a', 1]] as [string, number][], unique: false },
    {
      fields: [
        ['a', -1],
        ['b', 1],
      ] as [string, number][],
      unique: true,
    },
  ]
  expect(entriesOf('entries', [{ _id: 'x', a: [1, 2] }], indexes)).toEqual([
    // the document: _id, then format and BSON
    '247800 0126000000025f6964000200000078000461001300000010300001000000103100020000000000',
    // plain: value, _id, then the size of the _id
    '1fbff000000000000000247800 03',
    '1fc00000000000000000247800 03',
    // unique: inverted value, null, then the _id
    'e03fffffffffffffffff8005 247800',
    'e0400fffffffffffffff8005 247800',
  ])
})

it('elements of each type', () => {
  const values = [
    new BSON.Int32(-1),
    new BSON.Double(1.5),
    BSON.Long.fromString('9007199254740993'),
    BSON.Decimal128.fromString('0.1'),
    new BSON.Double(NaN),
    'a\u0000b',
    { a: 1, b: [true, null] },
    new BSON.Binary(Buffer.from([1, 0]), 5),
    new BSON.ObjectId('0102030405060708090a0b0c'),
    false,
    new Date(1),
    new BSON.Timestamp({ t: 1, i: 2 }),
    new BSON.MinKey(),
    new BSON.MaxKey(),
  ]
  const keys = values.map((_id) => entriesOf('elements', [{ _id }], [])[0]!.split(' ')[0])
  expect(keys).toEqual([
    '1f400fffffffffffff00',
    '1fbff800000000000000',
    '1fc340000000000000018000010200',
    '1fbfb9999999999999017ffff809214349452f5944293612492634075210182c4c00',
    '1f000000000000000000',
    '246100ff6200',
    '281f2461001fbff0000000000000002a2462002a35050000',
    '2c00ff00ff00ff02050100ff00',
    '2e0102030405060708090a0b0c',
    '34',
    '3880000000000003e8',
    '3a000000010000000200000000',
    '02',
    'fe',
  ])
})
