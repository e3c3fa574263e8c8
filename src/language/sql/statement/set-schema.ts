/**
 * ALTER TABLE, VIEW, MATERIALIZED VIEW … SET SCHEMA; of sequences and routines it is said where they are changed otherwise.
 *
 * With a table go its indexes and constraints, which are parts of it, and the sequences of its columns. What refers to it does so
 * by its number; texts that name it are written anew.
 */
import type { AlterObjectSchemaStmt } from 'libpg-query'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { current, moveTable } from '../../../model/table/schema.ts'
import { isSequence } from '../../../model/table/sequence.ts'
import { Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { isView } from '../../../model/table/view-kind.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { moveAlong, moveSequence, planMoveSequence } from './alter-sequence.ts'
import { nothing } from './execution.ts'
import { missingRelation } from './missing-relation.ts'
import { asTable, findCollection, placeFor, refuseBusy } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'
import { planMoveRoutine } from './routines/alter-routine.ts'
import { routineWord } from './routines/named-routine.ts'
import { objectWords } from './statement-names.ts'
import { renameInTexts } from './views/alter-view.ts'

interface Kind {
  readonly command: string
  /** Of what is of none of the kinds that it may be: PostgreSQL's word. */
  readonly word: string
  readonly isOne: (relation: Collection) => boolean
}

const isMaterialized = (one: Collection): boolean => isTable(one) && Table.of(one).definition.materialized !== undefined

const kinds: Readonly<Record<string, Kind>> = {
  OBJECT_TABLE: { command: 'ALTER TABLE', word: 'table', isOne: () => true },
  OBJECT_VIEW: { command: 'ALTER VIEW', word: 'view', isOne: isView },
  OBJECT_MATVIEW: { command: 'ALTER MATERIALIZED VIEW', word: 'materialized view', isOne: isMaterialized },
}

export function planMoveObject(statement: AlterObjectSchemaStmt): Planned {
  const { objectType = 'OBJECT_TABLE', relation, newschema = '', missing_ok: missingOk } = statement
  if (routineWord(objectType) !== undefined) return planMoveRoutine(statement)
  if (objectType === 'OBJECT_SEQUENCE') return planMoveSequence(statement)
  const kind = kinds[objectType]
  if (kind === undefined) throw notBuilt(`ALTER ${objectWords(objectType)} SET SCHEMA`)
  return planSteps({ kind: 'schema' }, kind.command, (run) => {
    const found = findCollection(run, relation!)
    if (found === undefined) return missingRelation(relation!, missingOk)
    if (!kind.isOne(found)) throw failure('42809', `"${found.name}" is not a ${kind.word}`)
    const table = isView(found) || isSequence(found) ? undefined : asTable(found)
    run.transaction.principal.rights.requireOwner(found)
    if (isSequence(found)) moveSequence(run, found, newschema)
    else moveRelation(run, found, table, newschema)
    return nothing
  })
}

/** `table`: undefined of a view. */
function moveRelation(run: SqlRun, relation: Collection, table: Table | undefined, schema: string): void {
  const { transaction } = run
  refuseBusy(run, relation, 'ALTER TABLE')
  const namespace = placeFor(run, relation, schema)
  if (namespace === undefined) return
  const before = transaction.catalog
  if (table === undefined) transaction.alterCollection(relation, { namespace })
  else {
    transaction.locks.lockCollection(table.id, 'access exclusive')
    for (const id of table.definition.columns.flatMap(({ sequence }) => sequence ?? [])) {
      const sequence = transaction.catalog.collectionById(id)!
      if (placeFor(run, sequence, schema) !== undefined) moveAlong(run, sequence, namespace)
    }
    moveTable(transaction, current(transaction, relation), { namespace })
  }
  renameInTexts(run, before, relation.id)
}
