/** The rows that INSERT, COPY, UPDATE and DELETE write to. */
import { Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import type { Relation } from '../../../query/relation.ts'
import { findRowTarget, type RowTarget } from '../../../query/row-target.ts'
import { ViewTarget } from '../../../query/view-target.ts'
import { SecuredRelation } from '../bind/secured-relation.ts'
import { ViewRelation } from '../bind/view-relation.ts'
import { failure } from '../failure.ts'

export function isMaterializedView({ collection }: Relation): boolean {
  return collection !== undefined && isTable(collection) && Table.of(collection).definition.materialized !== undefined
}

/** Throws for what cannot be written. */
export function getRowTarget(
  relation: Relation,
  verb: 'insert into' | 'update' | 'delete from' | 'merge into',
): RowTarget {
  if (isMaterializedView(relation)) {
    throw failure('42809', `cannot change materialized view "${relation.name}"`)
  }
  if (relation instanceof ViewRelation) return new ViewTarget(relation.triggered)
  const target = findRowTarget(relation instanceof SecuredRelation ? relation.inner : relation)
  if (target === undefined) throw failure('42809', `cannot ${verb} view "${relation.name}"`)
  return target
}
