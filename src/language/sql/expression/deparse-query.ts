/**
 * A bound expression with its subqueries as SQL text that means the same wherever it is read again: relations with their
 * schemas, columns with the relation that they are of. In PostgreSQL's style (`ruleutils.c`), since clients are shown it.
 *
 * Columns are named by what they are, not by how the text called them, so that a text can be written anew after a rename:
 * `names` says what things are called. What no text is made of is refused where the expression is first written down.
 */
import type { Relation } from '../../../query/relation.ts'
import type { BoundQuery, FromItem, QueryTail, SelectBody } from '../bind/query.ts'
import { notBuilt } from '../failure.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { deparse, type DeparseOptions } from './deparse.ts'
import type { Expression, SubqueryExpression } from './expression.ts'

export interface ObjectNames {
  /** With its schema, where that is to be shown. */
  relation(relation: Relation): string
  column(relation: Relation, ordinal: number): string
}

/** How columns of a block are written: alone, and within its subqueries. */
interface Block {
  own(index: number): string
  /** What it takes from outside, by the number of its subquery and the slot. */
  captured(subquery: number, slot: number): string
}

/** An expression over the columns of `relation`, which subqueries call `alias`. */
export function deparseOver(expression: Expression, relation: Relation, alias: string, names: ObjectNames): string {
  const column = (index: number): string => quoteIdentifier(names.column(relation, index))
  const within: Block = {
    own: (index) => `${quoteIdentifier(alias)}.${column(index)}`,
    captured: () => '',
  }
  return deparse(expression, { ...optionsOf(within, names), column })
}

function optionsOf(block: Block, names: ObjectNames): DeparseOptions {
  return {
    column: (index) => block.own(index),
    captured: (subquery, slot) => block.captured(subquery, slot),
    subquery: (expression, text) => subqueryText(expression, text, block, names),
  }
}

function subqueryText(
  expression: SubqueryExpression,
  text: (one: Expression) => string,
  outer: Block,
  names: ObjectNames,
): string {
  const { form, left, query, captures, id, isMembership, operator } = expression
  const outside = optionsOf(outer, names)
  const captured = (subquery: number, slot: number): string =>
    subquery === id ? deparse(captures[slot]!, outside) : outer.captured(subquery, slot)
  const inner = `(${queryText(query, captured, names)})`
  if (form === 'exists') return `(EXISTS ${inner})`
  if (form === 'scalar') return inner
  if (form === 'array') return `ARRAY${inner}`
  if (left.length !== 1 || form === 'row') throw notBuilt('a row that is compared with a subquery, in a policy')
  if (isMembership) return `(${text(left[0]!)} IN ${inner})`
  const name = operator?.kind === 'call' ? operator.name : undefined
  if (name === undefined) throw notBuilt('this comparison with a subquery, in a policy')
  return `(${text(left[0]!)} ${name} ${form === 'any' ? 'ANY' : 'ALL'} ${inner})`
}

function queryText({ body, columns }: BoundQuery, captured: Block['captured'], names: ObjectNames): string {
  if (body.kind !== 'select')
    throw notBuilt(`${body.kind === 'set' ? body.operation.toUpperCase() : 'VALUES'} in a policy`)
  if (body.locking.length > 0) throw notBuilt('FOR UPDATE in a policy')
  const from = new FromText(body.from, captured, names)
  const over = optionsOf({ own: (index) => from.column(index), captured }, names)
  const grouped = overGroups(body, over)
  const targets = body.targets.slice(0, columns.length).map((target, i) => {
    const text = deparse(target, grouped)
    const ownName = target.kind === 'column' ? from.nameOf(target.index, body) : '?column?'
    const { name } = columns[i]!
    return name === ownName ? text : `${text} AS ${quoteIdentifier(name)}`
  })
  const isDistinct = body.isDistinct ? 'DISTINCT ' : ''
  if (body.distinctOn !== undefined) throw notBuilt('DISTINCT ON in a policy')
  const parts = [` SELECT ${isDistinct}${targets.join(', ')}`]
  if (body.from !== undefined) parts.push(`   FROM ${from.text()}`)
  if (body.where !== undefined) parts.push(`  WHERE ${deparse(body.where, over)}`)
  if (body.grouping !== undefined) {
    const { keys, having } = body.grouping
    if (keys.length > 0) parts.push(`  GROUP BY ${keys.map((key) => deparse(key, over)).join(', ')}`)
    if (having !== undefined) parts.push(`  HAVING ${deparse(having, grouped)}`)
  }
  return [...parts, ...tailText(body.tail, (place) => deparse(body.targets[place]!, grouped), over)].join('\n')
}

