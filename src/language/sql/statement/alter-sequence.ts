/**
 * ALTER SEQUENCE … RENAME TO, SET SCHEMA and OWNER TO; ALTER TABLE says the same of sequences.
 *
 * A default keeps the sequence that it draws from as text, so its text follows the new name.
 */
import type { AlterObjectSchemaStmt, AlterTableStmt, RangeVar, RenameStmt } from 'libpg-query'
import type { Collection, Namespace } from '../../../database/catalog/catalog.ts'
import type { CollectionChange } from '../../../database/catalog/schema-changes.ts'
import type { ColumnDefinition } from '../../../model/table/definition.ts'
import { redefine } from '../../../model/table/schema.ts'
import { isSequence, sequenceDefinitionOf } from '../../../model/table/sequence.ts'
import { Table } from '../../../model/table/table.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { nothing, type Outcome } from './execution.ts'
import { missingRelation } from './missing-relation.ts'
import { findCollection, isNameTaken, placeFor } from './naming.ts'
import { giveCollection, newOwner, type Owner } from './owners.ts'
import { type Planned, planSteps } from './prepared.ts'
import { movedSequenceDefault } from './stored-expressions.ts'
import { renameInQueries } from './views/view-text.ts'

export function planRenameSequence({ relation, newname = '', missing_ok: missingOk }: RenameStmt): Planned {
  return planOnSequence(relation!, missingOk === true, (run, sequence) => renameSequence(run, sequence, newname))
}

export function renameSequence(run: SqlRun, sequence: Collection, name: string): void {
  if (isNameTaken(run.transaction, sequence.namespace.name, name)) {
    throw failure('42P07', `relation "${name}" already exists`)
  }
  change(run, sequence, { name })
}

export function planMoveSequence({ relation, newschema = '', missing_ok: missingOk }: AlterObjectSchemaStmt): Planned {
  return planOnSequence(relation!, missingOk === true, (run, sequence) => moveSequence(run, sequence, newschema))
}

export function moveSequence(run: SqlRun, sequence: Collection, schema: string): void {
  refuseOwned(run, sequence, 'cannot move an owned sequence into another schema')
  const namespace = placeFor(run, sequence, schema)
  if (namespace !== undefined) change(run, sequence, { namespace })
}

/** One that belongs to a column goes where its table goes. */
export function moveAlong(run: SqlRun, sequence: Collection, namespace: Namespace): void {
  const { access } = run.transaction
  access.beginChange(sequence.id)
  try {
    change(run, sequence, { namespace })
  } finally {
    access.endChange(sequence.id)
  }
}

export function planOwnSequence({ relation, cmds = [], missing_ok: missingOk }: AlterTableStmt): Planned {
  const commands = cmds.map((node) => ('AlterTableCmd' in node ? node.AlterTableCmd : {}))
  if (commands.some(({ subtype }) => subtype !== 'AT_ChangeOwner')) throw notBuilt('this ALTER SEQUENCE')
  return planOnSequence(relation!, missingOk === true, (run, sequence) => {
    for (const { newowner } of commands) ownSequence(run, sequence, newOwner(run, newowner))
  })
}

/** What belongs to a column has the owner of its table. */
export function ownSequence(run: SqlRun, sequence: Collection, to: Owner): void {
  if (sequence.owner === to.owner && sequence.ownerId === to.ownerId) return
  refuseOwned(run, sequence, `cannot change owner of sequence "${sequence.name}"`)
  giveCollection(run, sequence, to)
}

function planOnSequence(
  name: RangeVar,
  missingOk: boolean,
  work: (run: SqlRun, sequence: Collection) => void,
): Planned {
  return planSteps({ kind: 'schema' }, 'ALTER SEQUENCE', (run): Outcome => {
    const sequence = findCollection(run, name)
    if (sequence === undefined) return missingRelation(name, missingOk)
    if (!isSequence(sequence)) throw failure('42809', `"${sequence.name}" is not a sequence`)
    run.transaction.principal.rights.requireOwner(sequence)
    work(run, sequence)
    return nothing
  })
}

function refuseOwned({ transaction }: SqlRun, sequence: Collection, message: string): void {
  const { owner } = sequenceDefinitionOf(sequence)
  const table = owner === undefined ? undefined : transaction.catalog.collectionById(owner.table)
  if (table === undefined) return
  throw failure('0A000', message, { detail: `Sequence "${sequence.name}" is linked to table "${table.name}".` })
}

/** Another name or schema, for it and for the defaults that draw from it. */
function change(run: SqlRun, sequence: Collection, to: CollectionChange): void {
  const { transaction } = run
  const before = transaction.catalog
  const drawing = before.referrersOf(sequence.id).filter(isTable)
  const altered = transaction.alterCollection(sequence, to)
  for (const { id } of drawing) {
    const table = Table.of(transaction.catalog.collectionById(id)!)
    const columns = table.definition.columns.map((column): ColumnDefinition => {
      if (column.default === undefined || column.defaultSequences?.includes(sequence.id) !== true) return column
      return { ...column, default: movedSequenceDefault(before, column.default, altered) }
    })
    redefine(transaction, table, { ...table.definition, columns })
  }
  renameInQueries(run, before, sequence.id)
}
