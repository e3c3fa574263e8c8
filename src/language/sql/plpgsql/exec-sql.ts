/** Statements of SQL, static and dynamic, PERFORM, GET DIAGNOSTICS, and the end of a transaction. */
import type { Node } from 'libpg-query'
import { charge } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { PolylogError } from '../../../base/errors.ts'
import { stringsOf } from '../bind/tree.ts'
import { oid } from '../types/oids.ts'
import type { PreparedStatement, Row, SqlValue } from '../contract.ts'
import { failure, sqlStateOf } from '../failure.ts'
import { prepareParameters } from '../routine/dynamic.ts'
import { withContext } from '../routine/error-context.ts'
import { runInner, type TakeRows } from '../routine/inner-statement.ts'
import type { BoundColumn } from '../routine/result.ts'
import { assignField, assignRow, assignScalar } from './assign.ts'
import type { Compiler, Done, Exec } from './compile.ts'
import { shownText } from './exec-raise.ts'
import { endOfTransaction } from './exec-transaction.ts'
import { valueOf } from './evaluate.ts'
import { foundSlot, type Frame } from './frame.ts'
import { contextLine } from './lines.ts'
import type { Names } from './names.ts'
import type { Fragment, IntoNode, StatementNode, TargetNode } from './tree.ts'

type NodeOf<K extends StatementNode['kind']> = Extract<StatementNode, { kind: K }>
type SqlNode = NodeOf<'sql'> | NodeOf<'execute'> | NodeOf<'perform'> | NodeOf<'diagnostics'> | NodeOf<'transaction'>

export function compileSqlStatement(compiler: Compiler, node: SqlNode, names: Names): Exec {
  switch (node.kind) {
    case 'perform':
      return compilePerform(compiler, node, names)
    case 'execute':
      return compileExecute(compiler, node, names)
    case 'diagnostics':
      return compileDiagnostics(compiler, node, names)
    case 'transaction':
      return endOfTransaction(node)
    default:
      return compileStatic(compiler, node, names)
  }
}

/** Puts a row into the targets; undefined: nulls. */
export type Into = (frame: Frame, row: readonly unknown[] | undefined, columns: readonly BoundColumn[]) => void

export function intoTargets(compiler: Compiler, nodes: readonly TargetNode[], names: Names): Into {
  const targets = nodes.map((one) => compiler.target(one, names))
  const [{ variable, field } = targets[0]!] = targets
  if (targets.length === 1 && variable.kind === 'record' && field === undefined) {
    return (frame, row, columns) => assignRow(frame, variable, row, columns)
  }
  for (const { variable, field } of targets) {
    if (variable.kind === 'record' && field === undefined) {
      throw failure('42601', 'record variable cannot be part of multiple-item INTO list')
    }
  }
  return (frame, row, columns) => {
    for (const [i, { variable, field }] of targets.entries()) {
      const value = (row?.[i] ?? null) as SqlValue
      const type = columns[i]?.type ?? oid.unknown
      if (variable.kind === 'scalar') assignScalar(frame, variable, value, type)
      else assignField(frame, variable, field!, value, type)
    }
  }
}

export function columnsOf({ columns = [] }: PreparedStatement): readonly BoundColumn[] {
  return columns.map(({ name, typeOid, typeModifier }) => ({ name, type: typeOid, modifier: typeModifier }))
}

export function* pullRows(
  frame: Frame,
  prepared: PreparedStatement,
  values: readonly SqlValue[],
  take: TakeRows,
): StatementSteps<void> {
  const { rowCount } = yield* runInner(prepared, values, frame, take)
  frame.rowCount = rowCount
}

/** Commands of which FOUND tells whether they have done something. */
const counted: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE'])

function compileStatic(compiler: Compiler, node: NodeOf<'sql'>, names: Names): Exec {
  const statement = compiler.statement(node.query, names)
  const into = node.into && intoTargets(compiler, node.into.targets, names)
  const call = callArguments(statement.parsed.tree as Node)
  return function* (frame): StatementSteps<Done> {
    const gathered = gather(node.into)
    const prepared = yield* statement.run(frame, gathered.take)
    if (call !== undefined && gathered.rows.length > 0) takeOutputs(frame, names, call, prepared, gathered.rows[0]!)
    if (into === undefined) {
      if (prepared.columns !== undefined && prepared.command !== 'CALL') refuseRows(prepared)
      if (counted.has(prepared.command)) frame.values[foundSlot] = frame.rowCount > 0

      return undefined
    }
    if (prepared.columns === undefined) throw failure('42601', 'INTO used with a command that cannot return data')
    store(frame, node.into!, into, gathered.rows, prepared)
    frame.values[foundSlot] = gathered.rows.length > 0
    return undefined
  }
}

function callArguments(tree: Node): readonly Node[] | undefined {
  return 'CallStmt' in tree ? (tree.CallStmt.funccall?.args ?? []) : undefined
}

/** Variables that stand for output parameters get what these have become. */
function takeOutputs(frame: Frame, names: Names, args: readonly Node[], prepared: PreparedStatement, row: Row): void {
  const columns = columnsOf(prepared)
  for (const [i, place] of (prepared.outputs ?? []).entries()) {
    const node = args[place]
    const path = node !== undefined && 'ColumnRef' in node ? stringsOf(node.ColumnRef.fields) : []
    const found = path.length === 0 ? undefined : names.find(path)
    if (found === undefined) {
      throw failure(
        '42601',
        `procedure parameter at position ${place + 1} is an output parameter but corresponding argument is not writable`,
      )
    }
    const { variable, field } = found
    if (variable.kind === 'scalar') assignScalar(frame, variable, row[i]!, columns[i]!.type)
    else if (field !== undefined) assignField(frame, variable, field, row[i]!, columns[i]!.type)
  }
}

