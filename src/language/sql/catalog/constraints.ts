/** Constraints as the catalog's views and pg_get_constraintdef show them: keys, checks and foreign keys of every table. */
import type { CheckDefinition, ForeignKeyAction, ForeignKeyDefinition } from '../../../model/table/definition.ts'
import { type ForeignKey, foreignKeysOf } from '../../../model/table/foreign-key.ts'
import type { Table } from '../../../model/table/table.ts'
import { primaryIndex } from '../../../base/tuple.ts'
import type { SqlValue } from '../contract.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import type { SqlRun } from '../plan/run.ts'
import { describeDomainConstraint, domainConstraintRows } from './domain-catalog.ts'
import { collectionOid, defaultOid, foreignKeyOid, namespaceOid, primaryKeyOid, indexOid } from './identity.ts'
import { indexesOfTable, type ShownIndex, tables } from './stored-tables.ts'

export interface ShownConstraint {
  readonly oid: number
  readonly table: Table
  readonly name: string
  readonly kind: 'p' | 'u' | 'c' | 'f'
  readonly deferrable: ForeignKeyDefinition['deferrable']
  readonly index: ShownIndex | undefined
  readonly foreignKey: ForeignKey | undefined
  /** Of a check. */
  readonly expression: string | undefined
  readonly check?: CheckDefinition
}

export function* constraintsOf(run: SqlRun): Generator<ShownConstraint> {
  for (const table of tables(run)) yield* constraintsOfTable(run, table)
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
    yield { ...none, oid, name, kind: 'f', deferrable: definition.deferrable, foreignKey }
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
export function* constraintRows(run: SqlRun): Generator<readonly SqlValue[]> {
  yield* domainConstraintRows(run)
  for (const { oid, table, name, kind, deferrable, index, foreignKey, check } of constraintsOf(run)) {
    const definition = foreignKey?.definition
    const isPart = index?.isPart === true || definition?.parent !== undefined
    const isShared = check === undefined && table.definition.partitioning !== undefined
    yield [
      oid,
      name,
      namespaceOid(table.collection.namespace),
      kind,
      deferrable !== undefined,
      deferrable === 'deferred',
      definition?.notValid !== true,
      collectionOid(table.collection),
      0,
      index?.oid ?? (foreignKey === undefined ? 0 : referencedIndexOid(foreignKey)),
      0,
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

function referencedIndexOid({ referenced, definition }: ForeignKey): number {
  const { collection } = referenced
  return definition.index === primaryIndex ? primaryKeyOid(collection) : indexOid(collection, definition.index)
}

/** pg_get_constraintdef. */
export function describeConstraint(run: SqlRun, oid: number, isPretty = false): string | null {
  for (const constraint of constraintsOf(run)) if (constraint.oid === oid) return textOf(run, constraint, isPretty)
  return describeDomainConstraint(run, oid)
}

function textOf(
  run: SqlRun,
  { kind, index, foreignKey, expression, deferrable, check }: ShownConstraint,
  isPretty: boolean,
): string {
  const timing = deferrable === undefined ? '' : ` DEFERRABLE${deferrable === 'deferred' ? ' INITIALLY DEFERRED' : ''}`
  if (index !== undefined) {
    return `${kind === 'p' ? 'PRIMARY KEY' : 'UNIQUE'} ${listOf(index.parts.map(({ column }) => column))}${timing}`
  }
  if (foreignKey !== undefined) return describeForeignKey(run, foreignKey, timing)
  const inherits = check?.noInherit === true ? ' NO INHERIT' : ''
  const text = expression!
  // Without the parentheses that say what binds anyway, where nothing else is in some.
  const isBare = isPretty && (/^\([^()]*\)$/.test(text) || !text.startsWith('('))
  const shown = isBare ? text.replace(/^\((.*)\)$/s, '$1') : text.startsWith('(') ? text : `(${text})`
  return `CHECK (${shown})${inherits}`
}

function listOf(columns: readonly { readonly name: string }[]): string {
  return `(${columns.map(({ name }) => quoteIdentifier(name)).join(', ')})`
}

function describeForeignKey(run: SqlRun, foreignKey: ForeignKey, timing: string): string {
  const { columns, referenced, referencedColumns, definition } = foreignKey
  const isVisible = run.context.searchPath.includes(referenced.schema)
  const schema = isVisible ? '' : `${quoteIdentifier(referenced.schema)}.`
  const to = `${schema}${quoteIdentifier(referenced.name)}${listOf(referencedColumns)}`
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
