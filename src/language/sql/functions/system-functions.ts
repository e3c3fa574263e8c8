/** Functions about the session, the catalog and sequences. */
import { describeConstraint } from '../catalog/constraints.ts'
import { isSequence, nextValue, sequenceState, setValue } from '../../../model/table/sequence.ts'
import { privilege, type Privileges } from '../../../database/access/privileges.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { findRelationOid, lookUpObject, relationNameByOid, searchPathOf } from '../bind/objects.ts'
import {
  collectionByOid,
  collectionOid,
  namespaceNameByOid,
  namespaceOidByName,
  systemNamespaces,
} from '../catalog/identity.ts'
import { columnComment, objectComment, sharedObjectComment } from '../catalog/pg-description.ts'
import { isPublishable } from '../catalog/pg-publications.ts'
import { viewText, writableColumns } from '../catalog/pg-views.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import { isView } from '../../../model/table/view-kind.ts'
import { TriggeredView } from '../../../model/table/view-triggers.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { Table } from '../../../model/table/table.ts'
import { roleName } from '../catalog/roles.ts'
import { served, timeOf } from '../catalog/served-rows.ts'
import { databaseSize, indexesSize, relationSize, totalSize } from '../catalog/relation-size.ts'
import { describeIndex, describePart, findIndex } from '../catalog/index-text.ts'
import { type ShownOver, shownExpression } from '../catalog/shown-expressions.ts'
import { tables } from '../catalog/stored-tables.ts'
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { addNotice } from '../routine/inner-statement.ts'
import { changeSetting, findSetting, readSetting } from '../settings/settings.ts'
import { triggerDepth } from '../trigger/depth.ts'
import { oid } from '../types/oids.ts'
import { formatNumber, isTypeVisible, typeNumberNamed } from '../bind/made-types.ts'
import { defineFunction, type FunctionOptions } from './registry.ts'

const { text, name, int4, int8, bool } = oid
const stable: FunctionOptions = { needsRun: true, volatility: 'stable' }
const volatile: FunctionOptions = { needsRun: true, volatility: 'volatile' }

function define(
  title: string,
  takes: readonly number[],
  gives: number,
  run: (run: SqlRun, ...values: never[]) => SqlValue,
  options: FunctionOptions = stable,
): void {
  defineFunction(title, takes, gives, run, options)
}

const versionText = 'PostgreSQL 15.0 compatible, Polylog 0.1.0'

function defineSession(): void {
  define('version', [], text, () => versionText)
  for (const title of ['current_database', 'current_catalog'])
    define(title, [], name, ({ context }) => context.database)
  define('current_schema', [], name, (run) => currentSchemas(run, false)[0] ?? null)
  define('current_schemas', [bool], oid.nameArray, (run, implicit: boolean) => currentSchemas(run, implicit))
  for (const title of ['current_user', 'current_role', 'user']) define(title, [], name, ({ context }) => context.user)
  define('session_user', [], name, ({ context }) => context.sessionUser ?? context.user)
  define('pg_backend_pid', [], int4, ({ context }) => context.backendId)
  define('pg_trigger_depth', [], int4, () => triggerDepth(), stable)
  define('pg_is_in_recovery', [], bool, ({ context }) => context.leads === false, volatile)
  define('current_setting', [text], text, ({ context }, setting: string) => readSetting(context, setting))
  define('current_setting', [text, bool], text, ({ context }, setting: string, missing: boolean) => {
    return missing ? (findSetting(context, setting) ?? null) : readSetting(context, setting)
  })
  define(
    'set_config',
    [text, text, bool],
    text,
    ({ context }, setting: string, value: string, local: boolean) => {
      return changeSetting(context, setting, value, local ? 'transaction' : 'session') ?? ''
    },
    volatile,
  )
  define('polylog_transaction_token', [], text, ({ context }) => context.transactionToken(), volatile)
  // The door has joined before this runs: see the effect `join`.
  define('polylog_join', [text], oid.void, () => '', volatile)
  define('txid_current', [], int8, ({ transaction }) => BigInt(transaction.sequence))
  define('pg_my_temp_schema', [], oid.oid, ({ context }) => {
    return namespaceOidByName(context.catalog, context.temporarySchema ?? '') ?? 0
  })
  define('pg_is_other_temp_schema', [oid.oid], bool, ({ context }, number: number) => {
    const name = namespaceNameByOid(context.catalog, number)
    return name !== undefined && isTemporaryName(name) && name !== context.temporarySchema
  })
  define('inet_server_addr', [], text, () => null)
  define('pg_postmaster_start_time', [], oid.timestamptz, (run) => timeOf(toldOf(run, 'server', 'started_ms')))
}

