import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { open, serve } from '../../src/polylog.ts'
import { compatibilityPage } from './compatibility-page.ts'
import { probe, type Probed } from './probes.ts'

test('docs/compatibility.md says what the code supports, and what it does not', async () => {
  const probed = await probePolylog()
  const page = compatibilityPage(process.cwd(), probed)
  for (const name of [
    '`ZADD`',
    '`findAndModify`',
    '`$elemMatch`',
    '`$nor`',
    '`$rename`',
    '`$group`',
    'INSERT',
    '`lower`',
  ]) {
    expect(page).toContain(name)
  }
  if (process.env['REWRITE'] === '1') writeFileSync('docs/compatibility.md', page)
  expect(readFileSync('docs/compatibility.md', 'utf8')).toBe(page)
})

async function probePolylog(): Promise<Probed> {
  const database = await open({ memory: true })
  try {
    const server = await serve(database, { port: 0 })
    try {
      return await probe('127.0.0.1', server.port)
    } finally {
      await server.close()
    }
  } finally {
    await database.close()
  }
}
