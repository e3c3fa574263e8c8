/** Operators on bits, on sizes in bytes, on timestamps; and chance. */
import { bsonType, bsonTypeName, type BsonValue } from '../../model/document/bson.ts'
import { mongoError } from '../../model/document/mongo-error.ts'
import {
  doubleValue,
  int32Value,
  int64Value,
  integerValue,
  nullValue,
  readInt64,
  toSafeInteger,
} from '../../model/document/values.ts'
import { toBigint } from './arithmetic.ts'
import { argumentsOf, type ExpressionOperator, fixed, type OperatorFamily, ranged } from './expression-contract.ts'

function isWhole({ type }: BsonValue): boolean {
  return type === bsonType.int32 || type === bsonType.int64
}

function bitwise(name: string, start: bigint, combine: (a: bigint, b: bigint) => bigint) {
  return ranged(name, 0, Infinity, (...values) => {
    if (values.some((value) => value.isNullish)) return nullValue
    const wrong = values.find((value) => !isWhole(value))
    if (wrong !== undefined) throw notWhole(name, wrong)
    const result = values.reduce((all, value) => combine(all, toBigint(value)), start)
    const isLong = values.some(({ type }) => type === bsonType.int64)
    return isLong ? int64Value(BigInt.asIntN(64, result)) : int32Value(Number(BigInt.asIntN(32, result)))
  })
}

function notWhole(name: string, value: BsonValue): Error {
  const message = `${name} only supports int and long operands, not ${bsonTypeName(value.type)}.`
  return mongoError(14, message, 'wrong_type')
}

function bitNot(value: BsonValue): BsonValue {
  if (value.isNullish) return nullValue
  if (!isWhole(value)) throw notWhole('$bitNot', value)
  const result = ~toBigint(value)
  return value.type === bsonType.int64 ? int64Value(result) : int32Value(Number(result))
}

/** Of a text without the byte that ends it. */
function binarySize(value: BsonValue): BsonValue {
  if (value.isNullish) return nullValue
  if (value.type === bsonType.string || value.type === bsonType.binary) return integerValue(value.end - value.start - 5)
  throw mongoError(51_276, `$binarySize requires a string or BinData argument, found: ${bsonTypeName(value.type)}`)
}

function bsonSize(value: BsonValue): BsonValue {
  if (value.isNullish) return nullValue
  if (value.type === bsonType.object) return integerValue(value.end - value.start)
  throw mongoError(31_393, `$bsonSize requires a document input, found: ${bsonTypeName(value.type)}`)
}

function timestampPart(name: string, code: number, read: (value: bigint) => bigint) {
  return fixed(name, 1, (value) => {
    if (value.isNullish) return nullValue
    if (value.type === bsonType.timestamp) return int64Value(read(BigInt.asUintN(64, readInt64(value))))
    throw mongoError(code, `Argument to ${name} must be a timestamp, but is ${bsonTypeName(value.type)}`)
  })
}

const random: ExpressionOperator = (operand) => {
  argumentsOf('$rand', operand.type === bsonType.object ? emptyList(operand) : operand, 0, 0)
  // A session has no chance of its own to give to expressions: a permutation of a counter looks like it.
  return () => doubleValue(nextChance())
}

function emptyList(operand: BsonValue): BsonValue {
  const list = operand.reference()
  list.type = bsonType.array
  return list
}

let state = 0x2545_f491_4f6c_dd1dn

/** splitmix64. */
export function nextChance(): number {
  state = BigInt.asUintN(64, state + 0x9e37_79b9_7f4a_7c15n)
  let mixed = state
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58_476d_1ce4_e5b9n)
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn)
  return Number((mixed ^ (mixed >> 31n)) >> 11n) / 2 ** 53
}

/** The numbers that follow are those of a seed, which the server draws when it starts. */
export function seedChance(bytes: Uint8Array): void {
  for (const byte of bytes) state = BigInt.asUintN(64, (state << 8n) ^ (state >> 13n) ^ BigInt(byte))
}

export const bitOperators: OperatorFamily = [
  bitwise('$bitAnd', -1n, (a, b) => a & b),
  bitwise('$bitOr', 0n, (a, b) => a | b),
  bitwise('$bitXor', 0n, (a, b) => a ^ b),
  fixed('$bitNot', 1, (value) => bitNot(value)),
  fixed('$binarySize', 1, (value) => binarySize(value)),
  fixed('$bsonSize', 1, (value) => bsonSize(value)),
  timestampPart('$tsSecond', 5_687_301, (value) => value >> 32n),
  timestampPart('$tsIncrement', 5_687_302, (value) => value & 0xffff_ffffn),
  ['$rand', random],
]

/** `n` of `$firstN` and its kin. */
export function countOfN(name: string, value: BsonValue): number {
  const count = toSafeInteger(value)
  if (count !== undefined && count >= 1) return count
  throw mongoError(5_787_908, `'n' must be greater than 0, found ${count ?? bsonTypeName(value.type)} in ${name}`)
}
