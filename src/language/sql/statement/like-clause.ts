/** CREATE TABLE … (LIKE t): columns as another table has them, and with INCLUDING more of what it has. */
import type { CreateStmt, Node, TableLikeClause } from 'libpg-query'
import type { StatementSteps } from '../../../database/contract.ts'
import { indexDefinitionOf } from '../../../model/table/definition.ts'
import { privilege } from '../../../database/access/privileges.ts'
import { createTableIndex } from '../../../model/table/schema.ts'
import type { Column, Table } from '../../../model/table/table.ts'
import type { Binder } from '../bind/binder.ts'
import { notBuilt } from '../failure.ts'
import { parseExpression } from '../parse-expression.ts'
import type { SqlRun } from '../plan/run.ts'
import { freeName, getTable, isNameTaken } from './naming.ts'
import { bindColumnDefault, type ColumnPlan, type ConstraintPlan } from './table-definition.ts'

/** As the grammar says INCLUDING; compression and statistics are of no tables here. */
const including = {
  comments: 1,
  constraints: 4,
  defaults: 8,
  generated: 16,
  identity: 32,
  indexes: 64,
  storage: 256,
} as const

export interface LikePlan {
  readonly columns: readonly ColumnPlan[]
  readonly constraints: readonly ConstraintPlan[]
}

export function hasLike({ tableElts = [] }: CreateStmt): boolean {
  return tableElts.some((node) => 'TableLikeClause' in node)
}

function wants({ options = 0 }: TableLikeClause, what: keyof typeof including): boolean {
  return (options & including[what]) !== 0
}

export function readLike(run: SqlRun, binder: Binder, clause: TableLikeClause): LikePlan {
  const table = getTable(run, clause.relation!)
  run.transaction.principal.rights.require(table.collection, privilege.read)
  if (wants(clause, 'comments') && run.transaction.catalog.commentsOn(table.id).size > 0) {
    throw notBuilt('LIKE INCLUDING COMMENTS of a table that has some')
  }
  const columns = table.columns.map((column) => copiedColumn(binder, clause, column))
  const constraints: ConstraintPlan[] = []
  if (wants(clause, 'constraints')) {
    for (const { name, expression, noInherit = false } of table.checks) {
      constraints.push({ kind: 'check', name, node: parseExpression(expression), column: undefined, noInherit })
    }
  }
  if (wants(clause, 'indexes')) constraints.push(...copiedKeys(table))
  return { columns, constraints }
}

function copiedColumn(binder: Binder, clause: TableLikeClause, column: Column): ColumnPlan {
  const { name, type, modifier, isNotNull, default: text, generated, definition } = column
  const isIdentity = definition.identity !== undefined
  const hasDefault = text !== undefined && !isIdentity && wants(clause, 'defaults')
  const target = { name, type: type.oid, modifier }
  return {
    ...target,
    notNull: isNotNull,
    default: hasDefault ? bindColumnDefault(binder, parseExpression(text), target) : undefined,
    generated:
      generated !== undefined && wants(clause, 'generated') ? parseExpression(generated.expression) : undefined,
    serial: false,
    identity: wants(clause, 'identity') ? definition.identity : undefined,
    sequenceOptions: [],
    ...(wants(clause, 'storage') && { storage: definition.storage }),
    constraints: [],
  }
}

/** Names are made anew: those of indexes are taken. */
function copiedKeys(table: Table): ConstraintPlan[] {
  const keys: ConstraintPlan[] = []
  const none = { name: undefined, location: undefined }
  const names = (parts: readonly { readonly column: Column }[]): string[] => parts.map(({ column }) => column.name)
  const included = (numbers: readonly number[] = []): string[] => numbers.map((one) => table.columnByNumber(one).name)
  if (table.primaryKey !== undefined) {
    const include = included(table.definition.primaryKey?.include)
    keys.push({ ...none, kind: 'primary', columns: names(table.primaryKey), include, deferrable: undefined })
  }
  for (const { isConstraint, isPrimary, deferrable, parts, index } of table.indexes) {
    if (!isConstraint) continue
    const include = included(indexDefinitionOf(index).include)
    keys.push({ ...none, kind: isPrimary ? 'primary' : 'unique', columns: names(parts), include, deferrable })
  }
  return keys
}

/** Indexes that are no constraints, once the table is there. */
export function* copyIndexes(run: SqlRun, nodes: readonly Node[], made: Table): StatementSteps<Table> {
  let table = made
  for (const node of nodes) {
    if (!('TableLikeClause' in node) || !wants(node.TableLikeClause, 'indexes')) continue
    const from = getTable(run, node.TableLikeClause.relation!)
    const numberOf = (number: number): number => made.getColumn(from.columnByNumber(number).name).number
    for (const { index, isUnique, isConstraint, parts } of from.indexes) {
      if (isConstraint) continue
      const { columns, expressions, where, include, method } = indexDefinitionOf(index)
      const names = parts.map(({ column }) =>
        column.number === 0 ? (/^\w*/.exec(column.name)?.[0] ?? '') : column.name,
      )
      const isTaken = (one: string): boolean => isNameTaken(run.transaction, table.schema, one)
      table = yield* createTableIndex(run.transaction, table, {
        name: freeName(isTaken, table.name, ...names.map((one) => (one === '' ? 'expr' : one)), 'idx'),
        isUnique,
        columns: columns.map((one) => ({ ...one, number: one.number < 0 ? one.number : numberOf(one.number) })),
        more: {
          ...(expressions && { expressions: expressions.map((one) => ({ ...one, reads: one.reads.map(numberOf) })) }),
          ...(where && { where: { ...where, reads: where.reads.map(numberOf) } }),
          ...(include && { include: include.map(numberOf) }),
          ...(method === undefined ? {} : { method }),
        },
      })
    }
  }
  return table
}
