/** SQL for the embedded API: one statement, its rows as objects. */
import { PolylogError } from '../base/errors.ts'
import type { Rights } from '../database/access/rights.ts'
import type { Catalog } from '../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import type { Host } from '../host/host.ts'
import { paused, type PreparedStatement, type Row, type SqlContext, type SqlValue } from '../language/sql/contract.ts'
import { loadSql, parseOn, prepare, prepareOn } from '../language/sql/sql.ts'
import type { Session } from '../session/contract.ts'
import { invalidArgument, isWellFormed } from './arguments.ts'
import { convertParameters } from './sql-parameters.ts'
import { resultsOf, type SqlResult } from './sql-results.ts'

/** Columns by name. A name that comes twice holds the last one's value. */
export type SqlRow = Readonly<Record<string, SqlResult>>

export async function runSql(
  host: Host,
  session: Session,
  text: string,
  parameters: readonly unknown[],
): Promise<SqlRow[]> {
  if (!isWellFormed(text)) throw invalidArgument('the text of a statement has half of a surrogate pair')
  await loadSql()
  const statements = await parseOn(host, text)
  if (statements.length !== 1) {
    throw new PolylogError('syntax', `one statement at a time, not ${statements.length}`)
  }
  const context = contextOf(session)
  const rightsOf = (roleId: number): Rights => session.rightsOf(roleId)
  const bound = prepareOn(host, statements[0]!, context)
  let prepared = bound instanceof Promise ? await bound : bound
  // Others may have changed a table while a long text was bound.
  while (!prepared.isCurrent(context.catalog, session.rights, undefined, rightsOf))
    prepared = await prepareOn(host, statements[0]!, context)
  const { kind } = prepared.effect
  if (kind !== 'read' && kind !== 'write' && kind !== 'schema') {
    throw new PolylogError('unsupported', `${prepared.command} is not for the embedded API, which has its own calls`)
  }
  let values = convertParameters(prepared.parameterTypes, parameters)
  const attempt = (transaction: Transaction): StatementSteps<Row[]> => {
    // It may have waited for who has changed a table: a plan of before would not know of the new index.
    if (!prepared.isCurrent(transaction.catalog, transaction.principal.rights, undefined, rightsOf)) {
      prepared = prepare(statements[0]!, { ...context, catalog: transaction.catalog })
      values = convertParameters(prepared.parameterTypes, parameters)
    }
    return allRows(transaction, prepared, values, context)
  }
  const rows = await session.run(attempt, { readOnly: kind === 'read' })
  const columns = (prepared.columns ?? []).map(({ name, typeOid }) => ({ name, convert: resultsOf(typeOid) }))
  return rows.map((row) => Object.fromEntries(columns.map(({ name, convert }, i) => [name, convert(row[i] ?? null)])))
}

function* allRows(
  transaction: Transaction,
  prepared: PreparedStatement,
  values: readonly SqlValue[],
  context: SqlContext,
): StatementSteps<Row[]> {
  const execution = prepared.execute(values)
  const rows: Row[] = []
  for (;;) {
    const batch = execution.next(transaction, context)
    if (batch === undefined) return rows
    if (batch === paused) yield execution.waitFor
    else rows.push(...batch)
  }
}

function contextOf(session: Session): SqlContext {
  return {
    rights: session.rights,
    rightsOf: (roleId) => session.rightsOf(roleId),
    get catalog(): Catalog {
      return session.catalog
    },
    user: session.user,
    database: session.database,
    searchPath: ['public'],
    getSetting: () => undefined,
    setSetting: (name) => {
      throw new PolylogError('unsupported', `settings such as "${name}" belong to connections`)
    },
    transactionToken: () => session.token(),
    backendId: session.id,
    leads: session.databaseFacts.leads,
  }
}
