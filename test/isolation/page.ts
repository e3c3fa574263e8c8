/** The table of docs/isolation.md: each cell is what was found. */
import type { AllDoors } from '../../src/server/testing.ts'
import { anomalies, type Finding, tryAnomaly } from './anomalies.ts'
import { manners } from './parties.ts'

const marks = ['<!-- table -->', '<!-- end of the table -->'] as const

/** By the title of the manner, in the order of the anomalies. */
type Found = ReadonlyMap<string, readonly Finding[]>

export async function findAll(doors: AllDoors): Promise<Found> {
  const found = new Map<string, Finding[]>()
  for (const manner of manners) {
    const findings: Finding[] = []
    for (const anomaly of anomalies) findings.push(await tryAnomaly(doors, manner, anomaly))
    found.set(manner.title, findings)
  }
  return found
}

function tableOf(found: Found): string {
  const shown = (finding: Finding): string => (finding === 'happens' ? '**happens**' : finding)
  return [
    `| | ${anomalies.map(({ name }) => name).join(' | ')} |`,
    `|---${'|---'.repeat(anomalies.length)}|`,
    ...[...found].map(([title, findings]) => `| ${title} | ${findings.map(shown).join(' | ')} |`),
    '',
    'What the anomalies are:',
    '',
    '| | |',
    '|---|---|',
    ...anomalies.map(({ name, meaning }) => `| ${name} | ${meaning} |`),
  ].join('\n')
}

/** The document with the table in it. Errors: where it has no place for it. */
export function withTable(document: string, found: Found): string {
  const [start, end] = marks.map((mark) => document.indexOf(mark))
  if (start! < 0 || end! < start!) throw new Error('docs/isolation.md has no place for the table')
  return `${document.slice(0, start! + marks[0].length)}\n\n${tableOf(found)}\n\n${document.slice(end)}`
}
