/** What a name in FROM stands for: the collection's model decides which relation reads it. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { isSequence, sequenceState } from '../../../model/table/sequence.ts'
import { Table } from '../../../model/table/table.ts'
import { isView } from '../../../model/table/view-kind.ts'
import { DocumentRelation } from '../../../query/collection-relation.ts'
import { keyvalueRelation, keyvalueViews } from '../../../query/keyvalue-relation.ts'
import type { Relation } from '../../../query/relation.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import type { Binder } from '../bind/binder.ts'
import { ViewRelation } from '../bind/view-relation.ts'
import { oid } from '../types/oids.ts'
import { collectionOid } from './identity.ts'
import { memoryRelation } from './memory-relation.ts'
import { systemViewOid } from './system-view-names.ts'

/** Undefined where the schema holds nothing of this name. */
export function relationOf(binder: Binder, schema: string, name: string): Relation | undefined {
  const collection = binder.findCollection(schema, name)
  if (collection !== undefined) return relationOfCollection(collection)
  // `db0_hash` is a view of what the collection `db0` holds.
  const view = keyvalueViews.find((suffix) => name.endsWith(`_${suffix}`))
  if (view === undefined) return undefined
  const home = binder.findCollection(schema, name.slice(0, -view.length - 1))
  return home?.model === 'keyvalue' ? keyvalueRelation(home, view) : undefined
}

function relationOfCollection(collection: Collection): Relation | undefined {
  if (isTable(collection)) return TableRelation.of(Table.of(collection))
  if (isView(collection)) return ViewRelation.of(collection)
  if (isSequence(collection)) return sequenceRelation(collection)
  if (collection.model === 'document') return DocumentRelation.of(collection)
  return collection.model === 'keyvalue' ? keyvalueRelation(collection, 'key') : undefined
}

/** All relations that a collection shows, for the system views. */
export function relationsOf(collection: Collection): readonly Relation[] {
  const own = relationOfCollection(collection)
  if (own === undefined) return []
  if (collection.model !== 'keyvalue') return [own]
  return [own, ...keyvalueViews.map((view) => keyvalueRelation(collection, view))]
}

function sequenceRelation(collection: Collection): Relation {
  const columns = [
    ['last_value', oid.int8],
    ['log_cnt', oid.int8],
    ['is_called', oid.bool],
  ] as const
  const relation = memoryRelation(collection.namespace.name, collection.name, columns, ({ transaction }) => {
    const { last, isCalled } = sequenceState(transaction, collection)
    return [[last, 0n, isCalled]]
  })
  return { ...relation, collection }
}

export function relationOid(relation: Relation): number {
  if (relation.collection !== undefined && relation.collection.name === relation.name)
    return collectionOid(relation.collection)
  return systemViewOid(relation.schema, relation.name) ?? 0
}
