/**
 * What a table is to the catalog: how its definition is read, which parts it has, and what they depend on.
 *
 *   part        key                       depends on
 *   column      its number                generated: the columns that it follows from (normal); its type,
 *                                         where a user made that (normal)
 *   default     the column's number       its column (automatic), the sequences that it draws from (normal)
 *   constraint  its name                  the columns of a key or foreign key (automatic); what a foreign key
 *                                         refers to: the columns and the index there (normal)
 *   index       its id, 0: primary key    its columns (automatic), or its constraint (internal)
 *   trigger     its id                    its function, and the columns that it names (normal)
 *   policy      its id                    what its expressions read: columns, and tables of subqueries (normal)
 */
import { primaryIndex } from '../../base/tuple.ts'
import type { Rights } from '../../database/access/rights.ts'
import type { Collection, Index, JsonObject } from '../../database/catalog/catalog.ts'
import {
  definitionOf,
  type Dependency,
  type ObjectKind,
  type Part,
  type PartAddress,
  partsOf,
  registerKind,
} from '../../database/catalog/objects.ts'
import { placeOfType } from './types/user/content.ts'
import type { TriggerDefinition } from './triggers.ts'
import { readDependencies } from './stored-query.ts'
import {
  type RoutineCalls,
  damagedDefinition,
  indexDefinitionOf,
  liveColumns,
  type TableDefinition,
} from './definition.ts'

/** The key of the index that a primary key's rows are: it has no entry among the indexes. */
export const primaryIndexKey = 0

export function columnPart(number: number): PartAddress {
  return { kind: 'column', key: number }
}

export function defaultPart(column: number): PartAddress {
  return { kind: 'default', key: column }
}

export function constraintPart(name: string): PartAddress {
  return { kind: 'constraint', key: name }
}

export function policyPart(id: number): PartAddress {
  return { kind: 'policy', key: id }
}

export function triggerPart(id: number): PartAddress {
  return { kind: 'trigger', key: id }
}

export function indexPart(id: number): PartAddress {
  return { kind: 'index', key: id }
}

export const tableKind: ObjectKind<TableDefinition> = registerKind<TableDefinition>({
  name: 'table',
  model: 'table',
  word: (definition) => (definition['materialized'] === undefined ? 'table' : 'materialized view'),
  isOwned: true,
  version: 1,
  decode: decodeTable,
  parts: partsOfTable,
  dependencies: dependenciesOfTable,
  // An owner whom they are forced on may change the table, and does so over all rows.
  hidesRows: (collection, rights) => isSubject(rights, collection) && !rights.owns(collection),
})

export function isTable(collection: Collection): boolean {
  return collection.kind === tableKind.name
}

export function hasConstraint(collection: Collection, name: string): boolean {
  return partsOf(collection).some(({ kind, key }) => kind === 'constraint' && key === name)
}

/** Of a collection that is one. */
export function tableDefinitionOf(collection: Collection): TableDefinition {
  return definitionOf(tableKind, collection)
}

/** Whether the table's policies concern the caller. What is no table has none. */
export function isSubject(rights: Rights, collection: Collection): boolean {
  if (rights.member === undefined || !isTable(collection)) return false
  const { rowSecurity } = tableDefinitionOf(collection)
  if (rowSecurity?.enabled !== true || rights.member.bypassesPolicies) return false
  return rowSecurity.forced || !rights.owns(collection)
}

function decodeTable(definition: JsonObject): TableDefinition {
  const {
    columns,
    nextColumn,
    checks,
    primaryKey,
    foreignKeys = [],
  } = definition as Partial<Record<keyof TableDefinition, unknown>>
  const isColumn = (one: Record<string, unknown>): boolean =>
    Number.isSafeInteger(one['number']) &&
    typeof one['name'] === 'string' &&
    Number.isSafeInteger(one['type']) &&
    (one['generated'] === undefined || isGenerated(one['generated'] as Record<string, unknown>))
  const isWhole =
    listOf(columns).every(isColumn) &&
    Number.isSafeInteger(nextColumn) &&
    listOf(checks).every(({ name, expression }) => typeof name === 'string' && typeof expression === 'string') &&
    (primaryKey === undefined || isKey(primaryKey as Record<string, unknown>)) &&
    listOf(foreignKeys).every((one) => isKey(one) && Number.isSafeInteger(one['references']))
  if (!isWhole) throw damagedDefinition('table')
  return definition as unknown as TableDefinition
}

