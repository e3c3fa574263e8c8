/** Edges of aggregation expressions, accumulators and stages, as the server documents them. */
import { Decimal128, Double, Int32, Long, MongoServerError, type Document } from 'mongodb'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

interface Row {
  _id: number | string
  [name: string]: unknown
}

const { client } = await openTestDriver()
beforeAll(async () => {
  await client
    .db('edges')
    .collection<Row>('one')
    .insertOne({
      _id: 1,
      i: 7,
      list: [3, 1, 2],
      docs: [{ k: 'a', n: 1 }, { k: 'b' }, 5],
      nested: [[{ k: 1 }]],
      empty: [],
      nil: null,
      text: 'Straße',
      date: new Date('2024-02-29T23:30:15.123Z'),
    })
})

const types = { promoteValues: false, promoteLongs: false }
const errorCode = (error: unknown): unknown => (error instanceof MongoServerError ? `error ${error.code}` : error)

/** The expression's value over the one document; `undefined` where it is missing. */
async function evaluate(expression: unknown): Promise<unknown> {
  const rows = client.db('edges').collection('one')
  return await rows
    .aggregate([{ $project: { _id: 0, r: expression } }], types)
    .toArray()
    .then(([found]) => found!['r'], errorCode)
}

const int = (value: number): Int32 => new Int32(value)
const long = (value: string | number): Long => Long.fromString(String(value))
const double = (value: number): Double => new Double(value)
const decimal = (value: string): Decimal128 => Decimal128.fromString(value)
const date = (text: string): Date => new Date(text)
const most = long('9223372036854775807')

