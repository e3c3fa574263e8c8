import { expect, it } from 'vitest'
import { Decimal } from '../../../base/decimal.ts'
import { beginTurn, unitsDone } from '../../../base/work.ts'
import { groupKeyOf, hashKeyOf } from './hash-key.ts'
import { oid } from './oids.ts'

it('keys of long values are short, and differ where the values do', () => {
  const long = 'x'.repeat(100_000)
  for (const [type, make] of [
    [oid.text, (text: string) => text],
    [oid.json, (text: string) => `"${text}"`],
    [oid.bytea, (text: string) => Buffer.from(text)],
  ] as const) {
    const keyOf = hashKeyOf(type)
    const keys = [`${long}a`, `${long}b`, `${long}a`].map((text) => String(keyOf(make(text))))
    expect(Math.max(...keys.map(({ length }) => length))).toBeLessThan(100)
    expect(new Set(keys).size).toBe(2)
    expect(keys[0]).toBe(keys[2])
  }
})

it('a long key is charged for, a short one is the text itself', () => {
  const keyOf = groupKeyOf([oid.text])
  expect(keyOf(['abc'])).toBe('abc')
  beginTurn()
  keyOf(['x'.repeat(1_000_000)])
  expect(unitsDone()).toBeGreaterThan(1_000_000)
})

it('keys of decimals are equal where the values are, whatever their scales, and nowhere else', () => {
  const keyOf = hashKeyOf(oid.numeric)
  const small = ['0', '1', '1.5', '-1.5', '0.1', '0.10000000000000001', '123456789012345', '123456789012345.6']
  const large = [
    '9007199254740993',
    '9007199254740992',
    '900719925474099.2',
    // These are nearer to each other than doubles of their size.
    '8.500000000000001',
    '8.500000000000002',
    '1e-23',
    '1e-24',
    '1e30',
    'NaN',
    'Infinity',
  ]
  const texts = [...small, ...large]
  const keys = texts.map((text) => keyOf(Decimal.parse(text)!))
  expect(new Set(keys).size).toBe(texts.length)
  for (const [i, text] of texts.entries()) {
    const value = Decimal.parse(text)!
    expect(keyOf(value.isFinite ? value.round(value.scale + 20) : value)).toBe(keys[i])
  }
})

it('keys of two integers differ where one of them does', () => {
  const keyOf = groupKeyOf([oid.int4, oid.int4])
  const ends = [0, 1, -1, 12, 2 ** 20 - 1, 2 ** 20, -(2 ** 20), -(2 ** 20) - 1, 2 ** 31 - 1, -(2 ** 31), null]
  const pairs = ends.flatMap((a) => ends.map((b) => [a, b]))
  expect(new Set(pairs.map(keyOf)).size).toBe(pairs.length)
})

it('a date beyond all dates has a key of its own', () => {
  const keyOf = groupKeyOf([oid.date, oid.date])
  const days = [0, Infinity, -Infinity, 1]
  expect(new Set(days.flatMap((a) => days.map((b) => keyOf([a, b])))).size).toBe(16)
})
