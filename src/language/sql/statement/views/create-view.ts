/** CREATE [OR REPLACE] VIEW: a query under a name, whose columns another definition may add to and never change. */
import type { Node, SelectStmt, ViewStmt } from 'libpg-query'
import type { Collection } from '../../../../database/catalog/catalog.ts'
import { requireColumnType } from '../../../../model/table/types/column-type.ts'
import { formatType } from '../../../../model/table/types/registry.ts'
import {
  isView,
  type ViewColumn,
  type ViewDefinition,
  viewDefinitionOf,
  viewJson,
  type ViewOptions,
} from '../../../../model/table/view-kind.ts'
import { changeView } from '../../../../model/table/view-triggers.ts'
import type { BoundQuery } from '../../bind/query.ts'
import { optionText, stringsOf } from '../../bind/tree.ts'
import { whyNotWritten } from '../../bind/updatable-view.ts'
import type { Notice } from '../../contract.ts'
import { failure, notBuilt } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { refuseBusy, isNameTaken, targetNamespace } from '../naming.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { isTemporary, wantsTemporary } from '../temporary.ts'
import { storedQuery, viewColumns } from './view-text.ts'

const checkOptions: Readonly<Record<string, ViewOptions['checkOption']>> = {
  LOCAL_CHECK_OPTION: 'local',
  CASCADED_CHECK_OPTION: 'cascaded',
}

export function planCreateView(statement: ViewStmt): Planned {
  const { view, aliases, query, options = [], withCheckOption, replace } = statement
  if (view?.relpersistence === 'u') {
    throw failure('42601', 'views cannot be unlogged because they do not have storage')
  }
  const select = selectOf(query)
  const checkOption = checkOptions[withCheckOption ?? '']
  const given = { ...viewOptions(options), ...(checkOption && { checkOption }) }
  const columnNames = stringsOf(aliases)
  return planSteps({ kind: 'schema' }, 'CREATE VIEW', (run) => {
    const { transaction } = run
    const name = view?.relname ?? ''
    const stored = storedQuery(run, select, columnNames, 'CREATE VIEW')
    requireColumns(stored.columns)
    const readsTemporary = stored.reads.some(({ id }) => isTemporary(transaction.catalog.collectionById(id)!))
    const isMadeSo = readsTemporary && !wantsTemporary(view!, run.context.temporarySchema)
    const namespace = targetNamespace(run, isMadeSo ? { ...view, relpersistence: 't' } : view!)
    const notices: Notice[] = []
    if (isMadeSo) {
      notices.push({ severity: 'NOTICE', sqlState: '00000', message: `view "${name}" will be a temporary view` })
    }
    const { query: text, reads } = stored
    if (given.checkOption !== undefined) requireWritten(select, stored.bound)
    const definition: ViewDefinition = {
      kind: 'view',
      columns: viewColumns(stored.columns),
      query: text,
      reads,
      ...(Object.keys(given).length > 0 && { options: given }),
    }
    const existing = transaction.catalog.findCollection(namespace.name, name)
    if (existing === undefined || replace !== true) {
      if (isNameTaken(transaction, namespace.name, name)) throw failure('42P07', `relation "${name}" already exists`)
      transaction.createCollection(namespace, name, 'view', viewJson(definition))
      return { rowCount: 0, notices }
    }
    replaceView(run, existing, definition)
    return { rowCount: 0, notices }
  })
}

function requireWritten(select: SelectStmt, bound: BoundQuery): void {
  const reason = whyNotWritten(select, bound)
  if (reason === undefined) return
  throw failure('0A000', 'WITH CHECK OPTION is supported only on automatically updatable views', { hint: reason })
}

function selectOf(query: Node | undefined): SelectStmt {
  if (query === undefined || !('SelectStmt' in query)) throw notBuilt('this view')
  const select = query.SelectStmt
  if (select.intoClause !== undefined) throw failure('0A000', 'views must not contain SELECT INTO')
  const writes = (select.withClause?.ctes ?? []).some(
    (one) => 'CommonTableExpr' in one && !('SelectStmt' in (one.CommonTableExpr.ctequery ?? {})),
  )
  if (writes) throw failure('0A000', 'views must not contain data-modifying statements in WITH')
  return select
}

/** @throws PolylogError of names that stand twice, and of types that no column has. */
export function requireColumns(columns: readonly { readonly name: string; readonly type: number }[]): void {
  const seen = new Set<string>()
  for (const { name, type } of columns) {
    requireColumnType(name, type)
    if (seen.has(name)) throw failure('42701', `column "${name}" specified more than once`)
    seen.add(name)
  }
}

/** WITH (…), and what ALTER VIEW … SET gives. */
export function viewOptions(nodes: readonly Node[]): ViewOptions {
  const options: { -readonly [K in keyof ViewOptions]: ViewOptions[K] } = {}
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg } = node.DefElem
    const text = arg === undefined ? undefined : optionText(arg)
    if (defname === 'security_barrier') options.securityBarrier = booleanOption(defname, text)
    else if (defname === 'security_invoker') options.securityInvoker = booleanOption(defname, text)
    else if (defname === 'check_option') options.checkOption = checkOptionOf(text ?? 'true')
    else throw failure('22023', `unrecognized parameter "${defname}"`)
  }
  return options
}

function checkOptionOf(text: string): 'local' | 'cascaded' {
  if (text === 'local' || text === 'cascaded') return text
  throw failure('22023', `invalid value for enum option "check_option": ${text}`, {
    detail: 'Valid values are "local" and "cascaded".',
  })
}

const booleans: Readonly<Record<string, boolean>> = {
  true: true,
  on: true,
  yes: true,
  1: true,
  false: false,
  off: false,
  no: false,
  0: false,
}

function booleanOption(name: string, text: string | undefined): boolean {
  const value = text === undefined ? true : booleans[text.toLowerCase()]
  if (value !== undefined) return value
  throw failure('22023', `invalid value for boolean option "${name}": ${text}`)
}

function replaceView(run: SqlRun, existing: Collection, definition: ViewDefinition): void {
  const { transaction } = run
  if (!isView(existing)) throw failure('42809', `"${existing.name}" is not a view`)
  transaction.principal.rights.requireOwner(existing)
  refuseBusy(run, existing, 'CREATE OR REPLACE VIEW')
  const { columns: before, triggers, nextTrigger } = viewDefinitionOf(existing)
  refuseOthers(before, definition.columns)
  // What was said of the columns is said of them still.
  const columns = definition.columns.map((column, i) => ({ ...before[i], ...column }))
  const kept = nextTrigger === undefined ? {} : { triggers: triggers ?? [], nextTrigger }
  changeView(transaction, existing, () => ({ ...definition, columns, ...kept }))
}

/** As PostgreSQL's checkViewTupleDesc. */
function refuseOthers(before: readonly ViewColumn[], after: readonly ViewColumn[]): void {
  if (after.length < before.length) throw failure('42P16', 'cannot drop columns from view')
  for (const [i, { name, type, modifier = -1 }] of before.entries()) {
    const column = after[i]!
    if (column.name !== name) {
      throw failure('42P16', `cannot change name of view column "${name}" to "${column.name}"`, {
        hint: 'Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.',
      })
    }
    if (column.type === type && (column.modifier ?? -1) === modifier) continue
    const [from, to] = [formatType(type, modifier), formatType(column.type, column.modifier ?? -1)]
    throw failure('42P16', `cannot change data type of view column "${name}" from ${from} to ${to}`)
  }
}
