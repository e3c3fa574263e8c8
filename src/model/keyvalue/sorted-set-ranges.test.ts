/** Ranks against a sorted array: from committed state, from own writes, and with a range delete among them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { copySlice, sliceOf, type Slice } from '../../base/slice.ts'
import type { Transaction } from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import { commitNow, finishNow, openTestDatabase } from '../../database/testing.ts'
import { kind, type Header } from './codec.ts'
import { elementRange, index, type Keyspace } from './keys.ts'
import { findCollection, openCollection, saveCollection } from './keyvalue.ts'
import { findRank, scoreRange, walkByRank } from './sorted-set-ranges.ts'
import { setScore } from './sorted-sets.ts'
import { countRange } from './walk.ts'

let database: Database
let space: Keyspace
const key = slice('board')

beforeEach(async () => {
  database = await openTestDatabase({ limits: { largeCommitWrites: 100_000 } })
  inTransaction((tx) => {
    space = tx.createCollection(tx.createNamespace('redis'), 'db0', 'keyvalue', {})
    add(tx, 0, 1000)
  })
})
afterEach(() => database.close())

function slice(text: string): Slice {
  return sliceOf(Buffer.from(text))
}

/** Members of equal scores in threes. */
const nameOf = (n: number): string => `m${String(n).padStart(5, '0')}`
const scoreOf = (n: number): number => Math.floor(n / 3)

function add(tx: Transaction, first: number, end: number): void {
  const sorted = openCollection(tx, space, key, kind.sortedSet)
  for (let n = first; n < end; n++) setScore(tx, space, sorted, slice(nameOf(n)), scoreOf(n))
  saveCollection(tx, space, key, sorted)
}

function inTransaction<T>(run: (tx: Transaction) => T): T {
  const tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  tx.beginStatement()
  const result = run(tx)
  commitNow(tx)
  return result
}

function checkRanks(tx: Transaction, sorted: Header, total: number): void {
  for (const n of [0, 1, 17, total >> 1, total - 2, total - 1]) {
    expect(finishNow(findRank(tx, space, sorted, slice(nameOf(n)), scoreOf(n)))).toBe(n)
    for (const reverse of [false, true]) {
      const names: string[] = []
      const start = reverse ? total - 1 - n : n
      const show = (member: Slice): void => void names.push(Buffer.from(copySlice(member)).toString())
      finishNow(walkByRank(tx, space, sorted, start, Math.min(start + 2, total - 1), reverse, show))
      const expected = [n, reverse ? n - 1 : n + 1, reverse ? n - 2 : n + 2].filter((i) => i >= 0 && i < total)
      expect(names).toEqual(expected.map(nameOf))
    }
  }
  const bounds = { min: 10, max: 20, minExclusive: false, maxExclusive: true }
  expect(finishNow(countRange(tx, scoreRange(space, sorted, bounds)))).toBe(30)
  const inverted = { min: 20, max: 10, minExclusive: false, maxExclusive: false }
  expect(finishNow(countRange(tx, scoreRange(space, sorted, inverted)))).toBe(0)
}

describe('ranks', () => {
  it('are those of a sorted array', () => {
    inTransaction((tx) => checkRanks(tx, findCollection(tx, space, key, kind.sortedSet)!, 1000))
  })

  it('with own members among them', () => {
    inTransaction((tx) => {
      add(tx, 1000, 1050)
      checkRanks(tx, findCollection(tx, space, key, kind.sortedSet)!, 1050)
      add(tx, 1050, 1500)
      checkRanks(tx, findCollection(tx, space, key, kind.sortedSet)!, 1500)
    })
  })

  it('after an own range delete', () => {
    inTransaction((tx) => {
      const sorted = findCollection(tx, space, key, kind.sortedSet)!
      tx.deleteRange(elementRange(space, index.byScore, sorted.generation))
      expect(finishNow(findRank(tx, space, sorted, slice(nameOf(500)), scoreOf(500)))).toBe(0)
      add(tx, 0, 10)
    })
  })
})
