/**
 * How often serializable transactions fail: `node .cache/tools/bench/abort-rates.js URL…`, once for each server by the same
 * programs, as the table of docs/isolation.md. Counts, not times: eight clients have a transaction open all the time, and
 * begin it again where it fails.
 */
import pg from 'pg'
import { SeededRandom } from '../src/host/simulated/random.ts'

const clients = 8
const transactionsEach = 150

interface Workload {
  readonly name: string
  readonly rows: number
  /** The statements of one transaction. */
  readonly statements: (draw: (below: number) => number) => readonly string[]
}

const read = (key: number): string => `SELECT v FROM abort_rates WHERE k = ${key}`
const change = (key: number): string => `UPDATE abort_rates SET v = v + 1 WHERE k = ${key}`

const workloads: readonly Workload[] = [
  {
    name: 'low contention: 4 of 10,000 rows read, 2 of them changed',
    rows: 10_000,
    statements: (draw) => {
      const keys = [0, 1, 2, 3].map(() => draw(10_000))
      return [...keys.map(read), change(keys[0]!), change(keys[1]!)]
    },
  },
  {
    name: 'hot rows: 2 of 20 rows read, another one changed',
    rows: 20,
    statements: (draw) => [read(draw(20)), read(draw(20)), change(draw(20))],
  },
  {
    name: 'range-heavy: 2 ranges of 20 of 1,000 rows read, a row changed',
    rows: 1000,
    statements: (draw) => {
      const range = (from: number): string => `SELECT sum(v) FROM abort_rates WHERE k BETWEEN ${from} AND ${from + 19}`
      return [range(draw(980)), range(draw(980)), change(draw(1000))]
    },
  },
]

async function abortsOf(url: string, workload: Workload): Promise<number> {
  const all = Array.from({ length: clients }, () => new pg.Client({ connectionString: url }))
  await Promise.all(all.map((client) => client.connect()))
  try {
    const [first] = all
    await first!.query('DROP TABLE IF EXISTS abort_rates')
    await first!.query('CREATE TABLE abort_rates (k int PRIMARY KEY, v int NOT NULL)')
    await first!.query(`INSERT INTO abort_rates SELECT i, 0 FROM generate_series(0, ${workload.rows - 1}) i`)
    await first!.query('ANALYZE abort_rates')
    const aborts = await Promise.all(all.map((client, seed) => abortsOfClient(client, workload, seed + 1)))
    await first!.query('DROP TABLE abort_rates')
    return aborts.reduce((sum, one) => sum + one, 0)
  } finally {
    await Promise.all(all.map((client) => client.end()))
  }
}

async function abortsOfClient(client: pg.Client, { statements }: Workload, seed: number): Promise<number> {
  const random = new SeededRandom(seed)
  const draw = (below: number): number => random.below(below)
  let aborts = 0
  for (let done = 0; done < transactionsEach; done++) {
    const texts = statements(draw)
    while (!(await commits(client, texts))) aborts++
  }
  return aborts
}

async function commits(client: pg.Client, texts: readonly string[]): Promise<boolean> {
  try {
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
    for (const text of texts) await client.query(text)
    await client.query('COMMIT')
    return true
  } catch (error) {
    await client.query('ROLLBACK')
    const { code } = error as { code?: string }
    if (code === '40001' || code === '40P01') return false
    throw error
  }
}

const urls = process.argv.slice(2)
console.log(`| failed of ${clients * transactionsEach} |${urls.map((_url, i) => ` server ${i + 1} |`).join('')}`)
console.log(`|---|${urls.map(() => '---:|').join('')}`)
for (const workload of workloads) {
  const counts: number[] = []
  for (const url of urls) counts.push(await abortsOf(url, workload))
  console.log(`| ${workload.name} |${counts.map((count) => ` ${count} |`).join('')}`)
}
