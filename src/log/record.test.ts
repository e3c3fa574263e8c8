import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { emptySlice, MutableSlice, sliceOf, type Slice } from '../base/slice.ts'
import { LogError } from './commit-log.ts'
import { RecordWriter } from './record-writer.ts'
import { decodeRecord, derivedBit, type DecodedOperation, type DecodedRecord, origins, RecordReader } from './record.ts'

const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'latin1'))
const slice = (value: string): Slice => sliceOf(text(value))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The slice stands in the middle of other bytes, so that a writer that ignores `start` and `end` is found. */
const inside = (bytes: Uint8Array): Slice => {
  const padded = new Uint8Array(bytes.length + 5).fill(0xee)
  padded.set(bytes, 3)
  return new MutableSlice(padded, 3, 3 + bytes.length)
}

function encode(writer: RecordWriter, record: DecodedRecord): number {
  writer.begin(record.origin, record.flags, record.author)
  for (const operation of record.operations) writeOperation(writer, operation)
  return writer.end()
}

function writeOperation(writer: RecordWriter, operation: DecodedOperation): void {
  const flags = operation.derived ? derivedBit : 0
  const key = inside(operation.key)
  const value = inside(operation.value ?? new Uint8Array(0))
  const before =
    operation.before === undefined || operation.before === null ? operation.before : inside(operation.before)
  if (operation.kind === 1) writer.put(operation.keyspace, key, value, flags, before)
  else if (operation.kind === 2) writer.delete(operation.keyspace, key, flags, before)
  else if (operation.kind === 3) writer.deleteRange(operation.keyspace, key, inside(operation.endKey!), flags)
  else if (operation.kind === 4) writer.delta(operation.keyspace, key, value, flags)
  else if (operation.kind === 5) writer.notify(key, value)
  else if (operation.kind === 6) writer.catalogPut(operation.keyspace, key, value)
  else writer.catalogDelete(operation.keyspace, key)
}

const bytesOf = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })
// Few letters, so that keys share prefixes.
const keyBytes = fc.oneof(
  fc.array(fc.constantFrom(97, 98), { maxLength: 6 }).map((letters) => Uint8Array.from(letters)),
  bytesOf(40),
  bytesOf(700).map((bytes) => Uint8Array.from([...new Uint8Array(300), ...bytes])),
)
const keyspace = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(0x3fff, 0x4000, 0x1fffff, 0xffffffff))
const before = fc.option(fc.option(bytesOf(20), { nil: null }), { nil: undefined })
const withBefore = (image: Uint8Array | null | undefined): object => (image === undefined ? {} : { before: image })
const operation: fc.Arbitrary<DecodedOperation> = fc.oneof(
  fc.tuple(fc.boolean(), keyspace, keyBytes, bytesOf(300), before).map(([derived, keyspace, key, value, image]) => ({
    kind: 1,
    derived,
    keyspace,
    key,
    value,
    ...withBefore(image),
  })),
  fc
    .tuple(fc.boolean(), keyspace, keyBytes, before)
    .map(([derived, keyspace, key, image]) => ({ kind: 2, derived, keyspace, key, ...withBefore(image) })),
  fc
    .tuple(fc.boolean(), keyspace, keyBytes, keyBytes)
    .map(([derived, keyspace, key, endKey]) => ({ kind: 3, derived, keyspace, key, endKey })),
  fc
    .tuple(fc.boolean(), keyspace, keyBytes, bytesOf(9))
    .map(([derived, keyspace, key, value]) => ({ kind: 4, derived, keyspace, key, value })),
  fc.tuple(keyBytes, bytesOf(50)).map(([key, value]) => ({ kind: 5, derived: false, keyspace: 0, key, value })),
  fc
    .tuple(keyspace, keyBytes, bytesOf(50))
    .map(([keyspace, key, value]) => ({ kind: 6, derived: false, keyspace, key, value })),
  fc.tuple(keyspace, keyBytes).map(([keyspace, key]) => ({ kind: 7, derived: false, keyspace, key })),
) as fc.Arbitrary<DecodedOperation>
const record: fc.Arbitrary<DecodedRecord> = fc.record({
  origin: fc.constantFrom(...Object.values(origins)),
  flags: fc.integer({ min: 0, max: 255 }),
  author: bytesOf(20),
  operations: fc.oneof(fc.array(operation, { maxLength: 6 }), fc.array(operation, { minLength: 120, maxLength: 140 })),
})

