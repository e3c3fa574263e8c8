/** What SQL takes from JavaScript comes back as it was; what it does not take is refused by its number, kind and type. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Decimal } from '../base/decimal.ts'
import { openTestSessions } from '../session/testing.ts'
import { isWellFormed } from './arguments.ts'
import { EmbeddedDatabase } from './library.ts'

let db: EmbeddedDatabase

beforeAll(async () => {
  const parts = await openTestSessions()
  db = new EmbeddedDatabase(parts.database, parts.sessions, () => parts.close())
  await db.write((tx) => tx.sql('CREATE TABLE p (id int PRIMARY KEY, n numeric)'))
})

afterAll(() => db.close())

/** Through a table, as a query and as what the store holds. */
async function roundTrip(type: string, value: unknown): Promise<unknown> {
  return db.write(async (tx) => {
    await tx.sql(`CREATE TABLE round_trip (v ${type})`)
    await tx.sql('INSERT INTO round_trip VALUES ($1)', [value])
    const [row] = await tx.sql('SELECT v FROM round_trip')
    await tx.sql('DROP TABLE round_trip')
    return row!['v']
  })
}

async function pass(type: string, value: unknown): Promise<unknown> {
  const [row] = await db.read((tx) => tx.sql(`SELECT $1::${type} AS v`, [value]))
  return row!['v']
}

const decimal = (text: string): Decimal => Decimal.parse(text)!
const midnight = new Date('2026-11-20T00:00:00.000Z')
const noon = new Date('2026-11-20T12:00:00.123Z')

/** type, value in, value out where it is another one. */
const accepted: [type: string, value: unknown, back?: unknown][] = [
  ['bool', true],
  ['bool', 'yes', true],
  ['int2', -32_768],
  ['int4', 7],
  ['int4', 7n, 7],
  ['int4', -0, 0],
  ['int4', decimal('7.00'), 7],
  ['int8', Number.MAX_SAFE_INTEGER, BigInt(Number.MAX_SAFE_INTEGER)],
  ['int8', 2n ** 63n - 1n],
  ['int8', '9007199254740993', 9_007_199_254_740_993n],
  ['oid', 4_294_967_295],
  ['numeric', 0.1, decimal('0.1')],
  ['numeric', 10n ** 40n, decimal(`1${'0'.repeat(40)}`)],
  ['numeric', decimal('1.50')],
  ['numeric', NaN, Decimal.nan],
  ['numeric', -Infinity, Decimal.negativeInfinity],
  ['float8', -0],
  ['float8', NaN],
  ['float8', 2n ** 60n, 2 ** 60],
  ['float8', decimal('0.1'), 0.1],
  ['float4', 0.1],
  ['float4', Math.fround(0.1), 0.1],
  ['float4', -0],
  ['text', 'Ada 😀'],
  ['text', 5, '5'],
  ['text', 2n ** 70n, '1180591620717411303424'],
  ['varchar(3)', 'abc'],
  ['bytea', new Uint8Array([0, 255])],
  ['bytea', Buffer.from('ab'), new Uint8Array([97, 98])],
  ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['date', midnight],
  ['date', '2026-11-20', midnight],
  ['date', 'infinity'],
  ['timestamp', noon],
  ['timestamptz', noon],
  ['timestamptz', '2026-11-20T12:00:00.123456Z', '2026-11-20 12:00:00.123456+00'],
  ['timestamptz', '-infinity'],
  ['time', '12:00:00.5'],
  ['interval', '1 mon -2 days +03:00:00.000001'],
  ['jsonb', { b: [1, 'x', null, { c: true }], a: 0.1 }],
  ['jsonb', [1, 2]],
  ['jsonb', 5],
  ['jsonb', false],
  ['jsonb', '"text"', 'text'],
  ['jsonb', { n: 9_007_199_254_740_993n, d: decimal('0.1000000000000000055') }],
  ['jsonb', { small: 5n }, { small: 5 }],
  ['jsonb', JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}')],
  ['json', { left: undefined, a: 1e300 }, { a: 1e300 }],
  ['json', String.raw`"\u0000"`],
  ['int[]', [1, null, 3]],
  ['int[]', []],
  ['int[]', '{1,2}', [1, 2]],
  ['int[][]', [[1, 2], [3, 4]]],
  ['text[]', ['a,b', '"', 'NULL', '']],
  ['int8[]', [1, 2n], [1n, 2n]],
  ['timestamptz[]', [noon]],
  ['bytea[]', [new Uint8Array([1])]],
  ['jsonb[]', [[1, 2], { a: [] }, 3]],
  ['int4', null],
  ['int4', undefined, null],
] // prettier-ignore

