/** pg_index and pg_indexes: the keys of tables as indexes. */
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { collectionOid } from './identity.ts'
import { describeIndex } from './index-text.ts'
import { memoryRelation } from './memory-relation.ts'
import { operatorClassOf } from './operator-classes.ts'
import { collationOf } from './pg-types.ts'
import { allObjects, objectBy, type StoredObjects } from './stored-objects.ts'
import { indexesOfTable, type ShownIndex, tablesAmong } from './stored-tables.ts'

type Values = readonly SqlValue[]

const { name, oid: oidType, int2, bool, text, int2vector, oidvector, nodeTree } = oid

export function methodOf({ definition }: ShownIndex): string {
  return definition?.method ?? 'btree'
}

function* indexRows(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<Values> {
  for (const table of tablesAmong(objects.relations())) {
    for (const index of indexesOfTable(table)) {
      const options = index.parts.map((part) => Number(part.isDescending) + 2 * Number(part.nullsFirst))
      const include = index.definition?.include ?? []
      const numbers = [...index.parts.map(({ column }) => column.number), ...include]
      yield [
        index.oid,
        collectionOid(table.collection),
        numbers.length,
        index.parts.length,
        index.isUnique,
        false,
        index.isPrimary,
        false,
        index.deferrable === undefined,
        false,
        true,
        false,
        true,
        true,
        index.isIdentity,
        numbers,
        index.parts.map(({ column }) => collationOf(column.type.oid)),
        index.parts.map(({ column }, i) => {
          return operatorClassOf(methodOf(index), column.type.oid, index.definition?.columns[i]?.operatorClass)
        }),
        options,
        index.definition?.expressions?.map(({ text: shown }) => shown).join(', ') ?? null,
        index.definition?.where?.text ?? null,
      ]
    }
  }
}

function* indexDefinitions(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<Values> {
  for (const table of tablesAmong(objects.relations())) {
    for (const index of indexesOfTable(table))
      yield [table.schema, table.name, index.name, null, describeIndex(run, index, false)]
  }
}

export const pgIndexes: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_index',
    [
      ['indexrelid', oidType],
      ['indrelid', oidType],
      ['indnatts', int2],
      ['indnkeyatts', int2],
      ['indisunique', bool],
      ['indnullsnotdistinct', bool],
      ['indisprimary', bool],
      ['indisexclusion', bool],
      ['indimmediate', bool],
      ['indisclustered', bool],
      ['indisvalid', bool],
      ['indcheckxmin', bool],
      ['indisready', bool],
      ['indislive', bool],
      ['indisreplident', bool],
      ['indkey', int2vector],
      ['indcollation', oidvector],
      ['indclass', oidvector],
      ['indoption', int2vector],
      ['indexprs', nodeTree],
      ['indpred', nodeTree],
    ],
    indexRows,
    { indexrelid: objectBy.uniqueRelation, indrelid: objectBy.relation },
  ),
  memoryRelation(
    'pg_catalog',
    'pg_indexes',
    [
      ['schemaname', name],
      ['tablename', name],
      ['indexname', name],
      ['tablespace', name],
      ['indexdef', text],
    ],
    indexDefinitions,
    { tablename: objectBy.name, indexname: objectBy.name },
  ),
]
