/** The system views themselves, for the views that list them: filled as they are made, read when a query runs. */
import type { Relation } from '../../../query/relation.ts'
import type { SqlContext, SystemTable } from '../contract.ts'
import { memoryRelation } from './memory-relation.ts'
import { registerSystemView } from './system-view-names.ts'

const all: Relation[] = []
/** What servers add to the `polylog` schema, by name. */
const served = new Map<string, Relation>()

export function registerView(view: Relation): void {
  registerSystemView(view.schema, view.name)
  all.push(view)
}

export function viewsOf(context: SqlContext): readonly Relation[] {
  return [...all, ...(context.systemTables ?? []).map(servedView)]
}

/** A table of what the server knows: its rows are those of whoever runs the query. */
export function servedView({ name, columns }: SystemTable): Relation {
  let view = served.get(name)
  if (view === undefined) {
    const described = columns.map((column) => [column.name, column.typeOid] as const)
    const rowsOf = ({ systemTables }: SqlContext): ReturnType<SystemTable['rows']> =>
      systemTables?.find((one) => one.name === name)?.rows() ?? []
    registerSystemView('polylog', name)
    served.set(name, (view = memoryRelation('polylog', name, described, (run) => rowsOf(run.context))))
  }
  return view
}
