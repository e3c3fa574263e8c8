/**
 * COPY's text and CSV formats.
 *
 *   text: fields between tabs, rows between newlines; \N is null; \b \f \n \r \t \v \\ and octal and hex escapes
 *   csv:  fields between commas, quoted where they hold a quote, a comma or a line break; an unquoted empty field is null
 *
 * The reader takes bytes as they arrive and keeps what is not a whole row yet, at most `maxRowBytes` of it.
 */
import { failure } from '../failure.ts'
import { LongRow } from './long-row.ts'

export interface CopyFormat {
  readonly kind: 'text' | 'csv'
  readonly delimiter: string
  readonly nullText: string
  readonly header: boolean
  readonly quote: string
  readonly escape: string
  /** Columns that are quoted always; `*` for all. */
  readonly forceQuote: ReadonlySet<string>
}

/** What COPY TO makes lines of. */
export interface CopyLines {
  readonly format: CopyFormat
  readonly names: readonly string[]
  readonly types: readonly number[]
}

export function checkCsvOnly(given: ReadonlySet<string>): void {
  for (const name of ['quote', 'escape', 'force_quote']) {
    if (given.has(name)) throw failure('0A000', `COPY ${name.replace('_', ' ')} available only in CSV mode`)
  }
}

/** PostgreSQL's conditions on what the options say together. */
export function checkFormat(format: CopyFormat, given: ReadonlySet<string>): CopyFormat {
  const { kind, delimiter, nullText, quote, escape } = format
  const isSingle = (text: string): boolean => text.length === 1 && text.charCodeAt(0) < 128
  if (!isSingle(delimiter)) throw failure('0A000', 'COPY delimiter must be a single one-byte character')
  if (/[\r\n]/.test(delimiter)) throw failure('22023', 'COPY delimiter cannot be newline or carriage return')
  if (/[\r\n]/.test(nullText)) throw failure('22023', 'COPY null representation cannot use newline or carriage return')
  if (kind === 'text') {
    if (/[\\.a-z0-9]/.test(delimiter)) throw failure('22023', `COPY delimiter cannot be "${delimiter}"`)
    checkCsvOnly(given)
  } else {
    if (!isSingle(quote)) throw failure('0A000', 'COPY quote must be a single one-byte character')
    if (delimiter === quote) throw failure('22023', 'COPY delimiter and quote must be different')
    if (!isSingle(escape)) throw failure('0A000', 'COPY escape must be a single one-byte character')
  }
  if (nullText.includes(delimiter)) {
    throw failure('0A000', 'COPY delimiter must not appear in the NULL specification')
  }
  if (kind === 'csv' && nullText.includes(quote)) {
    throw failure('0A000', 'CSV quote character must not appear in the NULL specification')
  }
  return format
}

export const textEscapes: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}

export function formatLine(format: CopyFormat, fields: readonly (string | null)[], names: readonly string[]): string {
  const shown = fields.map((field, i) => {
    if (field === null) return format.nullText
    return format.kind === 'text'
      ? escapeText(field, format.delimiter)
      : quoteField(field, format, names[i]!, fields.length)
  })
  return `${shown.join(format.delimiter)}\n`
}

function escapeText(field: string, delimiter: string): string {
  const escaped = field.replace(/[\b\f\n\r\t\v\\]/g, (character) => textEscapes[character]!)
  return delimiter === '\t' ? escaped : escaped.replaceAll(delimiter, `\\${delimiter}`)
}

function quoteField(field: string, format: CopyFormat, name: string, count: number): string {
  const { delimiter, quote, escape, nullText, forceQuote } = format
  const needs =
    field === nullText ||
    forceQuote.has(name) ||
    forceQuote.has('*') ||
    field.includes(delimiter) ||
    field.includes(quote) ||
    /[\n\r]/.test(field) ||
    (count === 1 && field === '\\.')
  if (!needs) return field
  let inner = ''
  for (const character of field) inner += character === quote || character === escape ? escape + character : character
  return quote + inner + quote
}

export interface CopyRecord {
  /** Texts, or the binary forms of values. */
  readonly fields: readonly (string | Uint8Array | null)[]
  readonly line: number
}

export const maxRowBytes: number = 64 * 1024 * 1024
/** Enough rows to be worth a statement. */
export const loadBytes: number = 256 * 1024

export class CopyReader {
  readonly #format: CopyFormat
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #text = ''
  /** Behind `#text`, without a line break: joined when one comes, or a long row would be looked through at each piece. */
  #pieces: string[] = []
  #piecesLength = 0
  /** How far the row at the beginning of `#text` has been looked through, and whether that ends within quotes. */
  #scanned = 0
  #inQuotes = false
  #records: CopyRecord[] = []
  #line = 0
  /** Fed, and not taken yet. */
  #pendingBytes = 0
  #isDone = false
  /** The row at hand, where it is longer than `#longLength`. */
  #long: LongRow | undefined
  #longBytes = 0
  readonly #longLength: number

  constructor(format: CopyFormat, longLength: number = 64 * 1024) {
    this.#format = format
    this.#longLength = longLength
  }

  get heldBytes(): number {
    return this.#pendingBytes
  }

