/**
 * What the server shows of itself (rule 6): tables of the `polylog` schema, made when they are asked for.
 *
 * They show the moment in which they are read, not the reader's snapshot.
 */
import { KeyReader } from '../base/tuple-reader.ts'
import { latin1ToBytes, sliceOf } from '../base/slice.ts'
import type { Database } from '../database/database.ts'
import type { Activity } from './activity.ts'
import type { ClientSession } from './session.ts'

export type EvidenceType = 'text' | 'int8' | 'bool'
export type EvidenceValue = string | bigint | boolean | null

export interface EvidenceTable {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: EvidenceType }[]
  rows(): (readonly EvidenceValue[])[]
}

type Columns = Readonly<Record<string, EvidenceType>>

function table(name: string, columns: Columns, rows: () => (readonly EvidenceValue[])[]): EvidenceTable {
  return { name, columns: Object.entries(columns).map(([column, type]) => ({ name: column, type })), rows }
}

export function evidenceOf(
  database: Database,
  sessions: () => Iterable<ClientSession>,
  activity: Activity,
): readonly EvidenceTable[] {
  return [
    durability(database),
    logSegments(database),
    storage(database),
    locks(database),
    transactions(database),
    concurrency(database),
    sessionTable(sessions, activity),
    doorTable(activity),
    databaseTable(activity),
    slowStatements(activity),
  ]
}

function durability(database: Database): EvidenceTable {
  const columns: Columns = {
    last_sequence: 'int8',
    written_through: 'int8',
    synced_through: 'int8',
    last_checkpoint: 'int8',
    group_commits: 'int8',
    record_bytes: 'int8',
    replayed_at_start: 'int8',
    failure: 'text',
  }
  return table('durability', columns, () => {
    const { pipeline } = database
    return [
      [
        BigInt(pipeline.lastSequence),
        BigInt(pipeline.durableThrough('written')),
        BigInt(pipeline.durableThrough('synced')),
        BigInt(database.lastCheckpoint),
        BigInt(pipeline.batches),
        BigInt(pipeline.recordBytes),
        BigInt(database.recovered.replayed),
        pipeline.failure?.message ?? null,
      ],
    ]
  })
}

function logSegments(database: Database): EvidenceTable {
  const columns: Columns = {
    name: 'text',
    first_sequence: 'int8',
    last_sequence: 'int8',
    size_bytes: 'int8',
    used_bytes: 'int8',
  }
  return table('log_segments', columns, () =>
    database.log
      .describe()
      .map(({ name, first, last, sizeBytes, usedBytes }) => [
        name,
        BigInt(first),
        BigInt(last),
        BigInt(sizeBytes),
        BigInt(usedBytes),
      ]),
  )
}

function storage(database: Database): EvidenceTable {
  return table('storage', { store: 'text', measure: 'text', value: 'int8' }, () =>
    Object.entries(database.store.statistics()).map(([measure, value]) => [
      'memory',
      measure,
      BigInt(Math.round(value)),
    ]),
  )
}

function locks(database: Database): EvidenceTable {
  const columns: Columns = { collection: 'text', key: 'text', transaction: 'int8', mode: 'text', granted: 'bool' }
  return table('locks', columns, () =>
    database.locks
      .rows()
      .map(({ key, transaction, mode, granted }) => [
        collectionNameOf(database, key),
        Buffer.from(key, 'latin1').toString('hex'),
        BigInt(transaction),
        mode,
        granted,
      ]),
  )
}

/** Locks on names (a schema, a namespace) begin with FF, which no key does. */
function collectionNameOf(database: Database, key: string): string | null {
  if (key.startsWith('\xff')) return null
  const id = new KeyReader(sliceOf(latin1ToBytes(key))).orderedVarint()
  const collection = database.catalog.collectionById(id)
  return collection === undefined ? null : `${collection.namespace.name}.${collection.name}`
}

function transactions(database: Database): EvidenceTable {
  const columns: Columns = {
    id: 'int8',
    isolation: 'text',
    read_only: 'bool',
    snapshot_sequence: 'int8',
    operations: 'int8',
    bytes: 'int8',
  }
  return table('transactions', columns, () =>
    [...database.open].map(({ id, isolation, readOnly, sequence, writes }) => [
      BigInt(id),
      isolation,
      readOnly,
      BigInt(sequence),
      BigInt(writes.count),
      BigInt(writes.sizeBytes),
    ]),
  )
}

function concurrency(database: Database): EvidenceTable {
  const columns: Columns = { locked_keys: 'int8', lock_waits: 'int8', deadlocks: 'int8', conflict_entries: 'int8' }
  return table('concurrency', columns, () => {
    const { locks: table, conflicts } = database
    return [[BigInt(table.size), BigInt(table.waits), BigInt(table.deadlocks), BigInt(conflicts.entries)]]
  })
}

function sessionTable(sessions: () => Iterable<ClientSession>, activity: Activity): EvidenceTable {
  const columns: Columns = {
    id: 'int8',
    user_name: 'text',
    door: 'text',
    remote: 'text',
    database: 'text',
    status: 'text',
    joined: 'bool',
    isolation: 'text',
    durability: 'text',
    seen_sequence: 'int8',
    statement: 'text',
    statement_started_ms: 'int8',
    statement_ms: 'int8',
    waits_for: 'text',
  }
  return table('sessions', columns, () =>
    [...sessions()].map((session) => [
      BigInt(session.id),
      session.user,
      session.door,
      session.remote,
      session.database,
      session.status,
      session.joined,
      session.isolation,
      session.durability,
      BigInt(session.seen),
      ...runningColumns(session, activity),
    ]),
  )
}

function runningColumns({ running, waitsFor }: ClientSession, activity: Activity): readonly EvidenceValue[] {
  if (running === undefined) return [null, null, null, null]
  const startedMs = BigInt(Math.floor(running.startedMs))
  return [running.text, startedMs, BigInt(activity.tookMs(running)), waitsFor ?? null]
}

function doorTable(activity: Activity): EvidenceTable {
  const columns: Columns = {
    door: 'text',
    connections_open: 'int8',
    connections_opened: 'int8',
    requests: 'int8',
    statements: 'int8',
    failures: 'int8',
    bytes_received: 'int8',
    bytes_sent: 'int8',
  }
  return table('doors', columns, () =>
    [...activity.doors].map((counts) => [
      counts.door,
      BigInt(counts.connectionsOpen),
      BigInt(counts.connectionsOpened),
      BigInt(counts.requests),
      BigInt(counts.statements),
      BigInt(counts.failures),
      BigInt(counts.bytesReceived),
      BigInt(counts.bytesSent),
    ]),
  )
}

function databaseTable(activity: Activity): EvidenceTable {
  return table('database_activity', { database: 'text', commits: 'int8', rollbacks: 'int8' }, () =>
    [...activity.databases].map(([name, { commits, rollbacks }]) => [name, BigInt(commits), BigInt(rollbacks)]),
  )
}

function slowStatements(activity: Activity): EvidenceTable {
  const columns: Columns = {
    session: 'int8',
    user_name: 'text',
    door: 'text',
    database: 'text',
    statement: 'text',
    started_ms: 'int8',
    took_ms: 'int8',
    failed: 'bool',
  }
  return table('slow_statements', columns, () =>
    activity.slow.map(({ owner, text, startedMs, tookMs, failed }) => [
      BigInt(owner.id),
      owner.user,
      owner.door,
      owner.database,
      text,
      BigInt(Math.floor(startedMs)),
      BigInt(tookMs),
      failed,
    ]),
  )
}
