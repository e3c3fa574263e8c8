/** DROP TYPE and DROP DOMAIN. */
import type { DropStmt } from 'libpg-query'
import type { ObjectAddress } from '../../../../database/catalog/objects.ts'
import type { StatementSteps } from '../../../../database/contract.ts'
import { isTable } from '../../../../model/table/table-kind.ts'
import { findTypeByName } from '../../../../model/table/types/registry.ts'
import { findMadeType } from '../../bind/made-types.ts'
import type { Notice } from '../../contract.ts'
import { failure } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { skipping } from '../create-schema.ts'
import { dropTargets } from '../drop-objects.ts'
import type { Outcome } from '../execution.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { binderOf, pathOf } from './type-names.ts'

const words: Readonly<Record<string, string>> = { OBJECT_TYPE: 'type', OBJECT_DOMAIN: 'domain' }

/** Undefined where it is about something else. */
export function planDropType({
  removeType = 'OBJECT_TABLE',
  objects = [],
  behavior,
  missing_ok: missingOk,
}: DropStmt): Planned | undefined {
  const word = words[removeType]
  if (word === undefined) return undefined
  const paths = objects.map(pathOf)
  return planSteps({ kind: 'schema' }, `DROP ${word.toUpperCase()}`, function* (run): StatementSteps<Outcome> {
    const notices: Notice[] = []
    const targets: ObjectAddress[] = []
    for (const path of paths) {
      const schema = missingSchema(run, path)
      if (schema !== undefined && missingOk === true) {
        notices.push(skipping('00000', `schema "${schema}" does not exist`))
        continue
      }
      const target = findTarget(run, path, word)
      if (target !== undefined) targets.push(target)
      else {
        const what = `type "${path.join('.')}" does not exist`
        if (missingOk !== true) throw failure('42704', what)
        notices.push(skipping('00000', what))
      }
    }
    yield* dropTargets(run, targets, behavior === 'DROP_CASCADE', notices)
    return { rowCount: 0, notices }
  })
}

/** The schema that is named, where there is none of that name. */
function missingSchema({ transaction }: SqlRun, path: readonly string[]): string | undefined {
  const schema = path.length > 1 ? path[path.length - 2]! : undefined
  return schema === undefined || schema === 'pg_catalog' || transaction.catalog.namespaces.has(schema)
    ? undefined
    : schema
}

function findTarget(run: SqlRun, path: readonly string[], word: string): ObjectAddress | undefined {
  const { catalog } = run.transaction
  const schema = missingSchema(run, path)
  if (schema !== undefined) throw failure('3F000', `schema "${schema}" does not exist`)
  const type = findMadeType(binderOf(run), path)
  if (type === undefined) {
    refuseBuiltIn(path)
    return undefined
  }
  const collection = catalog.collectionById(type.made!.id)!
  if (word === 'domain' && collection.kind !== 'domain') throw failure('42809', `"${path.join('.')}" is not a domain`)
  if (isTable(collection)) {
    throw failure('2BP01', `cannot drop type ${type.title} because table ${type.title} requires it`, {
      hint: `You can drop table ${type.title} instead.`,
    })
  }
  if (type.element !== undefined) {
    const own = type.element.title
    throw failure('2BP01', `cannot drop type ${own}[] because type ${own} requires it`, {
      hint: `You can drop type ${own} instead.`,
    })
  }
  return { id: collection.id }
}

function refuseBuiltIn(path: readonly string[]): void {
  const builtIn = path.length === 1 || path[0] === 'pg_catalog' ? findTypeByName(path.at(-1)!) : undefined
  if (builtIn === undefined) return
  throw failure('2BP01', `cannot drop type ${builtIn.title} because it is required by the database system`)
}
