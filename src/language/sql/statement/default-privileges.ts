/** ALTER DEFAULT PRIVILEGES: what a role gives on the tables, sequences, functions, types and schemas that it will make (`default-access.ts`). */
import type { AccessPriv, AlterDefaultPrivilegesStmt, GrantStmt, Node, RoleSpec } from 'libpg-query'
import { type AccessList, given, type Giving, taken } from '../../../database/access/access-list.ts'
import { type DefaultKind, defaultPart, isUnsaid, unsaid } from '../../../database/access/default-access.ts'
import { noPrivileges, type Privileges } from '../../../database/access/privileges.ts'
import { itemsOf, stringOf } from '../bind/tree.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { nothing } from './execution.ts'
import { allOf, possibleOf, privilegeWords, requireGrantees, requireNamespace, requireRole } from './grant.ts'
import { type Planned, planSteps } from './prepared.ts'
import { objectWords } from './statement-names.ts'

const kinds: Partial<Record<NonNullable<GrantStmt['objtype']>, DefaultKind>> = {
  OBJECT_TABLE: 'table',
  OBJECT_SEQUENCE: 'sequence',
  OBJECT_SCHEMA: 'schema',
  OBJECT_FUNCTION: 'function',
  OBJECT_ROUTINE: 'function',
  OBJECT_TYPE: 'type',
}

/** PostgreSQL's words in errors. */
const words: Readonly<Record<DefaultKind, string>> = {
  table: 'relation',
  sequence: 'sequence',
  schema: 'schema',
  function: 'function',
  type: 'type',
}

export function planAlterDefaultPrivileges({ options = [], action }: AlterDefaultPrivilegesStmt): Planned {
  const { is_grant: isGrant = false, grant_option: option = false, objtype, behavior, privileges } = action!
  const kind = objtype === undefined ? undefined : kinds[objtype]
  if (kind === undefined) throw notBuilt(`ALTER DEFAULT PRIVILEGES ON ${objectWords(objtype)}S`)
  const [schemas, owners] = [optionOf(options, 'schemas'), optionOf(options, 'roles')]
  const wanted = wantedOf(kind, privileges)
  return planSteps({ kind: 'schema' }, 'ALTER DEFAULT PRIVILEGES', (run) => {
    const roles =
      owners === undefined ? [requireRole(run.context, run.context.user)] : owners.map((node) => roleOf(run, node))
    const grantees = requireGrantees(run, action!)
    if (schemas !== undefined && kind === 'schema') {
      throw failure('0LP01', 'cannot use IN SCHEMA clause when using GRANT/REVOKE ON SCHEMAS')
    }
    const places = schemas === undefined ? [0] : schemas.map((node) => requireNamespace(run, stringOf(node)).id)
    for (const by of roles) {
      const givings = grantees.filter((to) => to !== by).map((to): Giving => ({ to, by, privileges: wanted, option }))
      for (const id of places) {
        const first = id === 0 ? unsaid(kind, by) : []
        run.transaction.access.change(id, defaultPart(by, kind), (before = first) => {
          const change = (list: AccessList, giving: Giving): AccessList =>
            isGrant ? given(list, giving) : taken(list, giving, by, behavior === 'DROP_CASCADE')
          const after = givings.reduce(change, before)
          const isPlain = id === 0 ? isUnsaid(kind, by, after) : after.length === 0
          return isPlain ? undefined : [...after].sort((a, b) => a.to - b.to)
        })
      }
    }
    return nothing
  })
}

function optionOf(options: readonly Node[], name: string): readonly Node[] | undefined {
  for (const node of options) {
    if ('DefElem' in node && node.DefElem.defname === name) return itemsOf(node.DefElem.arg)
  }
  return undefined
}

/** One that the caller is a member of. */
function roleOf({ context, transaction }: SqlRun, node: Node): number {
  const { roletype, rolename } = (node as { RoleSpec: RoleSpec }).RoleSpec
  if (roletype === 'ROLESPEC_PUBLIC') throw failure('42704', 'role "public" does not exist')
  const name = roletype === 'ROLESPEC_CSTRING' ? rolename! : context.user
  const id = requireRole(context, name)
  const { member } = transaction.principal.rights
  if (member === undefined || context.mayBecome?.(member.roleId, id) === true) return id
  throw failure('42501', `must be member of role "${name}"`)
}

function wantedOf(kind: DefaultKind, nodes: readonly Node[] | undefined): Privileges {
  if (nodes === undefined) return allOf[kind]
  let wanted = noPrivileges
  for (const node of nodes) {
    const { priv_name: word, cols } = (node as { AccessPriv: AccessPriv }).AccessPriv
    if (cols !== undefined) throw failure('0LP01', 'default privileges cannot be set for columns')
    const found = privilegeWords.get(word!)
    if (found === undefined) throw failure('42601', `unrecognized privilege type "${word}"`)
    if ((found & possibleOf[kind]) === noPrivileges) {
      throw failure('0LP01', `invalid privilege type ${word!.toUpperCase()} for ${words[kind]}`)
    }
    wanted |= found
  }
  return wanted
}
