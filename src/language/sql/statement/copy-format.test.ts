/** Rows of COPY are the same however their bytes are cut, and a long row is not looked through again at each piece. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CopyFormat, CopyReader } from './copy-format.ts'

const text: CopyFormat = {
  kind: 'text',
  delimiter: '\t',
  nullText: '\\N',
  header: false,
  quote: '"',
  escape: '"',
  forceQuote: new Set(),
}
const csv: CopyFormat = { ...text, kind: 'csv', delimiter: ',', nullText: '' }

function read(format: CopyFormat, bytes: Uint8Array, pieceBytes: number, longLength?: number): unknown {
  const reader = new CopyReader(format, longLength)
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes) reader.feed(bytes.subarray(at, at + pieceBytes))
    reader.finish()
    return reader.take()
  } catch (error) {
    return (error as Error).message
  }
}

const parts = fc.array(
  fc.constantFrom(
    'a',
    'é',
    '"',
    '\\',
    '\n',
    '\r\n',
    '\r',
    ',',
    '\t',
    '\\N',
    '\\N\t',
    '\\101',
    '\\1a',
    '\\x4',
    '\\xg',
    '""',
    '"a"',
  ),
  { maxLength: 40 },
)

test.each([
  ['text', text],
  ['csv', csv],
  ['csv with another escape', { ...csv, escape: '\\' }],
])('%s means the same in pieces of any length', (_, format) => {
  fc.assert(
    fc.property(parts, fc.integer({ min: 1, max: 7 }), (characters, pieceBytes) => {
      const bytes = Buffer.from(characters.join(''))
      expect(read(format, bytes, pieceBytes)).toEqual(read(format, bytes, bytes.length + 1))
    }),
  )
})

test.each([
  ['text', text],
  ['csv', csv],
  ['csv with another escape', { ...csv, escape: '\\' }],
])('%s means the same in rows that are taken as long ones', (_, format) => {
  fc.assert(
    fc.property(
      parts,
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 3, max: 12 }),
      (characters, pieceBytes, long) => {
        const bytes = Buffer.from(characters.join(''))
        expect(read(format, bytes, pieceBytes, long)).toEqual(read(format, bytes, bytes.length + 1))
      },
    ),
    { numRuns: 2000 },
  )
})

test('of a long row with more fields than any table has columns not all are kept', () => {
  const [record] = read(text, Buffer.from('\t'.repeat(100_000)), 1000) as { fields: string[] }[]
  expect(record!.fields.length).toBe(2000)
})
