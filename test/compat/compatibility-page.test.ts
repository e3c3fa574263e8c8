import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { compatibilityPage } from './compatibility-page.ts'

test('docs/compatibility.md says what the code supports', () => {
  const page = compatibilityPage(process.cwd())
  for (const name of ['`ZADD`', '`findAndModify`', '`$elemMatch`', '`$group`', 'INSERT', '`lower`', '`sum`']) {
    expect(page).toContain(name)
  }
  if (process.env['REWRITE'] === '1') writeFileSync('docs/compatibility.md', page)
  expect(readFileSync('docs/compatibility.md', 'utf8')).toBe(page)
})
