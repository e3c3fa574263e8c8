/**
 * In which order the windows of a block are computed, and how their partitions are sorted: as PostgreSQL does both.
 *
 * Each expression that a block sorts, groups or partitions by has a number, in the order in which it is met: ORDER BY, GROUP
 * BY, DISTINCT, then window by window its order and its partitions. Windows are compared by the numbers of their keys, the
 * higher ones first, and longer lists before their beginnings.
 */
import type { BoundWindow } from '../../bind/windows/window.ts'
import { type Expression, fingerprint, type SortKey } from '../../expression/expression.ts'

export interface Keyed {
  readonly window: BoundWindow
  /** A partition's key is sorted as the order has it, where it does. */
  readonly partition: readonly SortKey[]
  readonly order: readonly SortKey[]
}

interface Numbered extends Keyed {
  readonly unique: readonly NumberedKey[]
}

interface NumberedKey {
  readonly number: number
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export function activeWindows(windows: readonly BoundWindow[], firstKeys: readonly Expression[]): readonly Keyed[] {
  const numbers = new Map<string, number>()
  const numberOf = (expression: Expression): number => {
    const print = fingerprint(expression)
    let number = numbers.get(print)
    if (number === undefined) numbers.set(print, (number = numbers.size + 1))
    return number
  }
  for (const one of firstKeys) numberOf(one)
  const numbered = windows.map((window): Numbered => {
    const order = window.order.map((key) => ({ key, numbered: numberedKey(key, numberOf) }))
    const partition = window.partition.map((expression) => {
      const number = numberOf(expression)
      const same = order.find(({ numbered: one }) => one.number === number)
      return same ?? plainKey(expression, number)
    })
    const unique: NumberedKey[] = []
    for (const { numbered: one } of [...partition, ...order])
      if (!unique.some((other) => isSame(one, other))) unique.push(one)
    return { window, partition: partition.map(({ key }) => key), order: order.map(({ key }) => key), unique }
  })
  return numbered.sort((a, b) => compareKeys(a.unique, b.unique))
}

function numberedKey(
  { expression, descending, nullsFirst }: SortKey,
  numberOf: (one: Expression) => number,
): NumberedKey {
  return { number: numberOf(expression), descending, nullsFirst }
}

function plainKey(expression: Expression, number: number): { key: SortKey; numbered: NumberedKey } {
  const direction = { descending: false, nullsFirst: false }
  return { key: { expression, ...direction }, numbered: { number, ...direction } }
}

function isSame(a: NumberedKey, b: NumberedKey): boolean {
  return a.number === b.number && a.descending === b.descending && a.nullsFirst === b.nullsFirst
}

function compareKeys(a: readonly NumberedKey[], b: readonly NumberedKey[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i]!, b[i]!]
    if (x.number !== y.number) return y.number - x.number
    if (x.descending !== y.descending) return x.descending ? -1 : 1
    if (x.nullsFirst !== y.nullsFirst) return x.nullsFirst ? -1 : 1
  }
  return b.length - a.length
}
