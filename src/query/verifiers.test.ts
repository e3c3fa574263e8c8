/** Each kind of difference is planted, by a write through the kernel that no model makes, and must be named exactly. */
import { serialize } from 'bson'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ByteWriter } from '../base/bytes.ts'
import { emptySlice, sliceOf, type Slice } from '../base/slice.ts'
import { KeyWriter, keyspaceRange, primaryIndex } from '../base/tuple.ts'
import {
  collectionKey,
  encodeJson,
  fieldKey,
  lastCollectionIdKey,
  namespaceKey,
  numbersKey,
} from '../database/catalog/catalog-entries.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Statement, StatementSteps, Transaction } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import { encodeNumber } from '../database/catalog/numbers.ts'
import { openTestDatabase, runSteps } from '../database/testing.ts'
import type { KernelTransaction } from '../database/transaction/transaction.ts'
import type { Difference, VerifyReport } from '../database/verification/verification.ts'
import { insertDocument } from '../model/document/document.ts'
import { createDocumentIndex } from '../model/document/index-build.ts'
import { indexDefinition } from '../model/document/index-definition.ts'
import { encodeCollection, encodeScore, Header, kind, uneven } from '../model/keyvalue/codec.ts'
import * as keys from '../model/keyvalue/keys.ts'
import { findHeader, openCollection, saveCollection } from '../model/keyvalue/keyvalue.ts'
import { pushItem } from '../model/keyvalue/lists.ts'
import { setString } from '../model/keyvalue/strings.ts'
import { putField, putMember, putScore } from '../model/keyvalue/writes.ts'
import { newTable, withPrimaryKey } from '../model/table/definition.ts'
import { encodeRow } from '../model/table/codec.ts'
import { insertRow } from '../model/table/rows.ts'
import { addForeignKey } from '../model/table/reference-schema.ts'
import { createTable, createTableIndex } from '../model/table/schema.ts'
import { newSequence } from '../model/table/sequence-definition.ts'
import { createSequence, nextValue } from '../model/table/sequence.ts'
import { rowKeyOf, writeIndexKey } from '../model/table/keys.ts'
import { Table } from '../model/table/table.ts'
import type { SqlValue } from '../model/table/types/value.ts'
import { verifySnapshot } from './verifiers.ts'

let database: Database

const oid = { int8: 20, int4: 23, text: 25 }

const slice = (text: string): Slice => sliceOf(Buffer.from(text, 'latin1'))

function run<T>(statement: Statement<T>): Promise<T> {
  return runSteps(database, statement)
}

function verified(): Promise<VerifyReport> {
  return runSteps(database, verifySnapshot, true)
}

async function found(): Promise<string[]> {
  const { differences } = await verified()
  return differences.map(({ kind: of, where, index, message }) => {
    return `${of} ${where}${index === null ? '' : ` ${index}`}: ${message}`
  })
}

const find = (tx: Transaction, namespace: string, name: string): Collection =>
  tx.catalog.findCollection(namespace, name)!
const redis = (tx: Transaction): Collection => find(tx, 'redis', 'db0')
const person = (tx: Transaction): Table => Table.of(find(tx, 'public', 'person'))
const orders = (tx: Transaction): Collection => find(tx, 'shop', 'orders')

function order(id: number, customer: string | undefined, tags: readonly string[]): Slice {
  return sliceOf(serialize({ _id: id, ...(customer !== undefined && { customer }), tags }))
}

