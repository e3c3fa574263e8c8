/**
 * The number element (tag 1F): doubles, 64-bit integers and decimals in one order, equal where their values are.
 *
 *   number   := 1F ordered-double ( 00 | 01 residual )
 *   residual := exponent digit* 00        of v − d, where d is the largest double ≤ v
 *   exponent := u24 big-endian, 0x800000 + e, where the residual is 0.p1p2p3… × 100^e and p1 ≠ 0
 *   digit    := 1 + one base-100 digit
 *
 * Below the lowest double the difference to −infinity has no digits: there the residual is that of |v| with every byte
 * XOR FF. NaN is eight zero bytes (below −infinity) in documents and eight FF (above all) in typed SQL columns.
 */
import type { ByteWriter } from './bytes.ts'
import { Decimal } from './decimal.ts'

const tagNumber = 0x1f

interface OrderedWriter extends ByteWriter {
  orderedDouble(value: number): void
  invert(mark: number): void
}

export function writeDoubleNumber(writer: OrderedWriter, value: number): void {
  writer.u8(tagNumber)
  if (Number.isNaN(value)) writer.u64be(0n)
  else writer.orderedDouble(value)
  writer.u8(0)
}

export function writeInt64Number(writer: OrderedWriter, value: bigint): void {
  const nearest = Number(value)
  if (BigInt(nearest) === value) writeDoubleNumber(writer, nearest)
  else writeDecimalNumber(writer, Decimal.of(value), false)
}

export function writeDecimalNumber(writer: OrderedWriter, value: Decimal, nanHighest: boolean): void {
  if (value.kind === 'nan' && nanHighest) {
    writer.u8(tagNumber)
    writer.u64be(0xffff_ffff_ffff_ffffn)
    writer.u8(0)
    return
  }
  if (!value.isFinite) return writeDoubleNumber(writer, value.toNumber())
  const floor = largestDoubleAtMost(value)
  if (floor === -Infinity) return writeBelowDoubles(writer, value)
  const residual = value.subtract(Decimal.fromDoubleExact(floor))
  if (residual.coefficient === 0n) return writeDoubleNumber(writer, floor)
  writer.u8(tagNumber)
  writer.orderedDouble(floor)
  writer.u8(1)
  writeResidual(writer, residual)
}

function writeBelowDoubles(writer: OrderedWriter, value: Decimal): void {
  writer.u8(tagNumber)
  writer.orderedDouble(-Infinity)
  writer.u8(1)
  const mark = writer.end
  writeResidual(writer, value.negate())
  writer.invert(mark)
}

function largestDoubleAtMost(value: Decimal): number {
  let candidate = value.toNumber()
  if (candidate === Infinity) candidate = Number.MAX_VALUE
  if (candidate === -Infinity) return candidate
  return Decimal.fromDoubleExact(candidate).compare(value) > 0 ? nextDown(candidate) : candidate
}

const scratch = new DataView(new ArrayBuffer(8))

function nextDown(value: number): number {
  if (value === 0) return -Number.MIN_VALUE
  scratch.setFloat64(0, value)
  const bits = scratch.getBigInt64(0)
  scratch.setBigInt64(0, value > 0 ? bits - 1n : bits + 1n)
  return scratch.getFloat64(0)
}

/** A positive decimal, by exponent and base-100 digits. */
function writeResidual(writer: OrderedWriter, residual: Decimal): void {
  let digits = residual.coefficient.toString()
  let pointAt = digits.length - residual.scale // digits before the decimal point; may be negative
  if (pointAt & 1) {
    digits = `0${digits}`
    pointAt++
  }
  if (digits.length & 1) digits += '0'
  let exponent = pointAt / 2
  let first = 0
  while (digits.startsWith('00', first)) {
    first += 2
    exponent--
  }
  let last = digits.length
  while (last > first && digits.startsWith('00', last - 2)) last -= 2
  const biased = 0x80_0000 + exponent
  writer.u8(biased >>> 16)
  writer.u16be(biased & 0xffff)
  for (let i = first; i < last; i += 2) writer.u8(1 + Number(digits.slice(i, i + 2)))
  writer.u8(0)
}
