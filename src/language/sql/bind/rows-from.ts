/**
 * ROWS FROM (f(…), g(…)), and `unnest` of several arrays: functions whose rows stand side by side, until the longest has ended;
 * in the place of rows that a shorter one has not there are nulls.
 */
import type { FuncCall, Node } from 'libpg-query'
import type { SqlValue } from '../contract.ts'
import type { Expression } from '../expression/expression.ts'
import { notBuilt } from '../failure.ts'
import type { SetFunctionEntry } from '../functions/registry.ts'
import type { OutputColumn } from './query.ts'
import { lastName } from './tree.ts'

/** A function in FROM, with what it is called with and what it gives. */
export interface RowsSource {
  readonly entry: SetFunctionEntry
  readonly arguments: readonly Expression[]
  readonly columns: readonly OutputColumn[]
}

/** `unnest(a, b)` is `ROWS FROM (unnest(a), unnest(b))`. */
export function separated(call: Node): readonly Node[] {
  if (!('FuncCall' in call)) return [call]
  const { args = [], func_variadic: isVariadic, funcname } = call.FuncCall
  if (lastName(funcname) !== 'unnest' || args.length < 2 || isVariadic === true) return [call]
  return args.map((one) => ({ FuncCall: { ...call.FuncCall, args: [one] } satisfies FuncCall }))
}

export function sideBySide(sources: readonly RowsSource[]): RowsSource {
  const [first, ...others] = sources
  if (others.length === 0) return first!
  if (sources.some(({ entry }) => entry.slowRows !== undefined)) throw notBuilt('this function in ROWS FROM')
  const columns = sources.flatMap((one) => one.columns)
  const rows: SetFunctionEntry['rows'] = (run, values) => {
    let at = 0
    const walks = sources.map(({ entry, arguments: parts, columns: own }) => {
      const given = values.slice(at, (at += parts.length))
      return { rows: entry.rows(run, given)[Symbol.iterator](), width: own.length }
    })
    return together(walks)
  }
  const entry = { name: first!.entry.name, isTogether: true, takes: [], variadic: false, columns, rows }
  return { entry, arguments: sources.flatMap((one) => one.arguments), columns }
}

interface Walk {
  readonly rows: Iterator<readonly SqlValue[]>
  readonly width: number
}

function* together(walks: readonly Walk[]): Generator<readonly SqlValue[]> {
  for (;;) {
    let isOver = true
    const row = walks.flatMap(({ rows, width }) => {
      const step = rows.next()
      if (step.done === true) return Array.from({ length: width }, () => null)
      isOver = false
      return step.value
    })
    if (isOver) return
    yield row
  }
}
