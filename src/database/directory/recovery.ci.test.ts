/** Every operation of the disk at which a database with an engine can crash. */
import { expect, test } from 'vitest'
import { crashAndCompare, operationsOf } from './crash-comparison.ts'

/** Of the second seed, fewer of them. */
test.each([
  [5, 1],
  [6, 5],
])('a database with an engine is one of its states after a crash anywhere (seed %i, every %i)', async (seed, step) => {
  const operations = await operationsOf({ seed, hasTwins: true })
  expect(operations).toBeGreaterThan(200)
  for (let io = 1; io <= operations; io += step) {
    const kind = io % 3 === 0 ? 'process' : 'power'
    await crashAndCompare({ seed, hasTwins: true, io, kind, again: io % 4 === 0 ? 1 + (io % 61) : 0 })
  }
})
