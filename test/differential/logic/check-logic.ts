/**
 * `node .cache/tools/test/differential/logic/check-logic.js [--seed N] [--programs N]`: random queries of random tables that must
 * agree with each other.
 */
import { parseArgs } from 'node:util'
import { runLogic } from './logic.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, programs: { type: 'string', default: '100' } },
})
const { queries, refused, differences } = await runLogic({
  seed: Number(values.seed),
  programs: Number(values.programs),
  checks: 25,
})
for (const difference of differences) process.stdout.write(`${difference}\n\n`)
process.stdout.write(`${refused} checks of which a query is an error\n`)
process.stdout.write(`${queries - differences.length} passed, ${differences.length} failed, 0 skipped\n`)
process.exitCode = differences.length > 0 ? 1 : 0
