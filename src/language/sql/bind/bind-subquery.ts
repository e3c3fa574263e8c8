/** Subqueries in expressions: EXISTS, IN, ANY, ALL, a single value, ARRAY(…). */
import type { SubLink } from 'libpg-query'
import { findType } from '../../../model/table/types/registry.ts'
import type { Expression, SubqueryExpression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { operatorsNamed } from '../functions/registry.ts'
import { resolve } from '../functions/resolve.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { coerce } from './coerce.ts'
import type { BoundQuery } from './query.ts'
import { Frame, Scope } from './scope.ts'
import { lastName } from './tree.ts'

export function bindSubquery(binder: Binder, scope: Scope, link: SubLink): Expression {
  const { subselect, location } = link
  if (subselect === undefined || !('SelectStmt' in subselect)) throw notBuilt('this subquery', location)
  const frame = new Frame(binder.nextSubquery())
  const query = binder.query(new Scope(scope, frame), subselect.SelectStmt)
  const base = { kind: 'subquery', modifier: -1, location, id: frame.id, query, captures: frame.captures } as const
  const plain = { ...base, left: undefined, operator: undefined, isEquality: false } as const
  switch (link.subLinkType) {
    case 'EXISTS_SUBLINK':
      return { ...plain, form: 'exists', type: oid.bool }
    case 'EXPR_SUBLINK': {
      const [column] = oneColumn(query, location)
      return { ...plain, form: 'scalar', type: column.type, modifier: column.modifier }
    }
    case 'ARRAY_SUBLINK': {
      const [column] = oneColumn(query, location)
      const element = findType(column.type)
      const type = element?.element === undefined ? element?.arrayOid : element.oid
      if (type === undefined || type === 0)
        throw failure('42704', 'could not find array type for the subquery', { location })
      return { ...plain, form: 'array', type }
    }
    case 'ANY_SUBLINK':
    case 'ALL_SUBLINK':
      return bindComparison(binder, scope, link, query, plain)
    default:
      throw notBuilt('a subquery of several columns', location)
  }
}

function oneColumn(query: BoundQuery, location: number | undefined): readonly [{ type: number; modifier: number }] {
  if (query.columns.length !== 1) throw failure('42601', 'subquery must return only one column', { location })
  return [query.columns[0]!]
}

/** The operator is bound over two columns, the left side and the subquery's value. */
function bindComparison(
  binder: Binder,
  scope: Scope,
  link: SubLink,
  query: BoundQuery,
  plain: Omit<SubqueryExpression, 'form' | 'type'>,
): Expression {
  const { location, testexpr } = link
  if (testexpr !== undefined && 'RowExpr' in testexpr) throw notBuilt('a row compared with a subquery', location)
  if (query.columns.length !== 1) throw failure('42601', 'subquery has too many columns', { location })
  const name = link.operName === undefined ? '=' : lastName(link.operName)
  const left = binder.expression(scope, testexpr!)
  const element = query.columns[0]!.type
  const found = resolve(operatorsNamed(name), [left.type, element], true)
  const leftType = left.type === oid.unknown ? (found.kind === 'found' ? found.takes[0]! : element) : left.type
  const probe = (type: number, index: number): Expression => ({ kind: 'column', type, modifier: -1, index, name: '' })
  const operator = binder.operator(name, [probe(leftType, 0), probe(element, 1)], location)
  const value = coerce(binder, left, leftType)
  const form = link.subLinkType === 'ALL_SUBLINK' ? 'all' : 'any'
  return { ...plain, form, type: oid.bool, left: value, operator, isEquality: name === '=' && leftType === element }
}
