/** `npm run compat`: the suites there are, and the command line around them. */
import { hermitage } from './hermitage/hermitage.ts'
import { mongodbSpecs, mongodbSpecsRouter } from './mongodb-specs/mongodb-specs.ts'
import { pgIsolation } from './pg-isolation/pg-isolation.ts'
import { pgRegress } from './pg-regress/pg-regress.ts'
import { redisCts } from './redis-cts/redis-cts.ts'
import { parseArguments, runSuite, UsageError } from './run-suite.ts'
import { sqllogictest } from './sqllogictest/sqllogictest.ts'
import type { Suite } from './suite.ts'

const suites: readonly Suite[] = [
  redisCts,
  sqllogictest,
  pgRegress,
  pgIsolation,
  hermitage,
  mongodbSpecs,
  mongodbSpecsRouter,
]

try {
  const request = parseArguments(process.argv.slice(2))
  process.exitCode = await runSuite(request, { root: process.cwd(), suites, print: (line) => console.log(line) })
} catch (error) {
  console.error(error instanceof UsageError ? error.message : error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
