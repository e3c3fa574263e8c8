/** The system schemas: views over the catalog, registered by name; the files beside this one say what they hold. */
import type { Relation } from '../../../query/relation.ts'
import type { SqlContext } from '../contract.ts'
import { historyView } from './history-view.ts'
import { informationSchema } from './information-schema.ts'
import { domainsView } from './domain-catalog.ts'
import { emptyViews } from './pg-empty.ts'
import { pgDepend } from './pg-depend.ts'
import { pgDescription, pgSharedDescription } from './pg-description.ts'
import { pgDefaultAcl } from './pg-default-acl.ts'
import { pgIndexes } from './pg-indexes.ts'
import { pgObjects } from './pg-objects.ts'
import { pgListed } from './pg-listed.ts'
import { pgOperators } from './pg-operators.ts'
import { pgExtension } from './pg-extension.ts'
import { pgPartitions } from './pg-partitions.ts'
import { pgPublications } from './pg-publications.ts'
import { pgPolicies } from './pg-policies.ts'
import { pgTrigger } from './pg-proc.ts'
import { pgRange } from './pg-range.ts'
import { pgRelations } from './pg-relations.ts'
import { pgCursors } from './pg-cursors.ts'
import { pgLocks } from './pg-locks.ts'
import { pgStatistics } from './pg-statistics.ts'
import { pgStoredStatistics } from './pg-stored-statistics.ts'
import { pgTimeZones } from './pg-time-zones.ts'
import { pgViews } from './pg-views.ts'
import { pgEnum } from './pg-types.ts'
import { polylogViews } from './polylog-schema.ts'
import { registerView, servedView } from './registered-views.ts'

const views = new Map<string, Relation>()

for (const view of [
  ...pgRelations,
  ...pgIndexes,
  pgDefaultAcl,
  ...pgObjects,
  ...pgOperators,
  pgExtension,
  ...pgListed,
  ...pgStatistics,
  ...pgLocks,
  ...pgCursors,
  ...pgStoredStatistics,
  ...pgTimeZones,
  ...pgPolicies,
  ...pgPublications,
  pgTrigger,
  pgRange,
  ...pgViews,
  ...pgPartitions,
  pgDepend,
  pgEnum,
  domainsView,
  pgDescription,
  pgSharedDescription,
  ...emptyViews,
  ...informationSchema,
  ...polylogViews,
  historyView,
]) {
  registerView(view)
  views.set(`${view.schema}.${view.name}`, view)
}

export function systemRelation(context: SqlContext, schema: string, name: string): Relation | undefined {
  const own = views.get(`${schema}.${name}`)
  if (own !== undefined || schema !== 'polylog') return own
  const table = context.systemTables?.find((one) => one.name === name)
  return table === undefined ? undefined : servedView(table)
}
