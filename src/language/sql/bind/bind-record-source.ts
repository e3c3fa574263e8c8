/** Functions that return records, in FROM with a list of columns: `json_to_recordset(doc) AS t(a int, b text)`. */
import type { FuncCall, Node } from 'libpg-query'
import { charge } from '../../../base/work.ts'
import type { SqlValue } from '../contract.ts'
import type { Expression } from '../expression/expression.ts'
import { failure, notBuilt } from '../failure.ts'
import { type RecordColumn, recordFunctions, recordsOf } from '../functions/json/json-records.ts'
import type { SetFunctionEntry } from '../functions/registry.ts'
import type { Binder } from './binder.ts'
import { coerce } from './coerce.ts'
import type { Scope } from './scope.ts'
import { lastName } from './tree.ts'
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
  const known = recordFunctions.get(name)
  const { location } = call
  if (known === undefined) {
    const message = 'a column definition list is only allowed for functions returning "record"'
    throw failure('42601', message, { location })
  }
  const columns = definitions.map((node): RecordColumn => {
    if (!('ColumnDef' in node)) throw notBuilt('this column definition', location)
    const { colname: column = '', typeName } = node.ColumnDef
    return { name: column, ...bindTypeName(binder, typeName) }
  })
  const [document, ...more] = (call.args ?? []).map((one) => binder.expression(scope, one))
  if (document === undefined || more.length > 0)
    throw failure('42883', `function ${name}() does not exist`, { location })
  const entry: SetFunctionEntry = {
    name,
    takes: [known.type],
    variadic: false,
    columns,
    rows: (_run, [text]) => rowsOf(name, text as string | null, columns),
  }
  return { entry, arguments: [coerce(binder, document, known.type)], columns }
}

function rowsOf(name: string, text: string | null, columns: readonly RecordColumn[]): readonly SqlValue[][] {
  if (text === null) return recordFunctions.get(name)!.isSet ? [] : [columns.map(() => null)]
  charge(text.length * unitsPerCharacter)
  return recordsOf(name, text, columns)
}
