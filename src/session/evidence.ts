/**
 * What the server shows of itself (rule 6): tables of the `polylog` schema, made when they are asked for.
 *
 * They show the moment in which they are read, not the reader's snapshot.
 */
import { privilege } from '../database/access/privileges.ts'
import { AccessError } from '../database/access/rights.ts'
import { collectionLocked } from '../database/catalog/schema-changes.ts'
import { advisoryLocked } from '../database/transaction/advisory-locks.ts'
import { KeyReader } from '../base/tuple-reader.ts'
import type { MemoryAccount } from '../base/memory-account.ts'
import { latin1ToBytes, sliceOf } from '../base/slice.ts'
import type { Collection } from '../database/catalog/catalog.ts'
import type { Database } from '../database/database.ts'
import type { Principals } from '../principal/principals.ts'
import type { Activity } from './activity.ts'
import type { ClientSession } from './session.ts'

/** `timestamptz`: microseconds since 1970. */
export type EvidenceType = 'text' | 'int8' | 'bool' | 'timestamptz'
export type EvidenceValue = string | bigint | boolean | null

export interface EvidenceTable {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: EvidenceType }[]
  rows(): Iterable<readonly EvidenceValue[]>
}

type Columns = Readonly<Record<string, EvidenceType>>

function table(name: string, columns: Columns, rows: () => Iterable<readonly EvidenceValue[]>): EvidenceTable {
  return { name, columns: Object.entries(columns).map(([column, type]) => ({ name: column, type })), rows }
}

export function evidenceOf(
  database: Database,
  asker: ClientSession,
  sessions: () => Iterable<ClientSession>,
  activity: Activity,
  principals: Principals,
): readonly EvidenceTable[] {
  return [
    durability(database),
    leadership(database),
    consumers(database),
    logSegments(database),
    storage(database),
    locks(asker, database),
    lockWaits(database),
    transactions(database),
    preparedTransactions(database),
    concurrency(database),
    sessionTable(asker, sessions, activity),
    doorTable(activity),
    databaseTable(activity),
    table('server', { started_ms: 'int8' }, () => [[millisecondsOf(activity.startedMs)]]),
    slowStatements(asker, activity),
    memoryTable(asker.account.root, sessions),
    audit(asker, principals),
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
    checkpoints: 'int8',
    checkpoint_ms: 'int8',
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
        BigInt(database.checkpoints.written),
        BigInt(Math.round(database.checkpoints.tookUs / 1000)),
        pipeline.failure?.message ?? null,
      ],
    ]
  })
}

/** A row: what this process is to the log, and how far behind its end. */
function leadership(database: Database): EvidenceTable {
  const columns: Columns = {
    state: 'text',
    epoch: 'int8',
    last_sequence: 'int8',
    log_sequence: 'int8',
    lag: 'int8',
    last_commit_ms: 'int8',
    retries: 'int8',
    failure: 'text',
  }
  return table('leadership', columns, () => {
    const { pipeline, newestSequence } = database
    const logSequence = Math.max(database.log.describe().at(-1)?.last ?? 0, pipeline.leads ? newestSequence : 0)
    const failure = database.role.failure ?? pipeline.failure
    return [
      [
        pipeline.state,
        pipeline.epoch === undefined ? null : BigInt(pipeline.epoch),
        BigInt(newestSequence),
        BigInt(logSequence),
        BigInt(Math.max(0, logSequence - newestSequence)),
        pipeline.clock.last >> 16n,
        BigInt(pipeline.retries),
        failure === undefined ? null : messageOf(failure),
      ],
    ]
  })
}

