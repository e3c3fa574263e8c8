/**
 * Functions in SQL: the statements of the body one after another, of which the last one's rows are the result. Parameters are
 * known by name and by number; a column of the same name comes first.
 */
import type { Node } from 'libpg-query'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { findType, rowTypeOf } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import { RecordRow, type RowValue } from '../../../model/table/types/user/row-value.ts'
import { allFields, bindField } from '../bind/row-values.ts'
import type { Variables } from '../bind/variables.ts'
import type { ParsedStatement, PreparedStatement, Row, SqlContext, SqlValue } from '../contract.ts'
import { failure, withPosition } from '../failure.ts'
import { parseText } from '../parse.ts'
import type { SqlRun } from '../plan/run.ts'
import { currentContext } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { type Convert, conversion, converted, isAssignable, typeTitle } from './conversion.ts'
import { type RoutineDefinition, inputsOf, outputsOf } from './definition.ts'
import { withContext } from './error-context.ts'
import { type InnerOptions, KeptStatement, prepareInner, runInner } from './inner-statement.ts'
import { type Invocation, registerRoutineLanguage, type RoutineLanguage } from './languages.ts'
import { isPolymorphic } from './pseudo-types.ts'
import { type BoundColumn, columnsOfResult, columnsOfType, isBareRecord, isComposite } from './result.ts'

function variablesOf(definition: RoutineDefinition, types: readonly number[]): Variables {
  const inputs = inputsOf(definition)
  const at = (index: number, location: number | undefined) => {
    return { kind: 'parameter', index, type: types[index]!, modifier: -1, location } as const
  }
  const named = (path: readonly string[], location: number | undefined) => {
    const [name] = path
    const index = path.length === 1 ? inputs.findIndex((one) => one.name === name) : -1
    return index < 0 ? undefined : at(index, location)
  }
  return {
    types,
    conflict: 'column',
    parameter: (number, location) => (number > inputs.length ? undefined : at(number - 1, location)),
    find: (path, location) => {
      const [first, ...rest] = path
      const own = named([first!], location)
      if (own !== undefined && rest.length <= 1) return rest.length === 0 ? own : bindField(own, rest[0]!, location)
      const qualified = first === definition.name ? named(rest.slice(0, 1), location) : undefined
      if (qualified === undefined || rest.length > 2) return undefined
      return rest.length === 1 ? qualified : bindField(qualified, rest[1]!, location)
    },
    star: (path) => {
      const row = path.length === 2 && path[0] === definition.name ? named([path[1]!], -1) : named(path, -1)
      const isRow = row !== undefined && findType(row.type)?.fields !== undefined
      return isRow ? allFields(row, undefined).map(({ name, value }) => ({ name, expression: value })) : undefined
    },
  }
}

const bodies = new WeakMap<Collection, readonly KeptStatement[]>()

function statementsIn(collection: Collection, { body }: RoutineDefinition): readonly KeptStatement[] {
  let found = bodies.get(collection)
  if (found === undefined) {
    found = parseText(body).map((parsed) => new KeptStatement(parsed))
    bodies.set(collection, found)
  }
  return found
}

function* runSql(invocation: Invocation): StatementSteps<readonly Row[]> {
  const { routine, caller, context, values, types, isReadOnly } = invocation
  const { definition, collection } = routine
  const options: InnerOptions = { caller, context, isReadOnly, within: 'a function' }
  const variables = variablesOf(definition, types)
  const statements = statementsIn(collection, definition)
  const rows: Row[] = []
  for (const [i, statement] of statements.entries()) {
    const isLast = i === statements.length - 1
    try {
      const { prepared } = statement.get(context, types.join(), (parsed) => {
        return checked(definition, isLast, parsed, prepareIn(parsed, context, variables), invocation.columns)
      })
      const shape = isLast ? shaper(prepared, invocation) : undefined
      yield* runInner(prepared, values.slice(0, prepared.parameterTypes.length), options, (batch) => {
        if (shape === undefined) return true
        for (const row of batch) {
          keep(invocation, rows, shape(row))
          if (definition.returns?.isSet !== true) return false
        }
        return true
      })
    } catch (error) {
      throw withContext(error, () => `SQL function "${definition.name}" statement ${i + 1}`)
    }
  }
  return rows
}

function keep({ caller }: Invocation, rows: Row[], row: Row): void {
  caller.transaction.workspace.memory.charge(rowBytes(row), 'the rows of a function')
  rows.push(row)
}

export function rowBytes(row: Row): number {
  return row.reduce<number>((sum, value) => sum + (typeof value === 'string' ? 2 * value.length : 0) + 16, 32)
}

function prepareIn(parsed: ParsedStatement, context: SqlContext, variables: Variables): PreparedStatement {
  try {
    return prepareInner(parsed, context, variables)
  } catch (error) {
    throw withPosition(error, parsed.source)
  }
}

