/**
 * Every operator there is, given large values: each charges for what it looks at, or is listed with the reason why it need
 * not. One that is added without a charge fails here.
 */
import type { Document } from 'bson'
import { expect, it } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import { PolylogError } from '../../base/errors.ts'
import { beginTurn, toItsEnd, unitsDone } from '../../base/work.ts'
import { getField, type BsonValue } from '../../model/document/bson.ts'
import { compileExpression, expressionOperators } from './expression.ts'
import { compileFilter } from './filter.ts'
import { queryOperators } from './filter-operators.ts'
import { accumulators, pickers } from './accumulators.ts'
import { largeFields, largeOperands } from './large-operands.ts'
import { noVariables, rootScope } from './scope.ts'
import { compileUpdate } from './update.ts'
import { arrayChanges } from './update-arrays.ts'
import { fieldChanges } from './update-operators.ts'

const count = 4000
const numbers = Array.from({ length: count }, (_, i) => i)
const operands = largeOperands(count)
const large = documentOf(largeFields(count))
/** Far less than a walk costs, and more than anything that looks at a few values. */
const least = 4 * count

/** What the work charges, until it fails at the latest: not every operator takes every operand. */
function charged(work: () => unknown): number {
  beginTurn()
  try {
    toItsEnd(work)
  } catch (error) {
    if (!(error instanceof PolylogError)) throw error
  }
  return unitsDone()
}

/** The most that any form charges. */
function most(forms: readonly (() => unknown)[]): number {
  return Math.max(...forms.map(charged))
}

function uncharged(
  names: Iterable<string>,
  free: ReadonlyMap<string, string>,
  units: (name: string) => number,
): string[] {
  const found = [...names].filter((name) => units(name) < least)
  const needless = [...free.keys()].filter((name) => !found.includes(name))
  return [...found.filter((name) => !free.has(name)), ...needless.map((name) => `${name} is charged for`)]
}

function words(text: string): string[] {
  return text.split(' ')
}

const freeQueryOperators: ReadonlyMap<string, string> = new Map([
  ['$exists', 'does not look at it'],
  ['$maxDistance', 'a number, which is looked at with what is near'],
  ['$minDistance', 'likewise'],
])

const around = numbers.map((i) => [Math.cos((2 * Math.PI * i) / count), Math.sin((2 * Math.PI * i) / count)])

it('query operators', () => {
  const operands: readonly unknown[] = [
    5,
    count,
    -1,
    'b',
    numbers.slice(0, 100),
    [2, 1],
    { $gt: 1 },
    { $lt: -1 },
    { x: 1 },
    true,
    'int',
    [],
    { $geometry: { type: 'Polygon', coordinates: [[...around, around[0]]] } },
  ]
  const forms = (name: string) =>
    operands.flatMap((operand) =>
      ['v', 's', 'o'].map((field) => () => {
        compileFilter(documentOf({ [field]: { [name]: operand } }), noVariables).matches(large)
      }),
    )
  expect(uncharged(queryOperators.keys(), freeQueryOperators, (name) => most(forms(name)))).toEqual([])
})

const freeExpressions: ReadonlyMap<string, string> = new Map([
  ['$literal', 'does not look at it'],
  ['$const', 'does not look at it'],
  ['$ifNull', 'does not look at it'],
  ['$rand', 'is refused'],
  ['$function', 'another thread does it'],
  ...words(
    '$subtract $divide $mod $pow $log $dateToString $dateAdd $dateSubtract $dateDiff $dateTrunc $dateFromParts $dateToParts $atan2',
  ).map((name) => [name, 'numbers and dates are short'] as const),
])

it('expression operators', () => {
  const scope = rootScope(large, noVariables)
  const forms = (name: string) =>
    operands.map((operand) => {
      const expression = getField(documentOf({ e: { [name]: operand } }), 'e')!
      return () => compileExpression(expression)(scope)
    })
  expect(uncharged(expressionOperators.keys(), freeExpressions, (name) => most(forms(name)))).toEqual([])
})

const freeUpdates: ReadonlyMap<string, string> = new Map(
  words('$set $setOnInsert $unset $currentDate $bit').map((name) => {
    return [name, 'one value; what it leaves is a native copy'] as const
  }),
)

function updated(update: Document | readonly Document[], arrayFilters: readonly Document[] = []): () => BsonValue {
  return () => {
    const filter = compileFilter(documentOf({}), noVariables)
    const compiled = compileUpdate({
      update: getField(documentOf({ update }), 'update')!,
      arrayFilters: arrayFilters.map((one) => documentOf(one)),
      variables: noVariables,
    })
    return compiled.apply(large, { filter, isInsert: true, clock: { timeMs: 0 } })
  }
}

it('update operators', () => {
  const values: readonly unknown[] = [1, '', numbers, { $each: numbers }, { $gt: 5 }, true, 'x', { and: 3 }]
  const names = [...fieldChanges.keys(), ...arrayChanges.keys(), '$rename']
  const forms = (name: string) =>
    values.flatMap((value) => ['v', 'n', 'x'].map((field) => updated({ [name]: { [field]: value } })))
  expect(uncharged(names, freeUpdates, (name) => most(forms(name)))).toEqual([])
  const others = {
    replacement: updated(Object.fromEntries(numbers.map((i) => [`f${i}`, i]))),
    'every element': updated({ $inc: { 'v.$[]': 1 } }),
    'array filters': updated({ $inc: { 'o.$[e].v': 1 } }, [{ 'e.v': { $gt: 5 } }]),
    pipeline: updated([{ $set: { z: { $size: '$v' } } }]),
  }
  expect(uncharged(Object.keys(others), new Map(), (name) => most([others[name as keyof typeof others]]))).toEqual([])
})

/** They keep a value, or look at a number. */
const freeAccumulators: ReadonlyMap<string, string> = new Map([
  ...words('$sum $avg $stdDevPop $stdDevSamp').map((name) => [name, 'numbers are short'] as const),
  ['$count', 'does not look at it'],
  ['$first', 'a native copy'],
  ['$last', 'a native copy'],
])

const freePickers: ReadonlyMap<string, string> = new Map([
  ['$firstN', 'a native copy of references'],
  ['$lastN', 'likewise'],
])

it('accumulators', () => {
  const add = (name: string): number => {
    const forms = ['v', 'n', 's', 'd'].map((field) => (): BsonValue => {
      const accumulator = accumulators.get(name)!()
      const value = getField(large, field)!
      for (let i = 0; i < 3; i++) accumulator.add(value)
      return accumulator.result()
    })
    return most(forms)
  }
  expect(uncharged(accumulators.keys(), freeAccumulators, add)).toEqual([])
  const values = Array.from({ length: count }, () => getField(large, 'n')!)
  expect(uncharged(pickers.keys(), freePickers, (name) => most([() => pickers.get(name)!(values, 5)]))).toEqual([])
})
