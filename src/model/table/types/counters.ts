/** Numbers of PostgreSQL's internals that clients store and compare: pg_lsn, xid8, cid, and tid, which is a block and a place. */
import { readInt64 } from './integer.ts'
import { compareNumbers, fixedView, invalidText, plainType, type SqlType, valueOutOfRange } from './type.ts'

const highest = (1n << 64n) - 1n

/** Of 64 bits without a sign: stored as they are, in keys by their value. */
const unsigned = {
  ...plainType,
  category: 'U',
  lengthBytes: 8,
  storage: 'fixed' as const,
  storedBytes: 8,
  isOrdered: true,
  compare: (a: unknown, b: unknown): number => compareNumbers(a as bigint, b as bigint),
} satisfies Partial<SqlType>

function unsignedType(own: Pick<SqlType, 'oid' | 'name' | 'title' | 'arrayOid' | 'parseText' | 'formatText'>): SqlType {
  return {
    ...unsigned,
    ...own,
    encodeBinary: (value, writer) => writer.u64be(value as bigint),
    decodeBinary: (bytes, start, end) => fixedView(own.name, bytes, start, end, 8).getBigUint64(0),
    // Beyond int64 the sign bit is flipped, so that keys sort as the values do.
    writeKey: (value, writer) => void writer.int64((value as bigint) - (1n << 63n)),
    writeStored: (value, writer) => writer.u64le(value as bigint),
    readStored: (bytes, start) => BigInt.asUintN(64, readInt64(bytes, start)),
  }
}

function parseLsn(text: string): bigint {
  const match = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text)
  if (match === null) throw invalidText('pg_lsn', text)
  return (BigInt(`0x${match[1]!}`) << 32n) | BigInt(`0x${match[2]!}`)
}

export const lsnType: SqlType = unsignedType({
  oid: 3220,
  name: 'pg_lsn',
  title: 'pg_lsn',
  arrayOid: 3221,
  parseText: parseLsn,
  formatText: (value) => {
    const lsn = value as bigint
    return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffff_ffffn).toString(16)}`.toUpperCase()
  },
})

/** As C's strtoull reads it, and PostgreSQL 15: 0x and 0 say the base, what is no number is 0, and what follows is not looked at. */
export function parseUnsigned(text: string, title: string, most: bigint): bigint {
  const match = /^\s*([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9]\d*)/i.exec(text)
  if (match === null) return 0n
  const digits = match[2]!
  const value = /^0[0-7]/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits)
  if (value > most) throw valueOutOfRange(title, text)
  return match[1] === '-' ? BigInt.asUintN(64, -value) & most : value
}

export const xid8Type: SqlType = unsignedType({
  oid: 5069,
  name: 'xid8',
  title: 'xid8',
  arrayOid: 271,
  parseText: (text) => parseUnsigned(text, 'xid8', highest),
  formatText: String,
})

function parseTid(text: string): bigint {
  const match = /^\s*\((\d+),(\d+)\)\s*$/.exec(text) ?? /^\s*\((-\d+),(\d+)\)\s*$/.exec(text)
  if (match === null) throw invalidText('tid', text)
  const block = BigInt(match[1]!)
  const place = BigInt(match[2]!)
  if (block > 0xffff_ffffn || block < -0x8000_0000n || place > 0xffffn) throw invalidText('tid', text)
  return (BigInt.asUintN(32, block) << 16n) | place
}

export const tidType: SqlType = {
  ...unsignedType({
    oid: 27,
    name: 'tid',
    title: 'tid',
    arrayOid: 1010,
    parseText: parseTid,
    formatText: (value) => `(${(value as bigint) >> 16n},${(value as bigint) & 0xffffn})`,
  }),
  lengthBytes: 6,
  encodeBinary: (value, writer) => {
    writer.u32be(Number((value as bigint) >> 16n))
    writer.u16be(Number((value as bigint) & 0xffffn))
  },
  decodeBinary: (bytes, start, end) => {
    const view = fixedView('tid', bytes, start, end, 6)
    return (BigInt(view.getUint32(0)) << 16n) | BigInt(view.getUint16(4))
  },
}