/** The rows of the last statement as those of the function; undefined where it gives none. */
function shaper({ columns }: PreparedStatement, invocation: Invocation): ((row: Row) => Row) | undefined {
  const { columns: wanted, caller, routine } = invocation
  if (columns !== undefined && wanted.length === 0 && isBareRecord(routine.definition)) {
    const type = rowTypeOf(
      columns.map(({ name, typeOid, typeModifier }) => ({ name, type: typeOid, modifier: typeModifier })),
    )
    return (row) => [new RecordRow(row, type.oid)]
  }
  if (columns === undefined || wanted.length === 0) return undefined
  if (isOneRow(routine.definition, columns, wanted)) return rowShaper(columns[0]!.typeOid, wanted, caller)
  const conversions = wanted.map(({ type, modifier }, i): Convert | undefined => {
    return conversion(columns[i]!.typeOid, type, modifier)
  })
  if (conversions.every((one) => one === undefined) && columns.length === wanted.length) return (row) => row
  return (row) =>
    conversions.map((convert, i): SqlValue => (convert === undefined ? row[i]! : convert(row[i]!, caller)))
}

/** Its one column is the whole row that is wanted. */
function isOneRow(
  definition: RoutineDefinition,
  columns: readonly { readonly typeOid: number }[],
  wanted: readonly BoundColumn[],
): boolean {
  if (columns.length !== 1 || !isComposite(definition)) return false
  const { fields } = withoutDomain(columns[0]!.typeOid) ?? {}
  return fields !== undefined && fields.length === wanted.length && !isSame(columns[0]!.typeOid, wanted)
}

/** A row of one column, which is a row itself. */
function isSame(type: number, wanted: readonly BoundColumn[]): boolean {
  return wanted.length === 1 && wanted[0]!.type === type
}

function withoutDomain(type: number): SqlType | undefined {
  const found = findType(type)
  return found?.base ?? found
}

function rowShaper(type: number, wanted: readonly BoundColumn[], caller: SqlRun): (row: Row) => Row {
  const fields = columnsOfType(withoutDomain(type)!)
  return ([value]) => {
    const values = value === null || value === undefined ? undefined : (value as RowValue).values
    return wanted.map((column, i) => {
      return values === undefined ? null : converted(values[i]!, fields[i]!.type, column, caller)
    })
  }
}

function checked(
  definition: RoutineDefinition,
  isLast: boolean,
  { tree }: ParsedStatement,
  prepared: PreparedStatement,
  wanted: readonly BoundColumn[],
): PreparedStatement {
  const kind = Object.keys(tree as Node)[0]
  if (kind === 'TransactionStmt') throw failure('0A000', `${prepared.command} is not allowed in an SQL function`)
  if (isLast) checkResult(definition, prepared, wanted)
  return prepared
}

/** As PostgreSQL's check_sql_fn_retval. */
function checkResult(
  definition: RoutineDefinition,
  { columns, effect }: PreparedStatement,
  wanted: readonly BoundColumn[],
): void {
  const { returns, kind } = definition
  if (returns === undefined || returns.type === oid.void) return
  const title =
    returns.type === oid.record && wanted.length === 1 ? typeTitle(wanted[0]!.type) : typeTitle(returns.type)
  const mismatch = (detail: string): Error =>
    failure('42P13', `return type mismatch in function declared to return ${title}`, { detail })
  if (columns === undefined || (effect.kind !== 'read' && effect.kind !== 'write')) {
    if (kind === 'procedure' && wanted.length === 0) return
    throw mismatch("Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.")
  }
  if (isOneRow(definition, columns, wanted)) return
  if (wanted.length === 1 && columns.length !== 1) throw mismatch('Final statement must return exactly one column.')
  for (const [i, { type }] of wanted.entries()) {
    const column = columns[i]
    if (column === undefined) throw mismatch('Final statement returns too few columns.')
    if (isPolymorphic(type) || isAssignable(column.typeOid, type)) continue
    if (wanted.length === 1) throw mismatch(`Actual return type is ${typeTitle(column.typeOid)}.`)
    throw mismatch(
      `Final statement returns ${typeTitle(column.typeOid)} instead of ${typeTitle(type)} at column ${i + 1}.`,
    )
  }
  if (columns.length > wanted.length && wanted.length > 0) throw mismatch('Final statement returns too many columns.')
}

/** All of it is bound when it is made, but for one whose types are known only where it is called. */
function validate(definition: RoutineDefinition, run: SqlRun): void {
  const context = currentContext(run)
  const statements = parseText(definition.body)
  const types = inputsOf(definition).map(({ type }) => type)
  if ([...types, ...outputsOf(definition).map(({ type }) => type)].some(isPolymorphic)) return
  const variables = variablesOf(definition, types)
  const wanted = columnsOfResult(definition, run.transaction.catalog) ?? []
  if (statements.length === 0) checkNothing(definition)
  for (const [i, parsed] of statements.entries()) {
    const isLast = i === statements.length - 1
    checked(definition, isLast, parsed, prepareIn(parsed, context, variables), wanted)
  }
}

function checkNothing({ returns }: RoutineDefinition): void {
  if (returns === undefined || returns.type === oid.void) return
  throw failure('42P13', `return type mismatch in function declared to return ${typeTitle(returns.type)}`, {
    detail: "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.",
  })
}

const sqlLanguage: RoutineLanguage = { name: 'sql', run: runSql, validate }

registerRoutineLanguage(sqlLanguage)
