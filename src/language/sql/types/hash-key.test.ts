import { expect, it } from 'vitest'
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