test.each(accepted)('%s takes what it holds (%#)', async (...row) => {
  const [type, value, back] = row
  expect(await roundTrip(type, value)).toEqual(row.length === 3 ? back : value)
})

class Money {
  readonly amount = 5
}

/** type, value, its kind in the message, its type there. */
const refused: [type: string, value: unknown, kind: string, title: string][] = [
  ['bool', {}, 'an object', 'boolean'],
  ['bool', 1, 'the number 1', 'boolean'],
  ['int4', noon, 'a Date', 'integer'],
  ['int4', {}, 'an object', 'integer'],
  ['int4', [1, 2], 'an array', 'integer'],
  ['int4', Buffer.from('a'), 'a Buffer', 'integer'],
  ['int4', 1.5, 'the number 1.5', 'integer'],
  ['int4', NaN, 'the number NaN', 'integer'],
  ['int4', true, 'true', 'integer'],
  ['int4', decimal('1.5'), 'a Decimal', 'integer'],
  ['int8', 2 ** 53, 'the number 9007199254740992', 'bigint'],
  ['int8', Object(5n), 'a BigInt', 'bigint'],
  ['numeric', noon, 'a Date', 'numeric'],
  ['numeric', 2 ** 53, 'the number 9007199254740992', 'numeric'],
  ['numeric', {}, 'an object', 'numeric'],
  ['float8', {}, 'an object', 'double precision'],
  ['float8', 2n ** 53n + 1n, 'a bigint', 'double precision'],
  ['float8', decimal('0.1000000000000000055'), 'a Decimal', 'double precision'],
  ['float4', Math.PI, `the number ${Math.PI}`, 'real'],
  ['text', true, 'true', 'text'],
  ['text', noon, 'a Date', 'text'],
  ['text', new Money(), 'a Money', 'text'],
  ['text', Symbol('x'), 'a symbol', 'text'],
  ['bytea', noon, 'a Date', 'bytea'],
  ['bytea', true, 'true', 'bytea'],
  ['bytea', new Uint16Array(1), 'a Uint16Array', 'bytea'],
  ['bytea', [1], 'an array', 'bytea'],
  ['uuid', Buffer.alloc(16), 'a Buffer', 'uuid'],
  ['date', [1, 2], 'an array', 'date'],
  ['date', noon, 'a Date', 'date'],
  ['date', 5, 'the number 5', 'date'],
  ['timestamptz', true, 'true', 'timestamp with time zone'],
  ['timestamptz', new Date(NaN), 'an invalid Date', 'timestamp with time zone'],
  ['timestamptz', 0, 'the number 0', 'timestamp with time zone'],
  ['time', noon, 'a Date', 'time without time zone'],
  ['interval', { days: 1 }, 'an object', 'interval'],
  ['int[]', Buffer.from('a'), 'a Buffer', 'integer[]'],
  ['int[]', 5, 'the number 5', 'integer[]'],
  ['text', () => 'x', 'a function', 'text'],
]

test.each(refused)('%s refuses what it does not hold (%#)', async (type, value, kind, title) => {
  const message = expect.stringMatching(new RegExp(`^parameter 1 is ${kind.replaceAll('.', '\\.')}; ${title.replaceAll(/[[\]]/g, '\\$&')} takes `))
  await expect(pass(type, value)).rejects.toMatchObject({ name: 'PolylogError', code: 'invalid_argument', message })
}) // prettier-ignore