/** The key of the part that an index is, by its number in the keys of the rows. */
function partKeyOf(index: number): number {
  return index === primaryIndex ? primaryIndexKey : index
}

function listOf(value: unknown): Record<string, unknown>[] {
  const list: unknown[] = Array.isArray(value) ? value : [undefined]
  if (list.every((one) => typeof one === 'object' && one !== null)) return list as Record<string, unknown>[]
  throw damagedDefinition('table')
}

function isGenerated({ expression, reads }: Record<string, unknown>): boolean {
  return typeof expression === 'string' && Array.isArray(reads) && reads.every((one) => Number.isSafeInteger(one))
}

function isKey({ name, columns }: Record<string, unknown>): boolean {
  return typeof name === 'string' && Array.isArray(columns) && columns.every((one) => Number.isSafeInteger(one))
}

function partsOfTable(definition: TableDefinition, { indexes }: Collection): Part[] {
  const { primaryKey, checks } = definition
  const parts: Part[] = []
  for (const { number, name, default: text } of liveColumns(definition)) {
    parts.push({ ...columnPart(number), name })
    if (text !== undefined) parts.push({ ...defaultPart(number), name })
  }
  if (primaryKey !== undefined) {
    const { name } = primaryKey
    parts.push({ ...constraintPart(name), name }, { ...indexPart(primaryIndexKey), name, isRelation: true })
  }
  for (const index of indexes) {
    if (indexDefinitionOf(index).constraint === true) parts.push({ ...constraintPart(index.name), name: index.name })
    parts.push({ ...indexPart(index.id), name: index.name, isRelation: true })
  }
  for (const { name } of checks) parts.push({ ...constraintPart(name), name })
  for (const { name } of definition.foreignKeys ?? []) parts.push({ ...constraintPart(name), name })
  for (const policy of definition.policies ?? []) parts.push({ ...policyPart(policy.id), name: policy.name })
  for (const trigger of definition.triggers ?? []) parts.push({ ...triggerPart(trigger.id), name: trigger.name })
  return parts
}

function dependenciesOfIndex(id: number, index: Index): Dependency[] {
  const { columns, constraint, parent, expressions = [], where, include = [] } = indexDefinitionOf(index)
  const of = constraint === true ? constraintPart(index.name) : indexPart(index.id)
  const read = [
    ...columns.flatMap(({ number }) => (number < 0 ? [] : [number])),
    ...expressions.flatMap(({ reads }) => reads),
    ...(where?.reads ?? []),
    ...include,
  ]
  const dependencies = read.map((number): Dependency => {
    return { of, on: { id, part: columnPart(number) }, kind: 'automatic' }
  })
  for (const one of [...expressions, ...(where === undefined ? [] : [where])]) dependencies.push(...calledBy(of, one))
  if (parent !== undefined) {
    dependencies.push({ of, on: { id: parent.table, part: indexPart(partKeyOf(parent.index)) }, kind: 'internal' })
  }
  if (constraint === true) dependencies.push({ of: indexPart(index.id), on: { id, part: of }, kind: 'internal' })
  return dependencies
}

/** What calls a function stands in the way of dropping it. */
function calledBy(of: PartAddress, { calls = [] }: RoutineCalls): Dependency[] {
  return calls.map((called): Dependency => ({ of, on: { id: called }, kind: 'normal' }))
}

