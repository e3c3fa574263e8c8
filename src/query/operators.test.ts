/** Operators against the obvious way to do the same, with interruptions thrown in at every point. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { beginTurn } from '../base/work.ts'
import type { Transaction } from '../database/contract.ts'
import { HashAggregate } from './aggregate.ts'
import { HashJoin } from './hash-join.ts'
import { Materialize } from './materialize.ts'
import { NestedLoopJoin } from './nested-loop-join.ts'
import { type Batch, type Operator, paused, type Run } from './operator.ts'
import { Concatenate, Filter, Limit, Project } from './row-operators.ts'
import { Distinct, SetFilter } from './set-operators.ts'
import { Sort } from './sort.ts'
import { keyFormat, plentyOfMemory, type Row, rowFormat as format } from './testing.ts'

/** `true` pauses after that many rows; a slice that is over again and again. */
function runOf(pauses: readonly boolean[]): Run {
  let at = 0
  const slice = { spend: () => pauses.length > 0 && pauses[at++ % pauses.length] === true }
  return { transaction: { slice, workspace: plentyOfMemory() } as unknown as Transaction }
}

/** Batches of the sizes given, with a pause before each second one. */
function source(rows: readonly Row[], sizes: readonly number[] = [3]): Operator<Row> {
  let at = 0
  let calls = 0
  return {
    next: (): Batch<Row> => {
      if (calls++ % 2 === 1) return paused
      if (at >= rows.length) return undefined
      const batch = rows.slice(at, at + (sizes[calls % sizes.length] ?? 1))
      at += batch.length
      return batch
    },
    reset: () => {
      at = 0
      calls = 0
    },
  }
}

function drain<R>(operator: Operator<R>, run: Run): R[] {
  const rows: R[] = []
  for (let turns = 0; turns < 100_000; turns++) {
    const batch = operator.next(run)
    if (batch === undefined) return rows
    if (batch === paused) {
      beginTurn()
      continue
    }
    expect(batch.length).toBeGreaterThan(0)
    rows.push(...batch)
  }
  throw new Error('an operator never ends')
}

/** The same rows twice: what `reset` promises. */
function drainTwice<R>(operator: Operator<R>, run: Run): R[] {
  const first = drain(operator, run)
  operator.reset()
  expect(drain(operator, run)).toEqual(first)
  return first
}

const rowsOf = fc.array(fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer()), { maxLength: 60 })
const pausesOf = fc.array(fc.boolean(), { maxLength: 5 })

/** Throws the first time a row is met, as a page that is not resident does. */
function flaky<A extends unknown[], T>(work: (...values: A) => T, every: number): (...values: A) => T {
  let calls = 0
  return (...values) => {
    if (every > 0 && ++calls % every === 0) throw interruption
    return work(...values)
  }
}

const kinds = ['inner', 'left', 'right', 'full', 'semi', 'anti'] as const

const interruption = new Error('interrupted')

function drainInterrupted<R>(operator: Operator<R>, run: Run): R[] {
  const rows: R[] = []
  for (let turns = 0; turns < 100_000; turns++) {
    try {
      const batch = operator.next(run)
      if (batch === undefined) return rows
      if (batch === paused) beginTurn()
      else rows.push(...batch)
    } catch (error) {
      if (error !== interruption) throw error
    }
  }
  throw new Error('an operator never ends')
}

