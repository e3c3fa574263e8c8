import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sliceOf, sliceToLatin1, type Slice } from '../../base/slice.ts'
import { keyspaceRange } from '../../base/tuple.ts'
import type { Database } from '../../database/database.ts'
import type { KernelTransaction } from '../../database/transaction/transaction.ts'
import { commitNow, finishNow, openTestDatabase } from '../../database/testing.ts'
import { kind } from './codec.ts'
import { index } from './keys.ts'
import { openCollection, saveCollection } from './keyvalue.ts'
import { findItems, removeItems } from './list-search.ts'
import { dropPieces } from './long-values.ts'
import { collectPieces, Pieces, piecesOf, shortValueBytes } from './pieces.ts'
import {
  getItem,
  insertItem,
  type ItemVisitor,
  locateItem,
  popItem,
  pushItem,
  setItem,
  trimItems,
  walkItems,
} from './lists.ts'
import { countRange } from './walk.ts'

let database: Database
let tx: KernelTransaction
let space: { id: number }

beforeAll(async () => {
  database = await openTestDatabase({ limits: { largeCommitWrites: 100_000 } })
  begin()
  space = tx.createCollection(tx.createNamespace('redis'), 'db0', 'keyvalue', {})
})
afterAll(() => database.close())

function begin(): void {
  tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  tx.beginStatement()
}

/** Own writes are looked at one by one; what is committed is counted. */
function commit(): void {
  commitNow(tx)
  begin()
}

const slice = (text: string): Slice => sliceOf(Buffer.from(text))
const key = slice('list')

const anyStep = fc.record({
  kind: fc.constantFrom('push', 'push', 'push', 'pop', 'set', 'insert', 'remove', 'trim'),
  item: fc.constantFrom('a', 'b', 'c'),
  atHead: fc.boolean(),
  at: fc.nat(12),
  other: fc.nat(12),
})
type Step = Omit<typeof anyStep extends fc.Arbitrary<infer T> ? T : never, 'item'> & { readonly item: string }

function textOf(item: Slice | Pieces): string {
  return item instanceof Pieces ? Buffer.from(collectPieces(tx, item)).toString() : sliceToLatin1(item)
}

function into(items: string[]): ItemVisitor {
  return {
    short: (item) => void items.push(textOf(item)),
    *long(item) {
      yield undefined
      items.push(textOf(item))
    },
  }
}

/** Applies the step to the list and to an array; both must answer the same. */
function perform(step: Step, model: string[], stepBits: number): void {
  const list = openCollection(tx, space, key, kind.list)
  if (list.storedCount === undefined) list.stepBits = stepBits
  const rank = model.length === 0 ? 0 : step.at % model.length
  const item = slice(step.item)
  if (step.kind === 'push') {
    finishNow(pushItem(tx, space, list, item, step.atHead))
    model.splice(step.atHead ? 0 : model.length, 0, step.item)
  } else if (model.length === 0) {
    return
  } else if (step.kind === 'pop') {
    const popped = popItem(tx, space, list, step.atHead)
    expect(textOf(popped instanceof Pieces ? popped : sliceOf(popped))).toBe(step.atHead ? model.shift() : model.pop())
    if (popped instanceof Pieces) dropPieces(tx, popped)
  } else if (step.kind === 'set') {
    finishNow(setItem(tx, space, list, finishNow(locateItem(tx, space, list, rank)), item))
    model[rank] = step.item
  } else if (step.kind === 'insert') {
    const position = finishNow(locateItem(tx, space, list, rank))
    finishNow(insertItem(tx, space, list, position, step.atHead, item))
    model.splice(step.atHead ? rank : rank + 1, 0, step.item)
  } else if (step.kind === 'remove') {
    const limit = step.other === 0 ? Infinity : step.other
    const matches = model.flatMap((each, at) => (each === step.item ? [at] : []))
    const gone = step.atHead ? matches.slice(-limit) : matches.slice(0, limit)
    expect(finishNow(removeItems(tx, space, list, item, limit, step.atHead))).toBe(gone.length)
    for (const at of gone.reverse()) model.splice(at, 1)
  } else {
    const stop = Math.min(step.other, model.length - 1)
    finishNow(trimItems(tx, space, list, rank, stop))
    model.splice(0, model.length, ...model.slice(rank, Math.max(rank, stop + 1)))
  }
  saveCollection(tx, space, key, list)
}

function show(reverse: boolean): string[] {
  const list = openCollection(tx, space, key, kind.list)
  const items: string[] = []
  finishNow(walkItems(tx, space, list, 0, list.count - 1, into(items), reverse))
  return items
}

function storedEntries(of: number): number {
  return finishNow(countRange(tx, keyspaceRange(space.id, of)))
}

/** Long items that nobody has, and pieces that belong to none of them. */
function checkLong(model: readonly string[]): void {
  const longs = model.filter((item) => item.length > shortValueBytes)
  expect(storedEntries(index.long)).toBe(longs.length)
  expect(storedEntries(index.longPiece)).toBe(longs.reduce((sum, item) => sum + piecesOf(item.length), 0))
}

