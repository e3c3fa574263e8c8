/**
 * Composite types: a value is a `RowValue`, its fields in their order.
 *
 * Stored: the number of fields that there had been, varint · each by its number: length i32, -1 of NULL and of one that is
 * dropped · its stored form. So fields may come and go without a row being written anew.
 * On the wire: fields i32 · (type u32 · length i32 or -1 · value)*.
 * Order and keys: field by field, NULL behind all values, as PostgreSQL's `record_cmp` has it.
 */
import { ByteReader, type ByteWriter } from '../../../../base/bytes.ts'
import type { KeyWriter } from '../../../../base/tuple.ts'
import { invalidBinary, plainType, sqlError, type SqlType } from '../type.ts'
import type { SqlValue } from '../value.ts'
import type { CompositeContent } from './content.ts'
import type { Identity } from './identity.ts'
import { RowValue } from './row-value.ts'
import { formatRow, parseRow } from './row-text.ts'

/** A field as values have it. */
export interface RowField {
  readonly number: number
  readonly name: string
  readonly type: SqlType
  readonly modifier: number
}

/** `types`: of all fields, in their order. */
export function compositeType(identity: Identity, content: CompositeContent, types: readonly SqlType[]): SqlType {
  const all = content.fields.map((field, i): RowField => ({ ...field, type: types[i]! }))
  const fields = all.filter((_, i) => content.fields[i]!.dropped !== true)
  const codec = new RowCodec(identity.title, fields, content.nextField - 1)
  return {
    ...plainType,
    ...identity,
    fields,
    category: identity.made.id === 0 ? 'P' : 'C',
    lengthBytes: -1,
    storage: 'variable',
    storedBytes: 0,
    isOrdered: fields.every(({ type }) => type.isOrdered),
    parseText: (text) => new RowValue(parseRow(text, fields)),
    formatText: (value) => formatRow((value as RowValue).values, fields),
    encodeBinary: (value, writer) => codec.encode((value as RowValue).values, writer),
    decodeBinary: (bytes, start, end) => codec.decode(new ByteReader(bytes, start, end)),
    compare: (a, b) => compareRows(fields, a as RowValue, b as RowValue),
    writeKey: (value, writer) => writeRowKey(fields, value as RowValue, writer),
    writeStored: (value, writer) => codec.write((value as RowValue).values, writer),
    readStored: (bytes, start, end) => codec.read(new ByteReader(bytes, start, end)),
  }
}

function compareRows(fields: readonly RowField[], { values: a }: RowValue, { values: b }: RowValue): number {
  for (const [i, { type }] of fields.entries()) {
    const [left, right] = [a[i]!, b[i]!]
    if (left === null || right === null) {
      if (left !== right) return left === null ? 1 : -1
      continue
    }
    const order = type.compare(left, right)
    if (order !== 0) return order
  }
  return 0
}

function writeRowKey(fields: readonly RowField[], { values }: RowValue, writer: KeyWriter): void {
  writer.beginArray()
  for (const [i, { type }] of fields.entries()) {
    const value = values[i]!
    if (value === null) writer.nullLast()
    else type.writeKey(value, writer)
  }
  writer.endNested()
}

class RowCodec {
  readonly #title: string
  readonly #fields: readonly RowField[]
  readonly #lastNumber: number

  constructor(title: string, fields: readonly RowField[], lastNumber: number) {
    this.#title = title
    this.#fields = fields
    this.#lastNumber = lastNumber
  }

  write(values: readonly SqlValue[], writer: ByteWriter): void {
    writer.varint(this.#lastNumber)
    let number = 1
    for (const [i, field] of this.#fields.entries()) {
      for (; number < field.number; number++) writer.i32be(-1)
      number++
      const value = values[i]!
      const mark = writer.end
      writer.i32be(-1)
      if (value === null) continue
      field.type.writeStored(value, writer)
      writer.setU32be(mark, writer.end - mark - 4)
    }
    for (; number <= this.#lastNumber; number++) writer.i32be(-1)
  }

  /** What was written when there were fewer fields has none of the newer ones. */
  read(reader: ByteReader): RowValue {
    const count = reader.varint()
    const values: SqlValue[] = this.#fields.map(() => null)
    let at = 0
    for (let number = 1; number <= count; number++) {
      const length = reader.i32be()
      while (at < this.#fields.length && this.#fields[at]!.number < number) at++
      if (length < 0) continue
      const start = reader.at
      reader.skip(length)
      const field = this.#fields[at]
      if (field?.number === number) values[at] = field.type.readStored(reader.bytes, start, reader.at)
    }
    return new RowValue(values)
  }

  encode(values: readonly SqlValue[], writer: ByteWriter): void {
    writer.i32be(this.#fields.length)
    for (const [i, { type }] of this.#fields.entries()) {
      const value = values[i]!
      writer.u32be(type.catalogOid ?? type.oid)
      const mark = writer.end
      writer.i32be(-1)
      if (value === null) continue
      type.encodeBinary(value, writer)
      writer.setU32be(mark, writer.end - mark - 4)
    }
  }

  decode(reader: ByteReader): RowValue {
    if (reader.remaining < 4) throw invalidBinary(this.#title)
    const count = reader.i32be()
    if (count !== this.#fields.length) {
      throw sqlError('wrong_type', '42804', `wrong number of columns: ${count}, expected ${this.#fields.length}`)
    }
    const values = this.#fields.map((field, i) => this.#decodeField(reader, field, i + 1))
    if (reader.remaining > 0) throw invalidBinary(this.#title)
    return new RowValue(values)
  }

  #decodeField(reader: ByteReader, { type }: RowField, place: number): SqlValue {
    if (reader.remaining < 8) throw invalidBinary(this.#title)
    const given = reader.u32be()
    const wanted = type.catalogOid ?? type.oid
    if (given !== wanted) {
      const message = `binary data has type ${given} instead of expected ${wanted} (${type.title}) in record column ${place}`
      throw sqlError('wrong_type', '42804', message)
    }
    const length = reader.i32be()
    if (length === -1) return null
    if (length < 0 || length > reader.remaining) throw invalidBinary(this.#title)
    const { at } = reader
    reader.skip(length)
    return type.decodeBinary(reader.bytes, at, reader.at)
  }
}
