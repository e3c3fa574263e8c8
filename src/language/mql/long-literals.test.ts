/** Long objects and arrays in expressions: literals as they stand, and what is evaluated within. */
import { deserialize } from 'bson'
import { expect, it } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import { Resumption } from '../../base/resumption.ts'
import { beginTurn, toItsEnd, turnUnits, unitsDone } from '../../base/work.ts'
import { suspended } from '../../database/transaction/wait.ts'
import { getField } from '../../model/document/bson.ts'
import { compileExpression } from './expression.ts'
import { objectOf } from './expression-contract.ts'
import { noVariables, rootScope } from './scope.ts'

const long = Array.from({ length: 50_000 }, (_, v) => ({ v, w: 'w' }))

/** What the operand of an expression gives, compiled in as many turns as it takes. */
function evaluated(operand: unknown): { value: unknown; turns: number; mostUnits: number } {
  const expression = getField(documentOf({ e: operand }), 'e')!
  const scope = rootScope(documentOf({ n: 7 }), noVariables)
  const resumption = new Resumption()
  let mostUnits = 0
  for (let turns = 1; ; turns++) {
    beginTurn()
    try {
      const compiled = resumption.run(() => compileExpression(expression))
      mostUnits = Math.max(mostUnits, unitsDone())
      const { bytes, start, end } = toItsEnd(() => objectOf([['e', compiled(scope)]]))
      return { value: deserialize(bytes.slice(start, end))['e'], turns, mostUnits }
    } catch (error) {
      if (error !== suspended) throw error
      mostUnits = Math.max(mostUnits, unitsDone())
    }
  }
}

it('a literal is what it was, and is looked through in turns', () => {
  const { value, turns, mostUnits } = evaluated(long)
  expect(value).toEqual(long)
  expect(turns).toBeGreaterThan(1)
  expect(mostUnits).toBeLessThan(1.5 * turnUnits)
})

it('what is evaluated at the end of a long one is evaluated', () => {
  expect(evaluated([...long, '$n']).value).toEqual([...long, 7])
  expect(evaluated([...long, { a: [{ $add: ['$n', 1] }] }]).value).toEqual([...long, { a: [8] }])
  expect(evaluated({ long, n: '$n' }).value).toEqual({ long, n: 7 })
})

it('names of fields in a long one are checked', () => {
  expect(() => evaluated([...long, { 'a.b': 1 }])).toThrow("may not contain '.'")
  expect(() => evaluated([...long, { a: 1, $b: 1 }])).toThrow("may not start with '$'")
})

it('one with an expression in each element is compiled in turns', () => {
  const { value, turns, mostUnits } = evaluated(long.map(() => ({ v: '$n' })))
  expect(value).toEqual(long.map(() => ({ v: 7 })))
  expect(turns).toBeGreaterThan(1)
  expect(mostUnits).toBeLessThan(1.5 * turnUnits)
})