describe('operators', () => {
  it('filter and project keep the order, also when interrupted inside a row', () => {
    fc.assert(
      fc.property(rowsOf, pausesOf, fc.integer({ min: 2, max: 5 }), (rows, pauses, every) => {
        const filtered = new Filter(
          source(rows),
          flaky(([key]: Row) => key % 2 === 0, every),
        )
        const projected = new Project(
          filtered,
          flaky(([key, value]: Row) => `${key}:${value}`, every),
        )
        const wanted = rows.filter(([key]) => key % 2 === 0).map(([key, value]) => `${key}:${value}`)
        expect(drainInterrupted(projected, runOf(pauses))).toEqual(wanted)
      }),
    )
  })

  it('sort is stable and the same as the array method', () => {
    fc.assert(
      fc.property(rowsOf, pausesOf, fc.option(fc.nat(10), { nil: undefined }), (rows, pauses, keep) => {
        const sorted = new Sort(source(rows), {
          format,
          keyFormat,
          keyOf: ([key]: Row) => key,
          compare: (a, b) => a - b,
          keep: keep === undefined ? undefined : () => keep,
        })
        const wanted = [...rows].sort(([a], [b]) => a - b).slice(0, keep)
        expect(drainTwice(sorted, runOf(pauses))).toEqual(wanted)
      }),
    )
  })

  it('sorts more rows than one run holds', () => {
    const rows = Array.from({ length: 9000 }, (_, i): Row => [(i * 7919) % 1000, i])
    const sorted = new Sort(source(rows, [500]), {
      format,
      keyFormat,
      keyOf: ([key]: Row) => key,
      compare: (a, b) => a - b,
    })
    expect(drain(sorted, runOf([true]))).toEqual([...rows].sort(([a], [b]) => a - b))
  })

  it('limit skips and stops', () => {
    fc.assert(
      fc.property(rowsOf, fc.nat(20), fc.nat(20), (rows, offset, limit) => {
        const limited = new Limit(source(rows), () => ({ offset, limit }))
        expect(drainTwice(limited, runOf([]))).toEqual(rows.slice(offset, offset + limit))
      }),
    )
  })

  it('limit with ties keeps what equals the last row', () => {
    fc.assert(
      fc.property(rowsOf, fc.integer({ min: 1, max: 10 }), (unsorted, limit) => {
        const rows = [...unsorted].sort(([a], [b]) => a - b)
        const tied = new Limit(
          source(rows),
          () => ({ offset: 0, limit }),
          ([a], [b]) => a === b,
        )
        const last = rows[Math.min(limit, rows.length) - 1]
        const wanted = rows.filter(([key], i) => i < limit || key === last?.[0])
        expect(drainTwice(tied, runOf([]))).toEqual(wanted)
      }),
    )
  })

  for (const kind of kinds) {
    it(`hash join: ${kind}`, () => {
      fc.assert(
        fc.property(rowsOf, rowsOf, pausesOf, (left, right, pauses) => {
          const join = new HashJoin<Row, Row, string, Run>(source(left), source(right), {
            kind,
            outerFormat: format,
            innerFormat: format,
            outerKey: ([key]) => (key === 0 ? undefined : key),
            innerKey: ([key]) => (key === 0 ? undefined : key),
            combine: (a, b) => JSON.stringify([a ?? null, b ?? null]),
            accepts: (joined) => !joined.includes('7'),
          })
          expect(drainTwice(join, runOf(pauses)).sort()).toEqual(naiveJoin(kind, left, right).sort())
        }),
      )
    })
  }

  for (const kind of ['inner', 'left', 'semi', 'anti'] as const) {
    it(`nested loop: ${kind}`, () => {
      fc.assert(
        fc.property(rowsOf, rowsOf, pausesOf, (left, right, pauses) => {
          const inner = new Materialize(source(right), format)
          const join = new NestedLoopJoin<Row, Row, string, Run>(source(left), {
            kind,
            innerOf: () => inner.replay(),
            combine: (a, b) => JSON.stringify([a, b ?? null]),
            accepts: (joined) => {
              const [a, b] = JSON.parse(joined) as [Row, Row]
              return a[0] === b[0] && a[0] !== 0 && !joined.includes('7')
            },
          })
          expect(drainTwice(join, runOf(pauses)).sort()).toEqual(naiveJoin(kind, left, right).sort())
        }),
      )
    })
  }

  it('aggregates by group, in order of first rows', () => {
    fc.assert(
      fc.property(rowsOf, pausesOf, fc.integer({ min: 2, max: 5 }), (rows, pauses, every) => {
        const sums = new HashAggregate<Row, { key: number; sum: number }, Row, Run>(source(rows), {
          format,
          groupBytes: () => 0,
          keyOf: ([key]) => key,
          begin: (row) => ({ key: row![0], sum: 0 }),
          evaluate: flaky(([, value]: Row) => [value], every),
          add: (group, [value]) => {
            group.sum += value as number
            return 0
          },
          finish: ({ key, sum }) => [key, sum],
        })
        const wanted = new Map<number, number>()
        for (const [key, value] of rows) wanted.set(key, (wanted.get(key) ?? 0) + value)
        expect(drainInterrupted(sums, runOf(pauses))).toEqual([...wanted])
      }),
    )
  })

  it('one group for no rows, where there are no keys', () => {
    const count = new HashAggregate<Row, { n: number }, number, Run>(source([]), {
      format,
      groupBytes: () => 0,
      keyOf: undefined,
      begin: () => ({ n: 0 }),
      evaluate: () => [],
      add: (group) => {
        group.n++
        return 0
      },
      finish: ({ n }) => n,
    })
    expect(drain(count, runOf([]))).toEqual([0])
  })

  it('distinct, concatenate, intersect and except', () => {
    fc.assert(
      fc.property(rowsOf, rowsOf, fc.boolean(), (left, right, all) => {
        const keyOf = ([key]: Row): number => key
        const both = new Distinct(new Concatenate([source(left), source(right)]), keyOf, format)
        const seen = new Set<number>()
        const wanted = [...left, ...right].filter(([key]) => !seen.has(key) && seen.add(key))
        expect(drainTwice(both, runOf([]))).toEqual(wanted)
        for (const kind of ['intersect', 'except'] as const) {
          const found = drainTwice(
            new SetFilter(source(left), source(right), { keyOf, format, kind, all }),
            runOf([]),
          ).map(keyOf)
          expect([...found].sort((a, b) => a - b)).toEqual(
            naiveSet(kind, all, left.map(keyOf), right.map(keyOf)).sort((a, b) => a - b),
          )
        }
      }),
    )
  })
})

function naiveJoin(kind: string, left: readonly Row[], right: readonly Row[]): string[] {
  const show = (a: Row | null, b: Row | null): string => JSON.stringify([a, b])
  const matches = (a: Row, b: Row): boolean => a[0] === b[0] && a[0] !== 0 && !show(a, b).includes('7')
  const out: string[] = []
  for (const a of left) {
    const found = right.filter((b) => matches(a, b))
    if (kind === 'semi' || kind === 'anti') {
      if (found.length > 0 === (kind === 'semi')) out.push(show(a, null))
    } else {
      out.push(...found.map((b) => show(a, b)))
      if (found.length === 0 && (kind === 'left' || kind === 'full')) out.push(show(a, null))
    }
  }
  if (kind === 'right' || kind === 'full') {
    for (const b of right) if (!left.some((a) => matches(a, b))) out.push(show(null, b))
  }
  return out
}

function naiveSet(
  kind: 'intersect' | 'except',
  all: boolean,
  left: readonly number[],
  right: readonly number[],
): number[] {
  const rest = [...right]
  const kept = left.filter((key) => {
    const at = rest.indexOf(key)
    if (all && at >= 0) rest.splice(at, 1)
    return at >= 0 === (kind === 'intersect')
  })
  return all ? kept : [...new Set(kept)]
}
