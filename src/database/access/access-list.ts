/**
 * An access list: who has been given what on one object, or on a part of it.
 *
 * It is one key of the catalog beside the object's own, and changes in the transaction that gives or takes:
 *
 *   (0, 10, id, part) → JSON { items: [{ to, by, may: [names], mayGive: [names], keys? }] }
 *
 * `id` is that of a collection, a namespace or 0, the database; `part` is empty, `column 3`, or `keys` of the namespace of Redis,
 * whose items are for the keys that a pattern fits. `to` and `by` are numbers of roles; 0 is everybody. An object without a
 * list has the one that it begins with (`firstList`), which is written down with the first change.
 *
 * As in PostgreSQL an item is of one giver: what two have given is taken away by both. What a giver could only give because
 * another one had given it that goes with this one (CASCADE), or keeps it from being taken (RESTRICT).
 */
import { PolylogError } from '../../base/errors.ts'
import type { JsonObject } from '../catalog/catalog.ts'
import { noPrivileges, privilege, privilegeNames, type Privileges, privilegesOf } from './privileges.ts'

/** Everybody, as the number of a role. */
export const everybody = 0
/** What belongs to nobody, or the system, as the number of a role: no role has it. */
export const noOwner = -1
/** A role that is not there, as the number of one: it may do nothing. */
export const noRole = -2

export interface AccessItem {
  readonly to: number
  readonly by: number
  readonly may: Privileges
  /** What `to` may give to others. */
  readonly mayGive: Privileges
  /** Of Redis: the keys that it is for, a pattern. */
  readonly keys?: string
}

export type AccessList = readonly AccessItem[]

export function decodeAccess({ items }: JsonObject): AccessList {
  if (!Array.isArray(items)) throw new PolylogError('data_corrupted', 'an access list has no items')
  return (items as readonly JsonObject[]).map(({ to, by, may, mayGive, keys }) => ({
    to: Number(to),
    by: Number(by),
    may: privilegesOf(may as readonly string[]),
    mayGive: privilegesOf(mayGive as readonly string[]),
    ...(typeof keys === 'string' && { keys }),
  }))
}

export function encodeAccess(list: AccessList): JsonObject {
  const items = list.map(({ to, by, may, mayGive, keys }) => ({
    to,
    by,
    may: privilegeNames(may),
    mayGive: privilegeNames(mayGive),
    ...(keys !== undefined && { keys }),
  }))
  return { items }
}

export type ObjectClass = 'database' | 'namespace' | 'collection'

/** What everybody has where nobody has said anything: PostgreSQL's, since version 15. */
export function firstList(of: ObjectClass, name: string): AccessList {
  if (of === 'database') return [itemOf(everybody, noOwner, privilege.connect | privilege.temporary)]
  return of === 'namespace' && name === 'public' ? [itemOf(everybody, noOwner, privilege.usage)] : []
}

function itemOf(to: number, by: number, may: Privileges): AccessItem {
  return { to, by, may, mayGive: noPrivileges }
}

/** What these roles have together. */
export function privilegesIn(list: AccessList, roles: ReadonlySet<number>): Privileges {
  let may = noPrivileges
  for (const item of list) if (roles.has(item.to)) may |= item.may
  return may
}

/** What these roles may give to others. */
export function givableIn(list: AccessList, roles: ReadonlySet<number>): Privileges {
  let may = noPrivileges
  for (const item of list) if (roles.has(item.to)) may |= item.mayGive
  return may
}

export interface Giving {
  readonly to: number
  readonly by: number
  readonly privileges: Privileges
  /** Also the right to give them on, or that alone where it is taken. */
  readonly option: boolean
  readonly keys?: string
}

function isOf(item: AccessItem, { to, by, keys }: Giving): boolean {
  return item.to === to && item.by === by && item.keys === keys
}

export function given(list: AccessList, giving: Giving): AccessList {
  const { to, by, privileges, option, keys } = giving
  const before = list.find((item) => isOf(item, giving))
  const may = (before?.may ?? noPrivileges) | privileges
  const mayGive = (before?.mayGive ?? noPrivileges) | (option ? privileges : noPrivileges)
  const after: AccessItem = { to, by, may, mayGive, ...(keys !== undefined && { keys }) }
  return before === undefined ? [...list, after] : list.map((item) => (item === before ? after : item))
}

/**
 * `owner`: may always give. `whole`: of a part, the list of the whole, whose givers may give parts. `cascade`: what others could
 * only give because of it goes, too; else that is an error. Errors: `dependent_objects`.
 */
export function taken(
  list: AccessList,
  taking: Giving,
  owner: number,
  cascade: boolean,
  whole: AccessList = [],
): AccessList {
  const { privileges, option } = taking
  const left = list.map((item) => {
    if (!isOf(item, taking)) return item
    return { ...item, may: option ? item.may : item.may & ~privileges, mayGive: item.mayGive & ~privileges }
  })
  return withoutOrphans(left, privileges, owner, cascade, whole)
}

/**
 * Without what was given by somebody who may not give it any more: whom no chain of givers leads to from the owner. Two who have
 * given it to each other do not hold each other up.
 */
export function withoutOrphans(
  list: AccessList,
  privileges: Privileges,
  owner: number,
  cascade: boolean,
  whole: AccessList = [],
): AccessList {
  let left = list
  for (let bit = 1; bit <= privileges; bit *= 2) {
    if ((privileges & bit) === 0) continue
    const givers = giversOf([...whole, ...left], bit, owner)
    left = left.map((item) => {
      if (((item.may | item.mayGive) & bit) === 0 || givers.has(item.by)) return item
      if (!cascade) {
        throw new PolylogError('dependent_objects', 'dependent privileges exist', {
          detail: { sqlState: '2BP01', hint: 'Use CASCADE to revoke them too.' },
        })
      }
      return { ...item, may: item.may & ~bit, mayGive: item.mayGive & ~bit }
    })
  }
  return left.filter(({ may, mayGive }) => (may | mayGive) !== noPrivileges)
}

function giversOf(list: AccessList, bit: Privileges, owner: number): ReadonlySet<number> {
  const givers = new Set([owner, noOwner])
  for (const giver of givers) {
    for (const { by, to, mayGive } of list) if (by === giver && (mayGive & bit) !== 0) givers.add(to)
  }
  return givers
}
