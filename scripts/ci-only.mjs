/**
 * What only continuous integration runs, after `npm test`: first the tests named `*.ci.test.ts` (crash rounds, long
 * driver suites), then these steps, one after the other. A step is a script for Node, with the tools built; it passes by
 * its exit status, and what it counts is read from its last line `N passed, N failed, N skipped`. Add a step by a row.
 *
 * @typedef {{ name: string, args: string[], limitMinutes: number, environment?: Record<string, string> }} CiStep
 */

/** What stands on a store without anything between. */
const nextToStores = ['src/database', 'src/server', 'src/session', 'src/library', 'src/query', 'src/language/sql']

/**
 * Suites that run once more on other stores than memory (`POLYLOG_TEST_STORE` in `vitest.config.ts`): pages that are not
 * always resident, which everybody has to wait for; an overlay over a sorted file.
 *
 * @type {Readonly<Record<string, readonly string[]>>}
 */
export const suitesByStore = {
  missing: [...nextToStores, 'src/language/mql', 'src/gateway/postgres', 'src/gateway/redis', 'src/gateway/mongodb'],
  sorted: nextToStores,
}

/** @type {CiStep[]} */
export const ciOnlySteps = [
  {
    name: 'what stands on Node, on the newest one',
    args: ['scripts/newest-node.mjs'],
    limitMinutes: 8,
  },
  {
    name: 'foreign suite redis-cts',
    args: ['.cache/tools/test/compat/compat.js', 'redis-cts'],
    limitMinutes: 3,
  },
  {
    name: 'foreign suite hermitage',
    args: ['.cache/tools/test/compat/compat.js', 'hermitage'],
    limitMinutes: 2,
  },
  {
    // The same ones in every run, so that a commit passes or fails and does not do so by turns.
    name: 'a sample of the planted bugs',
    args: ['.cache/tools/test/mutations/mutate.js', '--sample', '6', '--seed', '1'],
    limitMinutes: 8,
  },
  {
    name: '100,000 inputs of every parser of bytes, and a share of them of languages and doors',
    args: ['.cache/tools/test/fuzz/fuzz.js', '--inputs', '100000'],
    limitMinutes: 20,
  },
  {
    name: 'random queries compared with each other',
    args: ['.cache/tools/test/differential/logic/check-logic.js', '--seed', '11', '--programs', '120'],
    limitMinutes: 4,
  },
  {
    // Says that it was skipped where PostgreSQL is not installed.
    name: 'random statements compared with PostgreSQL',
    args: ['.cache/tools/test/differential/postgres/compare-programs.js', '--statements', '1900', '--seconds', '60'],
    limitMinutes: 3,
  },
  {
    name: 'random partitions, types, views, functions and triggers compared with PostgreSQL',
    args: [
      '.cache/tools/test/differential/postgres/compare-programs.js',
      '--kind',
      'objects',
      '--statements',
      '3000',
      '--seconds',
      '120',
    ],
    limitMinutes: 4,
  },
  {
    name: 'simulation of 1,000 seeds',
    args: ['.cache/tools/test/simulation/simulate.js', '--seeds', '201-1200'],
    limitMinutes: 20,
    // A thousand servers in one process: left to itself glibc raises this as it goes, and then keeps what is freed (1.7 GB
    // after 150 seeds, of which 0.2 are in use).
    environment: { MALLOC_MMAP_THRESHOLD_: '65536' },
  },
]
