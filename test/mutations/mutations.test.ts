/** The list keeps up with the code: every bug can be planted, and names tests that are there. */
import { existsSync, readFileSync } from 'node:fs'
import { parseSync } from 'oxc-parser'
import { describe, expect, test } from 'vitest'
import { planted } from './mutation.ts'
import { mutations } from './mutations.ts'

describe('planted bugs', () => {
  test('each can be planted in exactly one place, and leaves a program: what does not load fails every test', () => {
    const faults: string[] = []
    for (const mutation of mutations) {
      try {
        const text = readFileSync(mutation.file, 'utf8')
        const program = planted(mutation, text)
        expect(program).not.toBe(text)
        expect(parseSync(mutation.file, program).errors, mutation.name).toEqual([])
      } catch (error) {
        faults.push((error as Error).message)
      }
    }
    expect(faults).toEqual([])
  })

  test('a place that is not there, or not the only one, is refused', () => {
    const mutation = { name: 'x', file: 'f', search: 'a', replace: 'b', tests: [] }
    expect(planted(mutation, '-a-')).toBe('-b-')
    expect(() => planted(mutation, '---')).toThrow('f has no "a"')
    expect(() => planted(mutation, 'a a')).toThrow('more than once')
  })

  test('each has a name of its own and tests that exist', () => {
    expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length)
    const missing = mutations.flatMap(({ tests }) => tests).filter((path) => !existsSync(path))
    expect(missing).toEqual([])
  })
})
