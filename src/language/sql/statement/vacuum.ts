/**
 * VACUUM and ANALYZE. Space is reclaimed and rows are counted as transactions commit, so that there is nothing left to do; who
 * asks waits for the tables as with PostgreSQL, one after the other, and is told of those that were left out.
 */
import type { Node, VacuumRelation, VacuumStmt } from 'libpg-query'
import type { Collection } from '../../../database/catalog/catalog.ts'
import type { LockPolicy, StatementSteps, TableLockMode } from '../../../database/contract.ts'
import { inPlace } from '../../../database/transaction/wait.ts'
import { familyFor } from '../../../model/table/partitions/partitioning.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { Table } from '../../../model/table/table.ts'
import { isTemporaryName } from '../../../model/table/temporary-names.ts'
import { searchPathOf } from '../bind/objects.ts'
import { optionText, stringOf } from '../bind/tree.ts'
import { systemRelation } from '../catalog/system-views.ts'
import type { Notice } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import type { Outcome } from './execution.ts'
import { findCollection, findPart, shownName } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'

type Command = 'vacuum' | 'analyze'

/** Of both, in words and as the statement's tag. */
const options: Readonly<Record<Command, ReadonlySet<string>>> = {
  analyze: new Set(['verbose', 'skip_locked']),
  vacuum: new Set([
    'verbose',
    'skip_locked',
    'analyze',
    'freeze',
    'full',
    'disable_page_skipping',
    'index_cleanup',
    'process_toast',
    'truncate',
    'parallel',
  ]),
}

/** Of PostgreSQL's catalog, what are tables there and views here: nobody has to wait for them. */
const catalogTables: ReadonlySet<string> = new Set(
  `aggregate am amop amproc attrdef attribute auth_members authid cast class collation constraint conversion database
  db_role_setting default_acl depend description enum event_trigger extension foreign_data_wrapper foreign_server
  foreign_table index inherits init_privs language largeobject largeobject_metadata namespace opclass operator opfamily
  parameter_acl partitioned_table policy proc publication publication_namespace publication_rel range replication_origin
  rewrite seclabel sequence shdepend shdescription shseclabel statistic statistic_ext statistic_ext_data subscription
  subscription_rel tablespace transform trigger ts_config ts_config_map ts_dict ts_parser ts_template type user_mapping`
    .split(/\s+/)
    .map((name) => `pg_${name}`),
)

interface Request {
  readonly command: Command
  readonly analyzes: boolean
  readonly mode: TableLockMode
  readonly policy: LockPolicy
}

export function planVacuum(statement: VacuumStmt): Planned {
  const command = statement.is_vacuumcmd === true ? 'vacuum' : 'analyze'
  const request = readOptions(command, statement.options ?? [])
  const given = (statement.rels ?? []).flatMap((node) => ('VacuumRelation' in node ? [node.VacuumRelation] : []))
  return planSteps({ kind: 'session' }, command.toUpperCase(), (run) => {
    if (command === 'vacuum' && !run.transaction.isSingleStatement) {
      throw failure('25001', 'VACUUM cannot run inside a transaction block')
    }
    if (given.length === 0) return lookAtAll(run, request)
    return lookAtNamed(
      run,
      given.map((one) => find(run, one, request)),
      request,
    )
  })
}

interface Named {
  readonly name: string
  /** Undefined of what has no rows; of a table of the system catalog there is nothing to look at. */
  readonly id: number | 'catalog' | undefined
}

function find(run: SqlRun, { relation = {}, va_cols: columns = [] }: VacuumRelation, request: Request): Named {
  const { relname: name = '', schemaname } = relation
  const collection = findCollection(run, relation)
  if (collection !== undefined) {
    const table = isTable(collection) ? Table.of(collection) : undefined
    if (table !== undefined && columns.length > 0) checkColumns(table, columns.map(stringOf), request)
    return { name, id: table === undefined && collection.model === 'table' ? undefined : collection.id }
  }
  const schemas = schemaname === undefined ? searchPathOf(run.context) : [schemaname]
  const schema = schemas.find((one) => systemRelation(run.context, one, name) !== undefined)
  if (schema === 'pg_catalog' && catalogTables.has(name)) return { name, id: 'catalog' }
  if (schema !== undefined || findPart(run, relation) !== undefined) return { name, id: undefined }
  throw failure('42P01', `relation "${shownName(relation)}" does not exist`)
}

function readOptions(command: Command, nodes: readonly Node[]): Request {
  const given = new Map<string, boolean>()
  for (const node of nodes) {
    const { defname: name = '', arg, location } = 'DefElem' in node ? node.DefElem : {}
    if (!options[command].has(name)) {
      throw failure('42601', `unrecognized ${command.toUpperCase()} option "${name}"`, { location })
    }
    given.set(name, readOption(name, optionText(arg), location))
  }
  const isOn = (name: string): boolean => given.get(name) === true
  if (isOn('full') && isOn('parallel')) throw failure('0A000', 'VACUUM FULL cannot be performed in parallel')
  if (isOn('full') && isOn('disable_page_skipping')) {
    throw failure('0A000', 'VACUUM option DISABLE_PAGE_SKIPPING cannot be used with FULL')
  }
  return {
    command,
    analyzes: command === 'analyze' || isOn('analyze'),
    mode: isOn('full') ? 'access exclusive' : 'share update exclusive',
    policy: isOn('skip_locked') ? 'skip' : 'wait',
  }
}

