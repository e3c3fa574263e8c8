import { describe, it } from 'vitest'
import { cutEverywhere, flipEveryBit, goldenTexts } from './golden-damage.ts'

describe.each(Object.keys(goldenTexts))('every damage to the golden log %s', (name) => {
  it('by a single bit flip is found, or harmless, or in the last frame', () => flipEveryBit(name, true))

  it('by a truncation is found, or costs the tail only', () => cutEverywhere(name, true))
})