function dependenciesOfTable(definition: TableDefinition, { id, indexes }: Collection): Dependency[] {
  const dependencies: Dependency[] = []
  const onColumns = (of: PartAddress, columns: readonly number[]): void => {
    for (const number of columns) dependencies.push({ of, on: { id, part: columnPart(number) }, kind: 'automatic' })
  }
  for (const { number, type, default: text, defaultSequences = [], generated } of liveColumns(definition)) {
    const made = placeOfType(type)
    if (made !== undefined) dependencies.push({ of: columnPart(number), on: { id: made.id }, kind: 'normal' })
    for (const read of generated?.reads ?? []) {
      dependencies.push({ of: columnPart(number), on: { id, part: columnPart(read) }, kind: 'normal' })
    }
    if (generated !== undefined) dependencies.push(...calledBy(columnPart(number), generated))
    if (text === undefined) continue
    onColumns(defaultPart(number), [number])
    for (const sequence of defaultSequences) {
      dependencies.push({ of: defaultPart(number), on: { id: sequence }, kind: 'normal' })
    }
  }
  // A partition goes with its parent; whatever else inherits stands in the way.
  for (const parent of definition.inherits ?? []) {
    dependencies.push({ on: { id: parent }, kind: definition.bound === undefined ? 'normal' : 'automatic' })
  }
  const { primaryKey } = definition
  if (primaryKey !== undefined) {
    const constraint = constraintPart(primaryKey.name)
    onColumns(constraint, [...primaryKey.columns, ...(primaryKey.include ?? [])])
    dependencies.push({ of: indexPart(primaryIndexKey), on: { id, part: constraint }, kind: 'internal' })
    if (primaryKey.parent !== undefined) {
      dependencies.push({
        of: constraint,
        on: { id: primaryKey.parent, part: indexPart(primaryIndexKey) },
        kind: 'internal',
      })
    }
  }
  for (const index of indexes) dependencies.push(...dependenciesOfIndex(id, index))
  for (const { name, columns, references, referencedColumns, index, parts: below = [] } of definition.foreignKeys ??
    []) {
    const of = constraintPart(name)
    onColumns(of, columns)
    const relied = indexPart(partKeyOf(index))
    const parts = [relied, ...referencedColumns.map(columnPart)]
    for (const part of parts) dependencies.push({ of, on: { id: references, part }, kind: 'normal' })
    for (const { references: partition } of below) dependencies.push({ of, on: { id: partition }, kind: 'normal' })
  }
  for (const check of definition.checks) dependencies.push(...calledBy(constraintPart(check.name), check))
  for (const trigger of definition.triggers ?? []) dependencies.push(...dependenciesOfTrigger(id, trigger))
  if (definition.materialized !== undefined) dependencies.push(...readDependencies(definition.materialized))
  for (const policy of definition.policies ?? []) {
    const of = policyPart(policy.id)
    for (const { id: read, columns } of [policy.using, policy.check].flatMap((one) => one?.reads ?? [])) {
      if (read !== id) dependencies.push({ of, on: { id: read }, kind: 'normal' })
      for (const column of columns) {
        dependencies.push({ of, on: { id: read, part: columnPart(column) }, kind: 'normal' })
      }
    }
  }
  return dependencies
}

function parentOfTrigger(of: PartAddress, { parent }: TriggerDefinition): Dependency[] {
  if (parent === undefined) return []
  return [{ of, on: { id: parent.table, part: triggerPart(parent.trigger) }, kind: 'internal' }]
}

export function dependenciesOfTrigger(id: number, trigger: TriggerDefinition): Dependency[] {
  const of = triggerPart(trigger.id)
  const columns = [...(trigger.columns ?? []), ...(trigger.reads ?? [])]
  return [
    { of, on: { id: trigger.function }, kind: 'normal' },
    ...calledBy(of, trigger),
    ...parentOfTrigger(of, trigger),
    ...columns.map((number): Dependency => ({ of, on: { id, part: columnPart(number) }, kind: 'normal' })),
  ]
}
