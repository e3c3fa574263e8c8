/** A thousand clients that do their worst, with several limits: see `flood.test.ts`. */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { grantedBytes, runFlood } from './flood-rounds.ts'

test.runIf(existsSync('/proc/self/status')).each([400, 512, 1024])(
  'a thousand clients and %i MiB',
  { timeout: 600_000 },
  async (limitMib) => {
    const result = await runFlood({ limitMib, clients: 1000, rounds: 3 })
    expect(result.peakMib).toBeLessThan(limitMib)
    // Some were in the way, and were told so.
    expect(result.refused.size).toBeGreaterThan(0)
    expect(result.leftBytes).toBeLessThanOrEqual(grantedBytes)
    expect(result.cursorBytes).toBeLessThan((limitMib / 8) * 1024 * 1024)
    expect(result.answerAfterwards).toBe('200')
  },
)
