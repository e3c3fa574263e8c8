/**
 * A file whose bytes are encrypted in units of 4 KiB, each by itself, so that it is read and written at any place.
 *
 *    0  magic `PLEF`
 *    4  format u16              1
 *    6  zero u16
 *    8  data key u32            its number
 *   12  salt                    32 bytes: with the data key and what the file is for, they make the file's key
 *   44  zero, 16 bytes
 *   60  checksum u32            CRC-32 of bytes 0…59
 *   64  units                   nonce (12), tag (16), and 4096 bytes of text; of the last one: 0…4096
 *
 * Little endian. The context of a unit is its number and whether it is the last one. So units that have changed, come from
 * another file, stand at another place, or are missing at the end are found out when they are read; an older state of the
 * whole file is not. An empty file has one unit without text.
 *
 * The last unit stays in memory until `sync` or `close`: by then it is known to be the last one, and appending writes each
 * unit once. What is appended after a sync writes the last unit again, in its place: a crash may then cost what was synced in
 * it. So these are files that are written, synced, and named; what grows by synced writes is the log, which does otherwise.
 *
 * Invariants: a unit below the last one is on the disk; what is read was authenticated, or an error is thrown.
 */
import { crc32 } from 'node:zlib'
import { assert, PolylogError } from '../../base/errors.ts'
import { DiskError, type File } from '../host.ts'
import { type Encryption, type FileKey, type KeyOrigin, saltBytes, sealBytes } from './encryption.ts'

const headerBytes = 64
const textBytes = 4096
const unitBytes = textBytes + sealBytes
const magic = 0x46454c50 // 'PLEF'
const format = 1
/** Written at once where a file is made longer. */
const fillBytes = 64 * textBytes

interface Parts {
  readonly path: string
  readonly under: File
  readonly key: FileKey
  /** Of a file that may be written. */
  readonly tail?: Uint8Array
  readonly sizeBytes: number
  readonly header?: Uint8Array
  readonly isWritable: boolean
  /** Each write is durable when it completes. */
  readonly syncsWrites: boolean
}

/** Bytes for the file below, and what is true once they are there. */
interface Change {
  readonly position: number
  readonly bytes: Uint8Array
  readonly done: () => void
}

export class EncryptedFile implements File {
  readonly #path: string
  readonly #under: File
  readonly #key: FileKey
  readonly #isWritable: boolean
  readonly #syncsWrites: boolean
  #sizeBytes: number
  /** The text of the last unit, of a file that may be written. */
  #tail: Uint8Array
  /** What the disk has of the last unit is not this, or not as the last one. */
  #isDirty: boolean
  /** Of a new file: not written yet. */
  #header: Uint8Array | undefined
  #changing: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #isClosed = false

  private constructor(parts: Parts) {
    this.#path = parts.path
    this.#under = parts.under
    this.#key = parts.key
    this.#isWritable = parts.isWritable
    this.#syncsWrites = parts.syncsWrites
    this.#sizeBytes = parts.sizeBytes
    this.#tail = parts.tail ?? new Uint8Array(0)
    this.#header = parts.header
    this.#isDirty = parts.header !== undefined
  }

  /** Around a file that was made just now. */
  static make(under: File, path: string, encryption: Encryption, options: EncryptedOptions): EncryptedFile {
    const { key, ...origin } = encryption.newKey(options.purpose)
    const header = encodeHeader(origin)
    const { syncsWrites } = options
    return new EncryptedFile({ path, under, key, sizeBytes: 0, header, isWritable: true, syncsWrites })
  }

