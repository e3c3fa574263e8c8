/**
 * Requests of the Redis protocol (RESP), parsed in place: an argument is a view of the chunk that the socket gave, so a
 * pipelined GET costs no copy. Also inline commands, a line of words with quotes.
 *
 * Parsing goes on where it stopped. Errors and limits are Redis's own, except that a whole request is bounded too.
 *
 * Invariants: the arguments of a request hold until the next `next()`; `push` in between is allowed.
 */
import { MutableSlice, sliceLength, type Slice } from '../../base/slice.ts'
import { ReceiveBuffer } from '../receive-buffer.ts'

const star = 0x2a
const dollar = 0x24
const carriageReturn = 0x0d
const lineFeed = 0x0a

/** Redis's PROTO_INLINE_MAX_SIZE: an inline command, or the line that holds a length. */
const maxLineBytes = 64 * 1024
export const maxArguments: number = 1024 * 1024
/** Of who has not said yet who it is: enough for AUTH and HELLO, as in Redis. */
const strangersArguments = 10
const strangersBulkBytes = 16_384
const keptSlices = 1024
/** What the heap holds for an argument, and for how many that is charged at once. */
const argumentBytes = 48
const chargedTogether = 1024
/** Arguments that are parsed in one turn. */
const argumentsPerTurn = 64 * 1024

const nothing = new Uint8Array(0)

/** Shorter arguments are copied wherever they lie. */
const sharedFromBytes = 512 * 1024

function isMostOfItsBuffer(slice: Slice): boolean {
  const length = sliceLength(slice)
  return length >= sharedFromBytes && 2 * length >= slice.bytes.buffer.byteLength
}

export class Arguments {
  count = 0
  #slices: MutableSlice[] = []

  at(position: number): MutableSlice {
    return this.#slices[position]!
  }