/** Of a table with one row that the server tells; null where there is no server. */
function toldOf(run: SqlRun, table: string, column: string): SqlValue {
  const [value] = served(run, table)
  return value?.(column) ?? null
}

/** The sessions whose locks, or earlier wishes for one, a session waits for. */
function blockersOf(run: SqlRun, session: number): number[] {
  const blockers = new Set<number>()
  for (const value of served(run, 'lock_waits')) {
    const blocker = value('blocking_session')
    if (value('session') === BigInt(session) && blocker !== null) blockers.add(Number(blocker))
  }
  return [...blockers].sort((a, b) => a - b)
}

function defineWaits(): void {
  const { int4Array } = oid
  define('pg_blocking_pids', [int4], int4Array, (run, session: number) => blockersOf(run, session), volatile)
  // Nothing waits for a snapshot that is safe: all are.
  define('pg_safe_snapshot_blocking_pids', [int4], int4Array, () => [], volatile)
  // Of PostgreSQL's isolation tester, which asks by it whether a step waits for one of the sessions under test.
  define(
    'pg_isolation_test_session_is_blocked',
    [int4, int4Array],
    bool,
    (run, session: number, sessions: readonly number[]) =>
      blockersOf(run, session).some((blocker) => sessions.includes(blocker)),
    volatile,
  )
}

function defineSignals(): void {
  const send = (run: SqlRun, id: number, signal: 'cancel' | 'terminate'): boolean => {
    // As whom it runs: within SECURITY DEFINER, the owner.
    const { rights } = run.transaction.principal
    if (run.context.signalSession?.(id, signal, rights) === true) return true
    const message = `PID ${id} is not a PostgreSQL backend process`
    addNotice(run, { severity: 'WARNING', sqlState: '01000', message })
    return false
  }
  define('pg_cancel_backend', [int4], bool, (run, id: number) => send(run, id, 'cancel'), volatile)
  define('pg_terminate_backend', [int4], bool, (run, id: number) => send(run, id, 'terminate'), volatile)
}

function currentSchemas({ context, transaction }: SqlRun, implicit: boolean): string[] {
  const there = (one: string): boolean =>
    one === 'public' || systemNamespaces.has(one) || transaction.catalog.namespaces.has(one)
  const path = searchPathOf(context).filter(there)
  return implicit ? path : path.filter((one) => one !== 'pg_catalog' || context.searchPath.includes('pg_catalog'))
}

function sequenceOf({ transaction }: SqlRun, number: number): Collection {
  const collection = collectionByOid(transaction.catalog, number)
  if (collection === undefined) throw failure('42P01', `relation with OID ${number} does not exist`)
  if (!isSequence(collection)) throw failure('42809', `"${collection.name}" is not a sequence`)
  return collection
}

/** One of these must be had. A number of a sequence says nothing of its schema: who names it by its name is asked for that. */
function allowed(run: SqlRun, number: number, oneOf: Privileges): Collection {
  const sequence = sequenceOf(run, number)
  const { rights } = run.transaction.principal
  const isDraw = oneOf === (privilege.usage | privilege.update)
  if (isDraw && run.context.ownSequence === sequence.id) {
    run.transaction.access.actForOwner(sequence.id)
    return sequence
  }
  if ((rights.onCollection(sequence) & oneOf) === 0) throw rights.refusal(sequence)
  return sequence
}

/** What nextval gave each session last: currval. */
const lastValues = new WeakMap<object, Map<number, bigint>>()

