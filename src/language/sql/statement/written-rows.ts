/** The rows that INSERT, COPY, UPDATE and DELETE write to. */
import type { Relation } from '../../../query/relation.ts'
import { findRowTarget, type RowTarget } from '../../../query/row-target.ts'
import { SecuredRelation } from '../bind/secured-relation.ts'
import { failure } from '../failure.ts'

/** Throws for what cannot be written. */
export function getRowTarget(relation: Relation, verb: 'insert into' | 'update' | 'delete from'): RowTarget {
  const target = findRowTarget(relation instanceof SecuredRelation ? relation.inner : relation)
  if (target === undefined) throw failure('42809', `cannot ${verb} view "${relation.name}"`)
  return target
}
