/** Catalog views beside relations: schemas, types, functions, roles, databases, settings, access methods. */
import { privilege } from '../../../database/access/privileges.ts'
import { AccessError } from '../../../database/access/rights.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { allTypes } from '../../../model/table/types/registry.ts'
import type { Relation } from '../../../query/relation.ts'
import type { ShownRole, ShownSettings, SqlContext, SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { boundText, countOf } from '../settings/parameter.ts'
import { parameters } from '../settings/parameters.ts'
import { findSetting, settingNames, titleOf } from '../settings/settings.ts'
import { oid } from '../types/oids.ts'
import { namespaceOid, systemNamespaces } from './identity.ts'
import { type LookUp, memoryRelation } from './memory-relation.ts'
import { firstFunctionOid, listedFunctions } from './function-numbers.ts'
import { languageOids, madeFunctions } from './pg-proc.ts'
import { madeTypes, type TypeRow, typeRow } from './pg-types.ts'
import { allObjects, objectBy, type StoredObjects } from './stored-objects.ts'
import { accessTexts, ownerPrivileges } from './access-text.ts'
import { allRoles, databaseOwnerOid, firstRoleOid, ownerOid, ownRoleOid, roleOidById } from './roles.ts'

type Values = readonly SqlValue[]

const {
  name,
  oid: oidType,
  int2,
  int4,
  bool,
  text,
  float4,
  oidvector,
  nodeTree,
  char,
  aclitemArray,
  textArray,
  timestamptz,
} = oid
const owner = ownRoleOid
const databaseWords = privilege.create | privilege.temporary | privilege.connect

/** Of `public`, where nobody has given or taken anything: PostgreSQL's role for whoever owns the database. */
const standardAccess = ['pg_database_owner=UC/pg_database_owner', '=U/pg_database_owner']

function* namespaces(run: SqlRun): Generator<Values> {
  const { transaction } = run
  for (const [title, number] of systemNamespaces) yield [number, title, owner, null]
  // It is made with the first table in it, and always there to clients.
  if (!transaction.catalog.namespaces.has('public')) yield [2200, 'public', databaseOwnerOid, standardAccess]
  for (const namespace of transaction.catalog.namespaces.values()) {
    if (systemNamespaces.has(namespace.name)) continue
    const access = accessTexts(run, namespace, '', ownerPrivileges.schema)
    const isStandard = namespace.name === 'public' && namespace.ownerId === undefined && access === null
    const [of, shown] = isStandard ? [databaseOwnerOid, standardAccess] : [ownerOid(run, namespace), access]
    yield [namespaceOid(namespace), namespace.name, of, shown]
  }
}

/** `pg_type.typtype`. */
function kindOf({ category, range, multirange }: SqlType): TypeRow['kind'] {
  if (range !== undefined || multirange !== undefined) return range === undefined ? 'm' : 'r'
  return category === 'P' ? 'p' : 'b'
}

/** Those that are built in beside what is stored. */
interface Types {
  readonly builtIn: Iterable<SqlType>
  readonly made: StoredObjects
}

function typesBy(
  { among, isUnique }: LookUp<StoredObjects>,
  isIt: (type: SqlType, value: SqlValue) => boolean,
): LookUp<Types> {
  return {
    among: (run, value) => ({ builtIn: allTypes.filter((type) => isIt(type, value)), made: among(run, value) }),
    isUnique: isUnique === true,
  }
}

const typeLookUps: Readonly<Record<string, LookUp<Types>>> = {
  oid: typesBy(objectBy.uniqueType, (type, value) => type.oid === value),
  typname: typesBy(objectBy.typeName, (type, value) => type.name === value),
  // Built-in types are no rows of relations.
  typrelid: typesBy(objectBy.relationIfAny, (_type, value) => value === 0),
}

function* types(
  run: SqlRun,
  { builtIn, made }: Types = { builtIn: allTypes, made: allObjects(run) },
): Generator<Values> {
  for (const type of builtIn) {
    const kind = kindOf(type)
    const { oid: number, category, element, arrayOid: array } = type
    yield typeRow({ type, oid: number, namespace: 11, owner, kind, category, element: element?.oid ?? 0, array })
  }
  yield* madeTypes(run, made)
}

function* functions(run: SqlRun): Generator<Values> {
  yield* madeFunctions(run)
  for (const [i, { name: title, takes, gives, kind, volatility }] of listedFunctions().entries()) {
    yield [
      firstFunctionOid + i,
      title,
      11,
      owner,
      12,
      1,
      0,
      0,
      0,
      kind,
      false,
      false,
      true,
      false,
      volatility[0]!,
      's',
      takes.length,
      0,
      gives,
      takes,
      null,
      null,
      null,
      null,
      null,
      title,
      null,
      null,
      null,
      null,
    ]
  }
}

function* roles(run: SqlRun): Generator<Values> {
  for (const { oid: number, role } of allRoles(run)) {
    const { name: title, login, superuser, createRole, createDatabase, inherit, bypassPolicies, replication } = role
    const until = validUntil(role)
    yield [
      number,
      title,
      superuser,
      inherit,
      createRole,
      createDatabase,
      login,
      superuser || replication,
      role.connectionLimit,
      '********',
      until,
      bypassPolicies,
      configOf(run, role.id),
    ]
  }
}

function secretRoles(run: SqlRun): Generator<Values> {
  if (!run.transaction.principal.rights.areUnlimited) throw new AccessError('table', 'pg_authid')
  return roles(run)
}

function validUntil({ validUntilMs }: ShownRole): bigint | null {
  return validUntilMs === null ? null : BigInt(validUntilMs) * 1000n
}

function* users(run: SqlRun): Generator<Values> {
  for (const { oid: number, role } of allRoles(run)) {
    if (!role.login) continue
    const { name: title, superuser, createDatabase, bypassPolicies, replication } = role
    const replicates = superuser || replication
    yield [title, number, createDatabase, superuser, replicates, bypassPolicies, '********', validUntil(role), null]
  }
}

function* members(run: SqlRun): Generator<Values> {
  for (const { oid: number, role } of allRoles(run)) {
    for (const { role: other, by, admin } of role.memberOf) {
      yield [roleOidById(run, other), number, by === 0 ? ownRoleOid : roleOidById(run, by), admin]
    }
  }
}

function* databases(run: SqlRun): Generator<Values> {
  const { context } = run
  const ofOwn = accessTexts(run, { id: 0, ownerId: undefined, owner: 'postgres' }, '', databaseWords)
  for (const [title, number] of databaseOids(context)) {
    const limit = context.connectionLimit?.(title) ?? -1
    const ownerId = context.databaseOwner?.(title)
    yield [
      number,
      title,
      ownerId === undefined ? owner : roleOidById(run, ownerId),
      6,
      'c',
      false,
      true,
      limit,
      0,
      1,
      1663,
      'C',
      'C',
      null,
      null,
      title === context.database ? ofOwn : null,
    ]
  }
}

/** ALTER ROLE … SET, of every database: `name=value`. */
function configOf({ context }: SqlRun, roleId: number): string[] | null {
  const found = context.placedSettings?.find((placed) => placed.roleId === roleId && placed.database === '')
  return roleId === 0 || found === undefined ? null : settingTexts(found)
}

function settingTexts({ values }: ShownSettings): string[] {
  return Object.entries(values).map(([title, value]) => `${title}=${value}`)
}

function* placedSettings({ context }: SqlRun): Generator<Values> {
  const databaseNumbers = databaseOids(context)
  for (const placed of context.placedSettings ?? []) {
    const role = placed.roleId === 0 ? 0 : firstRoleOid + placed.roleId
    yield [placed.database === '' ? 0 : (databaseNumbers.get(placed.database) ?? 0), role, settingTexts(placed)]
  }
}

/** They have no numbers of their own: those of a moment, in the order of their names. */
export function databaseOids(context: SqlContext): ReadonlyMap<string, number> {
  const names = context.databaseNames?.() ?? [context.database]
  return new Map(names.map((title, i) => [title, 16_000 + i]))
}

function* settings({ context }: SqlRun): Generator<Values> {
  for (const lower of settingNames()) {
    const value = findSetting(context, lower) ?? null
    const known = parameters.get(lower)
    const count = (text: string): string => (known === undefined ? text : countOf(known, text))
    const source = context.getSetting(lower) === undefined ? 'default' : 'session'
    const initial = known === undefined ? value : count(known.initial)
    const { low, high, words } = known ?? {}
    const head = [titleOf(lower), value && count(value), known?.unit ?? null, known?.category ?? 'Polylog', '', null]
    const type = [known?.context ?? 'user', known?.type ?? 'string', source]
    const bounds = [
      low === undefined ? null : boundText(low),
      high === undefined ? null : boundText(high),
      words ?? null,
    ]
    yield [...head, ...type, ...bounds, initial, initial, null, null, false]
  }
}

/** Of `pg_roles`, and of `pg_authid`, which is the same with the passwords that there are not. */
const roleColumns = [
  ['oid', oidType],
  ['rolname', name],
  ['rolsuper', bool],
  ['rolinherit', bool],
  ['rolcreaterole', bool],
  ['rolcreatedb', bool],
  ['rolcanlogin', bool],
  ['rolreplication', bool],
  ['rolconnlimit', int4],
  ['rolpassword', text],
  ['rolvaliduntil', timestamptz],
  ['rolbypassrls', bool],
  ['rolconfig', textArray],
] as const

export const pgObjects: readonly Relation[] = [
  memoryRelation(
    'pg_catalog',
    'pg_namespace',
    [
      ['oid', oidType],
      ['nspname', name],
      ['nspowner', oidType],
      ['nspacl', aclitemArray],
    ],
    namespaces,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_type',
    [
      ['oid', oidType],
      ['typname', name],
      ['typnamespace', oidType],
      ['typowner', oidType],
      ['typlen', int2],
      ['typbyval', bool],
      ['typtype', char],
      ['typcategory', char],
      ['typispreferred', bool],
      ['typisdefined', bool],
      ['typdelim', char],
      ['typrelid', oidType],
      ['typsubscript', oid.regproc],
      ['typelem', oidType],
      ['typarray', oidType],
      ['typinput', oid.regproc],
      ['typoutput', oid.regproc],
      ['typreceive', oid.regproc],
      ['typsend', oid.regproc],
      ['typmodin', oid.regproc],
      ['typmodout', oid.regproc],
      ['typanalyze', oid.regproc],
      ['typalign', char],
      ['typstorage', char],
      ['typnotnull', bool],
      ['typbasetype', oidType],
      ['typtypmod', int4],
      ['typndims', int4],
      ['typcollation', oidType],
      ['typdefaultbin', nodeTree],
      ['typdefault', text],
      ['typacl', aclitemArray],
    ],
    types,
    typeLookUps,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_proc',
    [
      ['oid', oidType],
      ['proname', name],
      ['pronamespace', oidType],
      ['proowner', oidType],
      ['prolang', oidType],
      ['procost', float4],
      ['prorows', float4],
      ['provariadic', oidType],
      ['prosupport', oid.regproc],
      ['prokind', char],
      ['prosecdef', bool],
      ['proleakproof', bool],
      ['proisstrict', bool],
      ['proretset', bool],
      ['provolatile', char],
      ['proparallel', char],
      ['pronargs', int2],
      ['pronargdefaults', int2],
      ['prorettype', oidType],
      ['proargtypes', oidvector],
      ['proallargtypes', oid.oidArray],
      ['proargmodes', oid.charArray],
      ['proargnames', textArray],
      ['proargdefaults', nodeTree],
      ['protrftypes', oid.oidArray],
      ['prosrc', text],
      ['probin', text],
      ['prosqlbody', nodeTree],
      ['proconfig', textArray],
      ['proacl', aclitemArray],
    ],
    functions,
  ),
  memoryRelation('pg_catalog', 'pg_roles', roleColumns, roles),
  memoryRelation(
    'pg_catalog',
    'pg_db_role_setting',
    [
      ['setdatabase', oidType],
      ['setrole', oidType],
      ['setconfig', textArray],
    ],
    placedSettings,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_auth_members',
    [
      ['roleid', oidType],
      ['member', oidType],
      ['grantor', oidType],
      ['admin_option', bool],
    ],
    members,
  ),
  memoryRelation('pg_catalog', 'pg_authid', roleColumns, secretRoles),
  memoryRelation(
    'pg_catalog',
    'pg_user',
    [
      ['usename', name],
      ['usesysid', oidType],
      ['usecreatedb', bool],
      ['usesuper', bool],
      ['userepl', bool],
      ['usebypassrls', bool],
      ['passwd', text],
      ['valuntil', timestamptz],
      ['useconfig', textArray],
    ],
    users,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_database',
    [
      ['oid', oidType],
      ['datname', name],
      ['datdba', oidType],
      ['encoding', int4],
      ['datlocprovider', char],
      ['datistemplate', bool],
      ['datallowconn', bool],
      ['datconnlimit', int4],
      ['datfrozenxid', oid.xid],
      ['datminmxid', oid.xid],
      ['dattablespace', oidType],
      ['datcollate', text],
      ['datctype', text],
      ['daticulocale', text],
      ['datcollversion', text],
      ['datacl', aclitemArray],
    ],
    databases,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_settings',
    [
      ['name', text],
      ['setting', text],
      ['unit', text],
      ['category', text],
      ['short_desc', text],
      ['extra_desc', text],
      ['context', text],
      ['vartype', text],
      ['source', text],
      ['min_val', text],
      ['max_val', text],
      ['enumvals', textArray],
      ['boot_val', text],
      ['reset_val', text],
      ['sourcefile', text],
      ['sourceline', int4],
      ['pending_restart', bool],
    ],
    settings,
  ),
  memoryRelation(
    'pg_catalog',
    'pg_tablespace',
    [
      ['oid', oidType],
      ['spcname', name],
      ['spcowner', oidType],
      ['spcacl', aclitemArray],
      ['spcoptions', textArray],
    ],
    () => [
      [1663, 'pg_default', owner, null, null],
      [1664, 'pg_global', owner, null, null],
    ],
  ),
  memoryRelation(
    'pg_catalog',
    'pg_language',
    [
      ['oid', oidType],
      ['lanname', name],
      ['lanowner', oidType],
      ['lanispl', bool],
      ['lanpltrusted', bool],
      ['lanplcallfoid', oidType],
      ['laninline', oidType],
      ['lanvalidator', oidType],
      ['lanacl', aclitemArray],
    ],
    () =>
      Object.entries(languageOids).map(([title, number]) => {
        const isOurs = title === 'plpgsql'
        return [number, title, owner, isOurs, isOurs || title === 'sql', 0, 0, 0, null]
      }),
  ),
  memoryRelation(
    'pg_catalog',
    'pg_collation',
    [
      ['oid', oidType],
      ['collname', name],
      ['collnamespace', oidType],
      ['collowner', oidType],
      ['collprovider', char],
      ['collisdeterministic', bool],
      ['collencoding', int4],
      ['collcollate', text],
      ['collctype', text],
      ['colliculocale', text],
      ['collversion', text],
    ],
    () => [
      [100, 'default', 11, owner, 'd', true, -1, null, null, null, null],
      [950, 'C', 11, owner, 'c', true, -1, 'C', 'C', null, null],
      [951, 'POSIX', 11, owner, 'c', true, -1, 'POSIX', 'POSIX', null, null],
    ],
  ),
]
