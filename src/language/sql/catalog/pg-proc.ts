/** Functions and triggers that were made, as pg_proc and pg_trigger show them, and the functions that write them as text. */
import type { Collection } from '../../../database/catalog/catalog.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { Table } from '../../../model/table/table.ts'
import { type TriggerDefinition, type Triggered, triggersOf } from '../../../model/table/triggers.ts'
import { isView } from '../../../model/table/view-kind.ts'
import { TriggeredView } from '../../../model/table/view-triggers.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import { functionText } from '../bind/function-names.ts'
import { formatNumber } from '../bind/made-types.ts'
import { qualify } from '../bind/objects.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { defineFunction } from '../functions/registry.ts'
import { currentContext, type SqlRun } from '../plan/run.ts'
import { outputsOf, type RoutineDefinition, isRoutine } from '../routine/definition.ts'
import { allRoutines, type Routine, routineOf } from '../routine/routines.ts'
import {
  argumentsText,
  definitionText,
  resultText,
  type RoutineNames,
  triggerBits,
  triggerText,
} from '../routine/show.ts'
import { findType, shownNumber } from '../../../model/table/types/registry.ts'
import { numberOfType } from '../../../model/table/types/user/content.ts'
import { oid } from '../types/oids.ts'
import { accessTexts } from './access-text.ts'
import { collectionByOid, collectionOid, namespaceOid, triggerByOid, triggerOid } from './identity.ts'
import { shownExpression } from './shown-expressions.ts'
import { memoryRelation } from './memory-relation.ts'
import { ownerOid } from './roles.ts'
import { allObjects, objectBy, type StoredObjects } from './stored-objects.ts'
import { privilege } from '../../../database/access/privileges.ts'

type Values = readonly SqlValue[]

/** PostgreSQL's numbers of the first two; the third is made by its own installation. */
export const languageOids: Readonly<Record<string, number>> = { internal: 12, c: 13, sql: 14, plpgsql: 13_757 }

const modeLetters = { in: 'i', out: 'o', inout: 'b', variadic: 'v', table: 't' } as const

export function* madeFunctions(run: SqlRun): Generator<Values> {
  for (const routine of allRoutines(run.transaction.catalog)) yield rowOf(run, routine)
}

function resultType({ returns, kind }: RoutineDefinition): number {
  if (returns === undefined) return kind === 'procedure' ? oid.void : oid.record
  return returns.table === undefined ? shownNumber(returns.type) : numberOfType(returns.table)
}

function rowOf(run: SqlRun, { collection, definition, inputs }: Routine): Values {
  const { parameters, returns, settings, language, volatility } = definition
  const variadic = parameters.find(({ mode }) => mode === 'variadic')
  const names = parameters.map(({ name }) => name ?? '')
  const hasOutputs = outputsOf(definition).length > 0 || variadic !== undefined
  const defaults = parameters.flatMap((one) => one.default ?? [])
  return [
    collectionOid(collection),
    definition.name,
    namespaceOid(collection.namespace),
    ownerOid(run, collection),
    languageOids[language] ?? 0,
    definition.cost ?? 100,
    returns?.isSet === true ? (definition.rows ?? 1000) : 0,
    variadic === undefined ? 0 : shownNumber(findType(variadic.type)?.element?.oid ?? 0),
    0,
    definition.kind === 'procedure' ? 'p' : 'f',
    definition.isDefiner === true,
    definition.isLeakproof === true,
    definition.isStrict === true,
    returns?.isSet === true,
    volatility[0]!,
    definition.parallel?.[0] ?? 'u',
    inputs.length,
    defaults.length,
    resultType(definition),
    inputs.map(({ type }) => shownNumber(type)),
    hasOutputs ? parameters.map(({ type }) => shownNumber(type)) : null,
    hasOutputs ? parameters.map(({ mode }) => modeLetters[mode]) : null,
    names.some((name) => name !== '') ? names : null,
    defaults.length === 0 ? null : defaults.join(', '),
    null,
    definition.isAtomic === true ? '' : definition.body,
    null,
    definition.isAtomic === true ? definition.body : null,
    settings === undefined ? null : settings.map(([name, value]) => `${name}=${value}`),
    accessTexts(run, collection, '', privilege.execute),
  ]
}

function routineByOid({ transaction }: SqlRun, number: number): Routine | undefined {
  const collection = collectionByOid(transaction.catalog, number)
  return collection !== undefined && isRoutine(collection) ? routineOf(collection) : undefined
}

function describe(name: string, text: (routine: Routine, run: SqlRun) => string | null): void {
  const call = (run: SqlRun, number: number): SqlValue => {
    const routine = routineByOid(run, number)
    return routine === undefined ? null : text(routine, run)
  }
  defineFunction(name, [oid.oid], oid.text, call, { needsRun: true, volatility: 'stable' })
}

