/**
 * Which members of a family a block's conditions leave: by what is known when it is planned, and again by what parameters and
 * the like are when it is opened.
 *
 * Conditions are read as comparisons of partition keys with values (`model/table/partitions/pruning.ts` knows what follows from those):
 * all of a list must hold, of an OR one of its arms. What is not understood is as if it were not there.
 */
import { flatElements } from '../../../model/table/types/array.ts'
import { findType, getType } from '../../../model/table/types/registry.ts'
import { type KeyComparison, prune } from '../../../model/table/partitions/pruning.ts'
import type { Partition } from '../../../model/table/partitions/partitioning.ts'
import {
  type FamilyDivision,
  type FamilyMember,
  type FamilyRelation,
  valueOfType,
} from '../../../query/family-relation.ts'
import type { SqlValue } from '../contract.ts'
import { compile, type Compiler, type Evaluate } from '../expression/compile.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { oid } from '../types/oids.ts'
import { mirrored, underlyingColumn } from './access-conditions.ts'
import { conjunctsOf, isMovable } from './conditions.ts'
import { noRow, type SqlRun } from './run.ts'

interface Term {
  readonly column: number
  readonly operator: KeyComparison['operator'] | 'in' | 'not in'
  readonly value?: Expression
}

/** All comparisons hold, and of each list in `either` one. */
interface Terms {
  readonly all: readonly Term[]
  readonly either: readonly (readonly Terms[])[]
}

/** Undefined: not known yet. */
type ValueOf = (expression: Expression) => SqlValue | undefined

export class Pruner {
  readonly #family: FamilyRelation
  readonly #terms: Terms
  readonly #compiler: Compiler
  readonly #compiled = new Map<Expression, Evaluate>()

  constructor(family: FamilyRelation, first: number, conditions: readonly Expression[], compiler: Compiler) {
    this.#family = family
    const width = family.columns.length
    const columnOf = (one: Expression): number | undefined => {
      const column = underlyingColumn(one)
      return column !== undefined && column >= first && column < first + width ? column - first : undefined
    }
    this.#terms = termsOf(conditions.filter(isMovable), columnOf)
    this.#compiler = compiler
  }

  /** By constants alone. */
  planned(): readonly FamilyMember[] {
    return this.#survivors((expression) => (isFixed(expression) ? this.#evaluate(expression, undefined) : undefined))
  }

  /** Undefined where nothing more can be known when it runs. */
  atRun(): ((run: SqlRun) => readonly FamilyMember[]) | undefined {
    const isLate = ({ all, either }: Terms): boolean =>
      all.some(({ value }) => value !== undefined && !isFixed(value) && isCheap(value)) ||
      either.some((arms) => arms.some(isLate))
    if (!isLate(this.#terms)) return undefined
    return (run) => this.#survivors((one) => (isFixed(one) || isCheap(one) ? this.#evaluate(one, run) : undefined))
  }

  /** What cannot be evaluated fails where the row is tested, if there is one. */
  #evaluate(expression: Expression, run: SqlRun | undefined): SqlValue | undefined {
    let evaluate = this.#compiled.get(expression)
    if (evaluate === undefined) this.#compiled.set(expression, (evaluate = compile(expression, this.#compiler)))
    try {
      return evaluate(noRow, run as SqlRun)
    } catch {
      return undefined
    }
  }

  #survivors(valueOf: ValueOf): readonly FamilyMember[] {
    return this.#family.survivors((division) => chosen(division, this.#terms, valueOf, []))
  }
}

/** It is the same in every execution. */
function isFixed(expression: Expression): boolean {
  return !someExpression(expression, (one) => {
    if (one.kind === 'call') return one.volatile || one.stable === true || one.needsRun
    return one.kind !== 'constant' && one.kind !== 'array'
  })
}

/** It has a value once the block is opened, for next to nothing. */
function isCheap(expression: Expression): boolean {
  return (
    columnsRead(expression).size === 0 &&
    !someExpression(expression, ({ kind }) => kind === 'subquery' || kind === 'aggregate' || kind === 'set')
  )
}

function termsOf(conditions: readonly Expression[], columnOf: (one: Expression) => number | undefined): Terms {
  const all: Term[] = []
  const either: (readonly Terms[])[] = []
  for (const condition of conditions) {
    if (condition.kind === 'or') either.push(condition.arguments.map((one) => termsOf(conjunctsOf(one), columnOf)))
    else all.push(...termOf(condition, columnOf))
  }
  return { all, either }
}

