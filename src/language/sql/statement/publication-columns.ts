/** What publications say of single columns of a table, where one is renamed, dropped, or gets another type. */
import type { Catalog, JsonObject } from '../../../database/catalog/catalog.ts'
import { compileValue } from '../../../model/table/expressions.ts'
import { type Publication, publicationsOf, type PublishedTable } from '../../../model/table/publication/publication.ts'
import type { Column, Table } from '../../../model/table/table.ts'
import type { Notice } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { renamedExpression } from './stored-expressions.ts'

function storeTables({ transaction }: SqlRun, { object }: Publication, tables: readonly PublishedTable[]): void {
  transaction.globals.alter(object, { definition: { ...object.definition, tables } as unknown as JsonObject })
}

/** `before`: the catalog in which conditions hold. */
export function renameInPublications(run: SqlRun, before: Catalog, table: Table, from: string, to: string): void {
  for (const publication of publicationsOf(run.transaction.catalog)) {
    if (!publication.tables.some((one) => one.table === table.id && one.where !== undefined)) continue
    const tables = publication.tables.map((one) => {
      if (one.table !== table.id || one.where === undefined) return one
      return { ...one, where: renamedExpression(before, table, one.where, from, to) }
    })
    storeTables(run, publication, tables)
  }
}

/** Those that name the column, in a list or in a condition. */
function publicationsNaming({ transaction: { catalog } }: SqlRun, table: Table, column: Column): Publication[] {
  const names = ({ table: id, columns, where }: PublishedTable): boolean => {
    if (id !== table.id) return false
    if (columns?.includes(column.number) === true) return true
    return where !== undefined && compileValue(catalog, table, where).reads.has(column.ordinal)
  }
  return publicationsOf(catalog).filter(({ tables }) => tables.some(names))
}

/** The column is dropped: with CASCADE the table goes from what names the column. Errors: 2BP01. */
export function leavePublications(
  run: SqlRun,
  table: Table,
  column: Column,
  isCascade: boolean,
  notices: Notice[],
): void {
  const naming = publicationsNaming(run, table, column)
  const shown = ({ name }: Publication): string => `publication of table ${table.name} in publication ${name}`
  if (naming.length > 0 && !isCascade) {
    const what = `column ${column.name} of table ${table.name}`
    throw failure('2BP01', `cannot drop ${what} because other objects depend on it`, {
      detail: naming.map((one) => `${shown(one)} depends on ${what}`).join('\n'),
      hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
    })
  }
  for (const publication of naming) {
    notices.push({ severity: 'NOTICE', sqlState: '00000', message: `drop cascades to ${shown(publication)}` })
    storeTables(
      run,
      publication,
      publication.tables.filter((one) => one.table !== table.id),
    )
  }
}

/** Errors: 0A000 where a publication names the column. */
export function refusePublishedType(run: SqlRun, table: Table, column: Column): void {
  const [publication] = publicationsNaming(run, table, column)
  if (publication === undefined) return
  throw failure('0A000', 'cannot alter type of a column used by a publication WHERE clause', {
    detail: `publication of table ${table.name} in publication ${publication.name} depends on column "${column.name}"`,
  })
}
