/** What a score becomes under each of ZADD's conditions: Redis's documentation of ZADD, "Score range" and "INCR". */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import type { Database } from '../../database/database.ts'
import type { KernelTransaction } from '../../database/transaction/transaction.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { kind } from './codec.ts'
import { newCollection } from './keyvalue.ts'
import { change, findScore, setScore, type Change, type ScoreConditions } from './sorted-sets.ts'

let database: Database
let tx: KernelTransaction
let space: { id: number }

beforeAll(async () => {
  database = await openTestDatabase()
  tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  tx.beginStatement()
  space = tx.createCollection(tx.createNamespace('redis'), 'db0', 'keyvalue', {})
})
afterAll(async () => {
  tx.rollback()
  await database.close()
})

const member = sliceOf(Buffer.from('member'))

const { added, updated, unchanged, refused, nan } = change

const cases: readonly [
  before: number | undefined,
  given: number,
  ScoreConditions,
  Change,
  after: number | undefined,
][] = [
  [undefined, 1, {}, added, 1],
  [undefined, 1, { onlyExisting: true }, refused, undefined],
  [undefined, 1, { onlyGreater: true }, added, 1],
  [undefined, 1, { onlyLess: true, increment: true }, added, 1],
  [5, 5, {}, unchanged, 5],
  [5, 6, {}, updated, 6],
  [5, 6, { onlyNew: true }, refused, 5],
  [5, 4, { onlyGreater: true }, refused, 5],
  [5, 5, { onlyGreater: true }, refused, 5],
  [5, 6, { onlyGreater: true }, updated, 6],
  [5, 6, { onlyLess: true }, refused, 5],
  [5, 5, { onlyLess: true }, refused, 5],
  [5, 4, { onlyLess: true }, updated, 4],
  [5, 2, { increment: true }, updated, 7],
  [5, 0, { increment: true, onlyGreater: true }, refused, 5],
  [5, -1, { increment: true, onlyLess: true }, updated, 4],
  [Infinity, -Infinity, { increment: true }, nan, Infinity],
  [0, -0, {}, unchanged, 0],
]

it.each(cases)('%s, then %s with %j', (before, given, conditions, outcome, after) => {
  const set = newCollection(tx, kind.sortedSet)
  if (before !== undefined) setScore(tx, space, set, member, before)
  expect(setScore(tx, space, set, member, given, conditions)).toBe(outcome)
  expect(findScore(tx, space, set, member)).toBe(after)
})
