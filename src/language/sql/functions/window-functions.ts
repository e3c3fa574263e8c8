/** The functions that stand with OVER only, by their types; `plan/windows/row-functions.ts` says what they do. */
import { oid } from '../types/oids.ts'

export interface WindowFunctionEntry {
  readonly name: string
  /** `anyelement` twice: types that meet in a common one. */
  readonly takes: readonly number[]
  readonly gives: number
}

const { anyelement, int4, int8, float8 } = oid

const all: readonly WindowFunctionEntry[] = [
  { name: 'row_number', takes: [], gives: int8 },
  { name: 'rank', takes: [], gives: int8 },
  { name: 'dense_rank', takes: [], gives: int8 },
  { name: 'percent_rank', takes: [], gives: float8 },
  { name: 'cume_dist', takes: [], gives: float8 },
  { name: 'ntile', takes: [int4], gives: int4 },
  ...['lag', 'lead'].flatMap((name) => [
    { name, takes: [anyelement], gives: anyelement },
    { name, takes: [anyelement, int4], gives: anyelement },
    { name, takes: [anyelement, int4, anyelement], gives: anyelement },
  ]),
  { name: 'first_value', takes: [anyelement], gives: anyelement },
  { name: 'last_value', takes: [anyelement], gives: anyelement },
  { name: 'nth_value', takes: [anyelement, int4], gives: anyelement },
]

const byName = new Map<string, WindowFunctionEntry[]>()
for (const entry of all) byName.set(entry.name, [...(byName.get(entry.name) ?? []), entry])

const none: readonly WindowFunctionEntry[] = []

export function windowFunctionsNamed(name: string): readonly WindowFunctionEntry[] {
  return byName.get(name) ?? none
}

export function allWindowFunctions(): readonly WindowFunctionEntry[] {
  return all
}