  clear(): void {
    this.count = 0
    if (this.#slices.length > keptSlices) this.#slices.length = keptSlices
  }

  /** Holds no bytes any more. */
  forget(): void {
    this.count = 0
    if (this.#slices.length > 16) this.#slices.length = 16
    for (const slice of this.#slices) slice.set(nothing, 0, 0)
  }

  add(bytes: Uint8Array, start: number, end: number): void {
    const slice = this.#slices[this.count]
    if (slice === undefined) this.#slices.push(new MutableSlice(bytes, start, end))
    else slice.set(bytes, start, end)
    this.count++
  }

  /** The bytes they lie in are now in `bytes`, so much further on. */
  move(bytes: Uint8Array, by: number): void {
    for (let i = 0; i < this.count; i++) {
      const slice = this.at(i)
      slice.set(bytes, slice.start + by, slice.end + by)
    }
  }

  /**
   * For as long as one likes, from `first` on: in memory of their own, but for what is most of its buffer, which is never
   * written over and stays where it is.
   */
  copy(first = 0): Arguments {
    let size = 0
    for (let i = first; i < this.count; i++) if (!isMostOfItsBuffer(this.at(i))) size += sliceLength(this.at(i))
    const bytes = new Uint8Array(size)
    const copy = new Arguments()
    let at = 0
    for (let i = first; i < this.count; i++) {
      const slice = this.at(i)
      if (isMostOfItsBuffer(slice)) {
        copy.add(slice.bytes, slice.start, slice.end)
        continue
      }
      bytes.set(slice.bytes.subarray(slice.start, slice.end), at)
      copy.add(bytes, at, at + sliceLength(slice))
      at += sliceLength(slice)
    }
    return copy
  }

  sizeBytes(): number {
    let size = 0
    for (let i = 0; i < this.count; i++) size += this.at(i).end - this.at(i).start + 32
    return size
  }
}

/**
 * `request`: the arguments are there, at least one. `more`: wait for bytes. `error`: see `error`, then close. `pause`: there
 * was much in this turn; ask again in another one.
 */
export const parsed = { request: 1, more: 2, error: 3, pause: 4 } as const
export type Parsed = (typeof parsed)[keyof typeof parsed]

/** Whose requests they are. */
export interface Sender {
  /** It is known who sends this. */
  readonly isIdentified: boolean
  /** Called before more than a few arguments are kept. */
  meet(): void
}

export class RequestParser extends ReceiveBuffer {
  readonly arguments: Arguments = new Arguments()
  /** What is wrong with the bytes, in Redis's words. */
  error = ''
  /** Of a connection; a test's has none. */
  sender: Sender | undefined
  readonly #maxBytes: number
  /** Arguments of the request at hand that are still to come; 0 between requests. */
  #missing = 0
  /** Length of the argument whose bytes come next; −1 where its length line comes next. */
  #bulkBytes = -1

  /** From `at` on, in which no line ends: a line that comes byte by byte is looked through once. */
  #linelessBytes = 0
  /** Charged for the arguments of the request at hand: a million empty ones are little on the wire. */
  #argumentBytes = 0

  constructor(maxBytes: number) {
    super(maxBytes)
    this.#maxBytes = maxBytes
  }

  override drop(): void {
    this.#missing = 0
    this.#linelessBytes = 0
    super.drop()
  }

  #payArguments(): void {
    this.sender?.meet()
    const bytes = chargedTogether * argumentBytes
    this.payer?.account.charge(bytes, 'the arguments of a request')
    this.#argumentBytes += bytes
  }

  #releaseArguments(): void {
    if (this.#argumentBytes > 0) this.payer?.account.release(this.#argumentBytes)
    this.#argumentBytes = 0
  }

  override rest(): void {
    const { bytes, start } = this
    super.rest()
    if (this.#missing === 0) {
      this.arguments.forget()
      this.#releaseArguments()
    } else if (this.bytes !== bytes) this.arguments.move(this.bytes, this.start - start)
  }

  /** Nothing is there, and nothing is begun: it could be another one's. */
  get isEmpty(): boolean {
    return this.bufferedBytes === 0 && this.error === ''
  }

  next(): Parsed {
    for (;;) {
      if (this.#missing === 0) {
        this.arguments.clear()
        if (this.#argumentBytes > 0) this.#releaseArguments()
        this.start = this.at
        if (this.at === this.end) return parsed.more
        const began = this.bytes[this.at] === star ? this.#beginRequest() : this.#parseInline()
        if (began !== parsed.request) return began
        if (this.#missing === 0) {
          if (this.arguments.count === 0) continue
          return this.#finish()
        }
      }
      return this.#parseBulks()
    }
  }

  #finish(): Parsed {
    this.start = this.at
    return parsed.request
  }

  #fail(error: string): Parsed {
    this.error = error
    return parsed.error
  }

  /** The position of the next carriage return, or −1. Redis looks no further than to a zero byte. */
  #findLineEnd(): number {
    const bytes = this.bytes
    const stop = Math.min(this.end, this.at + maxLineBytes)
    let i = this.at + this.#linelessBytes
    while (i < stop && bytes[i] !== carriageReturn && bytes[i] !== 0) i++
    if (i < stop && i + 1 < this.end && bytes[i] !== 0) {
      if (this.#linelessBytes > 0) this.#linelessBytes = 0
      return i
    }
    this.#linelessBytes = i - this.at
    return -1
  }

  /** Of one whose end has not come, or will not be found behind a zero byte: Redis waits for it until it is too long. */
  #lineTooLong(): boolean {
    const seen = this.at + this.#linelessBytes
    return this.end - this.at >= maxLineBytes || (seen < this.end && this.bytes[seen] === 0)
  }

