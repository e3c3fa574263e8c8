/**
 * What a role may be given: one list for all doors. Each has words of its own for it (`docs/security.md` has the table).
 *
 * A set of them is a number, a bit each, so that asking is an `and`. What is stored is their names: bits may change.
 *
 *   on a collection   what PostgreSQL has for tables and sequences; `schema` is what its owner may do with its definition
 *   on a namespace    `usage`, `create`; whatever is for collections: of all that are in it, those to come included
 *   on the database   `connect`, `create`, `temporary`; likewise of all collections; `feed`, `history`, `fork`, `administer`
 */
import { PolylogError } from '../../base/errors.ts'

export const privilege = {
  read: 1,
  insert: 2,
  update: 4,
  delete: 8,
  truncate: 16,
  references: 32,
  trigger: 64,
  usage: 128,
  create: 256,
  connect: 512,
  temporary: 1024,
  /** To make, change and drop, indexes included. */
  schema: 2048,
  /** To be told of changes. */
  feed: 4096,
  /** To read earlier states. */
  history: 8192,
  fork: 16_384,
  /** To see and end what others do, and to change what concerns all. */
  administer: 32_768,
  /** Of functions. */
  execute: 65_536,
} as const

export type PrivilegeName = keyof typeof privilege
/** A set of them. */
export type Privileges = number

export const noPrivileges: Privileges = 0
export const allPrivileges: Privileges = 131_071

const { read, insert, update, truncate, references, trigger, usage, create, connect, temporary } = privilege
const { schema, feed, history, fork, administer, delete: remove } = privilege

/** Rows and documents. */
export const writing: Privileges = insert | update | remove
export const ofCollections: Privileges = read | writing | truncate | references | trigger | schema | feed | history
export const ofSequences: Privileges = read | update | usage | schema
export const ofNamespaces: Privileges = usage | create | ofCollections
export const ofDatabases: Privileges = connect | create | temporary | ofCollections | usage | fork | administer
/** What the owner of a namespace has of it, and may give: what is in it has owners of its own. */
export const ofNamespaceOwners: Privileges = usage | create
/** What is given on a namespace or the database for all collections in it. */
export const spreading: Privileges = ofCollections | usage
/** What can be given of a single column. */
export const ofColumns: Privileges = read | insert | update | references

export function privilegeNames(set: Privileges): PrivilegeName[] {
  return (Object.keys(privilege) as PrivilegeName[]).filter((name) => (set & privilege[name]) !== 0)
}

/** Errors: `data_corrupted`. */
export function privilegesOf(names: readonly string[]): Privileges {
  let set = noPrivileges
  for (const name of names) {
    if (!Object.hasOwn(privilege, name)) throw new PolylogError('data_corrupted', `there is no privilege "${name}"`)
    set |= privilege[name as PrivilegeName]
  }
  return set
}
