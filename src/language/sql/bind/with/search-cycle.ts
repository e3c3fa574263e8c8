/**
 * SEARCH and CYCLE of WITH RECURSIVE, as PostgreSQL rewrites them: both sides of the union get columns that say how a row
 * was reached.
 *
 *   | of                    | a row that it begins with | a row that follows                       |
 *   |-----------------------|---------------------------|------------------------------------------|
 *   | SEARCH DEPTH FIRST    | ARRAY[ROW(by)]            | sequence || ARRAY[ROW(by)]               |
 *   | SEARCH BREADTH FIRST  | ROW(0, by)                | ROW(depth + 1, by)                       |
 *   | CYCLE, its mark       | the default               | ROW(columns) = ANY(path) ? mark : default |
 *   | CYCLE, its path       | ARRAY[ROW(columns)]       | path || ARRAY[ROW(columns)]              |
 *
 * Each side stands as a query in FROM, `left` and `right` below, with its columns by their places; the right one hands out
 * these columns of the row that it follows, too. From a row that has the mark nothing follows.
 */
import type { CommonTableExpr, CTECycleClause, CTESearchClause, Node, SelectStmt } from 'libpg-query'
import { failure } from '../../failure.ts'
import { stringsOf } from '../tree.ts'

export interface TracedSides {
  readonly left: SelectStmt
  readonly right: SelectStmt
  /** The names of the columns that were added. */
  readonly added: readonly string[]
}

/** A column that is added: of a row that is begun with, and of one that follows. */
interface Trace {
  readonly name: string
  readonly begun: Node
  readonly following: Node
}

const [beginning, following] = ['*BEGUN*', '*FOLLOWING*']

/** `names`: of the query's own columns. */
export function tracedSides(query: CommonTableExpr, statement: SelectStmt, names: readonly string[]): TracedSides {
  const { larg, rarg } = statement
  refuseSets(larg!, 'left')
  refuseSets(rarg!, 'right')
  const alias = aliasInFrom(query, rarg!)
  checkNames(query, names)
  const traces = [...searchTraces(query.search_clause, names), ...cycleTraces(query.cycle_clause, names)]
  const added = traces.map(({ name }) => name)
  const inner = {
    ...rarg!,
    targetList: [...(rarg!.targetList ?? []), ...added.map((one) => target(undefined, column(alias, one)))],
  }
  const ofSide = (side: string, trace: (one: Trace) => Node): Node[] => [
    ...names.map((name, i) => target(name, column(side, place(i)))),
    ...traces.map((one) => target(one.name, trace(one))),
  ]
  const left = selectFrom(
    larg!,
    beginning,
    names.length,
    [],
    ofSide(beginning, (one) => one.begun),
  )
  const right = selectFrom(
    inner,
    following,
    names.length,
    added,
    ofSide(following, (one) => one.following),
  )
  return {
    left,
    right: query.cycle_clause === undefined ? right : { ...right, whereClause: notMarked(query.cycle_clause) },
    added,
  }
}

function refuseSets({ op }: SelectStmt, side: string): void {
  if (op === undefined || op === 'SETOP_NONE') return
  throw failure(
    side === 'left' ? '0A000' : '42601',
    `with a SEARCH or CYCLE clause, the ${side} side of the UNION must be a SELECT`,
  )
}

/** As what the right side reads the query. */
function aliasInFrom({ ctename: name = '' }: CommonTableExpr, { fromClause = [] }: SelectStmt): string {
  const find = (node: Node | undefined): string | undefined => {
    if (node === undefined) return undefined
    if ('RangeVar' in node) {
      const { schemaname, relname, alias } = node.RangeVar
      return schemaname === undefined && relname === name ? (alias?.aliasname ?? name) : undefined
    }
    return 'JoinExpr' in node ? (find(node.JoinExpr.larg) ?? find(node.JoinExpr.rarg)) : undefined
  }
  for (const node of fromClause) {
    const found = find(node)
    if (found !== undefined) return found
  }
  const message = `with a SEARCH or CYCLE clause, the recursive reference to WITH query "${name}" must be at the top level of its right-hand SELECT`
  throw failure('0A000', message)
}

function checkNames({ search_clause: search, cycle_clause: cycle }: CommonTableExpr, names: readonly string[]): void {
  const sequence = search?.search_seq_column
  if (search !== undefined) {
    checkListed('search', stringsOf(search.search_col_list), names, search.location)
    checkNew('search sequence', sequence, names, search.location)
  }
  if (cycle === undefined) return
  const { cycle_mark_column: mark, cycle_path_column: path, location } = cycle
  checkListed('cycle', stringsOf(cycle.cycle_col_list), names, location)
  checkNew('cycle mark', mark, names, location)
  checkNew('cycle path', path, names, location)
  if (mark === path) {
    throw failure('42601', 'cycle mark column name and cycle path column name are the same', { location })
  }
  for (const [what, name] of [
    ['cycle mark', mark],
    ['cycle path', path],
  ] as const) {
    if (name !== sequence) continue
    const { location: at } = search!
    throw failure('42601', `search sequence column name and ${what} column name are the same`, { location: at })
  }
}