function defineSequences(): void {
  const { regclass } = oid
  define(
    'nextval',
    [regclass],
    int8,
    (run, number: number) => {
      const value = nextValue(run.transaction, allowed(run, number, privilege.usage | privilege.update))
      let own = lastValues.get(run.transaction.principal)
      if (own === undefined) lastValues.set(run.transaction.principal, (own = new Map<number, bigint>()))
      own.set(number, value)
      own.set(0, value)
      return value
    },
    volatile,
  )
  define(
    'currval',
    [regclass],
    int8,
    (run, number: number) => {
      const { name: title } = allowed(run, number, privilege.usage | privilege.read)
      const value = lastValues.get(run.transaction.principal)?.get(number)
      if (value !== undefined) return value
      throw failure('55000', `currval of sequence "${title}" is not yet defined in this session`)
    },
    volatile,
  )
  define(
    'lastval',
    [],
    int8,
    (run) => {
      const value = lastValues.get(run.transaction.principal)?.get(0)
      if (value !== undefined) return value
      throw failure('55000', 'lastval is not yet defined in this session')
    },
    volatile,
  )
  define(
    'setval',
    [regclass, int8],
    int8,
    (run, number: number, value: bigint) => setValue(run.transaction, allowed(run, number, privilege.update), value),
    volatile,
  )
  define(
    'setval',
    [regclass, int8, bool],
    int8,
    (run, number: number, value: bigint, called: boolean) => {
      return setValue(run.transaction, allowed(run, number, privilege.update), value, called)
    },
    volatile,
  )
  define('pg_sequence_last_value', [regclass], int8, (run, number: number) => {
    const { last, isCalled } = sequenceState(run.transaction, allowed(run, number, privilege.usage | privilege.read))
    return isCalled ? last : null
  })
  define('pg_get_serial_sequence', [text, text], text, (run, table: string, column: string) => {
    const number = findRelationOid(run.context, table.split('.'))
    const found = [...tables(run)].find((one) => collectionOid(one.collection) === number)
    if (found === undefined) throw failure('42P01', `relation "${table}" does not exist`)
    const id = found.getColumn(column).definition.sequence
    const sequence = id === undefined ? undefined : run.transaction.catalog.collectionById(id)
    return sequence === undefined ? null : `${sequence.namespace.name}.${sequence.name}`
  })
}

function defineCatalog(): void {
  const visible = (run: SqlRun, number: number): SqlValue => {
    const found = relationNameByOid(run.context, number)
    if (found === undefined) return null
    const seen = findRelationOid(run.context, [found.name])
    // A composite type has a name among types, and a row in pg_class.
    return seen === undefined ? isTypeVisible(run.context, number) === true : seen === number
  }
  define('pg_table_is_visible', [oid.oid], bool, visible)
  for (const title of [
    'pg_operator_is_visible',
    'pg_collation_is_visible',
    'pg_opclass_is_visible',
    'pg_statistics_obj_is_visible',
    'pg_conversion_is_visible',
  ]) {
    define(title, [oid.oid], bool, () => true)
  }
  define(
    'format_type',
    [oid.oid, int4],
    text,
    ({ context }, type: SqlValue, modifier: SqlValue) => {
      return type === null ? null : formatNumber(context, type as number, (modifier ?? -1) as number)
    },
    { ...stable, strict: false },
  )
  define('pg_get_userbyid', [oid.oid], name, (run, number: number) => {
    return roleName(run, number) ?? `unknown (OID=${number})`
  })
  define('pg_encoding_to_char', [int4], name, (_run, number: number) => (number === 6 ? 'UTF8' : ''))
  for (const takes of [[oid.oid], [oid.oid, bool]]) {
    define('pg_get_constraintdef', takes, text, (run, number: number, isPretty?: boolean) =>
      describeConstraint(run, number, isPretty === true),
    )
    define('pg_get_ruledef', takes, text, () => null)
  }
  for (const takes of [[oid.oid], [oid.oid, bool], [oid.oid, int4], [text], [text, bool]]) {
    define('pg_get_viewdef', takes, text, (run, view: number | string, pretty?: boolean | number) => {
      const number = typeof view === 'number' ? view : lookUpObject(run.context, oid.regclass, view)
      const collection = collectionByOid(run.transaction.catalog, number)
      return collection === undefined ? null : viewText(run, collection, pretty !== undefined && pretty !== false)
    })
  }
  define('pg_get_indexdef', [oid.oid], text, (run, number: number) => {
    const index = findIndex(run, number)
    return index === undefined ? null : describeIndex(run, index, false)
  })
  define('pg_get_indexdef', [oid.oid, int4, bool], text, (run, number: number, column: number, isPretty: boolean) => {
    const index = findIndex(run, number)
    if (index === undefined) return null
    return column === 0 ? describeIndex(run, index, isPretty) : describePart(run, index, column - 1, isPretty)
  })
  for (const takes of [
    [oid.nodeTree, oid.oid],
    [oid.nodeTree, oid.oid, bool],
    [text, oid.oid],
    [text, oid.oid, bool],
  ]) {
    define('pg_get_expr', takes, text, (run, expression: string, relation: number, isPretty = false) =>
      expressionText(run, expression, relation, isPretty),
    )
  }
  defineDescriptions()
}

