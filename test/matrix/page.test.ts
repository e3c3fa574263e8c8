import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { withMatrix } from './page.ts'

const path = 'docs/security.md'

test('docs/security.md shows the matrix that is walked', () => {
  const written = withMatrix(readFileSync(path, 'utf8'))
  if (process.env['REWRITE'] === '1') writeFileSync(path, written)
  expect(readFileSync(path, 'utf8')).toBe(written)
})
