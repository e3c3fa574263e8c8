/**
 * A table of which TABLESAMPLE takes some rows: those whose key, spread with the sample's seed, lies below its share.
 *
 * So a row is in the sample or not, whatever else is asked of it, and REPEATABLE finds the same rows as long as they are the same.
 * SYSTEM takes blocks of rows; here a block is a row. It is read as a whole, by no index, as PostgreSQL reads it. Whoever plans opens it
 * by `plan/sampled-reader.ts`.
 */
import { PolylogError } from '../../../base/errors.ts'
import type { Run } from '../../../query/operator.ts'
import type { Access, Relation, RelationIndex, RelationReader } from '../../../query/relation.ts'
import type { Expression } from '../expression/expression.ts'
import { RelationOver } from './relation-over.ts'

export interface Sampling {
  readonly method: 'bernoulli' | 'system'
  /** A `real`: of a hundred rows. */
  readonly percent: Expression
  /** Of REPEATABLE, a `double precision`. */
  readonly seed: Expression | undefined
  /** As they were given. */
  readonly written: { readonly percent: Expression; readonly seed: Expression | undefined }
}

export class SampledRelation extends RelationOver {
  readonly sampling: Sampling
  readonly indexes: readonly RelationIndex[] = []

  constructor(inner: Relation, sampling: Sampling) {
    super(inner)
    this.sampling = sampling
  }

  /** The same of another relation, as of a part of this one. */
  of(inner: Relation): SampledRelation {
    return new SampledRelation(inner, this.sampling)
  }

  reader(): RelationReader {
    throw new PolylogError('internal', `"${this.name}" is read without its sample`)
  }

  estimateRows(run: Run, access: Access): number | undefined {
    const all = this.inner.estimateRows?.(run, access)
    const { percent } = this.sampling
    const share = percent.kind === 'constant' ? Number(percent.value) / 100 : usualShare
    return all === undefined ? undefined : Math.max(1, Math.round(all * Math.min(1, Math.max(0, share))))
  }
}

/** Where it is known only when it is run: PostgreSQL's. */
const usualShare = 0.1
