/** TABLESAMPLE: its method, what it is given, and of which relations there are samples. */
import type { RangeTableSample } from 'libpg-query'
import type { Relation } from '../../../query/relation.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { coerce } from './coerce.ts'
import { SampledRelation, type Sampling } from './sampled-relation.ts'
import { Scope } from './scope.ts'
import { SecuredRelation } from './secured-relation.ts'
import { lastName } from './tree.ts'

export interface WrittenSample {
  readonly sampling: Sampling
  readonly location: number | undefined
}

/** Errors: 42704, 2202H, and those of the expressions, which see no columns. */
export function bindSampling(binder: Binder, { method, args = [], repeatable, location }: RangeTableSample): Sampling {
  const name = lastName(method)
  if (name !== 'bernoulli' && name !== 'system') {
    throw failure('42704', `tablesample method ${name} does not exist`, { location })
  }
  if (args.length !== 1) {
    const given = `tablesample method ${name} requires 1 argument, not ${args.length}`
    throw failure('2202H', given, { location })
  }
  const scope = new Scope()
  scope.forbidsAggregates = 'functions in FROM'
  const given = binder.expression(scope, args[0]!)
  const givenSeed = repeatable && binder.expression(scope, repeatable)
  return {
    method: name,
    percent: coerce(binder, given, oid.float4, -1, 'assignment'),
    seed: givenSeed && coerce(binder, givenSeed, oid.float8, -1, 'assignment'),
    written: { percent: given, seed: givenSeed },
  }
}

/** Errors: 42809 of what is no table. */
export function sampled(relation: Relation, { sampling, location }: WrittenSample): SampledRelation {
  const stored = relation instanceof SecuredRelation ? relation.inner : relation
  if (stored.kind === 'view') throw notSampled(location)
  return new SampledRelation(relation, sampling)
}

export function notSampled(location: number | undefined): Error {
  return failure('42809', 'TABLESAMPLE clause can only be applied to tables and materialized views', { location })
}
