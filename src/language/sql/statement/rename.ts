/** ALTER … RENAME of relations, columns and constraints. */
import type { RenameStmt } from 'libpg-query'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { renameForeignKey } from '../../../model/table/reference-schema.ts'
import { moveTable, renameColumn } from '../../../model/table/schema.ts'
import { familyOf } from '../../../model/table/partitions/partitioning.ts'
import { isSequence } from '../../../model/table/sequence.ts'
import type { Table } from '../../../model/table/table.ts'
import { isView } from '../../../model/table/view-kind.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { planRenameTrigger } from '../trigger/create-trigger.ts'
import { planRenameSequence, renameSequence } from './alter-sequence.ts'
import { nothing } from './execution.ts'
import { constraintNames } from './foreign-keys.ts'
import { missingRelation } from './missing-relation.ts'
import { asTable, findCollection, isNameTaken, refusePending } from './naming.ts'
import { planRenameIndex, renameConstraint } from './partitions/rename.ts'
import { refuseRenaming } from './partitions/recursion.ts'
import { planRenamePolicy } from './policies.ts'
import { type Planned, planSteps } from './prepared.ts'
import { renameInPublications } from './publication-columns.ts'
import { planRenamePublication } from './publications.ts'
import { planRenameRoutine } from './routines/alter-routine.ts'
import { routineWord } from './routines/named-routine.ts'
import { objectWords } from './statement-names.ts'
import { renamedExpression } from './stored-expressions.ts'
import { planRenameView, renameInTexts, renameView, renameViewColumn } from './views/alter-view.ts'

export function planRename(statement: RenameStmt): Planned {
  if (statement.renameType === 'OBJECT_POLICY') return planRenamePolicy(statement)
  if (statement.renameType === 'OBJECT_TRIGGER') return planRenameTrigger(statement)
  if (routineWord(statement.renameType) !== undefined) return planRenameRoutine(statement)
  if (statement.renameType === 'OBJECT_SEQUENCE') return planRenameSequence(statement)
  if (statement.renameType === 'OBJECT_VIEW' || statement.relationType === 'OBJECT_VIEW')
    return planRenameView(statement)
  if (statement.renameType === 'OBJECT_INDEX') return planRenameIndex(statement)
  if (statement.renameType === 'OBJECT_PUBLICATION') return planRenamePublication(statement)
  if (statement.renameType === 'OBJECT_TABLE' || statement.renameType === 'OBJECT_MATVIEW')
    return planRenameTable(statement)
  if (statement.renameType === 'OBJECT_COLUMN') return planRenameColumn(statement)
  if (statement.renameType === 'OBJECT_TABCONSTRAINT') return planRenameConstraint(statement)
  throw notBuilt(`ALTER ${objectWords(statement.renameType)} RENAME`)
}

function planRenameTable({ relation, newname: to = '', renameType, missing_ok: missingOk }: RenameStmt): Planned {
  const tag = renameType === 'OBJECT_MATVIEW' ? 'ALTER MATERIALIZED VIEW' : 'ALTER TABLE'
  return planSteps({ kind: 'schema' }, tag, (run) => {
    const found = findCollection(run, relation!)
    if (found === undefined) return missingRelation(relation!, missingOk)
    if (isSequence(found)) {
      renameSequence(run, found, to)
      return nothing
    }
    if (isView(found)) {
      renameView(run, found, to)
      return nothing
    }
    const table = getRenamedTable(run, found)
    if (isNameTaken(run.transaction, table.schema, to)) throw failure('42P07', `relation "${to}" already exists`)
    const { catalog } = run.transaction
    moveTable(run.transaction, table, { name: to })
    renameInTexts(run, catalog, table.id)
    return nothing
  })
}

function planRenameColumn(statement: RenameStmt): Planned {
  const { relation, subname: from = '', newname: to = '', missing_ok: missingOk } = statement
  return planSteps({ kind: 'schema' }, 'ALTER TABLE', (run) => {
    const found = findCollection(run, relation!)
    if (found === undefined) return missingRelation(relation!, missingOk)
    if (isView(found)) {
      renameViewColumn(run, found, statement)
      return nothing
    }
    const table = getRenamedTable(run, found)
    if (table.findColumn(from) === undefined) throw failure('42703', `column "${from}" does not exist`)
    refuseRenaming(run, table, from, relation!.inh !== true)
    const { catalog } = run.transaction
    for (const one of familyOf(catalog, table)) {
      const rewrite = (text: string): string => renamedExpression(catalog, one, text, from, to)
      renameColumn(run.transaction, one, from, to, rewrite)
      renameInTexts(run, catalog, one.id)
      renameInPublications(run, catalog, one, from, to)
    }
    return nothing
  })
}

function planRenameConstraint({
  relation,
  subname: from = '',
  newname: to = '',
  missing_ok: missingOk,
}: RenameStmt): Planned {
  return planSteps({ kind: 'schema' }, 'ALTER TABLE', (run) => {
    const found = findCollection(run, relation!)
    if (found === undefined) return missingRelation(relation!, missingOk)
    const table = getRenamedTable(run, found)
    if (!constraintNames(table).includes(from)) {
      throw failure('42704', `constraint "${from}" for table "${table.name}" does not exist`)
    }
    if (constraintNames(table).includes(to)) {
      throw failure('42710', `constraint "${to}" for relation "${table.name}" already exists`)
    }
    if (table.foreignKeys.some(({ name }) => name === from)) renameForeignKey(run.transaction, table, from, to)
    else renameConstraint(run, table, from, to, relation!.inh !== true)
    return nothing
  })
}

function getRenamedTable(run: SqlRun, found: Collection): Table {
  const table = asTable(found)
  run.transaction.principal.rights.requireOwner(table.collection)
  refusePending(run, table, 'ALTER TABLE')
  run.transaction.locks.lockCollection(table.id, 'access exclusive')
  return table
}
