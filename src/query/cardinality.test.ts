import { expect, test } from 'vitest'
import { KeyWriter, prefixRange } from '../base/tuple.ts'
import { sliceOf, type KeyRange } from '../base/slice.ts'
import { openTestDatabase } from '../database/testing.ts'
import { distinctValues, groupSize } from './cardinality.ts'

const keyspace = 1000

function rangeOf(group?: number): KeyRange {
  const writer = new KeyWriter(16).begin(keyspace, 1)
  return prefixRange(sliceOf((group === undefined ? writer : writer.int64(group)).toBytes()))
}

test('the mean of groups is entries by distinct groups, and the largest is found where it holds much', async () => {
  const database = await openTestDatabase()
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  const at = (cursor: {
    next(): boolean
    key: { bytes: Uint8Array; start: number; end: number }
  }): KeyRange | undefined => {
    if (!cursor.next()) return undefined
    const { bytes, start, end } = cursor.key
    return prefixRange(sliceOf(bytes.slice(start, end - 9)))
  }
  expect(groupSize(transaction, rangeOf(), at)).toEqual({ mean: 0, largest: 0 })
  const put = (group: number, member: number): void => {
    // The member takes nine bytes: what stands before it is the group's prefix.
    transaction.put(new KeyWriter(32).begin(keyspace, 1).int64(group).float8(member), sliceOf(new Uint8Array(1)))
  }
  for (let i = 0; i < 400; i++) put(i < 200 ? 0 : i, i)
  await transaction.commit()
  const reader = database.begin({ isolation: 'read committed', readOnly: true, interactive: false })
  reader.beginStatement()
  const found = groupSize(reader, rangeOf(), at)!
  // 201 groups: half of the entries are in one of them, so each sample sees either.
  expect(found.largest).toBe(200)
  expect(found.mean).toBeGreaterThan(1.5)
  expect(found.mean).toBeLessThan(3)
  reader.rollback()
  await database.close()
})

test('values that a sample has several times are few, those that it has once are many', async () => {
  const database = await openTestDatabase()
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  for (let i = 0; i < 1200; i++) {
    transaction.put(new KeyWriter(32).begin(keyspace, 1).int64(i), sliceOf(new Uint8Array(1)))
  }
  await transaction.commit()
  const reader = database.begin({ isolation: 'read committed', readOnly: true, interactive: false })
  reader.beginStatement()
  let place = 0
  const of = (valueAt: (place: number) => unknown): number => {
    place = 0
    return distinctValues(reader, rangeOf(), (cursor) => (cursor.next() ? valueAt(place++) : undefined))!
  }
  expect(of((i) => i % 5)).toBe(5)
  expect(of((i) => i)).toBe(1200)
  // Half of the sample has one value, each of the others is there once.
  expect(of((i) => (i % 2 === 0 ? -1 : i))).toBeGreaterThan(100)
  expect(of((i) => (i % 2 === 0 ? -1 : i))).toBeLessThan(300)
  reader.rollback()
  await database.close()
})