function* createAll(tx: Transaction): StatementSteps<void> {
  const schema = tx.createNamespace('public')
  const columns = [
    { name: 'id', type: oid.int8, notNull: true },
    { name: 'email', type: oid.text },
    { name: 'age', type: oid.int4 },
  ]
  const definition = withPrimaryKey(newTable(columns), { name: 'person_pkey', columns: [1] })
  let table = createTable(tx, schema, 'person', definition)
  const email = { name: 'person_email', isUnique: true, columns: [{ number: 2 }] }
  table = yield* createTableIndex(tx, table, email)
  const age = { name: 'person_age', isUnique: false, columns: [{ number: 3, descending: true }] }
  table = yield* createTableIndex(tx, table, age)
  for (let id = 0; id < 300; id++) insertRow(tx, table, [BigInt(id), id % 7 === 0 ? null : `${id}@x`, id % 5])
  insertRow(tx, createTable(tx, schema, 'note', newTable([{ name: 'body', type: oid.text }])), ['a note'])
  nextValue(tx, createSequence(tx, schema, 'person_seq', newSequence({ maximum: 100n })))
  const collection = tx.createCollection(tx.createNamespace('shop'), 'orders', 'document', {})
  const customers = { name: 'customer_1', unique: true, definition: indexDefinition([['customer', 1]], true) }
  yield* createDocumentIndex(tx, collection, customers)
  const tags = { name: 'tags_1', unique: false, definition: indexDefinition([['tags', -1]], false) }
  yield* createDocumentIndex(tx, orders(tx), tags)
  for (let id = 0; id < 50; id++)
    insertDocument(tx, orders(tx), order(id, id % 3 === 0 ? undefined : `c${id}`, ['a', 'b']))
  const space = tx.createCollection(tx.createNamespace('redis'), 'db0', 'keyvalue', {})
  setString(tx, space, slice('greeting'), slice('hello'), 99_000n)
  for (let i = 0; i < 9; i++) {
    putField(tx, space, Buffer.from('hash'), Buffer.from(`f${i}\0`), Buffer.from('v'))
    putMember(tx, space, Buffer.from('set'), Buffer.from(`m${i}`))
    putScore(tx, space, Buffer.from('sorted'), Buffer.from(`m${i}`), i - 4.5)
  }
  const list = openCollection(tx, space, slice('list'), kind.list)
  for (let i = 0; i < 9; i++) pushItem(tx, space, list, slice(`${i}`), i % 2 === 0)
  saveCollection(tx, space, slice('list'), list)
}

function* createPets(tx: Transaction): StatementSteps<void> {
  const pets = newTable([
    { name: 'id', type: oid.int4, notNull: true },
    { name: 'owner', type: oid.int8 },
    { name: 'chip', type: oid.int4 },
  ])
  let pet = createTable(
    tx,
    tx.catalog.namespaces.get('public')!,
    'pet',
    withPrimaryKey(pets, { name: 'pet_pkey', columns: [1] }),
  )
  const chip = { name: 'pet_chip', isUnique: true, isConstraint: true, deferrable: 'deferred' as const }
  pet = yield* createTableIndex(tx, pet, { ...chip, columns: [{ number: 3 }] })
  const rules = { match: 'simple', onDelete: 'no action', onUpdate: 'no action' } as const
  const owner = {
    name: 'pet_owner',
    columns: [2],
    references: person(tx).id,
    referencedColumns: [1],
    index: primaryIndex,
  }
  pet = yield* addForeignKey(tx, pet, { ...owner, ...rules })
  for (let id = 0; id < 9; id++) insertRow(tx, pet, [id, id === 3 ? null : BigInt(id), id === 4 ? null : id])
}

beforeEach(async () => {
  database = await openTestDatabase({ limits: { largeCommitWrites: 100_000 } })
  await run(createAll)
  await run(createPets)
})

afterEach(() => database.close())

const writer = (): KeyWriter => new KeyWriter(64)

/** The first or last entry of an index. */
function entryOf(
  tx: Transaction,
  collection: Collection,
  index: number,
  reverse = false,
): { key: Slice; value: Slice } {
  const cursor = tx.scan(keyspaceRange(collection.id, index), { reverse })
  expect(cursor.next()).toBe(true)
  const copy = ({ bytes, start, end }: Slice): Slice => sliceOf(Uint8Array.from(bytes.subarray(start, end)))
  return { key: copy(cursor.key), value: copy(cursor.value) }
}

const indexId = (collection: Collection, name: string): number =>
  collection.indexes.find((index) => index.name === name)!.id

function headerOf(tx: Transaction, name: string): Header {
  const header = new Header()
  findHeader(tx, redis(tx), slice(name), header)
  return header
}

function storeHeader(tx: Transaction, name: string, change: (header: Header) => void): void {
  const header = headerOf(tx, name)
  change(header)
  tx.put(keys.writeHeaderKey(writer(), redis(tx), slice(name)), encodeCollection(new ByteWriter(32), header))
}

type Plant = (tx: Transaction) => void

/** A row is written without its entries. */
function storeRow(tx: Transaction, id: bigint, row: readonly [bigint, string | null, number | null]): void {
  const bytes = new ByteWriter(64)
  encodeRow(person(tx).layout, row, bytes)
  tx.put(writer().begin(person(tx).id, primaryIndex).int64(id), bytes)
}

const pet = (tx: Transaction): Table => Table.of(find(tx, 'public', 'pet'))

