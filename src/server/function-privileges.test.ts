/** Who may what by functions and types: what PostgreSQL 15 answers to the same statements of the same users. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Answers } from './testing-answers.ts'

let answers: Answers

beforeEach(async () => {
  answers = await Answers.start()
})

afterEach(() => answers.stop())

test('functions and types ask who calls and who makes use of them', { timeout: 60_000 }, async () => {
  const { found, lines } = await answers.toGolden('function-privileges')
  expect(found).toEqual(lines)
})
