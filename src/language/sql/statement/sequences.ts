/** CREATE SEQUENCE, and ALTER SEQUENCE … RESTART. */
import type { AlterSeqStmt, CreateSeqStmt, Node } from 'libpg-query'
import {
  createSequence,
  isSequence,
  newSequence,
  restartSequence,
  type SequenceOptions,
  setValue,
} from '../../../model/table/sequence.ts'
import type { Binder } from '../bind/binder.ts'
import { optionText } from '../bind/tree.ts'
import { bindTypeName } from '../bind/type-name.ts'
import { failure, notBuilt } from '../failure.ts'
import { skipping } from './create-schema.ts'
import { findCollection, isNameTaken, shownName, targetNamespace } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'

export function sequenceOptions(nodes: readonly Node[]): SequenceOptions {
  const options: { -readonly [K in keyof SequenceOptions]: SequenceOptions[K] } = {}
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg } = node.DefElem
    const text = optionText(arg)
    const number = text === undefined ? undefined : BigInt(text.split('.')[0]!)
    if (defname === 'start' && number !== undefined) options.start = number
    else if (defname === 'increment' && number !== undefined) options.increment = number
    else if (defname === 'minvalue') {
      if (number !== undefined) options.minimum = number
    } else if (defname === 'maxvalue') {
      if (number !== undefined) options.maximum = number
    } else if (defname === 'cycle') options.cycle = text === '1' || text === 'true'
    else if (defname === 'as' && arg !== undefined && 'TypeName' in arg) options.type = bindTypeName(arg.TypeName).type
    else if (!['cache', 'owned_by', 'restart'].includes(defname)) throw notBuilt(`the sequence option ${defname}`)
  }
  return options
}

export function planCreateSequence(_binder: Binder, statement: CreateSeqStmt): Planned {
  const name = statement.sequence!
  if (name.relpersistence === 't') throw notBuilt('a temporary sequence', name.location)
  const definition = newSequence(sequenceOptions(statement.options ?? []))
  return planSteps({ kind: 'schema' }, 'CREATE SEQUENCE', (run) => {
    const namespace = targetNamespace(run, name)
    const relname = name.relname ?? ''
    if (isNameTaken(run.transaction, namespace.name, relname)) {
      if (statement.if_not_exists !== true) throw failure('42P07', `relation "${relname}" already exists`)
      return { rowCount: 0, notices: [skipping('42P07', `relation "${relname}" already exists`)] }
    }
    createSequence(run.transaction, namespace, relname, definition)
    return { rowCount: 0 }
  })
}

export function planAlterSequence(_binder: Binder, statement: AlterSeqStmt): Planned {
  const name = statement.sequence!
  const options = statement.options ?? []
  const restart = options.find((node) => 'DefElem' in node && node.DefElem.defname === 'restart')
  const others = options.filter(
    (node) => node !== restart && !('DefElem' in node && node.DefElem.defname === 'owned_by'),
  )
  if (others.length > 0) throw notBuilt('ALTER SEQUENCE other than RESTART')
  const text = restart !== undefined && 'DefElem' in restart ? optionText(restart.DefElem.arg) : undefined
  return planSteps({ kind: 'schema' }, 'ALTER SEQUENCE', (run) => {
    const collection = findCollection(run, name)
    if (collection === undefined || !isSequence(collection)) {
      throw failure('42P01', `relation "${shownName(name)}" does not exist`)
    }
    if (restart === undefined) return { rowCount: 0 }
    if (text === undefined) restartSequence(run.transaction, collection)
    else setValue(run.transaction, collection, BigInt(text), false)
    return { rowCount: 0 }
  })
}