test.each<[type: string, value: unknown, place: string]>([
  ['jsonb', { a: [1, { b: noon }] }, 'parameter 1 at a[1].b is a Date'],
  ['jsonb', [undefined], 'parameter 1 at [0] is undefined'],
  ['jsonb', { a: NaN }, 'parameter 1 at a is the number NaN'],
  ['jsonb', { a: 'x\ud800' }, 'parameter 1 at a is a string with half'],
  ['jsonb', { 'a\0': 1 }, 'parameter 1 has a name with'],
  ['jsonb', { [Symbol('x')]: 1 }, 'parameter 1 has a symbol'],
  ['jsonb', new Map(), 'parameter 1 is a Map'],
  ['int[]', [1, 'x', {}], 'invalid input syntax for type integer: "x"'],
  ['int[]', [1, {}], 'parameter 1[1] is an object; integer takes'],
  ['int[]', Object.assign([1, 2, 3], { length: 4 }), 'parameter 1[3] is no element of integer[]: the array has a hole'],
  ['int[]', [[1], [2, 3]], 'parameter 1[1] is no element of integer[]: its arrays must be of one length'],
  ['int[]', [[]], 'parameter 1[0] is no element of integer[]: its arrays must be of one length, and not empty'],
  ['int[]', [1, [2]], 'parameter 1[1] is no element of integer[]: an array stands beside elements'],
  ['int[]', [[1], 2], 'parameter 1[1] is no element of integer[]: an element stands beside arrays'],
  ['int[]', [null, [1]], 'parameter 1[1] is no element of integer[]: an array stands beside elements'],
  ['text', '\udc00', 'parameter 1 is a string with half of a surrogate pair'],
  ['text', Proxy.revocable({}, {}).proxy, 'parameter 1 is a Proxy; text takes'],
])('%s names what is wrong inside (%#)', async (type, value, message) => {
  const error = { name: 'PolylogError', code: 'invalid_argument', message: expect.stringContaining(message) }
  await expect(pass(type, value)).rejects.toMatchObject(error)
}) // prettier-ignore

test.each<[type: string, value: unknown]>([
  ['int2', 32_768],
  ['int4', 1e300],
  ['int8', 2n ** 63n],
  ['int8', 2 ** 64],
  ['float4', 1e300],
  ['timestamptz', new Date(-8.64e15)],
  ['date', new Date(-8.64e15)],
])('what is beyond %s is its own error (%#)', async (type, value) => {
  await expect(pass(type, value)).rejects.toMatchObject({ name: 'PolylogError', code: 'out_of_range' })
})

describe('around the parameters', () => {
  test('their number and the text are checked', async () => {
    const run = (text: unknown, values: unknown): Promise<unknown> =>
      db.read((tx) => tx.sql(text as string, values as unknown[]))
    const code = 'invalid_argument'
    await expect(run('SELECT $1::int', [])).rejects.toMatchObject({ code })
    await expect(run('SELECT $1::int', [1, 2])).rejects.toMatchObject({ code })
    await expect(run('SELECT $1::int', 'a')).rejects.toMatchObject({ code })
    await expect(run('SELECT $1::int', null)).rejects.toMatchObject({ code })
    await expect(run('SELECT $1::int', new Set([1]))).rejects.toMatchObject({ code })
    await expect(run(5, [])).rejects.toMatchObject({ code })
    await expect(run("SELECT '\ud800'", [])).rejects.toMatchObject({ code })
  })

  test('the second one is named by its number, and nothing of the statement stays', async () => {
    const insert = db.write((tx) => tx.sql('INSERT INTO p VALUES ($1, $2)', [2, noon]))
    await expect(insert).rejects.toThrow('parameter 2 is a Date; numeric takes a number')
    expect(await db.read((tx) => tx.sql('SELECT * FROM p'))).toEqual([])
  })

  test('what holds itself is refused', async () => {
    const holdsItself: unknown[] = []
    holdsItself.push(holdsItself)
    await expect(pass('jsonb', holdsItself)).rejects.toThrow('parameter 1 at [0] refers to what it is in')
    await expect(pass('int[]', holdsItself)).rejects.toThrow('parameter 1 has more than 6 dimensions, or holds itself')
  })

  test('bytes are taken at once', async () => {
    const bytes = new Uint8Array([1, 2])
    const row = await db.write(async (tx) => {
      const [found] = await tx.sql('SELECT $1::bytea AS v', [bytes])
      bytes.fill(9)
      return found
    })
    expect(row).toEqual({ v: new Uint8Array([1, 2]) })
  })
})

