/** The bytes that lie on people's disks. */
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { MutableSlice, sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { beginString, decodeHeader, encodeCollection, encodeScore, Header, kind, never, uneven } from './codec.ts'
import {
  decodeLastElement,
  elementOffset,
  headerOffset,
  index,
  writeElementKey,
  writeExpiryKey,
  writeHeaderKey,
  writeItemKey,
  writeScoreKey,
} from './keys.ts'

const space = { id: 7 }
const text = (value: string) => sliceOf(Buffer.from(value, 'latin1'))

function hex(writer: ByteWriter): string {
  return Buffer.from(writer.toBytes()).toString('hex')
}

describe('keys', () => {
  it.each<[string, (writer: KeyWriter) => KeyWriter, string]>([
    ['header', (w) => writeHeaderKey(w, space, text('ab')), '07012c616200'],
    ['header with a zero byte', (w) => writeHeaderKey(w, space, text('a\0b')), '07012c6100ff6200'],
    ['field', (w) => writeElementKey(w, space, index.field, 300, text('f')), '070216012c2c6600'],
    ['member', (w) => writeElementKey(w, space, index.member, 1, text('m')), '070315012c6d00'],
    ['scored member', (w) => writeElementKey(w, space, index.scored, 1, text('')), '070415012c00'],
    ['score', (w) => writeScoreKey(w, space, 1, 1.5, text('m')), '070515011ebff80000000000002c6d00'],
    ['negative score', (w) => writeScoreKey(w, space, 1, -1, text('m')), '070515011e400fffffffffffff2c6d00'],
    ['expiry', (w) => writeExpiryKey(w, space, 1_700_000_000_000n, text('k')), '07061a018bcfe568002c6b00'],
    ['item', (w) => writeItemKey(w, space, 1, -2), '0707150113fd'],
  ])('of a %s', (_name, write, expected) => {
    expect(hex(write(new KeyWriter()))).toBe(expected)
  })

  it('give their last element back', () => {
    for (const value of ['', 'plain', 'a\0b', '\0', '\0\xff\0', '\xff']) {
      const member = new MutableSlice()
      const decoded = (key: KeyWriter, offset: number): string => {
        const { bytes, start, end } = decodeLastElement(key, offset, member)
        return Buffer.from(bytes.subarray(start, end)).toString('latin1')
      }
      expect(decoded(writeHeaderKey(new KeyWriter(), space, text(value)), headerOffset(space))).toBe(value)
      const scoreKey = writeScoreKey(new KeyWriter(), space, 9, -0.5, text(value))
      expect(decoded(scoreKey, elementOffset(space, index.byScore, 9))).toBe(value)
    }
  })
})

describe('headers', () => {
  function collection(of: Header['kind'], expiresAtMs = never, place: Partial<Header> = {}): Header {
    const header = new Header()
    return Object.assign(header, { kind: of, expiresAtMs, generation: 300, count: 2, position: -1, ...place })
  }

  it.each<[string, ByteWriter, string]>([
    ['string', beginString(new ByteWriter(), never), '11'],
    ['string with expiry', beginString(new ByteWriter(), 258n), '190201000000000000'],
    ['list', encodeCollection(new ByteWriter(), collection(kind.list)), '12ac0202ffffffffffffffff'],
    [
      'even list',
      encodeCollection(new ByteWriter(), collection(kind.list, never, { stepBits: 16 })),
      '12ac0202ffffffffffffffff10',
    ],
    [
      'uneven list',
      encodeCollection(new ByteWriter(), collection(kind.list, never, { stepBits: uneven, lastPosition: 258 })),
      '12ac0202ffffffffffffffff0201000000000000',
    ],
    ['set', encodeCollection(new ByteWriter(), collection(kind.set)), '13ac0202'],
    ['sorted set', encodeCollection(new ByteWriter(), collection(kind.sortedSet, 1n)), '1c0100000000000000ac0202'],
    ['hash', encodeCollection(new ByteWriter(), collection(kind.hash)), '15ac0202'],
    ['score', encodeScore(new ByteWriter(), -1.5), '000000000000f8bf'],
  ])('of a %s', (_name, writer, expected) => {
    expect(hex(writer)).toBe(expected)
  })

  it('come back', () => {
    const header = new Header()
    decodeHeader(encodeCollection(new ByteWriter(), collection(kind.list, 5n)), header)
    expect(header).toMatchObject({ kind: kind.list, expiresAtMs: 5n, generation: 300, count: 2, position: -1 })
    for (const place of [
      { position: -(2 ** 52), stepBits: 16 },
      { position: 0, stepBits: 0 },
      { position: 5, stepBits: uneven, lastPosition: 2 ** 53 - 1 },
    ]) {
      decodeHeader(encodeCollection(new ByteWriter(), collection(kind.list, never, place)), header)
      expect(header).toMatchObject(place)
      expect(header.isAsStored).toBe(true)
    }
    const writer = beginString(new ByteWriter(), 7n)
    writer.utf8('value')
    decodeHeader(writer, header)
    expect(header.expiresAtMs).toBe(7n)
    expect(Buffer.from(header.bytes.subarray(header.start, header.end)).toString()).toBe('value')
  })

  it.each([
    '',
    '00',
    '21ac',
    '10',
    '16',
    '17',
    '19ff',
    '13',
    '13ff',
    '12ac0202ffffffffffffff',
    '12ac0202ffffffffffffffff31',
    '12ac0202ffffffffffffffff1000',
  ])('of damaged bytes %s are refused', (bytes) => {
    expect(() => decodeHeader(sliceOf(Buffer.from(bytes, 'hex')), new Header())).toThrow(PolylogError)
  })
})
