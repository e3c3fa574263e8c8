/** Who may what by views: what PostgreSQL 15 answers to the same statements of the same users (`golden/view-privileges.txt`). */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Answers } from './testing-answers.ts'

let answers: Answers

beforeEach(async () => {
  answers = await Answers.start()
})

afterEach(() => answers.stop())

test('views ask their owners, and who calls where they say so', { timeout: 60_000 }, async () => {
  const { found, lines } = await answers.toGolden('view-privileges')
  expect(found).toEqual(lines)
})
