/** What an error tells of rows, to who may not read them. */
import { privilege } from '../../database/access/privileges.ts'
import { PolylogError } from '../../base/errors.ts'
import { isSubject } from '../../model/table/table-kind.ts'
import type { Client } from './client.ts'

/** Violations of constraints: their details show rows and keys. */
const ofRows = /^23/

/** The error, without the detail where that may show values which the caller may not read. */
export function withoutHiddenRows({ session, context }: Client, error: PolylogError): PolylogError {
  const { member } = session.rights
  const { detail, sqlState, collection, schema } = error.detail
  if (member === undefined || detail === undefined || sqlState === undefined || !ofRows.test(sqlState)) return error
  const found = context.catalog.findCollection(String(schema), collection ?? '')
  const isWhole = found !== undefined && !isSubject(session.rights, found)
  if (isWhole && (session.rights.onCollection(found) & privilege.read) !== 0) return error
  const { detail: _, ...shown } = error.detail
  return new PolylogError(error.code, error.message, { detail: shown, cause: error })
}
