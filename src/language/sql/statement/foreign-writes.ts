/**
 * Writes through SQL into collections of other models (rule 7).
 *
 * Documents: rows can be inserted (by columns, or whole as `doc`), updated and deleted. A value that would come back from
 * the document as another one is refused, and so is a change of `_id`. What a column does not name stays as it is. Redis
 * data has a file of its own; system views cannot be written.
 */
import { inPlace } from '../../../database/wait.ts'
import type { InsertStmt, UpdateStmt } from 'libpg-query'
import { PolylogError } from '../../../base/errors.ts'
import { copySlice, type Slice, sliceOf } from '../../../base/slice.ts'
import { bsonType, type BsonValue, fieldsOf, getField } from '../../../model/document/bson.ts'
import { buildDocument } from '../../../model/document/bson-writer.ts'
import {
  idOf,
  insertDocument,
  lockDocument,
  removeDocument,
  replaceDocument,
} from '../../../model/document/document.ts'
import { objectIdValue } from '../../../model/document/values.ts'
import { getType } from '../../../model/table/types/registry.ts'
import { documentAt, DocumentRelation } from '../../../query/collection-relation.ts'
import { jsonToBson } from '../../../query/document-json.ts'
import { fieldToSql, sqlToBson } from '../../../query/document-values.ts'
import type { Relation } from '../../../query/relation.ts'
import { bindRelation } from '../bind/bind-from.ts'
import type { Binder } from '../bind/binder.ts'
import { Scope } from '../bind/scope.ts'
import type { Row, SqlValue } from '../contract.ts'
import { compile } from '../expression/compile.ts'
import { failure } from '../failure.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { assignTo, bindAssignments, compileInserted } from './assignment.ts'
import { collect, settled, type Work } from './execution.ts'
import { type FoundRow, findRows, type BoundTarget } from './found-rows.ts'
import { isKeyvalue, planKeyvalueDelete, planKeyvalueInsert, planKeyvalueUpdate } from './keyvalue-writes.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning, type Returning } from './returning.ts'

function refuse(relation: Relation, verb: string): never {
  throw new PolylogError('denied', `cannot ${verb} view "${relation.name}"`, { detail: { sqlState: '42809' } })
}

/** The value as a field; refused where reading it again would give another one. */
function fieldOf(relation: DocumentRelation, column: number, value: SqlValue): BsonValue {
  const { name, type } = relation.columns[column]!
  const entry = getType(type)
  const field = sqlToBson(value, entry)
  if (value === null) return field
  const again = fieldToSql(field, relation.typeNameOf(column))
  if (again !== null && (!entry.isOrdered || entry.compare(again, value) === 0)) return field
  throw new PolylogError('foreign_model_violation', `a document cannot hold exactly this value of column "${name}"`, {
    detail: { sqlState: '0A000', column: name },
  })
}

interface FieldChange {
  readonly column: number
  readonly value: SqlValue
}

/** The document with its fields changed, in their order, new ones at the end and `_id` first. */
function changeDocument(
  relation: DocumentRelation,
  document: Slice | undefined,
  changes: readonly FieldChange[],
): Uint8Array {
  const whole = changes.find(({ column }) => relation.columns[column]!.name === 'doc')
  const base = whole === undefined ? document : parseDocument(whole.value)
  const fields = new Map<string, BsonValue>(base === undefined ? [] : fieldsOf(base))
  for (const { column, value } of changes) {
    const { name } = relation.columns[column]!
    if (name !== 'doc') fields.set(name, fieldOf(relation, column, value))
  }
  const id = (document === undefined ? undefined : getField(document, '_id')) ?? fields.get('_id')
  fields.delete('_id')
  return buildDocument((writer) => {
    if (id !== undefined) writer.value('_id', id)
    for (const [name, value] of fields) writer.value(name, value)
  })
}

function parseDocument(value: SqlValue): BsonValue {
  const parsed = value === null ? undefined : jsonToBson(value as string)
  if (parsed?.type === bsonType.object) return parsed
  throw failure('22023', 'doc must be a JSON object')
}

/** Twelve bytes: seconds, then chance. */
function newId(run: SqlRun): BsonValue {
  const bytes = new Uint8Array(12)
  run.transaction.services.random(bytes)
  new DataView(bytes.buffer).setUint32(0, Math.floor(run.transaction.timeMs / 1000))
  return objectIdValue(bytes)
}

export function planForeignInsert(binder: Binder, scope: Scope, statement: InsertStmt, relation: Relation): Planned {
  if (isKeyvalue(relation)) return planKeyvalueInsert(binder, scope, statement, relation)
  if (!(relation instanceof DocumentRelation)) return refuse(relation, 'insert into')
  if (statement.onConflictClause !== undefined) throw failure('0A000', 'ON CONFLICT is not supported for documents')
  const columns = insertColumns(relation, statement)
  const select = statement.selectStmt
  if (select === undefined || !('SelectStmt' in select))
    throw failure('0A000', 'DEFAULT VALUES is not supported for documents')
  const query = binder.query(scope, select.SelectStmt)
  if (query.columns.length !== columns.length) {
    throw failure(
      '42601',
      `INSERT has ${query.columns.length > columns.length ? 'more expressions than target columns' : 'more target columns than expressions'}`,
    )
  }
  const targets = columns.map((column) => relation.columns[column]!)
  const values = compileInserted(binder, query, targets)
  const plan = new Planner(binder.progress).planQuery(query)
  const returning = bindReturning(binder, scopeOf(relation), statement.returningClause)
  const work: Work = function* (run) {
    const rows: Row[] = []
    const given = yield* collect(plan, run)
    for (const row of given) {
      const changes = yield* settled(() => columns.map((column, i) => ({ column, value: values[i]!(row, run) })))
      const document = withId(run, changeDocument(relation, undefined, changes))
      yield* inPlace(run.transaction, () => insertDocument(run.transaction, relation.collection, sliceOf(document)))
      if (returning !== undefined)
        rows.push(yield* settled(() => returning.project(relation.rowOf(sliceOf(document)), run)))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: given.length }
  }
  return planSteps({ kind: 'write' }, 'INSERT', work, returning?.columns)
}

function withId(run: SqlRun, document: Uint8Array): Uint8Array {
  const slice = sliceOf(document)
  const id = getField(slice, '_id')
  if (id !== undefined && !id.isNullish) return document
  const made = newId(run)
  return buildDocument((writer) => {
    writer.value('_id', made)
    for (const [name, value] of fieldsOf(slice)) if (name !== '_id') writer.value(name, value)
  })
}

function scopeOf(relation: DocumentRelation): Scope {
  const scope = new Scope()
  scope.columns = [...bindRelation(scope, relation, relation.name).columns]
  return scope
}

function insertColumns(relation: DocumentRelation, statement: InsertStmt): readonly number[] {
  const names = (statement.cols ?? []).map((node) => ('ResTarget' in node ? (node.ResTarget.name ?? '') : ''))
  return names.length === 0 ? relation.columns.map((_, i) => i) : names.map((name) => columnOf(relation, name))
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
