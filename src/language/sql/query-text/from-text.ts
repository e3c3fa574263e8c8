/** FROM, as a part of a query's text: relations under their present names, joins, subqueries, functions. */
import type { FromItem, Grouping, JoinItem } from '../bind/query.ts'
import { SampledRelation, type Sampling } from '../bind/sampled-relation.ts'
import type { Relation } from '../../../query/relation.ts'
import { type Expression, fingerprint } from '../expression/expression.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { notBuilt } from '../failure.ts'
import type { Captured, QueryText } from './query-text.ts'
import type { TextScope } from './expression-text.ts'

type Leaf = Exclude<FromItem, JoinItem>

export class FromText {
  readonly #writer: QueryText
  readonly #from: FromItem | undefined
  readonly #leaves: readonly Leaf[]
  readonly #captured: Captured
  /** Columns that are seen through a join alone, by what they are. */
  readonly #joined = new Map<string, string>()
  readonly #scope: TextScope

  constructor(writer: QueryText, from: FromItem | undefined, captured: Captured) {
    this.#writer = writer
    this.#from = from
    this.#captured = captured
    this.#leaves = from === undefined ? [] : leavesOf(from)
    if (from !== undefined) this.#nameJoined(from)
    this.#scope = { ...writer.scope((index) => this.column(index), captured), ...this.merged }
  }

