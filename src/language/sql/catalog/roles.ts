/**
 * There are no roles yet, and everybody may be anybody. The views show as roles who asks, with the number of PostgreSQL's
 * first superuser, and whoever owns something.
 */
import type { Catalog } from '../../../database/catalog/catalog.ts'
import type { SqlRun } from '../plan/run.ts'

export const ownRoleOid = 10
const firstOwnerOid = 15_000

const owners = new WeakMap<Catalog, readonly string[]>()

function ownersIn(catalog: Catalog): readonly string[] {
  let known = owners.get(catalog)
  if (known === undefined) {
    const found = new Set<string>()
    for (const namespace of catalog.namespaces.values()) {
      found.add(namespace.owner)
      for (const { owner } of catalog.collectionsOf(namespace.name)) found.add(owner)
    }
    known = [...found].sort()
    owners.set(catalog, known)
  }
  return known
}

export function roleOid({ context, transaction }: SqlRun, name: string): number {
  if (name === context.user) return ownRoleOid
  return firstOwnerOid + ownersIn(transaction.catalog).indexOf(name)
}

export function roleName({ context, transaction }: SqlRun, oid: number): string | undefined {
  return oid === ownRoleOid ? context.user : ownersIn(transaction.catalog)[oid - firstOwnerOid]
}

/** Names with their numbers. */
export function allRoles(run: SqlRun): ReadonlyMap<string, number> {
  const names = new Set([run.context.user, ...ownersIn(run.transaction.catalog)])
  return new Map([...names].map((name) => [name, roleOid(run, name)]))
}
