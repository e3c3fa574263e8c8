import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runRounds } from './rounds.ts'

test.each(['memory', 'sorted'])('twenty crashes of one data directory (%s)', async (engine) => {
  const directory = await mkdtemp(join(tmpdir(), 'polylog-crash-'))
  try {
    const result = await runRounds({ directory: join(directory, 'data'), seed: 20, rounds: 20, engine })
    expect(result.failures).toEqual([])
    expect(result.rounds).toBe(20)
    expect(result.acknowledged).toBeGreaterThan(20)
    if (engine !== 'memory') expect(result.cutShort).toBeGreaterThan(0)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
