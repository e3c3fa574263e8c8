/**
 * COPY's binary format, as it comes in:
 *
 *   PGCOPY\n\xff\r\n\0 · flags u32 · extension u32 bytes · rows · −1 i16
 *   a row: fields i16 · per field: bytes i32 (−1 NULL) · value in the binary form of its type
 *
 * Bytes gather in one buffer until a field is whole, so that each is looked at once however they are cut; what is not a
 * whole row yet is at most `maxRowBytes`.
 */
import { failure } from '../failure.ts'
import { type CopyRecord, loadBytes, maxRowBytes } from './copy-format.ts'

export const binarySignature: Uint8Array = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')

/** Bits of the flags that say what a reader must know; the lower ones it may ignore. */
const criticalFlags = 0xffff_0000
const withOids = 0x0001_0000

type State = 'signature' | 'extension' | 'row' | 'field' | 'value' | 'end'

export class CopyBinaryReader {
  readonly #fieldCount: number
  #buffer = Buffer.alloc(1024)
  #start = 0
  #end = 0
  #state: State = 'signature'
  /** Bytes that the state waits for. */
  #needed = binarySignature.length + 8
  #fields: (Uint8Array | null)[] = []
  #rowBytes = 0
  #records: CopyRecord[] = []
  #recordBytes = 0
  #line = 0

  constructor(fieldCount: number) {
    this.#fieldCount = fieldCount
  }

  get heldBytes(): number {
    return this.#recordBytes + this.#rowBytes + this.#end - this.#start
  }

  feed(bytes: Uint8Array): boolean {
    this.#append(bytes)
    while (this.#end - this.#start >= this.#needed) this.#step()
    if (this.#state === 'end' && this.#end > this.#start) throw badFormat('received copy data after EOF marker')
    return this.#recordBytes >= loadBytes
  }

  /** The end may come without its mark, behind a whole row. */
  finish(): void {
    if (this.#state === 'signature') throw badFormat('COPY file signature not recognized')
    const isBetweenRows = this.#state === 'row' && this.#end === this.#start
    if (!isBetweenRows && this.#state !== 'end') throw badFormat('unexpected EOF in COPY data')
  }

  take(): readonly CopyRecord[] {
    const records = this.#records
    this.#records = []
    this.#recordBytes = 0
    return records
  }

  #append(bytes: Uint8Array): void {
    const kept = this.#end - this.#start
    if (this.#end + bytes.length > this.#buffer.length) {
      const wanted = kept + bytes.length
      const into = wanted > this.#buffer.length / 2 ? Buffer.alloc(2 * wanted) : this.#buffer
      this.#buffer.copy(into, 0, this.#start, this.#end)
      this.#buffer = into
      this.#start = 0
      this.#end = kept
    }
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }

  #step(): void {
    const at = this.#start
    this.#start += this.#needed
    switch (this.#state) {
      case 'signature':
        return this.#readHeader(at)
      case 'extension':
        return this.#expect('row', 2)
      case 'row':
        return this.#beginRow(this.#buffer.readInt16BE(at))
      case 'field':
        return this.#beginField(this.#buffer.readInt32BE(at))
      case 'value':
        return this.#endField(new Uint8Array(this.#buffer.subarray(at, this.#start)))
      case 'end':
        throw badFormat('received copy data after EOF marker')
    }
  }

  #expect(state: State, needed: number): void {
    this.#state = state
    this.#needed = needed
  }

  #readHeader(at: number): void {
    const flagsAt = at + binarySignature.length
    if (!this.#buffer.subarray(at, flagsAt).equals(binarySignature)) {
      throw badFormat('COPY file signature not recognized')
    }
    const flags = this.#buffer.readUInt32BE(flagsAt)
    if ((flags & withOids) !== 0) throw badFormat('invalid COPY file header (WITH OIDS)')
    if ((flags & criticalFlags) !== 0) throw badFormat('unrecognized critical flags in COPY file header')
    const size = this.#buffer.readInt32BE(flagsAt + 4)
    if (size < 0) throw badFormat('invalid COPY file header (missing length)')
    if (size > maxRowBytes) throw badFormat('invalid COPY file header (wrong length)')
    this.#expect('extension', size)
  }

  #beginRow(count: number): void {
    this.#line++
    if (count === -1) return this.#expect('end', 1)
    if (count !== this.#fieldCount) {
      throw badFormat(`row field count is ${count}, expected ${this.#fieldCount}`)
    }
    this.#fields = []
    this.#rowBytes = 2
    this.#nextField()
  }

  #nextField(): void {
    if (this.#fields.length < this.#fieldCount) return this.#expect('field', 4)
    this.#records.push({ fields: this.#fields, line: this.#line })
    this.#recordBytes += this.#rowBytes
    this.#rowBytes = 0
    this.#expect('row', 2)
  }

  #beginField(size: number): void {
    if (size < -1) throw badFormat('invalid field size')
    this.#rowBytes += 4
    if (size === -1) return this.#endField(null)
    if (this.#rowBytes + size > maxRowBytes) throw failure('54000', 'a row of COPY is too long')
    this.#expect('value', size)
  }

  #endField(value: Uint8Array | null): void {
    this.#fields.push(value)
    this.#rowBytes += value?.length ?? 0
    this.#nextField()
  }
}

function badFormat(message: string): Error {
  return failure('22P04', message)
}
