/** The rows that UPDATE and DELETE are about: the target joined with FROM or USING, each row once, with its key. */
import type { StatementSteps } from '../../../database/contract.ts'
import type { Node, RangeVar } from 'libpg-query'
import { sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import { writePrimaryKey } from '../../../model/table/rows.ts'
import type { Relation } from '../../../query/relation.ts'
import type { FoundRow } from '../../../query/row-target.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { bindFrom, joinItems, bindRelation, findRelation } from '../bind/bind-from.ts'
import { bindWhere, bindWith } from '../bind/bind-select.ts'
import type { Binder } from '../bind/binder.ts'
import type { FromItem } from '../bind/query.ts'
import { Scope } from '../bind/scope.ts'
import type { SqlValue } from '../contract.ts'
import { compile, compilePredicate, type Evaluate, type Predicate } from '../expression/compile.ts'
import { columnsRead, type Expression, someExpression } from '../expression/expression.ts'
import { conjunction, conjunctsOf } from '../plan/conditions.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import { Planner } from '../plan/planner.ts'
import { findPointPath } from '../plan/relation-access.ts'
import { noRow, type SqlRun } from '../plan/run.ts'
import type { Progress } from '../progress.ts'
import { collect, settled } from './execution.ts'

/** The target and what is joined with it, bound in one scope. */
export interface BoundTarget {
  readonly scope: Scope
  readonly relation: Relation
  readonly from: FromItem
  readonly where: Expression | undefined
  /** Where the row's key stands: behind the target's columns. */
  readonly keyPlace: number
  readonly progress: Progress | undefined
}

export function bindTargetTable(
  binder: Binder,
  name: RangeVar,
  others: readonly Node[],
  whereNode: Node | undefined,
  withClause: Parameters<typeof bindWith>[2] | undefined,
): BoundTarget {
  const scope = new Scope()
  if (withClause !== undefined) bindWith(binder, scope, withClause)
  scope.reservesKeys = true
  const relation = findRelation(binder, name)
  const alias = name.alias?.aliasname ?? relation.name
  const target = bindRelation(scope, relation, alias, name.alias)
  scope.columns = [...target.columns]
  scope.reservesKeys = false
  const joined = others.length === 0 ? undefined : bindFrom(binder, scope, others)
  scope.columns = [...target.columns, ...(joined === undefined ? [] : scope.columns)]
  const where = bindWhere(binder, scope, whereNode)
  const from = joined === undefined ? target.item : joinItems(binder, 'inner', target.item, joined, undefined)
  return { scope, relation, from, where, keyPlace: relation.columns.length, progress: binder.progress }
}

export type RowFinder = (run: SqlRun) => StatementSteps<FoundRow[]>

/** All rows to change, with their keys. `extra`: what else will be read of the rows. */
export function findRows(target: BoundTarget, extra: readonly Expression[], needed: Iterable<number>): RowFinder {
  const ordinals = [...needed]
  const point = findPoint(target, extra, ordinals)
  if (point !== undefined) return pointFinder(point)
  const plan = planFound(target, extra, ordinals)
  const joins = target.from.kind === 'join'
  const { keyPlace } = target
  return function* (run) {
    const rows = yield* collect(plan, run)
    const found: FoundRow[] = []
    const seen = new Set<string>()
    for (const [i, row] of rows.entries()) {
      const key = row[keyPlace] as Uint8Array
      if (!joins || isNew(seen, sliceToLatin1(sliceOf(key)))) found.push({ key, row })
      if (i % rowsPerUnit === 0 && run.transaction.slice.spend(1)) yield undefined
    }
    return found
  }
}

function pointFinder(point: (run: SqlRun) => FoundRow[]): RowFinder {
  return (run) => settled(() => point(run))
}

function planFound(target: BoundTarget, extra: readonly Expression[], ordinals: readonly number[]): PlanNode {
  return new Planner(target.progress).planSource(target.from, target.where, extra, ordinals)
}

/** Rows handed on for what one row costs elsewhere. */
const rowsPerUnit = 16

function isNew(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false
  seen.add(key)
  return true
}

const pointWriter = new KeyWriter(64)

/** `WHERE pk = …` of a table: one get, no operators. */
function findPoint(
  target: BoundTarget,
  extra: readonly Expression[],
  ordinals: readonly number[],
): ((run: SqlRun) => FoundRow[]) | undefined {
  const { relation, from, where } = target
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
    if (values.includes(null)) return []
    writePrimaryKey(relation.table, values, pointWriter)
    const value = run.transaction.get(pointWriter)
    if (value === undefined) return []
    const row = reader.read(value)
    return accepts !== undefined && !accepts(row, run) ? [] : [{ key: pointWriter.toBytes(), row }]
  }
}