  #beginRequest(): Parsed {
    const lineEnd = this.#findLineEnd()
    if (lineEnd < 0) return this.#lineTooLong() ? this.#fail('too big mbulk count string') : parsed.more
    const count = this.#parseLength(this.at + 1, lineEnd)
    if (Number.isNaN(count) || count > maxArguments) return this.#fail('invalid multibulk length')
    if (count > strangersArguments && this.sender?.isIdentified === false)
      return this.#fail('unauthenticated multibulk length')
    this.at = lineEnd + 2
    this.#missing = Math.max(0, count)
    this.#bulkBytes = -1
    return parsed.request
  }

  #parseBulks(): Parsed {
    const bytes = this.bytes
    while (this.#missing > 0) {
      if (this.#bulkBytes < 0) {
        const begun = this.#parseBulkLength()
        if (begun !== parsed.request) return begun
      }
      const end = this.at + this.#bulkBytes
      if (end + 2 > this.end) {
        this.expect(end + 2 - this.start)
        return parsed.more
      }
      this.arguments.add(bytes, this.at, end)
      if (this.arguments.count % chargedTogether === 0) this.#payArguments()
      this.at = end + 2
      this.#bulkBytes = -1
      this.#missing--
      if (this.arguments.count % argumentsPerTurn === 0 && this.#missing > 0) return parsed.pause
    }
    return this.#finish()
  }

  #parseBulkLength(): Parsed {
    if (this.at === this.end) return parsed.more
    const lineEnd = this.#findLineEnd()
    if (lineEnd < 0) return this.#lineTooLong() ? this.#fail('too big bulk count string') : parsed.more
    const first = this.bytes[this.at]!
    if (first !== dollar)
      return this.#fail(`expected '$', got '${first < 0x80 ? String.fromCharCode(first) : '\ufffd'}'`)
    const length = this.#parseLength(this.at + 1, lineEnd)
    if (Number.isNaN(length) || length < 0 || length > this.#maxBytes) return this.#fail('invalid bulk length')
    if (length > strangersBulkBytes && this.sender?.isIdentified === false)
      return this.#fail('unauthenticated bulk length')
    if (lineEnd + 2 - this.start + length > this.#maxBytes + maxLineBytes) {
      return this.#fail(`request is larger than ${this.#maxBytes} bytes`)
    }
    this.#bulkBytes = length
    this.at = lineEnd + 2
    return parsed.request
  }

  #parseLength(start: number, end: number): number {
    const bytes = this.bytes
    const negative = bytes[start] === 0x2d
    const first = negative ? start + 1 : start
    if (first >= end || end - first > 10) return Number.NaN
    if (bytes[first] === 0x30 && (negative || end - first > 1)) return Number.NaN
    let value = 0
    for (let i = first; i < end; i++) {
      const digit = bytes[i]! - 0x30
      if (digit < 0 || digit > 9) return Number.NaN
      value = value * 10 + digit
    }
    return negative ? -value : value
  }

  #parseInline(): Parsed {
    const stop = Math.min(this.end, this.at + maxLineBytes)
    let lineEnd = this.at + this.#linelessBytes
    while (lineEnd < stop && this.bytes[lineEnd] !== lineFeed && this.bytes[lineEnd] !== 0) lineEnd++
    if (lineEnd === stop || this.bytes[lineEnd] === 0) {
      this.#linelessBytes = lineEnd - this.at
      return this.#lineTooLong() ? this.#fail('too big inline request') : parsed.more
    }
    this.#linelessBytes = 0
    const line = { bytes: this.bytes, start: this.at, end: lineEnd }
    this.at = lineEnd + 1
    if (line.end > line.start && line.bytes[line.end - 1] === carriageReturn) line.end--
    const words = splitWords(line)
    if (words === undefined) return this.#fail('unbalanced quotes in request')
    for (const word of words) this.arguments.add(word, 0, word.length)
    return parsed.request
  }
}

const escapes: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, b: 0x08, a: 0x07 }

/** The words of a line, with "…" and its escapes and '…' as redis-cli writes them; undefined where quotes do not close. */
export function splitWords(line: Slice): Uint8Array[] | undefined {
  const words: Uint8Array[] = []
  const { bytes, end } = line
  let at = line.start
  for (;;) {
    while (at < end && isSpace(bytes[at]!)) at++
    if (at >= end) return words
    const word = readWord(bytes, at, end)
    if (word === undefined) return undefined
    words.push(Uint8Array.from(word.bytes))
    at = word.end
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}

function readWord(bytes: Uint8Array, start: number, end: number): { bytes: number[]; end: number } | undefined {
  const word: number[] = []
  let at = start
  while (at < end && !isSpace(bytes[at]!)) {
    const byte = bytes[at]!
    if (byte !== 0x22 && byte !== 0x27) {
      word.push(byte)
      at++
      continue
    }
    const close =
      byte === 0x22 ? readDoubleQuoted(bytes, at + 1, end, word) : readSingleQuoted(bytes, at + 1, end, word)
    // A closing quote must end the word.
    if (close < 0 || (close < end && !isSpace(bytes[close]!))) return undefined
    return { bytes: word, end: close }
  }
  return { bytes: word, end: at }
}

function readDoubleQuoted(bytes: Uint8Array, start: number, end: number, word: number[]): number {
  let at = start
  while (at < end) {
    const byte = bytes[at]!
    if (byte === 0x22) return at + 1
    if (byte !== 0x5c || at + 1 >= end) {
      word.push(byte)
      at++
      continue
    }
    const hex = at + 3 < end ? /^x[0-9a-f]{2}$/i.exec(String.fromCharCode(...bytes.subarray(at + 1, at + 4))) : null
    if (hex !== null) {
      word.push(Number.parseInt(hex[0].slice(1), 16))
      at += 4
    } else {
      const escaped = bytes[at + 1]!
      word.push(escapes[String.fromCharCode(escaped)] ?? escaped)
      at += 2
    }
  }
  return -1
}

function readSingleQuoted(bytes: Uint8Array, start: number, end: number, word: number[]): number {
  let at = start
  while (at < end) {
    const byte = bytes[at]!
    if (byte === 0x27) return at + 1
    const escapesQuote = byte === 0x5c && at + 1 < end && bytes[at + 1] === 0x27
    word.push(escapesQuote ? 0x27 : byte)
    at += escapesQuote ? 2 : 1
  }
  return -1
}
