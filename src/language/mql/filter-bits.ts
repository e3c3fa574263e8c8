/**
 * `$bitsAllSet`, `$bitsAnySet`, `$bitsAllClear`, `$bitsAnyClear`.
 *
 * The operand names bits: a number by the bits set in it, an array by their positions, a binary by its set bits, the first
 * byte's lowest bit being bit 0. Numbers have the bits of a 64-bit integer, with the sign's beyond; a binary has none
 * beyond its end. What is not a whole number of 64 bits, nor a binary, matches nothing.
 */
import { bsonType, bsonTypeName, type BsonValue, elementsOf } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { readBinary, readNumber } from '../../model/document/values.ts'
import { badValue, type ValueTest } from './filter-values.ts'

type IsSet = (position: number) => boolean

/** Throws `BadValue` and `FailedToParse` where the operand names no bits. */
export function bitsTest(operator: string, operand: BsonValue): ValueTest {
  const positions = positionsOf(operator, operand)
  const wanted = operator.endsWith('Set')
  const all = operator.startsWith('$bitsAll')
  return (value) => {
    const isSet = bitsOf(value)
    if (isSet === undefined) return false
    for (const position of positions) if ((isSet(position) === wanted) !== all) return !all
    return all
  }
}

function positionsOf(operator: string, operand: BsonValue): Iterable<number> {
  if (operand.isNumber) return [...setBits(int64Bytes(maskOf(operator, operand)))]
  if (operand.type === bsonType.array) return elementsOf(operand).map(positionOf)
  if (operand.type === bsonType.binary) {
    const { bytes } = readBinary(operand)
    return { [Symbol.iterator]: () => setBits(bytes) }
  }
  const given = bsonTypeName(operand.type)
  throw badValue(`${operator} takes an Array, a number, or a BinData but received: ${given}`)
}

function maskOf(operator: string, operand: BsonValue): bigint {
  const mask = wholeNumber(operand)
  if (mask === undefined) throw mongoError(mongoCode.failedToParse, `Expected an integer: ${operator}`)
  if (mask < 0n) throw mongoError(mongoCode.failedToParse, `Expected a non-negative number in: ${operator}`)
  return mask
}

function positionOf(element: BsonValue): number {
  const position = wholeNumber(element)
  if (position === undefined) throw badValue('bit positions must be an integer')
  if (position < 0n) throw badValue(`bit positions must be >= 0 but got: ${position}`)
  if (position > 0x7fff_ffffn) throw badValue('bit positions cannot be represented as a 32-bit signed integer')
  return Number(position)
}

/** A whole number that fits 64 bits with a sign, whatever type it has. */
function wholeNumber(value: BsonValue): bigint | undefined {
  if (!value.isNumber) return undefined
  const number = readNumber(value)
  if (typeof number === 'bigint') return number
  if (typeof number === 'number') return Number.isInteger(number) ? signed64(BigInt(number)) : undefined
  if (!number.isFinite || Math.abs(number.toNumber()) > 2 ** 63) return undefined
  const whole = number.truncate(0)
  return whole.compare(number) === 0 ? signed64(whole.coefficient) : undefined
}

function signed64(number: bigint): bigint | undefined {
  return BigInt.asIntN(64, number) === number ? number : undefined
}

function int64Bytes(number: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigInt64(0, number, true)
  return bytes
}

function* setBits(bytes: Uint8Array): Generator<number> {
  for (const [i, byte] of bytes.entries()) {
    for (let bit = 0; byte >> bit > 0; bit++) if (((byte >> bit) & 1) === 1) yield i * 8 + bit
  }
}

function bitsOf(value: BsonValue): IsSet | undefined {
  if (value.type === bsonType.binary) {
    const { bytes } = readBinary(value)
    return (position) => ((bytes[position >>> 3] ?? 0) & (1 << (position & 7))) !== 0
  }
  const number = wholeNumber(value)
  if (number === undefined) return undefined
  return (position) => ((number >> BigInt(Math.min(position, 63))) & 1n) === 1n
}
