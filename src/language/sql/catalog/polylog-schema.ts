/** The `polylog` schema: what the catalog itself can tell. The server adds tables of what it knows: `SqlContext.systemTables`. */
import { noPrivileges } from '../../../database/access/privileges.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { memoryRelation } from './memory-relation.ts'
import { collections } from './stored-tables.ts'

/** Those with which the caller has something to do. */
function visible(run: SqlRun): Collection[] {
  const { rights } = run.transaction.principal
  return [...collections(run)].filter((collection) => rights.onAnyColumn(collection) !== noPrivileges)
}

function* collectionRows(run: SqlRun): Generator<readonly SqlValue[]> {
  for (const collection of visible(run)) {
    const { namespace, name, id, model, version, indexes, definition, engine } = collection
    yield [namespace.name, name, id, model, BigInt(version), indexes.length, JSON.stringify(definition), engine]
  }
}

function* fieldRows(run: SqlRun): Generator<readonly SqlValue[]> {
  for (const { namespace, name, fields } of visible(run)) {
    for (const [field, types] of fields) yield [namespace.name, name, field, [...types]]
  }
}

export const polylogViews: readonly Relation[] = [
  memoryRelation(
    'polylog',
    'collections',
    [
      ['namespace', oid.text],
      ['name', oid.text],
      ['id', oid.int4],
      ['model', oid.text],
      ['version', oid.int8],
      ['indexes', oid.int4],
      ['definition', oid.json],
      ['engine', oid.text],
    ],
    collectionRows,
  ),
  memoryRelation(
    'polylog',
    'fields',
    [
      ['namespace', oid.text],
      ['collection', oid.text],
      ['field', oid.text],
      ['types', oid.textArray],
    ],
    fieldRows,
  ),
  memoryRelation(
    'polylog',
    'snapshot',
    [
      ['sequence', oid.int8],
      ['time', oid.timestamptz],
    ],
    ({ transaction }) => [[BigInt(transaction.logPosition), BigInt(Math.floor(transaction.timeMs)) * 1000n]],
  ),
]
