/**
 * What one caller may do in one database: its roles, and the access lists of the catalog.
 *
 * `Rights` are a value: of the same roles and lists they stay the same object, and any change of either makes another one. So
 * a plan that was checked under them needs no further look while they are the same, and a change counts for the next
 * statement of every open session.
 *
 *   may            on a collection, on a namespace, on the database
 *   of a column    what is given on the whole, or on it
 *   its owner      has everything; who belongs to the owner's role, too
 *   a superuser    is never asked: `unlimited`
 *
 * Beside what doors ask by name, a transaction asks `touches` for each key that it reads or writes (`transaction-access.ts`).
 */
import { PolylogError } from '../../base/errors.ts'
import type { Catalog, Collection, Namespace } from '../catalog/catalog.ts'
import { findKind, partText } from '../catalog/objects.ts'
import { type AccessItem, type AccessList, firstList, givableIn, privilegesIn } from './access-list.ts'
import {
  allPrivileges,
  noPrivileges,
  ofCollections,
  ofColumns,
  ofNamespaceOwners,
  ofSequences,
  privilege,
  type Privileges,
  spreading,
  writing,
} from './privileges.ts'

/** Who asks. */
export interface Member {
  readonly roleId: number
  readonly name: string
  /** It may do everything. */
  readonly isSuperuser: boolean
  /** Itself, what it is a member of and inherits, and everybody. */
  readonly roles: ReadonlySet<number>
  /** By PostgreSQL's pg_read_all_data, pg_write_all_data, pg_read_all_stats, pg_signal_backend, pg_checkpoint. */
  readonly readsAll: boolean
  readonly writesAll: boolean
  readonly monitors: boolean
  readonly signals: boolean
  readonly checkpoints: boolean
  readonly createsDatabases: boolean
  readonly createsRoles: boolean
  /** Policies of rows do not concern it. */
  readonly bypassesPolicies: boolean
  /** It may follow what happens in any database. */
  readonly replicates: boolean
  /** Narrow what it may send at Redis's door, whatever it may do; left out: nothing does. */
  readonly redisCommands?: readonly string[]
  /** Likewise the channels that it may use there, as Redis's patterns. */
  readonly redisChannels?: readonly string[]
}

/** By the number of an object, then by part; '' is the whole. */
export type AccessLists = Catalog['access']

/** Told to those who may not. Doors have words of their own for it. */
export class AccessError extends PolylogError {
  /** `what`: as PostgreSQL calls it, `table`, `schema`. */
  constructor(what: string, name: string, text = `permission denied for ${what} ${name}`) {
    super('denied', text, { detail: { sqlState: '42501' } })
  }
}

/** Whether an error says that somebody may not: also of roles, whose rules are others. */
export function isDenial(error: PolylogError): boolean {
  return error.code === 'denied' && error.detail['sqlState'] === '42501'
}

export function notOwner(what: string, name: string): AccessError {
  return new AccessError(what, name, `must be owner of ${what} ${name}`)
}

/** As PostgreSQL calls them. */
export function wordOf({ kind, definition }: Collection): string {
  const { word = 'table' } = findKind(kind) ?? {}
  return typeof word === 'string' ? word : word(definition)
}

function titleOf({ kind, name, definition }: Collection): string {
  return findKind(kind)?.title?.(definition) ?? name
}

interface Known {
  readonly collection: Collection
  readonly privileges: Privileges
}

export class Rights {
  /** Undefined of those who may do everything. */
  readonly member: Member | undefined
  readonly access: AccessLists | undefined
  /** As `Member` has them, also of those who may do everything. */
  readonly redisCommands: readonly string[] | undefined
  readonly redisChannels: readonly string[] | undefined
  readonly #known = new Map<number, Known>()
  readonly #spread: Privileges
  readonly #ofDatabase: Privileges
  /** Because it replicates: it is told everything, and may use no more for it. */
  readonly #replicating: Privileges

  constructor(
    member: Member | undefined,
    access: AccessLists | undefined,
    { redisCommands, redisChannels }: Pick<Member, 'redisCommands' | 'redisChannels'> = member ?? {},
  ) {
    this.member = member
    this.access = access
    this.redisCommands = redisCommands
    this.redisChannels = redisChannels
    const given = member === undefined ? allPrivileges : this.#givenIn(0, firstList('database', ''))
    this.#replicating = member?.replicates === true ? privilege.feed : noPrivileges
    this.#ofDatabase = given | this.#replicating
    this.#spread = member === undefined ? allPrivileges : (given & spreading) | builtIn(member)
  }

