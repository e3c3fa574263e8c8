/** All SQL types, by number and by name. Those that users make are in catalogs: here they have a number only. */
import { arrayTypeOf } from './array.ts'
import { bitType, varbitType } from './bit.ts'
import { boolType } from './boolean.ts'
import { byteaType } from './bytes.ts'
import { lsnType, tidType, xid8Type } from './counters.ts'
import { dateType, timestampType, timestamptzType, timeType } from './date-time.ts'
import { float4Type, float8Type } from './float.ts'
import { int2Type, int4Type, int8Type, oidType } from './integer.ts'
import { shapeTypes } from './geometry/shape-types.ts'
import { intervalType } from './interval.ts'
import { jsonPathType } from './json-path/json-path-type.ts'
import { jsonbType, jsonType } from './json-type.ts'
import { moneyType } from './money.ts'
import { cidrType, inetType, macaddr8Type, macaddrType } from './network.ts'
import { numericType } from './numeric.ts'
import { rangeTypes } from './ranges/range-types.ts'
import { systemTypes } from './system-types.ts'
import { bpcharType, charType, nameType, textType, unknownType, varcharType } from './text.ts'
import { sqlError, type SqlType } from './type.ts'
import type { TypeContent, TypeContents } from './user/content.ts'
import { anonymousRow, type FieldOfRow, findMade, typeOfContents } from './user/user-type.ts'
import { uuidType } from './uuid.ts'
import { timetzType } from './zoned-time.ts'

const scalarTypes: readonly SqlType[] = [
  boolType,
  byteaType,
  charType,
  nameType,
  int8Type,
  int2Type,
  int4Type,
  textType,
  oidType,
  jsonType,
  float4Type,
  float8Type,
  unknownType,
  bpcharType,
  varcharType,
  dateType,
  timeType,
  timestampType,
  timestamptzType,
  intervalType,
  numericType,
  uuidType,
  jsonbType,
  timetzType,
  bitType,
  varbitType,
  moneyType,
  inetType,
  cidrType,
  macaddrType,
  macaddr8Type,
  lsnType,
  xid8Type,
  tidType,
  jsonPathType,
  ...shapeTypes,
  ...rangeTypes,
  ...systemTypes,
]

export const allTypes: readonly SqlType[] = [
  ...scalarTypes,
  ...scalarTypes.filter((type) => type.arrayOid !== 0).map(arrayTypeOf),
]

const byOid = new Map<number, SqlType>(allTypes.map((type) => [type.oid, type]))
const byName = new Map<string, SqlType>(allTypes.map((type) => [type.name, type]))

/** The names of the SQL standard and of habit; the grammar resolves most of them before they come here. */
const aliases: Readonly<Record<string, string>> = {
  boolean: 'bool',
  smallint: 'int2',
  int: 'int4',
  integer: 'int4',
  bigint: 'int8',
  real: 'float4',
  'double precision': 'float8',
  decimal: 'numeric',
  dec: 'numeric',
  'character varying': 'varchar',
  character: 'bpchar',
  '"char"': 'char',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
  'time without time zone': 'time',
  'time with time zone': 'timetz',
  'bit varying': 'varbit',
}

export function findType(oid: number): SqlType | undefined {
  return byOid.get(oid) ?? findMade(oid)
}

export function getType(oid: number): SqlType {
  const type = byOid.get(oid) ?? findMade(oid)
  if (type === undefined) throw sqlError('undefined_object', '42704', `type with OID ${oid} does not exist`)
  return type
}

/** By the number that a definition has, which keeps what users' types consist of. */
export function storedType(number: number, contents: TypeContents): SqlType {
  return typeOfContents(number, contents, getType)
}

/** What a definition keeps of these types, by plans' numbers; nothing where users made none of them. */
export function keptContents(numbers: readonly number[]): { readonly types?: TypeContents } {
  const types: Record<string, TypeContent> = {}
  for (const number of numbers) Object.assign(types, findMade(number)?.made?.contents)
  return Object.keys(types).length === 0 ? {} : { types }
}

/** What ROW(…) of such values is. */
export function rowTypeOf(fields: readonly FieldOfRow[]): SqlType {
  return anonymousRow(fields, getType)
}

/** The number that clients and definitions know a type by. */
export function shownNumber(oid: number): number {
  return findMade(oid)?.catalogOid ?? oid
}

/** By internal name, standard name, or either followed by `[]`. */
export function findTypeByName(name: string): SqlType | undefined {
  if (name.endsWith('[]')) {
    const element = findTypeByName(name.slice(0, -2))
    return element === undefined ? undefined : arrayOf(element)
  }
  return byName.get(Object.hasOwn(aliases, name) ? aliases[name]! : name)
}

export function arrayOf(element: SqlType): SqlType | undefined {
  return element.arrayOid === 0 ? undefined : findType(element.arrayOid)
}

/**
 * The type of an array of such values: of arrays the same one, with a dimension more. Undefined where there is none, as
 * of int2vector, which has elements and is no type of array.
 */
export function arrayHolding(oid: number): number | undefined {
  const type = findType(oid)
  if (type?.element !== undefined) return type.element.arrayOid === oid ? oid : undefined
  return type === undefined ? undefined : arrayOf(type)?.oid
}

/** Of the values of another type; a domain over an array is a type for itself. */
export function isArrayType({ oid, element }: SqlType): boolean {
  return element?.arrayOid === oid
}

/** PostgreSQL's `format_type`: `character varying(20)`, `timestamp(3) without time zone`, `numeric(10,2)[]`. */
export function formatType(oid: number, modifier: number): string {
  const type = findType(oid)
  if (type === undefined) return oid === 0 ? '-' : '???'
  if (isArrayType(type)) return `${formatType(type.element!.oid, modifier)}[]`
  const suffix = modifier < 0 ? '' : type.formatModifier(modifier)
  const zone = type.title.search(/ with(out)? time zone$/)
  if (zone >= 0) return type.title.slice(0, zone) + suffix + type.title.slice(zone)
  // Without a length, `character` would mean one character.
  return type === bpcharType && suffix === '' ? 'bpchar' : type.title + suffix
}
