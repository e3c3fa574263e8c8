/**
 * UPDATE and DELETE of Redis data through SQL (rule 7): rows of `db0_string`, `db0_hash`, `db0_set` and `db0_zset`; of `db0`
 * itself keys are deleted.
 */
import type { UpdateStmt } from 'libpg-query'
import { inPlace } from '../../../database/wait.ts'
import type { KeyvalueRelation } from '../../../query/keyvalue-relation.ts'
import { drop, identityColumns, put, refuseKeys, refuseTaken } from '../../../query/keyvalue-target.ts'
import type { Relation } from '../../../query/relation.ts'
import type { Binder } from '../bind/binder.ts'
import type { Row } from '../contract.ts'
import { compile } from '../expression/compile.ts'
import { failure } from '../failure.ts'
import { Planner } from '../plan/planner.ts'
import { assignTo, bindAssignments } from './assignment.ts'
import { collect, settled, type Work } from './execution.ts'
import type { BoundTarget } from './found-rows.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning, type Returning } from './returning.ts'

function columnOf(relation: Relation, name: string): number {
  const column = relation.columns.findIndex((one) => one.name === name)
  if (column >= 0) return column
  throw failure('42703', `column "${name}" of relation "${relation.name}" does not exist`)
}

export function planKeyvalueUpdate(
  binder: Binder,
  target: BoundTarget,
  statement: UpdateStmt,
  relation: KeyvalueRelation,
): Planned {
  refuseKeys(relation)
  const compiler = new Planner(binder.progress).compilerAt(0)
  const changes = bindAssignments(binder, target.scope, statement.targetList ?? []).map(({ name, value }) => {
    const column = columnOf(relation, name)
    if (value === undefined) throw failure('0A000', 'Redis data has no defaults')
    return { column, expression: assignTo(binder, value, relation.columns[column]!) }
  })
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  const extra = [...changes.map(({ expression }) => expression), ...(returning?.expressions ?? [])]
  const values = changes.map(({ column, expression }) => ({ column, value: compile(expression, compiler) }))
  const source = new Planner(binder.progress).planSource(target.from, target.where, extra, relation.columns.keys())
  const width = relation.columns.length
  const moves = changes.some(({ column }) => column < identityColumns[relation.view])
  const work: Work = function* (run) {
    const rows: Row[] = []
    const found = yield* collect(source, run)
    for (const old of found) {
      const row = old.slice(0, width)
      yield* settled(() => {
        for (const { column, value } of values) row[column] = value(old, run)
      })
      yield* inPlace(run.transaction, () => {
        if (moves) {
          drop(run.transaction, relation, old)
          refuseTaken(run.transaction, relation, row)
        }
        put(run.transaction, relation, row)
      })
      if (returning !== undefined) {
        rows.push(yield* settled(() => returning.project([...row, ...old.slice(width)], run)))
      }
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: found.length }
  }
  return planSteps({ kind: 'write' }, 'UPDATE', work, returning?.columns)
}

export function planKeyvalueDelete(
  target: BoundTarget,
  returning: Returning | undefined,
  relation: KeyvalueRelation,
): Planned {
  const source = new Planner(target.progress).planSource(
    target.from,
    target.where,
    returning?.expressions ?? [],
    [0, 1],
  )
  const work: Work = function* (run) {
    const rows: Row[] = []
    let count = 0
    for (const row of yield* collect(source, run)) {
      if (!(yield* inPlace(run.transaction, () => drop(run.transaction, relation, row)))) continue
      count++
      if (returning !== undefined) rows.push(yield* settled(() => returning.project(row, run)))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: count }
  }
  return planSteps({ kind: 'write' }, 'DELETE', work, returning?.columns)
}
