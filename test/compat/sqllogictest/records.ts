/**
 * The text of a sqllogictest file as records, each with the line it begins in.
 *
 *   statement ok | statement error [TEXT]      SQL until a blank line, or until `----`
 *   query TYPES [rowsort|valuesort|nosort] …   SQL, `----`, the expected lines, until a blank line
 *   connection NAME, or `query TYPES con1`     whose records the next ones are
 *   loop, foreach … endloop, mode skip … unskip, skipif X, onlyif X, require X, halt
 *
 * What stands within loops or is skipped is no record: nothing is expected of it. Words that only other servers know
 * (`load`, `restart`, `flush`) are nothing either.
 */
export interface SqlRecord {
  /** Of its first word, from 1. */
  readonly line: number
  readonly sql: string
  /** `default`, where the file names none. */
  readonly connection: string
  /** Of a query that must succeed. */
  readonly expected?: ExpectedRows
  readonly isError: boolean
}

export interface ExpectedRows {
  readonly columns: number
  readonly lines: readonly string[]
  readonly isSorted: boolean
}

const connectionWord = /^(?:con|conn)\d+$/

export function parseRecords(text: string): SqlRecord[] {
  const lines = text.split(/\r?\n/)
  const records: SqlRecord[] = []
  let depth = 0
  let isSkipping = false
  let skipsNext = false
  let named: string | undefined
  for (let at = 0; at < lines.length; at++) {
    const words = lines[at]!.trim().split(/\s+/)
    const [word = ''] = words
    if (word === 'loop' || word === 'foreach' || word === 'concurrentloop' || word === 'concurrentforeach') depth++
    else if (word === 'endloop') depth--
    else if (word === 'mode') isSkipping = words[1] === 'skip'
    else if (word === 'connection') named = words[1]
    else if (word === 'skipif') skipsNext = words[1] === 'postgres' || words[1] === 'postgresql'
    else if (word === 'onlyif') skipsNext = words[1] !== 'postgres' && words[1] !== 'postgresql'
    else if (word === 'halt' || word === 'require') {
      if (depth === 0 && !isSkipping && word === 'halt') break
    } else if (word === 'statement' || word === 'query') {
      const first = at + 1
      const { end, sql, expectedFrom } = readBody(lines, first)
      if (depth === 0 && !isSkipping && !skipsNext) {
        const connection = named ?? words.slice(2).find((one) => connectionWord.test(one)) ?? 'default'
        const isError = words[1] === 'error'
        const rows = expectedFrom === undefined ? [] : lines.slice(expectedFrom, end)
        const expected: ExpectedRows = {
          columns: words[1]?.length ?? 0,
          lines: rows,
          isSorted: words.includes('rowsort') || words.includes('valuesort'),
        }
        records.push({
          line: first,
          sql,
          connection,
          isError,
          ...(word === 'query' && !isError && { expected }),
        })
      }
      skipsNext = false
      named = undefined
      at = end
    }
  }
  return records
}

/** SQL ends at a blank line or `----`; what is expected, at a blank line. */
function readBody(lines: readonly string[], first: number): { end: number; sql: string; expectedFrom?: number } {
  let end = first
  while (end < lines.length && lines[end]!.trim() !== '' && lines[end]!.trim() !== '----') end++
  const sql = lines.slice(first, end).join('\n')
  if (lines[end]?.trim() !== '----') return { end, sql }
  const expectedFrom = end + 1
  end = expectedFrom
  while (end < lines.length && lines[end]!.trim() !== '') end++
  return { end, sql, expectedFrom }
}
