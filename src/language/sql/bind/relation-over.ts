/** A relation over another one, whose rows it reads in a way of its own: it is called and described as that one. */
import type { Relation, RelationColumn, RelationIndex, RelationReader } from '../../../query/relation.ts'

export abstract class RelationOver<R extends Relation = Relation> implements Relation {
  readonly inner: R
  abstract readonly indexes: readonly RelationIndex[]

  constructor(inner: R) {
    this.inner = inner
  }

  abstract reader(): RelationReader

  get kind(): Relation['kind'] {
    return this.inner.kind
  }

  get schema(): string {
    return this.inner.schema
  }

  get name(): string {
    return this.inner.name
  }

  get columns(): readonly RelationColumn[] {
    return this.inner.columns
  }

  get collection(): R['collection'] {
    return this.inner.collection
  }

  get systemColumns(): number {
    return this.inner.systemColumns ?? 0
  }
}
