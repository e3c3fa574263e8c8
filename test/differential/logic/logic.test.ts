import { describe, expect, it } from 'vitest'
import { piece } from '../postgres/piece.ts'
import { type Check, checkNames, comparisonOf } from './checks.ts'
import { runLogic } from './logic.ts'

const check = (name: Check['name']): Check => ({
  name,
  from: piece('from', 't a'),
  beside: piece('from', 't b'),
  condition: piece('bool', 'a.n > 1'),
  list: ['a.n'],
})

describe('queries that must agree', () => {
  it('do, on random tables', async () => {
    const { queries, refused, differences } = await runLogic({ seed: 1, programs: 10, checks: 20 })
    expect(differences).toEqual([])
    expect(queries).toBeGreaterThan(400)
    expect(refused).toBeLessThan(60)
  })

  it('are told from those that do not', () => {
    const right: Readonly<Record<Check['name'], readonly (readonly string[])[]>> = {
      where: [['"1"', '"2"', 'NULL'], ['"2"'], ['"1"'], ['NULL']],
      distinct: [['"1"', '"2"'], ['"2"'], ['"1"', '"2"'], []],
      having: [['"1"|"3"', '"2"|"1"'], ['"2"|"1"'], ['"1"|"3"'], []],
      count: [['"2"'], ['true', 'false', 'true']],
      extreme: [['"1"'], ['"1"'], ['NULL'], []],
      join: [
        ['"1"', '"2"'],
        ['"2"', '"1"'],
      ],
    }
    for (const name of checkNames) {
      const { queries, agree } = comparisonOf(check(name))
      expect(queries).toHaveLength(right[name].length)
      expect(agree(right[name])).toBe(true)
      // A row that is not there, or there once more, is missed.
      expect(agree(right[name].map((rows, i) => (i === 0 ? [] : rows)))).toBe(false)
      expect(agree(right[name].map((rows, i) => (i === 1 ? [...rows, 'true', '"7"'].toReversed() : rows)))).toBe(false)
    }
  })
})
