import { expect, test } from 'vitest'
import { renderReliability } from './reliability.ts'
import { addTo, emptyTotals } from './totals.ts'

test('totals add up, and the page shows them', () => {
  const once = addTo(emptyTotals, { nextCrashSeed: 1, crashRounds: 10, simulatedSeconds: 1.5 })
  const twice = addTo(once, { nextCrashSeed: 1, crashRounds: 1_990, simulatedSeconds: 2.5 })
  expect(twice.nextCrashSeed).toBe(emptyTotals.nextCrashSeed + 2)
  const page = renderReliability(twice)
  expect(page).toContain('| 2,000 | 0 | 0 | 0 |')
  expect(page).toContain('| 0 | 4 |')
})