/** A row of `pet` as it is stored, with its entry; the rules that would refuse it are passed by. */
function storePet(tx: Transaction, row: SqlValue[]): void {
  const bytes = new ByteWriter(64)
  encodeRow(pet(tx).layout, row, bytes)
  const key = writer().begin(pet(tx).id, primaryIndex).int64(99)
  tx.put(key, bytes)
  const [index] = pet(tx).indexes
  const rowKey = sliceOf(rowKeyOf(pet(tx), key))
  tx.put(writeIndexKey(pet(tx), index!, row, rowKey, writer()), rowKey, 'derived')
}

const ofTables: [string, Plant, string[]][] = [
  [
    'a row that refers to none',
    (tx) => storePet(tx, [99, 1000n, 70]),
    ['reference public.pet: the row refers to none by "pet_owner"'],
  ],
  [
    'two rows with the values of a constraint that could wait',
    (tx) => storePet(tx, [99, 1n, 8]),
    ['different public.pet pet_chip: two rows have the values of a unique constraint'],
  ],
  ['NULLs, which are never the same', (tx) => storePet(tx, [99, null, null]), []],
  [
    'an entry that was never written',
    (tx) => tx.delete(entryOf(tx, person(tx).collection, indexId(person(tx).collection, 'person_age')).key, 'derived'),
    ['missing public.person person_age: a row has no entry'],
  ],
  [
    'entries that an update has left',
    (tx) => storeRow(tx, 3n, [3n, '3@y', 4]),
    [
      'missing public.person person_email: a row has no entry',
      'missing public.person person_age: a row has no entry',
      'extra public.person person_email: the entry leads to a row with other values',
      'extra public.person person_age: the entry leads to a row with other values',
    ],
  ],
  [
    'an update to NULL that kept the unique entry',
    (tx) => storeRow(tx, 3n, [3n, null, 3]),
    [
      'missing public.person person_email: a row has no entry',
      'extra public.person person_email: the entry leads to a row with other values',
    ],
  ],
  [
    'a row that went without its entries',
    (tx) => tx.delete(writer().begin(person(tx).id, primaryIndex).int64(3)),
    [
      'extra public.person person_email: the entry leads to no row',
      'extra public.person person_age: the entry leads to no row',
    ],
  ],
  [
    'a unique entry that leads elsewhere',
    (tx) => {
      const { key } = entryOf(tx, person(tx).collection, indexId(person(tx).collection, 'person_email'))
      tx.put(key, writer().reset().int64(299), 'derived')
    },
    [
      'different public.person person_email: the entry leads to another row',
      'extra public.person person_email: the entry leads to a row with other values',
    ],
  ],
  [
    'a row under another key than its own',
    (tx) => storeRow(tx, 3n, [4n, '3@x', 3]),
    ['different public.person: the row has another primary key than the one it lies under'],
  ],
  [
    'a NULL where none may be',
    (tx) => {
      const definition = { ...person(tx).definition }
      const columns = definition.columns.map((column) => ({ ...column, notNull: true }))
      const changed = { ...definition, columns }
      tx.alterCollection(person(tx).collection, { definition: JSON.parse(JSON.stringify(changed)) as never })
      storeRow(tx, 3n, [3n, '3@x', 3])
    },
    Array.from({ length: 43 }, () => 'different public.person: column "email" is NULL and must not be'),
  ],
  [
    'a row that is cut off',
    (tx) => {
      const { key, value } = entryOf(tx, person(tx).collection, primaryIndex)
      tx.put(key, { ...value, end: value.end - 1 })
    },
    [
      'unreadable public.person: a row ends inside a value',
      'unreadable public.person person_email: a row ends inside a value',
      'unreadable public.person person_age: a row ends inside a value',
    ],
  ],
  [
    'a row number that may come again',
    (tx) => {
      const note = find(tx, 'public', 'note')
      const { value } = entryOf(tx, note, primaryIndex)
      tx.put(writer().begin(note.id, primaryIndex).minKey().int64(10_000_000), value)
    },
    ['count public.note: row number 10000000 is in use, and may be given out again'],
  ],
  [
    'a sequence beyond its end',
    (tx) => {
      const sequence = find(tx, 'public', 'person_seq')
      const value = new ByteWriter(16)
      value.u8(1)
      value.u8(1)
      value.i64le(101n)
      tx.put(entryOf(tx, sequence, primaryIndex).key, value, 'derived')
    },
    ['different public.person_seq: number 101 is not from 1 to 100'],
  ],
  [
    'a column whose sequence is gone',
    (tx) => {
      const { collection, definition } = person(tx)
      const columns = definition.columns.map((column) => ({ ...column, ...(column.number === 1 && { sequence: 999 }) }))
      tx.alterCollection(collection, { definition: JSON.parse(JSON.stringify({ ...definition, columns })) as never })
    },
    ['reference public.person: column "id" has a sequence 999, which is none'],
  ],
]

