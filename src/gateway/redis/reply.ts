/**
 * Replies in RESP2 and RESP3, written into an output buffer as they come.
 *
 * What only RESP3 has (maps, sets, doubles, null, verbatim text) is written as RESP2's clients know it: flat arrays and
 * bulk strings. Statements that run again begin again at `mark`.
 */
import type { StatementSteps } from '../../database/contract.ts'
import { charge } from '../../base/work.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import type { Payer } from '../../base/memory-account.ts'
import { sliceLength, type Slice } from '../../base/slice.ts'
import { encodeShown } from './shown-bytes.ts'
import type { ErrorTally } from './usage.ts'

/** Of a connection's writer, which gathers the replies of a pipeline. */
const freeBytes = 2 * 1024 * 1024

/** Less is copied where replies are put together. */
const partBytes = 1024 * 1024
/** The line of a bulk string's length, and its end. */
const bulkFrameBytes = 32

/** Copying less is no work. */
const smallBytes = 1024

const carriageReturn = 0x0d
const lineFeed = 0x0a

/** So much of a reply. */
export interface ReplyPlace {
  readonly parts: number
  readonly end: number
}

const beginning: ReplyPlace = { parts: 0, end: 0 }

/** Of a reply that is nobody's. */
const nowhere = new ByteWriter(0)

/** A null of RESP3. */
const leastItemBytes = 3

export class Reply {
  /** Of the outbox, from `begin` on. */
  writer: ByteWriter = nowhere
  /** `writer` is the reply's own, and is copied to where the others are when the command has ended. */
  isDetached = false
  /** What is written now is counted, and moved to where it belongs. */
  isCounting = false
  /** Of a detached reply: what came before `writer`, in pieces that are not copied any more. */
  #parts: ByteWriter[] = []
  #partsBytes = 0
  /** Where the reply at hand begins in `writer`. */
  mark = 0
  /** 2 or 3. */
  protocol = 2
  readonly #maxBytes: number
  /** Of whom it is for. */
  #payer!: Payer
  readonly #tally: ErrorTally
  /** The writer may grow so far before more is charged. */
  #paidTo: number
  readonly #freeBytes: number

  constructor(maxBytes: number, tally: ErrorTally) {
    this.#maxBytes = maxBytes
    this.#tally = tally
    this.#freeBytes = Math.min(freeBytes, maxBytes)
    this.#paidTo = this.#freeBytes
  }

  /** Serves another connection from now on; between two commands. */
  serve(payer: Payer, protocol: number): void {
    this.#payer = payer
    this.protocol = protocol
  }

  /** Knows nothing more of the connection that it served. */
  leave(): void {
    this.settle()
    this.writer = nowhere
  }

  /** Charges as the reply grows, before it does. */
  #pay(needed: number): void {
    this.#checkSize()
    const paidTo = Math.max(needed, Math.min(2 * this.#paidTo, this.#maxBytes))
    this.#payer.account.charge(paidTo - this.#paidTo, 'the reply')
    this.#paidTo = paidTo
  }

  #checkSize(): void {
    if (this.#partsBytes + this.writer.end > this.#maxBytes) this.#refuse()
  }

  #refuse(): never {
    throw new PolylogError('too_large', `the reply is larger than ${this.#maxBytes} bytes`)
  }

