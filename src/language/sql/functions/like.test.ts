import fc from 'fast-check'
import { expect, test } from 'vitest'
import { likeMatcher } from './pattern.ts'

function isLike(text: string, pattern: string): boolean {
  if (pattern === '') return text === ''
  const [first, rest] = [pattern[0]!, pattern.slice(1)]
  if (first === '%') return isLike(text, rest) || (text !== '' && isLike(text.slice(1), pattern))
  return text !== '' && (first === '_' || first === text[0]) && isLike(text.slice(1), rest)
}

const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'B'), maxLength: 8 })
const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '%', '%', '_'), maxLength: 6 })

test('a pattern matches what it says, by parts and character by character', () => {
  fc.assert(
    fc.property(texts, patterns, (text, pattern) => {
      expect(likeMatcher(pattern, '\\', false)(text)).toBe(isLike(text, pattern))
      expect(likeMatcher(pattern, '\\', true)(text)).toBe(isLike(text.toLowerCase(), pattern))
    }),
    { numRuns: 3000 },
  )
})

test('the ends of a pattern do not share what they match', () => {
  expect(likeMatcher('ab%ba', '\\', false)('aba')).toBe(false)
  expect(likeMatcher('%ab%ab%', '\\', false)('aab')).toBe(false)
  expect(likeMatcher('a%b%b', '\\', false)('ab')).toBe(false)
  expect(likeMatcher('\\%%\\_', '\\', false)('%a_')).toBe(true)
})
