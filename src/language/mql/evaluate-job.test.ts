/** What another thread does for an expression or a filter. */
import { expect, it } from 'vitest'
import { parseCollation } from '../../model/document/collation.ts'
import { int32Value, stringValue } from '../../model/document/values.ts'
import { run } from './evaluate-job.ts'
import { objectOf } from './expression-contract.ts'

it('compares in the collation that it is sent', () => {
  const given = objectOf([
    ['locale', stringValue('en')],
    ['strength', int32Value(2)],
  ])
  const filter = {
    kind: 'filter',
    specification: objectOf([['t', stringValue('NEEDLE')]]),
    root: objectOf([['t', stringValue('needle')]]),
    variables: [],
  }
  expect(run({ ...filter, collation: parseCollation(given)!.stored() })).toBe(true)
  expect(run({ ...filter, collation: undefined })).toBe(false)
})
