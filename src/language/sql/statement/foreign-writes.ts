/**
 * UPDATE and DELETE through SQL of collections of other models (rule 7): documents here, Redis data in a file of its own; system
 * views cannot be written. What a column does not name stays as it is, and a change of `_id` is refused.
 */
import type { UpdateStmt } from 'libpg-query'
import { PolylogError } from '../../../base/errors.ts'
import { copySlice, sliceOf } from '../../../base/slice.ts'
import { inPlace } from '../../../database/wait.ts'
import { idOf, lockDocument, removeDocument, replaceDocument } from '../../../model/document/document.ts'
import { documentAt, DocumentRelation } from '../../../query/collection-relation.ts'
import { changeDocument } from '../../../query/document-target.ts'
import { isKeyvalue } from '../../../query/keyvalue-relation.ts'
import type { Relation } from '../../../query/relation.ts'
import type { Binder } from '../bind/binder.ts'
import type { Row } from '../contract.ts'
import { compile } from '../expression/compile.ts'
import { failure } from '../failure.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { assignTo, bindAssignments } from './assignment.ts'
import { settled, type Work } from './execution.ts'
import { type FoundRow, findRows, type BoundTarget } from './found-rows.ts'
import { planKeyvalueDelete, planKeyvalueUpdate } from './keyvalue-writes.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning, type Returning } from './returning.ts'

function refuse(relation: Relation, verb: string): never {
  throw new PolylogError('denied', `cannot ${verb} view "${relation.name}"`, { detail: { sqlState: '42809' } })
}

function columnOf(relation: DocumentRelation, name: string): number {
  const column = relation.columns.findIndex((one) => one.name === name)
  if (column >= 0) return column
  throw failure('42703', `column "${name}" of relation "${relation.name}" does not exist`, {
    hint: 'A field that no document has had yet is written as part of doc.',
  })
}

/** The newest state of what was found, locked; undefined where it is gone. */
function lockFound(run: SqlRun, relation: DocumentRelation, { key }: FoundRow): Uint8Array | undefined {
  const seen = documentAt(run, key)
  if (seen === undefined) return undefined
  const id = idOf(sliceOf(copySlice(seen)))
  const locked = lockDocument(run.transaction, relation.collection, id)
  return locked === undefined ? undefined : copySlice(locked)
}

export function planForeignUpdate(binder: Binder, target: BoundTarget, statement: UpdateStmt): Planned {
  const { relation } = target
  if (isKeyvalue(relation)) return planKeyvalueUpdate(binder, target, statement, relation)
  if (!(relation instanceof DocumentRelation)) return refuse(relation, 'update')
  const compiler = new Planner(binder.progress).compilerAt(0)
  const assignments = bindAssignments(binder, target.scope, statement.targetList ?? []).map(({ name, value }) => {
    const column = columnOf(relation, name)
    if (name === '_id') throw failure('0A000', 'the _id of a document cannot be changed')
    if (value === undefined) throw failure('0A000', 'a field of a document has no default')
    return { column, expression: assignTo(binder, value, relation.columns[column]!) }
  })
  const returning = bindReturning(binder, target.scope, statement.returningClause)
  const expressions = assignments.map(({ expression }) => expression)
  const finder = findRows(target, [...expressions, ...(returning?.expressions ?? [])], [])
  const values = assignments.map(({ column, expression }) => ({ column, value: compile(expression, compiler) }))
  const width = relation.columns.length
  const work: Work = function* (run) {
    const rows: Row[] = []
    const found = yield* finder(run)
    for (const one of found) {
      const changes = yield* settled(() => values.map(({ column, value }) => ({ column, value: value(one.row, run) })))
      const before = yield* inPlace(run.transaction, () => lockFound(run, relation, one))
      if (before === undefined) continue
      const after = changeDocument(relation, sliceOf(before), changes)
      yield* inPlace(run.transaction, () => {
        replaceDocument(run.transaction, relation.collection, sliceOf(before), sliceOf(after))
      })
      if (returning !== undefined) {
        const row: SqlRow = [...relation.rowOf(sliceOf(after)), ...one.row.slice(width)]
        rows.push(yield* settled(() => returning.project(row, run)))
      }
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: found.length }
  }
  return planSteps({ kind: 'write' }, 'UPDATE', work, returning?.columns)
}

export function planForeignDelete(target: BoundTarget, returning: Returning | undefined): Planned {
  const { relation } = target
  if (isKeyvalue(relation)) return planKeyvalueDelete(target, returning, relation)
  if (!(relation instanceof DocumentRelation)) return refuse(relation, 'delete from')
  const finder = findRows(target, returning?.expressions ?? [], [])
  const work: Work = function* (run) {
    const rows: Row[] = []
    const found = yield* finder(run)
    for (const one of found) {
      const before = yield* inPlace(run.transaction, () => lockFound(run, relation, one))
      if (before === undefined) continue
      yield* inPlace(run.transaction, () => removeDocument(run.transaction, relation.collection, sliceOf(before)))
      if (returning !== undefined) rows.push(yield* settled(() => returning.project(one.row, run)))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: found.length }
  }
  return planSteps({ kind: 'write' }, 'DELETE', work, returning?.columns)
}
