/** FROM: names to relations, joins, subqueries and functions, each at its place in the block's row. */
import type {
  Alias,
  FuncCall,
  JoinExpr,
  Node,
  RangeFunction,
  RangeSubselect,
  RangeTableSample,
  RangeVar,
} from 'libpg-query'
import { privilege } from '../../../database/access/privileges.ts'
import type { Relation } from '../../../query/relation.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { relationOf, relationOid } from '../catalog/relations.ts'
import { memoryRelation } from '../catalog/memory-relation.ts'
import type { TransitionTable } from '../contract.ts'
import { systemRelation } from '../catalog/system-views.ts'
import type { Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { functionsNamed, setFunctionsNamed, type SetFunctionEntry } from '../functions/registry.ts'
import { concreteResult, resolve } from '../functions/resolve.ts'
import { oid } from '../types/oids.ts'
import { bindRoutineOf, setArguments, settle } from './bind-function.ts'
import { bindPopulatedRows, populatesRows } from './populated-rows.ts'
import { isBareRecord } from '../routine/result.ts'
import { routineRows, routinesOf } from './bind-routine.ts'
import type { Binder } from './binder.ts'
import { bindSampling, notSampled, sampled, type WrittenSample } from './bind-sample.ts'
import { asOfFunction, bindAsOf } from './bind-as-of.ts'
import { bindBuiltInArguments } from './bind-arguments.ts'
import { bindRecordSource } from './bind-record-source.ts'
import { coerce, commonType } from './coerce.ts'
import { withFamily } from './families.ts'
import type { ColumnSource } from './access-needs.ts'
import { alsoLocking, lockingWithin } from './bind-locking.ts'
import { bindView } from './bind-view.ts'
import type { FromItem, FunctionItem, OutputColumn, QueryItem, WrittenAlias, WrittenJoin } from './query.ts'
import { securedFor } from './row-security.ts'
import { type RowsSource, separated, sideBySide } from './rows-from.ts'
import { Frame, Scope, type ScopeColumn } from './scope.ts'
import { schemaNamed } from './names.ts'
import { lastName, stringOf, stringsOf } from './tree.ts'
import { asRead } from './with/freezing.ts'
import { ViewRelation } from './view-relation.ts'

/** A bound item, the columns that names see of it, and those that a join's USING merges. */
interface Bound {
  readonly item: FromItem
  readonly columns: readonly ScopeColumn[]
}

export function bindFrom(binder: Binder, scope: Scope, nodes: readonly Node[]): FromItem | undefined {
  let all: FromItem | undefined
  const columns: ScopeColumn[] = []
  for (const node of nodes) {
    const one = bindItem(binder, scope, node)
    all = all === undefined ? one.item : joinItems(binder, 'inner', all, one.item, undefined)
    for (const column of one.columns) columns.push(column)
    // A copy: what is bound next may change the scope's own.
    scope.columns = nodes.length === 1 ? columns : [...columns]
  }
  return all
}

function bindItem(binder: Binder, scope: Scope, node: Node): Bound {
  if ('RangeVar' in node) return bindName(binder, scope, node.RangeVar)
  if ('JoinExpr' in node) return bindJoin(binder, scope, node.JoinExpr)
  if ('RangeSubselect' in node) return bindDerived(binder, scope, node.RangeSubselect)
  if ('RangeFunction' in node) return bindRangeFunction(binder, scope, node.RangeFunction)
  if ('RangeTableSample' in node) return bindSample(binder, scope, node.RangeTableSample)
  throw notBuilt('this item in FROM')
}

function bindSample(binder: Binder, scope: Scope, node: RangeTableSample): Bound {
  const { relation } = node
  if (relation === undefined || !('RangeVar' in relation)) throw notSampled(node.location)
  const { location } = relation.RangeVar
  return bindName(binder, scope, relation.RangeVar, { sampling: bindSampling(binder, node), location })
}

/** `sample`: what TABLESAMPLE says of it. */
function bindName(binder: Binder, scope: Scope, name: RangeVar, sample?: WrittenSample): Bound {
  const alias = name.alias?.aliasname ?? name.relname ?? ''
  if (name.schemaname === undefined) {
    const common = scope.findCommonTable(name.relname ?? '')
    if (common !== undefined) {
      if (sample !== undefined) throw notSampled(sample.location)
      const { table, captures } = common
      if (table.isSilent === true) throw withoutRows(name)
      binder.readInWith.add(table.frame.id)
      const columns = table.bound.columns
      const placed = { first: scope.width, width: columns.length, alias }
      const { bound: query, frame, columnNames, isMaterialized, readers } = table
      readers.count++
      const names = { name: table.name, columnNames }
      scope.readsItself ||= table.working !== undefined
      const item: FromItem =
        table.working === undefined
          ? { kind: 'shared', ...placed, ...names, id: frame.id, query, captures, isMaterialized, readers }
          : { kind: 'function', ...placed, ...workingItem(binder, table.working), captures }
      return placeQuery(scope, item, renamed(columns, table.columnNames), name.alias, undefined, table.hidden)
    }
  }
  const found = findRelation(binder, name)
  if (found instanceof ViewRelation) {
    if (sample !== undefined) throw notSampled(sample.location)
    binder.access.any(found.collection, privilege.read)
    return bindViewItem(binder, scope, found, alias, name.alias)
  }
  const relation = securedFor(binder, found, 'select')
  binder.access.any(relation.collection, privilege.read)
  const read = asRead(binder, relation)
  const taken = sample === undefined ? read : sampled(read, sample)
  const bound = bindRelation(scope, taken, alias, name.alias)
  if (name.inh === true || bound.item.kind !== 'relation' || !isParent(relation)) return bound
  return { ...bound, item: { ...bound.item, written: { isGiven: false, ...bound.item.written, isOnly: true } } }
}

/** ONLY makes a difference. */
function isParent(relation: Relation): boolean {
  if (!(relation instanceof TableRelation)) return false
  const { partitioning, children = [] } = relation.table.definition
  return partitioning !== undefined || children.length > 0
}

function withoutRows({ relname = '', location }: RangeVar): Error {
  return failure('0A000', `WITH query "${relname}" does not have a RETURNING clause`, { location })
}

function workingItem(
  binder: Binder,
  entry: SetFunctionEntry,
): Pick<FunctionItem, 'entry' | 'arguments' | 'id' | 'withOrdinality'> {
  return { entry, arguments: [], id: binder.nextSubquery(), withOrdinality: false }
}

export function bindRelation(scope: Scope, relation: Relation, alias: string, names?: Alias): Bound {
  const first = scope.width
  const tableOid = relationOid(relation)
  const columnNames = aliasColumns(names, relation.columns.length, alias)
  const { collection } = relation
  const columns = relation.columns.map((column, i): ScopeColumn => {
    const { type, modifier, number } = column
    const name = columnNames[i] ?? column.name
    return {
      name,
      expression: { kind: 'column', type, modifier, index: first + i, name: `${alias}.${name}` },
      origin: { tableOid, columnNumber: number },
      ...(collection !== undefined && { source: { collection, column: number } }),
    }
  })
  const system = relation.systemColumns ?? 0
  if (relation.kind === 'table' || system > 0)
    columns.push(tableOidColumn(relation, tableOid, system > 0 ? first + columns.length : undefined))
  const width = relation.columns.length + system + (scope.reservesKeys && isWritable(relation) ? 1 : 0)
  scope.width += width
  const primary = relation.indexes.find((index) => index.isPrimary)
  addTable(scope, {
    alias,
    schema: names?.aliasname === undefined ? relation.schema : undefined,
    columns,
    first,
    primaryKey: primary?.parts.map((part) => part.column),
  })
  return { item: { kind: 'relation', relation, first, width, alias, written: writtenAlias(names, columns) }, columns }
}

/** Undefined where the text says nothing. */
function writtenAlias(alias: Alias | undefined, columns: readonly ScopeColumn[]): WrittenAlias | undefined {
  if (alias?.aliasname === undefined) return undefined
  const hasNames = (alias.colnames?.length ?? 0) > 0
  const shown = columns.filter(({ isHidden }) => isHidden !== true)
  return { isGiven: true, ...(hasNames && { columns: shown.map(({ name }) => name) }) }
}

/** A view: its query in FROM, under its name. Who reads it is asked for the view's columns. */
export function bindViewItem(binder: Binder, scope: Scope, view: ViewRelation, alias: string, names?: Alias): Bound {
  const { collection } = view
  refuseRestricted(binder, view)
  const query = bindView(binder, view, lockingWithin(scope.lockingClauses, alias))
  const id = binder.nextSubquery()
  const placed = { first: scope.width, width: view.columns.length, alias }
  const isBarrier = view.definition.options?.securityBarrier === true
  const item: QueryItem = { kind: 'query', ...placed, query, id, captures: [], isLateral: false, view, isBarrier }
  const tableOid = relationOid(view)
  const columns = view.columns.map((column, i): OutputColumn => {
    return { ...query.columns[i]!, name: column.name, origin: { tableOid, columnNumber: column.number } }
  })
  const schema = names?.aliasname === undefined ? view.schema : undefined
  return placeQuery(scope, item, columns, names, {
    schema,
    sources: view.columns.map(({ number }) => ({ collection, column: number })),
  })
}

/** What dumps a database sets it, so that nobody's functions run with its rights. */
function refuseRestricted({ context }: Binder, { name }: ViewRelation): void {
  const restricted = context.getSetting('restrict_nonsystem_relation_kind')
  if (restricted?.toLowerCase().includes('view') === true) {
    throw failure('55000', `access to non-system view "${name}" is restricted`)
  }
}

/** The table that a row lies in: `place` is where the rows of several tables say it. */
function tableOidColumn(
  { alias, name }: Relation & { alias?: string },
  tableOid: number,
  place: number | undefined,
): ScopeColumn {
  const expression: Expression =
    place === undefined
      ? { kind: 'constant', type: oid.oid, modifier: -1, value: tableOid }
      : { kind: 'column', type: oid.oid, modifier: -1, index: place, name: `${alias ?? name}.tableoid` }
  return { name: 'tableoid', expression, origin: undefined, isHidden: true }
}

function isWritable(relation: Relation): boolean {
  return relation.kind !== 'view'
}

/** Joins are planned in the order of the text, each inside of the next. */
const maxTables = 500

function addTable(scope: Scope, table: Scope['tables'][number]): void {
  if (scope.tables.length >= maxTables) throw failure('54000', 'too many range table entries')
  const taken = scope.tables.some((one) => one.alias === table.alias && one.schema === table.schema)
  if (taken) throw failure('42712', `table name "${table.alias}" specified more than once`)
  scope.tables.push(table)
}

/** The relation that a name stands for; 42P01 where there is none. */
export function findRelation(binder: Binder, name: RangeVar): Relation {
  const relname = name.relname ?? ''
  if (name.catalogname !== undefined && name.catalogname !== binder.context.database) {
    const full = `${name.catalogname}.${name.schemaname}.${relname}`
    throw failure('0A000', `cross-database references are not implemented: "${full}"`, { location: name.location })
  }
  if (name.schemaname !== undefined) binder.requireSchema(name.schemaname)
  const changed = name.schemaname === undefined ? binder.context.transitions?.get(relname) : undefined
  if (changed !== undefined) return transitionRelation(relname, changed)
  const schemas = name.schemaname === undefined ? binder.searchPath : [schemaNamed(binder.context, name.schemaname)]
  for (const schema of schemas) {
    if (!binder.maySearch(schema)) continue
    const view = systemRelation(binder.context, schema, relname)
    if (view !== undefined) return view
    const relation = relationOf(binder, schema, relname)
    if (relation !== undefined) return name.inh === true ? withFamily(binder, relation) : relation
  }
  const shown = name.schemaname === undefined ? relname : `${name.schemaname}.${relname}`
  throw failure('42P01', `relation "${shown}" does not exist`, { location: name.location })
}

/** The rows are those of the run: of the trigger's call. */
function transitionRelation(name: string, { columns }: TransitionTable): Relation {
  return memoryRelation('', name, columns, ({ context }) => context.transitions?.get(name)?.rows ?? [])
}

function aliasColumns(alias: Alias | undefined, count: number, name: string): readonly string[] {
  const names = (alias?.colnames ?? []).map(stringOf)
  if (names.length > count) {
    throw failure('42P10', `table "${name}" has ${count} columns available but ${names.length} columns specified`)
  }
  return names
}

function renamed(columns: readonly OutputColumn[], names: readonly string[]): OutputColumn[] {
  return columns.map((column, i) => ({ ...column, name: names[i] ?? column.name }))
}

interface NamedSource {
  readonly schema: string | undefined
  readonly sources: readonly ColumnSource[]
}

function placeQuery(
  scope: Scope,
  item: Exclude<FromItem, { kind: 'join' }>,
  columns: readonly OutputColumn[],
  alias: Alias | undefined,
  source?: NamedSource,
  hidden = 0,
): Bound {
  const names = aliasColumns(alias, columns.length, item.alias)
  const visible = columns.map(({ name, type, modifier, origin }, i): ScopeColumn => {
    const shown = names[i] ?? name
    return {
      name: shown,
      expression: { kind: 'column', type, modifier, index: item.first + i, name: `${item.alias}.${shown}` },
      origin,
      ...(source && { source: source.sources[i] }),
      ...(i >= columns.length - hidden && { isHidden: true }),
    }
  })
  scope.width = item.first + item.width
  addTable(scope, { alias: item.alias, schema: source?.schema, columns: visible, first: item.first })
  const written = writtenAlias(alias, visible)
  const isCall = item.kind === 'function'
  // What a function's columns are called by themselves may change.
  const all = isCall ? { isGiven: true, columns: visible.map(({ name }) => name) } : written
  return { item: all === undefined ? item : { ...item, written: all }, columns: visible }
}

function bindDerived(binder: Binder, scope: Scope, node: RangeSubselect): Bound {
  const { subquery, alias } = node
  if (subquery === undefined || !('SelectStmt' in subquery)) throw notBuilt('this subquery in FROM')
  const isLateral = node.lateral === true
  const frame = new Frame(binder.nextSubquery())
  const inner = isLateral ? new Scope(scope, frame) : scope.beside()
  const locking = lockingWithin(scope.lockingClauses, alias?.aliasname)
  const query = binder.query(inner, alsoLocking(subquery.SelectStmt, locking))
  const name = alias?.aliasname ?? `unnamed_subquery_${frame.id}`
  const placed = { first: scope.width, width: query.columns.length, alias: name }
  const item = { kind: 'query', ...placed, query, id: frame.id, captures: frame.captures, isLateral } as const
  return placeQuery(scope, item, query.columns, alias)
}

function bindRangeFunction(binder: Binder, scope: Scope, node: RangeFunction): Bound {
  const functions = (node.functions ?? []).map(listOf)
  const [call] = functions[0] ?? []
  if (call === undefined) throw notBuilt('this function in FROM')
  const frame = new Frame(binder.nextSubquery())
  const inner = new Scope(scope, frame)
  const { forbidsAggregates } = scope
  inner.forbidsAggregates = scope.forbidsAggregates = 'functions in FROM'
  const name = nameOfCall(call)
  const sources = functions.flatMap(([one, definitions]) => {
    const described =
      node.coldeflist ?? (definitions !== undefined && 'List' in definitions ? definitions.List.items : undefined)
    if (described !== undefined && 'FuncCall' in one!) return bindRecordSource(binder, inner, one.FuncCall, described)
    return separated(one!).map((each) => bindSource(binder, inner, each, nameOfCall(each)))
  })
  const bound = sideBySide(sources)
  scope.forbidsAggregates = forbidsAggregates
  const alias = node.alias?.aliasname ?? name
  const isScalar = bound.columns.length === 1
  const withOrdinality = node.ordinality === true
  const columns: OutputColumn[] = bound.columns.map((column) => ({
    ...column,
    // The one column of a function is named by its alias, unless the function names it itself.
    name: isScalar && column.name === name ? alias : column.name,
  }))
  if (withOrdinality) columns.push({ name: 'ordinality', type: oid.int8, modifier: -1 })
  const item: FunctionItem = {
    kind: 'function',
    first: scope.width,
    width: columns.length,
    alias,
    entry: bound.entry,
    arguments: bound.arguments,
    id: frame.id,
    captures: frame.captures,
    withOrdinality,
  }
  return placeQuery(scope, item, columns, node.alias)
}

function nameOfCall(call: Node): string {
  return 'FuncCall' in call ? lastName(call.FuncCall.funcname) : 'value'
}

function listOf(node: Node | undefined): [Node | undefined, Node | undefined] {
  if (node === undefined) return [undefined, undefined]
  if (!('List' in node)) return [node, undefined]
  const [call, definitions] = node.List.items ?? []
  return [call, definitions !== undefined && 'List' in definitions ? definitions : undefined]
}

/** A function that CREATE FUNCTION has made: its row, or its rows. */
function bindRoutineSource(binder: Binder, scope: Scope, node: FuncCall): RowsSource | undefined {
  const path = stringsOf(node.funcname)
  const routines = routinesOf(binder, path)
  if (routines.length === 0) return undefined
  const bound = bindRoutineOf(binder, scope, node, path, routines)
  if (!('routine' in bound)) return undefined
  const { definition } = bound.routine
  if (definition.kind === 'procedure') binder.expression(scope, { FuncCall: node })
  if (isBareRecord(definition)) {
    const message = 'a column definition list is required for functions returning "record"'
    throw failure('42601', message, { location: node.location })
  }
  const isVoid = bound.columns.length === 0
  const columns = isVoid ? [{ name: definition.name, type: oid.void, modifier: -1 }] : bound.columns
  const rows = routineRows(bound)
  const entry: SetFunctionEntry = {
    name: definition.name,
    routine: bound.routine.collection,
    takes: [],
    variadic: false,
    columns,
    rows: isVoid ? (run, values) => [...rows(run, values)].map(() => ['']) : rows,
  }
  return { entry, arguments: bound.arguments, columns }
}

function bindSource(binder: Binder, scope: Scope, call: Node, name: string): RowsSource {
  const routine = 'FuncCall' in call ? bindRoutineSource(binder, scope, call.FuncCall) : undefined
  if (routine !== undefined) return routine
  if ('FuncCall' in call && name === asOfFunction) {
    const find = (path: readonly string[]): Relation => {
      const [relname = '', schemaname] = path.toReversed()
      return findRelation(binder, { relname, inh: true, ...(schemaname !== undefined && { schemaname }) })
    }
    return bindAsOf(binder, scope, call.FuncCall, find)
  }
  if ('FuncCall' in call && setFunctionsNamed(name).length > 0) {
    const parts = bindBuiltInArguments(binder, scope, name, call.FuncCall.args ?? [])
    const types = parts.map(({ type }) => type)
    const found = resolve(setFunctionsNamed(name), types)
    if (found.kind === 'found') {
      const { entry, takes } = found
      const columns = entry.columns.map((column) => {
        return { name: column.name, type: concreteResult(column.type, entry.takes, takes), modifier: -1 }
      })
      return { entry, arguments: setArguments(binder, entry, takes, parts, call.FuncCall.location), columns }
    }
    if (functionsNamed(name).length === 0) binder.call(name, parts, call.FuncCall.location)
  }
  if ('FuncCall' in call && populatesRows(name)) {
    const parts = bindBuiltInArguments(binder, scope, name, call.FuncCall.args ?? [])
    return bindPopulatedRows(binder, name, parts, call.FuncCall.location)
  }
  // Any other function is one row of one column.
  const value = settle(binder, binder.expression(scope, call))
  const column = { name, type: value.type, modifier: value.modifier }
  const entry: SetFunctionEntry = {
    name,
    takes: [],
    variadic: false,
    columns: [column],
    isValue: true,
    rows: (_run, values) => [values],
  }
  return { entry, arguments: [value], columns: [column] }
}

export function joinItems(
  binder: Binder,
  join: 'inner' | 'left' | 'right' | 'full',
  left: FromItem,
  right: FromItem,
  condition: Expression | undefined,
  written?: WrittenJoin,
): FromItem {
  const width = right.first + right.width - left.first
  const id = binder.nextSubquery()
  const item = { kind: 'join', id, join, left, right, condition, first: left.first, width, alias: '' } as const
  return written === undefined ? item : { ...item, written }
}

const joinKinds: Readonly<Record<string, 'inner' | 'left' | 'right' | 'full'>> = {
  JOIN_INNER: 'inner',
  JOIN_LEFT: 'left',
  JOIN_RIGHT: 'right',
  JOIN_FULL: 'full',
}

function bindJoin(binder: Binder, scope: Scope, node: JoinExpr): Bound {
  const kind = joinKinds[node.jointype ?? 'JOIN_INNER']
  if (kind === undefined) throw notBuilt(`the join ${node.jointype ?? ''}`)
  const tablesBefore = scope.tables.length
  const before = scope.columns
  const left = bindItem(binder, scope, node.larg!)
  // What is to the right may be lateral: it sees the left side.
  scope.columns = [...before, ...left.columns]
  const right = bindItem(binder, scope, node.rarg!)
  const names = node.isNatural === true ? commonNames(left, right) : stringsOf(node.usingClause)
  const merged = names.map((name) => mergeColumn(binder, kind, name, left, right))
  const rest = (side: Bound): ScopeColumn[] => side.columns.filter(({ name }) => !names.includes(name))
  const columns = [...merged.map(({ column }) => column), ...rest(left), ...rest(right)]
  const condition = scope.seeingTablesFrom(tablesBefore, () =>
    bindCondition(binder, scope, node, [...left.columns, ...right.columns], merged),
  )
  scope.columns = [...before, ...columns]
  const join = (written: WrittenJoin): FromItem => joinItems(binder, kind, left.item, right.item, condition, written)
  if (node.alias?.aliasname === undefined) return { item: join({ using: names, columns }), columns }
  const visible = aliasJoin(scope, columns, node.alias, tablesBefore, left.item.first)
  return { item: join({ using: names, columns: visible, alias: node.alias.aliasname }), columns: visible }
}

/** `(a JOIN b) AS j` hides the names of a and b. */
function aliasJoin(
  scope: Scope,
  joined: readonly ScopeColumn[],
  alias: Alias,
  tablesBefore: number,
  first: number,
): readonly ScopeColumn[] {
  scope.tables.length = tablesBefore
  const names = aliasColumns(alias, joined.length, alias.aliasname!)
  const columns = joined.map((column, i) => ({ ...column, name: names[i] ?? column.name }))
  addTable(scope, { alias: alias.aliasname!, schema: undefined, columns, first })
  return columns
}

function bindCondition(
  binder: Binder,
  scope: Scope,
  node: JoinExpr,
  visible: readonly ScopeColumn[],
  merged: readonly { equal: Expression }[],
): Expression | undefined {
  const equals = merged.map(({ equal }) => equal)
  if (equals.length === 1) return equals[0]
  if (equals.length > 1) return { kind: 'and', type: oid.bool, modifier: -1, arguments: equals }
  if (node.quals === undefined) return undefined
  const outer = scope.columns
  scope.columns = [...visible]
  const forbidden = scope.forbidsAggregates
  scope.forbidsAggregates = 'JOIN conditions'
  const { quals } = node
  const condition = scope.withoutSets('JOIN conditions', () =>
    coerce(binder, binder.expression(scope, quals), oid.bool),
  )
  scope.forbidsAggregates = forbidden
  scope.columns = outer
  return condition
}

function commonNames(left: Bound, right: Bound): string[] {
  const seen = ({ columns }: Bound): string[] =>
    columns.flatMap(({ name, isHidden }) => (isHidden === true ? [] : [name]))
  const others = seen(right)
  return seen(left).filter((name) => others.includes(name))
}

function mergeColumn(
  binder: Binder,
  kind: 'inner' | 'left' | 'right' | 'full',
  name: string,
  left: Bound,
  right: Bound,
): { column: ScopeColumn; equal: Expression } {
  const find = (side: Bound, which: string): ScopeColumn => {
    const found = side.columns.filter((column) => column.name === name)
    if (found.length === 1) return found[0]!
    if (found.length > 1)
      throw failure('42702', `common column name "${name}" appears more than once in ${which} table`)
    throw failure('42703', `column "${name}" specified in USING clause does not exist in ${which} table`)
  }
  const [a, b] = [find(left, 'left'), find(right, 'right')]
  for (const { source } of [a, b]) binder.access.reads(source)
  const equal = binder.operator('=', [a.expression, b.expression])
  if (kind === 'inner' || kind === 'left') return { column: a, equal }
  if (kind === 'right') return { column: b, equal }
  for (const one of [a.expression, b.expression]) binder.repetition.shared(one)
  const type = commonType([a.expression, b.expression], 'JOIN/USING')
  const parts = [coerce(binder, a.expression, type), coerce(binder, b.expression, type)]
  const expression: Expression = { kind: 'coalesce', type, modifier: -1, arguments: parts }
  return { column: { name, expression, origin: undefined }, equal }
}
