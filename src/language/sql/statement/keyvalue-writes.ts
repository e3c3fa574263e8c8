/**
 * Writes of Redis data through SQL (rule 7): rows of `db0_string`, `db0_hash`, `db0_set` and `db0_zset` are inserted, updated
 * and deleted; of `db0` itself keys are deleted. A row is identified by its key, and by its field or member; inserting one
 * that is there is a unique violation. Text goes in as UTF-8, and `\x` with the digits of bytes that are no text as those
 * bytes, as they are shown. A string keeps its expiry.
 */
import { inPlace } from '../../../database/wait.ts'
import type { InsertStmt, UpdateStmt } from 'libpg-query'
import { PolylogError } from '../../../base/errors.ts'
import { sliceOf } from '../../../base/slice.ts'
import { getField, getScore, isMember } from '../../../model/keyvalue/entries.ts'
import { clearKey } from '../../../model/keyvalue/keyvalue.ts'
import { findString, foundExpiry, setString } from '../../../model/keyvalue/strings.ts'
import { dropField, dropMember, dropScored, putField, putMember, putScore } from '../../../model/keyvalue/writes.ts'
import { bytesOfShown, type KeyvalueRelation, type KeyvalueView } from '../../../query/keyvalue-relation.ts'
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
import type { BoundTarget } from './found-rows.ts'
import { type Planned, planSteps } from './prepared.ts'
import { bindReturning, type Returning } from './returning.ts'

export function isKeyvalue(relation: Relation): relation is KeyvalueRelation {
  return relation.kind === 'keyvalue'
}

/** How many leading columns identify a row. */
const identityColumns: Readonly<Record<KeyvalueView, number>> = { key: 1, string: 1, hash: 2, set: 2, zset: 2 }

const bytesOf = (value: SqlValue): Uint8Array => bytesOfShown(value as string)

function isThere(run: SqlRun, { view, collection }: KeyvalueRelation, row: SqlRow): boolean {
  const key = bytesOf(row[0]!)
  if (view === 'string') return findString(run.transaction, collection, sliceOf(key)) !== undefined
  const part = bytesOf(row[1]!)
  if (view === 'hash') return getField(run.transaction, collection, key, part) !== undefined
  if (view === 'set') return isMember(run.transaction, collection, key, part)
  return getScore(run.transaction, collection, key, part) !== undefined
}

function put(run: SqlRun, relation: KeyvalueRelation, row: SqlRow): void {
  const { view, collection } = relation
  const missing = relation.columns.findIndex((_, i) => row[i] === null)
  if (missing >= 0) {
    const { name } = relation.columns[missing]!
    const message = `null value in column "${name}" of relation "${relation.name}" violates not-null constraint`
    throw new PolylogError('not_null_violation', message, { detail: { sqlState: '23502', column: name } })
  }
  const key = bytesOf(row[0]!)
  if (view === 'string') {
    const found = findString(run.transaction, collection, sliceOf(key))
    const expiry = found === undefined ? undefined : foundExpiry()
    setString(run.transaction, collection, sliceOf(key), sliceOf(bytesOf(row[1]!)), expiry)
  } else if (view === 'hash') putField(run.transaction, collection, key, bytesOf(row[1]!), bytesOf(row[2]!))
  else if (view === 'set') putMember(run.transaction, collection, key, bytesOf(row[1]!))
  else {
    if (Number.isNaN(row[2])) throw failure('22023', 'a sorted set holds no NaN')
    putScore(run.transaction, collection, key, bytesOf(row[1]!), row[2] as number)
  }
}

function drop(run: SqlRun, { view, collection }: KeyvalueRelation, row: SqlRow): boolean {
  const key = bytesOf(row[0]!)
  if (view === 'key' || view === 'string') return clearKey(run.transaction, collection, sliceOf(key))
  const part = bytesOf(row[1]!)
  if (view === 'hash') return dropField(run.transaction, collection, key, part)
  if (view === 'set') return dropMember(run.transaction, collection, key, part)
  return dropScored(run.transaction, collection, key, part)
}

function refuseTaken(run: SqlRun, relation: KeyvalueRelation, row: SqlRow): void {
  if (!isThere(run, relation, row)) return
  const columns = relation.columns.slice(0, identityColumns[relation.view])
  const shown = `(${columns.map(({ name }) => name).join(', ')})=(${columns.map((_, i) => row[i] as string).join(', ')})`
  throw new PolylogError('unique_violation', `duplicate key value violates unique constraint "${relation.name}_key"`, {
    detail: { sqlState: '23505', detail: `Key ${shown} already exists.` },
  })
}

function refuseKeys(relation: KeyvalueRelation): void {
  if (relation.view !== 'key') return
  throw failure('0A000', `"${relation.name}" shows keys of every type: only its rows can be deleted`, {
    hint: `Write to ${relation.name}_string, ${relation.name}_hash, ${relation.name}_set or ${relation.name}_zset.`,
  })
}

export function planKeyvalueInsert(
  binder: Binder,
  scope: Scope,
  statement: InsertStmt,
  relation: KeyvalueRelation,
): Planned {
  refuseKeys(relation)
  const conflict = statement.onConflictClause
  if (conflict?.action === 'ONCONFLICT_UPDATE')
    throw failure('0A000', 'ON CONFLICT DO UPDATE is not supported for Redis data')
  const names = (statement.cols ?? []).map((node) => ('ResTarget' in node ? (node.ResTarget.name ?? '') : ''))
  const columns = names.length === 0 ? relation.columns.map((_, i) => i) : names.map((name) => columnOf(relation, name))
  const select = statement.selectStmt
  if (select === undefined || !('SelectStmt' in select)) throw failure('0A000', 'DEFAULT VALUES is not supported here')
  const query = binder.query(scope, select.SelectStmt)
  if (query.columns.length !== columns.length)
    throw failure('42601', 'INSERT needs as many expressions as target columns')
  const targets = columns.map((column) => relation.columns[column]!)
  const values = compileInserted(binder, query, targets)
  const plan = new Planner(binder.progress).planQuery(query)
  const own = new Scope()
  own.columns = [...bindRelation(own, relation, relation.name).columns]
  const returning = bindReturning(binder, own, statement.returningClause)
  const work: Work = function* (run) {
    const rows: Row[] = []
    let count = 0
    for (const given of yield* collect(plan, run)) {
      const row: SqlRow = relation.columns.map(() => null)
      yield* settled(() => {
        for (const [i, column] of columns.entries()) row[column] = values[i]!(given, run)
      })
      const isComplete = row.slice(0, identityColumns[relation.view]).every((value) => value !== null)
      const isStored = yield* inPlace(run.transaction, () => {
        if (conflict !== undefined && isComplete && isThere(run, relation, row)) return false
        if (isComplete) refuseTaken(run, relation, row)
        put(run, relation, row)
        return true
      })
      if (!isStored) continue
      count++
      if (returning !== undefined) rows.push(yield* settled(() => returning.project(row, run)))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: count }
  }
  return planSteps({ kind: 'write' }, 'INSERT', work, returning?.columns)
}

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
          drop(run, relation, old)
          refuseTaken(run, relation, row)
        }
        put(run, relation, row)
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
      if (!(yield* inPlace(run.transaction, () => drop(run, relation, row)))) continue
      count++
      if (returning !== undefined) rows.push(yield* settled(() => returning.project(row, run)))
      if (run.transaction.slice.spend(1)) yield undefined
    }
    return { rows, rowCount: count }
  }
  return planSteps({ kind: 'write' }, 'DELETE', work, returning?.columns)
}
