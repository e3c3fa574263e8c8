/** Statistics views of what runs: sessions of every door and databases, from the server's evidence. */
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { memoryRelation } from './memory-relation.ts'
import { databaseOids } from './pg-objects.ts'
import { served, timeOf } from './served-rows.ts'

const { oid: oidType, int4, int8, name, text, timestamptz } = oid
type Values = readonly SqlValue[]

/** What runs is known of the statement that asks, and of all that have to wait. */
function* activity(run: SqlRun): Generator<Values> {
  const oids = databaseOids(run.context)
  for (const value of served(run, 'sessions')) {
    const id = Number(value('id'))
    const idle = value('status') === 'none' ? 'idle' : 'idle in transaction'
    const isActive = id === run.context.backendId || value('statement') !== null
    const state = isActive ? 'active' : value('status') === 'failed' ? `${idle} (aborted)` : idle
    const database = value('database') as string
    const isWaiting = value('waits_for') === 'lock'
    const [address, port] = splitAddress((value('remote') as string | null) ?? '')
    yield [
      oids.get(database) ?? null,
      database,
      id,
      null,
      10,
      value('user_name'),
      value('client_name') === '' ? value('door') : value('client_name'),
      address,
      port,
      timeOf(value('opened_ms')),
      timeOf(value('transaction_started_ms')),
      timeOf(value('statement_started_ms')),
      isWaiting ? 'Lock' : null,
      isWaiting ? 'tuple' : null,
      state,
      value('statement'),
      value('door') === 'housekeeping' ? 'background worker' : 'client backend',
    ]
  }
}

/** `address:port`, where there is a port. */
function splitAddress(remote: string): readonly [string | null, number | null] {
  const colon = remote.lastIndexOf(':')
  if (colon < 0) return [remote === '' ? null : remote, null]
  return [remote.slice(0, colon), Number(remote.slice(colon + 1))]
}

function* databases(run: SqlRun): Generator<Values> {
  const backends = new Map<SqlValue, number>()
  for (const value of served(run, 'sessions')) {
    backends.set(value('database'), (backends.get(value('database')) ?? 0) + 1)
  }
  const counted = new Map<SqlValue, Values>()
  for (const value of served(run, 'database_activity')) {
    counted.set(value('database'), [value('commits'), value('rollbacks'), value('deadlocks')])
  }
  for (const [database, number] of databaseOids(run.context)) {
    yield [number, database, backends.get(database) ?? 0, ...(counted.get(database) ?? [0n, 0n, 0n])]
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
      ['leader_pid', int4],
      ['usesysid', oidType],
      ['usename', name],
      ['application_name', text],
      ['client_addr', text],
      ['client_port', int4],
      ['backend_start', timestamptz],
      ['xact_start', timestamptz],
      ['query_start', timestamptz],
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
      ['deadlocks', int8],
    ],
    databases,
  ),
]
