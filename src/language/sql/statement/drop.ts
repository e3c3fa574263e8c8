/** DROP TABLE, INDEX, SEQUENCE and SCHEMA. */
import type { DropStmt, Node, RangeVar } from 'libpg-query'
import type { Collection } from '../../../database/catalog.ts'
import { dropTableIndex, isTable } from '../../../model/table/schema.ts'
import { isSequence } from '../../../model/table/sequence.ts'
import { Table } from '../../../model/table/table.ts'
import type { Binder } from '../bind/binder.ts'
import { primaryKeyNameOf } from '../bind/objects.ts'
import { itemsOf, stringOf, stringsOf } from '../bind/tree.ts'
import type { Notice } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { skipping } from './create-schema.ts'
import { findCollection, shownName } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'

type DropOne = (run: SqlRun, name: RangeVar, isCascade: boolean) => boolean

const kinds: Readonly<Record<string, { word: string; drop: DropOne }>> = {
  OBJECT_TABLE: { word: 'table', drop: dropTable },
  OBJECT_INDEX: { word: 'index', drop: dropIndex },
  OBJECT_SEQUENCE: { word: 'sequence', drop: dropSequence },
  OBJECT_SCHEMA: { word: 'schema', drop: dropSchema },
}

export function planDrop(_binder: Binder, statement: DropStmt): Planned {
  const kind = kinds[statement.removeType ?? '']
  if (kind === undefined)
    throw notBuilt(`DROP ${(statement.removeType ?? '').replace('OBJECT_', '').replaceAll('_', ' ')}`)
  const names = (statement.objects ?? []).map(nameOf)
  const isCascade = statement.behavior === 'DROP_CASCADE'
  return planSteps({ kind: 'schema' }, `DROP ${kind.word.toUpperCase()}`, (run) => {
    const notices: Notice[] = []
    for (const name of names) {
      if (kind.drop(run, name, isCascade)) continue
      const what = `${kind.word} "${shownName(name)}" does not exist`
      if (statement.missing_ok !== true) throw failure(missingState(kind.word), what)
      notices.push(skipping('00000', what))
    }
    return { rowCount: 0, notices }
  })
}

function missingState(word: string): string {
  return word === 'schema' ? '3F000' : word === 'index' ? '42704' : '42P01'
}

function nameOf(node: Node): RangeVar {
  const parts = 'List' in node ? stringsOf(itemsOf(node)) : [stringOf(node)]
  const relname = parts[parts.length - 1] ?? ''
  return parts.length > 1 ? { relname, schemaname: parts[parts.length - 2]! } : { relname }
}

function dropTable(run: SqlRun, name: RangeVar): boolean {
  const collection = findCollection(run, name)
  if (collection === undefined) return false
  if (isSequence(collection)) {
    throw failure('42809', `"${name.relname}" is not a table`, { hint: 'Use DROP SEQUENCE to remove a sequence.' })
  }
  if (isTable(collection)) dropOwnedSequences(run, collection)
  run.transaction.dropCollection(collection)
  return true
}

function dropOwnedSequences(run: SqlRun, collection: Collection): void {
  for (const { definition } of Table.of(collection).columns) {
    const sequence =
      definition.sequence === undefined ? undefined : run.transaction.catalog.collectionById(definition.sequence)
    if (sequence !== undefined) run.transaction.dropCollection(sequence)
  }
}

function dropSequence(run: SqlRun, name: RangeVar): boolean {
  const collection = findCollection(run, name)
  if (collection === undefined) return false
  if (!isSequence(collection)) throw failure('42809', `"${name.relname}" is not a sequence`)
  const owner = run.transaction.catalog
    .collectionsOf(collection.namespace.name)
    .find(
      (one) => isTable(one) && Table.of(one).columns.some(({ definition }) => definition.sequence === collection.id),
    )
  if (owner !== undefined) {
    throw failure('2BP01', `cannot drop sequence ${collection.name} because other objects depend on it`, {
      detail: `default value for a column of table ${owner.name} depends on sequence ${collection.name}`,
      hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
    })
  }
  run.transaction.dropCollection(collection)
  return true
}

function dropIndex(run: SqlRun, name: RangeVar): boolean {
  const { transaction, context } = run
  const schemas = name.schemaname === undefined ? context.searchPath : [name.schemaname]
  for (const part of schemas) {
    const schema = part === '"$user"' || part === '$user' ? context.user : part
    for (const collection of transaction.catalog.collectionsOf(schema)) {
      if (!isTable(collection)) continue
      const table = Table.of(collection)
      const index = table.findIndex(name.relname ?? '')
      const isPrimary = primaryKeyNameOf(collection.definition) === name.relname
      if (index === undefined && !isPrimary) continue
      if (isPrimary || index?.isConstraint === true) {
        const constraint = `constraint ${name.relname} on table ${table.name}`
        throw failure('2BP01', `cannot drop index ${name.relname} because ${constraint} requires it`, {
          hint: `You can drop ${constraint} instead.`,
        })
      }
      dropTableIndex(transaction, table, index!)
      return true
    }
  }
  return false
}

function dropSchema(run: SqlRun, name: RangeVar, isCascade: boolean): boolean {
  const namespace = run.transaction.catalog.namespaces.get(name.relname ?? '')
  if (namespace === undefined) return false
  const collections = run.transaction.catalog.collectionsOf(namespace.name)
  if (collections.length > 0 && !isCascade) {
    const shown = collections.map((one) => `table ${namespace.name}.${one.name} depends on schema ${namespace.name}`)
    throw failure('2BP01', `cannot drop schema ${namespace.name} because other objects depend on it`, {
      detail: shown.join('\n'),
      hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
    })
  }
  for (const collection of collections) run.transaction.dropCollection(collection)
  run.transaction.dropNamespace(namespace)
  return true
}
