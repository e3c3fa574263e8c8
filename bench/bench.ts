/**
 * `npm run bench -- [AREA…] [--quick] [--json FILE]`: every row a ratio, ours and a peer's in turn on this machine.
 *
 * A full run of all areas writes docs/performance.md, after each row what is measured so far to `--json`; `--page FILE…`
 * writes the page from what `--json` kept of runs of single areas, of two rows of one name the later file's. `--guard
 * [COMMIT]` compares this tree with the commit that the page is of (`guard.ts`).
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import type { Area } from './area.ts'
import { catalog } from './areas/catalog.ts'
import { commit } from './areas/commit.ts'
import { document } from './areas/document.ts'
import { endings } from './areas/endings.ts'
import { endingsOfMongodb } from './areas/endings-mongodb.ts'
import { fairness } from './areas/fairness.ts'
import { transactions } from './areas/transactions.ts'
import { kv } from './areas/kv.ts'
import { mongodbTurns } from './areas/mongodb-turns.ts'
import { redis } from './areas/redis.ts'
import { redisTurns } from './areas/redis-turns.ts'
import { security } from './areas/security.ts'
import { sql } from './areas/sql.ts'
import { sqlFunctionTurns } from './areas/sql-function-turns.ts'
import { sqlTurns } from './areas/sql-turns.ts'
import { start } from './areas/start.ts'
import { turns } from './areas/turns.ts'
import { type BenchArguments, parseArguments, UsageError } from './arguments.ts'
import { keepApart } from './cores.ts'
import { guard } from './guard.ts'
import type { Row } from './measure.ts'
import { commitOfPage, joinReports, performancePage, type Report } from './performance-page.ts'
import { rowLine } from './row-line.ts'

const areas: readonly Area[] = [
  kv,
  redis,
  sql,
  document,
  commit,
  start,
  fairness,
  transactions,
  endings,
  endingsOfMongodb,
  turns,
  redisTurns,
  mongodbTurns,
  sqlTurns,
  sqlFunctionTurns,
  catalog,
  security,
]
const page = 'docs/performance.md'
/** As many as the comparison promises, also where each is short. */
const pairs = 5

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

function reportOf(rows: readonly Row[]): Report {
  const commit = execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=40', '--exclude=*'], {
    encoding: 'utf8',
  })
  const processors = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`
  const machine = `${processors}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
  return { commit: commit.trim(), machine, rows }
}

async function measure({ areas: names, quick, json }: BenchArguments): Promise<boolean> {
  const chosen = names.map((name) => areas.find((area) => area.name === name)!)
  const rows: Row[] = []
  let failed = false
  for (const area of chosen) {
    try {
      keepApart(area.apart)
      for await (const row of area.rows({ quick, pairs })) {
        rows.push(row)
        process.stdout.write(`${rowLine(row)}\n`)
        if (json !== undefined) writeFileSync(json, `${JSON.stringify(reportOf(rows), undefined, 2)}\n`)
      }
    } catch (error) {
      failed = true
      process.stderr.write(`bench: area ${area.name}: ${(error as Error).stack}\n`)
    }
  }
  if (!quick && !failed && new Set(chosen).size === areas.length) writeFileSync(page, performancePage(reportOf(rows)))
  return !failed
}

const options = readArguments()
try {
  if (options.guard !== undefined) {
    const against = options.guard === '' ? commitOfPage(readFileSync(page, 'utf8')) : options.guard
    if (against === undefined) throw new Error(`${page} does not say of which commit it is; name one: --guard COMMIT`)
    process.exitCode = (await guard(against, options.quick)) ? 0 : 1
  } else if (options.reports !== undefined) {
    const reports = options.reports.map((path) => JSON.parse(readFileSync(path, 'utf8')) as Report)
    writeFileSync(page, performancePage(joinReports(reports)))
  } else process.exitCode = (await measure(options)) ? 0 : 1
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`)
  process.exitCode = 1
}
