/**
 * Every function, operator and cast there is, given its largest arguments: each must be dear or charged for, by what goes
 * in. One that is added without a charge fails here.
 */
import { expect, it } from 'vitest'
import { Decimal } from '../../../base/decimal.ts'
import { dearUnits } from '../../../base/work.ts'
import { allTypes, findType, getType } from '../../../model/table/types/registry.ts'
import type { SqlValue } from '../contract.ts'
import { findCast } from '../types/casts.ts'
import { oid } from '../types/oids.ts'
import { costOfTypes, isWideType } from './cost.ts'
/* oxlint-disable-next-line import/no-unassigned-import -- registers the functions */
import './library.ts'
import { allEntries, type FunctionEntry } from './registry.ts'

/** They look at no more than a part of bounded size, or charge while they work: each with its reason. */
const free: ReadonlyMap<string, string> = new Map([
  ['ascii(text)', 'one character'],
  ['length(bytea)', 'a field'],
  ['octet_length(bytea)', 'a field'],
  ['bit_length(bytea)', 'a field'],
  ...['=', '<>', '<', '<=', '>', '>='].flatMap((symbol) =>
    ['text', 'character'].map((type) => [`${symbol}(${type},${type})`, 'compares by pieces and charges'] as const),
  ),
])

const size = 4_000_000
const large: readonly [number, () => SqlValue][] = [
  [oid.bytea, (): SqlValue => new Uint8Array(size)],
  [oid.numeric, (): SqlValue => Decimal.of(10n ** 120_000n)],
]
const values = new Map<number, SqlValue>()

/** The largest of its kind, as far as it matters to whether a call is dear. */
function largest(type: number): SqlValue {
  let value = values.get(type)
  if (value !== undefined) return value
  const made = large.find(([one]) => one === type)
  if (made !== undefined) value = made[1]()
  else if (type === oid.anyarray || findType(type)?.element !== undefined)
    value = Array.from({ length: 500_000 }, () => 1)
  else if (isWideType(type)) value = 'x'.repeat(size)
  else value = getType(type).category === 'B' ? true : 1
  values.set(type, value)
  return value
}

function signatureOf({ name, takes }: FunctionEntry): string {
  return `${name}(${takes.map((type) => findType(type)?.title ?? type).join(',')})`
}

it('every function and operator is dear where its arguments are large', () => {
  const uncharged: string[] = []
  const needless = new Set(free.keys())
  for (const entry of allEntries()) {
    if (entry.needsRun || !entry.takes.some(isWideType)) continue
    const signature = signatureOf(entry)
    const cost = entry.cost as ((...given: readonly SqlValue[]) => number) | undefined
    const isDear = cost !== undefined && cost(...entry.takes.map(largest)) >= dearUnits
    if (isDear) continue
    if (!needless.delete(signature) && !free.has(signature)) uncharged.push(signature)
  }
  expect(uncharged).toEqual([])
  expect([...needless]).toEqual([])
})

it('every cast of what may be large is dear', () => {
  const uncharged: string[] = []
  for (const from of allTypes) {
    if (!isWideType(from.oid) || from.category === 'P') continue
    for (const to of allTypes) {
      if (findCast(from.oid, to.oid, 'explicit')?.convert === undefined) continue
      const cost = costOfTypes([from.oid, to.oid]) as ((value: SqlValue) => number) | undefined
      if (cost === undefined || cost(largest(from.oid)) < dearUnits) uncharged.push(`${from.title} to ${to.title}`)
    }
  }
  expect(uncharged).toEqual([])
})

it('what small arguments ask for is charged', () => {
  const cost = (name: string, ...given: readonly SqlValue[]): number => {
    const entries = [...allEntries()].filter((one) => one.name === name && one.takes.length === given.length)
    return Math.max(
      ...entries.map((one) => (one.cost as ((...all: readonly SqlValue[]) => number) | undefined)?.(...given) ?? 0),
    )
  }
  expect(cost('repeat', 'x', 16_000_000)).toBeGreaterThan(dearUnits)
  expect(cost('lpad', 'x', 16_000_000)).toBeGreaterThan(dearUnits)
  expect(cost('exp', Decimal.of(5999n))).toBeGreaterThan(dearUnits)
  expect(cost('~', 'aaaa', '((a{1,30}){1,30}){1,30}')).toBeGreaterThan(dearUnits)
  expect(cost('~~', 'a'.repeat(10_000), '%a'.repeat(1000))).toBeGreaterThan(dearUnits)
  expect(cost('lower', 'Anna')).toBeLessThan(1000)
  expect(cost('+', Decimal.of(12n), Decimal.of(30n, 2))).toBeLessThan(1000)
})
