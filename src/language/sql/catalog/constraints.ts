/** Constraints as the catalog's views and pg_get_constraintdef show them: keys, checks and foreign keys of every table. */
import type { CheckDefinition, ForeignKeyAction, ForeignKeyDefinition } from '../../../model/table/definition.ts'
import { type ForeignKey, foreignKeysOf } from '../../../model/table/foreign-key.ts'
import { isTable } from '../../../model/table/table-kind.ts'
import { Table } from '../../../model/table/table.ts'
import { primaryIndex } from '../../../base/tuple.ts'
import type { SqlValue } from '../contract.ts'
import { qualify } from '../bind/objects.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import type { SqlRun } from '../plan/run.ts'
import { describeDomainConstraint, domainConstraintRows } from './domain-catalog.ts'
import { shownExpression } from './shown-expressions.ts'
import {
  collectionOid,
  constraintOwner,
  defaultOid,
  foreignKeyOid,
  namespaceOid,
  primaryKeyOid,
  indexOid,
} from './identity.ts'
import { allObjects, type StoredObjects } from './stored-objects.ts'
import { indexesOfTable, parentIndexOid, type ShownIndex, tablesAmong } from './stored-tables.ts'

export interface ShownConstraint {
  readonly oid: number
  readonly table: Table
  readonly name: string
  readonly kind: 'p' | 'u' | 'c' | 'f'
  readonly deferrable: ForeignKeyDefinition['deferrable']
  readonly index: ShownIndex | undefined
  readonly foreignKey: ForeignKey | undefined
  /** Of what a foreign key is for one partition: the number of the one that it is a part of. */
  readonly partOf?: number
  /** Of a check. */
  readonly expression: string | undefined
  readonly check?: CheckDefinition
}

