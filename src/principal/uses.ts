/** Where a role is used in a database: what it owns, and what it has been given. */
import { PolylogError } from '../base/errors.ts'
import { readDefaultPart } from '../database/access/default-access.ts'
import { wordOf } from '../database/access/rights.ts'
import type { Catalog, Collection, Namespace } from '../database/catalog/catalog.ts'
import { isTable, tableDefinitionOf } from '../model/table/table-kind.ts'
import type { Role } from './roles.ts'

export interface Uses {
  readonly namespaces: readonly Namespace[]
  readonly collections: readonly Collection[]
  /** Of what it has been given something, or has given it: the number of the object, and the part. */
  readonly access: readonly { readonly id: number; readonly part: string }[]
  /** That are for it. */
  readonly policies: readonly { readonly name: string; readonly on: Collection }[]
}

export function usesOf(catalog: Catalog, roleId: number): Uses {
  const namespaces = [...catalog.namespaces.values()]
  const access: { id: number; part: string }[] = []
  for (const [id, parts] of catalog.access) {
    for (const [part, list] of parts) {
      const isUsed =
        readDefaultPart(part)?.roleId === roleId || list.some(({ to, by }) => to === roleId || by === roleId)
      if (isUsed) access.push({ id, part })
    }
  }
  const collections = namespaces.flatMap(({ name }) => catalog.collectionsOf(name))
  return {
    namespaces: namespaces.filter(({ ownerId }) => ownerId === roleId),
    collections: collections.filter(({ ownerId }) => ownerId === roleId),
    access,
    policies: collections.flatMap((on) => policiesFor(on, roleId)),
  }
}

function policiesFor(on: Collection, roleId: number): Uses['policies'] {
  if (!isTable(on)) return []
  const { policies = [] } = tableDefinitionOf(on)
  return policies.filter(({ roles }) => roles.includes(roleId)).map(({ name }) => ({ name, on }))
}

/** Errors: `dependent_objects`. */
export function checkUnused(catalog: Catalog, { id, name }: Role): void {
  const { namespaces, collections, access, policies } = usesOf(catalog, id)
  const shown = [
    ...namespaces.map((one) => `owner of schema ${one.name}`),
    ...collections.map((one) => `owner of ${wordOf(one)} ${one.name}`),
    ...policies.map(({ name: policy, on }) => `target of policy ${policy} on table ${on.name}`),
    ...access.map(({ id: object, part }) => `${heldOn(part, id)} ${nameOf(catalog, object)}`),
  ]
  refuseWhere(name, shown, 'REASSIGN OWNED and DROP OWNED take it off there.')
}

/** Errors: `dependent_objects`. */
export function checkOwnsNone({ name }: Role, databases: readonly string[]): void {
  refuseWhere(
    name,
    databases.map((one) => `owner of database ${one}`),
    'ALTER DATABASE … OWNER TO gives it away.',
  )
}

function refuseWhere(name: string, shown: readonly string[], hint: string): void {
  if (shown.length === 0) return
  throw new PolylogError('dependent_objects', `role "${name}" cannot be dropped because some objects depend on it`, {
    detail: { sqlState: '2BP01', detail: shown.slice(0, 100).join('\n'), hint },
  })
}

function heldOn(part: string, roleId: number): string {
  const defaults = readDefaultPart(part)
  if (defaults === undefined) return 'privileges for'
  const whose = defaults.roleId === roleId ? 'owner of' : 'privileges for'
  return `${whose} default privileges on new ${defaults.kind}s in`
}

function nameOf(catalog: Catalog, id: number): string {
  if (id === 0) return 'the database'
  const namespace = catalog.namespaceById(id)
  return namespace === undefined ? `table ${catalog.collectionById(id)?.name ?? id}` : `schema ${namespace.name}`
}
