/** `pg_locks`: what is held and waited for, of relations, rows, advisory locks and names; `pg_prepared_xacts`. */
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { collectionOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { databaseOids } from './pg-objects.ts'
import { served, timeOf } from './served-rows.ts'

const { oid: oidType, bool, int2, int4, name, text, timestamptz, xid } = oid

/** As PostgreSQL calls those of tables, and those that it has of a row while somebody waits for it. */
const shownModes: Readonly<Record<string, string>> = {
  'access share': 'AccessShareLock',
  'row share': 'RowShareLock',
  'row exclusive': 'RowExclusiveLock',
  'share update exclusive': 'ShareUpdateExclusiveLock',
  'table share': 'ShareLock',
  'share row exclusive': 'ShareRowExclusiveLock',
  exclusive: 'ExclusiveLock',
  'access exclusive': 'AccessExclusiveLock',
  'key share': 'AccessShareLock',
  share: 'RowShareLock',
  'no key update': 'ExclusiveLock',
  update: 'AccessExclusiveLock',
}

const types: Readonly<Record<string, string>> = {
  collection: 'relation',
  key: 'tuple',
  advisory: 'advisory',
  name: 'object',
}

type Place = readonly [relation: SqlValue, classid: SqlValue, objid: SqlValue, objsubid: SqlValue]

function placeOf(run: SqlRun, value: (column: string) => SqlValue): Place {
  if (value('kind') === 'advisory') {
    const [, high, low, part] = (value('key') as string).split(' ').map(Number)
    return [null, high!, low!, part!]
  }
  const id = value('collection_id')
  const collection = id === null ? undefined : run.transaction.catalog.collectionById(Number(id))
  return [collection === undefined ? null : collectionOid(collection), null, null, null]
}

/** Of all sessions, whatever door they came by; those of other databases show theirs there. */
function* locks(run: SqlRun): Generator<readonly SqlValue[]> {
  const database = databaseOids(run.context).get(run.context.database) ?? null
  for (const value of served(run, 'locks')) {
    const [relation, ...object] = placeOf(run, value)
    const session = value('session')
    yield [
      types[value('kind') as string]!,
      database,
      relation,
      null,
      null,
      null,
      null,
      ...object,
      `${(session as bigint | null) ?? 0n}/${(value('transaction') as bigint | null) ?? 0n}`,
      session === null ? null : Number(session),
      shownModes[value('mode') as string]!,
      value('granted'),
      false,
      null,
    ]
  }
}

function* prepared(run: SqlRun): Generator<readonly SqlValue[]> {
  for (const value of served(run, 'prepared_transactions')) {
    yield [
      `${value('transaction') as bigint}`,
      value('gid'),
      timeOf(value('prepared_ms')),
      value('owner'),
      value('database'),
    ]
  }
}

export const pgLocks: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_prepared_xacts',
    [
      ['transaction', xid],
      ['gid', text],
      ['prepared', timestamptz],
      ['owner', name],
      ['database', name],
    ],
    prepared,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_locks',
    [
      ['locktype', text],
      ['database', oidType],
      ['relation', oidType],
      ['page', int4],
      ['tuple', int2],
      ['virtualxid', text],
      ['transactionid', xid],
      ['classid', oidType],
      ['objid', oidType],
      ['objsubid', int2],
      ['virtualtransaction', text],
      ['pid', int4],
      ['mode', text],
      ['granted', bool],
      ['fastpath', bool],
      ['waitstart', timestamptz],
    ],
    locks,
  ),
]
