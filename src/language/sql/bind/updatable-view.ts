/**
 * Views that are written through: those that show rows of one table, or of one such view, each as one row. What is
 * written goes to the table as its own rows do; who writes is asked for the view, its owner for what that shows.
 *
 * Rules and words are PostgreSQL's (`view_query_is_auto_updatable`, `rewriteTargetView`). What a view's conditions, columns and
 * defaults come to is given over the row of the table at the end of the chain.
 */
import type { SelectStmt } from 'libpg-query'
import { noPrivileges, privilege, type Privileges } from '../../../database/access/privileges.ts'
import type { ViewOptions } from '../../../model/table/view-kind.ts'
import type { Relation } from '../../../query/relation.ts'
import { relationOid } from '../catalog/relations.ts'
import { columnsRead, type Expression } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { conjunctsOf } from '../plan/conditions.ts'
import { moveExpression } from '../plan/from-items.ts'
import type { Binder } from './binder.ts'
import { bindView, parseQuery } from './bind-view.ts'
import type { BoundQuery, RelationItem, SelectBody } from './query.ts'
import type { ScopeColumn } from './scope.ts'
import type { ViewRelation } from './view-relation.ts'

export type ViewCommand = 'insert' | 'update' | 'delete'

/** Why nothing is written through a view, or a column of it. */
type Reason = string

export interface ViewCheck {
  readonly view: string
  readonly condition: Expression
}

/** A view with what it comes to at the table that its rows are of. */
export interface WrittenView {
  readonly view: ViewRelation
  /** The view that this one shows rows of. */
  readonly below: WrittenView | undefined
  /** The table, or the view whose triggers write. */
  readonly base: Relation
  /** What each column shows, over the table's row. */
  readonly shown: readonly Expression[]
  /** The table's column that a column is; else why it is none. */
  readonly columns: readonly (number | Reason)[]
  /** Of it and of those below it. */
  readonly conditions: readonly Expression[]
  readonly ownConditions: readonly Expression[]
}

const noSingle = 'Views that do not select from a single table or view are not automatically updatable.'

/** The reason, where nothing can be written through it. */
export function whyNotWritten(statement: SelectStmt, { body }: BoundQuery): Reason | undefined {
  const containing = (what: string): Reason => `Views containing ${what} are not automatically updatable.`
  const returning = (what: string): Reason => `Views that return ${what} are not automatically updatable.`
  if (statement.distinctClause !== undefined) return containing('DISTINCT')
  if (statement.groupClause !== undefined) return containing('GROUP BY')
  if (statement.havingClause !== undefined) return containing('HAVING')
  if (body.kind === 'set') return containing('UNION, INTERSECT, or EXCEPT')
  if (statement.withClause !== undefined) return containing('WITH')
  if (statement.limitCount !== undefined || statement.limitOffset !== undefined) return containing('LIMIT or OFFSET')
  if (body.kind !== 'select') return noSingle
  if (body.grouping !== undefined) return returning('aggregate functions')
  if (body.windows !== undefined) return returning('window functions')
  if (body.targets.some(({ kind }) => kind === 'set')) return returning('set-returning functions')
  return isSingle(body) ? undefined : noSingle
}

function isSingle({ from }: SelectBody): boolean {
  if (from?.kind === 'query') return from.view !== undefined
  return from?.kind === 'relation' && from.relation.kind !== 'view'
}

/** Undefined of what cannot be written through; `reason` is told why. The way ends where triggers do what `command` says. */
export function writtenView(
  binder: Binder,
  view: ViewRelation,
  command?: ViewCommand,
  tell?: (reason: Reason, view: ViewRelation) => void,
): WrittenView | undefined {
  const statement = parseQuery(view.definition.query)
  const query = binder.withoutAsking(() => bindView(binder, view))
  const reason = whyNotWritten(statement, query)
  if (reason !== undefined) {
    tell?.(reason, view)
    return undefined
  }
  const body = query.body as SelectBody
  const from = body.from!
  const under = from.kind === 'query' ? (from.view as ViewRelation) : undefined
  const isDone = under !== undefined && command !== undefined && under.triggered.does(command)
  const inner = under === undefined || isDone ? undefined : writtenView(binder, under, command, tell)
  if (under !== undefined && !isDone && inner === undefined) return undefined
  const over = (one: Expression): Expression =>
    moveExpression(one, (leaf) => (leaf.kind === 'column' ? inner?.shown[leaf.index] : undefined))
  const own = conjunctsOf(body.where).map(over)
  return {
    view,
    below: inner,
    base: inner?.base ?? under ?? (from as RelationItem).relation,
    shown: body.targets.slice(0, view.columns.length).map(over),
    columns: view.columns.map((_, i) => columnOf(body.targets[i]!, inner, from.width)),
    ownConditions: own,
    conditions: [...own, ...(inner?.conditions ?? [])],
  }
}

