/** Windows over partitions that do and do not fit into memory; `src/language/sql` tries what functions come to. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { later, PartitionRows } from './partition-rows.ts'
import type { Run } from './operator.ts'
import { drainWaiting, rowFormat, type Row, rowSource, smallMemory } from './testing.ts'
import { WindowAggregate, type WindowEvaluator } from './window.ts'

/** For each row: its neighbors' values some places before and behind, and the partition's first value and length. */
class Neighbors implements WindowEvaluator<Run> {
  readonly #rows: PartitionRows<Row, Run>
  readonly #reach: number
  interrupted = 0

  constructor(rows: PartitionRows<Row, Run>, reach: number) {
    this.#rows = rows
    this.#reach = reach
  }

  begin(): void {}

  evaluate(at: number, run: Run): unknown[] {
    try {
      const value = (place: number): number | undefined =>
        place >= 0 && this.#rows.has(place, run) ? this.#rows.row(place, run)[1] : undefined
      return [value(at - this.#reach), value(at + this.#reach), value(0), this.#rows.count(run)]
    } catch (error) {
      if (error === later) this.interrupted++
      throw error
    }
  }

  keepsFrom(): number {
    return 0
  }
}

type Out = readonly unknown[]

function expected(rows: readonly Row[], reach: number): Out[] {
  return rows.map(([key, value]) => {
    const partition = rows.filter(([other]) => other === key)
    const at = partition.findIndex((row) => row[1] === value)
    return [key, value, partition[at - reach]?.[1], partition[at + reach]?.[1], partition[0]![1], partition.length]
  })
}

it('finds the same rows in a temporary file as in memory, and gives back what it held', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.nat(6), { maxLength: 300 }),
    fc.integer({ min: 0, max: 6000 }),
    fc.nat(40),
    fc.nat(3),
    async (keys, operatorBytes, reach, pauseEvery) => {
      const rows = keys.sort((a, b) => a - b).map((key, i): Row => [key, i])
      const memory = await smallMemory(operatorBytes, { pauseEvery })
      const partitions = new PartitionRows<Row, Run>(rowSource<Row>(rows), rowFormat, ([key]) => key)
      const evaluator = new Neighbors(partitions, reach)
      const extend = (row: Row, values: unknown[]): Row => [...row, ...values] as unknown as Row
      const operator = new WindowAggregate<Row, Run>({ rows: partitions, evaluator, extend })
      expect(await drainWaiting(operator, memory.run)).toEqual(expected(rows, reach))
      expect(operator.next(memory.run)).toBeUndefined()
      operator.reset()
      expect(await drainWaiting(operator, memory.run)).toEqual(expected(rows, reach))
      operator.reset()
      expect(memory.workspace.memory.usedBytes).toBe(0)
      expect(memory.temporary).toMatchObject({ usedBytes: 0, openFiles: 0 })
    },
  )
  // Of one partition, in many blocks of its file.
  const long = Array.from({ length: 2000 }, () => 0)
  await fc.assert(property, { numRuns: 60, examples: [[long, 0, 300, 0]] })
})

it('keeps of a long partition what is still looked at, and no more', async () => {
  const rows = Array.from({ length: 20_000 }, (_, i): Row => [1, i])
  const memory = await smallMemory(1_000_000)
  const partitions = new PartitionRows<Row, Run>(rowSource<Row>(rows), rowFormat)
  let most = 0
  const evaluator: WindowEvaluator<Run> = {
    begin: () => undefined,
    evaluate: (at) => {
      most = Math.max(most, memory.workspace.memory.usedBytes)
      return [at]
    },
    keepsFrom: (at) => at - 100,
  }
  const extend = (row: Row, values: unknown[]): Row => [...row, ...values] as unknown as Row
  const found = await drainWaiting(new WindowAggregate<Row, Run>({ rows: partitions, evaluator, extend }), memory.run)
  expect(found).toHaveLength(rows.length)
  expect(most).toBeLessThan(500 * 32)
})
