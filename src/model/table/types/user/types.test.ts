import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ByteWriter } from '../../../../base/bytes.ts'
import { KeyWriter } from '../../../../base/tuple.ts'
import { rowTypeOf, storedType } from '../registry.ts'
import type { SqlValue } from '../value.ts'
import { type EnumContent, numberOfArray, numberOfType, type TypeContents } from './content.ts'
import { RowValue } from './row-value.ts'
import { firstRanks, rankBetween } from './rank.ts'

function keyOf(write: (writer: KeyWriter) => void): string {
  const writer = new KeyWriter(64)
  write(writer)
  return Buffer.from(writer.toBytes()).toString('hex')
}

it('ranks: whatever is put between two lies there, and what is there stays', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5 }), fc.array(fc.nat(), { maxLength: 60 }), (count, places) => {
      const ranks = firstRanks(count)
      for (const place of places) {
        const at = place % (ranks.length + 1)
        ranks.splice(at, 0, rankBetween(ranks[at - 1], ranks[at]))
      }
      const keys = ranks.map((rank) => keyOf((writer) => writer.byteString(Buffer.from(rank, 'hex'))))
      expect([...keys].sort()).toEqual(keys)
      expect(new Set(keys).size).toBe(keys.length)
    }),
  )
})

it('ranks at one place grow slowly: a byte for many members', () => {
  let last = firstRanks(1)[0]!
  for (let i = 0; i < 1000; i++) last = rankBetween(last, undefined)
  expect(last.length).toBeLessThan(30)
})

const mood: EnumContent = {
  kind: 'enum',
  id: 20,
  schema: 'public',
  name: 'mood',
  members: firstRanks(3).map((rank, i) => ({ number: i + 1, label: ['sad', 'ok', 'happy'][i]!, rank, order: i + 1 })),
  nextMember: 4,
}

it('equal contents are one type, and others are not', () => {
  const type = storedType(numberOfType(20), { 20: mood })
  expect(storedType(numberOfType(20), { 20: { ...mood } })).toBe(type)
  const renamed = storedType(numberOfType(20), { 20: { ...mood, name: 'feeling' } })
  expect(renamed.oid).not.toBe(type.oid)
  expect([renamed.catalogOid, renamed.title]).toEqual([type.catalogOid, 'feeling'])
})

function roundTrip(number: number, contents: TypeContents, value: SqlValue): SqlValue {
  const type = storedType(number, contents)
  const writer = new ByteWriter(64)
  type.writeStored(value, writer)
  return type.readStored(writer.bytes, 0, writer.end)
}

it('a label is stored by its member: a new one is read from old bytes', () => {
  const writer = new ByteWriter(64)
  storedType(numberOfType(20), { 20: mood }).writeStored('ok', writer)
  const members = mood.members.map((one) => (one.label === 'ok' ? { ...one, label: 'okay' } : one))
  const renamed = storedType(numberOfType(20), { 20: { ...mood, members } })
  expect(renamed.readStored(writer.bytes, 0, writer.end)).toBe('okay')
})

const pair = {
  kind: 'composite',
  id: 21,
  schema: 'public',
  name: 'pair',
  fields: [
    { number: 1, name: 'n', type: 23, modifier: -1 },
    { number: 3, name: 'moods', type: numberOfArray(20), modifier: -1 },
  ],
  nextField: 4,
} as const
const contents: TypeContents = { 20: mood, 21: pair }

it('rows with arrays within arrays of rows come back', () => {
  const row = new RowValue([7, ['sad', null, 'happy']])
  expect(roundTrip(numberOfType(21), contents, row)).toEqual(row)
  const rows = [row, null, new RowValue([null, null])]
  expect(roundTrip(numberOfArray(21), contents, rows)).toEqual(rows)
})

it('a field that came later is NULL in older rows, one that went is passed over', () => {
  const writer = new ByteWriter(64)
  storedType(numberOfType(21), contents).writeStored(new RowValue([7, ['sad']]), writer)
  const now = {
    ...pair,
    fields: [pair.fields[1], { number: 4, name: 't', type: 25, modifier: -1 }, { ...pair.fields[0], dropped: true }],
    nextField: 5,
  }
  const type = storedType(numberOfType(21), { 20: mood, 21: now })
  expect(type.readStored(writer.bytes, 0, writer.end)).toEqual(new RowValue([['sad'], null]))
})

it('rows are ordered field by field, as their keys are', () => {
  const type = storedType(numberOfType(21), contents)
  const rows = [
    [1, ['happy']],
    [1, null],
    [2, ['sad']],
    [2, ['sad', 'sad']],
    [2, ['ok']],
    [null, ['sad']],
    [null, null],
  ].map((values) => new RowValue(values))
  for (const [i, a] of rows.entries()) {
    for (const [j, b] of rows.entries()) expect(Math.sign(type.compare(a, b))).toBe(Math.sign(i - j))
  }
  const keys = rows.map((row) => keyOf((writer) => type.writeKey(row, writer)))
  expect([...keys].sort()).toEqual(keys)
})

it('rows as texts', () => {
  const fields = [23, 25, 25].map((type, i) => ({ name: `f${i}`, type, modifier: -1 }))
  const type = rowTypeOf(fields)
  const cases: [string, SqlValue[]][] = [
    ['(1,"a b",)', [1, 'a b', null]],
    ['(,"","""\\\\")', [null, '', '"\\']],
    ['(3,a,"(b)")', [3, 'a', '(b)']],
  ]
  for (const [text, values] of cases) {
    expect(type.parseText(text)).toEqual(new RowValue(values))
    expect(type.formatText(new RowValue(values))).toBe(text)
  }
  for (const [text, detail] of [
    ['1,2,3', 'Missing left parenthesis.'],
    ['(1,2)', 'Too few columns.'],
    ['(1,2,3,4)', 'Too many columns.'],
    ['(1,2,3', 'Unexpected end of input.'],
    ['(1,2,3) x', 'Junk after right parenthesis.'],
  ]) {
    expect(() => type.parseText(text!)).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ detail }) }),
    )
  }
})

it('rows go over the wire', () => {
  const type = storedType(numberOfType(21), contents)
  const row = new RowValue([7, ['sad', null]])
  const writer = new ByteWriter(64)
  type.encodeBinary(row, writer)
  expect(type.decodeBinary(writer.bytes, 0, writer.end)).toEqual(row)
  expect(() => type.decodeBinary(writer.bytes, 0, writer.end - 1)).toThrow()
})
