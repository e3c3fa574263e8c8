/** What documents take from JavaScript comes back as it was; anything else is refused with its path, and nothing stays. */
import { BSON, type Document } from 'bson'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openTestSessions } from '../session/testing.ts'
import { isWellFormed } from './arguments.ts'
import { decodeDocument, encodeDocument } from './document-values.ts'
import type { Documents } from './documents.ts'
import { EmbeddedDatabase } from './library.ts'

let db: EmbeddedDatabase

beforeAll(async () => {
  const parts = await openTestSessions()
  db = new EmbeddedDatabase(parts.database, parts.sessions, () => parts.close())
})

beforeEach(() => write((orders) => orders.delete({}, { many: true })))

afterAll(() => db.close())

function write<T>(run: (orders: Documents) => Promise<T>): Promise<T> {
  return db.write((tx) => run(tx.documents('shop', 'orders')))
}

const insert = (document: unknown): Promise<void> => write((orders) => orders.insert(document as Document))
const findAll = (): Promise<Document[]> => db.read((tx) => tx.documents('shop', 'orders').find())

const id = new BSON.ObjectId('0123456789abcdef01234567')
const noon = new Date('2026-11-20T12:00:00.123Z')

/** value in, value out where it is another one. */
const accepted: [value: unknown, back?: unknown][] = [
  [null],
  [true],
  ['Ada 😀\0'],
  [2 ** 31],
  [-0],
  [NaN],
  [2n ** 63n - 1n],
  [5n],
  [noon],
  [new Uint8Array([1, 2])],
  [Buffer.from('a'), new Uint8Array([97])],
  [[1, [2, { a: [] }]]],
  [JSON.parse('{"__proto__": {"a": 1}, "constructor": 1, "toBSON": 2, "": 3}')],
  [Object.assign(Object.create(null) as object, { a: 1 }), { a: 1 }],
  [id],
  [new BSON.Decimal128('1.50')],
  [new BSON.Timestamp({ t: 1, i: 2 })],
  [new BSON.Binary(new Uint8Array([1]), 5)],
  [new BSON.UUID('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')],
  [new BSON.MinKey()],
  [new BSON.Int32(5), 5],
  [new BSON.Double(5), 5],
  [new BSON.Long(5), 5n],
  [/a.b/ims, new BSON.BSONRegExp('a.b', 'ims')],
  [new BSON.BSONRegExp('(?i)a', 'x')],
  [new BSON.Code('x', { n: 1n })],
  [new BSON.DBRef('orders', id)],
]

test.each(accepted)('is taken (%#)', async (...row) => {
  await insert({ _id: 1, v: row[0] })
  const [found] = await findAll()
  expect(found).toEqual({ _id: 1, v: row.length === 2 ? row[1] : row[0] })
})

class Money {
  readonly amount = 5
}

const holdsItself: Record<string, unknown> = { a: 1 }
const deep: Record<string, unknown> = {}
let bottom = deep
for (let i = 0; i < 100; i++) bottom = bottom['x'] = {}

/** Documents in functions: what holds itself cannot be shown as part of a test's name. */
const refused: [make: () => unknown, message: string, code?: string][] = [
  [() => undefined, 'document 1 must be a plain object, not undefined'],
  [() => null, 'document 1 must be a plain object, not null'],
  [() => [], 'document 1 must be a plain object, not an array'],
  [() => 'x', 'document 1 must be a plain object, not a string'],
  [() => id, 'document 1 must be a plain object, not an ObjectId'],
  [() => new Map([['a', 1]]), 'document 1 must be a plain object, not a Map'],
  [() => ({ a: [{ b: new Date(NaN) }] }), 'document 1 at a[0].b is an invalid Date'],
  [() => ({ b: 2n ** 70n }), 'document 1 at b is a bigint of more than 64 bits', 'out_of_range'],
  [() => ({ b: BSON.Long.MAX_UNSIGNED_VALUE }), 'document 1 at b is a Long of more than 63 bits', 'out_of_range'],
  [() => ({ a: undefined }), 'document 1 at a is undefined'],
  [() => ({ a: () => 1 }), 'document 1 at a is a function'],
  [() => ({ a: Symbol('x') }), 'document 1 at a is a symbol'],
  [() => ({ [Symbol('x')]: 1 }), 'document 1 has a symbol for a name'],
  [() => ({ a: new Money() }), 'document 1 at a is a Money'],
  [() => ({ a: new Set() }), 'document 1 at a is a Set'],
  [() => ({ a: new Float64Array(1) }), 'document 1 at a is a Float64Array'],
  [() => ({ a: Object('x') }), 'document 1 at a is a String'],
  [() => ({ a: { toBSON: () => ({ b: 1 }) } }), 'document 1 at a.toBSON is a function'],
  [() => ({ a: Array(2) }), 'document 1 at a has a hole at 0'],
  [() => Object.assign(holdsItself, { b: [holdsItself] }), 'document 1 at b[0] refers to what it is in'],
  [() => deep, 'is nested deeper than 100', 'too_large'],
  [() => ({ a: 'x\ud800' }), 'document 1 at a is a string with half of a surrogate pair'],
  [() => ({ a: new BSON.BSONSymbol('\ud800') }), 'document 1 at a is a string with half of a surrogate pair'],
  [() => ({ 'x\udc00': 1 }), 'document 1 has a name with half of a surrogate pair'],
  [() => ({ a: { 'x\0': 1 } }), 'document 1 at a has a name with a zero character'],
  [() => ({ a: { _bsontype: 'ObjectId' } }), 'document 1 at a has a field "_bsontype"'],
  [() => ({ a: /x/g }), 'document 1 at a is a RegExp with flags "g"'],
  [() => ({ a: new BSON.Code('x', { f: () => 1 }) }), 'document 1 at a.scope.f is a function'],
  [() => ({ a: new BSON.DBRef('c', id, undefined, { f: Symbol('x') }) }), 'document 1 at a.f is a symbol'],
  [() => ({ a: { [Symbol.for('@@mdb.bson.version')]: 1 } }), 'of another version of the package bson'],
  [() => ({ a: 'x'.repeat(17 * 1024 * 1024) }), 'document 1 is larger than 16777216 bytes', 'too_large'],
  [() => ({ a: new Uint8Array(17 * 1024 * 1024) }), 'document 1 is larger than 16777216 bytes', 'too_large'],
  [
    () => ({
      get a(): number {
        throw new TypeError('mine')
      },
    }),
    'document 1 cannot be read: mine',
  ],
]

