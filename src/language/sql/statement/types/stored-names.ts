/** Texts in definitions that name a type or hold values of it, once either is called otherwise. */
import type { Catalog, Collection } from '../../../../database/catalog/catalog.ts'
import { type ColumnDefinition, toJson } from '../../../../model/table/definition.ts'
import { isTable, tableDefinitionOf } from '../../../../model/table/table-kind.ts'
import { Table } from '../../../../model/table/table.ts'
import { type TypeTexts, typeTextsIn } from '../../bind/type-texts.ts'
import type { SqlRun } from '../../plan/run.ts'
import { isRoutine, routineJson } from '../../routine/definition.ts'
import { routineOf } from '../../routine/routines.ts'
import { renamePolicies } from '../policy-expressions.ts'
import { rewrittenDefault, rewrittenExpression } from '../stored-expressions.ts'
import { renameInQueries } from '../views/view-text.ts'

/** `before`: the catalog in which the texts hold. */
export function rewriteTypeNames(run: SqlRun, before: Catalog, changed: number): void {
  const texts = typeTextsIn(run.transaction.catalog)
  const users = usersOf(before, changed)
  for (const one of users) {
    if (isTable(one)) rewriteTable(run, before, one, texts)
    else if (isRoutine(one)) rewriteRoutine(run, before, one, texts)
  }
  for (const { id } of [before.collectionById(changed)!, ...users]) {
    renamePolicies(run, before, id)
    renameInQueries(run, before, id)
  }
}

/** What refers to it, and what refers to that: a view of a table asks for values of the types of its columns. */
function usersOf(catalog: Catalog, id: number): readonly Collection[] {
  const found = new Map<number, Collection>()
  const left = [id]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    for (const referrer of catalog.referrersOf(one)) {
      if (found.has(referrer.id) || referrer.id === id) continue
      found.set(referrer.id, referrer)
      left.push(referrer.id)
    }
  }
  return [...found.values()].sort((a, b) => a.id - b.id)
}

/** Defaults of its parameters. */
function rewriteRoutine({ transaction }: SqlRun, before: Catalog, collection: Collection, texts: TypeTexts): void {
  const now = transaction.catalog.collectionById(collection.id)!
  const { definition } = routineOf(now)
  if (definition.parameters.every((one) => one.default === undefined)) return
  const parameters = definition.parameters.map((one) => {
    return one.default === undefined ? one : { ...one, default: rewrittenDefault(before, one.default, texts) }
  })
  transaction.access.beginChange(collection.id)
  try {
    transaction.alterCollection(now, { definition: routineJson({ ...definition, parameters }) })
  } finally {
    transaction.access.endChange(collection.id)
  }
}

function rewriteTable({ transaction }: SqlRun, before: Catalog, collection: Collection, texts: TypeTexts): void {
  const old = Table.of(collection)
  const now = transaction.catalog.collectionById(collection.id)!
  const definition = tableDefinitionOf(now)
  const rewrite = (text: string): string => rewrittenExpression(before, old, text, texts)
  const columns = definition.columns.map((column): ColumnDefinition => {
    const { default: value, generated, missing } = column
    const type = column.dropped === true ? undefined : old.columnByNumber(column.number).type
    return {
      ...column,
      ...(value !== undefined && { default: rewrite(value) }),
      ...(missing !== undefined && type && { missing: texts.valueText(type.oid, type.parseText(missing)) }),
      ...(generated !== undefined && { generated: { ...generated, expression: rewrite(generated.expression) } }),
    }
  })
  const checks = definition.checks.map((check) => ({ ...check, expression: rewrite(check.expression) }))
  const changed = toJson({ ...definition, columns, checks })
  if (JSON.stringify(changed) === JSON.stringify(toJson(definition))) return
  transaction.access.beginChange(collection.id)
  try {
    transaction.alterCollection(now, { definition: changed })
  } finally {
    transaction.access.endChange(collection.id)
  }
}
