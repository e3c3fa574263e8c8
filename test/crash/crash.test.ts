import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runRounds } from './rounds.ts'

let directory: string

beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'polylog-crash-'))))
afterEach(() => rm(directory, { recursive: true, force: true }))

test.each(['memory', 'sorted'])(
  'a killed server keeps every acknowledged transfer whole, and no half of any (%s)',
  async (engine) => {
    const result = await runRounds({ directory: join(directory, 'data'), seed: 1, rounds: 3, engine })
    expect(result.failures).toEqual([])
    expect(result.rounds).toBe(3)
    expect(result.acknowledged).toBeGreaterThan(0)
  },
)

test('so does one whose directory is encrypted', async () => {
  const encryptionKeyFile = join(directory, 'key')
  await writeFile(encryptionKeyFile, 'ab'.repeat(32), { mode: 0o600 })
  const options = { directory: join(directory, 'data'), seed: 5, rounds: 1, engine: 'sorted', encryptionKeyFile }
  const result = await runRounds(options)
  expect(result.failures).toEqual([])
  expect(result.acknowledged).toBeGreaterThan(0)
})
