/** Functions that return records, in FROM with a list of columns: `json_to_recordset(doc) AS t(a int, b text)`. */
import type { FuncCall, Node } from 'libpg-query'
import { charge } from '../../../base/work.ts'
import type { SqlValue } from '../contract.ts'
import type { Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { type RecordColumn, recordFunctions, recordsOf } from '../functions/json/json-records.ts'
import type { SetFunctionEntry } from '../functions/registry.ts'
import { isBareRecord, isComposite, rowTypeOfResult } from '../routine/result.ts'
import { bindRoutineOf } from './bind-function.ts'
import { routineRows, routinesOf } from './bind-routine.ts'
import type { Binder } from './binder.ts'
import { coerce } from './coerce.ts'
import type { Scope } from './scope.ts'
import { lastName, stringsOf } from './tree.ts'
import { bindTypeName } from './type-name.ts'

interface RecordSource {
  readonly entry: SetFunctionEntry
  readonly arguments: readonly Expression[]
  readonly columns: readonly RecordColumn[]
}

/** What a member of a document costs to be read, for each of its characters. */
const unitsPerCharacter = 100

export function bindRecordSource(
  binder: Binder,
  scope: Scope,
  call: FuncCall,
  definitions: readonly Node[],
): RecordSource {
  const name = lastName(call.funcname)
  const { location } = call
  const columns = definitions.map((node): RecordColumn => {
    if (!('ColumnDef' in node)) throw notBuilt('this column definition', location)
    const { colname: column = '', typeName } = node.ColumnDef
    return { name: column, ...bindTypeName(binder, typeName) }
  })
  const routine = bindRecordRoutine(binder, scope, call, columns)
  if (routine !== undefined) return routine
  const known = recordFunctions.get(name)
  if (known === undefined) {
    const message = 'a column definition list is only allowed for functions returning "record"'
    throw failure('42601', message, { location })
  }
  const [document, ...more] = (call.args ?? []).map((one) => binder.expression(scope, one))
  if (document === undefined || more.length > 0)
    throw failure('42883', `function ${name}() does not exist`, { location })
  const entry: SetFunctionEntry = {
    name,
    takes: [known.type],
    variadic: false,
    isDescribed: true,
    columns,
    rows: (_run, [text]) => rowsOf(name, text as string | null, columns),
  }
  return { entry, arguments: [coerce(binder, document, known.type)], columns }
}

/** One that was made, and gives rows of any columns. */
function bindRecordRoutine(
  binder: Binder,
  scope: Scope,
  call: FuncCall,
  columns: readonly RecordColumn[],
): RecordSource | undefined {
  const path = stringsOf(call.funcname)
  const routines = routinesOf(binder, path)
  if (routines.length === 0) return undefined
  const bound = bindRoutineOf(binder, scope, call, path, routines)
  if (!('routine' in bound)) return undefined
  if (!isBareRecord(bound.routine.definition)) {
    const { definition } = bound.routine
    const isNamed = rowTypeOfResult(definition, binder.catalog) !== undefined
    const which = isNamed ? 'returning a named composite type' : 'with OUT parameters'
    const message = isComposite(definition)
      ? `a column definition list is redundant for a function ${which}`
      : 'a column definition list is only allowed for functions returning "record"'
    throw failure('42601', message, { location: call.location })
  }
  const entry: SetFunctionEntry = {
    name: bound.routine.definition.name,
    routine: bound.routine.collection,
    takes: [],
    variadic: false,
    isDescribed: true,
    columns,
    rows: routineRows({ ...bound, columns }),
  }
  return { entry, arguments: bound.arguments, columns }
}

function rowsOf(name: string, text: string | null, columns: readonly RecordColumn[]): readonly SqlValue[][] {
  if (text === null) return recordFunctions.get(name)!.isSet ? [] : [columns.map(() => null)]
  charge(text.length * unitsPerCharacter)
  return recordsOf(name, text, columns)
}
