/** What operators answer from temporary files is what they answer from memory; what they held is given back. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DiskError } from '../host/host.ts'
import { type AggregatePlan, HashAggregate } from './aggregate.ts'
import { GroupJoin } from './group-join.ts'
import { HashJoin, type HashJoinPlan } from './hash-join.ts'
import { Materialize } from './materialize.ts'
import type { Operator, Run } from './operator.ts'
import { Distinct, DistinctNeighbors, SetFilter } from './set-operators.ts'
import { Sort } from './sort.ts'
import { drainWaiting, keyFormat, rowFormat, type Row, rowSource, type SmallMemory, smallMemory } from './testing.ts'

const rowsOf = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.nat(1000)), { maxLength: 400 })
const memoryOf = fc.integer({ min: 0, max: 6000 })
const pausesOf = fc.nat(3)
const byKey = { keyOf: ([key]: Row) => key, compare: (a: number, b: number) => a - b }

/** Twice, since `reset` begins again; then nothing is held any more. */
async function twice<R>(operator: Operator<R>, memory: SmallMemory): Promise<R[]> {
  const first = await drainWaiting(operator, memory.run)
  expect(operator.next(memory.run)).toBeUndefined()
  operator.reset()
  expect(await drainWaiting(operator, memory.run)).toEqual(first)
  operator.reset()
  expect(memory.workspace.memory.usedBytes).toBe(0)
  expect(memory.temporary).toMatchObject({ usedBytes: 0, openFiles: 0 })
  return first
}

function inOrder(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort()
}

