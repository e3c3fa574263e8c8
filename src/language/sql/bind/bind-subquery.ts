/** Subqueries in expressions: EXISTS, IN, ANY, ALL, a single value, ARRAY(…). */
import type { Node, SubLink } from 'libpg-query'
import { arrayHolding } from '../../../model/table/types/registry.ts'
import type { Expression, SubqueryExpression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { operatorsNamed } from '../functions/registry.ts'
import { resolve } from '../functions/resolve.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { coerce } from './coerce.ts'
import type { BoundQuery } from './query.ts'
import { checkWidth, compareRows } from './row-comparison.ts'
import { Frame, Scope } from './scope.ts'
import { lastName } from './tree.ts'

export function bindSubquery(binder: Binder, scope: Scope, link: SubLink): Expression {
  const { location } = link
  const plain = bindPlain(binder, scope, link)
  const { query } = plain
  switch (link.subLinkType) {
    case 'EXISTS_SUBLINK':
      return { ...plain, form: 'exists', type: oid.bool }
    case 'EXPR_SUBLINK': {
      const [column] = oneColumn(query, location)
      return { ...plain, form: 'scalar', type: column.type, modifier: column.modifier }
    }
    case 'ARRAY_SUBLINK': {
      const [column] = oneColumn(query, location)
      const type = arrayHolding(column.type)
      if (type === undefined) throw failure('42704', 'could not find array type for the subquery', { location })
      return { ...plain, form: 'array', type }
    }
    case 'ANY_SUBLINK':
    case 'ALL_SUBLINK': {
      const form = link.subLinkType === 'ALL_SUBLINK' ? 'all' : 'any'
      const name = link.operName === undefined ? '=' : lastName(link.operName)
      const { testexpr } = link
      const operands = 'RowExpr' in testexpr! ? (testexpr.RowExpr.args ?? []) : [testexpr!]
      return bindComparison(binder, scope, { operands, name, form, location }, plain)
    }
    default:
      throw notBuilt('a subquery of several columns', location)
  }
}

type Plain = Omit<SubqueryExpression, 'form' | 'type'>

function bindPlain(binder: Binder, scope: Scope, { subselect, location }: SubLink): Plain {
  if (subselect === undefined || !('SelectStmt' in subselect)) throw notBuilt('this subquery', location)
  const frame = new Frame(binder.nextSubquery())
  const query = binder.query(new Scope(scope, frame), subselect.SelectStmt)
  const base = { kind: 'subquery', modifier: -1, location, id: frame.id, query, captures: frame.captures } as const
  return { ...base, left: [], operator: undefined, isMembership: false, isEquality: false }
}

/** What may stand behind the operator of `(a, b) = (SELECT …)`. */
export function isSingleRow(node: Node): node is { SubLink: SubLink } {
  return 'SubLink' in node && node.SubLink.subLinkType === 'EXPR_SUBLINK'
}

/** The one row that a subquery of several columns has, as a value; NULL where there is none. */
export function bindWholeRow(binder: Binder, scope: Scope, link: SubLink): Expression {
  const name = 'row'
  const from: Node = { RangeSubselect: { subquery: link.subselect!, alias: { aliasname: name } } }
  const row: Node = { ResTarget: { val: { ColumnRef: { fields: [{ String: { sval: name } }] } } } }
  const subselect: Node = {
    SelectStmt: { targetList: [row], fromClause: [from], limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' },
  }
  return bindSubquery(binder, scope, { ...link, subselect })
}

interface RowSubquery {
  readonly operands: readonly Node[]
  readonly link: SubLink
  readonly name: string
  readonly location: number | undefined
}

/** (a, b) = (SELECT c, d …): NULL where there is no row. */
export function bindRowSubquery(
  binder: Binder,
  scope: Scope,
  { operands, link, name, location }: RowSubquery,
): Expression {
  const plain = bindPlain(binder, scope, link)
  return bindComparison(binder, scope, { operands, name, form: 'row', location }, plain)
}

function oneColumn(query: BoundQuery, location: number | undefined): readonly [{ type: number; modifier: number }] {
  if (query.columns.length !== 1) throw failure('42601', 'subquery must return only one column', { location })
  return [query.columns[0]!]
}

interface Comparison {
  readonly operands: readonly Node[]
  readonly name: string
  readonly form: 'any' | 'all' | 'row'
  readonly location: number | undefined
}

/** The operator is bound over columns: those of the left side, and the subquery's behind them. */
function bindComparison(
  binder: Binder,
  scope: Scope,
  { operands, name, form, location }: Comparison,
  plain: Plain,
): Expression {
  const { columns } = plain.query
  checkWidth(operands.length, location)
  const given = binder.each(scope, operands, (one) => binder.expression(scope, one))
  if (given.length !== columns.length) {
    const many = given.length < columns.length ? 'many' : 'few'
    throw failure('42601', `subquery has too ${many} columns`, { location })
  }
  const types = given.map(({ type }, i) => operandType(name, type, columns[i]!.type))
  const probe = (type: number, index: number): Expression => ({ kind: 'column', type, modifier: -1, index, name: '' })
  const pairs = types.map((type, i) => [probe(type, i), probe(columns[i]!.type, types.length + i)] as const)
  const operator = compareRows(binder, pairs, name, location)
  const left = given.map((one, i) => coerce(binder, one, types[i]!))
  const isMembership = form === 'any' && name === '='
  const isEquality = isMembership && types.every((type, i) => type === columns[i]!.type)
  return { ...plain, form, type: oid.bool, left, operator, isMembership, isEquality }
}

/** A literal is what the operator takes beside the subquery's column. */
function operandType(name: string, type: number, element: number): number {
  if (type !== oid.unknown) return type
  const found = resolve(operatorsNamed(name), [type, element], true)
  return found.kind === 'found' ? found.takes[0]! : element
}
