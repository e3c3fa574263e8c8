/** Filters as long as a message: compiled in many turns, and evaluated in many, with the answers of short ones. */
import type { Document } from 'bson'
import { expect, it } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import { eachTurn, type Turns } from '../../base/resumption-turns.ts'
import { suspended } from '../../base/resumption.ts'
import { beginTurn, dearUnits, turnUnits, unitsDone } from '../../base/work.ts'
import { compileFilter, type Filter } from './filter.ts'
import { noVariables } from './scope.ts'

const numbers = Array.from({ length: 50_000 }, (_, i) => 2 * i)

function compiled(filter: Document): Turns<Filter> {
  const value = documentOf(filter)
  return eachTurn(() => compileFilter(value, noVariables))
}

/** The answer, and what each turn of the evaluation did. */
function evaluated(filter: Filter, document: Document): { readonly matches: boolean; readonly units: number[] } {
  const value = documentOf(document)
  const units: number[] = []
  for (;;) {
    beginTurn()
    try {
      const matches = filter.matches(value)
      return { matches, units: [...units, unitsDone()] }
    } catch (error) {
      if (error !== suspended) throw error
      units.push(unitsDone())
    }
  }
}

const lists: readonly (readonly [string, Document, Document, Document])[] = [
  ['$in', { a: { $in: numbers } }, { a: 4 }, { a: 5 }],
  ['$in of texts', { a: { $in: numbers.map(String) } }, { a: '4' }, { a: 4 }],
  ['$in with a pattern', { a: { $in: [...numbers, /^x/] } }, { a: 'xy' }, { a: 'y' }],
  ['$in with null', { a: { $in: [...numbers, null] } }, {}, { a: 5 }],
  ['$nin', { a: { $nin: numbers } }, { a: 5 }, { a: 4 }],
  ['$or', { $or: numbers.map((a) => ({ a })) }, { a: 99_998 }, { a: 5 }],
  ['$nor', { $nor: numbers.map((a) => ({ a })) }, { a: 5 }, { a: 99_998 }],
  ['$and', { $and: numbers.map((a) => ({ a: { $ne: a } })) }, { a: 5 }, { a: 99_998 }],
  ['fields', Object.fromEntries(numbers.map((i) => [`f${i}`, { $ne: 1 }])), { f1: 1 }, { f99998: 1 }],
  ['a list in an $or', { b: { $ne: 1 }, $or: [{ a: { $in: numbers } }, { a: 5 }] }, { a: 5 }, { a: 7 }],
  [
    'lists in many',
    { $or: numbers.slice(0, 400).map((i) => ({ a: { $in: numbers.slice(i, i + 70) } })) },
    { a: 4 },
    { a: 5 },
  ],
]

it.each(lists)('%s is compiled in turns', (_, filter, matching, other) => {
  const { result, units } = compiled(filter)
  // Beside the meter's own count: what each element costs at the least.
  expect(units.length).toBeGreaterThan(2)
  expect(Math.max(...units)).toBeLessThan(turnUnits + dearUnits / 2)
  expect([evaluated(result, matching).matches, evaluated(result, other).matches]).toEqual([true, false])
  // Another document between two turns of one does not matter to either.
  expect([evaluated(result, other).matches, evaluated(result, matching).matches]).toEqual([false, true])
})

it.each(['$or', '$nor', '$and', 'fields'])('%s is evaluated in turns', (name) => {
  const [, filter, matching, other] = lists.find(([one]) => one === name)!
  const { result } = compiled(filter)
  for (const document of [matching, other]) {
    const { units } = evaluated(result, document)
    expect(units.length).toBeGreaterThan(5)
    expect(Math.max(...units)).toBeLessThan(turnUnits + dearUnits / 2)
  }
})

it('goes on with the document that it was at, and with no other', () => {
  const { result } = compiled({ $or: numbers.map((a) => ({ a })) })
  const [last, none] = [documentOf({ a: 99_998 }), documentOf({ a: 5 })]
  beginTurn()
  expect(() => result.matches(none)).toThrow()
  expect(evaluated(result, { a: 0 }).matches).toBe(true)
  beginTurn()
  expect(() => result.matches(last)).toThrow()
  expect(evaluated(result, { a: 99_998 }).matches).toBe(true)
  expect(evaluated(result, { a: 5 }).matches).toBe(false)
})
