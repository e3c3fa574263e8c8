/**
 * The rows of COPY … TO STDOUT: each a line in a message of its own, CopyData.
 *
 * A line of large values is put together some of it a turn: their texts are written apart, looked through for what has to be
 * escaped or quoted, and copied behind one another into a buffer that has the size of the message. Delimiters, quotes and
 * what is escaped are single bytes below 128, so all of this goes by bytes.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { charge, isTurnOver } from '../../base/work.ts'
import { type CopyLines, formatLine, textEscapes } from '../../language/sql/statement/copy-format.ts'
import { getType } from '../../model/table/types/registry.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { roomFor, writeLarge, type WriteSteps } from './large-values.ts'
import { copyData } from './wire.ts'

const copyDataType = 0x64
const newline = 0x0a
const carriageReturn = 0x0d
const backslash = 0x5c
/** Looked through or copied between two looks at the meter, and what a byte of that takes. */
const pieceBytes = 64 * 1024
const unitsPerByte = 4

/** A field of a line: bytes, and how they are shown. */
interface Field {
  readonly writer: ByteWriter
  readonly isQuoted: boolean
  /** Bytes that it grows by. */
  readonly extra: number
}

export class CopyEncoder {
  readonly #lines: CopyLines
  readonly #formatters: readonly ((value: SqlValue) => string)[]
  /** By byte: in front of which another one goes; the byte that stands for it there. */
  readonly #escaped = new Uint8Array(256)
  readonly #escape: number

  constructor(lines: CopyLines) {
    this.#lines = lines
    this.#formatters = lines.types.map((type) => {
      const entry = getType(type)
      return (value) => entry.formatText(value)
    })
    const { kind, delimiter, quote, escape } = lines.format
    this.#escape = kind === 'text' ? backslash : codeOf(escape)
    if (kind === 'csv') for (const one of [quote, escape]) this.#escaped[codeOf(one)] = codeOf(one)
    else {
      this.#escaped[codeOf(delimiter)] = codeOf(delimiter)
      for (const [one, shown] of Object.entries(textEscapes)) this.#escaped[codeOf(one)] = shown.charCodeAt(1)
    }
  }

  header(writer: ByteWriter): void {
    const { format, names } = this.#lines
    if (format.header) copyData(writer, formatLine(format, [...names], names))
  }

  /** Behind the last line there is nothing. */
  trailer(_writer: ByteWriter): void {}

  write(row: readonly SqlValue[], writer: ByteWriter): void {
    const { format, names } = this.#lines
    const fields = row.map((value, i) => (value === null ? null : this.#formatters[i]!(value)))
    copyData(writer, formatLine(format, fields, names))
  }

  /** The same of a large row, in a buffer of its own; yields where the turn is over. */
  *writeInSteps(row: readonly SqlValue[]): Generator<undefined, ByteWriter, void> {
    const fields: (Field | undefined)[] = []
    for (const [i, value] of row.entries()) fields.push(value === null ? undefined : yield* this.#fieldOf(value, i))
    const { delimiter, nullText } = this.#lines.format
    const sizes = fields.map((one) => (one === undefined ? nullText.length * 3 : one.writer.end + one.extra))
    const line = new ByteWriter(sizes.reduce((sum, size) => sum + size + 1, 16))
    line.u8(copyDataType)
    line.u32be(0)
    for (const [i, field] of fields.entries()) {
      if (i > 0) line.u8(codeOf(delimiter))
      if (field === undefined) line.utf8(nullText)
      else yield* this.#show(field, line)
    }
    line.u8(newline)
    line.setU32be(1, line.end - 1)
    return line
  }

  *#fieldOf(value: SqlValue, column: number): Generator<undefined, Field, void> {
    const { format, types, names } = this.#lines
    const writer = new ByteWriter(roomFor([value], [false]))
    yield* writeLarge(getType(types[column]!), false, value, writer)
    const { kind, delimiter, nullText, forceQuote } = format
    const isForced = forceQuote.has('*') || forceQuote.has(names[column]!)
    let isQuoted = kind === 'csv' && (isForced || isText(writer, nullText))
    let extra = 0
    const delimiterByte = codeOf(delimiter)
    const { bytes, end } = writer
    for (let from = 0; from < end; from += pieceBytes) {
      const until = Math.min(end, from + pieceBytes)
      for (let at = from; at < until; at++) {
        const byte = bytes[at]!
        if (this.#escaped[byte]! > 0) extra++
        if (byte === newline || byte === carriageReturn || byte === delimiterByte) isQuoted = true
      }
      charge((until - from) * unitsPerByte)
      if (isTurnOver()) yield undefined
    }
    if (kind === 'text') return { writer, isQuoted: false, extra }
    // A quote asks for quotes; an escape alone does not.
    isQuoted ||= extra > 0 && bytes.subarray(0, end).includes(codeOf(format.quote))
    return isQuoted ? { writer, isQuoted, extra: extra + 2 } : { writer, isQuoted, extra: 0 }
  }

  *#show({ writer, isQuoted, extra }: Field, line: ByteWriter): WriteSteps {
    const { bytes, end } = writer
    const quote = codeOf(this.#lines.format.quote)
    if (isQuoted) line.u8(quote)
    const isPlain = extra === (isQuoted ? 2 : 0)
    for (let from = 0; from < end; from += pieceBytes) {
      const until = Math.min(end, from + pieceBytes)
      if (isPlain) line.copy(bytes, from, until)
      else this.#copyEscaped(bytes, from, until, line)
      charge((until - from) * unitsPerByte)
      if (isTurnOver()) yield undefined
    }
    if (isQuoted) line.u8(quote)
  }

  #copyEscaped(bytes: Uint8Array, from: number, until: number, line: ByteWriter): void {
    let copied = from
    for (let at = from; at < until; at++) {
      const shown = this.#escaped[bytes[at]!]!
      if (shown === 0) continue
      line.copy(bytes, copied, at)
      line.u8(this.#escape)
      line.u8(shown)
      copied = at + 1
    }
    line.copy(bytes, copied, until)
  }
}

function codeOf(character: string): number {
  return character.charCodeAt(0)
}

function isText({ bytes, end }: ByteWriter, text: string): boolean {
  return end === Buffer.byteLength(text) && Buffer.from(bytes.subarray(0, end)).toString() === text
}
