/**
 * DataRow: a row's values in the text or binary form of their types, straight into the output buffer.
 *
 *   D · length i32 · columns i16 · per column: bytes i32 (−1 NULL) · value
 */
import { ByteWriter } from '../../base/bytes.ts'
import type { Decimal } from '../../base/decimal.ts'
import { inStyle, stepsInStyle, type TextStyle, textStyle } from '../../model/table/types/text-style.ts'
import { getType } from '../../model/table/types/registry.ts'
import type { SqlType } from '../../model/table/types/type.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { roomFor, writeLarge } from './large-values.ts'
import type { DescribedColumn } from './wire.ts'

const dataRow = 0x44
const minusOne = 0xffff_ffff

type ValueWriter = (value: SqlValue, writer: ByteWriter) => void

export class RowEncoder {
  readonly #columns: readonly DescribedColumn[]
  readonly #formats: readonly number[] | undefined
  readonly #writers: readonly ValueWriter[]
  /** The session's when the portal was begun: what is left of its rows may be asked for later. */
  readonly #style: TextStyle = textStyle()

  constructor(columns: readonly DescribedColumn[], formats: readonly number[] | undefined) {
    this.#columns = columns
    this.#formats = formats
    this.#writers = columns.map(({ typeOid }, i) => valueWriter(getType(typeOid), formats?.[i] === 1))
  }

  write(row: readonly SqlValue[], writer: ByteWriter): void {
    if (textStyle() === this.#style) this.#write(row, writer)
    else inStyle(this.#style, () => this.#write(row, writer))
  }

  #write(row: readonly SqlValue[], writer: ByteWriter): void {
    const writers = this.#writers
    const count = writers.length
    writer.u8(dataRow)
    const mark = writer.end
    writer.u32be(0)
    writer.u16be(count)
    for (let i = 0; i < count; i++) {
      const value = row[i]!
      if (value === null) {
        writer.u32be(minusOne)
        continue
      }
      const at = writer.end
      writer.u32be(0)
      writers[i]!(value, writer)
      writer.setU32be(at, writer.end - at - 4)
    }
    writer.setU32be(mark, writer.end - mark)
  }

  /** The same of a large row, in a buffer of its own; yields where the turn is over. */
  *writeInSteps(row: readonly SqlValue[]): Generator<undefined, ByteWriter, void> {
    const formats = this.#columns.map((_, i) => this.#formats?.[i] === 1)
    const writer = new ByteWriter(roomFor(row, formats))
    writer.u8(dataRow)
    const mark = writer.end
    writer.u32be(0)
    writer.u16be(formats.length)
    for (const [i, { typeOid }] of this.#columns.entries()) {
      const value = row[i]!
      const at = writer.end
      writer.u32be(minusOne)
      if (value === null) continue
      yield* stepsInStyle(this.#style, writeLarge(getType(typeOid), formats[i]!, value, writer))
      writer.setU32be(at, writer.end - at - 4)
    }
    writer.setU32be(mark, writer.end - mark)
    return writer
  }
}

function valueWriter(type: SqlType, isBinary: boolean): ValueWriter {
  if (isBinary) return (value, writer) => type.encodeBinary(value, writer)
  if (type.storage === 'int4' || type.storage === 'int2') return writeInteger
  if (type.category === 'S') return writeText
  if (type.name === 'numeric') return writeNumeric
  if (type.name === 'date') return rememberedTexts(type)
  return (value, writer) => void writer.utf8(type.formatText(value))
}

function writeText(value: SqlValue, writer: ByteWriter): void {
  writer.utf8(value as string)
}

const texts = 1024

/** Of values that come again and again. */
function rememberedTexts(type: SqlType): ValueWriter {
  const known = new Map<SqlValue, string>()
  let style = textStyle()
  return (value, writer) => {
    if (style !== textStyle() || known.size > texts) {
      known.clear()
      style = textStyle()
    }
    let text = known.get(value)
    if (text === undefined) known.set(value, (text = type.formatText(value)))
    writer.utf8(text)
  }
}

const mostScale = 24

function writeNumeric(value: SqlValue, writer: ByteWriter): void {
  const { small, scale } = value as Decimal
  if (Number.isNaN(small) || scale > mostScale) {
    writer.utf8((value as Decimal).toString())
    return
  }
  let rest = Math.abs(small)
  if (small < 0) writer.u8(0x2d)
  let at = digits.length
  for (let left = scale; left > 0; left--) {
    digits[--at] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
  if (scale > 0) digits[--at] = 0x2e
  do {
    digits[--at] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  } while (rest > 0)
  writer.copy(digits, at)
}

const digits = new Uint8Array(48)

/** Digits without a string in between. */
function writeInteger(value: SqlValue, writer: ByteWriter): void {
  let rest = value as number
  if (rest < 0) {
    writer.u8(0x2d)
    rest = -rest
  }
  let at = digits.length
  do {
    digits[--at] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  } while (rest > 0)
  writer.copy(digits, at)
}
