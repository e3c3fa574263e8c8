/** New names for indexes, and for the constraints that are keys or checks. */
import type { RenameStmt } from 'libpg-query'
import { familyOf } from '../../../../model/table/partitions/partitioning.ts'
import { primaryIndexKey } from '../../../../model/table/table-kind.ts'
import { Table } from '../../../../model/table/table.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { nothing } from '../execution.ts'
import { missingRelation } from '../missing-relation.ts'
import { findPart, isNameTaken, refusePending } from '../naming.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { currentTable, redefineAlong } from './links.ts'
import { childrenOf } from './recursion.ts'

export function planRenameIndex({ relation, newname: to = '', missing_ok: missingOk }: RenameStmt): Planned {
  return planSteps({ kind: 'schema' }, 'ALTER INDEX', (run) => {
    const found = findPart(run, relation!)
    if (found === undefined) return missingRelation(relation!, missingOk)
    const table = Table.of(run.transaction.catalog.collectionById(found.id)!)
    run.transaction.principal.rights.requireOwner(table.collection)
    refusePending(run, table, 'ALTER INDEX')
    if (isNameTaken(run.transaction, table.schema, to)) throw failure('42P07', `relation "${to}" already exists`)
    renameIndex(run, table, Number(found.part!.key), to)
    return nothing
  })
}

/** `key`: of the part. A key's constraint is called as its index is. */
function renameIndex(run: SqlRun, table: Table, key: number, to: string): void {
  const now = currentTable(run, table)
  if (key === primaryIndexKey) {
    const primaryKey = { ...now.definition.primaryKey!, name: to }
    redefineAlong(run, now, { ...now.definition, primaryKey })
    return
  }
  const indexes = now.collection.indexes.map((one) => (one.id === key ? { ...one, name: to } : one))
  run.transaction.alterCollection(now.collection, { indexes })
}

/** Of a key, or of a check, which those that inherit it have as well. */
export function renameConstraint(run: SqlRun, table: Table, from: string, to: string, isOnly: boolean): void {
  const check = table.checks.find(({ name }) => name === from)
  if (check === undefined) {
    if (isNameTaken(run.transaction, table.schema, to)) throw failure('42P07', `relation "${to}" already exists`)
    const index = table.findIndex(from)
    renameIndex(run, table, index === undefined ? primaryIndexKey : index.id, to)
    return
  }
  if ((check.inherited ?? 0) > 0) throw failure('42P16', `cannot rename inherited constraint "${from}"`)
  if (isOnly && check.noInherit !== true && childrenOf(run, table).length > 0) {
    throw failure('42P16', `inherited constraint "${from}" must be renamed in child tables too`)
  }
  const family = check.noInherit === true ? [table] : familyOf(run.transaction.catalog, table)
  for (const member of family) {
    const now = currentTable(run, member)
    const checks = now.checks.map((one) => (one.name === from ? { ...one, name: to } : one))
    redefineAlong(run, now, { ...now.definition, checks })
  }
}
