/**
 * Hermitage's schedules: fenced SQL in Markdown, a statement a line, with a remark that says whose it is and what comes of it.
 *
 *   update test set value = 12 where id = 1; -- T2, BLOCKS
 *   commit; -- T1. T2 now prints out "ERROR: could not serialize access due to concurrent update"
 *   select * from test; -- either. Shows 1 => 12, 2 => 22
 */

export interface Step {
  /** Of the file, from 1. */
  readonly line: number
  readonly sql: string
  /** `T1`; of whoever is free, the first. */
  readonly session: string
  readonly blocks: boolean
  /** `1 => 12`, each; undefined where nothing is said of rows. */
  readonly rows: readonly string[] | 'some' | undefined
  /** What it is refused with. */
  readonly error: string | undefined
  /** What a step of somebody else, that has waited for this one, is refused with. */
  readonly otherError: { readonly session: string; readonly message: string } | undefined
}

/** Each begins with the tables of `setUp`. */
export interface Schedules {
  readonly setUp: readonly string[]
  readonly schedules: readonly (readonly Step[])[]
}

export function parseSchedules(markdown: string): Schedules {
  const setUp: string[] = []
  const schedules: Step[][] = []
  let block: { line: number; text: string }[] | undefined
  for (const [at, text] of markdown.split('\n').entries()) {
    if (text.startsWith('```')) {
      if (block !== undefined) addBlock(block, setUp, schedules)
      block = block === undefined ? [] : undefined
    } else if (text.trim() !== '') block?.push({ line: at + 1, text })
  }
  return { setUp, schedules }
}

function addBlock(block: readonly { line: number; text: string }[], setUp: string[], schedules: Step[][]): void {
  const steps = block.flatMap(({ line, text }) => stepOf(line, text) ?? [])
  if (steps.length > 0) schedules.push(steps)
  else if (block.some(({ text }) => text.startsWith('create table'))) setUp.push(...block.map(({ text }) => text))
}

function stepOf(line: number, text: string): Step | undefined {
  const [, sql, session, remark = ''] = /^(.*?)\s*-- (T\d|either)\b(.*)$/i.exec(text) ?? []
  if (sql === undefined) return undefined
  const [, otherSession, otherMessage] = /(T\d) now prints out "ERROR: ([^"]*)"/.exec(remark) ?? []
  const [, error] = otherSession === undefined ? (/Prints out "ERROR: ([^"]*)"/.exec(remark) ?? []) : []
  return {
    line,
    sql,
    session: session!.toLowerCase() === 'either' ? 'T1' : session!,
    blocks: remark.startsWith(', BLOCKS'),
    rows: rowsOf(remark),
    error,
    otherError: otherSession === undefined ? undefined : { session: otherSession, message: otherMessage! },
  }
}

function rowsOf(remark: string): Step['rows'] {
  if (/returns nothing/i.test(remark)) return []
  if (/returns the newly inserted row/i.test(remark)) return 'some'
  return remark.match(/\d+ => \d+/g) ?? undefined
}
