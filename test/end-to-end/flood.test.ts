/**
 * Clients of all doors that do their worst at once leave the process below its limit; others are answered meanwhile, and
 * what the flood held is given back. A thousand of them: `flood.ci.test.ts`. Only Linux tells what a process has had.
 */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { grantedBytes, runFlood } from './flood-rounds.ts'
import { worst } from './flood.ts'

test.runIf(existsSync('/proc/self/status'))('each in its own way', { timeout: 120_000 }, async () => {
  const limitMib = 400
  const result = await runFlood({ limitMib, clients: Object.keys(worst).length, rounds: 5 })
  expect(result.peakMib).toBeLessThan(limitMib)
  expect(result.leftBytes).toBeLessThanOrEqual(grantedBytes)
  expect(result.cursorBytes).toBeLessThan((limitMib / 8) * 1024 * 1024)
  expect(result.answerAfterwards).toBe('200')
})
