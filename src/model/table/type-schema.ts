/**
 * Making and changing types.
 *
 * Definitions keep what the types of their columns consist of, so a type's change is written into each that keeps it, in the
 * same transaction. Rows stay as they are: what they hold is found by numbers that are never given out again.
 */
import type { Collection, JsonObject, Namespace } from '../../database/catalog/catalog.ts'
import type { CollectionChange } from '../../database/catalog/schema-changes.ts'
import { definitionOf, registerPartDrop } from '../../database/catalog/objects.ts'
import type { Transaction } from '../../database/contract.ts'
import { inPlace } from '../../database/transaction/wait.ts'
import { compositeKind, contentOf, type DefinitionOf } from './type-kinds.ts'
import { contentsIn, type EnumContent, type EnumMember, type TypeContent } from './types/user/content.ts'
import { beginEpoch } from './types/user/fresh-members.ts'
import { firstRanks, rankBetween } from './types/user/rank.ts'

export function createType<C extends TypeContent>(
  transaction: Transaction,
  namespace: Namespace,
  name: string,
  kind: C['kind'],
  definition: DefinitionOf<C>,
): Collection {
  return transaction.createCollection(namespace, name, kind, asJson(definition))
}

/** JSON has no place for undefined. */
function asJson(definition: object): JsonObject {
  return JSON.parse(JSON.stringify(definition)) as JsonObject
}

/** Another definition, name or schema: here and wherever it is kept. */
export function changeType(transaction: Transaction, collection: Collection, change: CollectionChange): Collection {
  const altered = transaction.alterCollection(collection, change)
  spreadContent(transaction, altered)
  return altered
}

export function redefineType(transaction: Transaction, collection: Collection, definition: object): Collection {
  return changeType(transaction, collection, { definition: asJson(definition) })
}

/** Writes what a type consists of into the definitions that keep it. */
export function spreadContent(transaction: Transaction, changed: Collection): void {
  const isKept = transaction.catalog
    .referrersOf(changed.id)
    .some((one) => contentsIn(one.definition)[changed.id] !== undefined)
  if (!isKept) return
  const content = asJson(contentOf(changed))
  const seen = new Set([changed.id])
  const left = [changed.id]
  for (let id = left.pop(); id !== undefined; id = left.pop()) {
    for (const referrer of transaction.catalog.referrersOf(id)) {
      if (seen.has(referrer.id) || contentsIn(referrer.definition)[changed.id] === undefined) continue
      seen.add(referrer.id)
      left.push(referrer.id)
      const types = { ...contentsIn(referrer.definition), [changed.id]: content } as unknown as JsonObject
      // It goes along with the change of another one.
      transaction.access.beginChange(referrer.id)
      try {
        transaction.alterCollection(referrer, { definition: { ...referrer.definition, types } })
      } finally {
        transaction.access.endChange(referrer.id)
      }
    }
  }
}

export function newEnum(labels: readonly string[]): DefinitionOf<EnumContent> {
  const ranks = firstRanks(labels.length)
  const members = labels.map((label, i): EnumMember => ({ number: i + 1, label, rank: ranks[i]!, order: i + 1 }))
  return { members, nextMember: labels.length + 1 }
}

/** `at`: among the members, 0 is before all of them. */
export function withMember(
  transaction: Transaction,
  definition: DefinitionOf<EnumContent>,
  label: string,
  at: number,
): DefinitionOf<EnumContent> {
  const { members, nextMember } = definition
  const [before, after] = [members[at - 1], members[at]]
  const order = orderBetween(before?.order, after?.order)
  const rank = rankBetween(before?.rank, after?.rank)
  const member = { number: nextMember, label, rank, order: order ?? 0, epoch: beginEpoch(transaction) }
  const all = [...members.slice(0, at), member, ...members.slice(at)]
  // Where there is no number left between two, PostgreSQL counts all of them anew.
  const placed = order === undefined ? all.map((one, i) => ({ ...one, order: i + 1 })) : all
  return { ...definition, members: placed, nextMember: nextMember + 1 }
}

/** A float4, as in PostgreSQL's AddEnumLabel. */
function orderBetween(before: number | undefined, after: number | undefined): number | undefined {
  if (before === undefined) return after === undefined ? 1 : after - 1
  if (after === undefined) return before + 1
  const middle = Math.fround((before + after) / 2)
  return middle > before && middle < after ? middle : undefined
}

registerPartDrop(compositeKind, function* (transaction, collection, { key }) {
  yield* inPlace(transaction, () => {
    const definition = definitionOf(compositeKind, collection)
    const fields = definition.fields.map((field) =>
      field.number === Number(key) ? { ...field, dropped: true } : field,
    )
    redefineType(transaction, collection, { ...definition, fields })
  })
})
