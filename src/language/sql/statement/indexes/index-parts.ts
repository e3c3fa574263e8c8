/** What an index is of: columns and expressions with their order, INCLUDE and WHERE, out of the grammar's tree. */
import { routinesCalled } from '../../expression/routines-called.ts'
import type { IndexStmt, Node } from 'libpg-query'
import type {
  IndexColumn,
  IndexDefinition,
  IndexExpression,
  IndexPredicate,
} from '../../../../model/table/definition.ts'
import type { Column, Table } from '../../../../model/table/table.ts'
import { requireColumnType } from '../../../../model/table/types/column-type.ts'
import { getType } from '../../../../model/table/types/registry.ts'
import { refuseUnordered } from '../../../../model/table/schema.ts'
import { createBareBinder } from '../../bind/bind.ts'
import type { Binder } from '../../bind/binder.ts'
import { requireBoolean } from '../../bind/coerce.ts'
import { lastName } from '../../bind/tree.ts'
import { deparse } from '../../expression/deparse.ts'
import { columnsRead, type Expression, someExpression } from '../../expression/expression.ts'
import { failure, notBuilt } from '../../failure.ts'
import { conjunctsOf } from '../../plan/conditions.ts'
import { currentContext, type SqlRun } from '../../plan/run.ts'
import { targetOf } from '../assignment.ts'
import { knownCollation } from '../partitions/partition-key.ts'
import { scopeOfColumns } from '../table-scope.ts'

export interface IndexParts {
  readonly columns: readonly IndexColumn[]
  readonly more: Pick<IndexDefinition, 'expressions' | 'where' | 'include' | 'method'>
  /** For the name of an index that is given none. */
  readonly names: readonly string[]
  /** It has parts that are no columns. */
  readonly hasExpressions: boolean
}

const methods: ReadonlySet<string> = new Set(['btree', 'hash', 'gist', 'gin', 'brin', 'spgist'])

export function readIndexParts(run: SqlRun, table: Table, statement: IndexStmt): IndexParts {
  const method = statement.accessMethod ?? 'btree'
  if (!methods.has(method)) throw failure('42704', `access method "${method}" does not exist`)
  const elements = statement.indexParams ?? []
  checkMethod(method, statement, elements.length)
  const binder = createBareBinder(currentContext(run))
  const expressions: IndexExpression[] = []
  const names: string[] = []
  const columns = elements.map((node): IndexColumn => {
    if (!('IndexElem' in node)) throw notBuilt('this index column')
    const { name, expr, ordering, nulls_ordering: nulls, opclass, collation } = node.IndexElem
    const isDescending = ordering === 'SORTBY_DESC'
    if (method !== 'btree' && (ordering !== 'SORTBY_DEFAULT' || nulls !== 'SORTBY_NULLS_DEFAULT')) {
      const what = ordering === 'SORTBY_DEFAULT' ? 'NULLS FIRST/LAST' : 'ASC/DESC'
      throw failure('0A000', `access method "${method}" does not support ${what} options`)
    }
    const nullsFirst = nulls === 'SORTBY_NULLS_FIRST' || (nulls !== 'SORTBY_NULLS_LAST' && isDescending)
    const part = partOf(binder, table, name, expr, expressions)
    names.push(freePartName(names, part.name))
    requireColumnType(part.name, part.type)
    checkClass(table, part, method)
    const operatorClass = opclass === undefined ? undefined : knownClass(part.type, lastName(opclass), method)
    const named = collation === undefined ? undefined : knownCollation(lastName(collation), undefined)
    return {
      number: part.number,
      ...(isDescending ? { descending: true } : {}),
      ...(nullsFirst === isDescending ? {} : { nullsFirst }),
      ...(named === undefined || named === 'default' ? {} : { collation: named }),
      ...(operatorClass === undefined ? {} : { operatorClass }),
    }
  })
  const included = (statement.indexIncludingParams ?? []).map((node) => includedColumn(table, node))
  for (const { name } of included) names.push(freePartName(names, name))
  const include = included.map(({ number }) => number)
  const more = {
    ...(expressions.length === 0 ? {} : { expressions }),
    ...(statement.whereClause === undefined ? {} : { where: readPredicate(binder, table, statement.whereClause) }),
    ...(include.length === 0 ? {} : { include }),
    ...(method === 'btree' ? {} : { method }),
  }
  return { columns, more, names, hasExpressions: expressions.length > 0 }
}

function checkMethod(method: string, { unique, indexIncludingParams }: IndexStmt, count: number): void {
  if (method === 'btree') return
  if (unique === true) throw failure('0A000', `access method "${method}" does not support unique indexes`)
  const includes = method === 'gist' || method === 'spgist'
  if (indexIncludingParams !== undefined && !includes) {
    throw failure('0A000', `access method "${method}" does not support included columns`)
  }
  if (count > 1 && (method === 'hash' || method === 'spgist')) {
    throw failure('0A000', `access method "${method}" does not support multicolumn indexes`)
  }
}

interface Part {
  /** A column's; below 0 of an expression. */
  readonly number: number
  readonly name: string
  readonly type: number
}

