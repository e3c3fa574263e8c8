/** Whatever a command says, it is answered as a client's mistake or done: never an internal error, never silence. */
import { deserialize, serialize, type Document } from 'bson'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { anyDocument, anyValue } from '../../../test/documents/any-document.ts'
import { commands } from './commands/commands.ts'
import { openTestMongodb, type RawClient, type TestMongodb } from './testing.ts'

let server: TestMongodb
let raw: RawClient
beforeAll(async () => {
  server = await openTestMongodb()
  raw = await server.connect()
  await run({ hello: 1 })
})
beforeEach(async () => {
  await run({ delete: 'c', deletes: [{ q: {}, limit: 0 }], $db: 'test' })
  const documents = [
    { _id: 1, a: 1 },
    { _id: 2, a: [1, { b: 2 }], d: new Date(5) },
    { _id: 'x', a: { b: [] }, s: 'text' },
  ]
  await run({ insert: 'c', documents, $db: 'test' })
  await run({ createIndexes: 'c', indexes: [{ key: { a: 1 }, name: 'a' }], $db: 'test' })
})
afterAll(async () => {
  raw.destroy()
  await server.close()
})

async function run(command: Document): Promise<Document> {
  const reply = await raw.command(serialize(command))
  expect(reply).toBeDefined()
  return deserialize(reply!)
}

async function checkAnswered(command: Document): Promise<void> {
  const reply = await run(command)
  for (const { code, errmsg } of (reply['writeErrors'] ?? []) as Document[]) {
    expect([command, code, errmsg]).not.toContain(1)
  }
  if (reply['ok'] === 1) return
  expect([command, reply['code'], reply['errmsg']]).not.toContain(1)
  expect(reply['codeName']).not.toBe('UnknownError')
}

const names = commands.flatMap(({ name, aliases = [] }) => [name, ...aliases])

describe('strange commands', () => {
  it('with any values in their fields', async () => {
    const command = fc
      .constantFrom(...commands.filter(({ name }) => !name.startsWith('drop')))
      .chain(({ name, fields }) =>
        fc.record({
          target: fc.oneof(fc.constant<unknown>('c'), anyValue),
          parts: fc.array(fc.tuple(fc.constantFrom('maxTimeMS', 'lsid', ...fields), anyValue), { maxLength: 4 }),
          name: fc.constant(name),
        }),
      )
    await fc.assert(
      fc.asyncProperty(command, async ({ name, target, parts }) => {
        await checkAnswered({ [name]: target, ...Object.fromEntries(parts), $db: 'other' })
      }),
      { numRuns: 600 },
    )
  })

  const operators = fc.constantFrom(
    ...'$eq $gt $in $nin $not $exists $type $regex $size $all $elemMatch $mod $expr $and $or $bitsAllSet $options'.split(
      ' ',
    ),
  )
  const stages = fc.constantFrom(
    ...'$match $project $addFields $unset $group $sort $limit $skip $unwind $count $lookup $facet $bucket $sortByCount $replaceRoot'.split(
      ' ',
    ),
  )
  const expressions = fc.constantFrom(
    ...(
      '$add $subtract $multiply $divide $mod $cond $ifNull $switch $let $map $filter $reduce $concat $substrCP $split $trim ' +
      '$toInt $toDate $toString $convert $dateToString $year $dateAdd $size $slice $arrayElemAt $in $setUnion $mergeObjects ' +
      '$objectToArray $arrayToObject $sortArray $zip $range $round $pow $sum $avg $min $regexMatch $indexOfCP $replaceAll $getField'
    ).split(' '),
  )
  const updates = fc.constantFrom(
    ...'$set $unset $inc $mul $min $max $rename $push $pull $pullAll $addToSet $pop $currentDate $bit $setOnInsert'.split(
      ' ',
    ),
  )
  const paths = fc.constantFrom('a', 'a.b', 'a.0', 'a.$', 'a.$[]', 'a.$[x]', '_id', 'new.path', '', '$x', 'a..b')
  const operand = fc.oneof(
    anyValue,
    fc.constantFrom<unknown>('$a', '$$ROOT', '$a.b', ['$a', 1], { input: '$a', in: '$$this' }),
  )

  it('with operators of any operands', async () => {
    const pair = fc.tuple(operators, operand).map(([name, value]) => ({ [name]: value }))
    const filters = fc.oneof(
      pair,
      fc.tuple(paths, fc.oneof(pair, operand)).map(([path, value]) => ({ [path]: value })),
    )
    await fc.assert(
      fc.asyncProperty(filters, filters, async (filter, sort) => {
        await checkAnswered({ find: 'c', filter, $db: 'test' })
        await checkAnswered({ find: 'c', projection: sort, $db: 'test' })
        await checkAnswered({ find: 'c', sort, $db: 'test' })
      }),
      { numRuns: 250 },
    )
  })

  it('with pipelines of any stages', async () => {
    const expression = fc.tuple(expressions, operand).map(([name, value]) => ({ [name]: value }))
    const inner = fc.oneof(
      operand,
      expression,
      anyDocument,
      fc.record({ _id: operand, r: expression }),
      fc.record({ r: expression }),
    )
    const stage = fc.tuple(stages, inner).map(([name, value]) => ({ [name]: value }))
    await fc.assert(
      fc.asyncProperty(fc.array(stage, { maxLength: 3 }), async (pipeline) => {
        await checkAnswered({ aggregate: 'c', pipeline, cursor: {}, $db: 'test' })
      }),
      { numRuns: 600 },
    )
  })

  it('with updates of any kind', async () => {
    const change = fc
      .array(fc.tuple(updates, paths, operand), { minLength: 1, maxLength: 2 })
      .map((list) => Object.fromEntries(list.map(([name, path, value]) => [name, { [path]: value }])))
    await fc.assert(
      fc.asyncProperty(fc.oneof(change, anyDocument), fc.boolean(), async (u, upsert) => {
        await checkAnswered({ update: 'c', updates: [{ q: { a: 1 }, u, upsert, multi: !upsert }], $db: 'test' })
        await checkAnswered({ findAndModify: 'c', query: { a: 1 }, update: u, new: upsert, $db: 'test' })
      }),
      { numRuns: 250 },
    )
  })

  it('leave the server as it was', async () => {
    expect(names.length).toBeGreaterThan(40)
    expect(await run({ ping: 1 })).toMatchObject({ ok: 1 })
  })
})