  /** Names that joins give: all within one that has an alias, and what FULL JOIN … USING has merged. */
  #nameJoined(item: FromItem): void {
    if (item.kind !== 'join') return
    this.#nameJoined(item.left)
    this.#nameJoined(item.right)
    const { written } = item
    if (written === undefined) return
    for (const { name, expression } of written.columns) {
      if (written.alias !== undefined) {
        this.#joined.set(fingerprint(expression), `${quoteIdentifier(written.alias)}.${quoteIdentifier(name)}`)
      } else if (expression.kind === 'coalesce') this.#joined.set(fingerprint(expression), quoteIdentifier(name))
    }
  }

  get merged(): Pick<TextScope, 'merged'> {
    return this.#joined.size === 0 ? {} : { merged: (expression) => this.#joined.get(fingerprint(expression)) }
  }

  #at(index: number): { leaf: Leaf; name: string } {
    const leaf = this.#leaves.find(({ first, width }) => index >= first && index < first + width)!
    // Behind the columns of several tables' rows stands where they are from.
    return { leaf, name: this.#names(leaf)[index - leaf.first] ?? 'tableoid' }
  }

  /** What the columns of an item are called. */
  #names(leaf: Leaf): readonly string[] {
    return leaf.written?.columns ?? this.#ownNames(leaf)
  }

  #ownNames(leaf: Leaf): readonly string[] {
    const relation = relationOf(leaf)
    if (relation !== undefined) return relation.columns.map((_, i) => this.#writer.names.column(relation, i))
    if (leaf.kind === 'shared' || leaf.kind === 'query') {
      const names = leaf.kind === 'shared' ? (leaf.columnNames ?? []) : []
      return leaf.query.columns.map(({ name }, i) => names[i] ?? name)
    }
    return []
  }

  column(index: number): string {
    const joined = this.#joined.get(`c${index}()`)
    if (joined !== undefined) return joined
    const { leaf, name } = this.#at(index)
    return `${quoteIdentifier(this.#alias(leaf))}.${quoteIdentifier(name)}`
  }

  /** Without one of its own a relation is called by its present name, where no other item is. */
  #alias(leaf: Leaf): string {
    const relation = relationOf(leaf)
    if (relation === undefined || leaf.written?.isGiven === true || this.#writer.names.keepsAliases === true) {
      return leaf.alias
    }
    const name = lastName(this.#writer.names.relation(relation))
    return name === leaf.alias || this.#leaves.some(({ alias }) => alias === name) ? leaf.alias : name
  }

  /** Of a column that is shown as it is; undefined of what is none. */
  nameOf(target: Expression, grouping: Grouping | undefined): string | undefined {
    const shown = grouping !== undefined && target.kind === 'column' ? grouping.keys[target.index] : target
    if (shown?.kind !== 'column') return undefined
    const joined = this.#joined.get(`c${shown.index}()`)
    return joined === undefined ? this.#at(shown.index).name : lastName(joined)
  }

  print(): void {
    const { printer } = this.#writer
    const items = commaItems(this.#from!)
    for (const [i, item] of items.entries()) {
      if (i === 0) {
        printer.clause(' FROM ', 2)
        this.#item(item)
        continue
      }
      printer.put(', ')
      const { level } = printer
      const text = printer.aside(() => this.#item(item))
      printer.level = level
      if (text.startsWith('\n')) printer.trimEnd()
      else printer.clause('', 4)
      printer.put(text)
    }
  }

  #item(item: FromItem): void {
    if (item.kind === 'join') return this.#join(item)
    const { printer } = this.#writer
    const relation = relationOf(item)
    if (item.written?.isOnly === true) printer.put('ONLY ')
    if (relation !== undefined) printer.put(this.#writer.names.relation(relation))
    else if (item.kind !== 'relation') this.#derived(item)
    if (this.#showsAlias(item)) printer.put(` ${quoteIdentifier(this.#alias(item))}`)
    const columns = item.written?.columns
    const isNamed = columns !== undefined && (relation === undefined || !sameNames(columns, this.#ownNames(item)))
    if (isNamed) printer.put(`(${columns.map((name, i) => this.#columnText(item, name, i)).join(', ')})`)
    if (relation instanceof SampledRelation) this.#sampling(relation.sampling)
  }

  #sampling({ method, written: { percent, seed } }: Sampling): void {
    const { printer, expressions } = this.#writer
    printer.put(` TABLESAMPLE ${method} (`)
    expressions.list([percent], this.#scope)
    printer.put(')')
    if (seed === undefined) return
    printer.put(' REPEATABLE (')
    expressions.list([seed], this.#scope)
    printer.put(')')
  }

  /** With its type where the call has to say it. */
  #columnText(item: Leaf, name: string, place: number): string {
    const own = quoteIdentifier(name)
    if (item.kind !== 'function' || item.entry.isDescribed !== true) return own
    const { type, modifier = -1 } = item.entry.columns[place]!
    return `${own} ${this.#writer.names.types.typeName(type, modifier)}`
  }

  #derived(item: Exclude<Leaf, { kind: 'relation' }>): void {
    const { printer, expressions } = this.#writer
    if (item.kind === 'shared') return printer.put(quoteIdentifier(item.name))
    const { id, captures } = item
    const captured: Captured = (subquery, slot) =>
      subquery === id ? { expression: captures[slot]!, scope: this.#scope } : this.#captured(subquery, slot)
    if (item.kind === 'query') {
      printer.put(item.isLateral ? 'LATERAL (' : '(')
      this.#writer.derived(item.query, captured)
      return printer.put(')')
    }
    const { entry, arguments: parts } = item
    // A query that reads itself, by its name.
    if (entry.isTogether === true) throw notBuilt('ROWS FROM in what is stored')
    if (entry.isWorkingTable === true) return printer.put(quoteIdentifier(entry.name))
    const within = this.#writer.scope(() => '', captured)
    if (captures.length > 0) printer.put('LATERAL ')
    if (entry.isValue === true) expressions.print(parts[0]!, within)
    else {
      const { name, routine } = entry
      const shown = routine && this.#writer.names.routine?.(routine, name)
      printer.put(`${shown ?? quoteIdentifier(name)}(`)
      expressions.list(parts, within)
      printer.put(')')
    }
    return printer.put(item.withOrdinality ? ' WITH ORDINALITY' : '')
  }

  #showsAlias(item: Leaf): boolean {
    if (item.kind === 'function' && item.entry.isWorkingTable === true) return item.alias !== item.entry.name
    if (item.written?.isGiven === true || item.kind === 'function') return true
    const relation = relationOf(item)
    if (relation !== undefined) return this.#alias(item) !== lastName(this.#writer.names.relation(relation))
    return item.kind === 'shared' ? item.alias !== item.name : true
  }

  #join(item: JoinItem): void {
    const { printer, expressions } = this.#writer
    const { join, left, right, condition, written } = item
    const isApart = !printer.isPretty || written?.alias !== undefined
    if (isApart) printer.put('(')
    this.#item(left)
    const word = join === 'inner' ? (condition === undefined ? 'CROSS JOIN' : 'JOIN') : `${join.toUpperCase()} JOIN`
    printer.line(` ${word} `, -8, 8, 4)
    const isRightApart = printer.isPretty && right.kind === 'join' && right.written?.alias === undefined
    if (isRightApart) printer.put('(')
    this.#item(right)
    if (isRightApart) printer.put(')')
    const using = this.#using(item)
    if (using !== undefined) printer.put(` USING (${using.map(quoteIdentifier).join(', ')})`)
    else if (condition !== undefined) {
      printer.put(' ON ')
      printer.wrapped(() => expressions.print(condition, this.#scope))
    } else if (join !== 'inner') printer.put(' ON TRUE')
    if (isApart) printer.put(')')
    if (written?.alias === undefined) return
    const names = written.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
    printer.put(` ${quoteIdentifier(written.alias)}(${names})`)
  }

  /** Where both sides are still called so. */
  #using({ written, left, right }: JoinItem): readonly string[] | undefined {
    if (written === undefined || written.using.length === 0) return undefined
    const has = (side: FromItem, name: string): boolean =>
      leavesOf(side).some((leaf) => this.#names(leaf).includes(name)) || mergesInto(side, name)
    return written.using.every((name) => has(left, name) && has(right, name)) ? written.using : undefined
  }
}

function mergesInto(item: FromItem, name: string): boolean {
  return item.kind === 'join' && item.written?.columns.some((column) => column.name === name) === true
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i])
}

/** The relation that is called by its name. */
function relationOf(leaf: Leaf): Relation | undefined {
  if (leaf.kind === 'relation') return leaf.relation
  return leaf.kind === 'query' ? leaf.view : undefined
}

/** Of a name as it is written, perhaps with its schema. */
function lastName(full: string): string {
  const found = /(?:^|\.)(?:"((?:[^"]|"")*)"|([^."]+))$/.exec(full)
  return found === null ? full : (found[2] ?? found[1]!.replaceAll('""', '"'))
}

/** What commas stand between. */
function commaItems(item: FromItem): FromItem[] {
  if (item.kind !== 'join' || item.written !== undefined) return [item]
  return [...commaItems(item.left), item.right]
}

function leavesOf(item: FromItem): Leaf[] {
  return item.kind === 'join' ? [...leavesOf(item.left), ...leavesOf(item.right)] : [item]
}
