import { describe, expect, test } from 'vitest'
import { parseOptions, UsageError } from './options.ts'

describe('the command line of the simulation', () => {
  test('is understood', () => {
    const none = { first: 1, last: 100, minutes: undefined, faults: [], json: undefined }
    expect(parseOptions([])).toEqual(none)
    expect(parseOptions(['--seeds', '7'])).toEqual({ ...none, first: 7, last: 7 })
    expect(parseOptions(['--fault', 'tear', 'shorten', '--seeds', '5-9', '--minutes', '0.5'])).toEqual({
      ...none,
      first: 5,
      last: 9,
      minutes: 0.5,
      faults: ['tear', 'shorten'],
    })
  })

  test.each([
    [['--seeds', '5-1'], '--seeds wants A-B with A not above B, not 5-1'],
    [['--seeds', 'x'], '--seeds wants A-B'],
    [['--seeds', '1', '2'], '--seeds takes one value'],
    [['--seeds'], '--seeds needs a value'],
    [['--seed', '1'], 'unknown option --seed'],
    [['1-5'], 'unknown option 1-5'],
    [['--minutes', '0'], '--minutes wants'],
    [['--minutes', 'Infinity'], '--minutes wants'],
    [['--fault', 'earthquake'], 'no fault is named earthquake'],
    [['--fault', '--json', 'x'], '--fault needs a value'],
    [['--json', '/nowhere/report.json'], 'cannot write /nowhere/report.json'],
    [['--json', '/'], '/ is a folder'],
    [['--json', ''], '--json wants a path'],
  ])('%j is wrong usage', (args, message) => {
    expect(() => parseOptions(args)).toThrow(UsageError)
    expect(() => parseOptions(args)).toThrow(message)
    expect(() => parseOptions(args)).toThrow('usage: npm run simulate')
  })
})
