/**
 * `npm run soak -- [--minutes N]`: the long checks, with seeds that go on from the last run.
 *
 * Without `--minutes` each check of `pieces.ts` is run as often as stands there, with it all of them in turn until the time
 * is over. What all runs so far have come to stands in `totals.json`, and in words in `docs/reliability.md`, which this
 * writes.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { readLedger } from '../fuzz/ledger.ts'
import { pieces } from './pieces.ts'
import { renderReliability } from './reliability.ts'
import { emptyTotals, type Totals } from './totals.ts'

/** The working directory of scripts is the repository's root. */
const totalsPath = 'test/soak/totals.json'
const documentPath = 'docs/reliability.md'

function parseMinutes(args: readonly string[]): number | undefined {
  if (args.length === 0) return undefined
  const minutes = /^\d{1,9}(\.\d{1,9})?$/.test(args[1] ?? '') ? Number(args[1]) : 0
  if (args.length === 2 && args[0] === '--minutes' && minutes > 0) return minutes
  process.stderr.write('usage: npm run soak -- [--minutes N]\n')
  process.exit(2)
}

function readTotals(): Totals {
  try {
    return { ...emptyTotals, ...(JSON.parse(readFileSync(totalsPath, 'utf8')) as Partial<Totals>) }
  } catch {
    return emptyTotals
  }
}

function publish(totals: Totals): void {
  writeFileSync(totalsPath, `${JSON.stringify(totals, undefined, 2)}\n`)
  writeFileSync(documentPath, renderReliability(totals, readLedger()))
}

async function main(): Promise<void> {
  const minutes = parseMinutes(process.argv.slice(2))
  const untilMs = minutes === undefined ? undefined : Date.now() + minutes * 60_000
  const ends = { passed: 0, failed: 0, skipped: 0 }
  for (let turn = 0; ; turn++) {
    const due = pieces.filter((piece) => untilMs !== undefined || turn < piece.piecesOfRun)
    if (due.length === 0) break
    for (const piece of due) {
      if (untilMs !== undefined && Date.now() >= untilMs) return finish(ends)
      const { totals, failures, skipped } = await piece.run(readTotals())
      publish(totals)
      for (const failure of failures) process.stdout.write(`${failure}\n`)
      const end = failures.length > 0 ? 'failed' : skipped === undefined ? 'passed' : 'skipped'
      ends[end]++
      process.stdout.write(`${end}: ${piece.name}${skipped === undefined ? '' : ` (${skipped})`}\n`)
    }
  }
  finish(ends)
}

function finish({ passed, failed, skipped }: { passed: number; failed: number; skipped: number }): void {
  process.stdout.write(`totals are in ${documentPath}\n`)
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`)
  // Drivers whose server was killed may still wait for it.
  process.exit(failed > 0 ? 1 : 0)
}

await main()
