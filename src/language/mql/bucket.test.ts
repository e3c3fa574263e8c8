/** As many boundaries as a message holds are read and checked in turns. */
import { expect, it } from 'vitest'
import { documentOf } from '../../../test/documents/any-document.ts'
import { eachTurn } from '../../base/resumption-turns.ts'
import { dearUnits, turnUnits } from '../../base/work.ts'
import { compileBucket } from './bucket.ts'
import { noVariables } from './scope.ts'

const boundaries = Array.from({ length: 100_000 }, (_, i) => i)

it('takes turns for many boundaries', () => {
  const specification = documentOf({ groupBy: '$a', boundaries })
  const { units } = eachTurn(() => compileBucket(specification, noVariables))
  expect(units.length).toBeGreaterThan(5)
  expect(Math.max(...units)).toBeLessThan(turnUnits + dearUnits / 2)
})

it('finds what is out of order at the end of many', () => {
  const specification = documentOf({ groupBy: '$a', boundaries: [...boundaries, 5] })
  expect(() => eachTurn(() => compileBucket(specification, noVariables))).toThrow('must be sorted')
})