export function* constraintsOf(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<ShownConstraint> {
  for (const table of tablesAmong(objects.relations())) yield* constraintsOfTable(run, table)
}

function* constraintsOfTable(run: SqlRun, table: Table): Generator<ShownConstraint> {
  const none = { table, index: undefined, foreignKey: undefined, expression: undefined }
  for (const index of indexesOfTable(table)) {
    const { oid, name, isPrimary, deferrable } = index
    if (index.isConstraint) yield { ...none, oid, name, kind: isPrimary ? 'p' : 'u', deferrable, index }
  }
  for (const [i, check] of table.checks.entries()) {
    const { name, expression } = check
    yield {
      ...none,
      oid: defaultOid(table.collection, 32 + i),
      name,
      kind: 'c',
      deferrable: undefined,
      expression,
      check,
    }
  }
  for (const foreignKey of foreignKeysOf(run.transaction.catalog, table)) {
    const { name, definition } = foreignKey
    const oid = foreignKeyOid(table.collection, definition.id)
    const shown = { ...none, kind: 'f', deferrable: definition.deferrable } as const
    yield { ...shown, oid, name, foreignKey }
    yield* partsOf(run, foreignKey, shown)
  }
}

/** Of a foreign key to a partitioned table: what it is for each partition. */
function* partsOf(
  run: SqlRun,
  foreignKey: ForeignKey,
  shown: Omit<ShownConstraint, 'oid' | 'name'>,
): Generator<ShownConstraint> {
  const { catalog } = run.transaction
  const { parts = [], id } = foreignKey.definition
  for (const { id: partId, name, references } of parts) {
    const table = Table.of(catalog.collectionById(references)!)
    const part = foreignKey.toPart(catalog, table)
    if (part === undefined) continue
    const above = parts.find((one) => one.references === table.definition.inherits![0])?.id ?? id
    const { collection } = shown.table
    const partOf = foreignKeyOid(collection, above)
    yield { ...shown, oid: foreignKeyOid(collection, partId), name, foreignKey: part, partOf }
  }
}

const actionCodes: Readonly<Record<ForeignKeyAction, string>> = {
  'no action': 'a',
  restrict: 'r',
  cascade: 'c',
  'set null': 'n',
  'set default': 'd',
}

/** pg_constraint. */
export function* constraintRows(run: SqlRun, objects: StoredObjects = allObjects(run)): Generator<readonly SqlValue[]> {
  yield* domainConstraintRows(objects.types())
  for (const shown of constraintsOf(run, objects)) {
    const { oid, table, name, kind, deferrable, index, foreignKey, partOf, check } = shown
    const definition = foreignKey?.definition
    const isPart = index?.isPart === true || definition?.parent !== undefined || partOf !== undefined
    const isShared = check === undefined && table.definition.partitioning !== undefined
    yield [
      oid,
      name,
      namespaceOid(table.collection.namespace),
      kind,
      deferrable !== undefined,
      deferrable === 'deferred',
      (definition ?? check)?.notValid !== true,
      collectionOid(table.collection),
      0,
      index?.oid ?? (foreignKey === undefined ? 0 : referencedIndexOid(foreignKey)),
      partOf ?? parentOid(run, table, index, definition),
      foreignKey === undefined ? 0 : collectionOid(foreignKey.referenced.collection),
      definition === undefined ? ' ' : actionCodes[definition.onUpdate],
      definition === undefined ? ' ' : actionCodes[definition.onDelete],
      definition === undefined ? ' ' : definition.match === 'full' ? 'f' : 's',
      !isPart && check?.local !== false,
      isPart ? 1 : (check?.inherited ?? 0),
      check === undefined ? !isShared : check.noInherit === true,
      index?.parts.map(({ column }) => column.number) ?? definition?.columns ?? [],
      definition?.referencedColumns ?? null,
      null,
      null,
      null,
      definition?.setColumns ?? null,
      null,
      null,
    ]
  }
}

/** Of what a partition has of its parent: the parent's. */
function parentOid(run: SqlRun, table: Table, index?: ShownIndex, foreignKey?: ForeignKeyDefinition): number {
  const { catalog } = run.transaction
  const above = index === undefined ? undefined : parentIndexOid(catalog, index)
  if (above !== undefined) return above
  const parent = foreignKey?.parent === undefined ? undefined : catalog.collectionById(table.definition.inherits![0]!)
  return parent === undefined ? 0 : foreignKeyOid(parent, foreignKey!.parent!)
}

function referencedIndexOid({ referenced, definition }: ForeignKey): number {
  const { collection } = referenced
  return definition.index === primaryIndex ? primaryKeyOid(collection) : indexOid(collection, definition.index)
}

/** pg_get_constraintdef. */
export function describeConstraint(run: SqlRun, oid: number, isPretty = false): string | null {
  const owner = constraintOwner(run.transaction.catalog, oid)
  if (owner === undefined) return null
  if (!isTable(owner)) return describeDomainConstraint(run, oid, isPretty)
  for (const constraint of constraintsOfTable(run, Table.of(owner)))
    if (constraint.oid === oid) return textOf(run, constraint, isPretty)
  return null
}

function textOf(
  run: SqlRun,
  { table, kind, index, foreignKey, expression, deferrable, check }: ShownConstraint,
  isPretty: boolean,
): string {
  const timing = deferrable === undefined ? '' : ` DEFERRABLE${deferrable === 'deferred' ? ' INITIALLY DEFERRED' : ''}`
  if (index !== undefined) {
    const included = (index.definition?.include ?? []).map((number) => table.columnByNumber(number))
    const more = included.length === 0 ? '' : ` INCLUDE ${listOf(included)}`
    return `${kind === 'p' ? 'PRIMARY KEY' : 'UNIQUE'} ${listOf(index.parts.map(({ column }) => column))}${more}${timing}`
  }
  if (foreignKey !== undefined) return describeForeignKey(run, foreignKey, timing)
  const inherits = check?.noInherit === true ? ' NO INHERIT' : ''
  const { text } = shownExpression(run, { kind: 'table', table }, expression!, isPretty)
  return `CHECK (${text})${inherits}${check?.notValid === true ? ' NOT VALID' : ''}`
}

function listOf(columns: readonly { readonly name: string }[]): string {
  return `(${columns.map(({ name }) => quoteIdentifier(name)).join(', ')})`
}

function describeForeignKey(run: SqlRun, foreignKey: ForeignKey, timing: string): string {
  const { columns, referenced, referencedColumns, definition } = foreignKey
  const to = `${qualify(run.context, referenced.schema, referenced.name)}${listOf(referencedColumns)}`
  const { match, onUpdate, onDelete, setColumns, notValid } = definition
  const only = setColumns === undefined ? '' : ` ${listOf(columns.filter(({ number }) => setColumns.includes(number)))}`
  return [
    `FOREIGN KEY ${listOf(columns)} REFERENCES ${to}`,
    match === 'full' ? ' MATCH FULL' : '',
    onUpdate === 'no action' ? '' : ` ON UPDATE ${onUpdate.toUpperCase()}`,
    onDelete === 'no action' ? '' : ` ON DELETE ${onDelete.toUpperCase()}${only}`,
    timing,
    notValid === true ? ' NOT VALID' : '',
  ].join('')
}
