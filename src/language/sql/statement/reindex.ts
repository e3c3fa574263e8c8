/**
 * REINDEX. Entries are written by the commit that writes their rows, and the verifier compares them with these, so that there is
 * nothing to build anew: what is named is looked up, and who asks must own it, as with PostgreSQL. CONCURRENTLY comes to its end
 * when those are done who have used the tables before, as there.
 */
import type { Node, ReindexStmt } from 'libpg-query'
import { inPlace } from '../../../database/transaction/wait.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { Table } from '../../../model/table/table.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import { optionText } from '../bind/tree.ts'
import type { Notice } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { nothing, type Outcome } from './execution.ts'
import { findCollection, findPart, shownName } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'
import { passUsersAlone } from './table-locks.ts'

const options: ReadonlySet<string> = new Set(['verbose', 'concurrently'])

export function planReindex(statement: ReindexStmt): Planned {
  const { params = [] } = statement
  checkOptions(params)
  const isConcurrent = params.some((node) => isOn(node, 'concurrently'))
  return planSteps({ kind: 'schema' }, 'REINDEX', function* (run): StatementSteps<Outcome> {
    if (isConcurrent && !run.transaction.isSingleStatement) {
      throw failure('25001', 'REINDEX CONCURRENTLY cannot run inside a transaction block')
    }
    const { outcome, collections } = yield* inPlace(run.transaction, () => reindex(run, statement))
    if (isConcurrent) for (const { id } of collections) yield* passUsersAlone(run, id)
    return outcome
  })
}

function isOn(node: Node, name: string): boolean {
  if (!('DefElem' in node) || node.DefElem.defname !== name) return false
  return !['false', 'off', '0'].includes(optionText(node.DefElem.arg)?.toLowerCase() ?? '')
}

interface Named {
  readonly outcome: Outcome
  /** Those whose indexes they are. */
  readonly collections: readonly Collection[]
}

function checkOptions(params: readonly Node[]): void {
  for (const node of params) {
    const { defname = '', location } = 'DefElem' in node ? node.DefElem : {}
    if (options.has(defname)) continue
    if (defname === 'tablespace') throw notBuilt('the option TABLESPACE of REINDEX', location)
    throw failure('42601', `unrecognized REINDEX option "${defname}"`, { location })
  }
}

function reindex(run: SqlRun, { kind, relation, name = '' }: ReindexStmt): Named {
  const { catalog, principal } = run.transaction
  const tablesIn = (schema: string): Collection[] => catalog.collectionsOf(schema).filter(isTable)
  switch (kind) {
    case 'REINDEX_OBJECT_INDEX':
      return { outcome: nothing, collections: [ownerOfIndex(run, relation!)] }
    case 'REINDEX_OBJECT_TABLE': {
      const table = getTable(run, relation!)
      return { outcome: { rowCount: 0, notices: noIndexes(table) }, collections: [table] }
    }
    case 'REINDEX_OBJECT_SCHEMA': {
      const namespace = catalog.namespaces.get(name)
      if (namespace === undefined) throw failure('3F000', `schema "${name}" does not exist`)
      principal.rights.requireNamespaceOwner(namespace)
      return { outcome: nothing, collections: tablesIn(name) }
    }
    default:
      if (name !== run.context.database) throw failure('0A000', 'can only reindex the currently open database')
      principal.rights.requireDatabaseOwner(name)
      return { outcome: nothing, collections: [...catalog.namespaces.keys()].flatMap(tablesIn) }
  }
}

function ownerOfIndex(run: SqlRun, name: NonNullable<ReindexStmt['relation']>): Collection {
  const part = findPart(run, name)
  if (part === undefined) {
    const isOther = findCollection(run, name) !== undefined
    if (isOther) throw failure('42809', `"${name.relname}" is not an index`)
    throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  }
  const owner = run.transaction.catalog.collectionById(part.id)!
  run.transaction.principal.rights.requireOwner(owner)
  return owner
}

function getTable(run: SqlRun, name: NonNullable<ReindexStmt['relation']>): Collection {
  const found = findCollection(run, name)
  if (found === undefined && findPart(run, name) === undefined) {
    throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  }
  if (found === undefined || !isTable(found)) {
    throw failure('42809', `"${name.relname}" is not a table or materialized view`)
  }
  run.transaction.principal.rights.requireOwner(found)
  return found
}

function noIndexes(collection: Collection): readonly Notice[] {
  const table = Table.of(collection)
  const hasSome = table.indexes.length > 0 || table.definition.primaryKey !== undefined
  const message = `table "${table.name}" has no indexes to reindex`
  return hasSome ? [] : [{ severity: 'NOTICE', sqlState: '00000', message }]
}
