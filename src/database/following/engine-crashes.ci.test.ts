/** Every operation of the disk at which a leader with an engine can die while it is followed. */
import { expect, test } from 'vitest'
import { crashOfLeader, operationsOfLeader } from './engine-crashes.ts'

/** Of the second seed, fewer of them. */
test.each([
  [20, 2],
  [21, 7],
])('who follows it shows and leads what it had (seed %i, every %i)', async (seed, step) => {
  const operations = await operationsOfLeader(seed)
  const followed = { taken: 0, restarts: 0 }
  for (let io = 1; io <= operations; io += step) {
    const kind = io % 5 === 0 ? 'power' : 'process'
    await crashOfLeader({ seed, io, kind, again: io % 3 === 0 ? 1 + (io % 41) : 0 }, followed)
  }
  expect(followed.taken).toBeGreaterThan(200 / step)
})
