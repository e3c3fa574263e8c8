/** docs/isolation.md says what happens: every cell of its table is tried, by drivers, at the door that it names. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openAllDoors } from '../../src/server/testing.ts'
import { findAll, withTable } from './page.ts'

const path = 'docs/isolation.md'

test('docs/isolation.md says what each level and each door does about each anomaly', { timeout: 120_000 }, async () => {
  const doors = await openAllDoors()
  try {
    const found = await findAll(doors)
    // Whatever the document says.
    for (const title of ['SQL, `SERIALIZABLE`', 'library, `write` as it is']) {
      expect(found.get(title)).not.toContain('happens')
    }
    const document = readFileSync(path, 'utf8')
    const written = withTable(document, found)
    if (process.env['REWRITE'] === '1') writeFileSync(path, written)
    else expect(document).toBe(written)
  } finally {
    await doors.close()
  }
})
