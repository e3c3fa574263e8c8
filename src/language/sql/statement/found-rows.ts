/** The rows that UPDATE and DELETE are about: the target joined with FROM or USING, each row once, with its key. */
import type { Node, RangeVar } from 'libpg-query'
import { sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import { readFound } from '../../../model/table/codec.ts'
import { writePrimaryKey } from '../../../model/table/rows.ts'
import type { Relation } from '../../../query/relation.ts'
import { keyBytes } from '../../../query/row-format.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { bindFrom, joinItems, bindRelation, bindViewItem, findRelation } from '../bind/bind-from.ts'
import { bindWhere } from '../bind/bind-select.ts'
import { bindWith } from '../bind/with/bind-with.ts'
import { freeze, isWrittenTwice } from '../bind/with/freezing.ts'
import type { Binder } from '../bind/binder.ts'
import type { FromItem } from '../bind/query.ts'
import { securedFor } from '../bind/row-security.ts'
import { Scope } from '../bind/scope.ts'
import { ViewRelation } from '../bind/view-relation.ts'
import type { SqlValue } from '../contract.ts'
import { compile, compilePredicate, type Evaluate, type Predicate } from '../expression/compile.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { conjunction, conjunctsOf } from '../plan/conditions.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import { Planner } from '../plan/planner.ts'
import { findPointPath } from '../plan/relation-access.ts'
import { noRow, type SqlRow, type SqlRun } from '../plan/run.ts'
import type { Progress } from '../progress.ts'
import { type PointFinder, type RowFinder, RowsOfPlan } from './held-rows.ts'
import { writeThrough, type WriteThrough } from './views/write-through.ts'

const noKey = -1

/** The target and what is joined with it, bound in one scope. */
export interface BoundTarget {
  readonly scope: Scope
  readonly relation: Relation
  /** The view that the statement names: `relation` is the table that its rows are of. */
  readonly through: WriteThrough | undefined
  readonly from: FromItem
  readonly where: Expression | undefined
  /** Where the row's key stands: behind the target's columns. Rows of a view have none: `noKey`. */
  readonly keyPlace: number
  /** Another statement of the same WITH writes it as well. */
  readonly isShared: boolean
  readonly progress: Progress | undefined
}

export function bindTargetTable(
  binder: Binder,
  name: RangeVar,
  others: readonly Node[],
  whereNode: Node | undefined,
  withClause: Parameters<typeof bindWith>[2] | undefined,
  command: 'update' | 'delete',
  scope: Scope = new Scope(),
): BoundTarget {
  if (withClause !== undefined) bindWith(binder, scope, withClause)
  scope.reservesKeys = true
  const named = findRelation(binder, name)
  const through = writeThrough(binder, named, command)
  const secured = (): Relation => securedFor(binder, through?.base ?? named, command)
  const relation = through === undefined ? secured() : through.forTable(secured)
  const alias = name.alias?.aliasname ?? named.name
  const isShared = isWrittenTwice(binder, relation)
  const read = isShared ? freeze(binder, relation) : relation
  const names = through === undefined ? name.alias : undefined
  const bind = (): ReturnType<typeof bindRelation> =>
    read instanceof ViewRelation
      ? bindViewItem(binder, scope, read, alias, names)
      : bindRelation(scope, read, alias, names)
  const target = through === undefined ? bind() : through.forTable(bind)
  if (through !== undefined) scope.tables.length = 0
  const columns = through?.bindTarget(scope, alias, name.alias) ?? target.columns
  scope.columns = [...columns]
  scope.reservesKeys = false
  const joined = others.length === 0 ? undefined : bindFrom(binder, scope, others)
  scope.columns = [...columns, ...(joined === undefined ? [] : scope.columns)]
  const given = bindWhere(binder, scope, whereNode)
  // Before those of the statement, which may fail on a row that the view does not show.
  const where = conjunction([...conjunctsOf(through?.condition), ...conjunctsOf(given)])
  const from = joined === undefined ? target.item : joinItems(binder, 'inner', target.item, joined, undefined)
  const keyPlace = relation instanceof ViewRelation ? noKey : target.item.width - 1
  return { scope, relation, through, from, where, keyPlace, isShared, progress: binder.progress }
}

/** All rows to change, with their keys. `extra`: what else will be read of the rows. */
export function findRows(target: BoundTarget, extra: readonly Expression[], needed: Iterable<number>): RowFinder {
  const ordinals = [...needed]
  const { keyPlace } = target
  const point = findPoint(target, extra, ordinals)
  if (point !== undefined) return { point }
  const plan = planFound(target, extra, ordinals)
  // Triggers of a view are told of each row that is found.
  if (target.from.kind !== 'join' || keyPlace === noKey) return { open: (run) => new RowsOfPlan(plan, run) }
  return { open: (run) => new RowsOfPlan(plan, run, newKeys(keyPlace, run)) }
}

/** A row that joins several times is changed once. */
function newKeys(keyPlace: number, { transaction }: SqlRun): (row: SqlRow) => boolean {
  const seen = new Set<string>()
  return (row) => {
    const key = sliceToLatin1(sliceOf(row[keyPlace] as Uint8Array))
    if (seen.has(key)) return false
    transaction.workspace.memory.charge(keyBytes(key), 'the keys of a statement that writes')
    seen.add(key)
    return true
  }
}

function planFound(target: BoundTarget, extra: readonly Expression[], ordinals: readonly number[]): PlanNode {
  return new Planner(target.progress).planSource(target.from, target.where, extra, ordinals)
}

const pointWriter = new KeyWriter(64)

/** `WHERE pk = …` of a table: one get, no operators. */
function findPoint(
  target: BoundTarget,
  extra: readonly Expression[],
  ordinals: readonly number[],
): PointFinder | undefined {
  const { relation, from, where } = target
  if (target.isShared) return undefined
  if (!(relation instanceof TableRelation) || from.kind !== 'relation') return undefined
  const conditions = conjunctsOf(where)
  if ([...conditions, ...extra].some((one) => someExpression(one, ({ kind }) => kind === 'subquery'))) return undefined
  const path = findPointPath(relation, 0, conditions)
  if (path === undefined) return undefined
  const compiler = new Planner(target.progress).compilerAt(0)
  const rest = conjunction(conditions.filter((one) => !path.answered.includes(one)))
  const accepts: Predicate | undefined = rest === undefined ? undefined : compilePredicate(rest, compiler)
  const parts: Evaluate[] = path.equal.map(({ value }) => compile(value, compiler))
  const needed = new Set(ordinals)
  for (const one of [...extra, ...conditions]) columnsRead(one, needed)
  const reader = relation.table.readerOf(needed)
  return (run) => {
    const values: SqlValue[] = parts.map((part) => part(noRow, run))
    if (values.includes(null)) return undefined
    writePrimaryKey(relation.table, values, pointWriter)
    const value = run.transaction.get(pointWriter)
    if (value === undefined) return undefined
    const row = readFound(reader, value)
    if (accepts !== undefined && !accepts(row, run)) return undefined
    row.push(pointWriter.toBytes())
    return row
  }
}
