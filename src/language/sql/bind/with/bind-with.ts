/**
 * WITH: queries that the block may read by name, bound before it. One that reads itself is a union of what it begins with
 * and of what follows from the rows that came last (its working table), until nothing follows.
 */
import type { CommonTableExpr, WithClause } from 'libpg-query'
import { formatType } from '../../../../model/table/types/registry.ts'
import type { Expression } from '../../expression/expression.ts'
import { failure } from '../../failure.ts'
import { oid } from '../../types/oids.ts'
import { workingTable } from '../../plan/working-table.ts'
import type { Binder } from '../binder.ts'
import { beginningOf } from '../coerce.ts'
import { type BoundQuery, emptyTail, type OutputColumn, type WrittenWith } from '../query.ts'
import { type CommonTable, Frame, Scope } from '../scope.ts'
import { unionOf } from '../set-operation.ts'
import { stringsOf } from '../tree.ts'
import { orderedByReferences, queriesOf, recursiveSides } from './references.ts'
import { tracedSides } from './search-cycle.ts'

/** Answers what the text says, for who writes it down. */
export function bindWith(binder: Binder, scope: Scope, clause: WithClause): readonly WrittenWith[] {
  const queries = queriesOf(clause.ctes)
  const names = new Set<string>()
  for (const { ctename: name = '', location } of queries) {
    if (scope.commonTables.has(name) || names.has(name)) {
      throw failure('42712', `WITH query name "${name}" specified more than once`, { location })
    }
    names.add(name)
  }
  const ordered =
    clause.recursive === true ? orderedByReferences(queries) : queries.map((query) => ({ query, isRecursive: false }))
  const written: WrittenWith[] = []
  for (const { query, isRecursive } of ordered) {
    if (isTraced(query) && !isRecursive)
      throw failure('42601', 'WITH query is not recursive', { location: query.location })
    const table = isRecursive ? bindRecursive(binder, scope, query) : bindPlain(binder, scope, query)
    scope.commonTables.set(table.name, table)
    const { name, columnNames, bound } = table
    const materialized = materializationOf(query)
    written.push({ name, columnNames, query: bound, materialized })
  }
  return written
}

const materializations: Readonly<Record<string, boolean>> = { CTEMaterializeAlways: true, CTEMaterializeNever: false }

function materializationOf({ ctematerialized }: CommonTableExpr): boolean | undefined {
  return materializations[ctematerialized ?? '']
}

function readBy(query?: CommonTableExpr): Pick<CommonTable, 'isMaterialized' | 'readers'> {
  return { isMaterialized: query !== undefined && materializationOf(query) === true, readers: { count: 0 } }
}

function bindPlain(binder: Binder, scope: Scope, query: CommonTableExpr): CommonTable {
  const { ctename: name = '', ctequery } = query
  if (ctequery === undefined || !('SelectStmt' in ctequery)) return bindWriting(binder, scope, query)
  const frame = new Frame(binder.nextSubquery())
  const bound = binder.query(new Scope(scope.beside(), frame), ctequery.SelectStmt)
  return { name, frame, bound, columnNames: columnNames(query, bound.columns), ...readBy(query) }
}

/** Its rows are there when the statement begins. */
function bindWriting(binder: Binder, scope: Scope, query: CommonTableExpr): CommonTable {
  const { ctename: name = '', ctequery, location } = query
  if (!scope.isOutermost || binder.written === undefined || binder.planWriting === undefined) {
    const message = 'WITH clause containing a data-modifying statement must be at the top level'
    throw failure('0A000', message, { location })
  }
  const frame = new Frame(binder.nextSubquery())
  const { columns, work } = binder.planWriting(binder, scope.beside(), ctequery!)
  binder.writing.set(query, { id: frame.id, work })
  binder.writes = true
  const bound: BoundQuery = { columns: columns ?? [], body: { kind: 'values', rows: [], tail: emptyTail() } }
  const isSilent = columns === undefined
  const once = { isMaterialized: true, readers: { count: 0 } }
  return { name, frame, bound, columnNames: columnNames(query, bound.columns), isSilent, ...once }
}

function columnNames({ ctename, aliascolnames, location }: CommonTableExpr, { length }: readonly unknown[]): string[] {
  const names = stringsOf(aliascolnames)
  if (names.length <= length) return names
  const message = `WITH query "${ctename ?? ''}" has ${length} columns available but ${names.length} columns specified`
  throw failure('42P10', message, { location })
}

function bindRecursive(binder: Binder, scope: Scope, query: CommonTableExpr): CommonTable {
  const { ctename: name = '' } = query
  const statement = recursiveSides(query)
  const frame = new Frame(binder.nextSubquery())
  const inner = new Scope(scope.beside(), frame)
  if (statement.withClause !== undefined) bindWith(binder, inner, statement.withClause)
  const own = binder.query(inner.beside(), statement.larg!)
  const names = columnNames(query, own.columns)
  const sides = isTraced(query) ? tracedSides(query, statement, namesOf(own, names)) : undefined
  const left = sides === undefined ? own : binder.query(inner.beside(), sides.left)
  const columns = left.columns.map((column, i): OutputColumn => ({ ...column, name: names[i] ?? column.name }))
  const id = binder.nextSubquery()
  const beside = inner.beside()
  const hidden = sides?.added.length ?? 0
  beside.commonTables.set(name, { ...readItself(name, id, { ...left, columns }), hidden })
  const right = binder.query(beside, sides?.right ?? statement.rarg!)
  const bound = unionOf(binder, { left, right, operation: 'union', all: statement.all === true })
  checkTypes(name, left, bound.columns)
  const body = { ...bound.body, recursive: id }
  return { name, frame, bound: { columns: bound.columns, body }, columnNames: names, ...readBy(query) }
}

function isTraced({ search_clause, cycle_clause }: CommonTableExpr): boolean {
  return search_clause !== undefined || cycle_clause !== undefined
}

function namesOf({ columns }: BoundQuery, given: readonly string[]): readonly string[] {
  return columns.map(({ name }, i) => given[i] ?? name)
}

/**
 * The working table. What is computed of it depends on which one it is: the number of the round is what it takes from
 * outside.
 */
function readItself(name: string, id: number, bound: BoundQuery): CommonTable {
  const frame = new Frame(id)
  const round: Expression = { kind: 'captured', type: oid.int4, modifier: -1, subquery: id, slot: 0 }
  frame.captures.push(round)
  return { name, frame, bound, columnNames: [], ...readBy(), working: workingTable(name, id, bound.columns) }
}

function checkTypes(name: string, { columns, body }: BoundQuery, all: readonly OutputColumn[]): void {
  for (const [i, { type, modifier }] of columns.entries()) {
    const overall = all[i]!
    if (overall.type === type && overall.modifier === modifier) continue
    const target = body.kind === 'select' ? body.targets[i] : undefined
    const location = target && beginningOf(target)
    const [one, other] = [formatType(type, modifier), formatType(overall.type, overall.modifier)]
    throw failure(
      '42804',
      `recursive query "${name}" column ${i + 1} has type ${one} in non-recursive term but type ${other} overall`,
      { location, hint: 'Cast the output of the non-recursive term to the correct type.' },
    )
  }
}
