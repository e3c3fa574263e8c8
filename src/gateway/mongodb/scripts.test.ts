/** `$where`, `$function` and `$accumulator`: facts from the manual of MongoDB 7.0. */
import { Binary, Code, Decimal128, type Document, Long, MongoServerError, ObjectId, Timestamp } from 'mongodb'
import { beforeEach, describe, expect, it } from 'vitest'
import { createHash } from 'node:crypto'
import { openTestDriver } from './testing.ts'

const { client } = await openTestDriver()
const database = client.db('scripts')
type Item = Document & { _id: number }
const items = database.collection<Item>('items')

async function failureOf(run: Promise<unknown>): Promise<[unknown, string]> {
  return run.then(
    () => ['done', ''],
    (error: unknown) => (error instanceof MongoServerError ? [error.code, error.message] : [error, '']),
  )
}

const where = (code: string | Code, more: Document = {}): Promise<unknown[]> =>
  items
    .find({ $where: code as string, ...more })
    .sort({ _id: 1 })
    .map(({ _id }) => _id)
    .toArray()

const call = async (body: string | Code, args: unknown[] = [], options: Document = {}): Promise<unknown> => {
  const [made] = await items
    .aggregate([{ $limit: 1 }, { $project: { made: { $function: { body, args, lang: 'js' } } } }], options)
    .toArray()
  return made!['made']
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')

beforeEach(async () => {
  await items.deleteMany({})
  await items.insertMany([
    { _id: 1, a: 1, b: 2, name: 'one' },
    { _id: 2, a: 4, b: 3, name: 'two' },
    { _id: 3, a: 5, b: 5, name: 'three', list: [1, { __proto__: 2 }] },
  ])
})

describe('$where', () => {
  it('takes an expression, a function, an arrow and statements', async () => {
    expect(await where('this.a < this.b')).toEqual([1])
    expect(await where('obj.a === obj.b;')).toEqual([3])
    expect(await where('function() { return this.a > 3 }')).toEqual([2, 3])
    expect(await where(new Code('function() { return this.name.startsWith("t") }'))).toEqual([2, 3])
    expect(await where('() => obj._id == 2')).toEqual([2])
    expect(await where('for (var i = 0; i < 3; i++);')).toEqual([])
    expect(await where('var sum = this.a + this.b; if (sum > 9) { return true }; return false')).toEqual([3])
  })

  it('stands beside other conditions, and below $and, $or and $nor', async () => {
    expect(await where('this.a > 3', { b: 3 })).toEqual([2])
    expect(await items.countDocuments({ a: { $gt: 100 } })).toBe(0)
    const or = { $or: [{ _id: 1 }, { $where: 'this.b == 5' }] }
    expect(await items.find(or).sort({ _id: -1 }).toArray()).toMatchObject([{ _id: 3 }, { _id: 1 }])
    expect((await items.updateMany({ $where: 'this.a < 5' }, { $set: { seen: true } })).modifiedCount).toBe(2)
    expect((await items.deleteMany({ $nor: [{ $where: 'this.seen' }] })).deletedCount).toBe(1)
  })

  it('is refused where a script has no place', async () => {
    expect(await failureOf(items.aggregate([{ $match: { $where: 'true' } }]).toArray())).toMatchObject([
      2,
      expect.any(String),
    ])
    expect(await failureOf(items.find({ $where: 7 as unknown as string }).toArray())).toMatchObject([
      2,
      expect.any(String),
    ])
    expect(await failureOf(items.find({ a: { $where: 'true' } }).toArray())).toMatchObject([2, expect.any(String)])
    expect(await failureOf(database.createCollection('ruled', { validator: { $where: 'true' } }))).toMatchObject([
      2,
      expect.any(String),
    ])
    const expression = { $expr: { $function: { body: 'function() { return true }', args: [], lang: 'js' } } }
    expect(await failureOf(database.createCollection('ruled', { validator: expression }))).toMatchObject([
      2,
      expect.any(String),
    ])
  })
})

describe('what a script is given and answers', () => {
  it('keeps every type', async () => {
    const values: Document = {
      id: new ObjectId('0123456789abcdef01234567'),
      long: Long.fromString('9007199254740993'),
      decimal: Decimal128.fromString('1.10'),
      date: new Date(1234567890123),
      before: new Date(-1),
      bytes: new Binary(Buffer.from([0, 255, 7]), 128),
      time: new Timestamp({ t: 7, i: 9 }),
      pattern: /a+b/i,
      double: 0.1,
      none: null,
      flag: true,
      text: 'a "quoted" \u0000 \u2028 \u{1f600}',
      list: [[], {}, [1, [2]]],
      ['__proto__']: { x: 1 },
    }
    const options = { promoteLongs: false, promoteValues: true }
    for (const [name, value] of Object.entries(values)) {
      expect(await call('function(x) { return x }', [{ $literal: value }], options), name).toEqual(value)
    }
    expect(await call('function(x) { return x }', [{ $literal: values }], options)).toEqual(values)
    expect(await call('function() { return [-0, 1/0, 0/0] }')).toEqual([-0, Infinity, NaN])
  })

  it('has the functions of the shell', async () => {
    expect(await call('function(n) { return n + 1 }', [Long.fromNumber(41)])).toBe(42)
    expect(await call('function() { return NumberLong("9007199254740993").compare(NumberLong(7)) }')).toBe(1)
    const same = 'function(id) { return id.equals(ObjectId("0123456789abcdef01234567")) && id.str.length === 24 }'
    expect(await call(same, [new ObjectId('0123456789abcdef01234567')])).toBe(true)
    expect(await call('function() { return ISODate("2020-01-02T03:04:05Z") }')).toEqual(
      new Date('2020-01-02T03:04:05Z'),
    )
    expect(
      await call('function() { return tojson({ a: [1, NumberLong(2)], d: ObjectId("0123456789abcdef01234567") }) }'),
    ).toBe('{ "a" : [ 1, NumberLong(2) ], "d" : ObjectId("0123456789abcdef01234567") }')
    expect(await call('(text) => hex_md5(text)', ['é'.repeat(40)])).toBe(md5('é'.repeat(40)))
    const uuid = (await call('function() { return UUID("00112233-4455-6677-8899-aabbccddeeff") }')) as Binary
    expect(uuid.toString('hex')).toBe('00112233445566778899aabbccddeeff')
    expect(await call('function() { return [isNumber(1), isString("x"), isObject({}), isObject(1)] }')).toEqual([
      true,
      true,
      true,
      false,
    ])
  })

  it('answers its own errors', async () => {
    const body = (code: string): Promise<[unknown, string]> => failureOf(call(code))
    expect(await body('function() { return missing.x }')).toMatchObject([
      139,
      expect.stringContaining('ReferenceError'),
    ])
    expect(await body('function() { throw "so" }')).toMatchObject([139, expect.stringContaining('so')])
    expect(await body('function( {')).toMatchObject([139, expect.stringContaining('SyntaxError')])
    expect(await body('function() { return Symbol() }')).toMatchObject([139, expect.any(String)])
    expect(await body('function() { const a = []; a.push(a); return a }')).toMatchObject([139, expect.any(String)])
    expect(await body('function f() { return f() }')).toMatchObject([139, expect.stringContaining('stack')])
    const many = 'function() { const all = []; for (;;) all.push(new Uint8Array(1e7)) }'
    expect(await body(many)).toMatchObject([139, expect.stringContaining('memory')])
    expect(await body('function() { return "x".repeat(17e6) }')).toMatchObject([10_334, expect.any(String)])
    // What was left by them disturbs nobody.
    expect(await call('function() { return 1 }')).toBe(1)
  })

  it('names what is missing of $function', async () => {
    const run = (operand: Document): Promise<[unknown, string]> =>
      failureOf(items.aggregate([{ $project: { x: { $function: operand } } }]).toArray())
    const body = 'function() { return 1 }'
    expect(await run({ args: [], lang: 'js' })).toMatchObject([31_261, expect.any(String)])
    expect(await run({ body, lang: 'js' })).toMatchObject([31_262, expect.any(String)])
    expect(await run({ body, args: [] })).toMatchObject([31_418, expect.any(String)])
    expect(await run({ body, args: [], lang: 'lua' })).toMatchObject([31_419, expect.any(String)])
    expect(await run({ body, args: '$a', lang: 'js' })).toMatchObject([31_266, expect.any(String)])
    expect(await run({ body, args: [], lang: 'js', more: 1 })).toMatchObject([40_415, expect.any(String)])
  })
})

describe('the sandbox', () => {
  it('reaches nothing of the process, its clock or its zone', async () => {
    const names = [
      'process',
      'require',
      'global',
      'console',
      'setTimeout',
      'fetch',
      'std',
      'os',
      'WebAssembly',
      'print',
    ]
    expect(await call(`function() { return ${JSON.stringify(names)}.filter((name) => name in globalThis) }`)).toEqual(
      [],
    )
    const now = 'function(now) { return Date.now() === now.getTime() && new Date().getTimezoneOffset() === 0 }'
    expect(await call(now, ['$$NOW'])).toBe(true)
    const drawn = (await call('() => [Math.random(), Math.random()]')) as number[]
    expect(drawn.every((one) => one >= 0 && one < 1)).toBe(true)
    expect(new Set([...drawn, ...((await call('() => [Math.random()]')) as number[])]).size).toBe(3)
    // A promise that nobody keeps.
    expect(await call('function() { return import("os") }')).toEqual({})
  })

  it('keeps global variables to the command that made them', async () => {
    const body = 'function() { globalThis.count = (globalThis.count || 0) + 1; JSON.stringify = null; return count }'
    expect(await call(body)).toBe(1)
    expect(await call(body)).toBe(1)
  })

  it('does not take a value for what a script may not make', async () => {
    expect(await failureOf(call('function() { return { "\\0": ["zz"] } }'))).toMatchObject([2, expect.any(String)])
    expect(await failureOf(call('function() { return { "a\\0b": 1 } }'))).toMatchObject([2, expect.any(String)])
    expect(await failureOf(call('function() { return new Date(NaN) }'))).toMatchObject([2, expect.any(String)])
    expect(await call('function() { return { toJSON: () => 7, __proto__: null, constructor: 1 } }')).toMatchObject({
      constructor: 1,
    })
  })
})

describe('$accumulator', () => {
  const average = {
    init: 'function() { return { count: 0, sum: 0 } }',
    accumulate: 'function(state, n) { return { count: state.count + 1, sum: state.sum + n } }',
    accumulateArgs: ['$a'],
    merge: 'function(a, b) { return { count: a.count + b.count, sum: a.sum + b.sum } }',
    finalize: 'function(state) { return state.sum / state.count }',
    lang: 'js',
  }
  const group = (operand: Document, id: unknown = null): Promise<Document[]> =>
    items.aggregate([{ $group: { _id: id, made: { $accumulator: operand } } }, { $sort: { _id: 1 } }]).toArray()

  it('gathers what its functions make of each group', async () => {
    expect(await group(average)).toEqual([{ _id: null, made: 10 / 3 }])
    expect(await group(average, { $gt: ['$a', 3] })).toEqual([
      { _id: false, made: 1 },
      { _id: true, made: 4.5 },
    ])
    const { finalize: _, ...bare } = average
    expect(await group(bare)).toEqual([{ _id: null, made: { count: 3, sum: 10 } }])
    const texts = {
      init: 'function(first, n) { return [first, n] }',
      initArgs: ['$first', 3],
      accumulate: 'function(state, name) { state.push(name); return state }',
      accumulateArgs: ['$name'],
      merge: 'function(a, b) { return a.concat(b) }',
      lang: 'js',
    }
    expect(await group(texts, { first: 'x' })).toEqual([{ _id: { first: 'x' }, made: ['x', 3, 'one', 'two', 'three'] }])
  })

  it('names what is missing', async () => {
    for (const name of ['init', 'accumulate', 'accumulateArgs', 'merge', 'lang']) {
      const { [name]: _, ...rest } = average as Document
      expect(await failureOf(group(rest)), name).toMatchObject([4_544_702, expect.any(String)])
    }
    expect(await failureOf(group({ ...average, accumulateArgs: '$a' }))).toMatchObject([4_544_712, expect.any(String)])
    expect(await failureOf(group({ ...average, accumulate: 'function() { return x }' }))).toMatchObject([
      139,
      expect.any(String),
    ])
  })
})
