/**
 * Bound expressions to closures, once per plan: nothing walks a tree per row.
 *
 * A closure takes the row and the run. Rows of a leaf hold only the leaf's columns, so `base` is subtracted from a
 * column's place. Nulls are handled where the closures are joined: a strict function never sees one.
 */
import { flatElements } from '../../../model/table/types/array.ts'
import { PolylogError } from '../../../base/errors.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { failure } from '../failure.ts'
import { eachOf, type Progress } from '../progress.ts'
import { compileCosted, type CostedPlaces, forgetting } from './costed.ts'
import { drawingOnce } from './draws.ts'
import { Fold } from './fold.ts'
import type { CallExpression, Expression, QuantifiedExpression, SubqueryExpression } from './expression.ts'
import { answerOf, ArraySets, literalSet, membershipKey } from './membership.ts'
import { isVolatile } from './volatile.ts'

export type Evaluate = (row: SqlRow, run: SqlRun) => SqlValue
export type Predicate = (row: SqlRow, run: SqlRun) => boolean

export interface Compiler {
  /** Place of the row's first column. */
  readonly base: number
  compileSubquery(expression: SubqueryExpression, compiler: Compiler): Evaluate
  /** Of a long text: what is done of it. */
  readonly progress?: Progress | undefined
  /** Within an expression: where its calls keep what is dear. */
  readonly places?: CostedPlaces
}

type AnyFunction = (...values: unknown[]) => SqlValue

export function compile(expression: Expression, compiler: Compiler): Evaluate {
  if (compiler.places !== undefined) return compilePart(expression, compiler)
  const places: CostedPlaces = new Map()
  return forgetting(compilePart(expression, { ...compiler, places }), places)
}

function compilePart(expression: Expression, compiler: Compiler): Evaluate {
  switch (expression.kind) {
    case 'constant': {
      const { value } = expression
      return () => value
    }
    case 'parameter': {
      const { index } = expression
      return (_row, run) => run.parameters[index]!
    }
    case 'column': {
      const at = expression.index - compiler.base
      if (at < 0) throw new PolylogError('internal', `column ${expression.name} lies outside of its row`)
      return (row) => row[at]!
    }
    case 'captured': {
      const { subquery, slot } = expression
      return (_row, run) => run.captures[subquery]![slot]!
    }
    case 'call':
      return compileCall(expression, compiler)
    case 'and':
    case 'or':
      return compileLogic(expression, compiler)
    case 'not': {
      const argument = compile(expression.argument, compiler)
      return (row, run) => {
        const value = argument(row, run)
        return value === null ? null : !value
      }
    }
    default:
      return compileOther(expression, compiler)
  }
}

function compileOther(expression: Expression, compiler: Compiler): Evaluate {
  switch (expression.kind) {
    case 'test': {
      const argument = compile(expression.argument, compiler)
      const wanted = expression.test === 'true' ? true : expression.test === 'false' ? false : null
      const { negated } = expression
      return (row, run) => (argument(row, run) === wanted) !== negated
    }
    case 'case':
      return compileCase(expression, compiler)
    case 'coalesce': {
      const parts = compileAll(expression.arguments, compiler)
      return (row, run) => {
        for (const part of parts) {
          const value = part(row, run)
          if (value !== null) return value
        }
        return null
      }
    }
    case 'array': {
      const elements = compileAll(expression.elements, compiler)
      return (row, run) => elements.map((element) => element(row, run))
    }
    case 'quantified':
      return compileQuantified(expression, compiler)
    case 'subquery':
      return compiler.compileSubquery(expression, compiler)
    case 'sealed':
      return compile(expression.inner, compiler)
    case 'set': {
      const { location } = expression
      throw failure('0A000', 'set-valued function called in context that cannot accept a set', { location })
    }
    default:
      throw new Error(`invariant broken: ${expression.kind} survived planning`)
  }
}

export function compileAll(expressions: readonly Expression[], compiler: Compiler): readonly Evaluate[] {
  return eachOf(compiler.progress, expressions, (one) => compile(one, compiler))
}

export function compilePredicate(expression: Expression, compiler: Compiler): Predicate {
  const predicate = predicateOf(expression, compiler)
  return isVolatile(expression) ? drawingOnce(predicate) : predicate
}

function predicateOf(expression: Expression, compiler: Compiler): Predicate {
  if (expression.kind === 'sealed') return predicateOf(expression.inner, compiler)
  if (expression.kind === 'and') {
    const parts = eachOf(compiler.progress, expression.arguments, (one) => predicateOf(one, compiler))
    return (row, run) => {
      for (const part of parts) if (!part(row, run)) return false
      return true
    }
  }
  const evaluate = compile(expression, compiler)
  return (row, run) => evaluate(row, run) === true
}

