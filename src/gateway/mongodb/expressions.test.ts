/** Expressions of dates and their units, trigonometry, bits, sizes: facts from the manual, as the driver sees them. */
import { Binary, Decimal128, Double, Int32, Long, MongoServerError, Timestamp } from 'mongodb'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTestDriver } from './testing.ts'

const { client } = await openTestDriver()
const rows = client.db('expressions').collection<{ _id: number; [name: string]: unknown }>('one')
beforeAll(async () => {
  await rows.insertOne({ _id: 1, list: [3, 1, null, 2], doc: { a: 1, b: 'x' }, date: date('2024-03-31T00:30:00Z') })
})

async function evaluate(expression: unknown): Promise<unknown> {
  const types = { promoteValues: false, promoteLongs: false }
  const [found] = await rows
    .aggregate([{ $project: { _id: 0, r: expression } }], types)
    .toArray()
    .catch((error: unknown) => [{ r: error instanceof MongoServerError ? `error ${error.code}` : error }])
  return found!['r']
}

const int = (value: number): Int32 => new Int32(value)
const long = (value: number): Long => Long.fromNumber(value)
const double = (value: number): Double => new Double(value)
const date = (text: string): Date => new Date(text)

const expressions: [unknown, unknown][] = [
  // Time zones by name: clocks in Berlin went from 2:00 to 3:00 on 2024-03-31.
  [{ $hour: { date: '$date', timezone: 'Europe/Berlin' } }, int(1)],
  [{ $hour: { date: date('2024-03-31T01:30:00Z'), timezone: 'Europe/Berlin' } }, int(3)],
  [{ $dateToString: { date: '$date', timezone: 'America/New_York', format: '%d %H:%M %z' } }, '30 20:30 -0400'],
  [{ $dateFromString: { dateString: '2024-07-01T12:00:00', timezone: 'Europe/Berlin' } }, date('2024-07-01T10:00:00Z')],
  [{ $dateFromString: { dateString: '31/12/2024 23:05', format: '%d/%m/%Y %H:%M' } }, date('2024-12-31T23:05:00Z')],
  [{ $dateFromString: { dateString: '2024-W09-4', format: '%G-W%V-%u' } }, date('2024-02-29T00:00:00Z')],
  [{ $dateFromString: { dateString: '2024', format: '%d' } }, 'error 241'],
  [{ $dateFromString: { dateString: 'x', onError: 'wrong' } }, 'wrong'],
  [{ $dateFromString: { dateString: null, onNull: 'none' } }, 'none'],
  // A day is one of the clocks, an hour is not.
  [
    { $dateAdd: { startDate: date('2024-03-30T12:00:00Z'), unit: 'day', amount: 1, timezone: 'Europe/Berlin' } },
    date('2024-03-31T11:00:00Z'),
  ],
  [
    { $dateAdd: { startDate: date('2024-03-30T12:00:00Z'), unit: 'hour', amount: 24, timezone: 'Europe/Berlin' } },
    date('2024-03-31T12:00:00Z'),
  ],
  [
    { $dateDiff: { startDate: date('2023-12-31T23:59:59Z'), endDate: date('2024-01-01T00:00:00Z'), unit: 'year' } },
    long(1),
  ],
  [
    { $dateDiff: { startDate: date('2024-01-01T00:00:00Z'), endDate: date('2023-12-31T23:00:00Z'), unit: 'day' } },
    long(-1),
  ],
  [
    { $dateDiff: { startDate: date('2024-01-06T00:00:00Z'), endDate: date('2024-01-07T00:00:00Z'), unit: 'week' } },
    long(1),
  ],
  [
    {
      $dateDiff: {
        startDate: date('2024-01-06T00:00:00Z'),
        endDate: date('2024-01-07T00:00:00Z'),
        unit: 'week',
        startOfWeek: 'monday',
      },
    },
    long(0),
  ],
  [{ $dateDiff: { startDate: '$date', endDate: date('2024-10-01T00:00:00Z'), unit: 'quarter' } }, long(3)],
  [{ $dateTrunc: { date: '$date', unit: 'month' } }, date('2024-03-01T00:00:00Z')],
  [{ $dateTrunc: { date: '$date', unit: 'month', binSize: 6 } }, date('2024-01-01T00:00:00Z')],
  [{ $dateTrunc: { date: '$date', unit: 'week' } }, date('2024-03-31T00:00:00Z')],
  [{ $dateTrunc: { date: '$date', unit: 'week', startOfWeek: 'mon' } }, date('2024-03-25T00:00:00Z')],
  [{ $dateTrunc: { date: '$date', unit: 'minute', binSize: 20 } }, date('2024-03-31T00:20:00Z')],
  [{ $dateTrunc: { date: '$date', unit: 'day', timezone: 'America/New_York' } }, date('2024-03-30T04:00:00Z')],
  [{ $dateTrunc: { date: '$date', unit: 'day', binSize: 0 } }, 'error 5439018'],
  [{ $dateFromParts: { year: 2024, month: 14, day: 0 } }, date('2025-01-31T00:00:00Z')],
  [{ $dateFromParts: { isoWeekYear: 2024, isoWeek: 9, isoDayOfWeek: 4, hour: 5 } }, date('2024-02-29T05:00:00Z')],
  [{ $dateFromParts: { year: 2024, timezone: 'Europe/Berlin' } }, date('2023-12-31T23:00:00Z')],
  [{ $dateFromParts: { year: 0 } }, 'error 40523'],
  [
    { $dateToParts: { date: '$date', timezone: '+01:00' } },
    {
      year: int(2024),
      month: int(3),
      day: int(31),
      hour: int(1),
      minute: int(30),
      second: int(0),
      millisecond: int(0),
    },
  ],
  // Trigonometry.
  [{ $sin: 0 }, double(0)],
  [{ $atan2: [1, 1] }, double(Math.PI / 4)],
  [{ $acos: 2 }, 'error 50989'],
  [{ $cos: null }, null],
  [{ $degreesToRadians: 180 }, double(Math.PI)],
  [{ $tanh: Decimal128.fromString('0') }, Decimal128.fromString('0')],
  // Bits, sizes, timestamps.
  [{ $bitAnd: [int(6), int(3)] }, int(2)],
  [{ $bitOr: [int(6), long(1)] }, long(7)],
  [{ $bitXor: [] }, int(0)],
  [{ $bitNot: int(0) }, int(-1)],
  [{ $bitAnd: [1.5] }, 'error 14'],
  [{ $binarySize: 'äb' }, int(3)],
  [{ $binarySize: new Binary(Buffer.alloc(5)) }, int(5)],
  [{ $bsonSize: '$doc' }, int(5 + 7 + 9)],
  [{ $tsSecond: new Timestamp({ t: 7, i: 3 }) }, long(7)],
  [{ $tsIncrement: new Timestamp({ t: 7, i: 3 }) }, long(3)],
  // Of arrays and objects.
  [{ $firstN: { n: 2, input: '$list' } }, [int(3), int(1)]],
  [{ $lastN: { n: 1, input: '$list' } }, [int(2)]],
  [{ $minN: { n: 2, input: '$list' } }, [int(1), int(2)]],
  [{ $maxN: { n: 9, input: '$list' } }, [int(3), int(2), int(1)]],
  [{ $maxN: { n: 0, input: '$list' } }, 'error 5787908'],
  [{ $unsetField: { field: 'a', input: '$doc' } }, { b: 'x' }],
  [
    { $zip: { inputs: [[1, 2], ['a']], useLongestLength: true, defaults: [0, 'z'] } },
    [
      [int(1), 'a'],
      [int(2), 'z'],
    ],
  ],
]

describe('an expression', () => {
  const named = expressions.map(([expression, expected]) => [JSON.stringify(expression), expression, expected] as const)
  it.each(named)('%s', async (_, expression, expected) => {
    expect(await evaluate(expression)).toEqual(expected)
  })

  it('$rand is between 0 and 1, another each time', async () => {
    const [a, b] = [await evaluate({ $rand: {} }), await evaluate({ $rand: {} })] as [Double, Double]
    expect([a.value, b.value].every((one) => one >= 0 && one < 1)).toBe(true)
    expect(a.value).not.toBe(b.value)
  })
})