  feed(bytes: Uint8Array): boolean {
    if (this.#isDone) return false
    const piece = this.#decode(bytes)
    this.#pendingBytes += bytes.length
    if (this.#long === undefined) this.#feedShort(piece)
    else this.#feedLong(this.#long, piece)
    return this.#pendingBytes >= loadBytes && this.#records.length > 0
  }

  #feedShort(piece: string): void {
    this.#pieces.push(piece)
    this.#piecesLength += piece.length
    if (piece.includes('\n')) this.#parse(false)
    if (this.#isDone || this.#text.length + this.#piecesLength <= this.#longLength) return
    const begun = this.#text + this.#pieces.join('')
    this.#text = ''
    this.#pieces = []
    this.#piecesLength = 0
    this.#scanned = 0
    this.#inQuotes = false
    this.#long = new LongRow(this.#format)
    this.#longBytes = 0
    this.#feedLong(this.#long, begun)
  }

  #feedLong(row: LongRow, piece: string): void {
    const end = row.feed(piece)
    this.#longBytes += piece.length
    if (this.#longBytes > maxRowBytes) throw failure('54000', 'a row of COPY is too long')
    if (end < 0) return
    this.#acceptLong(row)
    this.#feedShort(piece.slice(end + 1))
  }

  #acceptLong({ fields }: LongRow): void {
    this.#long = undefined
    this.#line++
    if (!this.#format.header || this.#line > 1) this.#records.push({ fields, line: this.#line })
  }

  #decode(bytes: Uint8Array): string {
    try {
      return this.#decoder.decode(bytes, { stream: true })
    } catch {
      throw failure('22021', 'invalid byte sequence for encoding "UTF8"')
    }
  }

  finish(): void {
    const row = this.#long
    if (row === undefined) return this.#parse(true)
    row.end()
    this.#acceptLong(row)
  }

  take(): readonly CopyRecord[] {
    const records = this.#records
    this.#records = []
    this.#pendingBytes = this.#long === undefined ? this.#text.length + this.#piecesLength : this.#longBytes
    return records
  }

  #parse(isEnd: boolean): void {
    let at = 0
    const text = (this.#text += this.#pieces.join(''))
    this.#pieces = []
    this.#piecesLength = 0
    while (at < text.length && !this.#isDone) {
      const end = this.#format.kind === 'text' ? text.indexOf('\n', at) : this.#endOfRecord(at)
      if (end < 0 && !isEnd) break
      const stop = end < 0 ? text.length : end
      this.#accept(text[stop - 1] === '\r' ? text.slice(at, stop - 1) : text.slice(at, stop), end < 0)
      at = stop + 1
    }
    this.#text = text.slice(at)
  }

  /** The line break that ends the row at `from`, quotes heeded. */
  #endOfRecord(from: number): number {
    const { quote, escape } = this.#format
    let inQuotes = this.#inQuotes
    let at = from + this.#scanned
    this.#scanned = 0
    this.#inQuotes = false
    for (; at < this.#text.length; at++) {
      const character = this.#text[at]!
      if (inQuotes && escape !== quote && character === escape) at++
      else if (character === quote) inQuotes = !inQuotes
      else if (character === '\n' && !inQuotes) return at
    }
    this.#scanned = at - from
    this.#inQuotes = inQuotes
    return -1
  }

  #accept(line: string, isUnended: boolean): void {
    this.#line++
    if (line === '\\.') {
      this.#isDone = true
      return
    }
    if (this.#format.header && this.#line === 1) return
    if (line === '' && isUnended) return
    const fields = this.#format.kind === 'text' ? this.#textFields(line) : this.#csvFields(line)
    this.#records.push({ fields, line: this.#line })
  }

  #textFields(line: string): (string | null)[] {
    const { delimiter, nullText } = this.#format
    if (!line.includes('\\')) return nullsIn(line.split(delimiter), nullText)
    const fields: (string | null)[] = []
    let from = 0
    const accept = (end: number): void => {
      const raw = line.slice(from, end)
      fields.push(raw === nullText ? null : unescapeText(raw))
      from = end + 1
    }
    for (let at = 0; at < line.length; at++) {
      if (line[at] === '\\') at++
      else if (line[at] === delimiter) accept(at)
    }
    accept(line.length)
    return fields
  }

  #csvFields(line: string): (string | null)[] {
    const { delimiter, quote, escape, nullText } = this.#format
    const fields: (string | null)[] = []
    let field = ''
    let wasQuoted = false
    let inQuotes = false
    for (let at = 0; at <= line.length; at++) {
      const character = line[at]
      if (inQuotes) {
        if (character === undefined) throw failure('22P04', 'unterminated CSV quoted field')
        if (character === escape && (line[at + 1] === quote || line[at + 1] === escape)) field += line[++at]
        else if (character === quote) inQuotes = false
        else field += character
      } else if (character === undefined || character === delimiter) {
        fields.push(!wasQuoted && field === nullText ? null : field)
        field = ''
        wasQuoted = false
      } else if (character === quote) {
        inQuotes = true
        wasQuoted = true
      } else field += character
    }
    return fields
  }
}

function nullsIn(fields: (string | null)[], nullText: string): (string | null)[] {
  for (let i = 0; i < fields.length; i++) if (fields[i] === nullText) fields[i] = null
  return fields
}

const unescapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

function unescapeText(raw: string): string {
  if (!raw.includes('\\')) return raw
  return raw.replace(
    /\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|([\s\S])|$)/g,
    (_all, octal, hex, letter: string | undefined) => {
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal as string, 8) & 0xff)
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex as string, 16))
      return letter === undefined ? '\\' : Object.hasOwn(unescapes, letter) ? unescapes[letter]! : letter
    },
  )
}