  /** Around one that is there. Errors: `data_corrupted`, `data_newer`, `DiskError`. */
  static async open(
    under: File,
    path: string,
    encryption: Encryption,
    options: EncryptedOptions & { readonly isWritable: boolean },
  ): Promise<EncryptedFile> {
    const header = new Uint8Array(headerBytes)
    const origin = decodeHeader(header.subarray(0, await under.readAt(0, header)), path)
    const key = encryption.keyOf(origin, options.purpose)
    if (key === undefined) throw unknownDataKey(path, origin.dataKey)
    const sizeBytes = textSize(await under.size(), path)
    const { isWritable, syncsWrites } = options
    const file = new EncryptedFile({ path, under, key, sizeBytes, isWritable, syncsWrites })
    // Its size is known to be right once the last unit is known to be the last one.
    const tail = await file.#readUnit(lastUnit(sizeBytes))
    if (isWritable) file.#tail = tail
    return file
  }

  // ---- reading

  readAt(position: number, into: Uint8Array): Promise<number> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    return this.#inTurn(() => this.#read(position, into))
  }

  async #read(position: number, into: Uint8Array): Promise<number> {
    const length = this.#readable(position, into.length)
    if (length === 0) return 0
    const { start, bytes } = this.#rangeFor(position, length)
    const read = await this.#under.readAt(start, bytes)
    if (this.#decrypt(position, into.subarray(0, length), bytes.subarray(0, read))) return length
    // A bit may flip on its way from the disk: what is damaged on the disk is so twice.
    const again = await this.#under.readAt(start, bytes)
    if (this.#decrypt(position, into.subarray(0, length), bytes.subarray(0, again))) return length
    throw this.#damaged(start)
  }

  readAtSync(position: number, into: Uint8Array): number {
    this.#checkAlone()
    const length = this.#readable(position, into.length)
    if (length === 0) return 0
    const { start, bytes } = this.#rangeFor(position, length)
    const read = this.#under.readAtSync(start, bytes)
    if (!this.#decrypt(position, into.subarray(0, length), bytes.subarray(0, read))) throw this.#damaged(start)
    return length
  }

  #readable(position: number, length: number): number {
    return Math.max(0, Math.min(length, this.#sizeBytes - position))
  }

  /** Room for the units that hold the range and that are on the disk. */
  #rangeFor(position: number, length: number): { start: number; bytes: Uint8Array } {
    const first = unitOf(position)
    const last = unitOf(position + length - 1)
    const isInMemory = this.#isWritable && last === lastUnit(this.#sizeBytes)
    const end =
      last === lastUnit(this.#sizeBytes) ? placeOf(last) + sealBytes + tailBytes(this.#sizeBytes) : placeOf(last + 1)
    const start = placeOf(first)
    return { start, bytes: new Uint8Array((isInMemory ? placeOf(last) : end) - start) }
  }

  /** Copies the text of what was read; false where it is not what was written. */
  #decrypt(position: number, into: Uint8Array, bytes: Uint8Array): boolean {
    const first = unitOf(position)
    for (let at = 0; at < into.length;) {
      const unit = unitOf(position + at)
      const text = this.#textOf(unit, bytes, (unit - first) * unitBytes)
      const from = position + at - unit * textBytes
      if (text === undefined || text.length <= from) return false
      const part = text.subarray(from, from + into.length - at)
      into.set(part, at)
      at += part.length
    }
    return true
  }

  #textOf(unit: number, bytes: Uint8Array, at: number): Uint8Array | undefined {
    const isLast = unit === lastUnit(this.#sizeBytes)
    if (isLast && this.#isWritable) return this.#tail
    const end = at + sealBytes + (isLast ? tailBytes(this.#sizeBytes) : textBytes)
    if (end > bytes.length) return undefined
    return this.#key.decrypt(bytes, { sealAt: at, start: at + sealBytes, end }, contextOf(unit, isLast))
  }

  async #readUnit(unit: number): Promise<Uint8Array> {
    const isLast = unit === lastUnit(this.#sizeBytes)
    const bytes = new Uint8Array(isLast ? sealBytes + tailBytes(this.#sizeBytes) : unitBytes)
    const place = { sealAt: 0, start: sealBytes, end: bytes.length }
    for (let attempt = 0; attempt < 2; attempt++) {
      if ((await this.#under.readAt(placeOf(unit), bytes)) < bytes.length) continue
      const text = this.#key.decrypt(bytes, place, contextOf(unit, isLast))
      if (text !== undefined) return text
    }
    throw this.#damaged(placeOf(unit))
  }

  // ---- writing

  writeAt(position: number, bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    return this.#inTurn(() => this.#write(position, bytes))
  }

  async #write(position: number, bytes: Uint8Array): Promise<void> {
    this.#checkWritable()
    if (bytes.length === 0) return
    for (const [at, piece] of this.#pieces(position, bytes)) {
      const [first, last] = [unitOf(at), unitOf(at + piece.length - 1)]
      const before = this.#keepsOf(first, at, piece) ? await this.#text(first) : none
      const after = last > first && this.#keepsOf(last, at, piece) ? await this.#text(last) : none
      const change = this.#change(at, piece, before, after)
      if (change.bytes.length > 0) await this.#under.writeAt(change.position, change.bytes)
      change.done()
    }
    if (this.#syncsWrites) await this.#flush()
  }

  writeAtSync(position: number, bytes: Uint8Array): void {
    this.#checkAlone()
    this.#checkWritable()
    if (bytes.length === 0) return
    for (const [at, piece] of this.#pieces(position, bytes)) {
      const [first, last] = [unitOf(at), unitOf(at + piece.length - 1)]
      const before = this.#keepsOf(first, at, piece) ? this.#textSync(first) : none
      const after = last > first && this.#keepsOf(last, at, piece) ? this.#textSync(last) : none
      const change = this.#change(at, piece, before, after)
      if (change.bytes.length > 0) this.#under.writeAtSync(change.position, change.bytes)
      change.done()
    }
    if (!this.#syncsWrites) return
    const change = this.#lastUnit()
    if (change === undefined) return
    this.#under.writeAtSync(change.position, change.bytes)
    change.done()
  }

  /** What is written, in order: zeros up to a position beyond the end come first. */
  *#pieces(position: number, bytes: Uint8Array): Generator<readonly [number, Uint8Array]> {
    while (this.#sizeBytes < position) {
      const zeros = Math.min(fillBytes, position - this.#sizeBytes)
      yield [this.#sizeBytes, new Uint8Array(zeros)]
    }
    yield [position, bytes]
  }

  /** Whether some of the unit's text stays when `piece` is written at `at`. */
  #keepsOf(unit: number, at: number, piece: Uint8Array): boolean {
    const start = unit * textBytes
    const end = Math.min(start + textBytes, this.#sizeBytes)
    return start < this.#sizeBytes && (at > start || at + piece.length < end)
  }

  #text(unit: number): Promise<Uint8Array> | Uint8Array {
    return unit === lastUnit(this.#sizeBytes) ? this.#tail : this.#readUnit(unit)
  }

  #textSync(unit: number): Uint8Array {
    if (unit === lastUnit(this.#sizeBytes)) return this.#tail
    const bytes = new Uint8Array(textBytes)
    const read = this.readAtSync(unit * textBytes, bytes)
    return bytes.subarray(0, read)
  }

  /**
   * The units that go to the disk: all that change but the last one of the file, and the one that was the last until now,
   * which is full by then. `before`, `after`: what was in the first and the last unit of the piece.
   */
  #change(at: number, piece: Uint8Array, before: Uint8Array, after: Uint8Array): Change {
    const sizeBytes = Math.max(this.#sizeBytes, at + piece.length)
    const newLast = lastUnit(sizeBytes)
    const oldLast = lastUnit(this.#sizeBytes)
    const [first, last] = [unitOf(at), unitOf(at + piece.length - 1)]
    const from = this.#sizeBytes > 0 && oldLast < first ? oldLast : first
    const count = Math.max(0, Math.min(last, newLast - 1) - from + 1)
    const isFirst = this.#header !== undefined && from === 0 && count > 0
    const start = isFirst ? 0 : placeOf(from)
    const bytes = new Uint8Array((isFirst ? headerBytes : 0) + count * unitBytes)
    if (isFirst) bytes.set(this.#header!)
    const text = (unit: number): Uint8Array => {
      if (unit < first) return this.#tail
      const kept = unit === first ? before : unit === last ? after : none
      return overlay(unit, kept, at, piece)
    }
    for (let i = 0; i < count; i++) this.#encryptUnit(bytes, placeOf(from + i) - start, text(from + i), from + i, false)
    const tail = last === newLast ? text(newLast).slice() : this.#tail
    const done = (): void => {
      if (isFirst) this.#header = undefined
      if (last === newLast) this.#isDirty = true
      this.#tail = tail
      this.#sizeBytes = sizeBytes
    }
    return { position: start, bytes, done }
  }

  #encryptUnit(bytes: Uint8Array, at: number, text: Uint8Array, unit: number, isLast: boolean): void {
    bytes.set(text, at + sealBytes)
    const place = { sealAt: at, start: at + sealBytes, end: at + sealBytes + text.length }
    this.#key.encrypt(bytes, place, contextOf(unit, isLast))
  }

  /** Undefined where the disk has it. */
  #lastUnit(): Change | undefined {
    if (!this.#isDirty) return undefined
    const unit = lastUnit(this.#sizeBytes)
    const header = this.#header
    assert(header === undefined || unit === 0, 'units were written before the header of their file')
    const start = header === undefined ? placeOf(unit) : 0
    const at = placeOf(unit) - start
    const bytes = new Uint8Array(at + sealBytes + this.#tail.length)
    if (header !== undefined) bytes.set(header)
    this.#encryptUnit(bytes, at, this.#tail, unit, true)
    const done = (): void => {
      this.#header = undefined
      this.#isDirty = false
    }
    return { position: start, bytes, done }
  }

  async #flush(): Promise<void> {
    const change = this.#lastUnit()
    if (change === undefined) return
    await this.#under.writeAt(change.position, change.bytes)
    change.done()
  }

  sync(): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    return this.#inTurn(async () => {
      await this.#flush()
      await this.#under.sync()
    })
  }

  allocate(from: number, to: number): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    return this.#inTurn(async () => {
      for (let at = from; at < to; at += fillBytes) await this.#write(at, new Uint8Array(Math.min(fillBytes, to - at)))
      await this.#flush()
      await this.#under.sync()
    })
  }

  size(): Promise<number> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    return this.#inTurn(() => Promise.resolve(this.#sizeBytes))
  }

  truncate(size: number): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    return this.#inTurn(async () => {
      this.#checkWritable()
      if (size >= this.#sizeBytes) {
        for (let at = this.#sizeBytes; at < size; at = this.#sizeBytes) {
          await this.#write(at, new Uint8Array(Math.min(fillBytes, size - at)))
        }
        return
      }
      const last = lastUnit(size)
      const text = size === 0 ? none : await this.#text(last)
      this.#tail = text.slice(0, tailBytes(size))
      this.#sizeBytes = size
      this.#isDirty = true
      if (this.#header === undefined) await this.#under.truncate(placeOf(last) + sealBytes + this.#tail.length)
      await this.#flush()
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    try {
      await this.#changing
      if (this.#isWritable) await this.#flush()
    } finally {
      await this.#under.close()
    }
  }

  /** One after the other, where the file may change; else at once. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#isWritable) return work()
    this.#waiting++
    const result = this.#changing.then(work)
    this.#changing = result.then(
      () => void this.#waiting--,
      () => void this.#waiting--,
    )
    return result
  }

  #checkAlone(): void {
    if (this.#isClosed) throw this.#closed()
    assert(this.#waiting === 0, 'an encrypted file is used on the thread while other work on it is under way')
  }

  #checkWritable(): void {
    if (!this.#isWritable) throw new DiskError('io', this.#path, `${this.#path}: was opened for reading`)
  }

  #closed(): DiskError {
    return new DiskError('io', this.#path, `${this.#path}: the file is closed`)
  }

  #damaged(position: number): PolylogError {
    return damaged(this.#path, position, 'what lies here is not what was encrypted')
  }
}

export interface EncryptedOptions {
  /** What the file is for: another one's units do not pass here. */
  readonly purpose: string
  readonly syncsWrites: boolean
}

const none: Uint8Array = new Uint8Array(0)

function unitOf(position: number): number {
  return Math.floor(position / textBytes)
}

/** There is always one. */
function lastUnit(sizeBytes: number): number {
  return sizeBytes === 0 ? 0 : unitOf(sizeBytes - 1)
}

/** Of text in the last unit. */
function tailBytes(sizeBytes: number): number {
  return sizeBytes - lastUnit(sizeBytes) * textBytes
}

function placeOf(unit: number): number {
  return headerBytes + unit * unitBytes
}

function contextOf(unit: number, isLast: boolean): Uint8Array {
  const context = new Uint8Array(9)
  const view = new DataView(context.buffer)
  view.setUint32(0, unit % 2 ** 32, true)
  view.setUint32(4, Math.floor(unit / 2 ** 32), true)
  context[8] = isLast ? 1 : 0
  return context
}

/** The unit's text after `piece` was written at `at` over what it had; a view of the piece where that fills it. */
function overlay(unit: number, kept: Uint8Array, at: number, piece: Uint8Array): Uint8Array {
  const start = unit * textBytes
  const from = Math.max(0, at - start)
  const part = piece.subarray(Math.max(0, start - at), start + textBytes - at)
  if (from === 0 && part.length >= kept.length) return part
  const text = new Uint8Array(Math.max(kept.length, from + part.length))
  text.set(kept)
  text.set(part, from)
  return text
}

function encodeHeader({ dataKey, salt }: KeyOrigin): Uint8Array {
  const bytes = new Uint8Array(headerBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, magic, true)
  view.setUint16(4, format, true)
  view.setUint32(8, dataKey, true)
  bytes.set(salt, 12)
  view.setUint32(60, crc32(bytes.subarray(0, 60)), true)
  return bytes
}

function decodeHeader(bytes: Uint8Array, path: string): KeyOrigin {
  if (!isEncrypted(bytes)) throw damaged(path, 0, 'it is not encrypted, and everything in its directory is')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < headerBytes || view.getUint32(60, true) !== crc32(bytes.subarray(0, 60))) {
    throw damaged(path, 0, "the header's checksum does not match")
  }
  if (view.getUint16(4, true) > format) {
    throw new PolylogError('data_newer', `${path} is encrypted by a newer version of Polylog`)
  }
  return { dataKey: view.getUint32(8, true), salt: bytes.slice(12, 12 + saltBytes) }
}

/** Whether a file that begins so is one of these. */
export function isEncrypted(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true) === magic
}

/** The bytes of text in a file of so many bytes. */
function textSize(fileBytes: number, path: string): number {
  const body = fileBytes - headerBytes
  const whole = Math.floor(body / unitBytes)
  const rest = body - whole * unitBytes
  if (rest === 0 && whole > 0) return whole * textBytes
  if (rest < sealBytes || (rest === sealBytes && whole > 0)) throw damaged(path, fileBytes, 'it ends within a unit')
  return whole * textBytes + rest - sealBytes
}

function damaged(path: string, position: number, what: string): PolylogError {
  return new PolylogError('data_corrupted', `${path} is damaged at position ${position}: ${what}`, {
    detail: { file: path, position },
  })
}

export function unknownDataKey(path: string, dataKey: number): PolylogError {
  return new PolylogError(
    'data_corrupted',
    `${path} is encrypted with data key ${dataKey}, which is not in KEYS as this process has read it`,
    { detail: { file: path, hint: 'Where the key was changed since, start this process again with the new one.' } },
  )
}
