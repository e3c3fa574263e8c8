/** Who may make something that depends on a type: those who have its USAGE, which everybody has where nobody says otherwise. */
import { privilege } from '../../../database/access/privileges.ts'
import { AccessError, unlimited } from '../../../database/access/rights.ts'
import { isType } from '../../../model/table/type-kinds.ts'
import { findType } from '../../../model/table/types/registry.ts'
import type { SqlContext } from '../contract.ts'
import { shownTypeName } from './made-types.ts'

/** Of arrays, what they hold. Errors: `AccessError`. */
export function requireTypeUse(context: SqlContext, ...types: readonly number[]): void {
  const { catalog, rights = unlimited } = context
  if (rights.areUnlimited) return
  for (const number of types) {
    const made = findType(number)?.made
    const collection = made && catalog.collectionById(made.id)
    if (collection === undefined || !isType(collection)) continue
    if ((rights.onCollection(collection) & privilege.usage) !== 0) continue
    throw new AccessError('type', shownTypeName(context, collection))
  }
}
