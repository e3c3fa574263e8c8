/** RETURN, RETURN NEXT, RETURN QUERY. */
import type { StatementSteps } from '../../../database/contract.ts'
import type { PreparedStatement, Row, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { converted, isAssignable, typeTitle } from '../routine/conversion.ts'
import type { BoundColumn } from '../routine/result.ts'
import { rowBytes } from '../routine/sql-language.ts'
import { rowTypeOf } from '../../../model/table/types/registry.ts'
import { RecordRow, type RowValue } from '../../../model/table/types/user/row-value.ts'
import { type Compiler, type Done, type Exec, type Purpose, returned } from './compile.ts'
import { valueOf, withValue } from './evaluate.ts'
import { columnsOf, dynamicStatement, pullRows } from './exec-sql.ts'
import { foundSlot, type Frame } from './frame.ts'
import { type Names, type RecordValue, rowValueOf } from './names.ts'
import { recordSource, rowFrom } from './record-source.ts'
import type { StatementNode } from './tree.ts'

type NodeOf<K extends StatementNode['kind']> = Extract<StatementNode, { kind: K }>
type ReturnNode = NodeOf<'return'> | NodeOf<'return next'> | NodeOf<'return query'> | NodeOf<'return execute'>

export function compileReturn(compiler: Compiler, node: ReturnNode, names: Names): Exec {
  const { purpose } = compiler
  if (node.kind === 'return') return compilePlain(compiler, node, names)
  if (!purpose.isSet) {
    const what = node.kind === 'return next' ? 'RETURN NEXT' : 'RETURN QUERY'
    throw failure('42804', `cannot use ${what} in a non-SETOF function`)
  }
  if (node.kind === 'return next') return compileNext(compiler, node, names)
  const query = node.kind === 'return query' ? compiler.statement(node.query, names) : undefined
  const dynamic = node.kind === 'return execute' ? dynamicStatement(compiler, node, names) : undefined
  return function* (frame): StatementSteps<Done> {
    const { prepared, values } = query === undefined ? yield* dynamic!(frame) : query.prepare(frame)
    if (prepared.columns === undefined) throw failure('42601', 'query has no destination for result data')
    const shape = shapeFor(frame, prepared)
    let count = 0
    yield* pullRows(frame, prepared, values, (rows) => {
      for (const row of rows) addRow(frame, shape(row))
      count += rows.length
      return true
    })
    frame.rowCount = count
    frame.values[foundSlot] = count > 0
    return undefined
  }
}

function shapeFor(frame: Frame, prepared: PreparedStatement): (row: Row) => Row {
  const given = columnsOf(prepared)
  const wanted = frame.columns
  if (given.length !== wanted.length) {
    throw failure('42804', 'structure of query does not match function result type', {
      detail: `Number of returned columns (${given.length}) does not match expected column count (${wanted.length}).`,
    })
  }
  for (const [i, { type }] of wanted.entries()) {
    const found = given[i]!
    if (isAssignable(found.type, type) && (found.type === type || found.type === 705)) continue
    throw failure('42804', 'structure of query does not match function result type', {
      detail: `Returned type ${typeTitle(found.type)} does not match expected type ${typeTitle(type)} in column ${i + 1}.`,
    })
  }
  return (row) => convertedRow(frame, row, given, wanted)
}

function convertedRow(
  frame: Frame,
  row: readonly unknown[],
  given: readonly BoundColumn[],
  wanted: readonly BoundColumn[],
): Row {
  return wanted.map((column, i) => {
    const value = (row[i] ?? null) as SqlValue
    const from = given[i]
    return from === undefined ? value : converted(value, from.type, column, frame.caller)
  })
}

export function addRow(frame: Frame, row: Row): void {
  frame.caller.transaction.workspace.memory.charge(rowBytes(row), 'the rows of a function')
  frame.rows.push(row)
}

/** The output parameters as they are. */
export function outputRow(frame: Frame, { outputs }: Purpose): Row {
  const values = outputs.map((one): SqlValue => {
    if (one.kind === 'scalar') return frame.values[one.slot] as SqlValue
    return rowValueOf(frame.values[one.slot] as RecordValue | null)
  })
  // One that is a row is the row that the function gives.
  const [only] = outputs
  if (outputs.length > 1 || only?.kind !== 'record') return values
  return (values[0] as RowValue | null)?.values ?? frame.columns.map(() => null)
}

function compilePlain(compiler: Compiler, node: NodeOf<'return'>, names: Names): Exec {
  const { purpose } = compiler
  checkPlain(purpose, node.value !== undefined)
  if (node.value === undefined) {
    return (frame) => {
      if (purpose.outputs.length > 0 && !purpose.isSet) frame.rows = [outputRow(frame, purpose)]
      return returned
    }
  }
  const value = compiler.expression(node.value, names)
  if (purpose.isScalar) {
    return (frame) =>
      withValue(frame, value, (found) => {
        const [column] = frame.columns
        frame.rows = [[column === undefined ? found : converted(found, value.type, column, frame.caller)]]
        return returned
      })
  }
  const source = recordSource(value, names)
  return function* (frame): StatementSteps<Done> {
    const row = yield* rowFrom(source, frame)
    frame.rows = row === undefined ? [] : [finishRow(frame, purpose, row)]
    return returned
  }
}

/** A row as it is asked for; of a trigger, as it is. */
function finishRow(
  frame: Frame,
  purpose: Purpose,
  row: { values: readonly unknown[]; columns: readonly BoundColumn[] },
): Row {
  if (purpose.kind === 'trigger') {
    frame.returned = row.columns
    return row.values as Row
  }
  const wanted = frame.columns
  if (frame.isBareRecord) return [new RecordRow(row.values as Row, rowTypeOf(row.columns).oid)]
  if (row.columns.length !== wanted.length) {
    throw failure('42804', 'returned record type does not match expected record type', {
      detail: `Number of returned columns (${row.columns.length}) does not match expected column count (${wanted.length}).`,
    })
  }
  if (frame.isDescribed) checkDescribed(row.columns, wanted)
  return convertedRow(frame, row.values, row.columns, wanted)
}

/** What a call has said of the columns of a record must be so. */
function checkDescribed(given: readonly BoundColumn[], wanted: readonly BoundColumn[]): void {
  for (const [i, { type }] of wanted.entries()) {
    if (given[i]!.type === type) continue
    throw failure('42804', 'returned record type does not match expected record type', {
      detail: `Returned type ${typeTitle(given[i]!.type)} does not match expected type ${typeTitle(type)} in column ${i + 1}.`,
    })
  }
}

function checkPlain(purpose: Purpose, hasValue: boolean): void {
  if (purpose.kind === 'block' && hasValue) {
    throw failure('42804', 'RETURN cannot have a parameter in function returning void')
  }
  if (purpose.isSet && hasValue) {
    throw failure('42804', 'RETURN cannot have a parameter in function returning set', {
      hint: 'Use RETURN NEXT or RETURN QUERY.',
    })
  }
  if (purpose.outputs.length > 0 && hasValue) {
    throw failure('42804', 'RETURN cannot have a parameter in function with OUT parameters')
  }
  if (purpose.kind === 'procedure' && hasValue) {
    throw failure('42804', 'RETURN cannot have a parameter in a procedure')
  }
  const isVoid = !purpose.isSet && purpose.columns !== undefined && purpose.columns.length === 0
  if (isVoid && hasValue && purpose.kind === 'function') {
    throw failure('42804', 'RETURN cannot have a parameter in function returning void')
  }
  const needsValue = purpose.kind === 'function' && !purpose.isSet && purpose.outputs.length === 0 && !isVoid
  if (needsValue && !hasValue) throw failure('42601', 'missing expression at or near ";"')
}

function compileNext(compiler: Compiler, node: NodeOf<'return next'>, names: Names): Exec {
  const { purpose } = compiler
  if (node.value === undefined) {
    if (purpose.outputs.length === 0) throw failure('42601', 'RETURN NEXT must have a parameter')
    return (frame) => {
      addRow(frame, outputRow(frame, purpose))
      return undefined
    }
  }
  if (purpose.outputs.length > 0) {
    throw failure('42804', 'RETURN NEXT cannot have a parameter in function with OUT parameters')
  }
  const value = compiler.expression(node.value, names)
  const source = purpose.isScalar ? undefined : recordSource(value, names)
  return function* (frame): StatementSteps<Done> {
    if (source === undefined) {
      const found = yield* valueOf(frame, value)
      addRow(frame, [converted(found, value.type, frame.columns[0]!, frame.caller)])
      return undefined
    }
    const row: RecordValue | { values: readonly unknown[]; columns: readonly BoundColumn[] } | undefined =
      yield* rowFrom(source, frame)
    addRow(frame, row === undefined ? frame.columns.map(() => null) : finishRow(frame, purpose, row))
    return undefined
  }
}