function checkListed(
  what: string,
  listed: readonly string[],
  names: readonly string[],
  location: number | undefined,
): void {
  for (const [i, name] of listed.entries()) {
    if (!names.includes(name))
      throw failure('42601', `${what} column "${name}" not in WITH query column list`, { location })
    if (listed.indexOf(name) < i)
      throw failure('42701', `${what} column "${name}" specified more than once`, { location })
  }
}

function checkNew(
  what: string,
  name: string | undefined,
  names: readonly string[],
  location: number | undefined,
): void {
  if (!names.includes(name ?? '')) return
  throw failure('42601', `${what} column name "${name ?? ''}" already used in WITH query column list`, { location })
}

function searchTraces(search: CTESearchClause | undefined, names: readonly string[]): Trace[] {
  if (search === undefined) return []
  const { search_seq_column: name = '', search_col_list: by, search_breadth_first: isBreadth } = search
  const columns = (side: string): Node[] => stringsOf(by).map((one) => column(side, place(names.indexOf(one))))
  const before = column(following, name)
  if (isBreadth !== true) {
    return [{ name, begun: array(row(columns(beginning))), following: appended(before, row(columns(following))) }]
  }
  const depth: Node = { A_Indirection: { arg: before, indirection: [string('f1')] } }
  return [
    {
      name,
      begun: row([noDepth, ...columns(beginning)]),
      following: row([operation('+', depth, integer(1)), ...columns(following)]),
    },
  ]
}

function cycleTraces(cycle: CTECycleClause | undefined, names: readonly string[]): Trace[] {
  if (cycle === undefined) return []
  const { cycle_mark_column: mark = '', cycle_path_column: path = '' } = cycle
  const own = (side: string): Node =>
    row(stringsOf(cycle.cycle_col_list).map((one) => column(side, place(names.indexOf(one)))))
  const isMarked = operation('=', own(following), column(following, path), 'AEXPR_OP_ANY')
  const never: Node = { A_Const: { boolval: {} } }
  return [
    { name: mark, begun: marked(cycle, never), following: marked(cycle, isMarked) },
    { name: path, begun: array(own(beginning)), following: appended(column(following, path), own(following)) },
  ]
}

/** On both sides, so that both have the same type. */
function marked({ cycle_mark_value: value, cycle_mark_default: otherwise }: CTECycleClause, when: Node): Node {
  return { CaseExpr: { args: [{ CaseWhen: { expr: when, result: value! } }], defresult: otherwise! } }
}

function notMarked({ cycle_mark_column: mark = '', cycle_mark_value: value }: CTECycleClause): Node {
  return operation('<>', column(following, mark), value!)
}

function selectFrom(
  query: SelectStmt,
  alias: string,
  count: number,
  added: readonly string[],
  targetList: Node[],
): SelectStmt {
  const colnames = [...Array.from({ length: count }, (_, i) => place(i)), ...added].map(string)
  const from: Node = { RangeSubselect: { subquery: { SelectStmt: query }, alias: { aliasname: alias, colnames } } }
  return { targetList, fromClause: [from], op: 'SETOP_NONE', limitOption: 'LIMIT_OPTION_DEFAULT' }
}

/** Names of the query's columns may come twice. */
function place(index: number): string {
  return `*${index + 1}*`
}

function string(sval: string): Node {
  return { String: { sval } }
}

function integer(ival: number): Node {
  return { A_Const: { ival: { ival } } }
}

const noDepth: Node = {
  TypeCast: { arg: integer(0), typeName: { names: [string('pg_catalog'), string('int8')], typemod: -1 } },
}

function column(table: string, name: string): Node {
  return { ColumnRef: { fields: [string(table), string(name)] } }
}

function target(name: string | undefined, val: Node): Node {
  return { ResTarget: { ...(name !== undefined && { name }), val } }
}

function row(args: Node[]): Node {
  return { RowExpr: { args, row_format: 'COERCE_EXPLICIT_CALL' } }
}

function array(element: Node): Node {
  return { A_ArrayExpr: { elements: [element] } }
}

function appended(list: Node, element: Node): Node {
  return operation('||', list, array(element))
}

function operation(name: string, lexpr: Node, rexpr: Node, kind: 'AEXPR_OP' | 'AEXPR_OP_ANY' = 'AEXPR_OP'): Node {
  return { A_Expr: { kind, name: [string(name)], lexpr, rexpr } }
}
