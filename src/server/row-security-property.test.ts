/** Whatever policies there are, a query answers what it would over a table that holds only the rows they let through. */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Answers } from './testing-answers.ts'

let answers: Answers

beforeEach(async () => {
  answers = await Answers.start()
})

afterEach(() => answers.stop())

async function run(...texts: readonly string[]): Promise<void> {
  for (const text of texts) expect(await answers.to('admin', text), text).not.toMatch(/^E /)
}

const number = fc.integer({ min: 0, max: 12 })
const conditions = fc.oneof(
  number.map((n) => `a < ${n}`),
  number.map((n) => `b = ${n}`),
  number.map((n) => `id <> ${n}`),
  fc.constantFrom(
    'owner = current_user',
    'owner IS NULL',
    'a IN (SELECT m.id FROM members m WHERE m.who = current_user)',
    'EXISTS (SELECT 1 FROM members m WHERE m.id = b)',
    'a > (SELECT min(m.id) FROM members m)',
    "owner <> 'bob' OR b IS NULL",
  ),
)

const queries = fc.oneof(
  conditions.map((one) => `SELECT * FROM t WHERE ${one} ORDER BY id`),
  conditions.map((one) => `SELECT count(*), sum(a), min(owner) FROM t WHERE ${one}`),
  conditions.map((one) => `SELECT b, count(*) FROM t GROUP BY b HAVING count(*) > 1 OR bool_or(${one}) ORDER BY b`),
  conditions.map(
    (one) => `SELECT x.id, y.id FROM t x LEFT JOIN (SELECT * FROM t WHERE ${one}) y ON x.a = y.b ORDER BY 1, 2`,
  ),
  number.map((n) => `SELECT * FROM t WHERE id = ${n}`),
  number.map((n) => `SELECT id FROM t WHERE a IN (${n}, ${n + 1}) ORDER BY a DESC, id LIMIT 3`),
  number.map((n) => `SELECT id FROM t WHERE id NOT IN (SELECT b FROM t WHERE b > ${n}) ORDER BY id`),
)

const policies = fc.array(fc.record({ using: conditions, isRestrictive: fc.boolean() }), { maxLength: 4 })

test('a query sees the visible rows and no others', { timeout: 120_000 }, async () => {
  await run(
    "CREATE ROLE bob LOGIN PASSWORD 'bob'",
    'CREATE TABLE t (id int PRIMARY KEY, owner text, a int, b int)',
    'CREATE INDEX ON t (a)',
    'CREATE INDEX ON t (owner, b)',
    'CREATE TABLE members (id int, who text)',
    "INSERT INTO members SELECT g, CASE WHEN g % 3 = 0 THEN 'bob' ELSE 'ada' END FROM generate_series(1, 9) g",
    `INSERT INTO t SELECT g, CASE g % 4 WHEN 0 THEN 'bob' WHEN 1 THEN 'ada' WHEN 2 THEN 'carl' END, g * 7 % 11,
      CASE WHEN g % 5 <> 0 THEN g % 6 END FROM generate_series(1, 40) g`,
    'GRANT SELECT ON t, members TO bob',
    'ALTER TABLE t ENABLE ROW LEVEL SECURITY',
  )
  const bob = await answers.as('bob')
  const property = fc.asyncProperty(
    policies,
    fc.array(queries, { minLength: 3, maxLength: 6 }),
    async (made, asked) => {
      const names = made.map((_, i) => `p${i}`)
      for (const [i, { using, isRestrictive }] of made.entries()) {
        await run(`CREATE POLICY ${names[i]!} ON t ${isRestrictive ? 'AS RESTRICTIVE ' : ''}USING (${using})`)
      }
      const term = ({ using }: { using: string }): string => `(${using.replaceAll('current_user', "'bob'")})`
      const permissive = made.filter(({ isRestrictive }) => !isRestrictive).map(term)
      const all = [`(${['false', ...permissive].join(' OR ')})`, ...made.filter((one) => one.isRestrictive).map(term)]
      await run(
        'CREATE TABLE v (id int PRIMARY KEY, owner text, a int, b int)',
        `INSERT INTO v SELECT * FROM t WHERE ${all.join(' AND ')}`,
        'GRANT SELECT ON v TO bob',
      )
      for (const text of asked) {
        const [seen, wanted] = [await bob.query(text), await bob.query(text.replaceAll(/\bt\b/g, 'v'))]
        expect(seen.rows, text).toEqual(wanted.rows)
      }
      await run('DROP TABLE v', ...names.map((name) => `DROP POLICY ${name} ON t`))
    },
  )
  await fc.assert(property, { numRuns: 40 })
})
