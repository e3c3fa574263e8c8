import { BSON, deserialize, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import { beginTurn, toItsEnd, unitsDone } from '../../base/work.ts'
import { elementsOf, getField } from '../../model/document/bson.ts'
import { compileFilter } from './filter.ts'
import { compileUpdate } from './update.ts'

const { Double, Int32, Long, Timestamp } = BSON

interface Options {
  readonly filter?: Document
  readonly arrayFilters?: Document[]
  readonly isInsert?: boolean
}

function update(before: Document, change: Document | Document[], options: Options = {}): Document {
  const wrapped = documentOf({ change, arrayFilters: options.arrayFilters ?? [] })
  const variables = new Map()
  const compiled = compileUpdate({
    update: getField(wrapped, 'change')!,
    arrayFilters: elementsOf(getField(wrapped, 'arrayFilters')!),
    variables,
  })
  const filter = compileFilter(documentOf(options.filter ?? {}), variables)
  const application = { filter, isInsert: options.isInsert ?? false, clock: { timeMs: 1234 } }
  const { bytes, start, end } = toItsEnd(() => compiled.apply(documentOf(before), application))
  return deserialize(bytes.subarray(start, end), { promoteValues: false })
}

const int = (value: number): InstanceType<typeof Int32> => new Int32(value)

const cases: [string, Document, Document | Document[], Document, Options?][] = [
  ['$set', { _id: 1, a: 1 }, { $set: { a: 'x', 'b.c': true } }, { _id: int(1), a: 'x', b: { c: true } }],
  ['$set in arrays', { a: ['x'] }, { $set: { 'a.2': 'z' } }, { a: ['x', null, 'z'] }],
  ['new fields by name', {}, { $set: { c: 'c', a: 'a', b: 'b' } }, { a: 'a', b: 'b', c: 'c' }],
  [
    '$unset',
    { a: 'x', b: { c: 'y', d: 'z' }, e: ['p', 'q'] },
    { $unset: { a: '', 'b.c': '', 'e.0': '', f: '' } },
    { b: { d: 'z' }, e: [null, 'q'] },
  ],
  [
    '$inc keeps types',
    { a: int(1), b: Long.fromInt(1), c: new Double(1) },
    { $inc: { a: 2, b: 2, c: 2, d: 3 } },
    { a: int(3), b: Long.fromInt(3), c: new Double(3), d: int(3) },
  ],
  ['$inc widens', { a: int(2147483647) }, { $inc: { a: 1 } }, { a: Long.fromString('2147483648') }],
  ['$mul', { a: int(3) }, { $mul: { a: 2.5, b: Long.fromInt(5) } }, { a: new Double(7.5), b: Long.fromInt(0) }],
  [
    '$min and $max',
    { a: int(5), b: int(5) },
    { $min: { a: 3, b: 9, c: 1 }, $max: { d: 2 } },
    { a: int(3), b: int(5), c: int(1), d: int(2) },
  ],
  ['$rename', { a: 'x', b: 'y' }, { $rename: { a: 'c.d', none: 'e' } }, { b: 'y', c: { d: 'x' } }],
  ['$push', { a: ['x'] }, { $push: { a: 'y', b: 'z' } }, { a: ['x', 'y'], b: ['z'] }],
  [
    '$push with modifiers',
    { a: [int(5), int(1)] },
    { $push: { a: { $each: [3, 4], $sort: -1, $slice: 3 } } },
    { a: [int(5), int(4), int(3)] },
  ],
  ['$push at a position', { a: ['x', 'z'] }, { $push: { a: { $each: ['y'], $position: 1 } } }, { a: ['x', 'y', 'z'] }],
  [
    '$push sorted by a field',
    { a: [{ n: int(2) }] },
    { $push: { a: { $each: [{ n: 1 }], $sort: { n: 1 } } } },
    { a: [{ n: int(1) }, { n: int(2) }] },
  ],
  [
    '$addToSet',
    { a: [int(1), 'x'] },
    { $addToSet: { a: { $each: [new Double(1), 'x', 'y'] } } },
    { a: [int(1), 'x', 'y'] },
  ],
  ['$pop', { a: ['x', 'y', 'z'], b: ['x', 'y'] }, { $pop: { a: 1, b: -1, c: 1 } }, { a: ['x', 'y'], b: ['y'] }],
  ['$pull by operators', { a: [int(1), int(5), int(9)] }, { $pull: { a: { $gte: 5 } } }, { a: [int(1)] }],
  ['$pull by a document', { a: [{ b: 'x', c: 'y' }, { b: 'z' }] }, { $pull: { a: { b: 'x' } } }, { a: [{ b: 'z' }] }],
  ['$pullAll', { a: ['x', 'y', 'x'] }, { $pullAll: { a: ['x'] } }, { a: ['y'] }],
  ['$bit', { a: int(13) }, { $bit: { a: { and: 10, or: 1 } } }, { a: int(9) }],
  [
    '$currentDate',
    {},
    { $currentDate: { a: true, b: { $type: 'timestamp' } } },
    { a: new Date(1234), b: new Timestamp({ t: 1, i: 1 }) },
  ],
  ['$setOnInsert of an update', { a: 'x' }, { $setOnInsert: { b: 'y' } }, { a: 'x' }],
  ['$setOnInsert of an insert', { a: 'x' }, { $setOnInsert: { b: 'y' } }, { a: 'x', b: 'y' }, { isInsert: true }],
  [
    'the matched element',
    { a: [{ b: 'x' }, { b: 'y' }] },
    { $set: { 'a.$.c': 'z' } },
    { a: [{ b: 'x' }, { b: 'y', c: 'z' }] },
    { filter: { 'a.b': 'y' } },
  ],
  ['all elements', { a: [int(1), int(2)] }, { $inc: { 'a.$[]': 10 } }, { a: [int(11), int(12)] }],
  [
    'filtered elements',
    { a: [{ n: int(1) }, { n: int(5) }] },
    { $set: { 'a.$[e].n': 'big' } },
    { a: [{ n: int(1) }, { n: 'big' }] },
    { arrayFilters: [{ 'e.n': { $gt: 3 } }] },
  ],
  ['a replacement', { _id: 'i', a: 'x' }, { b: 'y' }, { _id: 'i', b: 'y' }],
  [
    'a pipeline',
    { _id: 'i', a: int(2) },
    [{ $set: { b: { $add: ['$a', 1] } } }, { $unset: 'a' }],
    { _id: 'i', b: int(3) },
  ],
  ['names as they are', {}, { $set: { ['__proto__.x']: 'y' } }, JSON.parse('{"__proto__":{"x":"y"}}') as Document],
]

describe('updates', () => {
  it.each(cases)('%s', (_, before, change, after, options) => {
    expect(update(before, change, options)).toEqual(after)
  })

  const refused: [Document, Document, number][] = [
    [{ a: 1 }, { $set: { a: 1 }, $inc: { a: 1 } }, 40],
    [{}, { $set: { a: 1, 'a.b': 1 } }, 40],
    [{ _id: 1 }, { $set: { _id: 2 } }, 66],
    [{ _id: 1 }, { $unset: { _id: '' } }, 66],
    [{ a: 'x' }, { $inc: { a: 1 } }, 14],
    [{ a: 1 }, { $inc: { a: 'x' } }, 14],
    [{ a: Long.MAX_VALUE }, { $inc: { a: 1 } }, 2],
    [{ a: 'x' }, { $set: { 'a.b': 1 } }, 28],
    [{ a: [1] }, { $set: { 'a.b': 1 } }, 28],
    [{ a: 1 }, { $push: { a: 1 } }, 2],
    [{}, { $foo: { a: 1 } }, 9],
    [{}, { $set: { '': 1 } }, 56],
    [{}, { $set: { 'a.$': 1 } }, 2],
    [{ a: [] }, { $set: { 'a.9999999': 1 } }, 2],
  ]
  it.each(refused)('of %j by %j is refused', (before, change, mongoCode) => {
    expect(() => update(before, change)).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ mongoCode }) }),
    )
  })
})

it('$pullAll looks at each element once, and charges for it', () => {
  const list = (count: number, from: number): number[] => Array.from({ length: count }, (_, i) => from + i)
  beginTurn()
  const after = update({ a: list(20_000, 0) }, { $pullAll: { a: list(2000, 19_000) } })
  expect((after['a'] as unknown[]).length).toBe(19_000)
  expect(unitsDone()).toBeGreaterThan(20_000 * 100)
  expect(unitsDone()).toBeLessThan(20_000 * 2000)
})
