/**
 * ALTER INDEX … ATTACH PARTITION: an index of a partition becomes the part of that of its parent. SET and RESET name what says how
 * PostgreSQL keeps its files, which there are none of.
 */
import type { AlterTableStmt, RangeVar } from 'libpg-query'
import { primaryIndex } from '../../../../base/tuple.ts'
import { primaryIndexKey } from '../../../../model/table/table-kind.ts'
import { Table } from '../../../../model/table/table.ts'
import { failure, notBuilt } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { nothing } from '../execution.ts'
import { findPart, shownName } from '../naming.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { checkIndexOptions } from '../table-definition.ts'
import { isLike, linkIndex, redefineAlong } from './links.ts'

export function planAlterIndex({ relation, cmds = [] }: AlterTableStmt): Planned {
  const [only] = cmds
  const command = only !== undefined && 'AlterTableCmd' in only ? only.AlterTableCmd : undefined
  const { subtype, def } = command ?? {}
  if (subtype === 'AT_AttachPartition' && def !== undefined && 'PartitionCmd' in def) {
    const { name } = def.PartitionCmd
    return planSteps({ kind: 'schema' }, 'ALTER INDEX', (run) => {
      attach(run, relation!, name!)
      return nothing
    })
  }
  const isOptions = subtype === 'AT_SetRelOptions' || subtype === 'AT_ResetRelOptions'
  if (isOptions && cmds.length === 1) {
    checkIndexOptions(def !== undefined && 'List' in def ? def.List.items : undefined)
    return planSteps({ kind: 'schema' }, 'ALTER INDEX', (run) => {
      const { table } = getIndex(run, relation!)
      run.transaction.locks.lockCollection(table.id, 'share update exclusive')
      return nothing
    })
  }
  throw notBuilt(
    `ALTER INDEX ${(subtype ?? '')
      .replace('AT_', '')
      .replace(/([a-z])([A-Z])/g, '$1 $2')
      .toUpperCase()}`,
  )
}

interface Found {
  readonly table: Table
  readonly key: number
}

function getIndex(run: SqlRun, name: RangeVar): Found {
  const part = findPart(run, name)
  if (part === undefined) throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  const table = Table.of(run.transaction.catalog.collectionById(part.id)!)
  run.transaction.principal.rights.requireOwner(table.collection)
  return { table, key: Number(part.part!.key) }
}

function attach(run: SqlRun, parentName: RangeVar, name: RangeVar): void {
  const parent = getIndex(run, parentName)
  const part = getIndex(run, name)
  const cannot = `cannot attach index "${name.relname}" as a partition of index "${parentName.relname}"`
  if (part.table.definition.bound === undefined || part.table.definition.inherits?.[0] !== parent.table.id) {
    throw failure('55000', cannot, {
      detail: `Index "${name.relname}" is not an index on any partition of table "${parent.table.name}".`,
    })
  }
  const link = { table: parent.table.id, index: parent.key === primaryIndexKey ? primaryIndex : parent.key }
  if (part.key === primaryIndexKey) {
    const { definition } = part.table
    if (parent.key !== primaryIndexKey)
      throw failure('42P17', cannot, { detail: 'The index definitions do not match.' })
    const primaryKey = { ...definition.primaryKey!, parent: parent.table.id }
    redefineAlong(run, part.table, { ...definition, primaryKey })
    return
  }
  const own = part.table.indexes.find(({ id }) => id === part.key)!
  if (own.parent?.table === link.table && own.parent.index === link.index) return
  const above = parent.table.indexes.find(({ id }) => id === parent.key)
  if (above === undefined || !isLike(parent.table, above, part.table, own)) {
    throw failure('42P17', cannot, { detail: 'The index definitions do not match.' })
  }
  const other = part.table.indexes.find((one) => one.parent?.table === link.table && one.parent.index === link.index)
  if (other !== undefined) {
    throw failure('55000', cannot, { detail: `Another index is already attached for partition "${part.table.name}".` })
  }
  linkIndex(run, part.table, own, link)
}