/** The bounds of partitions are kept as they are shown. */
const boundPattern = /^(DEFAULT$|FOR VALUES )/

function expressionText(run: SqlRun, expression: string, relation: number, isPretty: boolean): string {
  if (boundPattern.test(expression)) return expression
  const collection = collectionByOid(run.transaction.catalog, relation)
  const isOfTable = collection !== undefined && isTable(collection)
  const over: ShownOver = isOfTable ? { kind: 'table', table: Table.of(collection) } : { kind: 'nothing' }
  return shownExpression(run, over, expression, isPretty).text
}

function defineDescriptions(): void {
  define('obj_description', [oid.oid, name], text, (run, object: number, catalog: string) =>
    objectComment(run, object, catalog),
  )
  define('obj_description', [oid.oid], text, (run, object: number) => objectComment(run, object))
  define('shobj_description', [oid.oid, name], text, (run, object: number, catalog: string) =>
    sharedObjectComment(run, object, catalog),
  )
  define('col_description', [oid.oid, int4], text, (run, relation: number, column: number) =>
    columnComment(run, relation, column),
  )
  // INSERT 8, UPDATE 4, DELETE 16.
  define('pg_relation_is_updatable', [oid.regclass, bool], int4, (run, number: number, withTriggers: boolean) => {
    const collection = collectionByOid(run.transaction.catalog, number)
    if (collection === undefined || isSequence(collection)) return 0
    if (!isView(collection)) return 28
    const columns = writableColumns(run, collection)
    const through = columns === undefined ? 0 : columns.size > 0 ? 28 : 16
    return withTriggers ? through | doneByTriggers(TriggeredView.of(collection)) : through
  })
  define('pg_column_is_updatable', [oid.regclass, oid.int2, bool], bool, (run, number: number, column: number) => {
    const collection = collectionByOid(run.transaction.catalog, number)
    if (collection === undefined || isSequence(collection) || column <= 0) return false
    return !isView(collection) || writableColumns(run, collection)?.has(column) === true
  })
  define('pg_relation_is_publishable', [oid.regclass], bool, (run, number: number) => isPublishable(run, number))
  define('pg_get_statisticsobjdef_columns', [oid.oid], text, () => null)
  define('pg_tablespace_location', [oid.oid], text, () => '')
  define('pg_char_to_encoding', [name], int4, (_run, encoding: string) => (/^utf-?8$/i.test(encoding) ? 6 : -1))
  define(
    'to_regclass',
    [text],
    oid.regclass,
    ({ context }, title: string) => findRelationOid(context, title.split('.')) ?? null,
  )
  define('to_regtype', [text], oid.regtype, ({ context }, title: string) => typeNumberNamed(context, title) ?? null)
  defineSizes()
}

function defineSizes(): void {
  const { regclass } = oid
  define('pg_relation_size', [regclass], int8, (run, relation: number) => relationSize(run, relation) ?? null)
  define('pg_table_size', [regclass], int8, (run, relation: number) => relationSize(run, relation) ?? null)
  define('pg_indexes_size', [regclass], int8, (run, relation: number) => indexesSize(run, relation) ?? null)
  define('pg_total_relation_size', [regclass], int8, (run, relation: number) => totalSize(run, relation) ?? null)
  define('pg_database_size', [name], int8, (run, database: string) => {
    // A transaction sees one database: of the others nothing is known.
    return database === run.context.database ? databaseSize(run) : null
  })
  define('pg_size_pretty', [int8], text, (_run, bytes: bigint) => prettySize(bytes))
}

function prettySize(bytes: bigint): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']
  let value = bytes
  let unit = 0
  while ((value < 0n ? -value : value) >= 10_240n && unit < units.length - 1) {
    value = (value + 512n) / 1024n
    unit++
  }
  return `${value} ${units[unit]!}`
}

defineSession()
defineWaits()
defineSignals()
defineSequences()
defineCatalog()

/** The bits of `pg_relation_is_updatable`. */
function doneByTriggers(view: TriggeredView): number {
  return (view.does('insert') ? 8 : 0) | (view.does('update') ? 4 : 0) | (view.does('delete') ? 16 : 0)
}