const finite = fc.double({ noNaN: true, noDefaultInfinity: true })
const wellFormed = fc.string({ unit: 'binary' }).filter((text) => isWellFormed(text) && !text.includes('\0'))
const anyDate = (from: string, to: string): fc.Arbitrary<Date> =>
  fc.date({ min: new Date(from), max: new Date(to), noInvalidDate: true })
const anyJson = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false),
    finite,
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }).map((n) => n | 1n),
    wellFormed,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(wellFormed, tie('value'), { maxKeys: 3 }),
  ),
})).value

/** −0 is 0 where a type has no sign of zero. */
const withoutSign = (value: unknown): unknown =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))

describe('any value that is accepted comes back equal', () => {
  const check = <T>(values: fc.Arbitrary<T>, type: string, same: (back: unknown, value: T) => void): Promise<void> =>
    fc.assert(
      fc.asyncProperty(values, async (value) => {
        same(await roundTrip(type, value), value)
      }),
      { numRuns: 40 },
    )
  const equal = (back: unknown, value: unknown): void => expect(back).toEqual(value)

  test('integers', async () => {
    await check(fc.integer(), 'int4', equal)
    await check(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), 'int8', equal)
    await check(fc.maxSafeInteger(), 'int8', (back, value) => expect(back).toBe(BigInt(value)))
  })

  test('doubles and floats, to the sign of zero', async () => {
    await check(fc.double(), 'float8', (back, value) => expect(back).toBe(value))
    await check(fc.float(), 'float4', (back, value) => expect(Math.fround(back as number)).toBe(value))
  })

  test('numeric', async () => {
    await check(fc.bigInt(), 'numeric', (back, value) => expect(String(back)).toBe(String(value)))
    const fractions = finite.filter((value) => !Number.isInteger(value))
    await check(fractions, 'numeric', (back, value) => expect((back as Decimal).toNumber()).toBe(value))
  })

  test('text and bytes', async () => {
    await check(wellFormed, 'text', equal)
    await check(fc.uint8Array(), 'bytea', equal)
    await check(fc.array(fc.option(wellFormed)), 'text[]', equal)
  })

  test('times', async () => {
    const years = anyDate('-004712-01-01T00:00:00Z', '+270000-01-01T00:00:00Z')
    await check(years, 'timestamptz', equal)
    await check(years, 'timestamp', equal)
    await check(years.map((at) => new Date(Math.floor(at.getTime() / 86_400_000) * 86_400_000)), 'date', equal)
  })

  test('json', async () => {
    const values = anyJson.filter((value) => value !== null && typeof value !== 'string')
    const same = (back: unknown, value: unknown): void => expect(withoutSign(back)).toBe(withoutSign(value))
    await check(values, 'json', same)
    await check(values, 'jsonb', (back, value) => expect(back).toEqual(JSON.parse(JSON.stringify(value, plain), revive)))
  })
}) // prettier-ignore

const plain = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? { bigint: String(value) } : value === 0 ? 0 : value
const revive = (_: string, value: unknown): unknown => {
  const isBigint = typeof value === 'object' && value !== null && Object.keys(value).join() === 'bigint'
  return isBigint ? BigInt((value as { bigint: string }).bigint) : value
}

test('whatever is passed to whichever type, a value is read again or an error of ours says which parameter', async () => {
  const types = [...new Set(accepted.map(([type]) => type)), 'time', 'uuid', 'regclass', 'name', '"char"', 'int2vector']
  await db.write((tx) => tx.sql(`CREATE TABLE any_value (${types.map((type, i) => `c${i} ${type}`).join(', ')})`))
  const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true, withSet: true })
  const column = fc.nat({ max: types.length - 1 })
  const store = async (i: number, value: unknown): Promise<void> => {
    await db.write((tx) => tx.sql(`INSERT INTO any_value (c${i}) VALUES ($1)`, [value]))
  }
  let stored = 0
  await fc.assert(
    fc.asyncProperty(column, anything, async (i, value) => {
      const error: unknown = await store(i, value).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      if (error === undefined) stored++
      else expect(error).toMatchObject({ name: 'PolylogError' })
    }),
    { numRuns: 300 },
  )
  expect(await db.read((tx) => tx.sql('SELECT * FROM any_value'))).toHaveLength(stored)
  expect(stored).toBeGreaterThan(10)
})
