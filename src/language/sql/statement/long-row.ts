/**
 * A row of COPY that is long: its fields are told apart as its pieces come, character by character, so that no step takes
 * longer than a piece does. The same rules as in `copy-format.ts`, where short rows are split at once.
 *
 * Invariants: the row means the same however it is cut; what a field has so far lies in `#parts` and in `#units`.
 */
import { failure } from '../failure.ts'
import type { CopyFormat } from './copy-format.ts'

const codes = { tab: 0x09, lineFeed: 0x0a, carriageReturn: 0x0d, zero: 0x30, seven: 0x37, x: 0x78, backslash: 0x5c }

/** What stands for itself as a letter behind a backslash does not. */
const unescapes: ReadonlyMap<number, number> = new Map(
  Object.entries({ b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 }).map(([letter, code]) => [letter.charCodeAt(0), code]),
)

/** Beyond it fields are counted, not kept: no table has so many columns. */
const mostFields = 2000

type State = 'plain' | 'escape' | 'octal' | 'hexadecimal' | 'quoted' | 'quoted escape'

export class LongRow {
  readonly fields: (string | null)[] = []
  readonly #format: CopyFormat
  readonly #delimiter: number
  readonly #quote: number
  readonly #escape: number
  #state: State = 'plain'
  /** Of an octal or hexadecimal escape. */
  #value = 0
  #digits = 0
  #wasQuoted = false
  #parts: string[] = []
  #units = new Uint16Array(1024)
  #count = 0
  /** The field as it stands in the row, as far as it may be that of a null. */
  #raw = ''
  /** A carriage return that belongs to the row's end where that comes next. */
  #holdsReturn = false

  constructor(format: CopyFormat) {
    this.#format = format
    this.#delimiter = format.delimiter.charCodeAt(0)
    this.#quote = format.quote.charCodeAt(0)
    this.#escape = format.escape.charCodeAt(0)
  }

  /** Takes the row's next piece; where in it the row ends, −1 where it goes on. */
  feed(piece: string): number {
    if (this.#units.length < piece.length + 1) this.#units = new Uint16Array(piece.length + 1)
    const isText = this.#format.kind === 'text'
    const { length } = piece
    for (let at = 0; at < length; at++) {
      const code = piece.charCodeAt(at)
      if (this.#canEnd) {
        if (code === codes.lineFeed) {
          this.end()
          return at
        }
        if (this.#holdsReturn) {
          this.#holdsReturn = false
          this.#take(isText, codes.carriageReturn)
        }
        if (code === codes.carriageReturn) {
          this.#holdsReturn = true
          continue
        }
      }
      this.#take(isText, code)
    }
    this.#flush()
    return -1
  }

  /** A line break would end the row here. */
  get #canEnd(): boolean {
    return this.#state !== 'quoted' && (this.#state !== 'quoted escape' || this.#escape === this.#quote)
  }

  /** No more comes. */
  end(): void {
    if (!this.#canEnd) throw failure('22P04', 'unterminated CSV quoted field')
    this.#closeEscape()
    this.#endField()
  }

  #take(isText: boolean, code: number): void {
    if (isText) this.#takeText(code)
    else this.#takeCsv(code)
  }

  // ---- the text format

  #takeText(code: number): void {
    if (this.#state === 'octal' || this.#state === 'hexadecimal') {
      if (this.#takeDigit(code)) return
      this.#closeEscape()
    }
    if (this.#state === 'escape') {
      this.#noteRaw(code)
      this.#takeEscaped(code)
    } else if (code === this.#delimiter) this.#endField()
    else {
      this.#noteRaw(code)
      if (code === codes.backslash) this.#state = 'escape'
      else this.#put(code)
    }
  }

  #takeDigit(code: number): boolean {
    const [base, most] = this.#state === 'octal' ? ([8, 3] as const) : ([16, 2] as const)
    const digit = digitOf(code, base)
    if (digit < 0 || this.#digits === most) return false
    this.#noteRaw(code)
    this.#value = this.#value * base + digit
    this.#digits++
    return true
  }

  #takeEscaped(code: number): void {
    const octal = digitOf(code, 8)
    if (octal >= 0 || code === codes.x) {
      this.#state = octal >= 0 ? 'octal' : 'hexadecimal'
      this.#value = Math.max(0, octal)
      this.#digits = octal >= 0 ? 1 : 0
      return
    }
    this.#put(unescapes.get(code) ?? code)
    this.#state = 'plain'
  }

  #closeEscape(): void {
    if (this.#state === 'octal') this.#put(this.#value & 0xff)
    // An x without digits is the letter.
    else if (this.#state === 'hexadecimal') this.#put(this.#digits === 0 ? codes.x : this.#value)
    else if (this.#state === 'escape') this.#put(codes.backslash)
    this.#state = 'plain'
  }

  // ---- CSV

  #takeCsv(code: number): void {
    if (this.#state === 'quoted escape') {
      if (code === this.#quote || code === this.#escape) {
        this.#put(code)
        this.#state = 'quoted'
        return
      }
      // It was no escape: the end of the quotes, or the character itself.
      this.#state = this.#escape === this.#quote ? 'plain' : 'quoted'
      if (this.#state === 'quoted') this.#put(this.#escape)
    }
    if (this.#state === 'quoted') {
      if (code === this.#escape) this.#state = 'quoted escape'
      else if (code === this.#quote) this.#state = 'plain'
      else this.#put(code)
    } else if (code === this.#delimiter) this.#endField()
    else if (code === this.#quote) {
      this.#state = 'quoted'
      this.#wasQuoted = true
    } else {
      this.#noteRaw(code)
      this.#put(code)
    }
  }

  // ---- fields

  #put(code: number): void {
    this.#units[this.#count++] = code
    if (this.#count === this.#units.length) this.#flush()
  }

  #flush(): void {
    if (this.#count === 0) return
    const { buffer } = this.#units
    this.#parts.push(Buffer.from(buffer, 0, 2 * this.#count).toString('utf16le'))
    this.#count = 0
  }

  #noteRaw(code: number): void {
    if (this.#raw.length <= this.#format.nullText.length) this.#raw += String.fromCharCode(code)
  }

  #endField(): void {
    this.#flush()
    const parts = this.#parts
    const isNull = !this.#wasQuoted && this.#raw === this.#format.nullText
    if (this.fields.length < mostFields) this.fields.push(isNull ? null : parts.join(''))
    this.#parts = []
    this.#raw = ''
    this.#wasQuoted = false
  }
}

function digitOf(code: number, base: 8 | 16): number {
  if (code >= codes.zero && code <= (base === 8 ? codes.seven : 0x39)) return code - codes.zero
  const letter = code | 0x20
  return base === 16 && letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
