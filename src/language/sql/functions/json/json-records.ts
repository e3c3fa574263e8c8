/**
 * Rows of json objects: json_to_record and json_to_recordset, whose columns the statement says. A member becomes a column's value
 * by its JSON text where the column is json, element by element where it is an array, else by the text that `->>` shows.
 */
import { getType } from '../../../../model/table/types/registry.ts'
import type { SqlType } from '../../../../model/table/types/type.ts'
import { RowValue } from '../../../../model/table/types/user/row-value.ts'
import { formatJsonb, parseJson } from '../../../../model/table/types/json.ts'
import type { SqlValue } from '../../contract.ts'
import { failure } from '../../failure.ts'
import { oid } from '../../types/oids.ts'
import { partsOfJson, unquoteJson } from './json-text.ts'

export interface RecordColumn {
  readonly name: string
  readonly type: number
  readonly modifier: number
}

interface RecordFunction {
  readonly type: number
  readonly isSet: boolean
}

export const recordFunctions: ReadonlyMap<string, RecordFunction> = new Map([
  ['json_to_record', { type: oid.json, isSet: false }],
  ['jsonb_to_record', { type: oid.jsonb, isSet: false }],
  ['json_to_recordset', { type: oid.json, isSet: true }],
  ['jsonb_to_recordset', { type: oid.jsonb, isSet: true }],
])

/** `before`: what a column is that the object has no member for. */
export function recordsOf(
  name: string,
  text: string,
  columns: readonly RecordColumn[],
  before?: readonly SqlValue[],
): SqlValue[][] {
  const isSet = name.endsWith('set')
  const row = (one: string): SqlValue[] => {
    const members = membersOf(one, name)
    return columns.map((column, i) => {
      const member = members.get(column.name)
      return member === undefined ? (before?.[i] ?? null) : jsonToValue(member, column, column.name)
    })
  }
  if (!isSet) return [row(text)]
  parseJson(text)
  const whole = partsOfJson(text)
  if (whole === undefined) throw failure('22023', `cannot call ${name} on a scalar`)
  if (whole.isObject) throw failure('22023', `cannot call ${name} on an object`)
  return whole.parts.map((part) => row(part.text))
}

/** The last of those that have one name. */
function membersOf(text: string, name: string): ReadonlyMap<string, string> {
  parseJson(text)
  const whole = partsOfJson(text)
  if (whole === undefined || !whole.isObject) {
    if (name.endsWith('set')) throw failure('22023', `argument of ${name} must be an array of objects`)
    throw failure('22023', `cannot call populate_composite on ${whole === undefined ? 'a scalar' : 'an array'}`)
  }
  return new Map(whole.parts.map((part) => [part.key!, part.text]))
}

/** `text`: a piece of JSON. `key`: what a message calls it. */
export function jsonToValue(text: string, { type: number, modifier }: RecordColumn, key: string): SqlValue {
  const type = getType(number)
  const trimmed = text.trim()
  if (trimmed === 'null') return null
  if (number === oid.json) return trimmed
  if (number === oid.jsonb) return formatJsonb(parseJson(trimmed))
  if (type.element !== undefined && type.category === 'A' && trimmed.startsWith('[')) {
    const element = { name: key, type: type.element.oid, modifier }
    return listOf(trimmed, element, key)
  }
  if (type.element !== undefined && type.category === 'A' && !trimmed.startsWith('"')) {
    throw failure('22P02', 'expected JSON array', { hint: `See the value of key "${key}".` })
  }
  if (type.fields !== undefined && trimmed.startsWith('{')) {
    return new RowValue(recordsOf('a row', trimmed, columnsOf(type))[0]!)
  }
  const shown = unquoteJson(trimmed) as string
  const value = type.parseText(shown)
  return modifier < 0 ? value : type.coerce(value, modifier, false)
}

function columnsOf({ fields = [] }: SqlType): readonly RecordColumn[] {
  return fields.map(({ name, type, modifier }) => ({ name, type: type.oid, modifier }))
}

function listOf(text: string, element: RecordColumn, key: string): readonly SqlValue[] {
  const parts = partsOfJson(text)!.parts.map((part) => part.text.trim())
  const isNested = parts[0]?.startsWith('[') === true && element.type !== oid.json && element.type !== oid.jsonb
  if (!isNested) return parts.map((part) => jsonToValue(part, element, key))
  const rows = parts.map((part) => {
    if (!part.startsWith('['))
      throw failure('22P02', 'expected JSON array', { hint: `See the array element of key "${key}".` })
    return listOf(part, element, key)
  })
  if (rows.some((row) => row.length !== rows[0]!.length)) {
    throw failure('22P02', 'malformed JSON array', {
      detail: 'Multidimensional arrays must have sub-arrays with matching dimensions.',
    })
  }
  return rows
}