/** What stands above the grouping reads the row of a group: keys, then aggregates. */
function overGroups({ grouping }: SelectBody, over: DeparseOptions): DeparseOptions {
  if (grouping === undefined) return over
  const { keys, aggregates } = grouping
  return { ...over, column: (index) => deparse(keys[index] ?? aggregates[index - keys.length]!, over), isExact: true }
}

function tailText(
  { order, limit, offset, withTies }: QueryTail,
  target: (place: number) => string,
  over: DeparseOptions,
): string[] {
  if (withTies) throw notBuilt('WITH TIES in a policy')
  const keys = order.map(({ target: place, descending, nullsFirst }) => {
    const nulls = nullsFirst === descending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST'
    return `${target(place)}${descending ? ' DESC' : ''}${nulls}`
  })
  return [
    ...(keys.length === 0 ? [] : [`  ORDER BY ${keys.join(', ')}`]),
    ...(offset === undefined ? [] : [` OFFSET ${deparse(offset, over)}`]),
    ...(limit === undefined ? [] : [` LIMIT ${deparse(limit, over)}`]),
  ]
}

type Leaf = Extract<FromItem, { kind: 'relation' | 'query' }>

class FromText {
  readonly #from: FromItem | undefined
  readonly #leaves: readonly Leaf[]
  readonly #captured: Block['captured']
  readonly #names: ObjectNames

  constructor(from: FromItem | undefined, captured: Block['captured'], names: ObjectNames) {
    this.#from = from
    this.#leaves = from === undefined ? [] : leavesOf(from)
    this.#captured = captured
    this.#names = names
  }

  #at(index: number): { leaf: Leaf; name: string } {
    const leaf = this.#leaves.find(({ first, width }) => index >= first && index < first + width)!
    const at = index - leaf.first
    const name = leaf.kind === 'relation' ? this.#names.column(leaf.relation, at) : leaf.query.columns[at]!.name
    return { leaf, name }
  }

  column(index: number): string {
    const { leaf, name } = this.#at(index)
    return `${quoteIdentifier(leaf.alias)}.${quoteIdentifier(name)}`
  }

  /** Of a column that is shown as it is. */
  nameOf(index: number, { grouping }: SelectBody): string {
    if (grouping === undefined) return this.#at(index).name
    const key = grouping.keys[index]
    return key?.kind === 'column' ? this.#at(key.index).name : '?column?'
  }

  text(): string {
    return this.#itemText(this.#from!, true)
  }

  #itemText(item: FromItem, isOutermost: boolean): string {
    if (item.kind === 'join') return this.#joinText(item, isOutermost)
    const alias = quoteIdentifier(item.alias)
    if (item.kind === 'relation') {
      const name = this.#names.relation(item.relation)
      return name === alias || name.endsWith(`.${alias}`) ? name : `${name} ${alias}`
    }
    // `leavesOf` has refused all others.
    const { query, id, captures, isLateral } = item as Extract<FromItem, { kind: 'query' }>
    const outside = optionsOf({ own: (index) => this.column(index), captured: this.#captured }, this.#names)
    const captured = (subquery: number, slot: number): string =>
      subquery === id ? deparse(captures[slot]!, outside) : this.#captured(subquery, slot)
    return `${isLateral ? 'LATERAL ' : ''}(${queryText(query, captured, this.#names)}) ${alias}`
  }

  #joinText({ join, left, right, condition }: Extract<FromItem, { kind: 'join' }>, isOutermost: boolean): string {
    const [a, b] = [this.#itemText(left, isOutermost && condition === undefined), this.#itemText(right, false)]
    if (condition === undefined) {
      if (join === 'inner') return isOutermost ? `${a},\n    ${b}` : `(${a}\n     CROSS JOIN ${b})`
      throw notBuilt('this join in a policy')
    }
    const word = join === 'inner' ? 'JOIN' : `${join.toUpperCase()} JOIN`
    const over = optionsOf({ own: (index) => this.column(index), captured: this.#captured }, this.#names)
    return `(${a}\n     ${word} ${b} ON (${deparse(condition, over)}))`
  }
}

function leavesOf(item: FromItem): Leaf[] {
  if (item.kind === 'join') return [...leavesOf(item.left), ...leavesOf(item.right)]
  if (item.kind === 'shared') throw notBuilt('WITH in a policy')
  if (item.kind === 'function') throw notBuilt('a function in FROM of a policy')
  return [item]
}
