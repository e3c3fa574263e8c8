import { BSON, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import { compileFilter, matchedPosition } from './filter.ts'

const { Decimal128, Double, Long } = BSON

function matches(filter: Document, document: Document): boolean {
  return compileFilter(documentOf(filter), new Map()).matches(documentOf(document))
}

/** filter, documents that match, documents that do not. */
const cases: [Document, Document[], Document[]][] = [
  [
    { a: 1 },
    [{ a: 1 }, { a: [0, 1] }, { a: new Double(1) }, { a: Decimal128.fromString('1.0') }],
    [{ a: 2 }, { a: '1' }, {}],
  ],
  [{ a: null }, [{}, { a: null }, { b: 1 }, { a: [1, null] }], [{ a: 0 }, { a: [] }]],
  [{ 'a.b': null }, [{}, { a: 4 }, { a: {} }, { a: [{ a: 4 }, { b: 4 }] }], [{ a: [4] }, { a: [{ b: 4 }] }, { a: [] }]],
  [{ a: [1, 2] }, [{ a: [1, 2] }, { a: [[1, 2]] }], [{ a: [2, 1] }, { a: 1 }]],
  [{ a: { b: 1, c: 2 } }, [{ a: { b: 1, c: 2 } }], [{ a: { c: 2, b: 1 } }, { a: { b: 1 } }]],
  [
    { a: { $gt: 5 } },
    [{ a: 6 }, { a: [1, 6] }, { a: Long.fromInt(6) }],
    [{ a: 5 }, { a: '6' }, { a: null }, { a: NaN }],
  ],
  [{ a: { $lt: 5 } }, [{ a: 4 }, { a: -Infinity }], [{ a: NaN }, {}, { a: true }]],
  [{ a: { $gte: NaN } }, [{ a: NaN }], [{ a: 1 }]],
  [{ a: { $gte: null } }, [{}, { a: null }], [{ a: 1 }]],
  [{ a: { $gt: 2, $lt: 4 } }, [{ a: 3 }, { a: [1, 5] }], [{ a: 5 }, { a: [4, 5] }]],
  [{ a: { $elemMatch: { $gt: 2, $lt: 4 } } }, [{ a: [1, 3] }], [{ a: [1, 5] }, { a: 3 }]],
  [
    { a: { $elemMatch: { b: 1, c: 2 } } },
    [{ a: [{ b: 1, c: 2 }] }],
    [{ a: [{ b: 1 }, { c: 2 }] }, { a: { b: 1, c: 2 } }],
  ],
  [{ 'a.b': 1, 'a.c': 2 }, [{ a: [{ b: 1 }, { c: 2 }] }], [{ a: [{ b: 2 }, { c: 1 }] }]],
  [{ a: { $ne: 1 } }, [{}, { a: 2 }, { a: [2] }], [{ a: 1 }, { a: [2, 1] }]],
  [{ a: { $in: [1, 'x', null] } }, [{ a: 1 }, { a: 'x' }, {}, { a: [9, 1] }], [{ a: 2 }]],
  [{ a: { $in: [/^ab/, 5] } }, [{ a: 'abc' }, { a: 5 }], [{ a: 'xab' }]],
  [{ a: { $nin: [1, 2] } }, [{}, { a: 3 }], [{ a: 1 }, { a: [3, 2] }]],
  [{ a: { $exists: true } }, [{ a: null }, { a: [] }], [{}, { b: 1 }]],
  [{ 'a.b': { $exists: false } }, [{ a: [1] }, { a: {} }, {}], [{ a: [{ b: 1 }] }]],
  [{ a: { $type: 'number' } }, [{ a: 1 }, { a: ['x', 2] }], [{ a: '1' }]],
  [{ a: { $type: ['array', 10] } }, [{ a: [] }, { a: null }], [{ a: {} }]],
  [{ a: { $size: 2 } }, [{ a: [1, 2] }], [{ a: [1] }, { a: [1, 2, 3] }, { a: 2 }]],
  [{ a: { $all: [1, 2] } }, [{ a: [2, 3, 1] }], [{ a: [1] }, { a: 1 }]],
  [{ 'a.b': { $all: [1, 2] } }, [{ a: [{ b: 1 }, { b: 2 }] }], [{ a: [{ b: 1 }] }]],
  [{ a: { $all: [] } }, [], [{ a: [] }, {}]],
  [{ a: { $mod: [4, 1] } }, [{ a: 5 }, { a: new Double(9.7) }], [{ a: 4 }, { a: 'x' }, { a: NaN }]],
  [{ a: { $regex: 'B', $options: 'i' } }, [{ a: 'abc' }, { a: ['x', 'b'] }], [{ a: 'xyz' }, { a: 1 }]],
  [{ a: { $not: { $gt: 5 } } }, [{ a: 5 }, {}, { a: 'x' }], [{ a: 6 }, { a: [1, 6] }]],
  [{ a: { $not: { $gt: 2, $lt: 4 } } }, [{ a: 5 }, {}], [{ a: 3 }, { a: [1, 5] }]],
  [{ a: { $not: /x/ } }, [{ a: 'y' }, {}], [{ a: 'x' }]],
  [{ $or: [{ a: 1 }, { b: 2 }] }, [{ a: 1 }, { b: 2 }], [{ a: 2 }]],
  [{ $nor: [{ a: 1 }, { b: 2 }] }, [{ a: 2 }], [{ a: 1 }, { b: 2 }]],
  [{ $and: [{ a: { $gt: 1 } }, { a: { $lt: 3 } }] }, [{ a: 2 }], [{ a: 3 }]],
  [{ $expr: { $gt: ['$a', '$b'] } }, [{ a: 2, b: 1 }], [{ a: 1, b: 2 }]],
  [{ 'a.0': 1 }, [{ a: [1, 2] }, { a: { 0: 1 } }, { a: [{ 0: 1 }] }], [{ a: [2, 1] }]],
  [{ 'a.1.b': 1 }, [{ a: [{}, { b: 1 }] }], [{ a: [{ b: 1 }] }]],
  [{ a: { $bitsAllSet: 5 } }, [{ a: 7 }], [{ a: 4 }]],
  [{ a: { $bitsAnyClear: [0, 2] } }, [{ a: 4 }], [{ a: 5 }]],
  [{ a: { $bitsAllSet: [0, 63, 100] } }, [{ a: -1 }], [{ a: 1 }, { a: NaN }, { a: 1.5 }, { a: 2 ** 64 }, { a: 'x' }]],
  [{ a: { $bitsAllClear: Decimal128.fromString('6') } }, [{ a: 9 }, { a: Decimal128.fromString('8.0') }], [{ a: 2 }]],
  [{ a: { $bitsAnySet: new BSON.Binary(Buffer.from([0, 3])) } }, [{ a: 256 }], [{ a: 255 }]],
  [
    { a: { $bitsAnySet: [9] } },
    [{ a: new BSON.Binary(Buffer.from([0, 2])) }],
    [{ a: new BSON.Binary(Buffer.from([2])) }],
  ],
  [{ a: { $bitsAnySet: 0 } }, [], [{ a: 255 }]],
  [{ a: { $bitsAllSet: 0 } }, [{ a: 0 }], [{ a: 'x' }]],
  [{ a: { $gt: new BSON.MinKey() } }, [{ a: 1 }, { a: 'x' }], [{}, { a: new BSON.MinKey() }]],
]

describe('filters', () => {
  it.each(cases.map(([filter, yes, no]) => [BSON.EJSON.stringify(filter), filter, yes, no] as const))(
    '%s',
    (_, filter, yes, no) => {
      for (const document of yes) expect([document, matches(filter, document)]).toEqual([document, true])
      for (const document of no) expect([document, matches(filter, document)]).toEqual([document, false])
    },
  )

  it.each([
    [{ a: { $foo: 1 } }, 'unknown operator: $foo'],
    [{ $foo: 1 }, 'unknown top level operator: $foo'],
    [{ a: { $in: 1 } }, '$in needs an array'],
    [{ $or: [] }, 'nonempty array'],
    [{ a: { $regex: '(?<=x)y' } }, 'Regular expression is invalid'],
    [{ a: { $size: -1 } }, 'non-negative'],
    [{ a: { $bitsAllSet: NaN } }, 'Expected an integer'],
    [{ a: { $bitsAllSet: -1 } }, 'Expected a non-negative number'],
    [{ a: { $bitsAllSet: 'x' } }, 'takes an Array, a number, or a BinData but received: string'],
    [{ a: { $bitsAnySet: [1.5] } }, 'bit positions must be an integer'],
    [{ a: { $bitsAnySet: [-1] } }, 'bit positions must be >= 0'],
  ])('%j is refused', (filter, message) => {
    expect(() => compileFilter(documentOf(filter as Document), new Map())).toThrow(message)
  })

  it('say which element matched', () => {
    const position = (filter: Document, document: Document): number | undefined =>
      matchedPosition(compileFilter(documentOf(filter), new Map()), documentOf(document))
    expect(position({ a: 2 }, { a: [1, 2] })).toBe(1)
    expect(position({ 'a.b': 3 }, { a: [{ b: 1 }, { b: 3 }] })).toBe(1)
    expect(position({ c: 1, a: { $elemMatch: { b: 3 } } }, { c: 1, a: [{ b: 1 }, { b: 3 }] })).toBe(1)
    expect(position({ a: 1 }, { a: 1 })).toBe(undefined)
  })

  it('take linear time for every pattern', () => {
    expect(matches({ a: /^(a+)+$/ }, { a: `${'a'.repeat(5000)}!` })).toBe(false)
  })
})