function refuseRows({ command }: PreparedStatement): never {
  const hint =
    command === 'SELECT' ? { hint: 'If you want to discard the results of a SELECT, use PERFORM instead.' } : {}
  throw failure('42601', 'query has no destination for result data', hint)
}

/** As many rows as an INTO has to know of. */
function gather(into: IntoNode | undefined): { readonly rows: Row[]; readonly take: TakeRows } {
  const rows: Row[] = []
  const most = into?.isStrict === true ? 2 : 1
  return {
    rows,
    take: (batch) => {
      for (const row of batch) if (rows.length < most) rows.push(row)
      return true
    },
  }
}

function store(frame: Frame, node: IntoNode, into: Into, rows: readonly Row[], prepared: PreparedStatement): void {
  if (node.isStrict && rows.length === 0) throw failure('P0002', 'query returned no rows')
  const isOfMany = rows.length > 1
  if (isOfMany || (counted.has(prepared.command) && frame.rowCount > 1)) {
    throw failure('P0003', 'query returned more than one row', {
      hint: 'Make sure the query returns a single row, or use LIMIT 1.',
    })
  }
  into(frame, rows[0], columnsOf(prepared))
}

function compilePerform(compiler: Compiler, node: NodeOf<'perform'>, names: Names): Exec {
  const statement = compiler.statement(node.query, names)
  return function* (frame): StatementSteps<Done> {
    let count = 0
    yield* statement.run(frame, (rows) => {
      count += rows.length
      return true
    })
    frame.rowCount = count
    frame.values[foundSlot] = count > 0
    return undefined
  }
}

interface DynamicNode {
  readonly query: Fragment
  readonly using: readonly Fragment[]
}

/** The statement that a text says, with its parameters; its names mean nothing of the function's. */
/** To read and to bind one. */
const unitsPerStatement = 40_000
const unitsPerCharacter = 200

export function dynamicStatement(
  compiler: Compiler,
  node: DynamicNode,
  names: Names,
): (frame: Frame) => StatementSteps<{ readonly prepared: PreparedStatement; readonly values: readonly SqlValue[] }> {
  const query = compiler.expression(node.query, names)
  const using = node.using.map((one) => compiler.expression(one, names))
  return function* (frame) {
    const text = yield* valueOf(frame, query)
    if (text === null) throw failure('22004', 'query string argument of EXECUTE is null')
    const values: SqlValue[] = []
    for (const one of using) values.push(yield* valueOf(frame, one))
    const types = using.map(({ type }) => (type === oid.unknown ? oid.text : type))
    const shown = shownText(frame, text, query.type)
    charge(unitsPerStatement + shown.length * unitsPerCharacter)
    try {
      return { prepared: prepareParameters(shown, frame.context, types), values }
    } catch (error) {
      throw withContext(error, () => `SQL statement "${shown}"`)
    }
  }
}

function compileExecute(compiler: Compiler, node: NodeOf<'execute'>, names: Names): Exec {
  const prepare = dynamicStatement(compiler, node, names)
  const into = node.into && intoTargets(compiler, node.into.targets, names)
  return function* (frame): StatementSteps<Done> {
    const { prepared, values } = yield* prepare(frame)
    const gathered = gather(node.into)
    const { caller, context, isReadOnly, within, alone } = frame
    const options = { caller, context, isReadOnly, within, alone, isDynamic: true }
    const { rowCount } = yield* runInner(prepared, values, options, gathered.take)
    frame.rowCount = rowCount
    if (prepared.effect.kind === 'session') frame.updateKey()
    if (into === undefined) return undefined
    if (prepared.columns === undefined) throw failure('42601', 'INTO used with a command that cannot return data')
    const isStrict = node.into!.isStrict
    if (!isStrict) into(frame, gathered.rows[0], columnsOf(prepared))
    else store(frame, node.into!, into, gathered.rows, prepared)
    return undefined
  }
}

function compileDiagnostics(compiler: Compiler, node: NodeOf<'diagnostics'>, names: Names): Exec {
  const items = node.items.map(({ target, item }) => ({ item, into: intoTargets(compiler, [target], names) }))
  return (frame) => {
    if (node.isStacked && frame.handled === undefined) {
      throw failure('0Z002', 'GET STACKED DIAGNOSTICS cannot be used outside an exception handler')
    }
    for (const { item, into } of items) {
      const value = node.isStacked ? ofError(frame.handled!, item) : ofStatement(frame, item)
      const type = typeof value === 'bigint' ? oid.int8 : oid.text
      into(frame, [value], [{ name: item, type, modifier: -1 }])
    }
    return undefined
  }
}

function ofStatement(frame: Frame, item: string): SqlValue {
  if (item === 'row_count') return BigInt(frame.rowCount)
  return item === 'pg_context' ? contextLine(frame) : 0n
}

const details: Readonly<Record<string, string>> = {
  column_name: 'column',
  constraint_name: 'constraint',
  pg_datatype_name: 'dataType',
  table_name: 'collection',
  schema_name: 'schema',
  pg_exception_detail: 'detail',
  pg_exception_hint: 'hint',
  pg_exception_context: 'where',
}

function ofError(error: PolylogError, item: string): SqlValue {
  if (item === 'returned_sqlstate') return sqlStateOf(error)
  if (item === 'message_text') return error.message
  const found = error.detail[details[item]!]
  return typeof found === 'string' ? found : ''
}