function namesFor(run: SqlRun): RoutineNames {
  return {
    type: (type) => formatNumber(currentContext(run), shownNumber(type), -1),
    default: (text) => shownExpression(run, { kind: 'nothing' }, text, false).text,
  }
}

describe('pg_get_function_arguments', ({ definition }, run) => argumentsText(definition, namesFor(run), false))
describe('pg_get_function_identity_arguments', ({ definition }, run) => argumentsText(definition, namesFor(run), true))
describe('pg_get_function_result', ({ definition }, run) => resultText(definition, namesFor(run)))
describe('pg_get_functiondef', (routine, run) => definitionText(routine, namesFor(run)))
describe('pg_get_function_sqlbody', ({ definition }) => (definition.isAtomic === true ? definition.body : null))

// ---- triggers

function* triggersAmong({ relations }: StoredObjects): Generator<{ table: Triggered; trigger: TriggerDefinition }> {
  for (const collection of relations()) {
    const table = triggeredOf(collection)
    if (table === undefined) continue
    for (const trigger of triggersOf(table)) yield { table, trigger }
  }
}

function triggeredOf(collection: Collection): Triggered | undefined {
  if (isTable(collection)) return Table.of(collection)
  return isView(collection) ? TriggeredView.of(collection) : undefined
}

const stateLetters = { origin: 'O', disabled: 'D', always: 'A', replica: 'R' } as const

function parentOid({ transaction: { catalog } }: SqlRun, { parent }: TriggerDefinition): number {
  const table = parent && catalog.collectionById(parent.table)
  return table === undefined ? 0 : triggerOid(table, parent!.trigger)
}

function* triggerRows(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<Values> {
  for (const { table, trigger } of triggersAmong(objects)) {
    const { constraint } = trigger
    const references = constraint?.references
    const target = references === undefined ? undefined : run.transaction.catalog.collectionById(references)
    yield [
      triggerOid(table.collection, trigger.id),
      collectionOid(table.collection),
      parentOid(run, trigger),
      trigger.name,
      collectionOid({ ...table.collection, id: trigger.function }),
      triggerBits(trigger),
      stateLetters[trigger.state ?? 'origin'],
      false,
      target === undefined ? 0 : collectionOid(target),
      0,
      0,
      constraint?.isDeferrable === true,
      constraint?.isInitiallyDeferred === true,
      trigger.arguments?.length ?? 0,
      trigger.columns ?? [],
      new Uint8Array(Buffer.from((trigger.arguments ?? []).map((one) => `${one}\0`).join(''))),
      trigger.when ?? null,
      trigger.oldTable ?? null,
      trigger.newTable ?? null,
    ]
  }
}

export const pgTrigger: Relation = memoryRelation(
  'pg_catalog',
  'pg_trigger',
  [
    ['oid', oid.oid],
    ['tgrelid', oid.oid],
    ['tgparentid', oid.oid],
    ['tgname', oid.name],
    ['tgfoid', oid.oid],
    ['tgtype', oid.int2],
    ['tgenabled', oid.char],
    ['tgisinternal', oid.bool],
    ['tgconstrrelid', oid.oid],
    ['tgconstrindid', oid.oid],
    ['tgconstraint', oid.oid],
    ['tgdeferrable', oid.bool],
    ['tginitdeferred', oid.bool],
    ['tgnargs', oid.int2],
    ['tgattr', oid.int2vector],
    ['tgargs', oid.bytea],
    ['tgqual', oid.nodeTree],
    ['tgoldtable', oid.name],
    ['tgnewtable', oid.name],
  ],
  triggerRows,
  { oid: objectBy.uniquePart, tgrelid: objectBy.relation },
)

function shownTrigger(run: SqlRun, table: Triggered, trigger: TriggerDefinition, isPretty: boolean): string {
  const { context, transaction } = run
  const routine = transaction.catalog.collectionById(trigger.function)
  const full = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`
  return triggerText(table, trigger, {
    table: isPretty ? qualify(context, table.schema, table.name) : full,
    function: routine === undefined ? '' : functionText(context, collectionOid(routine), false),
    when: (text) => shownExpression(run, { kind: 'change', table }, text, isPretty).text,
  })
}

for (const takes of [[oid.oid], [oid.oid, oid.bool]]) {
  const call = (run: SqlRun, number: number, isPretty = false): SqlValue => {
    const { catalog } = run.transaction
    const place = triggerByOid(catalog, number)
    const table = place && triggeredOf(place.collection)
    if (table === undefined) return null
    const trigger = triggersOf(table).find(({ id }) => id === place!.id)
    return trigger === undefined ? null : shownTrigger(run, table, trigger, isPretty)
  }
  defineFunction('pg_get_triggerdef', takes, oid.text, call, { needsRun: true, volatility: 'stable' })
}
