/**
 * Columns that equalities make equal: of a = b AND b = c follows a = c, so that a and c can be joined before b is there
 * (PostgreSQL's equivalence classes).
 *
 * A class are columns of different items that equalities connect. Every pair of them is a condition that a join may go by, stated or
 * derived; but when an item joins those that are there already, one of them says all, since these are equal to each other already.
 * More would be tested for nothing, and would make the estimate as small as if they had nothing to do with each other.
 * A class with two columns of one item is none: these would have to be compared by a condition of their own, which nobody has stated.
 */
import type { CallExpression, ColumnExpression, Expression } from '../expression/expression.ts'
import type { Span } from './conditions.ts'

/** Of more columns there are too many pairs. */
const mostColumns = 12

interface ColumnEquality extends CallExpression {
  readonly arguments: readonly [ColumnExpression, ColumnExpression]
}

interface EqualityClass {
  /** By their places. */
  readonly columns: Map<number, ColumnExpression>
  readonly stated: ColumnEquality[]
}

export class EqualColumns {
  /** Pairs that nobody has stated. */
  readonly derived: readonly Expression[]
  readonly #classes = new Map<Expression, EqualityClass>()

  /** `members`: the items whose joins may be put in another order. */
  constructor(conditions: readonly Expression[], members: readonly Span[]) {
    const classes = classesOf(conditions.filter(isColumnEquality))
    const usable = classes.filter(({ columns }) => {
      const items = [...columns.keys()].map((index) => members.findIndex((one) => isIn(index, one)))
      return columns.size > 2 && columns.size <= mostColumns && new Set(items).size === items.length
    })
    this.derived = usable.flatMap((one) => {
      const derived = derivedIn(one)
      for (const condition of [...one.stated, ...derived]) this.#classes.set(condition, one)
      return derived
    })
  }

  /** Of conditions by which an item joins others: one for each class. */
  needed(conditions: readonly Expression[]): Expression[] {
    const seen = new Set<EqualityClass>()
    return conditions.filter((one) => {
      const found = this.#classes.get(one)
      if (found === undefined) return true
      if (seen.has(found)) return false
      seen.add(found)
      return true
    })
  }
}

function isIn(index: number, { first, width }: Span): boolean {
  return index >= first && index < first + width
}

function isColumnEquality(condition: Expression): condition is ColumnEquality {
  if (condition.kind !== 'call' || !condition.isOperator || condition.name !== '=') return false
  const [a, b] = condition.arguments
  if (condition.routine !== undefined || condition.volatile || condition.arguments.length !== 2) return false
  return a?.kind === 'column' && b?.kind === 'column' && a.type === b.type && a.index !== b.index
}

function classesOf(equalities: readonly ColumnEquality[]): EqualityClass[] {
  let classes: EqualityClass[] = []
  for (const one of equalities) {
    const joined: EqualityClass = { columns: new Map(one.arguments.map((side) => [side.index, side])), stated: [one] }
    const [near, others] = [classes.filter((known) => areConnected(known, one)), classes]
    for (const { columns, stated } of near) {
      for (const [index, column] of columns) joined.columns.set(index, column)
      joined.stated.push(...stated)
    }
    classes = [...others.filter((known) => !near.includes(known)), joined]
  }
  return classes
}

function areConnected({ columns }: EqualityClass, { arguments: sides }: ColumnEquality): boolean {
  return sides.some(({ index }) => columns.has(index))
}

function derivedIn({ columns, stated }: EqualityClass): Expression[] {
  const known = new Set(stated.map(({ arguments: [a, b] }) => pairOf(a.index, b.index)))
  const all = [...columns.values()].sort((a, b) => a.index - b.index)
  return all.flatMap((a, i) =>
    all.slice(i + 1).flatMap((b): Expression[] => {
      if (known.has(pairOf(a.index, b.index))) return []
      return [{ ...stated[0]!, arguments: [a, b] }]
    }),
  )
}

function pairOf(a: number, b: number): string {
  return `${Math.min(a, b)} ${Math.max(a, b)}`
}
