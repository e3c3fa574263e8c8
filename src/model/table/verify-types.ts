/** What must hold of types: a definition keeps of each what that one is now. A type has no keys of its own. */
import type { Collection } from '../../database/catalog/catalog.ts'
import { nameOf, type Verification } from '../../database/verification/verification.ts'
import { contentOf, isType } from './type-kinds.ts'
import { isTable } from './table-kind.ts'
import { contentsIn } from './types/user/content.ts'

export function verifyContents(verification: Verification, collection: Collection): void {
  const { catalog } = verification.transaction
  for (const [id, kept] of Object.entries(contentsIn(collection.definition))) {
    const own = catalog.collectionById(Number(id))
    // A column that was dropped is of what its type was.
    if (own === undefined) continue
    const isSame = (isType(own) || isTable(own)) && sortedJson(kept) === sortedJson(contentOf(own))
    if (isSame) continue
    verification.report(
      'different',
      { where: nameOf(collection) },
      `it keeps of the type "${own.name}" what that is not`,
    )
  }
}

function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