function columnOf(target: Expression, inner: WrittenView | undefined, width: number): number | Reason {
  if (target.kind !== 'column' || target.index >= width) {
    return 'View columns that are not columns of their base relation are not updatable.'
  }
  return inner === undefined ? target.index : inner.columns[target.index]!
}

const verbs = { insert: 'insert into', update: 'update', delete: 'delete from' } as const
const gerunds = { insert: 'inserting into', update: 'updating', delete: 'deleting from' } as const

/** Errors: 55000 where that cannot be. */
export function getWrittenView(binder: Binder, view: ViewRelation, command: ViewCommand): WrittenView {
  let why = noSingle
  let failing = view
  const found = writtenView(binder, view, command, (reason, at) => {
    why = reason
    failing = at
  })
  if (found !== undefined && (command === 'delete' || found.columns.some((column) => typeof column === 'number'))) {
    return found
  }
  if (found !== undefined) why = 'Views that have no updatable columns are not automatically updatable.'
  const word = command.toUpperCase()
  throw failure('55000', `cannot ${verbs[command]} view "${failing.name}"`, {
    detail: why,
    hint: `To enable ${gerunds[command]} the view, provide an INSTEAD OF ${word} trigger or an unconditional ON ${word} DO INSTEAD rule.`,
  })
}

/** The place of the table's column that one of the view's is. Errors: 0A000 where it is none. */
export function baseColumn({ view, columns }: WrittenView, at: number, command: 'insert into' | 'update'): number {
  const found = columns[at]!
  if (typeof found === 'number') return found
  throw failure('0A000', `cannot ${command} column "${view.columns[at]!.name}" of view "${view.name}"`, {
    detail: found,
  })
}

/** Its columns as the statement's expressions see them: who reads one is asked for it, and owners for what it shows. */
export function viewScopeColumns({ view, shown }: WrittenView, names: readonly string[], by = 0): ScopeColumn[] {
  const tableOid = relationOid(view)
  return view.columns.map(({ name, number }, i) => ({
    name: names[i] ?? name,
    expression: by === 0 ? shown[i]! : shifted(shown[i]!, by),
    origin: { tableOid, columnNumber: number },
    source: { collection: view.collection, column: number },
  }))
}

function shifted(expression: Expression, by: number): Expression {
  return moveExpression(expression, (leaf) => {
    return leaf.kind === 'column' ? { ...leaf, index: leaf.index + by } : undefined
  })
}

/** Asks the owners on the way down: of each view for what it needs of the relation below it. */
export function askOwners(
  binder: Binder,
  { view, below, base, ownConditions }: WrittenView,
  wanted: { readonly whole: Privileges; readonly written: ReadonlySet<number>; readonly privilege: Privileges },
): void {
  const isInvoker = view.definition.options?.securityInvoker === true
  const relation = below?.view ?? base
  // Numbers are of the table; a view between has its own.
  const placeBelow = (ordinal: number): number => (below === undefined ? ordinal : below.columns.indexOf(ordinal))
  binder.within(view.collection, isInvoker ? 'caller' : 'owner', () => {
    binder.access.any(relation.collection, wanted.whole)
    for (const ordinal of wanted.written) {
      const column = relation.columns[placeBelow(ordinal)]
      if (column !== undefined) binder.access.column(relation.collection, column.number, wanted.privilege)
    }
    // Whoever only inserts, or asks for columns, looks at no row.
    if ((wanted.whole & (privilege.update | privilege.delete)) === noPrivileges) return
    for (const condition of ownConditions) {
      for (const ordinal of columnsRead(condition)) {
        const column = relation.columns[placeBelow(ordinal)]
        if (column !== undefined) binder.access.column(relation.collection, column.number, privilege.read)
      }
    }
  })
  if (below !== undefined) askOwners(binder, below, wanted)
}

/** Binds what is of the table itself, its policies: as the owner of the view that shows it. */
export function asLastOwner<T>(binder: Binder, { view, below }: WrittenView, bind: () => T): T {
  const isInvoker = view.definition.options?.securityInvoker === true
  return binder.within(view.collection, isInvoker ? 'caller' : 'owner', () => {
    return below === undefined ? bind() : asLastOwner(binder, below, bind)
  })
}

/** What must be true of each row that is left: its own conditions where WITH CHECK OPTION says so, and those below. */
export function checksOf(written: WrittenView, isCascaded = false): ViewCheck[] {
  const { view, below, ownConditions } = written
  const option: ViewOptions['checkOption'] = view.definition.options?.checkOption
  const isChecked = isCascaded || option !== undefined
  const own = isChecked ? ownConditions.map((condition) => ({ view: view.name, condition })) : []
  const under = below === undefined ? [] : checksOf(below, isCascaded || option === 'cascaded')
  return [...under, ...own]
}
