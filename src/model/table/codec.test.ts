/** The bytes of rows are on people's disks: the golden ones must stay as they are. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import { copySlice, sliceOf } from '../../base/slice.ts'
import { encodeRow, rewriteRow, RowReader, type RowLayout } from './codec.ts'
import { findTypeByName } from './types/registry.ts'
import type { SqlValue } from './types/value.ts'

function layoutOf(...names: string[]): RowLayout {
  return names.map((name, ordinal) => ({ ordinal, type: findTypeByName(name)!, missing: null }))
}

function encoded(layout: RowLayout, row: readonly SqlValue[]): Uint8Array {
  const writer = new ByteWriter(4)
  encodeRow(layout, row, writer)
  return copySlice(writer)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function compact(spaced: string): string {
  return spaced.replace(/ /g, '')
}

const account = layoutOf('int4', 'int8', 'text', 'numeric', 'timestamptz', 'bool')

function textRow(layout: RowLayout, texts: readonly (string | null)[]): SqlValue[] {
  return texts.map((text, i) => (text === null ? null : layout[i]!.type.parseText(text)))
}

const golden: readonly (readonly [row: readonly (string | null)[], bytes: string])[] = [
  [
    ['1', '-2', 'hé', '1.50', '2024-02-29 00:00:00Z', 't'],
    '010600 01000000 feffffffffffffff 0368c3a9 03000296 0040c4f079120600 01',
  ],
  [[null, null, null, null, null, null], '01063f'],
  [['7', null, '', '-0.001', null, 'f'], '010612 07000000 00 03010301 00'],
]

describe('the row codec', () => {
  it.each(golden)('writes and reads golden rows: %j', (texts, bytes) => {
    const row = textRow(account, texts)
    expect(hex(encoded(account, row))).toBe(compact(bytes))
    const read = new RowReader(account, 6).read(sliceOf(new Uint8Array(Buffer.from(compact(bytes), 'hex'))))
    expect(read.map((value, i) => (value === null ? null : account[i]!.type.formatText(value)))).toEqual(
      row.map((value, i) => (value === null ? null : account[i]!.type.formatText(value))),
    )
  })

  it('keeps lengths of two and three bytes', () => {
    const layout = layoutOf('text', 'int4', 'text')
    const row = ['x'.repeat(200), 5, 'y'.repeat(20_000)]
    const bytes = encoded(layout, row)
    expect(bytes.length).toBe(3 + 2 + 200 + 4 + 3 + 20_000)
    expect(new RowReader(layout, 3).read(sliceOf(bytes)).every((value, i) => value === row[i])).toBe(true)
  })

  it.each([126, 127, 128, 129, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000])('keeps a value of %i bytes', (length) => {
    const layout = layoutOf('text', 'int4')
    const row = ['x'.repeat(length), 5]
    expect(new RowReader(layout, 2).read(sliceOf(encoded(layout, row)))).toEqual(row)
  })

  it.each([7, 8, 9, 16, 17, 24, 25])('knows each NULL of %i columns', (count) => {
    const layout = layoutOf(...Array.from({ length: count }, () => 'int4'))
    for (let missing = 0; missing < count; missing++) {
      const row = Array.from({ length: count }, (_, i) => (i === missing ? null : i))
      expect(new RowReader(layout, count).read(sliceOf(encoded(layout, row)))).toEqual(row)
    }
  })

  it('reads only wanted columns', () => {
    const bytes = encoded(account, textRow(account, golden[0]![0]))
    expect(new RowReader(account, 6, [2]).read(sliceOf(bytes))).toEqual([null, null, 'hé', null, null, null])
  })

  it('fills in columns that are younger than the row and leaves out dropped ones', () => {
    const bytes = encoded(layoutOf('int4', 'text'), [1, 'gone'])
    const younger: RowLayout = [
      { ordinal: 0, type: findTypeByName('int4')!, missing: null },
      { ordinal: -1, type: findTypeByName('text')!, missing: null },
      { ordinal: 1, type: findTypeByName('int8')!, missing: 9n },
    ]
    expect(new RowReader(younger, 2).read(sliceOf(bytes))).toEqual([1, 9n])
    const writer = new ByteWriter()
    rewriteRow(younger, sliceOf(bytes), new Uint8Array([1, 0, 0]), [2, null], writer)
    expect(hex(copySlice(writer))).toBe(compact('010302 02000000 0900000000000000'))
  })

  it('refuses rows that are cut off or of an unknown format', () => {
    const bytes = encoded(account, textRow(account, golden[0]![0]))
    const reader = new RowReader(account, 6)
    for (let length = 0; length < bytes.length; length++) {
      expect(() => reader.read(sliceOf(bytes.subarray(0, length)))).toThrow('a row ends inside a value')
    }
    expect(() => reader.read(sliceOf(new Uint8Array([2, 0])))).toThrow('format 2')
  })

  it('rewrites to the same bytes as encoding the changed row', () => {
    const value = fc.tuple(
      fc.option(fc.integer()),
      fc.option(fc.bigInt({ min: -9n, max: 9n })),
      fc.option(fc.string({ maxLength: 200 })),
    )
    const layout = layoutOf('int4', 'int8', 'text')
    fc.assert(
      fc.property(value, value, fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), (old, next, set) => {
        const row = old.map((one, i) => (set[i] === true ? next[i]! : one))
        const writer = new ByteWriter()
        const changed = new Uint8Array(set.map(Number))
        rewriteRow(layout, sliceOf(encoded(layout, old)), changed, row, writer)
        expect(hex(copySlice(writer))).toBe(hex(encoded(layout, row)))
      }),
    )
  })
})