const expressions: [unknown, unknown][] = [
  // Numbers and their types.
  [{ $add: [int(2147483647), int(1)] }, long(2147483648)],
  [{ $add: [most, long(1)] }, double(9223372036854775808)],
  [{ $add: [int(1), double(0.5)] }, double(1.5)],
  [{ $add: [long(1), decimal('0.10')] }, decimal('1.10')],
  [{ $add: ['$i', '$nil'] }, null],
  [{ $add: ['$i', '$none'] }, null],
  [{ $add: [] }, int(0)],
  [{ $add: ['$i', '$text'] }, 'error 14'],
  [{ $add: ['$date', 1000] }, date('2024-02-29T23:30:16.123Z')],
  [{ $add: ['$date', '$date'] }, 'error 16612'],
  [{ $add: ['$date', Number.NaN] }, 'error 15'],
  [{ $subtract: ['$date', date('2024-02-29T23:30:15Z')] }, long(123)],
  [{ $subtract: ['$i', '$date'] }, 'error 14'],
  [{ $subtract: [int(-2147483648), int(1)] }, long(-2147483649)],
  [{ $multiply: [int(65536), int(65536)] }, long(4294967296)],
  [{ $multiply: [] }, int(1)],
  [{ $divide: [int(6), int(3)] }, double(2)],
  [{ $divide: [decimal('1'), int(3)] }, decimal('0.3333333333333333333333333333333333')],
  [{ $divide: ['$i', 0] }, 'error 2'],
  [{ $divide: ['$nil', 0] }, null],
  [{ $mod: [int(-7), int(3)] }, int(-1)],
  [{ $mod: [int(7), double(2.5)] }, double(2)],
  [{ $mod: [long(7), int(4)] }, long(3)],
  [{ $mod: ['$i', 0] }, 'error 2'],
  [{ $abs: int(-2147483648) }, long(2147483648)],
  [{ $abs: long('-9223372036854775808') }, 'error 28680'],
  [{ $abs: decimal('-1.50') }, decimal('1.50')],
  [{ $ceil: double(-1.5) }, double(-1)],
  [{ $floor: decimal('-1.5') }, decimal('-2')],
  [{ $round: double(2.5) }, double(2)],
  [{ $round: [decimal('1.255'), 2] }, decimal('1.26')],
  [{ $round: [int(1250), -2] }, int(1200)],
  [{ $trunc: [double(-7.89), 1] }, double(-7.8)],
  [{ $round: ['$i', 101] }, 'error 51083'],
  [{ $pow: [int(2), int(10)] }, int(1024)],
  [{ $pow: [int(2), int(40)] }, long(1099511627776)],
  [{ $pow: [int(2), int(64)] }, double(18446744073709551616)],
  [{ $pow: [int(1), int(1000)] }, int(1)],
  [{ $pow: [int(-1), int(1001)] }, int(-1)],
  [{ $pow: [int(2), int(-1)] }, double(0.5)],
  [{ $pow: [int(0), int(-1)] }, 'error 28764'],
  [{ $pow: [int(2), decimal('3')] }, decimal('8')],
  [{ $sqrt: int(16) }, double(4)],
  [{ $sqrt: int(-1) }, 'error 28714'],
  [{ $sqrt: decimal('2') }, decimal('1.414213562373095048801688724209698')],
  [{ $ln: int(0) }, 'error 28766'],
  [{ $log10: int(-1) }, 'error 28761'],
  [{ $log: [int(8), int(2)] }, double(3)],
  [{ $log: [int(8), int(1)] }, 'error 28759'],
  [{ $log: [int(0), int(2)] }, 'error 28758'],
  [{ $ln: '$nil' }, null],
  [{ $exp: int(0) }, double(1)],
  [{ $sum: '$list' }, int(6)],
  [{ $sum: ['$list', 1] }, int(1)],
  [{ $avg: '$list' }, double(2)],
  [{ $avg: '$empty' }, null],
  [{ $max: ['$nil', '$none'] }, null],
  [{ $max: ['$i', '$text', '$nil'] }, 'Straße'],
  [{ $stdDevSamp: [1] }, null],
  [{ $toDecimal: double(2.5) }, decimal('2.5')],
  // Comparison and truth.
  [{ $eq: ['$none', null] }, false],
  [{ $lt: ['$none', null] }, true],
  [{ $eq: [int(1), decimal('1.0')] }, true],
  [{ $gt: ['$text', '$i'] }, true],
  [{ $cmp: ['$list', [3, 1]] }, int(1)],
  [{ $and: [] }, true],
  [{ $or: [] }, false],
  [{ $and: ['$text', '$empty', '$i'] }, true],
  [{ $not: ['$nil'] }, true],
  [{ $not: [decimal('0')] }, true],
  [{ $ifNull: ['$none', '$nil', 'x'] }, 'x'],
  [{ $ifNull: ['$none', '$nil'] }, null],
  [{ $cond: ['$i', 'yes', 'no'] }, 'yes'],
  [{ $cond: { if: '$nil', then: 'yes', else: '$none' } }, undefined],
  [{ $switch: { branches: [{ case: false, then: 1 }] } }, 'error 40066'],
  // Arrays.
  [{ $arrayElemAt: ['$list', -1] }, int(2)],
  [{ $arrayElemAt: ['$list', 9] }, undefined],
  [{ $arrayElemAt: ['$nil', 0] }, null],
  [{ $arrayElemAt: ['$i', 0] }, 'error 28689'],
  [{ $arrayElemAt: ['$list', 1.5] }, 'error 28691'],
  [{ $first: '$empty' }, undefined],
  [{ $slice: ['$list', -2] }, [int(1), int(2)]],
  [{ $slice: ['$list', 0] }, []],
  [{ $slice: ['$list', 1, 0] }, 'error 28729'],
  [{ $slice: ['$list', -9, 2] }, [int(3), int(1)]],
  [{ $concatArrays: ['$list', '$nil'] }, null],
  [{ $concatArrays: ['$list', '$i'] }, 'error 28664'],
  [{ $size: '$nil' }, 'error 17124'],
  [{ $in: [7, '$nil'] }, 'error 40081'],
  [{ $in: [double(3), '$list'] }, true],
  [{ $indexOfArray: ['$list', 2] }, int(2)],
  [{ $indexOfArray: ['$list', 3, 1] }, int(-1)],
  [{ $indexOfArray: ['$list', 1, 0, 1] }, int(-1)],
  [{ $indexOfArray: ['$list', 1, -1] }, 'error 40097'],
  [{ $range: [0, 5, 2] }, [int(0), int(2), int(4)]],
  [{ $range: [5, 0, -2] }, [int(5), int(3), int(1)]],
  [{ $range: [0, 5, 0] }, 'error 34449'],
  [{ $range: [0.5, 5] }, 'error 28691'],
  [{ $reverseArray: '$list' }, [int(2), int(1), int(3)]],
  [{ $map: { input: '$nil', in: 1 } }, null],
  [{ $map: { input: '$list', as: 'x', in: { $multiply: ['$$x', 2] } } }, [int(6), int(2), int(4)]],
  [{ $map: { input: '$i', in: 1 } }, 'error 16883'],
  [{ $filter: { input: '$list', cond: { $gte: ['$$this', 2] }, limit: 1 } }, [int(3)]],
  [{ $filter: { input: '$i', cond: true } }, 'error 28651'],
  [{ $reduce: { input: '$list', initialValue: 0, in: { $add: ['$$value', '$$this'] } } }, int(6)],
  [{ $reduce: { input: '$i', initialValue: 0, in: 1 } }, 'error 40080'],
  [
    { $zip: { inputs: ['$list', ['a', 'b']] } },
    [
      [int(3), 'a'],
      [int(1), 'b'],
    ],
  ],
  [{ $sortArray: { input: '$list', sortBy: -1 } }, [int(3), int(2), int(1)]],
  [
    {
      $setUnion: [
        [2, 1],
        [3, 2],
      ],
    },
    [int(2), int(1), int(3)],
  ],
  [
    {
      $setIntersection: [
        [3, 2, 1],
        [1, 3],
      ],
    },
    [int(3), int(1)],
  ],
  [{ $setDifference: [[3, 1, 3], [1]] }, [int(3)]],
  [{ $setIsSubset: [['$i'], [7, 8]] }, true],
  [
    {
      $setEquals: [
        [1, 2, 1],
        [2, 1],
      ],
    },
    true,
  ],
  [{ $anyElementTrue: [[false, 0]] }, false],
  [
    {
      $arrayToObject: [
        [
          ['a', 1],
          ['b', 2],
        ],
      ],
    },
    { a: int(1), b: int(2) },
  ],
  [{ $arrayToObject: [[{ k: 'a', v: 1 }]] }, { a: int(1) }],
  [{ $objectToArray: { a: 1 } }, [{ k: 'a', v: int(1) }]],
  [{ $objectToArray: '$nil' }, null],
  [{ $mergeObjects: [{ a: 1 }, '$nil', { a: 2, b: 3 }] }, { a: int(2), b: int(3) }],
  [{ $mergeObjects: ['$i'] }, 'error 40400'],
  ['$docs.k', ['a', 'b']],
  ['$docs.0', []],
  ['$nested.k', [[int(1)]]],
  ['$empty.k', []],
  ['$i.k', undefined],
  [
    ['$none', '$i'],
    [null, int(7)],
  ],
  [{ a: '$none', b: '$i' }, { b: int(7) }],
  [{ $getField: 'i' }, int(7)],
  [{ $isArray: ['$list'] }, true],
  // Text.
  [{ $concat: ['$text', '$nil'] }, null],
  [{ $concat: ['$text', '$i'] }, 'error 16702'],
  [{ $toUpper: '$text' }, 'STRAßE'],
  [{ $toUpper: '$nil' }, ''],
  [{ $strLenCP: '$text' }, int(6)],
  [{ $strLenBytes: '$text' }, int(7)],
  [{ $strLenCP: '$nil' }, 'error 34471'],
  [{ $substrCP: ['$text', 4, 1] }, 'ß'],
  [{ $substrCP: ['$text', 4, -1] }, 'error 34454'],
  [{ $substrCP: ['$text', -1, 1] }, 'error 34455'],
  [{ $substrBytes: ['$text', 4, 1] }, 'error 28657'],
  [{ $substrBytes: ['$text', 3, -1] }, 'aße'],
  [{ $indexOfCP: ['$text', 'e'] }, int(5)],
  [{ $indexOfBytes: ['$text', 'e'] }, int(6)],
  [{ $indexOfCP: ['$text', 'e', 6] }, int(-1)],
  [{ $indexOfCP: ['$text', 'e', -1] }, 'error 40097'],
  [{ $indexOfCP: ['$text', '$nil'] }, 'error 40094'],
  [{ $regexFind: { input: '😀b', regex: 'b', options: null } }, { match: 'b', idx: int(1), captures: [] }],
  [{ $convert: { input: 'x', to: 'regex' } }, 'error 241'],
  [{ $log10: decimal('100') }, decimal('2')],
  [{ $eq: [{ $sqrt: decimal('1E+6000') }, decimal('1E+3000')] }, true],
  [{ $split: ['a,b,,', ','] }, ['a', 'b', '', '']],
  [{ $split: ['a', ''] }, 'error 40087'],
  [{ $trim: { input: '  x ' } }, 'x'],
  [{ $ltrim: { input: 'xxy', chars: 'x' } }, 'y'],
  [{ $replaceAll: { input: 'aXbX', find: 'X', replacement: { $literal: '$&' } } }, 'a$&b$&'],
  [{ $strcasecmp: ['a', 'B'] }, int(-1)],
  [{ $regexMatch: { input: '$text', regex: 'STRA', options: 'i' } }, true],
  [{ $regexFind: { input: '$text', regex: '(ß)(x)?' } }, { match: 'ß', idx: int(4), captures: ['ß', null] }],
  // Conversions.
  [{ $toInt: '12' }, int(12)],
  [{ $toInt: '1.5' }, 'error 241'],
  [{ $toInt: double(1.9) }, int(1)],
  [{ $toInt: double(1e10) }, 'error 241'],
  [{ $toInt: ' 1' }, 'error 241'],
  [{ $toLong: decimal('9.9') }, long(9)],
  [{ $toDouble: '1e3' }, double(1000)],
  [{ $toDouble: ' 1' }, 'error 241'],
  [{ $toDouble: '1e400' }, 'error 241'],
  [{ $toString: double(1) }, '1'],
  [{ $toString: double(1e21) }, '1e+21'],
  [{ $toString: '$date' }, '2024-02-29T23:30:15.123Z'],
  [{ $toBool: 'false' }, true],
  [{ $toBool: '$nil' }, null],
  [{ $toDate: long(0) }, date('1970-01-01T00:00:00Z')],
  [{ $toDate: int(0) }, 'error 241'],
  [{ $toObjectId: 'zz' }, 'error 241'],
  [{ $convert: { input: 'x', to: 'int', onError: 'bad' } }, 'bad'],
  [{ $convert: { input: '$nil', to: 'int', onNull: 'none' } }, 'none'],
  [{ $convert: { input: 'x', to: null } }, null],
  [{ $convert: { input: 'x', to: 'nonsense' } }, 'error 2'],
  [{ $type: '$none' }, 'missing'],
  [{ $type: '$date' }, 'date'],
  [{ $isNumber: '$nil' }, false],
  // Dates.
  [{ $year: '$date' }, int(2024)],
  [{ $dayOfYear: '$date' }, int(60)],
  [{ $isoWeek: '$date' }, int(9)],
  [{ $isoWeekYear: date('2027-01-01T00:00:00Z') }, long(2026)],
  [{ $week: date('2023-01-01T00:00:00Z') }, int(1)],
  [{ $dayOfWeek: '$date' }, int(5)],
  [{ $year: '$nil' }, null],
  [{ $year: '$text' }, 'error 16006'],
  [{ $hour: { date: '$date', timezone: '+02:00' } }, int(1)],
  [{ $dayOfMonth: { date: '$date', timezone: '-0330' } }, int(29)],
  [{ $dayOfMonth: { date: '$date', timezone: '+01' } }, int(1)],
  [{ $hour: { date: '$date', timezone: null } }, null],
  [{ $hour: { date: '$date', timezone: 'Mars/Olympus' } }, 'error 40485'],
  [{ $dateToString: { date: '$date', format: '%Y-%m-%d %H:%M %z', timezone: '+05:30' } }, '2024-03-01 05:00 +0530'],
  [{ $dateToString: { date: '$date', timezone: '+05:30' } }, '2024-03-01T05:00:15.123'],
  [{ $dateToString: { date: '$nil', onNull: 'none' } }, 'none'],
  [{ $dateToString: { date: '$date', format: '%q' } }, 'error 18536'],
  [{ $dateFromString: { dateString: '2024-02-29' } }, date('2024-02-29T00:00:00Z')],
  [{ $dateFromString: { dateString: '2024-02-29T10:00:00', timezone: '+02:00' } }, date('2024-02-29T08:00:00Z')],
  [{ $dateFromString: { dateString: '2024-02-29T10:00:00+01:00', timezone: '+02:00' } }, 'error 241'],
  [{ $dateFromString: { dateString: '2024-02-30' } }, 'error 241'],
  [{ $dateAdd: { startDate: date('2024-01-31T00:00:00Z'), unit: 'month', amount: 1 } }, date('2024-02-29T00:00:00Z')],
  [{ $dateAdd: { startDate: '$date', unit: 'fortnight', amount: 1 } }, 'error 9'],
  [{ $dateSubtract: { startDate: '$date', unit: 'hour', amount: 24 } }, date('2024-02-28T23:30:15.123Z')],
  [{ $regexMatch: { input: 'abc\n', regex: 'c$' } }, true],
  [{ $regexMatch: { input: 'abc\n\n', regex: 'c$' } }, false],
  [{ $let: { vars: { CURRENT: '$docs' }, in: '$k' } }, ['a', 'b']],
  [{ $let: { vars: { A: 1 }, in: 1 } }, 'error 9'],
  [{ $map: { input: '$list', as: 'A', in: 1 } }, 'error 9'],
  [{ $switch: { branches: [] } }, 'error 40068'],
  [{ $switch: { branches: 5 } }, 'error 40060'],
  // What is not known, or not well formed.
  [{ $nonsense: 1 }, 'error 168'],
  [{ $add: 1, $subtract: 1 }, 'error 15983'],
  [{ $eq: [1] }, 'error 16020'],
  ['$$none', 'error 17276'],
  ['$a.', 'error 40353'],
  ['$', 'error 16872'],
]

