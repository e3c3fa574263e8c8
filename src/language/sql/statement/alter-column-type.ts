/** ALTER TABLE … ALTER COLUMN … TYPE, in the words of PostgreSQL 15: what a column becomes, and what stands against it. */
import type { AlterTableCmd, ColumnDef } from 'libpg-query'
import type { StatementSteps } from '../../../database/contract.ts'
import type { ColumnDefinition, ForeignKeyDefinition } from '../../../model/table/definition.ts'
import { type Retyped, retypeColumns } from '../../../model/table/retype.ts'
import { alterSequence } from '../../../model/table/sequence.ts'
import { alteredSequence } from '../../../model/table/sequence-definition.ts'
import { type Column, Table } from '../../../model/table/table.ts'
import { formatType } from '../../../model/table/types/registry.ts'
import type { Catalog, Collection } from '../../../database/catalog/catalog.ts'
import { dependenciesOf, isSamePart, type PartAddress } from '../../../database/catalog/objects.ts'
import { columnPart, tableKind } from '../../../model/table/table-kind.ts'
import { isView } from '../../../model/table/view-kind.ts'
import { requireTypeUse } from '../bind/type-access.ts'
import { type BoundType, bindColumnType } from '../bind/type-name.ts'
import { createBareBinder } from '../bind/bind.ts'
import type { Binder } from '../bind/binder.ts'
import { tryCoerce } from '../bind/coerce.ts'
import { compile } from '../expression/compile.ts'
import { type Expression, someExpression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { quoteIdentifier } from '../functions/text-functions.ts'
import { Planner } from '../plan/planner.ts'
import { currentContext, type SqlRow, type SqlRun } from '../plan/run.ts'
import { isRoutine } from '../routine/definition.ts'
import { oid } from '../types/oids.ts'
import { targetOf } from './assignment.ts'
import { checkTypes } from './foreign-keys.ts'
import { describeAddress } from './object-names.ts'
import { parseExpression } from '../parse-expression.ts'
import { scopeOfColumns } from './table-scope.ts'
import { refusePublishedType } from './publication-columns.ts'

/** All that a statement retypes, together: a USING sees each row as it was before the statement. */
export function retypeStep(
  planning: Binder,
  commands: readonly AlterTableCmd[],
): (run: SqlRun, table: Table) => StatementSteps<Table> {
  const wanted = commands.map(({ name = '', def }) => {
    if (def === undefined || !('ColumnDef' in def)) throw notBuilt('this ALTER COLUMN TYPE')
    if (def.ColumnDef.collClause !== undefined) throw notBuilt('COLLATE')
    const type = bindColumnType(planning, def.ColumnDef.typeName, name)
    requireTypeUse(planning.context, type.type)
    return { name, definition: def.ColumnDef, type }
  })
  return function* (run, table): StatementSteps<Table> {
    const binder = createBareBinder(currentContext(run))
    const seen = new Set<string>()
    const columns = wanted.map(({ name, definition, type }) => {
      const column = table.getColumn(name)
      if (seen.has(name)) throw failure('0A000', `cannot alter type of column "${name}" twice`)
      seen.add(name)
      refuseReaders(run, table, column)
      refusePublishedType(run, table, column)
      return retype(run, binder, { table, column, definition, type })
    })
    const refuse = (changed: Table): void => refuseReferences(run.transaction.catalog, changed)
    const changed = yield* retypeColumns(run.transaction, table, columns, refuse)
    for (const { number } of columns) retypeSequence(run, changed.columnByNumber(number))
    return changed
  }
}

/** What reads the column keeps what it reads as a text that holds for the type. */
function refuseReaders(run: SqlRun, { id }: Table, { name, number }: Column): void {
  const part = columnPart(number)
  const { catalog } = run.transaction
  for (const other of [catalog.collectionById(id)!, ...catalog.referrersOf(id)]) {
    for (const { of, on } of dependenciesOf(other)) {
      const reader = on.id === id && isSamePart(on.part, part) ? readerOf(other, of) : undefined
      if (reader === undefined) continue
      const what = describeAddress(run, { id: other.id, ...(of !== undefined && { part: of }) })
      throw failure('0A000', `cannot alter type of a column used ${reader}`, {
        // The query of a view is a rule to PostgreSQL.
        detail: `${of === undefined && !isRoutine(other) ? `rule _RETURN on ${what}` : what} depends on column "${name}"`,
      })
    }
  }
}

/** In PostgreSQL's words; undefined of what is changed with the column, or looked at by itself. */
function readerOf(collection: Collection, of: PartAddress | undefined): string | undefined {
  if (of === undefined) {
    if (isRoutine(collection)) return 'by a function or procedure'
    // A sequence of the column's own goes with it.
    return isView(collection) || collection.kind === tableKind.name ? 'by a view or rule' : undefined
  }
  if (of.kind === 'policy') return 'in a policy definition'
  return of.kind === 'trigger' ? 'in a trigger definition' : undefined
}

interface Change {
  readonly table: Table
  readonly column: Column
  readonly definition: ColumnDef
  readonly type: BoundType
}

function retype(run: SqlRun, binder: Binder, change: Change): Retyped {
  const { table, column, type } = change
  const { name } = column
  const { modifier: _, missing, ...kept } = column.definition
  const typed = { ...kept, type: type.type, ...(type.modifier >= 0 ? { modifier: type.modifier } : {}) }
  if (column.definition.identity !== undefined && !integers.has(type.type)) {
    throw failure('22023', 'identity column type must be smallint, integer, or bigint')
  }
  for (const other of table.columns) {
    if (other.generated?.reads.includes(column.number) !== true) continue
    throw failure('0A000', 'cannot alter type of a column used by a generated column', {
      detail: `Column "${name}" is used by generated column "${other.name}".`,
    })
  }
  if (column.generated !== undefined) return retypeGenerated(run, binder, change, typed)
  refuseDefault(binder, column, type)
  const evaluate = compile(transformOf(binder, change), new Planner().compilerAt(0))
  const isSame = change.definition.raw_default === undefined && holdsAll(column, type)
  const definition = {
    ...typed,
    // Rows that are older than the column are as they were, or written anew with all others.
    ...(isSame && missing !== undefined && { missing }),
  }
  return { number: column.number, definition, compute: isSame ? undefined : (row) => evaluate(row as SqlRow, run) }
}

/** Whatever the column may hold is a value of the type as it is stored. */
function holdsAll({ type: { oid: from }, modifier: length }: Column, { type, modifier }: BoundType): boolean {
  if (type !== from) return false
  return modifier === -1 || modifier === length || (type === oid.varchar && length >= 0 && modifier >= length)
}

const integers: ReadonlySet<number> = new Set([oid.int2, oid.int4, oid.int8])

/** Of what a row holds now, the value of the new type. */
function transformOf(binder: Binder, { table, column, definition, type }: Change): Expression {
  const using = definition.raw_default
  const scope = scopeOfColumns(table.name, table.columns.map(targetOf))
  scope.forbidsAggregates = 'transform expressions'
  const source = using === undefined ? scope.columns[column.ordinal]!.expression : binder.expression(scope, using)
  someExpression(source, ({ kind, location }) => {
    if (kind === 'subquery') throw failure('0A000', 'cannot use subquery in transform expression', { location })
    if (kind === 'set') {
      throw failure('0A000', 'set-returning functions are not allowed in transform expressions', { location })
    }
    return false
  })
  const converted = tryCoerce(binder, source, type.type, type.modifier, 'assignment')
  if (converted !== undefined) return converted
  const wanted = formatType(type.type, type.modifier)
  if (using !== undefined) {
    const message = `result of USING clause for column "${column.name}" cannot be cast automatically to type ${wanted}`
    throw failure('42804', message, { hint: 'You might need to add an explicit cast.' })
  }
  throw failure('42804', `column "${column.name}" cannot be cast automatically to type ${wanted}`, {
    hint: `You might need to specify "USING ${quoteIdentifier(column.name)}::${wanted}".`,
  })
}

/** Its text stays, and is converted where it is evaluated: back again it must not go through the type between. */
function refuseDefault(binder: Binder, { name, default: text }: Column, type: BoundType): void {
  if (text === undefined) return
  const bound = binder.expression(scopeOfColumns('', []), parseExpression(text))
  if (tryCoerce(binder, bound, type.type, -1, 'assignment') !== undefined) return
  const wanted = formatType(type.type, type.modifier)
  throw failure('42804', `default for column "${name}" cannot be cast automatically to type ${wanted}`)
}

function retypeGenerated(
  run: SqlRun,
  binder: Binder,
  { table, column, definition, type }: Change,
  typed: ColumnDefinition,
): Retyped {
  const { name, generated } = column
  if (definition.raw_default !== undefined) {
    throw failure('42611', 'cannot specify USING when altering type of generated column', {
      detail: `Column "${name}" is a generated column.`,
    })
  }
  const scope = scopeOfColumns(table.name, table.columns.map(targetOf))
  const bound = binder.expression(scope, parseExpression(generated!.expression))
  const converted = tryCoerce(binder, bound, type.type, type.modifier, 'assignment')
  if (converted === undefined) {
    const wanted = formatType(type.type, type.modifier)
    throw failure('42804', `generation expression for column "${name}" cannot be cast automatically to type ${wanted}`)
  }
  const evaluate = compile(converted, new Planner().compilerAt(0))
  return { number: column.number, definition: typed, compute: (row) => evaluate(row as SqlRow, run) }
}

function refuseReferences(catalog: Catalog, table: Table): void {
  for (const definition of table.foreignKeys) {
    const referenced = definition.references === table.id ? table : findTable(catalog, definition.references)!
    checkPairs(definition, table, referenced)
  }
  for (const id of table.definition.referencedBy ?? []) {
    // Of a table that is gone, what it referred to keeps the number.
    const referencing = id === table.id ? table : findTable(catalog, id)
    if (referencing === undefined) continue
    for (const definition of referencing.foreignKeys) {
      if (definition.references === table.id) checkPairs(definition, referencing, table)
    }
  }
}

function findTable(catalog: Catalog, id: number): Table | undefined {
  const collection = catalog.collectionById(id)
  return collection && Table.of(collection)
}

function checkPairs(definition: ForeignKeyDefinition, referencing: Table, referenced: Table): void {
  for (const [i, number] of definition.columns.entries()) {
    const other = referenced.columnByNumber(definition.referencedColumns[i]!)
    checkTypes(definition.name, referencing.columnByNumber(number), other)
  }
}

/** The numbers of an identity are of the column's type. */
function retypeSequence({ transaction }: SqlRun, { definition, type }: Column): void {
  const { identity, sequence } = definition
  const collection = sequence === undefined ? undefined : transaction.catalog.collectionById(sequence)
  if (identity === undefined || collection === undefined) return
  alterSequence(transaction, collection, (old) => alteredSequence(old, { type: type.oid }), undefined)
}
