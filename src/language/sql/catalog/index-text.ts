/** Indexes as pg_get_indexdef shows them. */
import { isTable } from '../../../model/table/table-kind.ts'
import type { IndexColumn } from '../../../model/table/definition.ts'
import { type KeyPart, Table } from '../../../model/table/table.ts'
import { qualify } from '../bind/objects.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import type { SqlRun } from '../plan/run.ts'
import { indexByOid } from './identity.ts'
import { shownExpression } from './shown-expressions.ts'
import { indexesOfTable, type ShownIndex } from './stored-tables.ts'

export function findIndex(run: SqlRun, number: number): ShownIndex | undefined {
  const collection = indexByOid(run.transaction.catalog, number)?.collection
  if (collection === undefined || !isTable(collection)) return undefined
  return indexesOfTable(Table.of(collection)).find((index) => index.oid === number)
}

/** `isPretty`: without a schema that the search path finds, and without parentheses that change nothing. */
export function describeIndex(run: SqlRun, index: ShownIndex, isPretty: boolean): string {
  const { table, parts, isUnique, definition } = index
  const { method = 'btree', include = [], where } = definition ?? {}
  // The indexes of partitions are told by themselves.
  const only = table.definition.partitioning === undefined ? '' : 'ONLY '
  const full = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`
  const on = isPretty ? qualify(run.context, table.schema, table.name) : full
  const columns = parts.map((_part, i) => `${keyText(run, index, i, isPretty)}${orderText(index, i)}`)
  const included = include.map((number) => quoteIdentifier(table.columnByNumber(number).name)).join(', ')
  const condition = where && shownExpression(run, { kind: 'table', table }, where.text, isPretty).text
  return [
    `CREATE ${isUnique ? 'UNIQUE ' : ''}INDEX ${quoteIdentifier(index.name)} ON ${only}${on} USING ${method} (${columns.join(', ')})`,
    included === '' ? '' : ` INCLUDE (${included})`,
    condition === undefined ? '' : ` WHERE ${condition}`,
  ].join('')
}

/** Of one of its parts, as pg_get_indexdef shows it by its place: nothing behind the last one. */
export function describePart(run: SqlRun, index: ShownIndex, place: number, isPretty: boolean): string {
  const included = index.definition?.include?.[place - index.parts.length]
  if (included !== undefined) return quoteIdentifier(index.table.columnByNumber(included).name)
  return index.parts[place] === undefined ? '' : keyText(run, index, place, isPretty)
}

/** A column or an expression: one that is no call is in parentheses. */
function keyText(run: SqlRun, index: ShownIndex, place: number, isPretty: boolean): string {
  const { column }: KeyPart = index.parts[place]!
  if (column.number !== 0) return quoteIdentifier(column.name)
  const { text, isCall } = shownExpression(run, { kind: 'table', table: index.table }, column.name, isPretty)
  return isCall ? text : `(${text})`
}

function orderText(index: ShownIndex, place: number): string {
  const { isDescending, nullsFirst }: KeyPart = index.parts[place]!
  const { collation, operatorClass }: Partial<IndexColumn> = index.definition?.columns[place] ?? {}
  const named = `${collation === undefined ? '' : ` COLLATE ${quoteIdentifier(collation)}`}${operatorClass === undefined ? '' : ` ${operatorClass}`}`
  const nulls = nullsFirst === isDescending ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST'
  return `${named}${isDescending ? ' DESC' : ''}${nulls}`
}