/** Who reads the log at a pace of its own, and keeps it from being trimmed. */
function consumers(database: Database): EvidenceTable {
  const columns: Columns = {
    name: 'text',
    kind: 'text',
    position: 'int8',
    held_bytes: 'int8',
    max_lag_bytes: 'int8',
    state: 'text',
  }
  return table('consumers', columns, () =>
    database.logUse.consumers.map(({ name, kind, position, heldBytes, maxLagBytes, state }) => [
      name,
      kind,
      BigInt(position),
      BigInt(heldBytes),
      BigInt(maxLagBytes),
      state,
    ]),
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
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

function locks(asker: ClientSession, database: Database): EvidenceTable {
  const columns: Columns = {
    collection: 'text',
    key: 'text',
    transaction: 'int8',
    mode: 'text',
    granted: 'bool',
    collection_id: 'int8',
    session: 'int8',
    kind: 'text',
  }
  return table('locks', columns, () =>
    database.locks.rows().map(({ key, transaction, session, mode, granted }) => {
      const kind = kindOf(key)
      const collection = collectionOf(database, key)
      return [
        collection === undefined ? null : `${collection.namespace.name}.${collection.name}`,
        kind === 'collection' || kind === 'advisory' || maySee(asker, session === asker.id) ? shownKey(key) : null,
        transaction === 0 ? null : BigInt(transaction),
        mode,
        granted,
        collection === undefined ? null : BigInt(collection.id),
        session === 0 ? null : BigInt(session),
        kind,
      ]
    }),
  )
}

/** Values of rows stand in keys, and names that others have not made yet in those of names. */
function kindOf(key: string): 'collection' | 'advisory' | 'name' | 'key' {
  if (!key.startsWith('\xff')) return 'key'
  if (collectionLocked(key) !== undefined) return 'collection'
  return advisoryLocked(key) === undefined ? 'name' : 'advisory'
}

function shownKey(key: string): string {
  return key.startsWith('\xff') ? key.slice(1) : Buffer.from(key, 'latin1').toString('hex')
}

function lockWaits(database: Database): EvidenceTable {
  const columns: Columns = {
    transaction: 'int8',
    session: 'int8',
    blocking_transaction: 'int8',
    blocking_session: 'int8',
  }
  const orNull = (id: number): bigint | null => (id === 0 ? null : BigInt(id))
  return table('lock_waits', columns, () =>
    database.locks
      .waitRows()
      .map(({ transaction, session, blocker, blockingSession }) => [
        BigInt(transaction),
        orNull(session),
        orNull(blocker),
        orNull(blockingSession),
      ]),
  )
}

/** Locks on names (a schema, a namespace) begin with FF, which no key does. */
function collectionOf(database: Database, key: string): Collection | undefined {
  const locked = collectionLocked(key)
  if (locked !== undefined) return database.catalog.collectionById(locked)
  if (key.startsWith('\xff')) return undefined
  return database.catalog.collectionById(new KeyReader(sliceOf(latin1ToBytes(key))).orderedVarint())
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

/** Of this database, with the owner's name as it was then. */
function preparedTransactions(database: Database): EvidenceTable {
  const columns: Columns = { transaction: 'int8', gid: 'text', prepared_ms: 'int8', owner: 'text', database: 'text' }
  return table('prepared_transactions', columns, () =>
    [...database.prepared.list()].map(({ id, gid, preparedMs, owner }) => [
      BigInt(id),
      gid,
      BigInt(preparedMs),
      owner,
      database.name,
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

function sessionTable(
  asker: ClientSession,
  sessions: () => Iterable<ClientSession>,
  activity: Activity,
): EvidenceTable {
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
    client_name: 'text',
    opened_ms: 'int8',
    transaction_started_ms: 'int8',
  }
  return table('sessions', columns, () =>
    [...sessions()].map((session) => [
      BigInt(session.id),
      session.user,
      session.door,
      maySee(asker, isSame(session, asker)) ? session.remote : null,
      session.database,
      session.status,
      session.joined,
      session.isolation,
      session.durability,
      BigInt(session.seen),
      ...(session === asker
        ? [asker.describer?.describeStatement() ?? null, null, null, null]
        : runningColumns(session, activity, maySee(asker, isSame(session, asker)))),
      maySee(asker, isSame(session, asker)) ? session.clientName : null,
      millisecondsOf(session.openedMs),
      millisecondsOf(session.transactionStartedMs),
    ]),
  )
}

function millisecondsOf(timeMs: number | undefined): bigint | null {
  return timeMs === undefined ? null : BigInt(Math.floor(timeMs))
}

/** What others do is for those to see who watch over all: values of theirs may stand in it. */
function maySee({ rights }: ClientSession, isOwn: boolean): boolean {
  if (isOwn || rights.member === undefined) return true
  return rights.member.monitors || (rights.ofDatabase & privilege.administer) !== 0
}

/** Not by name: another role may have had it. */
function isSame({ identity }: ClientSession, asker: ClientSession): boolean {
  return identity.ownRoleId === asker.identity.ownRoleId
}

/** PostgreSQL's words for what is not shown. */
const hidden = '<insufficient privilege>'

function runningColumns(
  { running, waitsFor }: ClientSession,
  activity: Activity,
  isShown: boolean,
): readonly EvidenceValue[] {
  if (running === undefined) return [null, null, null, null]
  const startedMs = BigInt(Math.floor(running.startedMs))
  return [isShown ? running.text : hidden, startedMs, BigInt(activity.tookMs(running)), waitsFor ?? null]
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
  return table('database_activity', { database: 'text', commits: 'int8', rollbacks: 'int8', deadlocks: 'int8' }, () =>
    [...activity.databases].map(([name, { commits, rollbacks, deadlocks }]) => [
      name,
      BigInt(commits),
      BigInt(rollbacks),
      BigInt(deadlocks),
    ]),
  )
}

function slowStatements(asker: ClientSession, activity: Activity): EvidenceTable {
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
      maySee(asker, owner.identity.ownRoleId === asker.identity.ownRoleId) ? text : hidden,
      BigInt(Math.floor(startedMs)),
      BigInt(tookMs),
      failed,
    ]),
  )
}

/**
 * Who holds how much: every account to which anything is granted, each before its parts; then what principals have in all
 * databases together, which is part of that. No limit is NULL.
 */
function memoryTable(root: MemoryAccount, sessions: () => Iterable<ClientSession>): EvidenceTable {
  const columns: Columns = {
    path: 'text',
    depth: 'int8',
    used_bytes: 'int8',
    granted_bytes: 'int8',
    peak_bytes: 'int8',
    limit_bytes: 'int8',
    refusals: 'int8',
  }
  return table('memory', columns, () => {
    const principals = new Set([...sessions()].map(({ limits }) => limits.principalMemory))
    const holders = [root, ...principals].flatMap((account) => [...account.holders()])
    return holders.map(({ path, account }) => [
      path.join(' / '),
      BigInt(path.length),
      BigInt(Math.round(account.usedBytes)),
      BigInt(Math.round(account.grantedBytes)),
      BigInt(Math.round(account.peakBytes)),
      account.limitBytes === Infinity ? null : BigInt(Math.round(account.limitBytes)),
      BigInt(account.refusals),
    ])
  })
}

/** What has happened to who may come in, from whichever database it is asked: see `principal/audit.ts`. */
function audit(session: ClientSession, principals: Principals): EvidenceTable {
  const columns: Columns = {
    at: 'timestamptz',
    event: 'text',
    principal: 'text',
    door: 'text',
    remote: 'text',
    object: 'text',
    detail: 'text',
    count: 'int8',
  }
  return table('audit', columns, () => {
    if (!session.rights.areUnlimited) throw new AccessError('view', 'audit')
    return auditRows(principals)
  })
}

function* auditRows(principals: Principals): Generator<readonly EvidenceValue[]> {
  const orNull = (text: string): string | null => (text === '' ? null : text)
  for (const { atMs, event, principal, door, remote, object, detail, count } of principals.audit.rows()) {
    const texts = [principal, door, remote, object, detail].map(orNull)
    yield [BigInt(atMs) * 1000n, event, ...texts, BigInt(count)]
  }
}
