/**
 * Triggers of a view. Those INSTEAD OF what a statement would do with each of its rows do all of it: nothing is written but
 * by them. Those for statements run around that, and only where there is one for the rows.
 */
import type { Collection } from '../../database/catalog/catalog.ts'
import { type PartAddress, registerPartDrop } from '../../database/catalog/objects.ts'
import type { StatementSteps, Transaction } from '../../database/contract.ts'
import type { RowEvent, StatementHooks } from './row-hooks.ts'
import { dueOn, statementHooks, type TriggerColumn, type Triggered, withChangedTriggers } from './triggers.ts'
import { getType } from './types/registry.ts'
import { type ViewColumn, type ViewDefinition, viewDefinitionOf, viewJson, viewKind } from './view-kind.ts'

const known = new WeakMap<Collection, TriggeredView>()

export class TriggeredView implements Triggered {
  readonly collection: Collection
  readonly definition: ViewDefinition
  readonly columns: readonly TriggerColumn[]
  readonly statement: readonly StatementHooks[]

  private constructor(collection: Collection) {
    this.collection = collection
    this.definition = viewDefinitionOf(collection)
    this.columns = this.definition.columns.map(({ number, name, type, modifier = -1 }, ordinal) => {
      return { ordinal, number, name, type: getType(type), modifier }
    })
    const hooks = statementHooks(this)
    this.statement = hooks === undefined ? [] : [hooks]
  }

  static of(collection: Collection): TriggeredView {
    let view = known.get(collection)
    if (view === undefined) known.set(collection, (view = new TriggeredView(collection)))
    return view
  }

  get id(): number {
    return this.collection.id
  }

  get schema(): string {
    return this.collection.namespace.name
  }

  get name(): string {
    return this.collection.name
  }

  /** Whether triggers do what is said of its rows. As in PostgreSQL also one that is disabled keeps the view from being written through. */
  does(event: RowEvent): boolean {
    return (this.definition.triggers ?? []).some(({ timing, events }) => timing === 'instead' && events.includes(event))
  }

  due(event: RowEvent): ReturnType<typeof dueOn> {
    return dueOn(this, 'instead', event, true)
  }
}

export function changeView(
  transaction: Transaction,
  collection: Collection,
  change: (definition: ViewDefinition) => ViewDefinition,
): Collection {
  return transaction.alterCollection(collection, { definition: viewJson(change(viewDefinitionOf(collection))) })
}

registerPartDrop(viewKind, dropPartOfView)

// oxlint-disable-next-line require-yield -- parts of tables go in steps
function* dropPartOfView(
  transaction: Transaction,
  collection: Collection,
  { kind, key }: PartAddress,
): StatementSteps<void> {
  changeView(transaction, collection, (definition) => {
    if (kind === 'trigger') return withChangedTriggers(definition, (one) => (one.id === key ? undefined : one))
    const columns = definition.columns.map((column) => (column.number === key ? withoutDefault(column) : column))
    return { ...definition, columns }
  })
}

function withoutDefault({ default: _, defaultSequences: __, ...column }: ViewColumn): ViewColumn {
  return column
}
