/** A table with those that inherit from it, as a statement sees it that does not say ONLY. */
import { familyFor } from '../../../model/table/partitions/partitioning.ts'
import { FamilyRelation } from '../../../query/family-relation.ts'
import type { Relation } from '../../../query/relation.ts'
import { TableRelation } from '../../../query/table-relation.ts'
import { collectionOid } from '../catalog/identity.ts'
import type { Binder } from './binder.ts'

/** The plan depends on each of them; one that comes or goes makes another version of its parent. */
export function withFamily(binder: Binder, relation: Relation): Relation {
  if (!(relation instanceof TableRelation)) return relation
  const { partitioning, children = [] } = relation.table.definition
  if (partitioning === undefined && children.length === 0) return relation
  const family = familyFor(binder.context.temporarySchema, binder.catalog, relation.table)
  if (partitioning === undefined && family.length === 1) return relation
  for (const { schema, name } of family) binder.findCollection(schema, name)
  return new FamilyRelation(binder.catalog, relation, family, collectionOid)
}
