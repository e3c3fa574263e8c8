/** What another thread does for an expression or a filter. */
import { describe, expect, it } from 'vitest'
import { parseCollation } from '../../model/document/collation.ts'
import { BsonValue } from '../../model/document/bson.ts'
import { dateValue, int32Value, readNumber, stringValue } from '../../model/document/values.ts'
import { run } from './evaluate-job.ts'
import { arrayOf, objectOf } from './expression-contract.ts'
import { interpreterCode } from './javascript/quickjs.ts'

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

describe('a script', () => {
  let numbers = 0
  const given = (body: string): Record<string, unknown> => ({
    kind: 'expression',
    number: --numbers,
    interpreter: interpreterCode(),
    chance: 0.5,
    specification: objectOf([
      [
        '$function',
        objectOf([
          ['body', stringValue(body)],
          ['args', arrayOf([stringValue('$x')])],
          ['lang', stringValue('js')],
        ]),
      ],
    ]),
    collation: undefined,
  })
  const call = (script: Record<string, unknown>, x: number, now: bigint): unknown => {
    const answer = run({ ...script, root: objectOf([['x', int32Value(x)]]), variables: [['NOW', dateValue(now)]] })
    if (typeof answer === 'boolean') return answer
    return 'error' in answer ? answer.error : readNumber(new BsonValue(answer.type, answer.bytes))
  }

  it('sees the present of the command, whatever its interpreter saw before', () => {
    const script = given('function() { return Date.now() }')
    expect([call(script, 1, 5n), call(script, 1, 70n)]).toEqual([5, 70])
  })

  it('that has left no memory to go on with is not asked again', () => {
    const script = given('function(x) { if (x > 1) return x; globalThis.all = 0; for (;;) all = [all] }')
    expect(call(script, 1, 0n)).toMatchObject({ message: expect.stringContaining('out of memory') })
    expect(call(script, 2, 0n)).toBe(2)
  })
})
