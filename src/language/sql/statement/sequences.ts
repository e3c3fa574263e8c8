/** CREATE SEQUENCE and ALTER SEQUENCE. */
import type { AlterSeqStmt, CreateSeqStmt, DefElem, Node } from 'libpg-query'
import { getType } from '../../../model/table/types/registry.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import {
  alterSequence,
  createSequence,
  isSequence,
  sequenceDefinitionOf,
  setOwner,
  setValue,
} from '../../../model/table/sequence.ts'
import {
  alteredSequence,
  checkLast,
  newSequence,
  type SequenceOptions,
} from '../../../model/table/sequence-definition.ts'
import type { Binder } from '../bind/binder.ts'
import { itemsOf, optionText, stringsOf } from '../bind/tree.ts'
import { bindTypeName } from '../bind/type-name.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { skipping } from './create-schema.ts'
import { findCollection, getTable, isNameTaken, shownName, targetNamespace } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'

interface SequenceClauses {
  readonly options: SequenceOptions
  /** RESTART: from its start, or from this number. */
  readonly restart: 'start' | bigint | undefined
  /** OWNED BY: a column, as its table and its name, or none. */
  readonly owner: readonly string[] | 'none' | undefined
}

/** SEQUENCE NAME of an identity column, empty where it is not given, and what else is said of its sequence. */
export function sequenceName(nodes: readonly Node[]): { path: readonly string[]; others: readonly Node[] } {
  const isName = (node: Node): boolean => 'DefElem' in node && node.DefElem.defname === 'sequence_name'
  const path = nodes.filter(isName).flatMap((node) => stringsOf(itemsOf((node as { DefElem: DefElem }).DefElem.arg)))
  return { path, others: nodes.filter((node) => !isName(node)) }
}

export function sequenceClauses(nodes: readonly Node[]): SequenceClauses {
  const options: { -readonly [K in keyof SequenceOptions]: SequenceOptions[K] } = {}
  let restart: SequenceClauses['restart']
  let owner: SequenceClauses['owner']
  const seen = new Set<string>()
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg, location } = node.DefElem
    if (seen.has(defname)) throw failure('42601', 'conflicting or redundant options', { location })
    seen.add(defname)
    if (defname === 'start') options.start = numberOf(node.DefElem)
    else if (defname === 'increment') options.increment = numberOf(node.DefElem)
    else if (defname === 'cache') options.cache = numberOf(node.DefElem)
    else if (defname === 'minvalue') options.minimum = arg === undefined ? 'default' : numberOf(node.DefElem)
    else if (defname === 'maxvalue') options.maximum = arg === undefined ? 'default' : numberOf(node.DefElem)
    else if (defname === 'cycle') options.cycle = optionText(arg) === 'true'
    else if (defname === 'restart') restart = arg === undefined ? 'start' : numberOf(node.DefElem)
    else if (defname === 'as' && arg !== undefined && 'TypeName' in arg)
      options.type = bindTypeName(undefined, arg.TypeName).type
    else if (defname === 'owned_by') owner = readOwner(node.DefElem)
    else throw notBuilt(`the sequence option ${defname}`)
  }
  return { options, restart, owner }
}

function readOwner({ arg, location }: DefElem): readonly string[] | 'none' {
  const names = stringsOf(itemsOf(arg))
  if (names.length > 1) return names
  if (names[0] === 'none') return 'none'
  throw failure('22023', 'invalid OWNED BY option', {
    location,
    hint: 'Specify OWNED BY table.column or OWNED BY NONE.',
  })
}

/** As PostgreSQL's process_owned_by: in the schema of the sequence, and not of an identity column. */
function setOwnedBy(run: SqlRun, sequence: Collection, names: readonly string[] | 'none'): void {
  if (sequenceDefinitionOf(sequence).owner?.isIdentity === true) {
    throw failure('0A000', 'cannot change ownership of identity sequence', {
      detail: `Sequence "${sequence.name}" is linked to table "${ownerTable(run, sequence)}".`,
    })
  }
  if (names === 'none') return setOwner(run.transaction, sequence, undefined)
  const [relname = '', schemaname] = names.slice(0, -1).reverse()
  const table = getTable(run, schemaname === undefined ? { relname } : { relname, schemaname })
  run.transaction.principal.rights.requireOwner(table.collection)
  if (table.collection.namespace.id !== sequence.namespace.id) {
    throw failure('55000', 'sequence must be in same schema as table it is linked to')
  }
  const { number } = table.getColumn(names.at(-1)!)
  return setOwner(run.transaction, sequence, { table: table.id, column: number })
}

function ownerTable({ transaction }: SqlRun, sequence: Collection): string {
  const { owner } = sequenceDefinitionOf(sequence)
  return owner === undefined ? '' : (transaction.catalog.collectionById(owner.table)?.name ?? '')
}

function numberOf({ arg }: DefElem): bigint {
  return getType(oid.int8).parseText(optionText(arg) ?? '') as bigint
}

export function planCreateSequence(_binder: Binder, statement: CreateSeqStmt): Planned {
  const name = statement.sequence!
  const { options, restart, owner } = sequenceClauses(statement.options ?? [])
  const definition = newSequence(options)
  if (typeof restart === 'bigint') checkLast(definition, restart)
  return planSteps({ kind: 'schema' }, 'CREATE SEQUENCE', (run) => {
    const namespace = targetNamespace(run, name)
    const relname = name.relname ?? ''
    if (isNameTaken(run.transaction, namespace.name, relname)) {
      if (statement.if_not_exists !== true) throw failure('42P07', `relation "${relname}" already exists`)
      return { rowCount: 0, notices: [skipping('42P07', `relation "${relname}" already exists`)] }
    }
    const sequence = createSequence(run.transaction, namespace, relname, definition)
    if (typeof restart === 'bigint') setValue(run.transaction, sequence, restart, false)
    if (owner !== undefined) setOwnedBy(run, sequence, owner)
    return { rowCount: 0 }
  })
}

export function planAlterSequence(_binder: Binder, statement: AlterSeqStmt): Planned {
  const name = statement.sequence!
  const { options, restart, owner } = sequenceClauses(statement.options ?? [])
  return planSteps({ kind: 'schema' }, 'ALTER SEQUENCE', (run) => {
    const collection = findCollection(run, name)
    if (collection === undefined && statement.missing_ok === true) {
      return { rowCount: 0, notices: [skipping('42P01', `relation "${shownName(name)}" does not exist`)] }
    }
    if (collection === undefined) throw failure('42P01', `relation "${shownName(name)}" does not exist`)
    if (!isSequence(collection)) throw failure('42809', `"${shownName(name)}" is not a sequence`)
    alterSequence(run.transaction, collection, (definition) => alteredSequence(definition, options), restart)
    if (owner !== undefined) setOwnedBy(run, run.transaction.catalog.collectionById(collection.id)!, owner)
    return { rowCount: 0 }
  })
}
