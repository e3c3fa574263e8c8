/** `docs/reliability.md`, from the totals of the long runs. */
import { entriesOf, type Ledger } from '../fuzz/ledger.ts'
import { emptyTotals, type Totals } from './totals.ts'

export function renderReliability(totals: Totals, ledger: Ledger = {}): string {
  const tried = entriesOf(ledger)
  const count = (value: number): string => Math.round(value).toLocaleString('en-US')
  return `# Reliability

What is claimed: an acknowledged transaction survives whatever ends the process or the machine, a transaction is there
whole or not at all over all models, index entries are what the data gives, and transactions that were promised to be
serializable are. Durability is not claimed of a disk that says it has synced and has not.

This page is written by \`npm run soak\`, which runs the checks below for as long as it is told, with seeds that go on from
the last run. The same checks run shorter with every \`npm test\` (200 seeds, 3 crash rounds) and in continuous integration
(1,000 seeds more, 20 crash rounds).

## Crash rounds

A server process, the real drivers \`pg\`, \`ioredis\` and \`mongodb\`, transfers that change a table, a document and a sorted
set in one transaction, \`kill -9\` at a random moment, a restart on the same directory: every acknowledged transfer is
whole, every other whole or absent, and balances, leaderboard and indexes follow from what is there.

| rounds | transfers asked for | acknowledged | rounds that failed |
|---:|---:|---:|---:|
| ${count(totals.crashRounds)} | ${count(totals.crashTransfers)} | ${count(totals.crashAcknowledged)} | ${count(totals.crashFailures)} |

## Simulation

The whole server on a simulated machine: time, disk, network and clients come from one seed. The server lives several
lives on one disk; power fails and processes die at chosen disk operations, writes are torn, shortened, lost and
reordered, disks fill up and fail, clocks jump, connections break by half. Clients inside and on other machines remember
what they were told. A serializable transaction is checked by replay: it must have read the state just before its place in
the log. The same seed gives the same history.

| seeds | simulated seconds | lives of the server | transfers | serializable transactions replayed | seeds that failed |
|---:|---:|---:|---:|---:|---:|
| ${count(totals.simulationSeeds)} | ${count(totals.simulatedSeconds)} | ${count(totals.simulationLives)} | ${count(totals.simulationTransfers)} | ${count(totals.serializableReplayed)} | ${count(totals.simulationFailures)} |

\`npm run simulate -- --seeds 7\` replays one; a failing seed prints its plan of faults and a shrunk history. That the
simulation finds bugs is itself tested: a sync that is skipped, a lock that is not taken, a torn record that is accepted,
an index entry that is forgotten, a validation that is left out and a reply that does not wait are planted, and each is
found within the seeds of every run (\`test/simulation/planted-bugs.test.ts\`).

## Properties

The tests that try random inputs (codecs, orders, parsers, stores against a naive one, hostile messages) with inputs of
their own; every run of \`npm test\` tries the same ones.

| seeds | tests run | seeds that failed |
|---:|---:|---:|
| ${count(totals.nextPropertySeed - emptyTotals.nextPropertySeed)} | ${count(totals.propertyTests)} | ${count(totals.propertyFailures)} |

## Fuzzing

Inputs that are changed and chosen by the code that they reach, for each parser and each door (\`test/fuzz/targets.ts\`):
nothing may be thrown but the format's own errors, no reply may be anything but whole messages, no heap may grow, and no
input may take more steps than are in proportion to its length. In continuous integration are 100,000 of
each parser of bytes, and 20,000 of languages and doors.

| target | seeds | inputs | findings | last at |
|---|---:|---:|---:|---|
${tried
  .map(
    ([name, { nextSeed, inputs, findings, commit }]) =>
      `| ${name} | ${count(nextSeed - 2)} | ${count(inputs)} | ${count(findings)} | ${commit} |`,
  )
  .join('\n')}
| all | | ${count(tried.reduce((sum, [, { inputs }]) => sum + inputs, 0))} | | |

\`npm run fuzz -- --go-on\` goes on where these ended: each run takes the next seed of its target, so that runs add up and none
tries what another one has tried. What they found was mended, and has tests of its own.

## The same answers as the real servers

Random programs, right and wrong, sent to Polylog and to the real server: replies are compared byte for byte, apart from
what the real server leaves open (an order, a random member) and from the differences that are listed with their reasons
(\`known-differences.ts\` of \`test/differential/redis\` and \`test/differential/postgres\`). A statement of which Polylog says that it
does not support it is skipped.

| with | programs | compared | skipped | differences |
|---|---:|---:|---:|---:|
| redis-server | ${count(totals.nextRedisSeed - emptyTotals.nextRedisSeed)} | ${count(totals.redisCommands)} commands | 0 | ${count(totals.redisDifferences)} |
| PostgreSQL | ${count(totals.nextSqlSeed - emptyTotals.nextSqlSeed)} | ${count(totals.sqlStatements)} statements | ${count(totals.sqlSkipped)} | ${count(totals.sqlDifferences)} |

Where no other server is asked, queries are compared with each other, over random tables (\`test/differential/logic\`): what a condition
is true, false and unknown of is everything; what it lets through is what it is true of; the least value is the first of the order; a
join's condition may stand behind WHERE. Of ${count(totals.logicQueries)} queries, ${count(totals.logicDifferences)} did not agree.
`
}
