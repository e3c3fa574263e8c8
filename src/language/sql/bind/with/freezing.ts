/** Which relations a statement reads as they were before it wrote: see `frozen-relation.ts`. */
import type { Relation } from '../../../../query/relation.ts'
import type { Binder } from '../binder.ts'
import { FrozenRelation } from './frozen-relation.ts'

function writersOf({ written }: Binder, { collection }: Relation): number {
  return collection === undefined ? 0 : (written?.get(collection.id) ?? 0)
}

/** In FROM: as it was, where a statement of this WITH writes it. */
export function asRead(binder: Binder, relation: Relation): Relation {
  return writersOf(binder, relation) > 0 ? freeze(binder, relation) : relation
}

export function isWrittenTwice(binder: Binder, relation: Relation): boolean {
  return writersOf(binder, relation) > 1
}

export function freeze(binder: Binder, relation: Relation): FrozenRelation {
  const frozen = new FrozenRelation(relation)
  binder.frozen.push(frozen)
  return frozen
}