function check(model: string[]): void {
  checkLong(model)
  expect(show(false)).toEqual(model)
  expect(show(true)).toEqual([...model].reverse())
  expect(storedEntries(index.item)).toBe(model.length)
  const list = openCollection(tx, space, key, kind.list)
  expect(list.count).toBe(model.length)
  const at = (rank: number): string => textOf(getItem(tx, space, list, finishNow(locateItem(tx, space, list, rank)))!)
  expect(model.map((_, rank) => at(rank))).toEqual(model)
  const found = finishNow(findItems(tx, space, list, slice('a'), { limit: 2, fromTail: true, skip: 1 }))
  const ranks = model.flatMap((item, rank) => (item === 'a' ? [rank] : [])).reverse()
  expect(found).toEqual(ranks.slice(1, 3))
  for (const item of new Set(model.filter((each) => each === '' || each.length > shortValueBytes))) {
    const all = model.flatMap((each, rank) => (each === item ? [rank] : []))
    const options = { limit: Infinity, lookAt: model.length - 1 }
    const fromHead = finishNow(findItems(tx, space, list, slice(item), { ...options, fromTail: false }))
    expect(fromHead).toEqual(all.filter((rank) => rank < model.length - 1))
    const fromTail = finishNow(findItems(tx, space, list, slice(item), { ...options, fromTail: true }))
    expect(fromTail).toEqual(all.filter((rank) => rank > 0).reverse())
  }
  const part = (start: number, stop: number, reverse: boolean): string[] => {
    const items: string[] = []
    finishNow(walkItems(tx, space, list, start, stop, into(items), reverse))
    return items
  }
  const [third, last] = [Math.floor(model.length / 3), model.length - 2]
  expect(part(third, last, false)).toEqual(model.slice(third, Math.max(third, last + 1)))
  expect(part(third, last, true)).toEqual(model.slice(third, Math.max(third, last + 1)).reverse())
}

describe('lists', () => {
  // 0 is what lists of data format 2 look like.
  it.each([0, 1, 2, 16])('do what an array does, and leave nothing behind: 2^%i apart', (stepBits) => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
        tx.deleteRange(keyspaceRange(space.id))
        const model: string[] = []
        for (const step of steps) perform(step, model, stepBits)
        check(model)
      }),
      { numRuns: 80 },
    )
  })

  it.each(['before', 'after', 'in turns'])('take any number of items at one place: %s', (where) => {
    tx.deleteRange(keyspaceRange(space.id))
    const model: string[] = []
    const push = (item: string): void => perform({ kind: 'push', item, atHead: false, at: 0, other: 0 }, model, 16)
    for (const item of ['a', 'b', 'c']) push(item)
    for (let i = 0; i < 500; i++) {
      commit()
      const before = where === 'before' || (where === 'in turns' && i % 2 === 0)
      const at = where === 'in turns' ? model.length >> 1 : 1
      perform({ kind: 'insert', item: String(i), atHead: before, at, other: 0 }, model, 16)
    }
    check(model)
  })

  it('grow at an end beyond the positions that are roomy', () => {
    for (const atHead of [true, false]) {
      tx.deleteRange(keyspaceRange(space.id))
      const model: string[] = []
      const push = (item: string): void => perform({ kind: 'push', item, atHead, at: 0, other: 0 }, model, 16)
      push('a')
      const list = openCollection(tx, space, key, kind.list)
      const edge = (atHead ? -1 : 1) * (2 ** 52 - 2 ** 16)
      tx.deleteRange(keyspaceRange(space.id, index.item))
      list.position = edge
      setItem(tx, space, list, edge, slice('a'))
      saveCollection(tx, space, key, list)
      for (const item of ['b', 'c', 'd']) push(item)
      perform({ kind: 'insert', item: 'e', atHead: false, at: 1, other: 0 }, model, 16)
      perform({ kind: 'insert', item: 'f', atHead: true, at: 2, other: 0 }, model, 16)
      check(model)
    }
  })

  it('move few items to make room', () => {
    tx.deleteRange(keyspaceRange(space.id))
    const model: string[] = []
    for (const item of ['a', 'b', 'c']) perform({ kind: 'push', item, atHead: false, at: 0, other: 0 }, model, 16)
    const inserts = 1000
    let written = 0
    for (let i = 0; i < inserts; i++) {
      commit()
      perform({ kind: 'insert', item: 'x', atHead: true, at: 1 + (i >> 1), other: 0 }, model, 16)
      written += tx.writes.count
    }
    expect(written / inserts).toBeLessThan(2 * Math.log2(inserts))
  })

  // The last one: what it has written would be a large commit.
  it.each([0, 1, 16])('do the same with items that lie in pieces: 2^%i apart', (stepBits) => {
    const long = 'l'.repeat(70_000)
    const items = ['a', '', long, `${long}x`, `${long.slice(1)}x`]
    const step = fc.tuple(anyStep, fc.constantFrom(...items)).map(([each, item]) => ({ ...each, item }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        tx.deleteRange(keyspaceRange(space.id))
        const model: string[] = []
        for (const each of steps) perform(each, model, stepBits)
        check(model)
      }),
      { numRuns: 25 },
    )
  })
})
