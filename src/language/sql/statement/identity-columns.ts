/** ADD GENERATED … AS IDENTITY, SET GENERATED and DROP IDENTITY of a column that is there, in the words of PostgreSQL 15. */
import type { AlterTableCmd, Node } from 'libpg-query'
import type { Column, Table } from '../../../model/table/table.ts'
import { dropIdentity, setIdentity } from '../../../model/table/schema.ts'
import { alterSequence } from '../../../model/table/sequence.ts'
import { alteredSequence } from '../../../model/table/sequence-definition.ts'
import { itemsOf } from '../bind/tree.ts'
import type { Notice } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { giveSequence, makeSequence } from './create-table.ts'
import { skipping } from './create-schema.ts'
import { isNameTaken } from './naming.ts'
import type { Step } from './partitions/recursion.ts'
import { sequenceClauses } from './sequences.ts'

/** Undefined of any other command. */
export function identityStep({ subtype, name = '', def, missing_ok: missingOk }: AlterTableCmd): Step | undefined {
  if (subtype === 'AT_AddIdentity') return addStep(name, def!)
  if (subtype === 'AT_SetIdentity') return setStep(name, itemsOf(def))
  return subtype === 'AT_DropIdentity' ? dropStep(name, missingOk === true) : undefined
}

function wrongState(table: Table, column: string, what: string): Error {
  return failure('55000', `column "${column}" of relation "${table.name}" ${what}`)
}

function refuseIdentity(table: Table, { name, isNotNull, definition, type }: Column): void {
  const isNumber = type.oid === oid.int2 || type.oid === oid.int4 || type.oid === oid.int8
  if (!isNumber) throw failure('22023', 'identity column type must be smallint, integer, or bigint')
  if (!isNotNull) throw wrongState(table, name, 'must be declared NOT NULL before identity can be added')
  if (definition.identity !== undefined) throw wrongState(table, name, 'is already an identity column')
  if (definition.default !== undefined) throw wrongState(table, name, 'already has a default value')
}

function addStep(name: string, node: Node): Step {
  const { generated_when: when, options = [] } = 'Constraint' in node ? node.Constraint : {}
  return (run, table) => {
    const column = table.getColumn(name)
    refuseIdentity(table, column)
    const { transaction } = run
    const taken = (one: string): boolean => isNameTaken(transaction, table.schema, one)
    const plan = { name, type: column.type.oid, sequenceOptions: options }
    const sequence = makeSequence(run, table, plan, table.collection.namespace, taken)
    const identity = when === 'a' ? 'always' : 'by default'
    const changed = setIdentity(transaction, table, name, { ...sequence.default, identity, sequence: sequence.id })
    giveSequence(transaction, changed, changed.getColumn(name))
    return changed
  }
}

/** `generated` is the letter's number. */
function generatedOf(options: readonly Node[]): 'always' | 'by default' | undefined {
  for (const option of options) {
    if (!('DefElem' in option) || option.DefElem.defname !== 'generated') continue
    const { arg } = option.DefElem
    return arg !== undefined && 'Integer' in arg && arg.Integer.ival === 'a'.codePointAt(0) ? 'always' : 'by default'
  }
  return undefined
}

function setStep(name: string, options: readonly Node[]): Step {
  const identity = generatedOf(options)
  const others = options.filter((option) => !('DefElem' in option && option.DefElem.defname === 'generated'))
  const clauses = sequenceClauses(others)
  return (run, table) => {
    const { identity: own, sequence } = table.getColumn(name).definition
    if (own === undefined || sequence === undefined) throw wrongState(table, name, 'is not an identity column')
    const { transaction } = run
    if (others.length > 0) {
      const collection = transaction.catalog.collectionById(sequence)!
      alterSequence(transaction, collection, (one) => alteredSequence(one, clauses.options), clauses.restart)
    }
    return identity === undefined || identity === own ? table : setIdentity(transaction, table, name, { identity })
  }
}

function dropStep(name: string, missingOk: boolean): Step {
  return (run: SqlRun, table: Table, notices: Notice[]): Table => {
    const { identity, sequence } = table.getColumn(name).definition
    if (identity === undefined) {
      const error = wrongState(table, name, 'is not an identity column')
      if (!missingOk) throw error
      notices.push(skipping('55000', error.message))
      return table
    }
    const changed = dropIdentity(run.transaction, table, name)
    const collection = sequence === undefined ? undefined : run.transaction.catalog.collectionById(sequence)
    if (collection !== undefined) run.transaction.dropCollection(collection)
    return changed
  }
}
