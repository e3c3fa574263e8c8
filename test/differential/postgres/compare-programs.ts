/**
 * `node .cache/tools/test/differential/postgres/compare-programs.js [--seed N] [--statements N] [--seconds N] [--kind objects]`: random
 * programs, answered by Polylog as by the real PostgreSQL, until so many statements were compared or the time is over.
 */
import { parseArgs } from 'node:util'
import { runPostgresDifferential } from './differential.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    statements: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '80' },
    kind: { type: 'string', default: 'tables' },
  },
})
const programsAtOnce = 20
const kind = values.kind === 'objects' ? 'objects' : 'tables'
const endMs = Date.now() + Number(values.seconds) * 1000
let [seed, statements, skipped, failed] = [Number(values.seed), 0, 0, 0]
while (statements < Number(values.statements) && Date.now() < endMs) {
  const result = await runPostgresDifferential({ seed, programs: programsAtOnce, kind })
  if (result === undefined) {
    process.stdout.write('PostgreSQL is not installed\n0 passed, 0 failed, 1 skipped\n')
    process.exit(0)
  }
  for (const difference of result.differences) process.stdout.write(`${difference}\n\n`)
  seed += programsAtOnce
  statements += result.statements
  skipped += result.skipped
  failed += result.differences.length
}
process.stdout.write(`${statements - skipped - failed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exitCode = failed > 0 ? 1 : 0
