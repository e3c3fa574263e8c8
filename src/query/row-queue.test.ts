import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RowQueue } from './row-queue.ts'
import { plentyOfMemory, rowFormat, type Row, smallMemory } from './testing.ts'

const rowsOf = fc.array(fc.tuple(fc.nat(100), fc.nat(100)), { maxLength: 300 })

async function filled(
  rows: readonly Row[],
  operatorBytes: number,
): Promise<[RowQueue<Row>, Awaited<ReturnType<typeof smallMemory>>]> {
  const memory = await smallMemory(operatorBytes)
  const queue = new RowQueue(memory.workspace, rowFormat)
  for (const row of rows) await queue.put(row)
  await queue.end()
  return [queue, memory]
}

describe('row queue', () => {
  it('gives back what was put in, in order, in pieces of any size, from memory and file', async () => {
    const sizesOf = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 5 })
    const property = fc.asyncProperty(rowsOf, fc.nat(4000), sizesOf, async (rows, operatorBytes, sizes) => {
      const [queue, memory] = await filled(rows, operatorBytes)
      const taken: Row[] = []
      for (let i = 0; queue.length > 0; i++) {
        const wanted = sizes[i % sizes.length]!
        const piece = await queue.take(wanted)
        expect(piece).toHaveLength(Math.min(wanted, rows.length - taken.length))
        taken.push(...piece)
      }
      expect(taken).toEqual(rows)
      expect(await queue.take(5)).toEqual([])
      queue.close()
      expect(memory.workspace.memory.usedBytes).toBe(0)
      expect(memory.temporary).toMatchObject({ usedBytes: 0, openFiles: 0 })
    })
    await fc.assert(property)
  })

  it('stops at the bytes that are wanted, but gives one row at least', async () => {
    const rows = Array.from({ length: 9 }, (_, i): Row => [i, i])
    for (const operatorBytes of [0, Infinity]) {
      const [queue] = await filled(rows, operatorBytes)
      expect(await queue.take(9, 70)).toHaveLength(2)
      expect(await queue.take(9, 1)).toHaveLength(1)
      expect(await queue.take(9, 64)).toHaveLength(2)
      expect(queue.length).toBe(4)
    }
  })

  it('stops at the bytes that are wanted also where they come from many blocks', async () => {
    const rows = Array.from({ length: 2000 }, (_, i): Row => [i, i])
    const [queue] = await filled(rows, 0)
    expect(queue.blocks).toBeGreaterThan(20)
    expect(await queue.take(Infinity, 32 * 100)).toHaveLength(100)
    expect(await queue.take(Infinity, 32 * 500 + 31)).toHaveLength(500)
    expect(await queue.take(70, 32 * 500)).toHaveLength(70)
    expect(await queue.take(Infinity)).toHaveLength(1330)
  })

  it('answers at once from memory', () => {
    const queue = new RowQueue(plentyOfMemory(), rowFormat)
    expect(queue.put([1, 2])).toBeUndefined()
    expect(queue.end()).toBeUndefined()
    expect(queue.take(3)).toEqual([[1, 2]])
  })
})
