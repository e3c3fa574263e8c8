import { expect, test } from 'vitest'
import { encodeRows } from './copy-rows.ts'

test('rows are written in the text format of COPY', () => {
  const rows = [
    ['a', 1, null],
    [String.raw`tab	 back\slash`, -2.5, 'line\nfeed\r'],
    ['', 0, String.raw`\N`],
  ]
  expect(encodeRows(rows).toString()).toBe(
    ['a\t1\t\\N', 'tab\\t back\\\\slash\t-2.5\tline\\nfeed\\r', '\t0\t\\\\N', ''].join('\n'),
  )
})

test('no rows are no bytes', () => {
  expect(encodeRows([]).length).toBe(0)
})
