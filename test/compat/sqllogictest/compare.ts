/**
 * Whether rows are those that a record expects. The files come from several engines, which write values their own ways:
 * a row a line with values between tabs or blanks, or a value a line; `true` or `t`; an empty text as `(empty)`. Numbers are equal
 * by nine digits. Rows have an order only where the SQL asks for one.
 */
import type { ExpectedRows } from './records.ts'

export type Row = readonly (string | null)[]

/** In words; undefined where they are the same. */
export function findDifference(expected: ExpectedRows, rows: readonly Row[], sql: string): string | undefined {
  const wanted = expected.lines.map((line) => line)
  const isOrdered = !expected.isSorted && /\border\s+by\b/i.test(sql)
  const width = rows[0]?.length ?? expected.columns
  const forms = [asRows(wanted, width, '\t'), asRows(wanted, width, ' '), asValues(wanted, width), asTexts(wanted)]
  const actual = rows.map((row) => row.map(normalize))
  for (const form of forms) {
    if (form === undefined) continue
    const got = form.isText ? actual.map((row) => row.join(' ')) : actual.map((row) => row.join('\u0001'))
    if (same(form.rows, got, isOrdered)) return undefined
  }
  return `expected ${shown(wanted)}, got ${shown(rows.map((row) => row.map((one) => one ?? 'NULL').join('\t')))}`
}

interface Form {
  readonly rows: readonly string[]
  readonly isText: boolean
}

function asRows(lines: readonly string[], width: number, separator: string): Form | undefined {
  const rows: string[] = []
  for (const line of lines) {
    const values = separator === ' ' ? line.trim().split(/ +/) : line.split(separator)
    if (values.length !== width) return undefined
    rows.push(values.map(normalize).join('\u0001'))
  }
  return { rows, isText: false }
}

function asValues(lines: readonly string[], width: number): Form | undefined {
  if (width <= 1 || lines.length % width !== 0) return undefined
  const rows: string[] = []
  for (let at = 0; at < lines.length; at += width) {
    rows.push(
      lines
        .slice(at, at + width)
        .map(normalize)
        .join('\u0001'),
    )
  }
  return { rows, isText: false }
}

/** Where values have blanks of their own, and blanks are between them. */
function asTexts(lines: readonly string[]): Form {
  return { rows: lines.map((line) => line.trim().replaceAll('\t', ' ')), isText: true }
}

const numeric = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/

function normalize(value: string | null): string {
  if (value === null) return 'NULL'
  const text = value.trim()
  if (text === '' || text === '(empty)') return '(empty)'
  if (text === 't' || text === 'true' || text === 'True') return 'true'
  if (text === 'f' || text === 'false' || text === 'False') return 'false'
  if (!numeric.test(text)) return text
  // An integer is exact, however long it is.
  if (/^[-+]?\d+$/.test(text) && text.length > 9) return text.replace(/^\+/, '')
  const number = Number(text)
  return Number.isFinite(number) ? String(Number(number.toPrecision(9)) + 0) : text
}

function same(wanted: readonly string[], got: readonly string[], isOrdered: boolean): boolean {
  if (wanted.length !== got.length) return false
  const [left, right] = isOrdered ? [wanted, got] : [[...wanted].sort(), [...got].sort()]
  return left.every((row, at) => row === right[at])
}

function shown(rows: readonly string[]): string {
  const text = rows.slice(0, 3).join(' | ')
  const more = rows.length > 3 ? ` … ${rows.length} rows` : ''
  return `${text.length > 120 ? `${text.slice(0, 120)}…` : text}${more}`
}