  /** Everything, whatever it is. */
  get areUnlimited(): boolean {
    return this.member === undefined
  }

  is(member: Member, access: AccessLists): boolean {
    return this.member === member && this.access === access
  }

  #givenIn(id: number, first: AccessList): Privileges {
    const list = this.access!.get(id)?.get('') ?? first
    return privilegesIn(list, this.member!.roles)
  }

  /** It is the owner, or belongs to it. */
  owns({ ownerId }: { readonly ownerId?: number | undefined }): boolean {
    if (this.member === undefined) return true
    return ownerId !== undefined && this.member.roles.has(ownerId)
  }

  // ---- what there is

  get ofDatabase(): Privileges {
    return this.#ofDatabase
  }

  /** Undefined: of one that is not there, where what is given on the database counts all the same. */
  ofNamespace(namespace: Namespace | undefined): Privileges {
    if (this.member === undefined) return allPrivileges
    const all = this.#spread | (namespace === undefined ? noPrivileges : this.#ofOne(namespace))
    // What may be done to all of it could not be done without.
    const using = (all & ofCollections) === noPrivileges ? noPrivileges : privilege.usage | creating(all)
    return all | using | this.#replicating
  }

  #ofOne(namespace: Namespace): Privileges {
    const own = this.#givenIn(namespace.id, firstList('namespace', namespace.name))
    return this.owns(namespace) ? own | ofNamespaceOwners : own
  }

  /** Of all of it; without regard to the use of its namespace, as PostgreSQL's has_table_privilege. */
  onCollection(collection: Collection): Privileges {
    if (this.member === undefined) return allPrivileges
    const known = this.#known.get(collection.id)
    if (known?.collection === collection) return known.privileges
    const privileges = this.#find(collection)
    this.#known.set(collection.id, { collection, privileges })
    return privileges
  }

  #find(collection: Collection): Privileges {
    if (this.owns(collection)) return ofCollections | ofSequences | privilege.execute
    const spread = this.ofNamespace(collection.namespace) & ofCollections
    return (
      spread |
      this.#givenIn(collection.id, findKind(collection.kind)?.firstAccess ?? []) |
      (spread & writing ? privilege.usage : noPrivileges)
    )
  }

  /** Of one column: also what the whole has. */
  onColumn(collection: Collection, column: number): Privileges {
    const all = this.onCollection(collection)
    if (this.member === undefined) return all
    const list = this.access!.get(collection.id)?.get(partText({ kind: 'column', key: column }))
    return list === undefined ? all : all | privilegesIn(list, this.member.roles)
  }

  /** Of any column, or the whole. */
  onAnyColumn(collection: Collection): Privileges {
    let any = this.onCollection(collection)
    if (this.member === undefined) return any
    for (const [part, list] of this.access!.get(collection.id) ?? []) {
      if (part !== '') any |= privilegesIn(list, this.member.roles) & ofColumns
    }
    return any
  }

  /** What it may give to others; of an owner and of a superuser everything. */
  givable(list: AccessList, ownerId: number | undefined): Privileges {
    return this.owns({ ownerId }) ? allPrivileges : givableIn(list, this.member!.roles)
  }

  /** What it may give on an object because it may on what that lies in: as what has been given there counts for it. */
  givableAround(object: Collection | Namespace): Privileges {
    if (this.member === undefined) return allPrivileges
    const { roles } = this.member
    const givableOn = (id: number): Privileges => givableIn(this.access!.get(id)?.get('') ?? [], roles)
    if ('namespace' in object) return (givableOn(object.namespace.id) | givableOn(0)) & ofCollections
    const ofAll = givableOn(0) & spreading
    return ofAll | creating(ofAll)
  }

  /** Anything of an object: a collection with its columns, a namespace, 0 the database. */
  onObject(id: number, collection: Collection | undefined): Privileges {
    if (this.member === undefined) return allPrivileges
    if (collection !== undefined) return this.onAnyColumn(collection)
    return id === 0 ? this.#ofDatabase : this.#givenIn(id, [])
  }

  /** What it may do with some keys of a namespace only: items with patterns. */
  keysOf(namespace: Namespace): readonly AccessItem[] {
    const { member } = this
    if (member === undefined) return []
    return (this.access!.get(namespace.id)?.get('keys') ?? []).filter(({ to }) => member.roles.has(to))
  }

  // ---- what is asked; errors: `AccessError`

  requireUse(namespace: Namespace): void {
    if ((this.ofNamespace(namespace) & privilege.usage) === 0) throw new AccessError('schema', namespace.name)
  }

  /** All of these on all of it, by whoever names it. */
  require(collection: Collection, wanted: Privileges): void {
    if (this.member === undefined || (this.#replicating & wanted) === wanted) return
    this.requireUse(collection.namespace)
    if ((this.onCollection(collection) & wanted) !== wanted) throw this.refusal(collection)
  }

  /** One of these on all of it. */
  requireAny(collection: Collection, wanted: Privileges): void {
    if (this.member === undefined) return
    this.requireUse(collection.namespace)
    if ((this.onCollection(collection) & wanted) === 0) throw this.refusal(collection)
  }

  refusal(collection: Collection): AccessError {
    return new AccessError(wordOf(collection), titleOf(collection))
  }

  /** To change its definition: its owner, or who may change the definitions of what does nothing in its owner's name. */
  requireOwner(collection: Collection): void {
    if (this.owns(collection)) return
    if (findKind(collection.kind)?.actsForOwner !== true) return this.requireDrop(collection)
    throw notOwner(wordOf(collection), titleOf(collection))
  }

  /** To drop it: also who may change definitions. */
  requireDrop(collection: Collection): void {
    if (this.owns(collection) || (this.onCollection(collection) & privilege.schema) !== 0) return
    throw notOwner(wordOf(collection), titleOf(collection))
  }

  /** To drop it, or to say something of it. */
  requireNamespaceOwner(namespace: Namespace): void {
    if (this.owns(namespace) || (this.ofNamespace(namespace) & privilege.schema) !== 0) return
    throw notOwner('schema', namespace.name)
  }

  /** To say something of it, or to maintain all that is in it. */
  requireDatabaseOwner(database: string): void {
    if ((this.#ofDatabase & privilege.schema) === 0) throw notOwner('database', database)
  }

  requireInNamespace(namespace: Namespace, wanted: Privileges): void {
    if ((this.ofNamespace(namespace) & wanted) !== wanted) throw new AccessError('schema', namespace.name)
  }

  requireInDatabase(wanted: Privileges, database: string): void {
    if ((this.#ofDatabase & wanted) !== wanted) throw new AccessError('database', database)
  }

  requireSuperuser(to: string): void {
    if (this.member !== undefined) throw new AccessError('', '', `must be superuser to ${to}`)
  }

  // ---- below the doors

  /**
   * Whether it has anything to do with the collection: what is asked of each key that is read or written. It cannot know for
   * what, so it stops only who has no business there at all.
   */
  touches(collection: Collection, writes: boolean): boolean {
    if (this.member === undefined) return true
    const any = this.onAnyColumn(collection) | this.#onKeys(collection.namespace)
    return (any & (writes ? changing : allPrivileges)) !== 0
  }

  #onKeys(namespace: Namespace): Privileges {
    let any = noPrivileges
    for (const { may } of this.keysOf(namespace)) any |= may
    return any
  }
}

const changing: Privileges = writing | privilege.truncate | privilege.schema | privilege.usage

function creating(all: Privileges): Privileges {
  return (all & privilege.schema) === 0 ? noPrivileges : privilege.create
}

function builtIn({ readsAll, writesAll }: Member): Privileges {
  const reading = readsAll ? privilege.read | privilege.usage : noPrivileges
  return writesAll ? reading | writing | privilege.usage : reading
}

/** Of superusers, of the server itself, of the process that it runs in; and of everybody where there are no users. */
export const unlimited: Rights = new Rights(undefined, undefined)

const narrowed = new WeakMap<Member, Rights>()

/** Those of a superuser. */
export function rightsOfSuperuser(member: Member): Rights {
  if (member.redisCommands === undefined && member.redisChannels === undefined) return unlimited
  let rights = narrowed.get(member)
  if (rights === undefined) narrowed.set(member, (rights = new Rights(undefined, undefined, member)))
  return rights
}
