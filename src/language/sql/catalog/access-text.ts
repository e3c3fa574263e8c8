/** Access lists as PostgreSQL writes them: `ada=arw/postgres`, a letter for each privilege, with a star where it may be given on. */
import { type AccessItem, type AccessList, everybody, noOwner } from '../../../database/access/access-list.ts'
import {
  ofCollections,
  ofSequences,
  privilege,
  type PrivilegeName,
  type Privileges,
} from '../../../database/access/privileges.ts'
import type { Collection, Namespace } from '../../../database/catalog/catalog.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import type { SqlRun } from '../plan/run.ts'

/** PostgreSQL's, in its order; behind them those of Polylog's own. */
const letters: readonly (readonly [PrivilegeName, string])[] = [
  ['insert', 'a'],
  ['read', 'r'],
  ['update', 'w'],
  ['delete', 'd'],
  ['truncate', 'D'],
  ['references', 'x'],
  ['trigger', 't'],
  ['execute', 'X'],
  ['usage', 'U'],
  ['create', 'C'],
  ['temporary', 'T'],
  ['connect', 'c'],
  ['schema', 'S'],
  ['feed', 'F'],
  ['history', 'H'],
  ['fork', 'K'],
  ['administer', 'A'],
]

function textOf(may: Privileges, mayGive: Privileges): string {
  let text = ''
  for (const [name, letter] of letters) {
    if ((may & privilege[name]) === 0) continue
    text += (mayGive & privilege[name]) === 0 ? letter : `${letter}*`
  }
  return text
}

function nameOf({ context }: SqlRun, id: number, owner: string): string {
  if (id === 0) return ''
  if (id === noOwner) return quoteIdentifier(owner)
  return quoteIdentifier(context.roles?.find((role) => role.id === id)?.name ?? String(id))
}

export function itemText(run: SqlRun, { to, by, may, mayGive }: AccessItem, owner: string): string {
  return `${nameOf(run, to, owner)}=${textOf(may, mayGive)}/${nameOf(run, by, owner)}`
}

/** What an owner has, as far as PostgreSQL knows of it. */
export const ownerPrivileges: Readonly<Record<'table' | 'sequence' | 'schema' | 'function' | 'type', Privileges>> = {
  table: ofCollections & ~(privilege.schema | privilege.feed | privilege.history),
  sequence: ofSequences & ~privilege.schema,
  schema: privilege.usage | privilege.create,
  function: privilege.execute,
  type: privilege.usage,
}

/** Null where nothing has been given or taken. `all`: what the owner has. */
export function accessTexts(
  run: SqlRun,
  of: Collection | Namespace | { readonly id: 0; readonly ownerId: undefined; readonly owner: string },
  part: string,
  all: Privileges,
): string[] | null {
  const list = run.transaction.catalog.access.get(of.id)?.get(part)
  if (list === undefined) return null
  const { owner, ownerId = noOwner } = of
  const own: AccessList = part === '' ? [{ to: ownerId, by: ownerId, may: all, mayGive: 0 }] : []
  // What everybody has from the beginning comes first.
  const isEverybodys = all === privilege.execute
  const first = isEverybodys ? list.filter(({ to }) => to === everybody) : []
  const others = isEverybodys ? list.filter(({ to }) => to !== everybody) : list
  return [...first, ...own, ...others].map((item) => itemText(run, item, owner))
}
