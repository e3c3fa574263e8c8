/**
 * Types that appear in the system catalog and in function signatures rather than in tables: names of objects by number
 * (`regclass` and its kin), vectors of numbers, and pseudo types.
 *
 * A value of a reg type is an OID; what knows the catalog may put the object's name in its place for output.
 */
import { arrayTypeOf } from './array.ts'
import { parseUnsigned } from './counters.ts'
import { int2Type, oidType, parseInteger } from './integer.ts'
import { textType } from './text.ts'
import { sqlError, type SqlType } from './type.ts'
import type { RecordRow } from './user/row-value.ts'
import { findMade } from './user/user-type.ts'
import type { SqlValue } from './value.ts'

function regType(oid: number, name: string, arrayOid: number): SqlType {
  return {
    ...oidType,
    oid,
    name,
    title: name,
    arrayOid,
    isPreferred: false,
    parseText: (text) => (text === '-' ? 0 : parseInteger(text, name, 0, 4294967295)),
    formatText: (value) => (value === 0 ? '-' : `${value as number}`),
  }
}

/** Numbers with spaces between them, such as the columns of an index. There are no arrays of them: they are arrays. */
function vectorType(oid: number, name: string, element: SqlType): SqlType {
  return {
    ...arrayTypeOf(element),
    oid,
    name,
    title: name,
    arrayOid: 0,
    parseText: (text) =>
      text.trim() === ''
        ? []
        : text
            .trim()
            .split(/\s+/)
            .map((part) => element.parseText(part)),
    formatText: (value) => (value as readonly SqlValue[]).map((one) => element.formatText(one)).join(' '),
  }
}

function textualType(oid: number, name: string, arrayOid: number): SqlType {
  return { ...textType, oid, name, title: name, arrayOid, category: 'U', isPreferred: false }
}

function pseudoType(oid: number, name: string): SqlType {
  const refuse = (): never => {
    throw sqlError('unsupported', '0A000', `cannot accept a value of type ${name}`)
  }
  return {
    ...textType,
    oid,
    name,
    title: name,
    arrayOid: 0,
    category: 'P',
    isPreferred: false,
    isOrdered: false,
    parseText: refuse,
    decodeBinary: refuse,
    formatText: (value) => (typeof value === 'string' ? value : ''),
  }
}

const voidType: SqlType = {
  ...pseudoType(2278, 'void'),
  lengthBytes: 4,
  parseText: () => '',
  encodeBinary: () => undefined,
}

/** A value tells what it consists of. */
const rowTypeOf = (value: SqlValue): SqlType => findMade((value as RecordRow).type)!

const recordType: SqlType = {
  ...pseudoType(2249, 'record'),
  parseText: () => {
    throw sqlError('unsupported', '0A000', 'input of anonymous composite types is not implemented')
  },
  formatText: (value) => rowTypeOf(value).formatText(value),
  encodeBinary: (value, writer) => rowTypeOf(value).encodeBinary(value, writer),
}

const regclassType: SqlType = regType(2205, 'regclass', 2210)
const regtypeType: SqlType = regType(2206, 'regtype', 2211)
const regprocType: SqlType = regType(24, 'regproc', 1008)
const regprocedureType: SqlType = regType(2202, 'regprocedure', 2207)
const regnamespaceType: SqlType = regType(4089, 'regnamespace', 4090)
const regroleType: SqlType = regType(4096, 'regrole', 4097)
const cidType: SqlType = {
  ...regType(29, 'cid', 1012),
  parseText: (text) => Number(parseUnsigned(text, 'cid', 0xffff_ffffn)),
  formatText: String,
  category: 'U',
}
const xidType: SqlType = {
  ...regType(28, 'xid', 1011),
  parseText: (text) => Number(parseUnsigned(text, 'xid', 0xffff_ffffn)),
  formatText: String,
  category: 'U',
}
const int2vectorType: SqlType = vectorType(22, 'int2vector', int2Type)
const oidvectorType: SqlType = vectorType(30, 'oidvector', oidType)

export const systemTypes: readonly SqlType[] = [
  voidType,
  regclassType,
  regtypeType,
  regprocType,
  regprocedureType,
  regnamespaceType,
  regroleType,
  xidType,
  cidType,
  int2vectorType,
  oidvectorType,
  textualType(194, 'pg_node_tree', 0),
  textualType(1033, 'aclitem', 1034),
  textualType(1790, 'refcursor', 2201),
  recordType,
  pseudoType(2275, 'cstring'),
  pseudoType(2276, 'any'),
  pseudoType(2277, 'anyarray'),
  pseudoType(2279, 'trigger'),
  pseudoType(2283, 'anyelement'),
  pseudoType(3831, 'anyrange'),
  pseudoType(4537, 'anymultirange'),
  pseudoType(2776, 'anynonarray'),
  pseudoType(3500, 'anyenum'),
  pseudoType(5077, 'anycompatible'),
  pseudoType(5078, 'anycompatiblearray'),
  pseudoType(5079, 'anycompatiblenonarray'),
  pseudoType(3838, 'event_trigger'),
  pseudoType(2281, 'internal'),
]
