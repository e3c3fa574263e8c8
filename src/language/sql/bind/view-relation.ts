/** A view as a name stands for it: its columns. Whoever binds a FROM clause puts its query there (`bind-view.ts`). */
import { PolylogError } from '../../../base/errors.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { type ViewDefinition, viewDefinitionOf } from '../../../model/table/view-kind.ts'
import { TriggeredView } from '../../../model/table/view-triggers.ts'
import type { Relation, RelationColumn, RelationIndex, RelationReader } from '../../../query/relation.ts'

const known = new WeakMap<Collection, ViewRelation>()

export class ViewRelation implements Relation {
  readonly kind = 'view'
  readonly indexes: readonly RelationIndex[] = []
  readonly collection: Collection
  readonly definition: ViewDefinition
  readonly columns: readonly RelationColumn[]

  constructor(collection: Collection) {
    this.collection = collection
    this.definition = viewDefinitionOf(collection)
    this.columns = this.definition.columns.map(({ name, type, modifier = -1, number }) => {
      return { name, type, modifier, number, isNotNull: false }
    })
  }

  static of(collection: Collection): ViewRelation {
    let relation = known.get(collection)
    if (relation === undefined) known.set(collection, (relation = new ViewRelation(collection)))
    return relation
  }

  get schema(): string {
    return this.collection.namespace.name
  }

  get name(): string {
    return this.collection.name
  }

  get triggered(): TriggeredView {
    return TriggeredView.of(this.collection)
  }

  reader(): RelationReader {
    throw new PolylogError('internal', `the view "${this.name}" is read without its query`)
  }
}
