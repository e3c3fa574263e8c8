/**
 * has_table_privilege and its like, pg_has_role: who may do what, as PostgreSQL's functions tell it.
 *
 * Each takes an object by name or number, and asks of the caller, or of a role by name or number. Several privileges,
 * separated by commas, are an "or"; `WITH GRANT OPTION` asks whether it may be given on. An object that is named must be there;
 * of a number that is none the answer is null.
 */
import type { ObjectWithArgs } from 'libpg-query'
import { firstList } from '../../../database/access/access-list.ts'
import { allPrivileges, noPrivileges, privilege, type Privileges } from '../../../database/access/privileges.ts'
import { type Rights, unlimited } from '../../../database/access/rights.ts'
import type { Collection, Namespace } from '../../../database/catalog/catalog.ts'
import { isSubject } from '../../../model/table/policies.ts'
import { relationsOf } from '../catalog/relations.ts'
import { ownRoleOid, roleByOid } from '../catalog/roles.ts'
import { typeByNumber, typeNumberNamed } from '../bind/made-types.ts'
import { findRelationOid } from '../bind/objects.ts'
import { stringsOf } from '../bind/tree.ts'
import { collectionByOid, namespaceNameByOid } from '../catalog/identity.ts'
import type { ShownRole, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { parseText } from '../parse.ts'
import { privilegeWords } from '../statement/grant.ts'
import { findRoutine } from '../statement/routines/named-routine.ts'
import { oid } from '../types/oids.ts'
import { aggregatesNamed, defineFunction, functionsNamed, setFunctionsNamed } from './registry.ts'

interface Asked {
  readonly wanted: Privileges
  readonly givable: boolean
}

function readPrivileges(text: string): Asked[] {
  return text.split(',').map((part) => {
    const [, word = '', option] = /^\s*(.*?)(\s+with\s+grant\s+option)?\s*$/i.exec(part)!
    const wanted = privilegeWords.get(word.toLowerCase())
    if (wanted === undefined) throw failure('22023', `unrecognized privilege type: "${word}"`)
    return { wanted, givable: option !== undefined }
  })
}

/** `has` of what is asked for; `gives` of what may be given on. */
function answers(text: string, has: Privileges, gives: () => Privileges): boolean {
  return readPrivileges(text).some(({ wanted, givable }) => ((givable ? gives() : has) & wanted) !== noPrivileges)
}

function rightsOf({ context, transaction }: SqlRun, role: ShownRole | 'caller'): Rights {
  if (role === 'caller') return transaction.principal.rights
  if (role.superuser) return unlimited
  return context.rightsOf?.(role.id) ?? unlimited
}

function roleNamed({ context }: SqlRun, name: string): ShownRole | 'caller' {
  const found = context.roles?.find((role) => role.name === name)
  if (found !== undefined) return found
  if (name === context.user && context.rights?.areUnlimited !== false) return 'caller'
  throw failure('42704', `role "${name}" does not exist`)
}

// ---- what each asks about

/** A name or a number. */
type Named = string | number

type Answer = (run: SqlRun, rights: Rights, object: Named, privileges: string, column?: Named) => boolean | null

function relationOid(run: SqlRun, object: Named): number {
  if (typeof object === 'number') return object
  const found = findRelationOid(run.context, object.split('.'))
  if (found !== undefined) return found
  throw failure('42P01', `relation "${object}" does not exist`)
}

function collectionOf(run: SqlRun, object: Named): Collection | undefined {
  return collectionByOid(run.transaction.catalog, relationOid(run, object))
}

/** A view of the system: everybody may read it. */
function ofSystem(rights: Rights, privileges: string): boolean {
  return answers(privileges, rights.areUnlimited ? allPrivileges : privilege.read, () => noPrivileges)
}

function givable(run: SqlRun, rights: Rights, { id, ownerId }: Collection | Namespace): Privileges {
  const { catalog } = run.transaction
  const namespace = catalog.namespaceById(id)
  const first = namespace === undefined ? [] : firstList('namespace', namespace.name)
  return rights.givable(catalog.access.get(id)?.get('') ?? first, ownerId)
}

const ofTable: Answer = (run, rights, object, privileges) => {
  const collection = collectionOf(run, object)
  if (collection === undefined) return isMissing(run, object) ? null : ofSystem(rights, privileges)
  return answers(privileges, rights.onCollection(collection), () => givable(run, rights, collection))
}

function isMissing(run: SqlRun, object: Named): boolean {
  return (
    typeof object === 'number' && object >= 16_384 && collectionByOid(run.transaction.catalog, object) === undefined
  )
}

const ofAnyColumn: Answer = (run, rights, object, privileges) => {
  const collection = collectionOf(run, object)
  if (collection === undefined) return ofTable(run, rights, object, privileges)
  return answers(privileges, rights.onAnyColumn(collection), () => givable(run, rights, collection))
}

const ofColumn: Answer = (run, rights, object, privileges, column) => {
  const collection = collectionOf(run, object)
  if (collection === undefined) return ofTable(run, rights, object, privileges)
  const columns = relationsOf(collection)[0]?.columns ?? []
  const found = columns.find((one) => (typeof column === 'number' ? one.number === column : one.name === column))
  if (found === undefined) {
    if (typeof column === 'number') return null
    throw failure('42703', `column "${column}" of relation "${collection.name}" does not exist`)
  }
  return answers(privileges, rights.onColumn(collection, found.number), () => givable(run, rights, collection))
}

const ofSchema: Answer = (run, rights, object, privileges) => {
  const { catalog } = run.transaction
  const name = typeof object === 'number' ? namespaceNameByOid(catalog, object) : object
  if (name === undefined) return null
  const namespace = catalog.namespaces.get(name)
  if (namespace !== undefined) {
    return answers(privileges, rights.ofNamespace(namespace), () => givable(run, rights, namespace))
  }
  const isSystem = name === 'public' || name === 'pg_catalog' || name === 'information_schema' || name === 'polylog'
  if (!isSystem) throw failure('3F000', `schema "${name}" does not exist`)
  return answers(privileges, rights.areUnlimited ? allPrivileges : privilege.usage, () => noPrivileges)
}

const ofDatabase: Answer = ({ context, transaction }, rights, object, privileges) => {
  const isOwn = typeof object === 'number' || object === context.database
  if (!isOwn && context.databaseNames?.().includes(object) !== true) {
    throw failure('3D000', `database "${object}" does not exist`)
  }
  if (!isOwn && !rights.areUnlimited) throw failure('0A000', 'privileges on another database are asked for there')
  const list = transaction.catalog.access.get(0)?.get('') ?? firstList('database', '')
  return answers(privileges, rights.ofDatabase, () => rights.givable(list, undefined))
}

const everybodyMay: Answer = () => true

/** Of one that somebody has made; what is built in is everybody's. */
function ofMade(run: SqlRun, rights: Rights, made: Collection | undefined, privileges: string): boolean {
  if (made === undefined) return answers(privileges, privilege.execute | privilege.usage, () => noPrivileges)
  return answers(privileges, rights.onCollection(made), () => givable(run, rights, made))
}

const ofFunction: Answer = (run, rights, object, privileges) => {
  const made =
    typeof object === 'number' ? collectionByOid(run.transaction.catalog, object) : routineOfText(run, object)
  return ofMade(run, rights, made, privileges)
}

/** As `f(integer, text)` names it. */
function routineOfText(run: SqlRun, text: string): Collection | undefined {
  const { objname = [], objargs } = functionNode(text)
  const found = findRoutine(run, { objname, ...(objargs && { objargs }) }, 'routine')
  const name = stringsOf(objname).at(-1) ?? ''
  const isBuiltIn = [functionsNamed, setFunctionsNamed, aggregatesNamed].some((named) => named(name).length > 0)
  if (found !== undefined || isBuiltIn) return found?.collection
  throw failure('42883', `function "${text}" does not exist`)
}

function functionNode(text: string): ObjectWithArgs {
  const [statement, more] = parseText(`ALTER ROUTINE ${text} STABLE`)
  const tree = statement?.tree as { AlterFunctionStmt?: { func?: ObjectWithArgs } } | undefined
  const func = tree?.AlterFunctionStmt?.func
  if (func === undefined || more !== undefined || func.args_unspecified === true) {
    throw failure('22P02', 'expected a left parenthesis')
  }
  return func
}

const ofType: Answer = (run, rights, object, privileges) => {
  const number = typeof object === 'number' ? object : typeNumberNamed(run.context, object)
  if (number === undefined) throw failure('42704', `type "${object}" does not exist`)
  const type = typeByNumber(run.transaction.catalog, number)
  if (type === undefined) return null
  const made = (type.element ?? type).made
  return ofMade(run, rights, made && run.transaction.catalog.collectionById(made.id), privileges)
}

function define(title: string, answer: Answer, objects: readonly number[], columns: readonly number[] = []): void {
  const { text, name, bool } = oid
  const options = { needsRun: true, volatility: 'stable' } as const
  for (const object of objects) {
    for (const column of columns.length === 0 ? [undefined] : columns) {
      const own = column === undefined ? [object, text] : [object, column, text]
      const ask = (run: SqlRun, role: ShownRole | 'caller', given: readonly Named[]): SqlValue => {
        const privileges = given[given.length - 1] as string
        return answer(run, rightsOf(run, role), given[0]!, privileges, column === undefined ? undefined : given[1])
      }
      defineFunction(title, own, bool, (run: SqlRun, ...given: Named[]) => ask(run, 'caller', given), options)
      defineFunction(
        title,
        [name, ...own],
        bool,
        (run: SqlRun, user: string, ...given: Named[]) => ask(run, roleNamed(run, user), given),
        options,
      )
      defineFunction(
        title,
        [oid.oid, ...own],
        bool,
        (run: SqlRun, user: number, ...given: Named[]) => {
          const role = roleByOid(run, user)
          return role === undefined ? false : ask(run, role, given)
        },
        options,
      )
    }
  }
}

const byNameOrNumber = [oid.text, oid.oid]
define('has_table_privilege', ofTable, byNameOrNumber)
define('has_sequence_privilege', ofTable, byNameOrNumber)
define('has_any_column_privilege', ofAnyColumn, byNameOrNumber)
define('has_column_privilege', ofColumn, byNameOrNumber, [oid.text, oid.int2])
define('has_schema_privilege', ofSchema, byNameOrNumber)
define('has_database_privilege', ofDatabase, byNameOrNumber)
define('has_function_privilege', ofFunction, byNameOrNumber)
define('has_type_privilege', ofType, byNameOrNumber)
// Languages are built in, and everybody's.
define('has_language_privilege', everybodyMay, byNameOrNumber)

// ---- membership

function hasRole(run: SqlRun, member: ShownRole | 'caller', role: ShownRole, kinds: string): boolean {
  const rights = rightsOf(run, member)
  const own = member === 'caller' ? run.context.roles?.find(({ name }) => name === run.context.user) : member
  return kinds.split(',').some((text) => {
    const kind = text.trim().toLowerCase()
    if (!/^(usage|member|set)( with (grant|admin) option)?$/.test(kind)) {
      throw failure('22023', `unrecognized privilege type: "${text.trim()}"`)
    }
    if (rights.areUnlimited) return true
    if (kind.includes('option')) return own?.memberOf?.some((one) => one.role === role.id && one.admin) === true
    if (kind === 'usage') return rights.member!.roles.has(role.id)
    return own !== undefined && run.context.mayBecome?.(own.id, role.id) === true
  })
}

function namedRole(run: SqlRun, given: Named): ShownRole | undefined {
  if (typeof given === 'number') return roleByOid(run, given)
  const found = roleNamed(run, given)
  return found === 'caller' ? roleByOid(run, ownRoleOid) : found
}

for (const role of [oid.name, oid.oid]) {
  const options = { needsRun: true, volatility: 'stable' } as const
  defineFunction(
    'pg_has_role',
    [role, oid.text],
    oid.bool,
    (run: SqlRun, other: Named, kinds: string) => {
      const found = namedRole(run, other)
      return found === undefined ? null : hasRole(run, 'caller', found, kinds)
    },
    options,
  )
  for (const user of [oid.name, oid.oid]) {
    defineFunction(
      'pg_has_role',
      [user, role, oid.text],
      oid.bool,
      (run: SqlRun, who: Named, other: Named, kinds: string) => {
        const [member, found] = [namedRole(run, who), namedRole(run, other)]
        return member === undefined || found === undefined ? null : hasRole(run, member, found, kinds)
      },
      options,
    )
  }
}

/** Whether policies hide rows of the table from the caller; SET row_security does not matter. */
for (const object of [oid.oid, oid.text]) {
  defineFunction(
    'row_security_active',
    [object],
    oid.bool,
    (run: SqlRun, table: Named) => {
      const collection = collectionOf(run, table)
      if (collection === undefined) return isMissing(run, table) ? null : false
      return isSubject(run.transaction.principal.rights, collection)
    },
    { needsRun: true, volatility: 'stable' },
  )
}