const ofDocuments: [string, Plant, string[]][] = [
  [
    'one of the entries of an array',
    (tx) => tx.delete(entryOf(tx, orders(tx), indexId(orders(tx), 'tags_1')).key, 'derived'),
    ['missing shop.orders tags_1: a document has no entry'],
  ],
  [
    'entries of an array element that is gone',
    (tx) => putDocument(tx, 3, order(3, undefined, ['a'])),
    ['extra shop.orders tags_1: the entry leads to a document with other values'],
  ],
  [
    'a unique entry of a field that is gone',
    (tx) => putDocument(tx, 4, order(4, undefined, ['a', 'b'])),
    ['extra shop.orders customer_1: the entry leads to a document with other values'],
  ],
  [
    'entries without their document',
    (tx) => tx.delete(documentKey(tx, 4)),
    [
      'extra shop.orders customer_1: the entry leads to no document',
      'extra shop.orders tags_1: the entry leads to no document',
      'extra shop.orders tags_1: the entry leads to no document',
    ],
  ],
  [
    'an entry with a wrong size of the _id',
    (tx) => {
      const value = new ByteWriter(8)
      value.u8(0x7f)
      tx.put(entryOf(tx, orders(tx), indexId(orders(tx), 'tags_1')).key, value, 'derived')
    },
    [
      'different shop.orders tags_1: the entry has a wrong value',
      'extra shop.orders tags_1: the entry leads to no document',
    ],
  ],
  [
    'a document under another _id',
    (tx) => putDocument(tx, 5, order(77, 'c5', [])),
    [
      'different shop.orders: the document has another _id than the one it lies under',
      'different shop.orders customer_1: the entry leads to another document',
      'missing shop.orders tags_1: a document has no entry',
      'extra shop.orders tags_1: the entry leads to a document with other values',
      'extra shop.orders tags_1: the entry leads to a document with other values',
    ],
  ],
  [
    'a document that is no BSON',
    (tx) => {
      const { key, value } = entryOf(tx, orders(tx), primaryIndex)
      value.bytes[value.end - 1] = 1
      tx.put(key, value)
    },
    ['unreadable shop.orders: Invalid BSON: a document does not end with 00, at offset 1'],
  ],
  [
    'a field that the catalog does not know',
    (tx) => (tx as KernelTransaction).changeCatalog(fieldKey(orders(tx).id, 'customer', 'string'), undefined),
    Array.from(
      { length: 33 },
      () => 'missing shop.orders: the catalog does not know that "customer" may be of type string',
    ),
  ],
]

function documentKey(tx: Transaction, id: number): KeyWriter {
  let at: KeyWriter | undefined
  const cursor = tx.scan(keyspaceRange(orders(tx).id, primaryIndex))
  for (let i = 0; i <= id && cursor.next(); i++) {
    at = writer()
    at.reset().slice(cursor.key)
  }
  return at!
}

function putDocument(tx: Transaction, id: number, document: Slice): void {
  const value = new ByteWriter(64)
  value.u8(1)
  value.slice(document)
  tx.put(documentKey(tx, id), value)
}

