/**
 * `npm run bench -- [AREA…] [--quick] [--json FILE]`: every row a ratio, ours and a peer's in turn on this machine.
 *
 * A full run of all areas writes docs/performance.md; `--page FILE…` writes it from what `--json` kept of runs of single
 * areas on this machine, of two rows of one name the later file's.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Area } from './area.ts'
import { catalog } from './areas/catalog.ts'
import { commit } from './areas/commit.ts'
import { document } from './areas/document.ts'
import { endings } from './areas/endings.ts'
import { fairness } from './areas/fairness.ts'
import { kv } from './areas/kv.ts'
import { sql } from './areas/sql.ts'
import { type BenchArguments, parseArguments, UsageError } from './arguments.ts'
import type { Row } from './measure.ts'
import { performancePage } from './performance-page.ts'
import { rowLine } from './row-line.ts'

const areas: readonly Area[] = [kv, sql, document, commit, fairness, endings, catalog]

function readArguments(): BenchArguments {
  try {
    return parseArguments(
      process.argv.slice(2),
      areas.map(({ name }) => name),
    )
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`bench: ${error.message}\n`)
    process.exit(2)
  }
}

/** Of all files, a name only once. */
function keptRows(files: readonly string[]): Row[] {
  const rows = new Map<string, Row>()
  for (const file of files) {
    for (const row of JSON.parse(readFileSync(file, 'utf8')) as Row[]) rows.set(row.name, row)
  }
  return [...rows.values()]
}

const { areas: names, quick, json, reports } = readArguments()
if (reports !== undefined) {
  writeFileSync('docs/performance.md', performancePage(keptRows(reports)))
  process.exit(0)
}

const chosen = names.map((name) => areas.find((area) => area.name === name)!)
/** As many as the comparison promises, also where each is short. */
const pairs = 5
const rows: Row[] = []
let failed = false
for (const area of chosen) {
  try {
    for await (const row of area.rows({ quick, pairs })) {
      rows.push(row)
      process.stdout.write(`${rowLine(row)}\n`)
    }
  } catch (error) {
    failed = true
    process.stderr.write(`bench: area ${area.name}: ${(error as Error).stack}\n`)
  }
}
if (json !== undefined) writeFileSync(json, `${JSON.stringify(rows, undefined, 2)}\n`)
if (!quick && !failed && new Set(chosen).size === areas.length)
  writeFileSync('docs/performance.md', performancePage(rows))
process.exitCode = failed ? 1 : 0