function compileCall(expression: CallExpression, compiler: Compiler): Evaluate {
  const call = expression.implementation as AnyFunction
  const parts = compileAll(expression.arguments, compiler)
  if (expression.needsRun) return compileCallWithRun(call, parts, expression.strict)
  if (expression.cost !== undefined) return compileCosted(expression, parts, compiler.places!)
  if (!expression.strict) return compileLenientCall(call, parts)
  const [a, b, c] = parts as [Evaluate, Evaluate, Evaluate]
  switch (parts.length) {
    case 0:
      return () => call()
    case 1:
      return (row, run) => {
        const x = a(row, run)
        return x === null ? null : call(x)
      }
    case 2:
      return compileBinary(expression, call, a, b)
    case 3:
      return (row, run) => {
        const x = a(row, run)
        const y = b(row, run)
        const z = c(row, run)
        return x === null || y === null || z === null ? null : call(x, y, z)
      }
    default:
      return (row, run) => {
        const values = parts.map((part) => part(row, run))
        return values.includes(null) ? null : call(...values)
      }
  }
}

function compileBinary(expression: CallExpression, call: AnyFunction, a: Evaluate, b: Evaluate): Evaluate {
  const right = expression.arguments[1]!
  if (right.kind === 'constant' && right.value !== null) {
    const { value } = right
    return (row, run) => {
      const x = a(row, run)
      return x === null ? null : call(x, value)
    }
  }
  return (row, run) => {
    // Also beside a null: an error in the other argument is an error.
    const x = a(row, run)
    const y = b(row, run)
    return x === null || y === null ? null : call(x, y)
  }
}

function compileLenientCall(call: AnyFunction, parts: readonly Evaluate[]): Evaluate {
  const [a, b] = parts as [Evaluate, Evaluate]
  if (parts.length === 0) return () => call()
  if (parts.length === 1) return (row, run) => call(a(row, run))
  if (parts.length === 2) return (row, run) => call(a(row, run), b(row, run))
  return (row, run) => call(...parts.map((part) => part(row, run)))
}

function compileCallWithRun(call: AnyFunction, parts: readonly Evaluate[], strict: boolean): Evaluate {
  if (parts.length === 0) return (_row, run) => call(run)
  return (row, run) => {
    const values = parts.map((part) => part(row, run))
    return strict && values.includes(null) ? null : call(run, ...values)
  }
}

function compileLogic(expression: Expression & { kind: 'and' | 'or' }, compiler: Compiler): Evaluate {
  const parts = compileAll(expression.arguments, compiler)
  const decisive = expression.kind === 'or'
  return (row, run) => {
    let unknown = false
    for (const part of parts) {
      const value = part(row, run)
      if (value === decisive) return decisive
      if (value === null) unknown = true
    }
    return unknown ? null : !decisive
  }
}

function compileCase(expression: Expression & { kind: 'case' }, compiler: Compiler): Evaluate {
  const branches = eachOf(compiler.progress, expression.branches, ({ when, then }) => ({
    when: compilePredicate(when, compiler),
    then: compile(then, compiler),
  }))
  const otherwise = expression.otherwise === undefined ? undefined : compile(expression.otherwise, compiler)
  return (row, run) => {
    for (const { when, then } of branches) if (when(row, run)) return then(row, run)
    return otherwise === undefined ? null : otherwise(row, run)
  }
}

function compileQuantified(expression: QuantifiedExpression, compiler: Compiler): Evaluate {
  const { all } = expression
  const left = compile(expression.left, compiler)
  const keyOf = membershipKey(expression)
  const literal = keyOf === undefined ? undefined : literalSet(expression, keyOf, compiler.progress)
  if (literal !== undefined) return (row, run) => answerOf(literal, left(row, run), all, keyOf!)
  const array = compile(expression.array, compiler)
  const operator = compile(expression.operator, { ...compiler, base: 0 })
  const fold = new Fold(all, operator)
  const sets = keyOf === undefined ? undefined : new ArraySets(expression, keyOf)
  return (row, run) => {
    const values = array(row, run) as readonly SqlValue[] | null
    if (values === null) return null
    const set = sets?.find(values, run)
    if (set !== undefined) return answerOf(set, left(row, run), all, keyOf!)
    return fold.over(left(row, run), flatElements(values), run)
  }
}
