/** A line that is put together in steps is the line that is made at once, whatever is in it. */
import { expect, it } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import { beginTurn } from '../../base/work.ts'
import { SeededRandom } from '../../host/simulated/random.ts'
import type { CopyFormat } from '../../language/sql/statement/copy-format.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { CopyEncoder } from './copy-out.ts'

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
const formats: readonly CopyFormat[] = [
  text,
  { ...text, delimiter: '|', nullText: 'none' },
  csv,
  { ...csv, delimiter: ';', quote: "'", escape: '\\', nullText: 'NULL' },
  { ...csv, forceQuote: new Set(['a']) },
  { ...csv, forceQuote: new Set(['*']) },
]

/** text, integer[], bytea, text[] */
const types = [25, 1007, 17, 1009]
const names = ['a', 'b', 'c', 'd']
const pieces = ['a', '\t', '|', ',', ';', '"', "'", '\\', '\n', '\r', '\b', '\v', 'é', '😀', 'NULL', 'none', '\\.', ' ']

function inSteps(encoder: CopyEncoder, row: readonly SqlValue[]): { written: Buffer; turns: number } {
  const steps = encoder.writeInSteps(row)
  for (let turns = 1; ; turns++) {
    beginTurn()
    const step = steps.next()
    if (step.done === true) return { written: Buffer.from(step.value.toBytes()), turns }
  }
}

function atOnce(encoder: CopyEncoder, row: readonly SqlValue[]): Buffer {
  const writer = new ByteWriter(64)
  encoder.write(row, writer)
  return Buffer.from(writer.toBytes())
}

it('is the same line, in every format', () => {
  const random = new SeededRandom(11)
  const textOf = (): string =>
    Array.from({ length: random.below(6) }, () => pieces[random.below(pieces.length)]!).join('')
  for (const format of formats) {
    const encoder = new CopyEncoder({ format, names, types })
    for (let i = 0; i < 300; i++) {
      const row: SqlValue[] = [textOf(), [i, null, 3], new Uint8Array([i & 255, 92]), [textOf(), null, textOf()]]
      if (random.below(4) === 0) row[random.below(4)] = null
      expect(inSteps(encoder, row).written.toString()).toBe(atOnce(encoder, row).toString())
    }
  }
})

it('takes a bounded part of a large line in a turn', () => {
  const long = 'a line\twith\\much "in" it, and more\n'.repeat(20_000)
  for (const format of formats) {
    const encoder = new CopyEncoder({ format, names, types })
    const row = [long, Array.from({ length: 20_000 }, (_, i) => i), new Uint8Array(200_000), null]
    const { written, turns } = inSteps(encoder, row)
    expect(written.equals(atOnce(encoder, row))).toBe(true)
    expect(turns).toBeGreaterThan(4)
  }
})
