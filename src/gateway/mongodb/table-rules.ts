/**
 * What writers of tables need of SQL: the checks and defaults of a table are expressions in its language, and the two
 * languages do not know each other. Compiled once per version of a table.
 */
import type { Catalog } from '../../database/catalog.ts'
import type { Transaction } from '../../database/contract.ts'
import { createBinder } from '../../language/sql/bind/bind.ts'
import type { SqlContext } from '../../language/sql/contract.ts'
import type { Evaluate } from '../../language/sql/expression/compile.ts'
import { createRun, type SqlRun } from '../../language/sql/plan/run.ts'
import { loadSql } from '../../language/sql/sql.ts'
import { compileChecks, compileDefault, type Checks } from '../../language/sql/statement/stored-expressions.ts'
import { Table, type Column } from '../../model/table/table.ts'
import type { TableRules } from '../../query/table-documents.ts'
import type { Session } from '../../session/contract.ts'

let isLoaded = false

/** To be awaited before a statement that writes, where the collection is a table whose rules need SQL's grammar. */
export function loadRules(catalog: Catalog, namespace: string, name: string): Promise<void> | undefined {
  const collection = catalog.findCollection(namespace, name)
  if (isLoaded || collection?.model !== 'table') return undefined
  const table = Table.of(collection)
  if (table.checks.length === 0 && table.columns.every((column) => column.default === undefined)) return undefined
  return loadSql().then(() => {
    isLoaded = true
  })
}

const checks = new WeakMap<Table, Checks>()
const defaults = new WeakMap<Column, Evaluate>()

export function tableRules(session: Session): TableRules {
  return new SessionRules(session)
}

/** A class, since every write asks for one and few use it. */
class SessionRules implements TableRules {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  checksOf(transaction: Transaction, table: Table): Checks['all'] {
    let compiled = checks.get(table)
    if (compiled === undefined) {
      compiled = compileChecks(createBinder(contextOf(this.#session, transaction), []), table)
      checks.set(table, compiled)
    }
    compiled.enter(runOf(this.#session, transaction))
    return compiled.all
  }

  defaultOf(transaction: Transaction, column: Column): ReturnType<Evaluate> {
    let evaluate = defaults.get(column)
    if (evaluate === undefined) {
      evaluate = compileDefault(createBinder(contextOf(this.#session, transaction), []), column)
      defaults.set(column, evaluate)
    }
    return evaluate([], runOf(this.#session, transaction))
  }
}

function runOf(session: Session, transaction: Transaction): SqlRun {
  return createRun(transaction, contextOf(session, transaction), [])
}

/** No settings but the defaults: a stored expression does not depend on who writes. */
function contextOf(session: Session, transaction: Transaction): SqlContext {
  return {
    catalog: transaction.catalog,
    user: session.user,
    database: session.database,
    searchPath: ['public'],
    getSetting: () => undefined,
    setSetting: () => undefined,
    transactionToken: () => session.token(),
    backendId: session.id,
  }
}