function partOf(
  binder: Binder,
  table: Table,
  name: string | undefined,
  node: Node | undefined,
  expressions: IndexExpression[],
): Part {
  if (name !== undefined) {
    const column = table.findColumn(name)
    if (column === undefined) throw failure('42703', `column "${name}" does not exist`)
    return { number: column.number, name, type: column.type.oid }
  }
  const bound = bindOver(binder, table, node!, 'index expressions')
  if (bound.kind === 'column') {
    const column = table.columns[bound.index]!
    return { number: column.number, name: column.name, type: column.type.oid }
  }
  refuseChanging(bound, 'functions in index expression must be marked IMMUTABLE')
  const { type, modifier } = bound
  const read = { text: deparse(bound), reads: readBy(table, bound), ...routinesCalled(bound) }
  const made = { ...read, type, ...(modifier >= 0 ? { modifier } : {}) }
  expressions.push(made)
  return { number: -expressions.length, name: expressionName(node!), type }
}

/** As a column of a SELECT list would be called. */
function expressionName(node: Node): string {
  if ('FuncCall' in node) return lastName(node.FuncCall.funcname)
  if ('TypeCast' in node && node.TypeCast.arg !== undefined) {
    const inner = expressionName(node.TypeCast.arg)
    return inner === 'expr' ? lastName(node.TypeCast.typeName?.names) : inner
  }
  if ('CoalesceExpr' in node) return 'coalesce'
  if ('ColumnRef' in node) return lastName(node.ColumnRef.fields)
  return 'expr'
}

function freePartName(taken: readonly string[], name: string): string {
  for (let number = 0; ; number++) {
    const candidate = number === 0 ? name : `${name}${number}`
    if (!taken.includes(candidate)) return candidate
  }
}

function bindOver(binder: Binder, table: Table, node: Node, place: string): Expression {
  const scope = scopeOfColumns(table.name, table.columns.map(targetOf))
  scope.forbidsAggregates = place
  const bound = scope.withoutSets(place, () => binder.expression(scope, node))
  if (someExpression(bound, ({ kind }) => kind === 'subquery')) {
    const what = place === 'index predicates' ? 'predicate' : 'expression'
    throw failure('0A000', `cannot use subquery in index ${what}`, { location: bound.location })
  }
  return bound
}

function refuseChanging(bound: Expression, message: string): void {
  if (someExpression(bound, (one) => one.kind === 'call' && (one.volatile || one.stable === true))) {
    throw failure('42P17', message)
  }
}

function readBy(table: Table, bound: Expression): number[] {
  return [...columnsRead(bound)].map((ordinal) => table.columns[ordinal]!.number).sort((a, b) => a - b)
}

function readPredicate(binder: Binder, table: Table, node: Node): IndexPredicate {
  const bound = requireBoolean(binder, bindOver(binder, table, node, 'index predicates'), 'WHERE')
  refuseChanging(bound, 'functions in index predicate must be marked IMMUTABLE')
  const terms = conjunctsOf(bound).map((one) => deparse(one))
  return { text: deparse(bound), reads: readBy(table, bound), terms, ...routinesCalled(bound) }
}

/** The texts of the conditions that a clause has, as those of an index's predicate are kept. */
export function predicateTerms(binder: Binder, table: Table, node: Node): ReadonlySet<string> {
  return new Set(conjunctsOf(bindOver(binder, table, node, 'index predicates')).map((one) => deparse(one)))
}

/** How an index names a part that is this expression. */
export function expressionText(binder: Binder, table: Table, node: Node): string {
  const bound = bindOver(binder, table, node, 'index expressions')
  return bound.kind === 'column' ? table.columns[bound.index]!.name : deparse(bound)
}

function includedColumn(table: Table, node: Node): Column {
  const { name, expr } = 'IndexElem' in node ? node.IndexElem : {}
  if (expr !== undefined || name === undefined) {
    throw failure('0A000', 'expressions are not supported in included columns')
  }
  const column = table.findColumn(name)
  if (column !== undefined) return column
  throw failure('42703', `column "${name}" does not exist`)
}

/** Methods that index what is inside of values have no classes for plain ones. */
function checkClass(table: Table, { type, number }: Part, method: string): void {
  const { category, title, isOrdered } = getType(type)
  const isInside = method === 'gin' || method === 'gist' || method === 'spgist'
  const isPlain = ['N', 'S', 'B', 'D', 'T'].includes(category) && !(method === 'spgist' && title === 'text')
  if (isInside && isPlain) {
    throw failure('42704', `data type ${title} has no default operator class for access method "${method}"`, {
      hint: 'You must specify an operator class for the index or define a default operator class for the data type.',
    })
  }
  if (isOrdered) return
  if (number > 0) refuseUnordered(table, [number])
  throw failure('42704', `data type ${title} has no default operator class for access method "${method}"`, {
    hint: 'You must specify an operator class for the index or define a default operator class for the data type.',
  })
}

const otherClasses: ReadonlySet<string> = new Set([
  'text_pattern_ops',
  'varchar_pattern_ops',
  'bpchar_pattern_ops',
  'varchar_ops',
  'text_ops',
  'array_ops',
  'jsonb_ops',
  'jsonb_path_ops',
  'range_ops',
])

/** Undefined of the type's own, which need not be named. */
function knownClass(type: number, name: string, method: string): string | undefined {
  const { name: typeName } = getType(type)
  if (name === `${typeName}_ops` || name === `${typeName}_minmax_ops`) return undefined
  if (name === 'text_ops' && typeName === 'varchar') return undefined
  if (otherClasses.has(name)) return name
  throw failure('42704', `operator class "${name}" does not exist for access method "${method}"`)
}