test.each(refused)('is refused with its path (%#)', async (make, message, code = 'invalid_argument') => {
  const error = { name: 'PolylogError', code, message: expect.stringContaining(message) }
  await expect(insert(make())).rejects.toMatchObject(error)
  expect(await findAll()).toEqual([])
})

describe('the other arguments', () => {
  const code = 'invalid_argument'

  test('of a call with several documents, the one that is wrong is named, and none stays', async () => {
    const both = write((orders) => orders.insert({ _id: 1 }, { _id: 2, at: new Date(NaN) }))
    await expect(both).rejects.toThrow('document 2 at at is an invalid Date')
    expect(await findAll()).toEqual([])
  })

  test('a filter that has lost its value matches nothing instead of everything', async () => {
    await insert({ _id: 1 })
    for (const filter of [undefined, null, [], 5, { customer: undefined }] as unknown as Document[]) {
      await expect(write((orders) => orders.delete(filter, { many: true }))).rejects.toMatchObject({ code })
      await expect(write((orders) => orders.update(filter, { $set: { a: 1 } }))).rejects.toMatchObject({ code })
    }
    await expect(write((orders) => orders.find({ a: undefined }))).rejects.toThrow('the filter at a is undefined')
    await expect(write((orders) => orders.update({}, { $set: { a: undefined } }))).rejects.toThrow(
      'the update at $set.a',
    )
    expect(await findAll()).toEqual([{ _id: 1 }])
  })

  test('options are known and of their type', async () => {
    const find = (options: unknown): Promise<unknown> => write((orders) => orders.find({}, options as object))
    await expect(find({ limti: 1 })).rejects.toThrow('the options of find have no "limti"; there are limit, skip')
    await expect(find({ limit: -1 })).rejects.toThrow('"limit" of the options of find must be a whole number from 0 on')
    await expect(find({ skip: 1.5 })).rejects.toMatchObject({ code })
    await expect(find(null)).rejects.toMatchObject({ code })
    await expect(write((orders) => orders.update({}, { a: 1 }, { many: 1 as never }))).rejects.toMatchObject({ code })
    await expect(write((orders) => orders.delete({}, { all: true } as never))).rejects.toMatchObject({ code })
  })

  test('a limit of 0 is none, and one that is undefined is left out', async () => {
    await insert({ _id: 1 })
    expect(await write((orders) => orders.find({}, { limit: 0 }))).toEqual([])
    expect(await write((orders) => orders.find({}, { limit: undefined as never }))).toEqual([{ _id: 1 }])
  })

  test('names are names', async () => {
    for (const name of [5, '', undefined, 'a\0', '\ud800', {}] as string[]) {
      await expect(db.write((tx) => tx.documents(name, 'a').insert({}))).rejects.toMatchObject({ code })
      await expect(db.read((tx) => tx.documents('a', name).find())).rejects.toMatchObject({ code })
    }
  })
})

const text = fc.string({ unit: 'binary', maxLength: 5 }).filter(isWellFormed)
const name = text.filter((one) => !one.includes('\0') && one !== '$ref')
const anyValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    fc.double(),
    fc.integer(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    text,
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 3 }),
  ),
})).value

test('any document that is taken comes back equal', () => {
  fc.assert(
    fc.property(fc.dictionary(name, anyValue), (document) => {
      expect(decodeDocument(encodeDocument('it', document))).toEqual({ ...document })
    }),
    { numRuns: 500 },
  )
})

test('nothing but documents and errors of ours comes out, whatever goes in', () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withSparseArray: true,
    withTypedArray: true,
    withBoxedValues: true,
    withSet: true,
  })
  fc.assert(
    fc.property(anything, (value) => {
      try {
        decodeDocument(encodeDocument('it', { value }))
      } catch (error) {
        expect(error).toMatchObject({ name: 'PolylogError', message: expect.stringMatching(/^it (at|has)/) })
      }
    }),
    { numRuns: 500 },
  )
})
