/**
 * What one may do with what a database held before: no more than then, and no more than now. What was given since does not
 * open the past, and what was taken away since closes it, too. A collection of which rules of its rows keep some from the
 * caller now is closed: what they kept then may have been others. (That the caller has HISTORY is asked apart: `requireHistory`.)
 *
 * What has been dropped since has nobody's rights of today: those of then count alone. Patterns of keys are today's.
 */
import type { Catalog, Collection, Namespace } from '../catalog/catalog.ts'
import type { Principal, Transaction } from '../contract.ts'
import type { Database } from '../database.ts'
import { findKind } from '../catalog/objects.ts'
import type { AccessItem } from './access-list.ts'
import { allPrivileges, noPrivileges, privilege, type Privileges } from './privileges.ts'
import { Rights } from './rights.ts'

/** The last of each. */
const made = new WeakMap<Rights, PastRights>()

export class PastRights extends Rights {
  readonly #then: Rights
  readonly #now: Rights
  readonly #catalog: Catalog

  private constructor(then: Rights, now: Rights, catalog: Catalog) {
    super(then.member, then.access)
    this.#then = then
    this.#now = now
    this.#catalog = catalog
  }

  /** `then`, `now`: of the same roles, in the catalog of then and in that of now. */
  static of(then: Rights, now: Rights, catalog: Catalog): Rights {
    if (then.member === undefined) return then
    const known = made.get(then)
    if (known !== undefined && known.#now === now && known.#catalog === catalog) return known
    const rights = new PastRights(then, now, catalog)
    made.set(then, rights)
    return rights
  }

  #also(collection: Collection, of: (present: Collection) => Privileges): Privileges {
    const present = this.#catalog.collectionById(collection.id)
    if (present === undefined) return allPrivileges
    if (findKind(present.kind)?.hidesRows?.(present, this.#now) === true) return noPrivileges
    return of(present)
  }

  override onCollection(collection: Collection): Privileges {
    return this.#then.onCollection(collection) & this.#also(collection, (present) => this.#now.onCollection(present))
  }

  override onColumn(collection: Collection, column: number): Privileges {
    return (
      this.#then.onColumn(collection, column) & this.#also(collection, (present) => this.#now.onColumn(present, column))
    )
  }

  override onAnyColumn(collection: Collection): Privileges {
    return this.#then.onAnyColumn(collection) & this.#also(collection, (present) => this.#now.onAnyColumn(present))
  }

  override ofNamespace(namespace: Namespace | undefined): Privileges {
    const then = this.#then.ofNamespace(namespace)
    const present = this.#present(namespace)
    return present === undefined ? then : then & this.#now.ofNamespace(present)
  }

  override keysOf(namespace: Namespace): readonly AccessItem[] {
    const present = this.#present(namespace)
    return present === undefined ? this.#then.keysOf(namespace) : this.#now.keysOf(present)
  }

  #present(namespace: Namespace | undefined): Namespace | undefined {
    if (namespace === undefined) return undefined
    return this.#catalog.namespaceById(namespace.id)
  }
}

/** `rights`: in the present. Errors: `denied`. */
export function requireHistory(rights: Rights, database: string): void {
  rights.requireInDatabase(privilege.history, database)
}

/** Of whose statement runs. */
export function rightsThen({ principal, catalog }: Pick<Transaction, 'principal' | 'catalog'>, past: Database): Rights {
  return principal.rightsInPast?.(past, catalog) ?? principal.rights
}

/** Who reads in a transaction of the past: with the rights of then, and so do the owners of what it calls there. */
export function principalThen(principal: Principal, past: Database, present: Catalog): Principal {
  const { user, sessionUser = user, roleId, database, sessionId } = principal
  return {
    user,
    sessionUser,
    roleId,
    rights: rightsThen({ principal, catalog: present }, past),
    database,
    sessionId,
    token: () => principal.token(),
    rightsInPast: (other, catalog) => rightsThen({ principal, catalog }, other),
    asOwner: (owned) => principalThen(principal.asOwner?.(owned) ?? principal, past, present),
  }
}
