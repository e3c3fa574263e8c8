/** UNION, INTERSECT and EXCEPT: two queries whose columns are made to have common types. */
import type { SelectStmt } from 'libpg-query'
import type { ConstantExpression, Expression, ParameterExpression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { eachOf } from '../progress.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { beginningOf, coerce, commonModifier, commonType } from './coerce.ts'
import { type BoundQuery, emptyTail, type OutputColumn, type QueryTail, type SetBody } from './query.ts'
import type { Scope } from './scope.ts'

const operations: Readonly<Record<string, 'union' | 'intersect' | 'except'>> = {
  SETOP_UNION: 'union',
  SETOP_INTERSECT: 'intersect',
  SETOP_EXCEPT: 'except',
}

/** `order`: of what comes out, by its columns. */
export function bindSetOperation(
  binder: Binder,
  scope: Scope,
  statement: SelectStmt,
  tailOf: (columns: readonly OutputColumn[]) => QueryTail,
): BoundQuery {
  const operation = operations[statement.op!]!
  const left = binder.query(scope.beside(), statement.larg!)
  const right = binder.query(scope.beside(), statement.rarg!)
  const { columns, body } = unionOf(binder, { left, right, operation, all: statement.all === true })
  return { columns, body: { ...body, tail: tailOf(columns) } }
}

/** Two queries whose columns meet in common types. */
export function unionOf(
  binder: Binder,
  { left, right, operation, all }: Pick<SetBody, 'left' | 'right' | 'operation' | 'all'>,
): { readonly columns: readonly OutputColumn[]; readonly body: SetBody } {
  const name = operation.toUpperCase()
  if (left.columns.length !== right.columns.length) {
    const location = right.body.kind === 'select' ? right.body.targets[0]?.location : undefined
    throw failure('42601', `each ${name} query must have the same number of columns`, { location })
  }
  const columns = left.columns.map((column, i): OutputColumn => {
    const sides = [left, right].map((side) => probe(side, i))
    const type = commonType(sides, name)
    return { name: column.name, type, modifier: commonModifier(sides, type) }
  })
  const sides = { left: convertColumns(binder, left, columns), right: convertColumns(binder, right, columns) }
  return { columns, body: { kind: 'set', operation, all, ...sides, tail: emptyTail() } }
}

function probe(query: BoundQuery, index: number): Expression {
  const { type, modifier, name } = query.columns[index]!
  const open = openTarget(query, index)
  if (open !== undefined) return { ...open, type: oid.unknown }
  const target = query.body.kind === 'select' ? query.body.targets[index] : undefined
  const location = target === undefined ? undefined : beginningOf(target)
  return { kind: 'column', index, type, modifier, name, location }
}

/** A literal or parameter that was settled as text, and may still become what takes the query's column. */
function openTarget(query: BoundQuery, index: number): ConstantExpression | ParameterExpression | undefined {
  if (query.body.kind !== 'select') return undefined
  const { targets, isDistinct, tail } = query.body
  const target = targets[index]
  if (target?.kind === 'constant' && target.isSettled === true) return target
  if (target?.kind !== 'parameter' || target.isSettled !== true) return undefined
  return isDistinct || tail.order.some((key) => key.target === index) ? undefined : target
}

/** The same to be converted by what takes it, in the column's place. */
export function unsettledTarget(binder: Binder, query: BoundQuery, index: number): Expression | undefined {
  const open = openTarget(query, index)
  if (open === undefined || (open.kind === 'parameter' && !binder.takeSettled(open))) return undefined
  return { ...open, type: oid.unknown, isSettled: false }
}

/** The same query with its columns cast to the result's types. */
function convertColumns(binder: Binder, query: BoundQuery, columns: readonly OutputColumn[]): BoundQuery {
  const changes = columns.some((column, i) => column.type !== query.columns[i]!.type)
  if (!changes) return query
  const { body } = query
  const retyped = query.columns.map((column, i) => ({
    ...column,
    type: columns[i]!.type,
    modifier: columns[i]!.modifier,
  }))
  if (body.kind === 'values') {
    const rows = eachOf(binder.progress, body.rows, (row) =>
      row.map((one, i) => coerce(binder, one, columns[i]!.type, -1, 'explicit')),
    )
    return { columns: retyped, body: { ...body, rows } }
  }
  // Around anything else: a block that only converts, so that its own ORDER BY and DISTINCT stay what they were.
  const placed = { first: 0, width: query.columns.length, alias: '' }
  const targets = query.columns.map(({ type, modifier, name }, index) =>
    coerce(
      binder,
      unsettledTarget(binder, query, index) ?? { kind: 'column', index, type, modifier, name },
      columns[index]!.type,
      -1,
      'explicit',
    ),
  )
  const from = { kind: 'query', ...placed, query, id: binder.nextSubquery(), captures: [], isLateral: false } as const
  return {
    columns: retyped,
    body: {
      kind: 'select',
      from,
      where: undefined,
      grouping: undefined,
      targets,
      isDistinct: false,
      distinctOn: undefined,
      tail: emptyTail(),
      locking: [],
    },
  }
}