describe('record', () => {
  it('has the bytes of its table', () => {
    const writer = new RecordWriter(16)
    writer.begin(origins.expiry, 7, text('me'))
    writer.put(1, slice('abc'), slice('v'))
    writer.put(300, slice('abd'), slice(''), derivedBit, null)
    writer.delete(1, slice('abde'), 0, slice('w'))
    writer.deleteRange(1, slice('b1'), slice('b2'))
    writer.delta(1, slice('c'), slice('+'))
    writer.notify(slice('ch'), slice('hi'))
    writer.catalogPut(0, slice('x'), slice('y'))
    writer.catalogDelete(0, slice('x'))
    const size = writer.end()
    expect(size).toBe(writer.length)
    expect(hex(writer.bytes.subarray(0, size))).toBe(
      [
        '41', // length
        '01 07 02 6d65 08', // origin, flags, session, operations
        '01 01 00 03 616263 01 76',
        'c1 ac02 02 01 64 00 00',
        '82 01 03 01 65 02 77',
        '03 01 00 02 6231 01 01 32',
        '04 01 00 01 63 01 2b',
        '05 00 01 01 68 02 6869',
        '06 00 00 01 78 01 79',
        '07 00 01 00',
      ]
        .join('')
        .replaceAll(' ', ''),
    )
  })

  it('comes back as it was written, many in one buffer', () => {
    const property = fc.property(fc.array(record, { minLength: 1, maxLength: 4 }), (records) => {
      const writer = new RecordWriter(8)
      const sizes = records.map((each) => encode(writer, each))
      expect(writer.count).toBe(records.length)
      let start = 0
      records.forEach((each, i) => {
        expect(writer.offsets[i]).toBe(start)
        expect(decodeRecord(writer.bytes, start, start + sizes[i]!)).toEqual(each)
        start += sizes[i]!
      })
      expect(writer.length).toBe(start)
    })
    fc.assert(property, { numRuns: 25 })
  })

  it('takes an abandoned record back and leaves the others', () => {
    const writer = new RecordWriter(8)
    for (let i = 0; i < 200; i++) {
      writer.begin(origins.client, 0)
      writer.put(1, slice(`key ${i}`), slice('x'.repeat(i)))
      if (i % 3 === 0) writer.abandon()
      else writer.end()
    }
    expect(writer.count).toBe(133)
    for (let i = 0; i < writer.count; i++) {
      const end = i + 1 < writer.count ? writer.offsets[i + 1]! : writer.length
      const key = decodeRecord(writer.bytes, writer.offsets[i]!, end).operations[0]!.key
      expect(Buffer.from(key).toString()).toBe(`key ${Math.floor(i / 2) * 3 + (i % 2) + 1}`)
    }
    writer.reset()
    expect([writer.count, writer.length]).toEqual([0, 0])
  })

  it('shares prefixes with the previous key', () => {
    const writer = new RecordWriter()
    writer.begin(origins.client, 0)
    for (let i = 0; i < 100; i++) writer.put(1, slice(`a long common beginning ${i + 100}`), emptySlice)
    expect(writer.end()).toBeLessThan(100 * 10)
  })

  it('refuses garbage by an error, never by another', () => {
    const writer = new RecordWriter()
    const valid = record.map((each) => {
      writer.reset()
      encode(writer, each)
      return writer.bytes.slice(0, writer.length)
    })
    const damaged = fc.tuple(valid, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([bytes, at, flip]) => {
      bytes[at % bytes.length]! ^= flip
      return bytes
    })
    const cut = fc.tuple(valid, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % bytes.length))
    const property = fc.property(fc.oneof(damaged, cut, bytesOf(100)), (bytes) => {
      try {
        decodeRecord(bytes, 0, bytes.length)
      } catch (error) {
        expect(error).toBeInstanceOf(LogError)
        expect((error as LogError).code).toBe('corrupt')
      }
    })
    fc.assert(property, { numRuns: 200 })
  })

  it.each([
    ['a cut varint', '80'],
    ['a padded varint', '850001000000'],
    ['a length beyond the record', '0500000000'],
    ['a length short of the record', '0300000000'],
    ['an unknown origin', '0406000000'],
    ['a kind of zero', '08000000010001000161'],
    ['an unknown kind', '08000000010801000161'],
    ['a first key that shares', '09000000010201010161'],
    ['a suffix beyond the record', '0900000001020100ff0161'],
    ['a number of operations beyond the record', '0400000005'],
    ['bytes after the operations', '050000000000'],
    ['a varint over 32 bits', '0a000000010280808080100000'],
  ])('finds %s', (_, bytes) => {
    const raw = new Uint8Array(Buffer.from(bytes, 'hex'))
    expect(() => decodeRecord(raw, 0, raw.length)).toThrow(LogError)
  })

  it('reads without copying what shares nothing', () => {
    const writer = new RecordWriter()
    writer.begin(origins.client, 0)
    writer.put(1, slice('a'), slice('1'))
    const size = writer.end()
    const reader = new RecordReader().open(writer.bytes, 0, size)
    expect(reader.next()).toBe(true)
    expect(reader.key.bytes).toBe(writer.bytes)
    expect(reader.value.bytes).toBe(writer.bytes)
    expect(reader.next()).toBe(false)
  })
})

test('a record ends with its last operation', () => {
  const writer = new RecordWriter()
  writer.begin(origins.client, 0)
  writer.put(20, slice('key'), slice('value'))
  writer.end()
  const { bytes, length } = writer
  const longer = Uint8Array.from([...bytes.subarray(0, length), 0])
  longer[0]!++
  const reader = new RecordReader().open(longer, 0, longer.length)
  expect(() => reader.next()).toThrow('bytes after the last operation')
  expect(() => new RecordReader().open(longer, 0, longer.length - 1)).toThrow('length')
})
