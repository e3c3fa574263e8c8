/** The matrix as `docs/security.md` shows it: a table for each kind of thing, rows that are alike as one. */
import { doors, type Kind, kinds, type Operation, type Thing, things } from './operation.ts'
import { type Subject, subjects } from './subjects.ts'
import { mayBe, operations } from './walk.ts'

const letters = { sql: 'S', mongodb: 'M', redis: 'R' } as const

const titles: Readonly<Record<Thing, string>> = {
  table: 'A table, as in SQL and by MongoDB',
  objects: 'Views, partitions, triggers, functions and types',
  documents: 'Documents, by MongoDB and in SQL',
  keys: 'Keys, by Redis, in SQL and by MongoDB',
  server: 'The server and others who use it',
}

export const marks = ['<!-- the matrix: generated -->', '<!-- the end of the matrix -->'] as const

/** What anybody may do, what a door does not offer, and what is done elsewhere, where nothing was given, says nothing here. */
function isTelling({ needs, lacks }: Operation): boolean {
  return needs !== 'anybody' && lacks === undefined && !/ of (?:bank|missing)/.test(needs)
}

/** By which doors it may do what there is of a kind: a small letter where it may do some of it. */
function cell(subject: Subject, all: readonly Operation[]): string {
  return doors
    .map((door) => {
      const there = all.filter((one) => one.door === door)
      const count = there.filter((one) => mayBe(subject.holds, one)).length
      if (count === 0) return ''
      return count === there.length ? letters[door] : letters[door].toLowerCase()
    })
    .join('')
}

function tableOf(thing: Thing): string {
  const about = operations.filter((one) => one.thing === thing && isTelling(one))
  const columns = kinds.filter((kind) => about.some((one) => one.kind === kind))
  const byCells = new Map<string, string[]>()
  for (const subject of subjects) {
    const cells = columns.map((kind: Kind) =>
      cell(
        subject,
        about.filter((one) => one.kind === kind),
      ),
    )
    const key = cells.join(' | ')
    byCells.set(key, [...(byCells.get(key) ?? []), subject.name])
  }
  const rows = [...byCells].flatMap(([cells, names]) =>
    /[a-z]/i.test(cells) ? [`| ${names.join('; ')} | ${cells} |`] : [],
  )
  return [
    `**${titles[thing]}**`,
    '',
    `| | ${columns.join(' | ')} |`,
    `|---${'|---'.repeat(columns.length)}|`,
    ...rows,
    '',
  ].join('\n')
}

export function matrixPage(): string {
  return things.map(tableOf).join('\n')
}

/** The document with the matrix in it. Errors: where it has no place for it. */
export function withMatrix(document: string): string {
  const [start, end] = marks.map((mark) => document.indexOf(mark))
  if (start! < 0 || end! < start!) throw new Error('docs/security.md has no place for the matrix')
  return `${document.slice(0, start! + marks[0].length)}\n${matrixPage()}\n${document.slice(end)}`
}
