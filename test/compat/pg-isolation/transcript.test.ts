import { describe, expect, test } from 'vitest'
import { differenceIn, permutationsIn } from './transcript.ts'

const transcript = `Parsed test spec with 2 sessions

starting permutation: r1 w2 c1
step r1: SELECT a FROM t;
a
-
1
(1 row)

step w2: UPDATE t SET a = 2; <waiting ...>
step c1: COMMIT;
step w2: <... completed>

starting permutation: w2 r1 c1
step w2: UPDATE t SET a = 2;
`

describe('a transcript of the isolation tester', () => {
  test('is what each permutation wrote', () => {
    const [first, second, ...more] = permutationsIn(transcript)
    expect(first).toMatchObject({ name: 'r1 w2 c1' })
    expect(first!.lines).toHaveLength(9)
    expect(first!.lines.at(-1)).toBe('step w2: <... completed>')
    expect(second).toEqual({ name: 'w2 r1 c1', lines: ['step w2: UPDATE t SET a = 2;'] })
    expect(more).toEqual([])
  })

  test('agrees with one of those that are right, or differs from the first', () => {
    const [wanted, other] = permutationsIn(transcript)
    expect(differenceIn(wanted, [other!, wanted!])).toBeUndefined()
    expect(differenceIn(undefined, [wanted!])).toBe('it was not run')
    expect(differenceIn({ name: '', lines: wanted!.lines.slice(0, 3) }, [wanted!])).toBe('expected 1, got its end')
    expect(differenceIn(wanted, [{ name: '', lines: wanted!.lines.slice(0, 3) }])).toBe('expected its end, got 1')
  })

  test('tells of serialization failures that nothing asks for', () => {
    const [, wanted] = permutationsIn(transcript)
    const refused = { name: '', lines: ['ERROR:  could not serialize access due to concurrent update'] }
    expect(differenceIn(refused, [wanted!])).toMatch(/^a serialization failure that is none: expected step w2/)
    expect(differenceIn(refused, [{ name: '', lines: [...refused.lines, 'x'] }])).toMatch(/^expected x/)
  })
})
