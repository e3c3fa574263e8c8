/**
 * What a view is to the catalog: a query under a name, and the columns that it gives.
 *
 * The query is kept as text with all names in full, beside what it reads: a column that it names cannot be dropped without
 * it. It has no keys. Whoever writes SQL compiles the text; what is renamed is written anew in it (`statement/views`).
 *
 *   part        key                       depends on
 *   column      its number
 *   default     the column's number       its column (automatic), the sequences that it draws from (normal)
 *   trigger     its number                its function (normal)
 *   (the whole)                           what the query reads: relations, and columns of them (normal)
 */
import type { Collection, JsonObject } from '../../database/catalog/catalog.ts'
import {
  definitionOf,
  type Dependency,
  type ObjectKind,
  type Part,
  registerKind,
} from '../../database/catalog/objects.ts'
import { damagedDefinition } from './definition.ts'
import { readDependencies, type StoredQuery } from './stored-query.ts'
import { columnPart, defaultPart, dependenciesOfTrigger, triggerPart } from './table-kind.ts'
import type { TriggerList } from './triggers.ts'
import { findType, keptContents, shownNumber, storedType } from './types/registry.ts'
import { contentsIn, type TypeContents } from './types/user/content.ts'

export interface ViewColumn {
  /** As `pg_attribute.attnum`. */
  readonly number: number
  readonly name: string
  /** By a plan's number; in JSON by the number that definitions have. */
  readonly type: number
  readonly modifier?: number
  /** Source text: what a row that is inserted gets where nothing is given. */
  readonly default?: string
  readonly defaultSequences?: readonly number[]
}

export interface ViewOptions {
  readonly checkOption?: 'local' | 'cascaded'
  readonly securityBarrier?: boolean
  /** What it reads is asked of who reads it, not of its owner. */
  readonly securityInvoker?: boolean
}

export interface ViewDefinition extends StoredQuery, TriggerList {
  readonly kind: 'view'
  readonly columns: readonly ViewColumn[]
  readonly options?: ViewOptions
}

export const viewKind: ObjectKind<ViewDefinition> = registerKind<ViewDefinition>({
  name: 'view',
  word: 'view',
  isOwned: true,
  actsForOwner: true,
  model: 'table',
  version: 1,
  decode: decodeView,
  parts: ({ columns, triggers = [] }) => [
    ...columns.flatMap(({ number, name, default: text }): Part[] => {
      const column = { ...columnPart(number), name }
      return text === undefined ? [column] : [column, { ...defaultPart(number), name }]
    }),
    ...triggers.map(({ id, name }): Part => ({ ...triggerPart(id), name })),
  ],
  dependencies: (definition, { id }) => [
    ...readDependencies(definition),
    ...typeDependencies(definition),
    ...defaultDependencies(definition, id),
    ...(definition.triggers ?? []).flatMap((trigger) => dependenciesOfTrigger(id, trigger)),
  ],
})

function typeDependencies({ columns }: ViewDefinition): Dependency[] {
  const ids = new Set(columns.flatMap(({ type }) => findType(type)?.made?.id ?? []).filter((id) => id !== 0))
  return [...ids].map((id) => ({ on: { id }, kind: 'normal' }))
}

function defaultDependencies({ columns }: ViewDefinition, id: number): Dependency[] {
  return columns.flatMap(({ number, default: text, defaultSequences = [] }): Dependency[] => {
    if (text === undefined) return []
    const of = defaultPart(number)
    const own: Dependency = { of, on: { id, part: columnPart(number) }, kind: 'automatic' }
    return [own, ...defaultSequences.map((sequence): Dependency => ({ of, on: { id: sequence }, kind: 'normal' }))]
  })
}

export function isView(collection: Collection): boolean {
  return collection.kind === viewKind.name
}

/** Of a collection that is one. */
export function viewDefinitionOf(collection: Collection): ViewDefinition {
  return definitionOf(viewKind, collection)
}

function decodeView(definition: JsonObject): ViewDefinition {
  const { columns, query, reads } = definition
  const isWhole =
    Array.isArray(columns) &&
    (columns as readonly JsonObject[]).every(
      (one) =>
        Number.isSafeInteger(one['number']) && typeof one['name'] === 'string' && Number.isSafeInteger(one['type']),
    ) &&
    typeof query === 'string' &&
    Array.isArray(reads)
  if (!isWhole) throw damagedDefinition('view')
  const { types: _, ...view } = definition as unknown as ViewDefinition & { readonly types?: TypeContents }
  const contents = contentsIn(definition)
  return { ...view, columns: view.columns.map((one) => ({ ...one, type: storedType(one.type, contents).oid })) }
}

/** As the catalog keeps it, with what the types of users consist of. JSON has no place for undefined. */
export function viewJson({ columns, ...view }: ViewDefinition): JsonObject {
  const stored = columns.map((column) => ({ ...column, type: shownNumber(column.type) }))
  const kept = keptContents(columns.map(({ type }) => type))
  return JSON.parse(JSON.stringify({ ...view, columns: stored, ...kept })) as JsonObject
}
