import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sliceOf, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { keyspaceRange } from '../../base/tuple.ts'
import type { Transaction } from '../../database/contract.ts'
import type { Database } from '../../database/database.ts'
import { openTestDatabase } from '../../database/testing.ts'
import { kind } from './codec.ts'
import { index } from './keys.ts'
import { openCollection, saveCollection } from './keyvalue.ts'
import {
  findItems,
  getItem,
  insertItem,
  popItem,
  pushItem,
  removeItems,
  setItem,
  trimItems,
  walkItems,
} from './lists.ts'

let database: Database
let tx: Transaction
let space: { id: number }

beforeAll(async () => {
  database = await openTestDatabase()
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  space = transaction.createCollection(transaction.createNamespace('redis'), 'db0', 'keyvalue', {})
  tx = transaction
})
afterAll(() => database.close())

const slice = (text: string): Slice => sliceOf(Buffer.from(text))
const key = slice('list')

function finish<T>(steps: Generator<unknown, T, void>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

const anyStep = fc.record({
  kind: fc.constantFrom('push', 'push', 'push', 'pop', 'set', 'insert', 'remove', 'trim'),
  item: fc.constantFrom('a', 'b', 'c'),
  atHead: fc.boolean(),
  at: fc.nat(12),
  other: fc.nat(12),
})
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never

/** Applies the step to the list and to an array; both must answer the same. */
function perform(step: Step, model: string[]): void {
  const list = openCollection(tx, space, key, kind.list)
  const rank = model.length === 0 ? 0 : step.at % model.length
  const item = slice(step.item)
  if (step.kind === 'push') {
    pushItem(tx, space, list, item, step.atHead)
    model.splice(step.atHead ? 0 : model.length, 0, step.item)
  } else if (model.length === 0) {
    return
  } else if (step.kind === 'pop') {
    expect(Buffer.from(popItem(tx, space, list, step.atHead)).toString()).toBe(
      step.atHead ? model.shift() : model.pop(),
    )
  } else if (step.kind === 'set') {
    setItem(tx, space, list, rank, item)
    model[rank] = step.item
  } else if (step.kind === 'insert') {
    finish(insertItem(tx, space, list, rank, item))
    model.splice(rank, 0, step.item)
  } else if (step.kind === 'remove') {
    const limit = step.other === 0 ? Infinity : step.other
    const matches = model.flatMap((each, at) => (each === step.item ? [at] : []))
    const gone = step.atHead ? matches.slice(-limit) : matches.slice(0, limit)
    expect(finish(removeItems(tx, space, list, item, limit, step.atHead))).toBe(gone.length)
    for (const at of gone.reverse()) model.splice(at, 1)
  } else {
    const stop = Math.min(step.other, model.length - 1)
    trimItems(tx, space, list, rank, stop)
    model.splice(0, model.length, ...model.slice(rank, Math.max(rank, stop + 1)))
  }
  saveCollection(tx, space, key, list)
}

function show(reverse: boolean): string[] {
  const list = openCollection(tx, space, key, kind.list)
  const items: string[] = []
  finish(walkItems(tx, space, list, 0, list.count - 1, (item) => void items.push(sliceToLatin1(item)), reverse))
  return items
}

function storedItems(): number {
  const cursor = tx.scan(keyspaceRange(space.id, index.item))
  let count = 0
  while (cursor.next()) count++
  return count
}

describe('lists', () => {
  it('do what an array does, and leave nothing behind', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
        tx.deleteRange(keyspaceRange(space.id))
        const model: string[] = []
        for (const step of steps) perform(step, model)
        expect(show(false)).toEqual(model)
        expect(show(true)).toEqual([...model].reverse())
        expect(storedItems()).toBe(model.length)
        const list = openCollection(tx, space, key, kind.list)
        expect(list.count).toBe(model.length)
        expect(model.map((_, rank) => sliceToLatin1(getItem(tx, space, list, rank)!))).toEqual(model)
        const found = finish(findItems(tx, space, list, slice('a'), { limit: 2, fromTail: true, skip: 1 }))
        const ranks = model.flatMap((item, rank) => (item === 'a' ? [rank] : [])).reverse()
        expect(found).toEqual(ranks.slice(1, 3))
      }),
      { numRuns: 300 },
    )
  })
})
