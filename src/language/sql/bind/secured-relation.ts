/**
 * A table as somebody sees it whom policies concern: of its rows only those that they let through.
 *
 * Its conditions are no part of the query: they are tested where a row is read, below all that the query asks of it, so that no
 * condition, function or operator of the caller ever sees a row that is hidden. They take part in the choice of an index,
 * which finds rows and looks at none. Whoever plans opens it by `plan/secured-reader.ts`, which tests them.
 */
import { PolylogError } from '../../../base/errors.ts'
import type { GroupSize } from '../../../query/cardinality.ts'
import type { Run } from '../../../query/operator.ts'
import type { Access, Relation, RelationIndex, RelationReader } from '../../../query/relation.ts'
import type { FamilyMember, FamilyRelation } from '../../../query/family-relation.ts'
import type { TableRelation } from '../../../query/table-relation.ts'
import type { Expression } from '../expression/expression.ts'
import { RelationOver } from './relation-over.ts'

/** A table, one with those that inherit from it, or one of these by the columns of the table that was named. */
export type PolicedRelation = TableRelation | FamilyRelation | FamilyMember

export class SecuredRelation extends RelationOver<PolicedRelation> {
  /** All of them hold for what is read; columns are counted from 0, whatever the place of the relation in its block. */
  conditions: readonly Expression[]

  constructor(inner: PolicedRelation, conditions: readonly Expression[]) {
    super(inner)
    this.conditions = conditions
  }

  get indexes(): readonly RelationIndex[] {
    return this.inner.indexes
  }

  get indexedExpressions(): readonly string[] {
    return (this.inner as Relation).indexedExpressions ?? []
  }

  reader(): RelationReader {
    throw new PolylogError('internal', `"${this.name}" is read without its policies`)
  }

  estimateRows(run: Run, access: Access): number | undefined {
    return this.inner.estimateRows(run, access)
  }

  groupRows(run: Run, index: RelationIndex, columns: number): GroupSize | undefined {
    return this.inner.groupRows(run, index, columns)
  }
}
