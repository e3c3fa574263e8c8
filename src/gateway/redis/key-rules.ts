/**
 * Redis's patterns of keys, and the access lists that say the same for every door.
 *
 *   ~cache:*    an item of the list of keys of the namespace `redis`: read, insert, update and delete
 *   %R~cache:*  read; %W~cache:* the other three
 *   ~*          an item of the namespace itself: of all keys, those to come included
 *
 * Of these a role is given what the commands it may send could do, no more: `~* +get` lets it read by SQL, and write by
 * nothing.
 */
import { type AccessItem, type AccessList, given } from '../../database/access/access-list.ts'
import { noPrivileges, privilege, type Privileges, writing } from '../../database/access/privileges.ts'
import type { Rights } from '../../database/access/rights.ts'
import type { Catalog } from '../../database/catalog/catalog.ts'
import type { Transaction } from '../../database/contract.ts'
import type { KeyRule } from '../../principal/redis-rules.ts'
import { createHome, redisNamespace } from './databases.ts'

const { read } = privilege
const all = '*'
const ofKeys: Privileges = read | writing

export const allKeys: KeyRule = { reads: true, writes: true, pattern: all }

export function isAllKeys({ reads, writes, pattern }: KeyRule): boolean {
  return reads && writes && pattern === all
}

export function keyRuleText({ reads, writes, pattern }: KeyRule): string {
  if (reads && writes) return `~${pattern}`
  return `%${reads ? 'R' : 'W'}~${pattern}`
}

function privilegesOf({ reads, writes }: KeyRule): Privileges {
  return (reads ? read : noPrivileges) | (writes ? writing : noPrivileges)
}

/** By pattern; `*` is the whole. */
export type KeyPrivileges = ReadonlyMap<string, Privileges>

/** `under`: what the role's commands could do. */
export function keyPrivileges(rules: readonly KeyRule[], under: Privileges): KeyPrivileges {
  const found = new Map<string, Privileges>()
  for (const rule of rules) {
    const privileges = (found.get(rule.pattern) ?? noPrivileges) | (privilegesOf(rule) & under)
    if (privileges !== noPrivileges) found.set(rule.pattern, privileges)
  }
  return found
}

/** Whose, and who gives it. */
export interface KeyGrant {
  readonly to: number
  readonly by: number
  readonly privileges: KeyPrivileges
}

/** `takesOnly`: what the role has and is not to have goes, and it gets nothing. */
export function changeKeys(tx: Transaction, grant: KeyGrant, takesOnly: boolean): void {
  const givesSome = !takesOnly && grant.privileges.size > 0
  const found = tx.catalog.namespaces.get(redisNamespace)
  const namespace = found ?? (givesSome ? createHome(tx) : undefined)
  if (namespace === undefined) return
  for (const part of ['', 'keys']) {
    const before = tx.catalog.access.get(namespace.id)?.get(part) ?? []
    const isChanged = changed(before, part, grant, takesOnly) !== before
    if (!isChanged) continue
    tx.access.change(namespace.id, part, (list = []) => changed(list, part, grant, takesOnly))
  }
}

function changed(list: AccessList, part: string, grant: KeyGrant, takesOnly: boolean): AccessList {
  let isSame = true
  const left = list.flatMap((item) => {
    const less = item.to === grant.to ? lessened(item, grant) : item
    if (less !== item) isSame = false
    return less === undefined ? [] : [less]
  })
  const after = takesOnly ? left : givenOn(left, part, grant)
  return isSame && after === left ? list : after
}

/** Undefined where nothing is left of it. */
function lessened(item: AccessItem, { privileges }: KeyGrant): AccessItem | undefined {
  const wanted = (privileges.get(item.keys ?? all) ?? noPrivileges) | ~ofKeys
  const may = item.may & wanted
  if (may === item.may) return item
  return may === noPrivileges ? undefined : { ...item, may, mayGive: item.mayGive & wanted }
}

function givenOn(list: AccessList, part: string, { to, by, privileges }: KeyGrant): AccessList {
  let after = list
  for (const [pattern, wanted] of privileges) {
    if ((pattern === all) !== (part === '')) continue
    const keys = pattern === all ? undefined : pattern
    const held = after.filter((item) => item.to === to && item.keys === keys)
    const missing = held.reduce((left, { may }) => left & ~may, wanted)
    if (missing === noPrivileges) continue
    after = given(after, { to, by, privileges: missing, option: false, ...(keys !== undefined && { keys }) })
  }
  return after
}

/**
 * What is told of a role: its rules as they were said, as far as it still has what they gave, and what it was given elsewhere.
 * `under`: what its commands could do.
 */
export function shownKeys(has: KeyPrivileges, kept: readonly KeyRule[], under: Privileges): readonly KeyRule[] {
  const whole = has.get(all) ?? noPrivileges
  const shown: KeyRule[] = []
  for (const rule of kept) {
    const may = whole | (has.get(rule.pattern) ?? noPrivileges)
    const reads = rule.reads && (may & read & under) === (read & under)
    const writes = rule.writes && (may & writing & under) === (writing & under)
    if (reads || writes) shown.push({ ...rule, reads, writes })
  }
  for (const [pattern, may] of has) {
    if (shown.some((rule) => rule.pattern === pattern && (may & under & ~privilegesOf(rule)) === noPrivileges)) continue
    const reads = (may & read) !== noPrivileges
    const writes = (may & writing) === writing
    if (reads || writes) shown.push({ reads, writes, pattern })
  }
  return shown.some(isAllKeys) ? [allKeys] : shown
}

/** What it may, by whatever way. */
export function effectiveKeys(catalog: Catalog, rights: Rights): KeyPrivileges {
  const namespace = catalog.namespaces.get(redisNamespace)
  if (rights.areUnlimited) return new Map([[all, ofKeys]])
  return namespace === undefined ? new Map() : byPattern(rights.keysOf(namespace), rights.ofNamespace(namespace))
}

/** What was given to this very role. */
export function ownKeys(catalog: Catalog, role: number): KeyPrivileges {
  const lists = catalog.access.get(catalog.namespaces.get(redisNamespace)?.id ?? -1)
  const own = (part: string): AccessList => (lists?.get(part) ?? []).filter(({ to }) => to === role)
  return byPattern([...own(''), ...own('keys')], noPrivileges)
}

function byPattern(items: AccessList, whole: Privileges): KeyPrivileges {
  const found = new Map<string, Privileges>()
  for (const { keys = all, may } of [{ may: whole, keys: all }, ...items]) {
    const privileges = (found.get(keys) ?? noPrivileges) | (may & ofKeys)
    if (privileges !== noPrivileges) found.set(keys, privileges)
  }
  return found
}
