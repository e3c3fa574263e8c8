/** What is assigned to a record: another record, NULL, ROW(…), or what a function or subquery gives as a row. */
import type { Node } from 'libpg-query'
import type { StatementSteps } from '../../../database/contract.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import { stringOf } from '../bind/tree.ts'
import type { Row } from '../contract.ts'
import { failure } from '../failure.ts'
import type { BoundColumn } from '../routine/result.ts'
import type { Compiler } from './compile.ts'
import type { Frame } from './frame.ts'
import type { Names, RecordValue } from './names.ts'
import { type PlExpression, PlStatement } from './sql-parts.ts'

export interface RowWithColumns {
  readonly values: readonly unknown[]
  readonly columns: readonly BoundColumn[]
}

/** Undefined: NULL. */
export type RecordSource = (frame: Frame) => RowWithColumns | undefined | StatementSteps<RowWithColumns | undefined>

export function recordSource(compiler: Compiler, expression: PlExpression, names: Names): RecordSource {
  const { node, text } = expression
  if (node !== undefined && 'A_Const' in node && node.A_Const.isnull === true) {
    return () => undefined
  }
  if (node !== undefined && 'ColumnRef' in node) {
    const path = (node.ColumnRef.fields ?? []).flatMap((one) => ('String' in one ? stringOf(one) : []))
    const found = names.find(path)
    if (found?.variable.kind === 'record' && found.field === undefined) {
      const { slot } = found.variable
      return (frame) => (frame.values[slot] as RecordValue | null) ?? undefined
    }
  }
  const query = queryFor(compiler, node, text, names)
  return function* (frame) {
    let row: Row | undefined
    const prepared = yield* query.run(frame, (rows) => {
      row ??= rows[0]
      return true
    })
    const columns = (prepared.columns ?? []).map(({ name, typeOid, typeModifier }) => {
      return { name, type: typeOid, modifier: typeModifier }
    })
    return row === undefined ? undefined : { values: row, columns }
  }
}

function queryFor(compiler: Compiler, node: Node | undefined, text: string, names: Names): PlStatement {
  if (node !== undefined && 'RowExpr' in node) {
    const { args = [] } = node.RowExpr
    const targetList = args.map((val, i): Node => ({ ResTarget: { name: `f${i + 1}`, val } }))
    const tree: Node = { SelectStmt: { targetList, limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' } }
    return new PlStatement(
      { text: `SELECT ${text}`, tree, offset: 0, source: `SELECT ${text}` },
      names,
      compiler.conflict,
    )
  }
  if (node !== undefined && 'FuncCall' in node)
    return compiler.statement({ text: `SELECT * FROM ${text}`, line: 1 }, names)
  if (node !== undefined && 'SubLink' in node) {
    throw failure('0A000', 'a subquery as the value of a record is not supported')
  }
  return compiler.statement({ text: `SELECT ${text}`, line: 1 }, names)
}

export function* rowFrom(source: RecordSource, frame: Frame): StatementSteps<RowWithColumns | undefined> {
  const found = source(frame)
  return isSteps(found) ? yield* found : found
}
