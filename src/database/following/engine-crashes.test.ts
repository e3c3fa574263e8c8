import { expect, test } from 'vitest'
import { crashOfLeader, operationsOfLeader } from './engine-crashes.ts'

test('a follower shows what its leader had in an engine, wherever that one died, and leads from there', async () => {
  const seed = 20
  const operations = await operationsOfLeader(seed)
  expect(operations).toBeGreaterThan(200)
  const followed = { taken: 0, restarts: 0 }
  for (let io = 3; io <= operations; io += 17) {
    const kind = io % 5 === 0 ? 'power' : 'process'
    await crashOfLeader({ seed, io, kind, again: io % 3 === 0 ? 1 + (io % 41) : 0 }, followed)
  }
  expect(followed.taken).toBeGreaterThan(10)
})
