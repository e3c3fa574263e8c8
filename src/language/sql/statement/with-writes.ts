/**
 * Statements that write in WITH: each runs once and to its end, in the order of the text; before the statement that they
 * belong to where somebody reads what they return, else behind it, as in PostgreSQL. All of them see what was there before the first one
 * (`bind/with/frozen-relation.ts`); a row that one has changed is left alone by the others.
 */
import type { CommonTableExpr, Node, RangeVar, WithClause } from 'libpg-query'
import { sliceOf, sliceToLatin1 } from '../../../base/slice.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { Materialize } from '../../../query/materialize.ts'
import { keyBytes } from '../../../query/row-format.ts'
import { RowSource } from '../../../query/row-operators.ts'
import { findRelation } from '../bind/bind-from.ts'
import type { Binder } from '../bind/binder.ts'
import { queriesOf } from '../bind/with/references.ts'
import type { RelationItem } from '../bind/query.ts'
import type { FrozenRelation } from '../bind/with/frozen-relation.ts'
import type { Notice } from '../contract.ts'
import { notBuilt } from '../failure.ts'
import { partition } from '../plan/conditions.ts'
import type { PlanNode } from '../plan/plan-node.ts'
import { Planner } from '../plan/planner.ts'
import type { SqlRow, SqlRun } from '../plan/run.ts'
import { sqlRows } from '../types/row-format.ts'
import { collect, type Outcome, type Work } from './execution.ts'
import { type Planned, planSteps } from './prepared.ts'

/** What a statement in WITH comes to: its rows are those of RETURNING. */
export interface WritingQuery {
  readonly id: number
  readonly work: Work
}

interface Writer {
  readonly relation?: RangeVar
  readonly withClause?: WithClause
}

function writerOf(node: Node | undefined): Writer | undefined {
  if (node === undefined) return undefined
  if ('InsertStmt' in node) return node.InsertStmt
  if ('UpdateStmt' in node) return node.UpdateStmt
  if ('MergeStmt' in node) return node.MergeStmt
  return 'DeleteStmt' in node ? node.DeleteStmt : undefined
}

function withOf(node: Node): readonly CommonTableExpr[] {
  const { withClause } = ('SelectStmt' in node ? node.SelectStmt : writerOf(node)) ?? {}
  return queriesOf(withClause?.ctes)
}

/** By the collection's number: how many of the statements write it. Undefined where none in WITH does. */
export function writtenInWith(binder: Binder, node: Node): ReadonlyMap<number, number> | undefined {
  const writers = withOf(node).flatMap(({ ctequery }) => writerOf(ctequery) ?? [])
  if (writers.length === 0) return undefined
  const written = new Map<number, number>()
  for (const { relation } of [...writers, ...(writerOf(node) === undefined ? [] : [writerOf(node)!])]) {
    const id = relation === undefined ? undefined : findRelation(binder, relation).collection?.id
    if (id !== undefined) written.set(id, (written.get(id) ?? 0) + 1)
  }
  return written
}

/** `plan`: of the statement itself, with all that is in its WITH. */
export function planWithWrites(binder: Binder, plan: () => Planned): Planned {
  const { command, columns, work: main } = plan()
  if (main === undefined) throw notBuilt('a statement that writes in WITH of this statement')
  const writing = [...binder.writing.values()] as readonly WritingQuery[]
  const [first, last] = partition(writing, ({ id }) => binder.readInWith.has(id))
  const frozen = binder.frozen.map((relation) => ({ relation, plan: planRead(relation) }))
  const work = function* (run: SqlRun): StatementSteps<Outcome> {
    run.frozen = new Map()
    for (const { relation, plan: rows } of frozen) run.frozen.set(relation, yield* collect(rows, run))
    const notices: Notice[] = []
    for (const one of first) {
      const outcome = yield* outcomeOf(one.work, run)
      const rows = outcome.rows ?? []
      const source = new RowSource<SqlRow, SqlRun>(() => rows.map((row) => [...row])[Symbol.iterator]())
      run.shared.set(one.id, new Materialize(source, sqlRows))
      notices.push(...(outcome.notices ?? []))
    }
    const outcome = yield* outcomeOf(main, run)
    notices.push(...(outcome.notices ?? []))
    for (const one of last) notices.push(...((yield* outcomeOf(one.work, run)).notices ?? []))
    return { ...outcome, notices }
  }
  return planSteps({ kind: 'write' }, command, work, columns)
}

function* outcomeOf(work: Work, run: SqlRun): StatementSteps<Outcome> {
  const started = work(run)
  return 'next' in started ? yield* started : started
}

/** All rows, with their keys behind them. */
function planRead({ inner }: FrozenRelation): PlanNode {
  const width = inner.columns.length + (inner.systemColumns ?? 0) + 1
  const item: RelationItem = { kind: 'relation', relation: inner, first: 0, width, alias: inner.name }
  return new Planner().planSource(item, undefined, [], inner.columns.keys())
}

/** Whether the row is to be changed: of rows that several statements may change the first one does. */
export function isUntouched(run: SqlRun, key: Uint8Array): boolean {
  const touched = (run.touched ??= new Set())
  const text = sliceToLatin1(sliceOf(key))
  if (touched.has(text)) return false
  run.transaction.workspace.memory.charge(keyBytes(text), 'the keys of a statement that writes')
  touched.add(text)
  return true
}
