/** Functions about partitions: pg_partition_tree and its kin. */
import { collectionOid } from '../catalog/identity.ts'
import { partitionConstraint } from '../catalog/partition-constraint.ts'
import { partitionAncestors, partitionTree, shownPartitioning, tableByOid } from '../catalog/pg-partitions.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { defineFunction, defineSetFunction } from './registry.ts'

const stable = { needsRun: true, volatility: 'stable' } as const

defineFunction(
  'pg_get_partkeydef',
  [oid.oid],
  oid.text,
  (run: SqlRun, value: number) => {
    const table = tableByOid(run, value)
    return (table && shownPartitioning(table)) ?? null
  },
  stable,
)

defineFunction(
  'pg_partition_root',
  [oid.regclass],
  oid.regclass,
  (run: SqlRun, value: number) => {
    const root = partitionAncestors(run, value).at(-1)
    return root === undefined ? null : collectionOid(root.collection)
  },
  stable,
)

defineFunction(
  'pg_get_partition_constraintdef',
  [oid.oid],
  oid.text,
  (run: SqlRun, value: number) => {
    const table = tableByOid(run, value)
    return (table && partitionConstraint(run, table)) ?? null
  },
  { needsRun: true, volatility: 'stable' },
)

defineSetFunction({
  name: 'pg_partition_ancestors',
  takes: [oid.regclass],
  variadic: false,
  columns: [{ name: 'relid', type: oid.regclass }],
  rows: (run, [value]) => {
    if (value === null) return []
    return partitionAncestors(run, value as number).map(({ collection }) => [collectionOid(collection)])
  },
})

defineSetFunction({
  name: 'pg_partition_tree',
  takes: [oid.regclass],
  variadic: false,
  columns: [
    { name: 'relid', type: oid.regclass },
    { name: 'parentrelid', type: oid.regclass },
    { name: 'isleaf', type: oid.bool },
    { name: 'level', type: oid.int4 },
  ],
  rows: (run, [value]) => (value === null ? [] : partitionTree(run, value as number)),
})