const ofKeys: [string, Plant, string[]][] = [
  [
    'a header that counts one too many',
    (tx) => storeHeader(tx, 'hash', (header) => void header.count++),
    ['count redis.db0: hash: it says 10 elements, and has 9'],
  ],
  [
    'a member that is not counted',
    (tx) => {
      const { generation } = headerOf(tx, 'set')
      tx.put(keys.writeElementKey(writer(), redis(tx), keys.index.member, generation, slice('uncounted')), emptySlice)
    },
    ['count redis.db0: set: it says 9 elements, and has 10'],
  ],
  [
    'elements without their key',
    (tx) => tx.delete(keys.writeHeaderKey(writer(), redis(tx), slice('hash'))),
    Array.from({ length: 9 }, () =>
      expect.stringMatching(/^extra redis.db0 field: no key has a hash of generation \d+$/),
    ),
  ],
  [
    'an empty set that is stored',
    (tx) => {
      const { generation } = headerOf(tx, 'set')
      tx.deleteRange(keys.elementRange(redis(tx), keys.index.member, generation))
      storeHeader(tx, 'set', (header) => void (header.count = 0))
    },
    ['count redis.db0: set: it is empty, and is stored'],
  ],
  [
    'two keys with one generation',
    (tx) => {
      const bytes = new ByteWriter(32)
      tx.put(keys.writeHeaderKey(writer(), redis(tx), slice('twin')), encodeCollection(bytes, headerOf(tx, 'hash')))
    },
    [expect.stringMatching(/^different redis.db0 field: two keys have the hash of generation \d+$/)],
  ],
  [
    'a generation that may come again',
    (tx) => tx.put(numbersKey(), encodeNumber(1)),
    [
      ...['hash', 'list', 'set', 'zset'].map((name) =>
        expect.stringMatching(
          new RegExp(`^count redis.db0: ${name}: generation \\d+ is in use, and may be given out again$`),
        ),
      ),
      expect.stringMatching(/^count public.note: row number \d+ is in use, and may be given out again$/),
    ],
  ],
  [
    'a member without its entry under the score',
    (tx) => tx.delete(entryOf(tx, redis(tx), keys.index.byScore).key, 'derived'),
    ['missing redis.db0 byScore: a member has no entry under its score'],
  ],
  [
    'an entry under the score before',
    (tx) => {
      const { generation } = headerOf(tx, 'sorted')
      const member = keys.writeElementKey(writer(), redis(tx), keys.index.scored, generation, slice('m0'))
      tx.put(member, encodeScore(new ByteWriter(8), -5))
    },
    [
      'missing redis.db0 byScore: a member has no entry under its score',
      'extra redis.db0 byScore: the member has the score -5',
    ],
  ],
  [
    'an entry of no member',
    (tx) =>
      tx.put(keys.writeScoreKey(writer(), redis(tx), headerOf(tx, 'sorted').generation, 1, slice('x')), emptySlice),
    ['extra redis.db0 byScore: the entry leads to no member'],
  ],
  [
    'a score of seven bytes',
    (tx) => {
      const { generation } = headerOf(tx, 'sorted')
      tx.put(keys.writeElementKey(writer(), redis(tx), keys.index.scored, generation, slice('m0')), slice('1234567'))
    },
    [
      'unreadable redis.db0 scored: a score has 7 bytes instead of 8',
      'unreadable redis.db0 byScore: a score has 7 bytes instead of 8',
    ],
  ],
  [
    'an expiry that nobody would notice',
    (tx) => tx.delete(keys.writeExpiryKey(writer(), redis(tx), 99_000n, slice('greeting')), 'derived'),
    ['missing redis.db0 expiry: a key that expires has no entry'],
  ],
  [
    'an expiry of another time',
    (tx) => tx.put(keys.writeExpiryKey(writer(), redis(tx), 98_999n, slice('greeting')), emptySlice, 'derived'),
    ['extra redis.db0 expiry: the key expires at 99000'],
  ],
  [
    'an expiry of a key that lives for ever',
    (tx) => tx.put(keys.writeExpiryKey(writer(), redis(tx), 5n, slice('hash')), emptySlice, 'derived'),
    ['extra redis.db0 expiry: the key expires never'],
  ],
  [
    'an expiry of no key',
    (tx) => tx.put(keys.writeExpiryKey(writer(), redis(tx), 5n, slice('nobody')), emptySlice, 'derived'),
    ['extra redis.db0 expiry: the entry leads to no key'],
  ],
  [
    'a list whose first item is elsewhere',
    (tx) => storeHeader(tx, 'list', (header) => void header.position++),
    [
      'count redis.db0: list: an item lies at -327680 in place of -327679',
      'count redis.db0: list: an item lies at 196608 in place of 196609',
    ],
  ],
  [
    'an item of an even list elsewhere',
    (tx) => {
      const list = headerOf(tx, 'list')
      const item = (position: number): KeyWriter => keys.writeItemKey(writer(), redis(tx), list.generation, position)
      tx.delete(item(65_536))
      tx.put(item(65_537), slice('x'))
    },
    ['different redis.db0 item: an item of an even list lies at another distance than those before'],
  ],
  [
    'an item of an uneven list beyond its bounds',
    (tx) => storeHeader(tx, 'list', (header) => void Object.assign(header, { stepBits: uneven, lastPosition: 5 })),
    ['count redis.db0: list: an item lies at 196608, not from -327680 to 5'],
  ],
  [
    'a header of an unknown format',
    (tx) => tx.put(keys.writeHeaderKey(writer(), redis(tx), slice('new')), slice('\xf1')),
    ["unreadable redis.db0: a Redis key's header begins with 241, which this version does not know"],
  ],
]

