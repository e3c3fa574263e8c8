/** DROP TABLE, VIEW, INDEX, SEQUENCE and SCHEMA. */
import type { DropStmt, Node, RangeVar } from 'libpg-query'
import { wordOf } from '../../../database/access/rights.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { ObjectAddress } from '../../../database/catalog/objects.ts'
// oxlint-disable-next-line import/no-unassigned-import -- loading it registers how parts of tables are dropped
import '../../../model/table/drop-part.ts'
import type { Binder } from '../bind/binder.ts'
import { itemsOf, stringOf, stringsOf } from '../bind/tree.ts'
import type { Notice } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { skipping } from './create-schema.ts'
import { dropTargets } from './drop-objects.ts'
import { planDropExtension } from './extensions.ts'
import type { Outcome } from './execution.ts'
import { skippedDrop } from './missing-relation.ts'
import { findCollection, findPart, refuseBusy, shownName } from './naming.ts'
import { getPolicyTarget, policyTarget } from './policies.ts'
import { type Planned, planSteps } from './prepared.ts'
import { planDropPublication } from './publications.ts'
import { planDropRoutine } from './routines/alter-routine.ts'
import { routineWord } from './routines/named-routine.ts'
import { findTrigger, missingTrigger } from '../trigger/create-trigger.ts'
import { objectWords } from './statement-names.ts'
import { passUsersAlone } from './table-locks.ts'

/** Undefined where there is none of this name. */
type FindTarget = (run: SqlRun, name: RangeVar) => ObjectAddress | undefined

const kinds: Readonly<Record<string, { word: string; find: FindTarget }>> = {
  OBJECT_TABLE: { word: 'table', find: finderOf('table') },
  OBJECT_VIEW: { word: 'view', find: finderOf('view') },
  OBJECT_MATVIEW: { word: 'materialized view', find: finderOf('materialized view') },
  OBJECT_INDEX: { word: 'index', find: findIndex },
  OBJECT_SEQUENCE: { word: 'sequence', find: finderOf('sequence') },
  OBJECT_SCHEMA: { word: 'schema', find: findSchema },
}

export function planDrop(_binder: Binder, statement: DropStmt): Planned {
  if (statement.removeType === 'OBJECT_POLICY') return planDropPolicy(statement)
  if (statement.removeType === 'OBJECT_EXTENSION') return planDropExtension(statement)
  if (statement.removeType === 'OBJECT_PUBLICATION') return planDropPublication(statement)
  if (statement.removeType === 'OBJECT_TRIGGER') return planDropTrigger(statement)
  if (routineWord(statement.removeType) !== undefined) return planDropRoutine(statement)
  const kind = kinds[statement.removeType ?? '']
  if (kind === undefined) throw notBuilt(`DROP ${objectWords(statement.removeType)}`)
  const names = (statement.objects ?? []).map(nameOf)
  const isCascade = statement.behavior === 'DROP_CASCADE'
  return planSteps({ kind: 'schema' }, `DROP ${kind.word.toUpperCase()}`, function* (run): StatementSteps<Outcome> {
    const notices: Notice[] = []
    const targets: ObjectAddress[] = []
    if (statement.concurrent === true) refuseConcurrent(run, names, isCascade)
    for (const name of names) {
      const target = kind.find(run, name)
      if (target !== undefined) targets.push(target)
      else {
        if (statement.missing_ok !== true) {
          throw failure(missingState(kind.word), `${kind.word} "${shownName(name)}" does not exist`)
        }
        notices.push(skippedDrop(run, kind.word, name))
      }
    }
    if (statement.concurrent === true) for (const { id } of targets) yield* passUsersAlone(run, id)
    yield* dropTargets(run, targets, isCascade, notices)
    return { rowCount: 0, notices }
  })
}

/** DROP INDEX CONCURRENTLY waits for those who use the table before it takes the index from those who come. */
function refuseConcurrent(run: SqlRun, names: readonly RangeVar[], isCascade: boolean): void {
  if (!run.transaction.isSingleStatement) {
    throw failure('25001', 'DROP INDEX CONCURRENTLY cannot run inside a transaction block')
  }
  if (names.length > 1) throw failure('0A000', 'DROP INDEX CONCURRENTLY does not support dropping multiple objects')
  if (isCascade) throw failure('0A000', 'DROP INDEX CONCURRENTLY does not support CASCADE')
}

