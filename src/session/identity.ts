/**
 * Who a session acts as, and what that may do: it is the principal of its statements.
 *
 * The rights are looked up before each statement, in the newest lists, or those of the open transaction over them: what is
 * taken away counts for the next statement of every open session. They stay the same object as long as nothing has changed.
 */
import { PastRights } from '../database/access/past-rights.ts'
import { type Rights, unlimited } from '../database/access/rights.ts'
import type { Catalog } from '../database/catalog/catalog.ts'
import type { Author, Owned, Principal } from '../database/contract.ts'
import type { Database } from '../database/database.ts'
import { encodeAuthor } from '../database/history/author.ts'

/** Who knows what roles may do. */
export interface RightsSource {
  /** What a role may do in a database, where its access lists are those of `catalog`. */
  rightsIn(roleId: number, database: Database, catalog: Catalog): Rights
}

/** Whose it is. */
interface SessionOfIdentity extends RightsSource {
  readonly id: number
  readonly door: string
  readonly database: string
  token(): string
  /** What a role may do where the session is. */
  rightsOf(roleId: number): Rights
}

export class Identity implements Principal {
  user: string
  roleId: number | undefined
  /** Who has come in. */
  readonly ownRoleId: number | undefined
  readonly sessionUser: string
  /** Of the statement that runs. */
  rights: Rights = unlimited
  /** Made for who writes. */
  #authorBytes: Uint8Array | undefined
  readonly #session: SessionOfIdentity

  /** `roleId`: undefined where nobody asks who it is, and of the server itself: it may do everything. */
  constructor(user: string, roleId: number | undefined, session: SessionOfIdentity) {
    this.user = this.sessionUser = user
    this.roleId = this.ownRoleId = roleId
    this.#session = session
  }

  get database(): string {
    return this.#session.database
  }

  get sessionId(): number {
    return this.#session.id
  }

  get author(): Author {
    return this
  }

  get authorBytes(): Uint8Array {
    return (this.#authorBytes ??= encodeAuthor(this.#session.door, this.sessionId, this.ownRoleId))
  }

  token(): string {
    return this.#session.token()
  }

  /** Whether it may is the caller's to ask. */
  actAs(user: string, roleId: number | undefined): void {
    this.user = user
    this.roleId = roleId
  }

  /** What belongs to nobody in particular is the server's. */
  asOwner({ owner, ownerId }: Owned): Principal {
    if (this.roleId === undefined || ownerId === this.roleId) return this
    const rights = ownerId === undefined ? unlimited : this.#session.rightsOf(ownerId)
    const { database, sessionId, sessionUser, author } = this
    const token = (): string => this.token()
    return {
      user: owner,
      sessionUser,
      roleId: ownerId,
      rights,
      database,
      sessionId,
      author,
      token,
      rightsInPast: (past, present) => this.#rightsInPast(ownerId, rights, past, present),
      asOwner: (owned) => this.asOwner(owned),
    }
  }

  /** Nothing is looked up for who may do everything. `open`: the transaction whose own changes of the lists count, too. */
  rightsIn(database: Database, open: { readonly newestCatalog: Catalog } | undefined): Rights {
    if (this.roleId === undefined) return unlimited
    return this.#session.rightsIn(this.roleId, database, open?.newestCatalog ?? database.catalog)
  }

  rightsInPast(past: Database, present: Catalog): Rights {
    return this.#rightsInPast(this.roleId, this.rights, past, present)
  }

  #rightsInPast(roleId: number | undefined, rights: Rights, past: Database, present: Catalog): Rights {
    if (roleId === undefined) return unlimited
    return PastRights.of(this.#session.rightsIn(roleId, past, past.catalog), rights, present)
  }

  /** Of any role. */
  rightsOf(roleId: number, database: Database): Rights {
    return this.#session.rightsIn(roleId, database, database.catalog)
  }
}