const ofCatalog: [string, Plant, string[]][] = [
  [
    'keys of a collection that is none',
    (tx) => tx.put(writer().begin(12_345, primaryIndex).int64(1), emptySlice),
    ['extra store: there are keys of a collection 12345, which is none'],
  ],
  [
    'keys of an index that is none',
    (tx) => tx.put(writer().begin(person(tx).id, 77).int64(1), emptySlice, 'derived'),
    ['extra public.person: there are keys of an index 77, which is none'],
  ],
  [
    'a collection that statements do not see',
    (tx) => {
      const stored = { namespace: person(tx).collection.namespace.id, name: 'ghost', model: 'ghost', version: 1 }
      tx.put(collectionKey(15), encodeJson({ ...stored, definition: {}, indexes: [] }))
    },
    ["different catalog: the catalog's keys have a collection public.ghost that is not used"],
  ],
  [
    'two collections of one name',
    (tx) => {
      const stored = { namespace: person(tx).collection.namespace.id, name: 'person', model: 'ghost', version: 1 }
      tx.put(collectionKey(1_000), encodeJson({ ...stored, definition: {}, indexes: [] }))
    },
    ['different catalog: two collections are called public.person'],
  ],
  [
    'a collection in no namespace',
    (tx) => {
      const stored = { namespace: 999, name: 'lost', model: 'view', version: 1, definition: {}, indexes: [] }
      tx.put(collectionKey(1_000), encodeJson(stored))
    },
    ['reference catalog: "lost" lies in a namespace 999, which is none'],
  ],
  [
    'two namespaces of one name',
    (tx) => tx.put(namespaceKey(1_000), encodeJson({ name: 'public' })),
    ['different catalog: two namespaces are called "public"'],
  ],
  [
    'a field of no collection',
    (tx) => tx.put(fieldKey(999, 'a', 'string'), emptySlice),
    ['reference catalog: a field is of a collection 999, which is none'],
  ],
  [
    'a number that would be given out again',
    (tx) => tx.put(lastCollectionIdKey(), encodeNumber(database.lastCollectionId - 1)),
    [expect.stringMatching(/^count catalog: number \d+ is in use, and \d+ is said to be the last$/)],
  ],
  [
    'an entry that is no JSON',
    (tx) => tx.put(collectionKey(1_000), slice('{')),
    ['unreadable catalog: a catalog entry is not JSON'],
  ],
  [
    'a catalog that is not what its keys say',
    () => {
      const { catalog } = database
      const real = catalog.findCollection('public', 'person')!
      const text = JSON.stringify({ ...real, namespace: real.namespace.id, version: 99 })
      database.catalog = catalog.applied(collectionKey(real.id), slice(text))
    },
    ["different catalog: collection public.person is not what the catalog's keys say"],
  ],
]

describe('the verifier', () => {
  test('finds nothing where nothing is wrong, and has looked at everything', async () => {
    const report = await verified()
    expect(report.differences).toEqual([])
    expect(report.total).toBe(0)
    expect(report.keys).toBe(database.store.statistics().keys)
    expect(report.sequence).toBe(database.newestSequence)
  })

  test('bounds its report, and still counts', async () => {
    await run((tx) => {
      for (let i = 0; i < 1_500; i++)
        tx.put(keys.writeExpiryKey(writer(), redis(tx), BigInt(i), slice('x')), emptySlice)
    })
    const { differences, total } = await verified()
    expect(differences.length).toBe(1_000)
    expect(total).toBe(1_500)
  })

  test('names the key', async () => {
    let key = ''
    await run((tx) => {
      const of = entryOf(tx, person(tx).collection, indexId(person(tx).collection, 'person_age')).key
      key = Buffer.from(of.bytes).toString('hex')
      tx.delete(of, 'derived')
    })
    const difference: Difference = (await verified()).differences[0]!
    expect(difference.key).toBe(key)
  })

  for (const [name, plants] of [
    ['tables', ofTables],
    ['documents', ofDocuments],
    ["Redis's data", ofKeys],
    ['the catalog', ofCatalog],
  ] as const) {
    describe(`names what is wrong with ${name}:`, () => {
      test.each(plants)('%s', async (_name, plant, expected) => {
        await run(plant)
        const differences = await found()
        for (const one of expected) expect(differences).toContainEqual(one)
        expect(differences).toHaveLength(expected.length)
      })
    })
  }
})