/** `t.p`: the last name is the policy's. */
function planDropPolicy({ objects = [], missing_ok: missingOk, behavior }: DropStmt): Planned {
  const names = splitLast(objects[0]!)
  return planSteps({ kind: 'schema' }, 'DROP POLICY', function* (run): StatementSteps<Outcome> {
    const notices: Notice[] = []
    const found = missingOk === true ? policyTarget(run, ...names) : getPolicyTarget(run, ...names)
    if (typeof found === 'string') notices.push(skipping('00000', found))
    else yield* dropTargets(run, [found], behavior === 'DROP_CASCADE', notices)
    return { rowCount: 0, notices }
  })
}

function planDropTrigger({ objects = [], missing_ok: missingOk, behavior }: DropStmt): Planned {
  const [relation, name] = splitLast(objects[0]!)
  return planSteps({ kind: 'schema' }, 'DROP TRIGGER', function* (run): StatementSteps<Outcome> {
    const notices: Notice[] = []
    if (missingOk === true && findCollection(run, relation) === undefined) {
      notices.push(skipping('00000', `relation "${shownName(relation)}" does not exist`))
      return { rowCount: 0, notices }
    }
    const found = findTrigger(run, relation, name)
    if (found !== undefined) yield* dropTargets(run, [found], behavior === 'DROP_CASCADE', notices)
    else if (missingOk !== true) throw missingTrigger(relation, name)
    else notices.push(skipping('00000', `trigger "${name}" for relation "${shownName(relation)}" does not exist`))
    return { rowCount: 0, notices }
  })
}

/** A table, and something of it. */
export function splitLast(node: Node): [{ relname: string; schemaname?: string }, string] {
  const names = stringsOf(itemsOf(node))
  const [relname = '', schemaname] = names.slice(0, -1).reverse()
  return [schemaname === undefined ? { relname } : { relname, schemaname }, names.at(-1) ?? '']
}

function missingState(word: string): string {
  return word === 'schema' ? '3F000' : word === 'index' ? '42704' : '42P01'
}

export function nameOf(node: Node): RangeVar {
  const parts = 'List' in node ? stringsOf(itemsOf(node)) : [stringOf(node)]
  const relname = parts[parts.length - 1] ?? ''
  return parts.length > 1 ? { relname, schemaname: parts[parts.length - 2]! } : { relname }
}

/** Of one kind of relation, by its word; of another kind, its error. */
function finderOf(word: string): FindTarget {
  return (run, name) => {
    const collection = findCollection(run, name)
    if (collection === undefined) {
      if (findPart(run, name) === undefined) return undefined
      throw wrongKind(name, word, 'index')
    }
    const own = wordOf(collection)
    if (own !== word) throw wrongKind(name, word, own)
    if (own !== 'sequence') refuseBusy(run, collection, `DROP ${word.toUpperCase()}`)
    return { id: collection.id }
  }
}

function findIndex(run: SqlRun, name: RangeVar): ObjectAddress | undefined {
  const part = findPart(run, name)
  if (part !== undefined) return part
  const collection = findCollection(run, name)
  if (collection !== undefined) throw wrongKind(name, 'index', wordOf(collection))
  return undefined
}

function wrongKind({ relname }: RangeVar, wanted: string, own: string): Error {
  const article = (word: string): string => `${word === 'index' ? 'an' : 'a'} ${word}`
  const hint = `Use DROP ${own.toUpperCase()} to remove ${article(own)}.`
  return failure('42809', `"${relname}" is not ${article(wanted)}`, { hint })
}

function findSchema(run: SqlRun, name: RangeVar): ObjectAddress | undefined {
  const namespace = run.transaction.catalog.namespaces.get(name.relname ?? '')
  return namespace === undefined ? undefined : { id: namespace.id }
}