const truth = (value: boolean): Expression => ({ kind: 'constant', type: oid.bool, modifier: -1, value })

function termOf(condition: Expression, columnOf: (one: Expression) => number | undefined): Term[] {
  if (condition.kind === 'column') {
    const column = condition.type === oid.bool ? columnOf(condition) : undefined
    return column === undefined ? [] : [{ column, operator: '=', value: truth(true) }]
  }
  if (condition.kind === 'not') {
    const { argument } = condition
    const column = argument.kind === 'column' && argument.type === oid.bool ? columnOf(argument) : undefined
    return column === undefined ? [] : [{ column, operator: '=', value: truth(false) }]
  }
  if (condition.kind === 'test') {
    const column = columnOf(condition.argument)
    if (column === undefined) return []
    const { test, negated } = condition
    if (test === 'null' || test === 'unknown') return [{ column, operator: negated ? 'not null' : 'null' }]
    return negated ? [] : [{ column, operator: '=', value: truth(test === 'true') }]
  }
  if (condition.kind === 'quantified') {
    const column = columnOf(condition.left)
    const { operator, all, array } = condition
    const isIn = operator.name === '=' && !all
    if (column === undefined || !(isIn || (operator.name === '<>' && all))) return []
    return [{ column, operator: isIn ? 'in' : 'not in', value: array }]
  }
  if (condition.kind !== 'call' || !condition.isOperator) return []
  const [left, right] = condition.arguments
  if (left === undefined || right === undefined) return []
  const isUnequal = condition.name === '<>'
  const flipped = isUnequal ? '<>' : mirrored[condition.name]
  if (flipped === undefined) return []
  const [a, b] = [columnOf(left), columnOf(right)]
  const found: Term[] = []
  const operator = condition.name as KeyComparison['operator']
  if (a !== undefined) found.push({ column: a, operator, value: right })
  if (b !== undefined) found.push({ column: b, operator: flipped as KeyComparison['operator'], value: left })
  return found
}

const integers: ReadonlySet<number> = new Set([oid.int2, oid.int4, oid.int8])
const texts: ReadonlySet<number> = new Set([oid.text, oid.varchar])

/** A value of the one type means in the other what it means in its own. */
function isAlike(type: number, other: number): boolean {
  return type === other || (integers.has(type) && integers.has(other)) || (texts.has(type) && texts.has(other))
}

const none: ReadonlySet<Partition> = new Set()

/** Partitions of one table. `given`: what holds beside the terms. */
function chosen(
  { partitioning, keys }: FamilyDivision,
  terms: Terms,
  valueOf: ValueOf,
  given: readonly KeyComparison[],
): ReadonlySet<Partition> {
  const known: KeyComparison[] = [...given]
  const lists: KeyComparison[][] = []
  for (const { column, operator, value } of terms.all) {
    const key = keys.indexOf(column)
    if (key < 0) continue
    if (operator === 'null' || operator === 'not null') {
      known.push({ key, operator })
      continue
    }
    const type = partitioning.types[key]!
    const isList = operator === 'in' || operator === 'not in'
    const elementType = isList ? findType(value!.type)?.element?.oid : value!.type
    if (elementType === undefined || !isAlike(type.oid, elementType)) continue
    const found = valueOf(value!)
    if (found === undefined) continue
    if (found === null) return none
    const read = (one: SqlValue): SqlValue => valueOfType(getType(type.oid), one)
    if (operator === 'in') {
      const elements = flatElements(found as readonly SqlValue[]).filter((one) => one !== null)
      lists.push(elements.map((one) => ({ key, operator: '=', value: read(one) })))
    } else if (operator === 'not in') {
      const elements = flatElements(found as readonly SqlValue[])
      if (elements.includes(null)) return none
      for (const one of elements) known.push({ key, operator: '<>', value: read(one) })
    } else known.push({ key, operator, value: read(found) })
  }
  let left = prune(partitioning, known)
  for (const list of lists) left = both(left, any(list.map((one) => prune(partitioning, [...known, one]))))
  for (const arms of terms.either) {
    left = both(left, any(arms.map((arm) => chosen({ partitioning, keys }, arm, valueOf, known))))
  }
  return left
}

function any(sets: readonly ReadonlySet<Partition>[]): ReadonlySet<Partition> {
  return new Set(sets.flatMap((set) => [...set]))
}

function both(some: ReadonlySet<Partition>, others: ReadonlySet<Partition>): ReadonlySet<Partition> {
  return new Set([...some].filter((one) => others.has(one)))
}
