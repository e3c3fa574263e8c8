import { describe, expect, test } from 'vitest'
import { parseArguments, UsageError } from './arguments.ts'

const known = ['kv', 'sql']

describe('the command line of the benchmarks', () => {
  test('is understood', () => {
    expect(parseArguments([], known)).toMatchObject({ areas: known, quick: false, json: undefined })
    expect(parseArguments(['sql', '--quick'], known)).toMatchObject({ areas: ['sql'], quick: true })
    expect(parseArguments(['--guard'], known)).toMatchObject({ guard: '', areas: [] })
    expect(parseArguments(['--guard', 'c0ffee', '--quick'], known)).toMatchObject({ guard: 'c0ffee', quick: true })
    expect(parseArguments(['kv'], known).guard).toBeUndefined()
    expect(parseArguments(['--page', 'package.json'], known)).toMatchObject({ reports: ['package.json'] })
  })

  test.each([
    [['--quik'], 'quik'],
    [['sq'], 'unknown area "sq"; there are kv, sql'],
    [['--json'], 'json'],
    [['--json', ''], '--json wants a path'],
    [['--json', '/nowhere/report.json'], 'cannot write /nowhere/report.json'],
    [['--page'], '--page takes'],
    [['--page', 'nowhere.json'], 'there is no report nowhere.json'],
    [['--page', 'a.json', '--quick'], '--page takes'],
    [['--guard', 'a', 'b'], '--guard takes'],
    [['--guard', '--json', 'a.json'], '--guard takes'],
  ])('%j is wrong usage', (args, message) => {
    expect(() => parseArguments(args, known)).toThrow(UsageError)
    expect(() => parseArguments(args, known)).toThrow(message)
    expect(() => parseArguments(args, known)).toThrow('usage: npm run bench')
  })
})
