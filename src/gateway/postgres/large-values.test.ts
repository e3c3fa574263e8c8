/** Large rows, written in turns, are byte for byte what they are written at once; no turn does much of one. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import { beginTurn, turnUnits, unitsDone } from '../../base/work.ts'
import { findTypeByName } from '../../model/table/types/registry.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { isLargeRow } from './large-values.ts'
import { RowEncoder } from './rows.ts'
import type { DescribedColumn } from './wire.ts'

function describe(name: string): DescribedColumn {
  return { name, typeOid: findTypeByName(name)!.oid, typeModifier: -1, tableOid: 0, columnNumber: 0 }
}

interface Case {
  readonly types: readonly string[]
  readonly values: readonly SqlValue[]
  readonly formats?: readonly number[]
}

function atOnce({ types, values, formats }: Case): string {
  const writer = new ByteWriter(64)
  new RowEncoder(types.map(describe), formats).write(values, writer)
  return Buffer.from(writer.toBytes()).toString('latin1')
}

/** The bytes, and what each turn charged. */
function inTurns({ types, values, formats }: Case): { readonly bytes: string; readonly turns: readonly number[] } {
  const steps = new RowEncoder(types.map(describe), formats).writeInSteps(values)
  const turns: number[] = []
  for (;;) {
    beginTurn()
    const step = steps.next()
    turns.push(unitsDone())
    if (step.done === true) return { bytes: Buffer.from(step.value.toBytes()).toString('latin1'), turns }
  }
}

const list = (value: fc.Arbitrary<SqlValue>): fc.Arbitrary<SqlValue> =>
  fc.oneof(
    fc.array(fc.option(value)),
    fc.tuple(fc.nat(3), fc.nat(3)).chain(([rows, columns]) =>
      fc.array(fc.array(value, { minLength: columns + 1, maxLength: columns + 1 }), {
        minLength: rows + 1,
        maxLength: rows + 1,
      }),
    ),
  )

it('as at once, whatever the values are', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', 'null', 'NULL', 'a b', '{"\\'))
  const clean = text.map((one) => one.replaceAll('\0', '').replaceAll(/\p{Surrogate}/gu, ''))
  const bytes = fc.uint8Array()
  const row = fc.tuple(clean, bytes, list(fc.integer({ min: -9, max: 2 ** 31 - 1 })), list(clean), list(bytes))
  const types = ['text', 'bytea', '_int4', '_text', '_bytea']
  const format = fc.constantFrom(0, 1)
  fc.assert(
    fc.property(row, fc.array(format, { minLength: 5, maxLength: 5 }), (values, formats) => {
      expect(inTurns({ types, values, formats }).bytes).toBe(atOnce({ types, values, formats }))
    }),
    { numRuns: 40 },
  )
})

it.each<[string, Case]>([
  ['bytea, as text', { types: ['bytea'], values: [new Uint8Array(4_000_000).fill(0xab)] }],
  ['bytea, binary', { types: ['bytea'], values: [new Uint8Array(9_000_000).fill(7)], formats: [1] }],
  ['text', { types: ['text', 'int4'], values: ['x'.repeat(5_000_000), 7] }],
  ['text of two units a character', { types: ['text'], values: [`a${'😀'.repeat(2_000_000)}`] }],
  ['json', { types: ['json'], values: [`"${'ж'.repeat(4_000_000)}"`] }],
  ['int[], as text', { types: ['_int4'], values: [Array.from({ length: 60_000 }, (_, i) => i)] }],
  ['int[], binary', { types: ['_int4'], values: [Array.from({ length: 60_000 }, (_, i) => i)], formats: [1] }],
  [
    'text[]',
    { types: ['_text'], values: [Array.from({ length: 60_000 }, (_, i) => (i % 7 === 0 ? null : `no. ${i}`))] },
  ],
  ['bytea[], binary', { types: ['_bytea'], values: [[new Uint8Array(8_000_000)]], formats: [1] }],
  ['text[] of one long text', { types: ['_text'], values: [['y'.repeat(8_000_000)]] }],
])('%s in turns', (_, one) => {
  expect(isLargeRow(one.values)).toBe(true)
  const { bytes, turns } = inTurns(one)
  expect(bytes === atOnce(one)).toBe(true)
  expect(turns.length).toBeGreaterThan(3)
  expect(Math.max(...turns)).toBeLessThan(1.5 * turnUnits)
})

it('what is small is not large', () => {
  expect(isLargeRow([1, 'text', new Uint8Array(1000), [1, 2, 3], null])).toBe(false)
  expect(isLargeRow([[Array.from({ length: 5000 }, () => 1), Array.from({ length: 5000 }, () => 1)]])).toBe(true)
})
