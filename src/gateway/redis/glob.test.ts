import { describe, expect, it } from 'vitest'
import { sliceOf } from '../../base/slice.ts'
import { beginTurn, unitsDone } from '../../base/work.ts'
import { Glob } from './glob.ts'

function matches(pattern: string, text: string): boolean {
  return new Glob(sliceOf(Buffer.from(pattern))).matches(sliceOf(Buffer.from(text)))
}

describe('glob patterns', () => {
  it.each([
    ['*', '', true],
    ['**', '', false],
    ['**', 'a', true],
    ['', '', true],
    ['', 'a', false],
    ['a*', 'abc', true],
    ['a*c', 'abc', true],
    ['a*c', 'abd', false],
    ['*b*', 'abc', true],
    ['?', '', false],
    ['?', 'a', true],
    ['h[ae]llo', 'hallo', true],
    ['h[^e]llo', 'hello', false],
    ['h[^e]llo', 'hallo', true],
    ['h[a-c]llo', 'hbllo', true],
    ['h[c-a]llo', 'hbllo', true],
    ['h[a-c]llo', 'hdllo', false],
    [String.raw`\*`, '*', true],
    [String.raw`\*`, 'a', false],
    [String.raw`[\]]`, ']', true],
    ['[ab', 'a', true],
    ['a**b', 'axxb', true],
    ['*a*b*c', 'xxaxxbxxc', true],
  ])('%s matches %s: %s', (pattern, text, expected) => {
    expect(matches(pattern, text)).toBe(expected)
  })

  it('does not take exponential time', () => {
    expect(matches(`${'a*'.repeat(40)}b`, 'a'.repeat(5_000))).toBe(false)
  })

  it('count what stands in a class', () => {
    beginTurn()
    const long = `*[${'b'.repeat(1000)}]`
    expect(matches(long, 'a'.repeat(900))).toBe(false)
    expect(unitsDone()).toBeGreaterThan(900 * 1000)
    expect(() => matches(long, 'a'.repeat(2000))).toThrow('ERR a pattern of 1003 bytes takes too long')
  })

  it('are bounded', () => {
    expect(() => matches('a'.repeat(131_073), 'a')).toThrow('ERR pattern is longer than 131072 bytes')
    expect(matches('*?'.repeat(30_000), 'a'.repeat(30_000))).toBe(true)
  })

  it('knows what every match begins with', () => {
    const prefix = (pattern: string): string => Buffer.from(new Glob(sliceOf(Buffer.from(pattern))).prefix()).toString()
    expect(prefix('user:*')).toBe('user:')
    expect(prefix('user:[1]')).toBe('user:')
    expect(prefix('plain')).toBe('plain')
    expect(prefix('*')).toBe('')
    expect(prefix(String.raw`a\*`)).toBe('a')
  })
})
