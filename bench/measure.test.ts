import { describe, expect, test } from 'vitest'
import { compare, spreadOf, type Comparison } from './measure.ts'
import { rowLine } from './row-line.ts'

function comparison(ours: number[], peer: number[], lowerIsBetter: boolean, order: string[] = []): Comparison {
  const side = (name: string, values: number[]): { run: () => Promise<number> } => ({
    run: async () => {
      order.push(name)
      return values.shift()!
    },
  })
  return {
    area: 'a',
    name: 'a/b',
    unit: 'x/s',
    durability: 'synced',
    clients: 1,
    lowerIsBetter,
    ours: side('ours', ours),
    peer: { name: 'peer', version: '1', ...side('peer', peer) },
  }
}

describe('comparisons', () => {
  test('medians of odd and even counts', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
  })

  test('higher is better for throughput and for time alike', async () => {
    expect((await compare(comparison([10, 20, 30], [5, 10, 15], false), 3)).ratio).toBe(2)
    expect((await compare(comparison([10, 20, 30], [5, 10, 15], true), 3)).ratio).toBe(0.5)
  })

  test('sides take turns in going first', async () => {
    const order: string[] = []
    await compare(comparison([1, 1], [1, 1], false, order), 2)
    expect(order).toEqual(['ours', 'peer', 'peer', 'ours'])
  })

  test('a missing peer gives no ratio', async () => {
    const row = await compare(
      { ...comparison([1], [], false), peer: { name: 'peer', missing: 'peer not installed' } },
      1,
    )
    expect(row.ratio).toBeNull()
    expect(rowLine(row)).toContain('peer not installed')
  })
})