  /** The reply is where it leaves from: the outbox pays for it from here on. */
  settle(): void {
    if (this.#parts.length > 0) this.#dropParts(0)
    this.#settleWriter()
  }

  #settleWriter(): void {
    if (this.#paidTo === this.#freeBytes) return
    this.#payer.account.release(this.#paidTo - this.#freeBytes)
    this.#paidTo = this.#freeBytes
  }

  begin(writer: ByteWriter): void {
    if (this.#parts.length > 0) this.#dropParts(0)
    this.isDetached = this.isCounting = false
    this.writer = writer
    this.mark = writer.end
  }

  /** How much is written of this reply: holds when it is detached, too. */
  get place(): ReplyPlace {
    return { parts: this.#parts.length, end: this.writer.end - this.mark }
  }

  /** Forgets what was written of this reply after the place. */
  backTo({ parts, end }: ReplyPlace): void {
    if (this.#parts.length > parts) {
      this.writer = this.#parts[parts]!
      this.#dropParts(parts)
    }
    this.writer.truncate(this.mark + end)
  }

  /** Forgets what was written of this reply. */
  restart(): void {
    this.backTo(beginning)
  }

  #dropParts(kept: number): void {
    for (const { end } of this.#parts.splice(kept)) {
      this.#partsBytes -= end
      this.#payer.account.release(end)
    }
  }

  /** The detached reply, in order. */
  get pieces(): readonly ByteWriter[] {
    return [...this.#parts, this.writer]
  }

  /** What is written so far stays where it is, and what comes has a writer of its own with room for so many bytes. */
  #beginPart(roomBytes: number): void {
    const { end } = this.writer
    this.#checkSize()
    this.#settleWriter()
    this.#payer.account.charge(end, 'the reply')
    this.#parts.push(this.writer)
    this.#partsBytes += end
    this.writer = new ByteWriter(roomBytes)
  }

  /** Moves what was written of this reply to a buffer of its own, where it grows until the statement ends. */
  detach(): void {
    if (this.isDetached) return
    const own = new ByteWriter(256)
    if (this.writer.end > this.mark) {
      own.copy(this.writer.bytes, this.mark, this.writer.end)
      this.restart()
    }
    this.isDetached = true
    this.writer = own
    this.mark = 0
  }

  #line(first: number, value: number): void {
    const { writer } = this
    if (writer.end > this.#paidTo) this.#pay(writer.end)
    writer.reserve(20)
    const { bytes } = writer
    let at = writer.end
    bytes[at++] = first
    if (value >= 0 && value < 10) {
      bytes[at++] = 0x30 + value
    } else if (value >= 0 && value <= 0x7fff_ffff) {
      let digits = 1
      for (let limit = 10; value >= limit; limit *= 10) digits++
      for (let rest = value, i = at + digits - 1; i >= at; i--) {
        const quotient = (rest / 10) | 0
        bytes[i] = 0x30 + rest - quotient * 10
        rest = quotient
      }
      at += digits
    } else {
      writer.end = at
      writer.latin1(String(value))
      this.#endLine()
      return
    }
    bytes[at++] = carriageReturn
    bytes[at++] = lineFeed
    writer.end = at
  }

  #endLine(): void {
    this.writer.u16be(0x0d0a)
  }

  #text(first: number, text: string): void {
    this.writer.u8(first)
    this.writer.utf8(text)
    this.#endLine()
  }

  /** `+OK` and its like. */
  status(text: string): void {
    this.#text(0x2b, text)
  }

  ok(): void {
    const { writer } = this
    writer.reserve(5)
    const { bytes, end } = writer
    bytes[end] = 0x2b
    bytes[end + 1] = 0x4f
    bytes[end + 2] = 0x4b
    bytes[end + 3] = carriageReturn
    bytes[end + 4] = lineFeed
    writer.end = end + 5
  }

  /** The whole line, code included; line breaks around it go, and within it become spaces. */
  error(text: string): void {
    this.#tally.note(text)
    const line = text.replace(/^[\r\n]+|[\r\n]+$/g, '').replace(/[\r\n]/g, ' ')
    const bytes = encodeShown(line)
    if (bytes === undefined) {
      this.#text(0x2d, line)
      return
    }
    this.writer.u8(0x2d)
    this.writer.copy(bytes)
    this.#endLine()
  }

  integer(value: number | bigint): void {
    if (typeof value === 'number') this.#line(0x3a, value)
    else this.#text(0x3a, String(value))
  }

