/**
 * json_populate_record and json_populate_recordset: objects as rows of a type that has a name. What an object has no member for
 * is as in the row that is given first.
 */
import { charge } from '../../../base/work.ts'
import { checkDomain } from '../../../model/table/domains.ts'
import { getType } from '../../../model/table/types/registry.ts'
import { RowValue } from '../../../model/table/types/user/row-value.ts'
import type { SqlValue } from '../contract.ts'
import { type CallExpression, type Expression, plainCall } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { recordsOf } from '../functions/json/json-records.ts'
import type { SetFunctionEntry } from '../functions/registry.ts'
import { undeterminedType } from '../functions/resolve.ts'
import type { SqlRun } from '../plan/run.ts'
import { columnsOfType } from '../routine/result.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { coerce, withoutDomain } from './coerce.ts'
import { needArguments, specialFunctions } from './specials.ts'

/** What a member costs to be read, for each of its characters. */
const unitsPerCharacter = 100

const types: ReadonlyMap<string, number> = new Map([
  ['json_populate_record', oid.json],
  ['jsonb_populate_record', oid.jsonb],
  ['json_populate_recordset', oid.json],
  ['jsonb_populate_recordset', oid.jsonb],
])

export function populatesRows(name: string): boolean {
  return types.has(name)
}

interface Populating {
  readonly row: number
  readonly arguments: readonly Expression[]
  readonly rows: (run: SqlRun, values: readonly SqlValue[]) => readonly (readonly SqlValue[])[]
}

function bindPopulating(
  binder: Binder,
  name: string,
  given: readonly Expression[],
  location: number | undefined,
): Populating {
  needArguments(name, given, 2, location, 2)
  const base = withoutDomain(given[0]!)
  if (base.type === oid.unknown) throw undeterminedType()
  const type = getType(base.type)
  if (type.fields === undefined) throw failure('42804', `first argument of ${name} must be a row type`, { location })
  const columns = columnsOfType(type)
  const isSet = name.endsWith('set')
  const rows: Populating['rows'] = (run, [given, text]) => {
    const before = given === null || given === undefined ? undefined : (given as RowValue).values
    if (text === null || text === undefined) return isSet ? [] : [before ?? columns.map(() => null)]
    charge((text as string).length * unitsPerCharacter)
    const found = recordsOf(name, text as string, columns, before)
    for (const row of found) checkRow(run, columns, row)
    return found
  }
  return { row: type.oid, arguments: [base, coerce(binder, given[1]!, types.get(name)!)], rows }
}

function checkRow(run: SqlRun, columns: ReturnType<typeof columnsOfType>, row: readonly SqlValue[]): void {
  for (const [i, column] of columns.entries()) {
    const type = getType(column.type)
    if (type.over !== undefined) checkDomain(run.transaction, type, row[i]!)
  }
}

/** In FROM: its columns. */
export function bindPopulatedRows(
  binder: Binder,
  name: string,
  given: readonly Expression[],
  location: number | undefined,
): {
  readonly entry: SetFunctionEntry
  readonly arguments: readonly Expression[]
  readonly columns: ReturnType<typeof columnsOfType>
} {
  const { row, rows, arguments: parts } = bindPopulating(binder, name, given, location)
  const columns = columnsOfType(getType(row))
  return { entry: { name, takes: [], variadic: false, columns, rows }, arguments: parts, columns }
}

for (const name of types.keys()) {
  specialFunctions.set(name, (binder, given, location): Expression => {
    const { row, rows, arguments: parts } = bindPopulating(binder, name, given, location)
    if (name.endsWith('set')) {
      const values: SetFunctionEntry['rows'] = (run, own) => rows(run, own).map((one) => [new RowValue(one)])
      return { kind: 'set', type: row, modifier: -1, location, name, arguments: parts, rows: values }
    }
    const implementation = (run: SqlRun, ...values: SqlValue[]): SqlValue => {
      if (values[1] === null) return values[0]!
      return new RowValue(rows(run, values)[0]!)
    }
    const call: CallExpression = { ...plainCall(name, row, parts, implementation, location, false), needsRun: true }
    return { ...call, stable: true }
  })
}