function readOption(name: string, text: string | undefined, location: number | undefined): boolean {
  const value = text?.toLowerCase()
  if (name === 'parallel') {
    if (value === undefined) {
      throw failure('42601', 'parallel option requires a value between 0 and 1024', { location })
    }
    const workers = Number(value)
    if (Number.isInteger(workers) && workers >= 0 && workers <= 1024) return workers > 0
    throw failure('42601', 'parallel workers for vacuum must be between 0 and 1024', { location })
  }
  if (name === 'index_cleanup' && value === 'auto') return true
  if (value === undefined || ['true', 'on', '1'].includes(value)) return true
  if (['false', 'off', '0'].includes(value)) return false
  throw failure('42601', `${name} requires a Boolean value`)
}

function checkColumns({ name, columns }: Table, given: readonly string[], { analyzes }: Request): void {
  if (!analyzes) throw failure('0A000', 'ANALYZE option must be specified when a column list is provided')
  for (const [at, column] of given.entries()) {
    if (!columns.some((one) => one.name === column)) {
      throw failure('42703', `column "${column}" of relation "${name}" does not exist`)
    }
    if (given.indexOf(column) < at) {
      throw failure('42701', `column "${column}" of relation "${name}" appears more than once`)
    }
  }
}

/** Who is named is heard of; those that come with it are passed over in silence. */
function* lookAtNamed(run: SqlRun, named: readonly Named[], request: Request): StatementSteps<Outcome> {
  const { command, policy } = request
  const { catalog, principal } = run.transaction
  const notices: Notice[] = []
  const skip = (why: string): void => {
    notices.push({ severity: 'WARNING', sqlState: '01000', message: `skipping ${why}` })
  }
  const members: { readonly id: number; readonly name: string; readonly isNamed: boolean }[] = []
  for (const { name, id } of named) {
    if (id === 'catalog') {
      if (!principal.rights.areUnlimited) skip(`"${name}" --- only superuser can ${command} it`)
      continue
    }
    const collection = id === undefined ? undefined : catalog.collectionById(id)
    if (id === undefined) {
      skip(`"${name}" --- cannot ${command} non-tables or special system tables`)
    } else if (collection === undefined) {
      skip(`${command} of "${name}" --- relation no longer exists`)
    } else if (!principal.rights.owns(collection)) {
      skip(`"${name}" --- only table or database owner can ${command} it`)
    } else if (!(yield* isPassed(run, id, 'access share', policy))) {
      skip(`${command} of "${name}" --- lock not available`)
    } else {
      for (const member of membersOf(run, collection)) members.push({ id: member.id, name, isNamed: member.id === id })
    }
  }
  for (const { id, name, isNamed } of members) {
    const left = yield* lookAt(run, id, request)
    if (left !== undefined && isNamed) skip(`${command} of "${name}" --- ${left}`)
  }
  return { rowCount: 0, notices }
}

/** Every table that the caller owns, but for other sessions' temporary ones. */
function* lookAtAll(run: SqlRun, request: Request): StatementSteps<Outcome> {
  const { catalog, principal } = run.transaction
  const own = run.context.temporarySchema
  const namespaces = [...catalog.namespaces.values()].filter(({ name }) => name === own || !isTemporaryName(name))
  for (const collection of namespaces.flatMap(({ name }) => catalog.collectionsOf(name))) {
    if (isTable(collection) && principal.rights.owns(collection)) yield* lookAt(run, collection.id, request)
  }
  return { rowCount: 0 }
}

function membersOf(run: SqlRun, collection: Collection): readonly { readonly id: number }[] {
  if (!isTable(collection)) return [collection]
  const table = Table.of(collection)
  const isWhole = table.definition.partitioning === undefined
  return isWhole ? [table] : familyFor(run.context.temporarySchema, run.transaction.catalog, table)
}

/** Why it was left out. */
function* lookAt(run: SqlRun, id: number, request: Request): StatementSteps<string | undefined> {
  const { transaction } = run
  const { isSingleStatement, newest } = transaction
  const isGone = (): boolean => {
    // In a block who has waited begins again.
    const catalog = isSingleStatement ? newest.committedCatalog() : transaction.catalog
    return catalog.collectionById(id) === undefined
  }
  if (isGone()) return 'relation no longer exists'
  if (!(yield* isPassed(run, id, request.mode, request.policy))) return 'lock not available'
  if (isGone()) return 'relation no longer exists'
  const collection = transaction.catalog.collectionById(id)
  if (request.analyzes && collection !== undefined) {
    // The rows of a partitioned table are read where they are, whatever is locked.
    for (const { id: member } of membersOf(run, collection)) {
      if (member !== id) yield* isPassed(run, member, 'access share', 'wait')
    }
  }
  const { statistics } = transaction.counts
  if (request.command === 'vacuum') statistics.vacuumed(id)
  if (request.analyzes) statistics.analyzed(id)
  return undefined
}

/** Once nobody is in the way: outside of a block it is not held on to, since nothing is done under it. */
function* isPassed(
  { transaction }: SqlRun,
  id: number,
  mode: TableLockMode,
  policy: LockPolicy,
): StatementSteps<boolean> {
  const { isSingleStatement, locks } = transaction
  return yield* inPlace(transaction, () => {
    return isSingleStatement ? locks.passCollection(id, mode, policy) : locks.lockCollection(id, mode, policy)
  })
}