  bulk(value: Slice): void {
    const { writer } = this
    const length = value.end - value.start
    if (length > partBytes && !this.isCounting) {
      this.beginBulk(length)
      this.continueBulk(value)
      this.endBulk()
      return
    }
    if (writer.end + length > this.#paidTo) this.#pay(writer.end + length)
    if (length > smallBytes) charge(length)
    this.#line(0x24, length)
    writer.copy(value.bytes, value.start, value.end)
    this.#endLine()
  }

  /** A bulk string of so many bytes, which `continueBulk` brings; `endBulk` ends it. */
  beginBulk(length: number): void {
    this.detach()
    if (this.writer.end > partBytes) this.#beginPart(length + bulkFrameBytes)
    if (this.writer.end + length > this.#paidTo) this.#pay(this.writer.end + length)
    this.writer.reserve(length + bulkFrameBytes)
    this.#line(0x24, length)
  }

  continueBulk(piece: Slice): void {
    if (sliceLength(piece) > smallBytes) charge(sliceLength(piece))
    this.writer.slice(piece)
  }

  /** A bulk string of a request's own bytes, which nobody writes over: a large one is not copied. */
  argument(value: Slice): void {
    if (sliceLength(value) <= partBytes || this.isCounting) return this.bulk(value)
    this.detach()
    this.#line(0x24, sliceLength(value))
    this.#beginPart(0)
    this.writer = ByteWriter.holding(value.bytes.subarray(value.start, value.end))
    this.#beginPart(256)
    this.endBulk()
  }

  endBulk(): void {
    this.#endLine()
  }

  bulkText(text: string): void {
    this.#line(0x24, Buffer.byteLength(text))
    this.writer.utf8(text)
    this.#endLine()
  }

  bulkInteger(value: number | bigint): void {
    this.bulkText(String(value))
  }

  /** A bulk string, or null where there is none. */
  bulkOrNull(value: Slice | undefined): void {
    if (value === undefined) this.null()
    else this.bulk(value)
  }

  null(): void {
    if (this.protocol === 3) this.#text(0x5f, '')
    else this.#line(0x24, -1)
  }

  /** Null where an array was to come. */
  nullArray(): void {
    if (this.protocol === 3) this.#text(0x5f, '')
    else this.#line(0x2a, -1)
  }

  /** `printed` as Redis prints the number. */
  double(printed: string): void {
    if (this.protocol === 3) this.#text(0x2c, printed)
    else this.bulkText(printed)
  }

  /** Of RESP3 alone. */
  bigNumber(digits: string): void {
    this.#text(0x28, digits)
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.#text(0x23, value ? 't' : 'f')
    else this.#line(0x3a, value ? 1 : 0)
  }

  array(count: number): void {
    // What cannot fit is not begun: a count of a few digits may stand for hours of work.
    if (count * leastItemBytes > this.#maxBytes) this.#refuse()
    this.#line(0x2a, count)
  }

  /** `count` pairs of a key and a value follow. */
  map(count: number): void {
    if (this.protocol === 3) this.#line(0x25, count)
    else this.#line(0x2a, 2 * count)
  }

  set(count: number): void {
    this.#line(this.protocol === 3 ? 0x7e : 0x2a, count)
  }

  /** What comes unasked, or tells of what will. */
  push(count: number): void {
    this.#line(this.protocol === 3 ? 0x3e : 0x2a, count)
  }

  /** Text for people. */
  verbatim(text: string): void {
    if (this.protocol !== 3) {
      this.bulkText(text)
      return
    }
    this.#line(0x3d, Buffer.byteLength(text) + 4)
    this.writer.utf8(`txt:${text}`)
    this.#endLine()
  }

  /** An array or set whose length is known once `write` is done: it answers the count. What it writes is moved then, once. */
  *counted(begin: (count: number) => void, write: () => StatementSteps<number>): StatementSteps<void> {
    const { isCounting } = this
    const { end } = this.place
    this.isCounting = true
    let count = 0
    try {
      count = yield* write()
    } finally {
      this.isCounting = isCounting
    }
    this.#insert(end, () => begin(count))
  }

  /** What is written now comes before what was written of this reply, in its last piece, after `place`. */
  #insert(place: number, write: () => void): void {
    const { writer } = this
    const at = this.mark + place
    const before = writer.end
    write()
    const { bytes, end } = writer
    const inserted = bytes.slice(before, end)
    if (before - at > smallBytes) charge(before - at)
    bytes.copyWithin(at + inserted.length, at, before)
    bytes.set(inserted, at)
  }
}
