/** `pg_default_acl`: default privileges, as ALTER DEFAULT PRIVILEGES has set them. */
import type { AccessList } from '../../../database/access/access-list.ts'
import { type DefaultKind, readDefaultPart } from '../../../database/access/default-access.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { itemText, ownerPrivileges } from './access-text.ts'
import { namespaceOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { roleOidById } from './roles.ts'

const letters: Readonly<Record<DefaultKind, string>> = {
  table: 'r',
  sequence: 'S',
  schema: 'n',
  function: 'f',
  type: 'T',
}
/** Of rows that PostgreSQL numbers and nothing refers to. */
const firstOid = 90_000

function* rows(run: SqlRun): Generator<readonly SqlValue[]> {
  const { catalog } = run.transaction
  let number = firstOid
  for (const [id, parts] of catalog.access) {
    const namespace = catalog.namespaceById(id)
    for (const [part, list] of parts) {
      const found = readDefaultPart(part)
      if (found === undefined) continue
      const { roleId, kind } = found
      const place = namespace === undefined ? 0 : namespaceOid(namespace)
      const shown = namespace === undefined ? withOwner(list, roleId, kind) : list
      const texts = shown.map((item) => itemText(run, item, ''))
      yield [number++, roleOidById(run, roleId), place, letters[kind], texts]
    }
  }
}

/** What it says of all it makes holds together with what an owner has; what it says of one schema is added to that. */
function withOwner(list: AccessList, roleId: number, kind: DefaultKind): AccessList {
  const own = { to: roleId, by: roleId, may: ownerPrivileges[kind], mayGive: 0 }
  return [...list, own].sort((a, b) => a.to - b.to)
}

export const pgDefaultAcl: Relation = memoryRelation(
  'pg_catalog',
  'pg_default_acl',
  [
    ['oid', oid.oid],
    ['defaclrole', oid.oid],
    ['defaclnamespace', oid.oid],
    ['defaclobjtype', oid.char],
    ['defaclacl', oid.aclitemArray],
  ],
  rows,
)
