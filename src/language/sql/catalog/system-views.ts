/** The system schemas: views over the catalog, registered by name; the files beside this one say what they hold. */
import type { Relation } from '../../../query/relation.ts'
import type { SqlContext } from '../contract.ts'
import { informationSchema } from './information-schema.ts'
import { memoryRelation } from './memory-relation.ts'
import { emptyViews } from './pg-empty.ts'
import { pgObjects } from './pg-objects.ts'
import { pgRelations } from './pg-relations.ts'
import { polylogViews } from './polylog-schema.ts'
import { registerView } from './registered-views.ts'
import { registerSystemView } from './system-view-names.ts'

const views = new Map<string, Relation>()

for (const view of [...pgRelations, ...pgObjects, ...emptyViews, ...informationSchema, ...polylogViews]) {
  registerSystemView(view.schema, view.name)
  registerView(view)
  views.set(`${view.schema}.${view.name}`, view)
}

export function systemRelation(context: SqlContext, schema: string, name: string): Relation | undefined {
  const own = views.get(`${schema}.${name}`)
  if (own !== undefined || schema !== 'polylog') return own
  const table = context.systemTables?.find((one) => one.name === name)
  if (table === undefined) return undefined
  const columns = table.columns.map((column) => [column.name, column.typeOid] as const)
  return memoryRelation(
    'polylog',
    name,
    columns,
    (run) => run.context.systemTables?.find((one) => one.name === name)?.rows() ?? [],
  )
}
