/** Rows and workspaces for the tests of operators. Nothing outside of tests imports this. */
import { MemoryAccount } from '../base/memory-account.ts'
import { beginTurn } from '../base/work.ts'
import type { Transaction } from '../database/contract.ts'
import { TemporaryFiles } from '../database/directory/temporary-files.ts'
import { Workspace } from '../database/transaction/workspace.ts'
import type { Disk } from '../host/host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { type Operator, paused, type Run, takeWait } from './operator.ts'
import type { RowFormat } from './row-format.ts'

export type Row = readonly [key: number, value: number]

export const rowFormat: RowFormat<Row> = {
  sizeOf: () => 32,
  keep: (row) => row,
  encode: ([key, value], into) => {
    into.f64le(key)
    into.f64le(value)
  },
  decode: (from) => [from.f64le(), from.f64le()],
}

export const keyFormat: RowFormat<number> = {
  sizeOf: () => 8,
  keep: (key) => key,
  encode: (key, into) => into.f64le(key),
  decode: (from) => from.f64le(),
}

export function plentyOfMemory(): Workspace {
  const parts = { temporary: undefined, operatorBytes: Infinity, statementBytes: Infinity }
  return new Workspace('the statement', new MemoryAccount('all'), parts)
}

export interface SmallMemory {
  readonly run: Run
  readonly workspace: Workspace
  readonly temporary: TemporaryFiles
  readonly disk: Disk
}

/** Operators spill beyond `operatorBytes`; the time slice is over at every n-th question. */
export async function smallMemory(
  operatorBytes: number,
  options: { readonly statementBytes?: number; readonly pauseEvery?: number; readonly temporaryBytes?: number } = {},
): Promise<SmallMemory> {
  const disk = createMemoryDisk()
  const temporary = await TemporaryFiles.open(disk, 'temporary', options.temporaryBytes ?? Infinity)
  const statementBytes = options.statementBytes ?? Infinity
  const account = new MemoryAccount('all', undefined, { quantumBytes: 1 })
  const workspace = new Workspace('the statement', account, { temporary, operatorBytes, statementBytes })
  let asked = 0
  const every = options.pauseEvery ?? 0
  const slice = { spend: () => every > 0 && ++asked % every === 0 }
  return { run: { transaction: { slice, workspace } as unknown as Transaction }, workspace, temporary, disk }
}

/** All that it hands out, waiting for what it waits for. */
export async function drainWaiting<R>(operator: Operator<R>, run: Run): Promise<R[]> {
  const rows: R[] = []
  for (let turns = 0; turns < 1_000_000; turns++) {
    const batch = operator.next(run)
    if (batch === undefined) return rows
    if (batch === paused) {
      await (takeWait(run) as Promise<void> | undefined)
      beginTurn()
    } else rows.push(...batch)
  }
  throw new Error('an operator never ends')
}

/** Rows in batches of the size given. */
export function rowSource<R>(rows: readonly R[], size: number = 7): Operator<R> {
  let at = 0
  return {
    next: () => {
      const batch = rows.slice(at, at + size)
      at += batch.length
      return batch.length > 0 ? batch : undefined
    },
    reset: () => {
      at = 0
    },
  }
}
