/**
 * Queries that must agree with each other, whatever is in the tables: no other server is needed to know the answer.
 *
 * - Partitioning (SQLancer's TLP): a condition is true, false or unknown of each row, so the rows of the three queries are
 *   those of the query without it; likewise of groups, by HAVING, and of what DISTINCT leaves.
 * - No optimization (SQLancer's NoREC): rows that a condition lets through are as many as it is true of, where it is only shown.
 * - The least and the greatest value are the first of an order.
 * - A join's condition may as well stand behind WHERE.
 */
import { predicate, exactTypes } from '../postgres/expressions.ts'
import { type Part, type Piece, piece } from '../postgres/piece.ts'
import type { QueryMaker } from '../postgres/queries.ts'
import type { Random } from '../postgres/random.ts'

export const checkNames = ['where', 'distinct', 'having', 'count', 'extreme', 'join'] as const
export type CheckName = (typeof checkNames)[number]

/** What a check is made of; made smaller piece by piece. */
export interface Check {
  readonly name: CheckName
  readonly from: Piece
  /** A second FROM, of `join`. */
  readonly beside: Piece
  readonly condition: Piece
  /** What is shown. */
  readonly list: readonly string[]
}

export function makeCheck(random: Random, queries: QueryMaker): Check {
  const name = random.pick(checkNames)
  const source = queries.source()
  const beside = name === 'join' ? queries.source() : { piece: piece('from'), columns: [] }
  const columns = [...source.columns, ...beside.columns]
  const exact = columns.filter(({ type }) => exactTypes.includes(type))
  const shown = random.times(1, 3, () => random.pick(exact.length === 0 ? columns : exact).text)
  const list = name === 'extreme' ? shown.slice(0, 1) : shown
  const seen = name === 'having' ? columns.filter(({ text }) => list.includes(text)) : columns
  const condition = predicate(random, 2, queries.options(seen, false))
  return { name, from: source.piece, beside: beside.piece, condition, list }
}

/** Columns with `|` between; texts in quotes. */
type Rows = readonly string[]

export const nothing = 'NULL'

export interface Comparison {
  readonly queries: readonly (readonly Part[])[]
  /** Of the rows of each query, each a line: whether they agree. */
  agree(rows: readonly Rows[]): boolean
}

const asBag = (rows: Rows): string => JSON.stringify(rows.toSorted())
const asSet = (rows: Rows): string => asBag([...new Set(rows)])

/** What is asked, and what must hold of the answers. */
export function comparisonOf({ name, from, beside, condition, list }: Check): Comparison {
  const shown = list.join(', ')
  const head = (what: string): Part[] => [`select ${what} from `, from]
  const thrice = (before: readonly Part[], word: string): Part[][] => [
    [...before, ` ${word} `, condition],
    [...before, ` ${word} not (`, condition, ')'],
    [...before, ` ${word} (`, condition, ') is null'],
  ]
  const likeAll = (print: (rows: Rows) => string): Comparison['agree'] => {
    return ([whole, ...parts]) => print(whole!) === print(parts.flat())
  }
  switch (name) {
    case 'where':
      return { queries: [head(shown), ...thrice(head(shown), 'where')], agree: likeAll(asBag) }
    case 'distinct':
      return {
        queries: [head(`distinct ${shown}`), ...thrice(head(`distinct ${shown}`), 'where')],
        agree: ([whole, ...parts]) => asBag(whole!) === asSet(parts.flat()),
      }
    case 'having': {
      const grouped = [...head(`${shown}, count(*)`), ` group by ${shown}`]
      return { queries: [grouped, ...thrice(grouped, 'having')], agree: likeAll(asBag) }
    }
    case 'count':
      return {
        queries: [
          [...head('count(*)'), ' where ', condition],
          ['select (', condition, ') is true from ', from],
        ],
        agree: ([count, each]) => count![0] === JSON.stringify(String(each!.filter((row) => row === 'true').length)),
      }
    case 'extreme':
      return {
        queries: (['min', 'max'] as const).flatMap((word) => [
          [...head(`${word}(${shown})`), ' where ', condition],
          [
            ...head(shown),
            ' where (',
            condition,
            `) and ${shown} is not null order by 1 ${word === 'max' ? 'desc' : ''} limit 1`,
          ],
        ]),
        agree: ([least, first, greatest, last]) =>
          least![0] === (first![0] ?? nothing) && greatest![0] === (last![0] ?? nothing),
      }
    case 'join':
      return {
        queries: [
          [...head(shown), ' join ', beside, ' on ', condition],
          [...head(shown), ', ', beside, ' where ', condition],
        ],
        agree: ([joined, filtered]) => asBag(joined!) === asBag(filtered!),
      }
  }
}
