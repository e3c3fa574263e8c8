/** Rows to and fro: those in memory, and those in a file. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { KeptRows } from './kept-rows.ts'
import { rowFormat, type Row, smallMemory } from './testing.ts'

it('gives back what was put in from any place, in either direction, from memory and file', async () => {
  const reads = fc.array(fc.tuple(fc.nat(299), fc.integer({ min: 1, max: 90 }), fc.boolean(), fc.nat(3000)), {
    minLength: 1,
    maxLength: 8,
  })
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 300 }),
    fc.nat(4000),
    reads,
    async (length, bytes, asked) => {
      const memory = await smallMemory(bytes)
      const kept = new KeptRows<Row>(memory.workspace, rowFormat)
      const rows = Array.from({ length }, (_, i): Row => [i, i])
      for (const row of rows) await kept.put(row)
      await kept.end()
      expect(kept.length).toBe(length)
      for (const [place, wanted, isDown, mostBytes] of asked) {
        const from = place % length
        const step = isDown ? -1 : 1
        const count = Math.min(wanted, isDown ? from + 1 : length - from)
        const read = await kept.read({ from, count, step, bytes: mostBytes })
        const all = Array.from({ length: count }, (_, i) => rows[from + step * i])
        expect(read.length).toBeGreaterThan(0)
        expect(read).toEqual(all.slice(0, read.length))
        if (read.length < count) expect(read.length * rowFormat.sizeOf(rows[0]!)).toBeGreaterThan(mostBytes - 64)
      }
      kept.close()
      expect(memory.workspace.memory.usedBytes).toBe(0)
      expect(memory.temporary).toMatchObject({ usedBytes: 0, openFiles: 0 })
    },
  )
  await fc.assert(property)
})

it('keeps most rows in a file where there is little memory', async () => {
  const memory = await smallMemory(0)
  const kept = new KeptRows<Row>(memory.workspace, rowFormat)
  for (let i = 0; i < 2000; i++) await kept.put([i, i])
  await kept.end()
  expect(kept.blocks).toBeGreaterThan(20)
  kept.close()
})
