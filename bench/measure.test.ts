import { describe, expect, test } from 'vitest'
import { compare, spreadOf, type Comparison, type Measured, type Row } from './measure.ts'
import { rowLine } from './row-line.ts'

interface Given {
  readonly ours: readonly Measured[]
  readonly peer: readonly Measured[]
  readonly lowerIsBetter?: boolean
  readonly order?: string[]
}

function comparison({ ours, peer, lowerIsBetter = false, order = [] }: Given): Comparison {
  const side = (name: string, values: readonly Measured[]): { run: () => Promise<Measured> } => {
    let next = 0
    return {
      run: async () => {
        order.push(name)
        return values[next++]!
      },
    }
  }
  const row = { area: 'a', name: 'a/b', unit: 'x/s', durability: 'synced', clients: 1, lowerIsBetter }
  return { ...row, ours: side('ours', ours), peers: [{ name: 'peer', version: '1', ...side('peer', peer) }] }
}

const values = (...all: number[]): Measured[] => all.map((value) => ({ value }))
const firstOf = async (given: Given): Promise<Row> => (await compare(comparison(given), given.ours.length))[0]!

describe('comparisons', () => {
  test('medians of odd and even counts', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 })
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 })
  })

  test('higher is better for throughput and for time alike', async () => {
    const pair = { ours: values(10, 20, 30), peer: values(5, 10, 15) }
    expect((await firstOf(pair)).ratio).toBe(2)
    expect((await firstOf({ ...pair, lowerIsBetter: true })).ratio).toBe(0.5)
  })

  test('sides take turns in going first', async () => {
    const order: string[] = []
    await firstOf({ ours: values(1, 1), peer: values(1, 1), order })
    expect(order).toEqual(['ours', 'peer', 'peer', 'ours'])
  })

  test('each peer has a row, and ours is measured once for all of them', async () => {
    const order: string[] = []
    const both = comparison({ ours: values(10, 10), peer: values(5, 5), order })
    const other = { name: 'other', suffix: '/ceiling', run: async () => ({ value: 20 }) }
    const rows = await compare({ ...both, peers: [...both.peers, other] }, 2)
    expect(rows.map(({ name, ratio }) => [name, ratio])).toEqual([
      ['a/b', 2],
      ['a/b/ceiling', 0.5],
    ])
    expect(order.filter((side) => side === 'ours')).toHaveLength(2)
  })

  test('pairs that spread by more than twice give no ratio, whatever each side spreads by', async () => {
    const restless = await firstOf({ ours: values(10, 10, 21), peer: values(10, 10, 10) })
    expect(restless).toMatchObject({ ratio: null, pairSpread: 2.1 })
    expect(rowLine(restless)).toContain('no ratio: pairs spread by 2.1×')
    expect((await firstOf({ ours: values(10, 10, 20), peer: values(10, 10, 10) })).ratio).toBe(1)
    expect((await firstOf({ ours: values(10, 100), peer: values(5, 50) })).ratio).toBe(2)
  })

  test('processor time is compared as well: ours by the peer’s', async () => {
    const ours = [2, 4].map((cpuMicros) => ({ value: 1, cpuMicros }))
    const peer = [1, 2].map((cpuMicros) => ({ value: 1, cpuMicros }))
    const row = await firstOf({ ours, peer })
    expect(row.cpu).toMatchObject({ ours: { median: 3 }, peer: { median: 1.5 }, ratio: 2 })
    expect(rowLine(row)).toContain('processor time 3.00 µs / 1.50 µs (2.00×)')
    expect((await firstOf({ ours: ours.toReversed(), peer })).cpu).toMatchObject({ ratio: null, pairSpread: 4 })
  })

  test('a missing peer gives no ratio', async () => {
    const there = comparison({ ours: values(1), peer: [] })
    const [row] = await compare({ ...there, peers: [{ name: 'peer', missing: 'peer not installed' }] }, 1)
    expect(row!.ratio).toBeNull()
    expect(rowLine(row!)).toContain('peer not installed')
  })
})
