import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runRounds } from './rounds.ts'

test('twenty crashes of one data directory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'polylog-crash-'))
  try {
    const result = await runRounds({ directory: join(directory, 'data'), seed: 20, rounds: 20 })
    expect(result.failures).toEqual([])
    expect(result.rounds).toBe(20)
    expect(result.acknowledged).toBeGreaterThan(20)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
