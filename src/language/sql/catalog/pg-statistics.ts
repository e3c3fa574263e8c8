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

/** Rows of a table that the server tells, as a function of a row to its columns by name. */
function* served(run: SqlRun, table: string): Generator<(column: string) => SqlValue> {
  const found = run.context.systemTables?.find(({ name: one }) => one === table)
  if (found === undefined) return
  const at = new Map(found.columns.map((column, i) => [column.name, i]))
  for (const row of found.rows()) yield (column) => row[at.get(column)!]!
}

/** What runs is known of the statement that asks, and of all that have to wait. */
function* activity(run: SqlRun): Generator<Values> {
  const oids = databaseOids(run.context)
  for (const value of served(run, 'sessions')) {
    const id = Number(value('id'))
    const idle = value('status') === 'none' ? 'idle' : 'idle in transaction'
    const isActive = id === run.context.backendId || value('statement') !== null
    const state = isActive ? 'active' : value('status') === 'failed' ? `${idle} (aborted)` : idle
    const database = value('database') as string
    yield [
      oids.get(database) ?? null,
      database,
      id,
      10,
      value('user_name'),
      value('door'),
      value('remote'),
      value('waits_for') === 'lock' ? 'Lock' : null,
      value('waits_for') === 'lock' ? 'tuple' : null,
      state,
      value('statement'),
      'client backend',
    ]
  }
}

function* databases(run: SqlRun): Generator<Values> {
  const backends = new Map<SqlValue, number>()
  for (const value of served(run, 'sessions')) {
    backends.set(value('database'), (backends.get(value('database')) ?? 0) + 1)
  }
  const oids = databaseOids(run.context)
  for (const value of served(run, 'database_activity')) {
    const database = value('database')
    const number = oids.get(database as string) ?? null
    yield [number, database, backends.get(database) ?? 0, value('commits'), value('rollbacks')]
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
      ['wait_event_type', text],
      ['wait_event', text],
      ['state', text],
      ['query', text],
      ['backend_type', text],
    ],
    activity,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_stat_database',
    [
      ['datid', oidType],
      ['datname', name],
      ['numbackends', int4],
      ['xact_commit', int8],
      ['xact_rollback', int8],
    ],
    databases,
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
