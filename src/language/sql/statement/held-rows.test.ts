import { expect, it } from 'vitest'
import type { StatementSteps } from '../../../database/contract.ts'
import { suspended } from '../../../database/transaction/wait.ts'
import { smallMemory } from '../../../query/testing.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { eachHeld, holdRows, type RowsOnTheirWay } from './held-rows.ts'

async function done<T>(steps: StatementSteps<T>): Promise<T> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value
    await (step.value as Promise<void>)
  }
}

/** As a scan gives rows of a table of which one column and the key are read. */
function rowsOnTheirWay(count: number): RowsOnTheirWay {
  let next = 0
  return {
    *next() {
      const rows: SqlRow[] = []
      yield undefined
      for (; rows.length < 100 && next < count; next++) rows.push([null, next, null, new Uint8Array(8).fill(next)])
      return rows.length === 0 ? undefined : rows
    },
  }
}

it('holds a found row with its new value in less than 50 bytes, and computes a row once, whatever it has to wait for', async () => {
  const { run, workspace } = await smallMemory(64 * 1024 * 1024, { pauseEvery: 50 })
  const count = 20_000
  let calls = 0
  let computed = 0
  const compute = (row: SqlRow): SqlRow => {
    if (++calls % 7 === 0) throw suspended
    computed++
    return [(row[1] as number) + 1]
  }
  const held = await done(holdRows(rowsOnTheirWay(count), run as SqlRun, 1, compute))
  expect([computed, held.length]).toEqual([count, count])
  expect(workspace.memory.usedBytes).toBeLessThan(50 * count)
  let at = 0
  const change = function* (row: SqlRow): StatementSteps<boolean> {
    expect(row).toEqual([null, at, null, new Uint8Array(8).fill(at), at + 1])
    at++
    yield undefined
    return true
  }
  const { rowCount } = await done(eachHeld(held, run as SqlRun, change))
  expect([at, rowCount, workspace.memory.usedBytes]).toEqual([count, count, 0])
})