describe('operators that spill', () => {
  it('sort: the same, and stable', async () => {
    const property = fc.asyncProperty(
      rowsOf,
      memoryOf,
      pausesOf,
      fc.option(fc.nat(500), { nil: undefined }),
      async (rows, operatorBytes, pauseEvery, keep) => {
        const memory = await smallMemory(operatorBytes, { pauseEvery })
        const plan = { format: rowFormat, keyFormat, ...byKey, ...(keep !== undefined && { keep: () => keep }) }
        const wanted = [...rows].sort(([a], [b]) => a - b)
        const found = await twice(new Sort(rowSource(rows), plan), memory)
        // More than was asked for may come: the limit above takes what it wants.
        expect(found.slice(0, keep)).toEqual(wanted.slice(0, keep))
        if (keep === undefined) expect(found).toEqual(wanted)
      },
    )
    await fc.assert(property)
  })

  it('group join: each row once, in the order of both inputs, by any number of keys', async () => {
    const keysOf = ([key, value]: Row): string[] => [...new Set([key % 7, value % 5, key === 3 ? 50 : key])].map(String)
    const outerKeys = ([key]: Row): string[] => (key === 0 ? [] : key % 2 === 0 ? [String(key)] : [String(key), '2'])
    const property = fc.asyncProperty(rowsOf, rowsOf, memoryOf, pausesOf, async (left, right, bytes, pauseEvery) => {
      const memory = await smallMemory(bytes, { pauseEvery })
      const wanted = left.map((outer) => {
        const keys = new Set(outerKeys(outer))
        return [outer, right.filter((inner) => keysOf(inner).some((key) => keys.has(key)))]
      })
      const join = new GroupJoin(rowSource<Row>(left), rowSource<Row>(right), {
        name: 'group join',
        outerFormat: rowFormat,
        innerFormat: rowFormat,
        outerKeys,
        innerKeys: keysOf,
        combine: (outer, inner) => [outer, inner] as const,
        sizeOf: ([, inner]) => 32 * inner.length,
      })
      expect(await twice(join, memory)).toEqual(wanted)
    })
    await fc.assert(property)
  })

  it('sort: in several levels of merging', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i): Row => [(i * 7919) % 10_007, i])
    const memory = await smallMemory(4096)
    const found = await twice(new Sort(rowSource(rows), { format: rowFormat, ...byRow }), memory)
    expect(found).toEqual([...rows].sort(([a], [b]) => a - b))
  })

  for (const kind of ['inner', 'left', 'right', 'full', 'semi', 'anti'] as const) {
    it(`hash join: ${kind}`, async () => {
      const plan: HashJoinPlan<Row, Row, string, Run> = {
        kind,
        outerFormat: rowFormat,
        innerFormat: rowFormat,
        outerKey: ([key]) => (key === 0 ? undefined : key),
        innerKey: ([key]) => (key === 0 ? undefined : key),
        combine: (a, b) => JSON.stringify([a ?? null, b ?? null]),
        accepts: (joined) => !joined.includes('7'),
      }
      const property = fc.asyncProperty(rowsOf, rowsOf, memoryOf, pausesOf, async (left, right, bytes, pauseEvery) => {
        const memory = await smallMemory(bytes, { pauseEvery })
        const roomy = await smallMemory(Infinity)
        const wanted = await drainWaiting(new HashJoin(rowSource(left), rowSource(right), plan), roomy.run)
        const found = await twice(new HashJoin(rowSource(left), rowSource(right), plan), memory)
        expect(found.sort()).toEqual(wanted.sort())
      })
      await fc.assert(property, { numRuns: 50 })
    })
  }

  it('aggregates: each group once, with all of its rows', async () => {
    const property = fc.asyncProperty(rowsOf, memoryOf, pausesOf, async (rows, operatorBytes, pauseEvery) => {
      const memory = await smallMemory(operatorBytes, { pauseEvery })
      const wanted = new Map<number, number>()
      for (const [key, value] of rows) wanted.set(key, (wanted.get(key) ?? 0) + value)
      expect(inOrder(await twice(new HashAggregate(rowSource(rows), sums), memory))).toEqual(inOrder([...wanted]))
    })
    await fc.assert(property)
  })

  it('distinct, intersect and except', async () => {
    const property = fc.asyncProperty(rowsOf, rowsOf, memoryOf, fc.boolean(), async (left, right, bytes, all) => {
      const memory = await smallMemory(bytes)
      const roomy = await smallMemory(Infinity)
      const keyOf = ([key]: Row): number => key
      const distinct = await twice(new Distinct(rowSource(left), keyOf, rowFormat), memory)
      expect(distinct.map(keyOf).sort((a, b) => a - b)).toEqual([...new Set(left.map(keyOf))].sort((a, b) => a - b))
      for (const kind of ['intersect', 'except'] as const) {
        const plan = { keyOf, format: rowFormat, kind, all }
        const wanted = await drainWaiting(new SetFilter(rowSource(left), rowSource(right), plan), roomy.run)
        const found = await twice(new SetFilter(rowSource(left), rowSource(right), plan), memory)
        expect(inOrder(found.map(keyOf))).toEqual(inOrder(wanted.map(keyOf)))
      }
    })
    await fc.assert(property)
  })

  it('distinct of sorted rows keeps the first of each, in their order, and nothing else', async () => {
    const memory = await smallMemory(0)
    const rows: Row[] = [
      [1, 1],
      [1, 2],
      [2, 3],
      [2, 4],
      [3, 5],
    ]
    const found = await twice(new DistinctNeighbors(rowSource(rows, 2), ([key]: Row) => key), memory)
    expect(found).toEqual([
      [1, 1],
      [2, 3],
      [3, 5],
    ])
  })

  it('materialize: every reader reads all of it, each at its own place', async () => {
    const property = fc.asyncProperty(rowsOf, memoryOf, fc.array(fc.nat(3)), async (rows, bytes, turns) => {
      const memory = await smallMemory(bytes)
      const kept = new Materialize(rowSource(rows, 50), rowFormat)
      const places = [0, 0, 0, 0]
      const found: Row[][] = [[], [], [], []]
      const step = async (reader: number): Promise<boolean> => {
        for (;;) {
          const batch = kept.rowsFrom(places[reader]!, memory.run)
          if (batch === undefined) return false
          if (typeof batch === 'symbol') await (memory.run.waitFor as Promise<void> | undefined)
          else {
            found[reader]!.push(...batch)
            places[reader]! += batch.length
            return true
          }
        }
      }
      for (const reader of turns) await step(reader)
      for (let reader = 0; reader < 4; reader++) while (await step(reader));
      for (const one of found) expect(one).toEqual(rows)
      kept.reset()
      expect(memory.workspace.memory.usedBytes).toBe(0)
      expect(memory.temporary).toMatchObject({ usedBytes: 0, openFiles: 0 })
    })
    await fc.assert(property)
  })

  it('stay near what they may keep, however much there is', async () => {
    const rows = Array.from({ length: 30_000 }, (_, i): Row => [(i * 7919) % 29_989, i])
    const operatorBytes = 64 * 1024
    for (const make of [
      () => new Sort(rowSource(rows), { format: rowFormat, ...byRow }),
      () => new HashAggregate(rowSource(rows), sums),
      () => new Distinct(rowSource(rows), ([key]: Row) => key, rowFormat),
      () => new Materialize(rowSource(rows), rowFormat),
    ] as (() => Operator<unknown>)[]) {
      const memory = await smallMemory(operatorBytes)
      await drainWaiting(make(), memory.run)
      expect(memory.temporary.usedBytes + memory.workspace.memory.peakBytes).toBeGreaterThan(operatorBytes)
      expect(memory.workspace.memory.peakBytes).toBeLessThan(4 * operatorBytes)
    }
  })

  it('are out of memory where they cannot spill, or one group is too large', async () => {
    const rows = Array.from({ length: 5000 }, (_, i): Row => [i, i])
    const noFiles = await smallMemory(1000, { statementBytes: 100_000 })
    Object.defineProperty(noFiles.workspace, 'canSpill', { value: false })
    const sort = new Sort(rowSource(rows), { format: rowFormat, ...byRow })
    await expect(drainWaiting(sort, noFiles.run)).rejects.toMatchObject({ code: 'out_of_memory' })
    const small = await smallMemory(1000, { statementBytes: 100_000 })
    const lists = new HashAggregate(rowSource(rows), { ...sums, keyOf: () => 1, add: () => 32 })
    await expect(drainWaiting(lists, small.run)).rejects.toMatchObject({ code: 'out_of_memory' })
  })

  it('fail with the disk, and with the limit of temporary files', async () => {
    const rows = Array.from({ length: 5000 }, (_, i): Row => [i, i])
    const sorted = (): Operator<Row> => new Sort(rowSource(rows), { format: rowFormat, ...byRow })
    const limited = await smallMemory(1000, { temporaryBytes: 10_000 })
    await expect(drainWaiting(sorted(), limited.run)).rejects.toMatchObject({ code: 'disk_full' })
    const broken = await smallMemory(1000)
    const open = broken.disk.open.bind(broken.disk)
    broken.disk.open = async (path, options) => {
      const file = await open(path, options)
      file.writeAt = () => Promise.reject(new DiskError('no-space', path, 'no space is left'))
      return file
    }
    await expect(drainWaiting(sorted(), broken.run)).rejects.toMatchObject({ code: 'disk_full' })
    const unreadable = await smallMemory(1000)
    const openToo = unreadable.disk.open.bind(unreadable.disk)
    unreadable.disk.open = async (path, options) => {
      const file = await openToo(path, options)
      file.readAt = () => Promise.reject(new DiskError('io', path, 'cannot be read'))
      return file
    }
    const join = new HashJoin(rowSource(rows), rowSource(rows), {
      kind: 'inner',
      outerFormat: rowFormat,
      innerFormat: rowFormat,
      outerKey: ([key]: Row) => key,
      innerKey: ([key]: Row) => key,
      combine: (a) => a,
      accepts: undefined,
    })
    await expect(drainWaiting(join, unreadable.run)).rejects.toMatchObject({ code: 'io_error' })
  })
})

const byRow = { keyOf: (row: Row) => row, compare: ([a]: Row, [b]: Row) => a - b }

const sums: AggregatePlan<Row, { key: number; sum: number }, readonly [number, number], Run> = {
  format: rowFormat,
  groupBytes: () => 16,
  keyOf: ([key]) => key,
  begin: (row) => ({ key: row![0], sum: 0 }),
  evaluate: ([, value]) => [value],
  add: (group, [value]) => {
    group.sum += value as number
    return 0
  },
  finish: ({ key, sum }) => [key, sum],
}
