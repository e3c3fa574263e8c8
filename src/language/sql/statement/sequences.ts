/** CREATE SEQUENCE and ALTER SEQUENCE. */
import type { AlterSeqStmt, CreateSeqStmt, DefElem, Node } from 'libpg-query'
import { getType } from '../../../model/table/types/registry.ts'
import { alterSequence, createSequence, isSequence, setValue } from '../../../model/table/sequence.ts'
import {
  alteredSequence,
  checkLast,
  newSequence,
  type SequenceOptions,
} from '../../../model/table/sequence-definition.ts'
import type { Binder } from '../bind/binder.ts'
import { optionText } from '../bind/tree.ts'
import { bindTypeName } from '../bind/type-name.ts'
import { failure, notBuilt } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { skipping } from './create-schema.ts'
import { findCollection, isNameTaken, shownName, targetNamespace } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'

interface SequenceClauses {
  readonly options: SequenceOptions
  /** RESTART: from its start, or from this number. */
  readonly restart: 'start' | bigint | undefined
}

export function sequenceClauses(nodes: readonly Node[]): SequenceClauses {
  const options: { -readonly [K in keyof SequenceOptions]: SequenceOptions[K] } = {}
  let restart: SequenceClauses['restart']
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
    else if (defname === 'as' && arg !== undefined && 'TypeName' in arg) options.type = bindTypeName(arg.TypeName).type
    else if (defname !== 'owned_by') throw notBuilt(`the sequence option ${defname}`)
  }
  return { options, restart }
}

function numberOf({ arg }: DefElem): bigint {
  return getType(oid.int8).parseText(optionText(arg) ?? '') as bigint
}

export function planCreateSequence(_binder: Binder, statement: CreateSeqStmt): Planned {
  const name = statement.sequence!
  if (name.relpersistence === 't') throw notBuilt('a temporary sequence', name.location)
  const { options, restart } = sequenceClauses(statement.options ?? [])
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
    return { rowCount: 0 }
  })
}

export function planAlterSequence(_binder: Binder, statement: AlterSeqStmt): Planned {
  const name = statement.sequence!
  const { options, restart } = sequenceClauses(statement.options ?? [])
  return planSteps({ kind: 'schema' }, 'ALTER SEQUENCE', (run) => {
    const collection = findCollection(run, name)
    if (collection === undefined && statement.missing_ok === true) {
      return { rowCount: 0, notices: [skipping('42P01', `relation "${shownName(name)}" does not exist`)] }
    }
    if (collection === undefined) throw failure('42P01', `relation "${shownName(name)}" does not exist`)
    if (!isSequence(collection)) throw failure('42809', `"${shownName(name)}" is not a sequence`)
    alterSequence(run.transaction, collection, (definition) => alteredSequence(definition, options), restart)
    return { rowCount: 0 }
  })
}
