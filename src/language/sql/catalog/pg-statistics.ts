/** Statistics views: sessions of every door, from the server's evidence, and the number of rows of each table. */
import { keyspaceRange, primaryIndex } from '../../../base/tuple.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { collectionOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { databaseOids } from './pg-objects.ts'
import { tables } from './stored-tables.ts'

const { oid: oidType, int4, int8, name, text } = oid
type Values = readonly SqlValue[]

/** Only a statement's own session is known to be running one. */
function* activity(run: SqlRun): Generator<Values> {
  const sessions = run.context.systemTables?.find((table) => table.name === 'sessions')
  if (sessions === undefined) return
  const oids = databaseOids(run.context)
  const at = new Map(sessions.columns.map((column, i) => [column.name, i]))
  for (const row of sessions.rows()) {
    const value = (column: string): SqlValue => row[at.get(column)!]!
    const id = Number(value('id'))
    const idle = value('status') === 'none' ? 'idle' : 'idle in transaction'
    const state = id === run.context.backendId ? 'active' : value('status') === 'failed' ? `${idle} (aborted)` : idle
    const database = value('database') as string
    yield [
      oids.get(database) ?? null,
      database,
      id,
      10,
      value('user_name'),
      value('door'),
      value('remote'),
      state,
      'client backend',
    ]
  }
}

function* tableCounts(run: SqlRun): Generator<Values> {
  for (const { collection } of tables(run)) {
    const rows = run.transaction.count(keyspaceRange(collection.id, primaryIndex))
    const live = rows === undefined ? null : BigInt(rows)
    yield [collectionOid(collection), collection.namespace.name, collection.name, live, 0n]
  }
}

export const pgStatistics: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_stat_activity',
    [
      ['datid', oidType],
      ['datname', name],
      ['pid', int4],
      ['usesysid', oidType],
      ['usename', name],
      ['application_name', text],
      ['client_addr', text],
      ['state', text],
      ['backend_type', text],
    ],
    activity,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_stat_user_tables',
    [
      ['relid', oidType],
      ['schemaname', name],
      ['relname', name],
      ['n_live_tup', int8],
      ['n_dead_tup', int8],
    ],
    tableCounts,
  ),
]
