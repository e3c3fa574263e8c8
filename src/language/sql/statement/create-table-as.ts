/** CREATE TABLE … AS SELECT …, and SELECT … INTO. */
import type { CreateTableAsStmt, SelectStmt } from 'libpg-query'
import type { StatementSteps } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { type NewColumn, newTable } from '../../../model/table/definition.ts'
import { insertRow } from '../../../model/table/rows.ts'
import { createTable } from '../../../model/table/schema.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import { requireTypeUse } from '../bind/type-access.ts'
import { failure, notBuilt } from '../failure.ts'
import { Planner } from '../plan/planner.ts'
import { skipping } from './create-schema.ts'
import { checkAccessMethod } from './create-table.ts'
import type { Outcome } from './execution.ts'
import { eachHeld, holdRows, RowsOfPlan } from './held-rows.ts'
import { isNameTaken, targetNamespace } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'
import { readOptions } from './table-definition.ts'
import { commitActionOf, dropAtCommit } from './temporary.ts'
import { planCreateMaterialized } from './views/materialized-views.ts'

/** SELECT … INTO t is CREATE TABLE t AS SELECT …; undefined of what is none. The leftmost block of a UNION says it. */
export function asCreateTable(statement: SelectStmt): CreateTableAsStmt | undefined {
  const into = intoOf(statement)
  if (into === undefined) return undefined
  return { query: { SelectStmt: withoutInto(statement) }, into, objtype: 'OBJECT_TABLE', is_select_into: true }
}

function intoOf({ intoClause, larg }: SelectStmt): SelectStmt['intoClause'] {
  return intoClause ?? (larg === undefined ? undefined : intoOf(larg))
}

function withoutInto({ intoClause: _, larg, ...rest }: SelectStmt): SelectStmt {
  return larg === undefined ? rest : { ...rest, larg: withoutInto(larg) }
}

/** CREATE TABLE … AS SELECT …: the query's columns, then its rows. */
export function planCreateTableAs(binder: Binder, statement: CreateTableAsStmt): Planned {
  const { query, into } = statement
  if (statement.objtype === 'OBJECT_MATVIEW') return planCreateMaterialized(statement)
  if (query === undefined || !('SelectStmt' in query) || into?.rel === undefined) throw notBuilt('this CREATE TABLE AS')
  checkAccessMethod(into.accessMethod)
  const { engine } = readOptions(into.options)
  const bound = binder.query(new Scope(), query.SelectStmt)
  const names = (into.colNames ?? []).map((one) => ('String' in one ? one.String.sval : undefined))
  if (names.length > bound.columns.length) throw failure('42601', 'too many column names were specified')
  const columns = bound.columns.map(({ name, type, modifier }, i): NewColumn => {
    return { name: names[i] ?? name, type, ...(modifier >= 0 ? { modifier } : {}) }
  })
  requireTypeUse(binder.context, ...columns.map(({ type }) => type))
  const definition = newTable(columns)
  const plan = new Planner(binder.progress).planQuery(bound)
  const { rel } = into
  const tag = into.skipData === true ? 'CREATE TABLE AS' : 'SELECT'
  return planSteps({ kind: 'schema' }, tag, function* (run): StatementSteps<Outcome> {
    const namespace = targetNamespace(run, rel)
    const name = rel.relname ?? ''
    if (isNameTaken(run.transaction, namespace.name, name)) {
      if (statement.if_not_exists !== true) throw failure('42P07', `relation "${name}" already exists`)
      return { rowCount: 0, notices: [skipping('42P07', `relation "${name}" already exists`)] }
    }
    const held = into.skipData === true ? undefined : yield* holdRows(new RowsOfPlan(plan, run), run, 0)
    const action = commitActionOf(into.onCommit, isTemporaryName(namespace.name))
    const whole = action === 'delete' ? { ...definition, onCommit: action } : definition
    const table = yield* inPlace(run.transaction, () => createTable(run.transaction, namespace, name, whole, engine))
    if (action === 'drop') dropAtCommit(run.transaction, table.collection)
    if (held === undefined) return { rowCount: 0 }
    const { rowCount } = yield* eachHeld(held, run, function* (row) {
      yield* inPlace(run.transaction, () => insertRow(run.transaction, table, row))
      return true
    })
    return { rowCount }
  })
}