describe('an expression', () => {
  const named = expressions.map(([expression, expected]) => [JSON.stringify(expression), expression, expected] as const)
  it.each(named)('%s', async (_, expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected)
  })
})

const rows: Row[] = [
  { _id: 1, g: 'a', n: 1, m: [1, 2] },
  { _id: 2, g: 'a', n: long(2) },
  { _id: 3, g: 'b', n: null, m: [] },
  { _id: 4, g: 'b', m: 5 },
  { _id: 5, g: null, n: 0.5, m: null },
  { _id: 6, n: decimal('0.1') },
]

const sorted = { $sort: { _id: 1 } }

const pipelines: [string, Document[], unknown][] = [
  [
    'null and missing are one group',
    [{ $group: { _id: '$g', c: { $sum: 1 } } }, sorted],
    [
      { _id: null, c: int(2) },
      { _id: 'a', c: int(2) },
      { _id: 'b', c: int(2) },
    ],
  ],
  [
    'sums keep the widest type',
    [{ $match: { _id: { $lt: 5 } } }, { $group: { _id: '$g', s: { $sum: '$n' }, a: { $avg: '$n' } } }, sorted],
    [
      { _id: 'a', s: long(3), a: double(1.5) },
      { _id: 'b', s: int(0), a: null },
    ],
  ],
  [
    'extremes pass over null, edges do not',
    [
      sorted,
      {
        $group: { _id: null, min: { $min: '$n' }, max: { $max: '$n' }, first: { $first: '$m' }, last: { $last: '$g' } },
      },
    ],
    [{ _id: null, min: decimal('0.1'), max: long(2), first: [int(1), int(2)], last: null }],
  ],
  [
    'lists pass over what is missing',
    [sorted, { $group: { _id: null, p: { $push: '$g' }, n: { $lastN: { n: 2, input: '$_id' } } } }],
    [{ _id: null, p: ['a', 'a', 'b', 'b', null], n: [int(5), int(6)] }],
  ],
  ['$count of nothing is nothing', [{ $match: { _id: 9 } }, { $count: 'c' }], []],
  ['$group of nothing is nothing', [{ $match: { _id: 9 } }, { $group: { _id: null, c: { $sum: 1 } } }], []],
  [
    '$unwind',
    [sorted, { $unwind: { path: '$m', includeArrayIndex: 'at' } }, { $project: { g: 0, n: 0 } }],
    [
      { _id: int(1), m: int(1), at: long(0) },
      { _id: int(1), m: int(2), at: long(1) },
      { _id: int(4), m: int(5), at: null },
    ],
  ],
  [
    '$unwind that keeps what is empty',
    [sorted, { $unwind: { path: '$m', preserveNullAndEmptyArrays: true } }, { $project: { g: 0, n: 0 } }, { $skip: 2 }],
    [{ _id: int(2) }, { _id: int(3) }, { _id: int(4), m: int(5) }, { _id: int(5), m: null }, { _id: int(6) }],
  ],
  [
    '$limit and $skip in their order',
    [sorted, { $limit: 3 }, { $skip: 2 }, { $project: { _id: 1 } }],
    [{ _id: int(3) }],
  ],
  ['$limit before $sort', [{ $limit: 1 }, { $sort: { _id: -1 } }, { $project: { _id: 1 } }], [{ _id: int(1) }]],
  [
    '$lookup takes null for missing',
    [
      { $match: { _id: { $in: [3, 6] } } },
      sorted,
      { $lookup: { from: 'rows', localField: 'g', foreignField: 'g', as: 'f' } },
      { $project: { 'f._id': 1 } },
    ],
    [
      { _id: int(3), f: [{ _id: int(3) }, { _id: int(4) }] },
      { _id: int(6), f: [{ _id: int(5) }, { _id: int(6) }] },
    ],
  ],
  [
    '$project by the expression $slice',
    [{ $match: { _id: 1 } }, { $project: { m: { $slice: ['$m', 1] } } }],
    [{ _id: int(1), m: [int(1)] }],
  ],
  [
    '$addFields in arrays and through numbers',
    [{ $match: { _id: 1 } }, { $addFields: { 'm.x': 1, 'g.y': 2, n: '$$REMOVE' } }],
    [{ _id: int(1), g: { y: int(2) }, m: [{ x: int(1) }, { x: int(1) }] }],
  ],
  [
    '$bucket',
    [{ $bucket: { groupBy: '$_id', boundaries: [1, 3, 5], default: 'more' } }],
    [
      { _id: int(1), count: int(2) },
      { _id: int(3), count: int(2) },
      { _id: 'more', count: int(2) },
    ],
  ],
  ['$bucket without a place', [{ $bucket: { groupBy: '$_id', boundaries: [1, 3] } }], 'error 40066'],
  ['$bucket out of order', [{ $bucket: { groupBy: '$_id', boundaries: [3, 1] } }], 'error 40194'],
  ['$bucket of two types', [{ $bucket: { groupBy: '$_id', boundaries: [1, 'x'] } }], 'error 40193'],
  [
    '$bucket with its default inside',
    [{ $bucket: { groupBy: '$_id', boundaries: [1, 3], default: 2 } }],
    'error 40199',
  ],
  ['$facet', [{ $facet: { a: [{ $match: { _id: 9 } }], b: [{ $count: 'c' }] } }], [{ a: [], b: [{ c: int(6) }] }]],
  ['$facet in $facet', [{ $facet: { a: [{ $facet: { b: [] } }] } }], 'error 40600'],
  ['$match after a change', [{ $project: { x: '$_id' } }, { $match: { x: { $gt: 5 } } }], [{ _id: int(6), x: int(6) }]],
  ['an accumulator of a list', [{ $group: { _id: null, s: { $sum: ['$n'] } } }], 'error 40237'],
  ['$count with an argument', [{ $group: { _id: null, c: { $count: { a: 1 } } } }], 'error 14'],
  ['$sortByCount of a constant', [{ $sortByCount: 'g' }], 'error 40148'],
  ['$sortByCount of an object', [{ $sortByCount: { g: 1 } }], 'error 40147'],
  ['$facet of nothing', [{ $facet: {} }], 'error 40169'],
  ['$facet with a path', [{ $facet: { 'a.b': [] } }], 'error 16412'],
  ['a group without _id', [{ $group: { c: { $sum: 1 } } }], 'error 15955'],
  ['a group with a value', [{ $group: { _id: null, c: 1 } }], 'error 40234'],
  ['an unknown accumulator', [{ $group: { _id: null, c: { $nonsense: 1 } } }], 'error 15952'],
  ['an unknown stage', [{ $nonsense: {} }], 'error 40324'],
  ['two stages in one', [{ $match: {}, $limit: 1 }], 'error 40323'],
  ['$limit 0', [{ $limit: 0 }], 'error 15958'],
  ['an empty $sort', [{ $sort: {} }], 'error 15976'],
  ['an empty $project', [{ $project: {} }], 'error 51272'],
  ['an empty sub-projection', [{ $project: { a: {} } }], 'error 51270'],
  ['$elemMatch in $project', [{ $project: { m: { $elemMatch: { $gt: 1 } } } }], 'error 168'],
  ['a root that is no object', [{ $replaceRoot: { newRoot: '$n' } }], 'error 40228'],
  ['$unwind of no path', [{ $unwind: 'm' }], 'error 28818'],
  ['$unwind with an unknown option', [{ $unwind: { path: '$m', what: 1 } }], 'error 28811'],
]

describe('a pipeline', () => {
  it.each(pipelines)('%s', async (_, pipeline, expected) => {
    const collection = client.db('edges').collection<Row>('rows')
    if ((await collection.countDocuments()) === 0) await collection.insertMany(rows)
    expect(await collection.aggregate(pipeline, types).toArray().catch(errorCode)).toEqual(expected)
  })
})
