/** All SQL types, by number and by name. */
import { arrayTypeOf } from './array.ts'
import { boolType } from './boolean.ts'
import { byteaType } from './bytes.ts'
import { dateType, timestampType, timestamptzType, timeType } from './date-time.ts'
import { float4Type, float8Type } from './float.ts'
import { int2Type, int4Type, int8Type, oidType } from './integer.ts'
import { intervalType } from './interval.ts'
import { jsonbType, jsonType } from './json-type.ts'
import { numericType } from './numeric.ts'
import { systemTypes } from './system-types.ts'
import { bpcharType, charType, nameType, textType, unknownType, varcharType } from './text.ts'
import { sqlError, type SqlType } from './type.ts'
import { uuidType } from './uuid.ts'

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
}

export function findType(oid: number): SqlType | undefined {
  return byOid.get(oid)
}

export function getType(oid: number): SqlType {
  const type = byOid.get(oid)
  if (type === undefined) throw sqlError('undefined_object', '42704', `type with OID ${oid} does not exist`)
  return type
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
  return element.arrayOid === 0 ? undefined : byOid.get(element.arrayOid)
}

/**
 * The type of an array of such values: of arrays the same one, with a dimension more. Undefined where there is none, as
 * of int2vector, which has elements and is no type of array.
 */
export function arrayHolding(oid: number): number | undefined {
  const type = byOid.get(oid)
  if (type?.element !== undefined) return type.element.arrayOid === oid ? oid : undefined
  return type === undefined ? undefined : arrayOf(type)?.oid
}

/** PostgreSQL's `format_type`: `character varying(20)`, `timestamp(3) without time zone`, `numeric(10,2)[]`. */
export function formatType(oid: number, modifier: number): string {
  const type = byOid.get(oid)
  if (type === undefined) return oid === 0 ? '-' : '???'
  if (type.element?.arrayOid === oid) return `${formatType(type.element.oid, modifier)}[]`
  const suffix = modifier < 0 ? '' : type.formatModifier(modifier)
  const zone = type.title.search(/ with(out)? time zone$/)
  if (zone >= 0) return type.title.slice(0, zone) + suffix + type.title.slice(zone)
  // Without a length, `character` would mean one character.
  return type === bpcharType && suffix === '' ? 'bpchar' : type.title + suffix
}
