/**
 * Policies of rows in SQL: what PostgreSQL 15 answers to the same statements of the same users
 * (`gateway/postgres/golden/row-security.txt`), and all the ways that we could think of to learn of a row that is hidden.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Answers } from './testing-answers.ts'

let answers: Answers

beforeEach(async () => {
  answers = await Answers.start()
})

afterEach(() => answers.stop())

async function run(user: string, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) expect(await answers.to(user, text), text).not.toMatch(/^E /)
}

/** ada's table of which bob sees two rows of five: 2 and 4. */
async function makeNotes(): Promise<void> {
  await run(
    'admin',
    "CREATE ROLE ada LOGIN PASSWORD 'ada'",
    "CREATE ROLE bob LOGIN PASSWORD 'bob'",
    'CREATE ROLE staff',
  )
  await run('admin', 'GRANT CREATE ON SCHEMA public TO ada, bob', 'GRANT staff TO bob')
  await run(
    'ada',
    'CREATE TABLE notes (id int PRIMARY KEY, owner text, word text UNIQUE, n int)',
    `INSERT INTO notes SELECT g, CASE WHEN g % 2 = 0 THEN 'bob' ELSE 'ada' END, 'word ' || g, g FROM generate_series(1, 5) g`,
    'CREATE INDEX notes_owner ON notes (owner)',
    'GRANT ALL ON notes TO bob, staff',
    'CREATE POLICY own ON notes USING (owner = current_user)',
    'ALTER TABLE notes ENABLE ROW LEVEL SECURITY',
  )
}

async function planOf(user: string, text: string): Promise<string> {
  const { rows } = await (await answers.as(user)).query<{ 'QUERY PLAN': string }>(text)
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

describe('policies of rows', { timeout: 120_000 }, () => {
  test('as PostgreSQL answers', async () => {
    const { found, lines } = await answers.toGolden('row-security')
    expect(found).toEqual(lines)
  })

  test('of MERGE, and its privileges, as PostgreSQL answers', async () => {
    const { found, lines } = await answers.toGolden('merge-privileges')
    expect(found).toEqual(lines)
  })

  test('an index serves a policy, and conditions of the caller', async () => {
    await makeNotes()
    await run('ada', `INSERT INTO notes SELECT g, 'many ' || g, 'more ' || g, g FROM generate_series(10, 2000) g`)
    expect(await planOf('bob', 'EXPLAIN SELECT * FROM notes')).toMatch(/Index Scan using notes_owner/)
    expect(await planOf('bob', 'EXPLAIN SELECT * FROM notes WHERE id = 2')).toMatch(/Index Scan using notes_pkey/)
    expect(await planOf('bob', "EXPLAIN SELECT * FROM notes WHERE word = 'word 2'")).toMatch(/notes_word_key/)
  })
})

describe('ways to a hidden row', { timeout: 120_000 }, () => {
  beforeEach(makeNotes)

  /** Whatever it asks, bob is answered as if the rows of others were not there. */
  async function sameWithout(...queries: readonly string[]): Promise<void> {
    const hidden = await Promise.all(queries.map((text) => answers.to('bob', text)))
    await run('ada', "DELETE FROM notes WHERE owner <> 'bob'")
    for (const [i, text] of queries.entries()) expect(await answers.to('bob', text), text).toBe(hidden[i])
  }

  test('conditions and functions that fail, at any place of a query', async () => {
    await sameWithout(
      'SELECT id FROM notes WHERE 1 / (n - 3) < 5 ORDER BY id',
      'SELECT id FROM notes WHERE n <> 3 AND 1 / (n - 5) < 5 ORDER BY id',
      'SELECT id FROM notes ORDER BY 1 / (n - 1)',
      'SELECT 1 / (n - 1), count(*) FROM notes GROUP BY 1 ORDER BY 1',
      'SELECT count(*) FILTER (WHERE 1 / (n - 1) > 0) FROM notes',
      'SELECT a.id FROM notes a JOIN notes b ON 1 / (b.n - 3) > -9 AND a.id = b.id ORDER BY 1',
      'SELECT a.id FROM notes a LEFT JOIN notes b ON 1 / (b.n - 3) > -9 ORDER BY 1',
      'SELECT id FROM notes a WHERE EXISTS (SELECT 1 FROM notes b WHERE 1 / (b.n - 3) > -9) ORDER BY 1',
      'SELECT id FROM notes WHERE n IN (SELECT 1 / (n - 3) FROM notes) ORDER BY 1',
      'SELECT x.v FROM notes a, LATERAL (SELECT 1 / (b.n - 3) AS v FROM notes b WHERE b.id >= a.id) x ORDER BY 1',
      "SELECT DISTINCT word::int FROM notes WHERE word NOT LIKE 'word%'",
      'SELECT id, CASE WHEN n = 3 THEN 1 / 0 ELSE n END FROM notes ORDER BY 1',
      'WITH w AS (SELECT 1 / (n - 3) AS v FROM notes) SELECT max(v) FROM w',
      'UPDATE notes SET n = n WHERE 1 / (n - 3) > -9',
      'UPDATE notes SET n = n FROM (SELECT max(n) AS m FROM notes) x WHERE notes.n = x.m',
      'SELECT id FROM notes WHERE 1 / (n - 3) < 5 ORDER BY id FOR UPDATE',
    )
  })

  test('numbers of rows, whatever counts them', async () => {
    await sameWithout(
      'SELECT count(*) FROM notes',
      'SELECT count(*) FROM notes WHERE id > 0',
      "SELECT count(*) FROM notes WHERE owner = 'ada'",
      "SELECT min(id), max(id), sum(n), string_agg(word, ',' ORDER BY id) FROM notes",
      'SELECT count(*) FROM notes a, notes b',
      'SELECT id FROM notes ORDER BY id LIMIT 1 OFFSET 1',
      "SELECT id FROM notes WHERE word = 'word 3'",
      'SELECT id FROM notes WHERE id = ANY (ARRAY[1, 2, 3])',
      'SELECT id FROM notes WHERE owner IS NOT NULL UNION ALL SELECT n FROM notes ORDER BY 1',
      'TABLE notes',
      'DELETE FROM notes WHERE id IN (1, 3) RETURNING *',
      'UPDATE notes SET n = 7 WHERE id IN (1, 3) RETURNING *',
    )
  })

  test('COPY gives what SELECT gives, and takes nothing', async () => {
    const bob = await answers.as('bob')
    const { rows } = await bob.query('SELECT * FROM notes')
    expect(rows).toHaveLength(2)
    expect(await answers.to('bob', 'COPY notes FROM STDIN')).toBe(
      'E 0A000 COPY FROM not supported with row-level security',
    )
  })

  test('EXPLAIN, with ANALYZE or without', async () => {
    expect(await planOf('bob', 'EXPLAIN (ANALYZE, TIMING off, COSTS off) SELECT * FROM notes')).toMatch(/rows=2 /)
    const asked = "EXPLAIN SELECT * FROM notes WHERE word = 'word 3'"
    const there = await planOf('bob', asked)
    await run('ada', "UPDATE notes SET word = 'other' WHERE id = 3")
    expect(await planOf('bob', asked)).toBe(there)
  })

  test('errors of constraints show nothing but that there is one', async () => {
    const bob = await answers.as('bob')
    const failing = (text: string): Promise<{ code?: string; detail?: string }> =>
      bob.query(text).then(
        () => ({}),
        (error: unknown) => error as { code: string; detail: string },
      )
    for (const text of [
      "INSERT INTO notes VALUES (1, 'bob', 'mine', 1)",
      "INSERT INTO notes VALUES (9, 'bob', 'word 3', 1)",
      "UPDATE notes SET word = 'word 3' WHERE id = 2",
    ]) {
      const { code, detail } = await failing(text)
      expect([code, detail]).toEqual(['23505', undefined])
    }
  })

  test('ON CONFLICT: the row in the way is seen by no condition of the caller', async () => {
    const denied = /^E 42501 new row violates row-level security policy \(USING expression\) for table "notes"/
    const insert = "INSERT INTO notes VALUES (3, 'bob', 'mine', 1) ON CONFLICT (id) DO"
    expect(await answers.to('bob', `${insert} UPDATE SET n = 1 / (notes.n - 3)`)).toMatch(denied)
    expect(await answers.to('bob', `${insert} UPDATE SET n = 1 WHERE 1 / (notes.n - 3) > 0`)).toMatch(denied)
    expect(await answers.to('bob', `${insert} UPDATE SET n = 1 WHERE notes.n = 999 RETURNING notes.n`)).toMatch(denied)
    expect(await answers.to('bob', `${insert} NOTHING RETURNING word`)).toBe('INSERT 0 []')
  })

  test('plans and cursors that were made as another role', async () => {
    const bob = await answers.as('bob')
    await run('ada', 'CREATE POLICY all_for_staff ON notes TO staff USING (n < 4)')
    const ask = async (): Promise<number | null> =>
      (await bob.query({ name: 'kept', text: 'SELECT id FROM notes' })).rowCount
    expect(await ask()).toBe(4)
    await bob.query('SET ROLE staff')
    expect(await ask()).toBe(3)
    await bob.query('RESET ROLE')
    expect(await ask()).toBe(4)
    await run('ada', 'DROP POLICY own ON notes')
    expect(await ask()).toBe(3)
    await bob.query('BEGIN')
    await bob.query('DECLARE c CURSOR FOR SELECT id FROM notes')
    expect((await bob.query('FETCH 1 FROM c')).rowCount).toBe(1)
    await run('ada', 'ALTER POLICY all_for_staff ON notes USING (n < 2)')
    await bob.query('COMMIT')
    expect(await ask()).toBe(1)
  })

  test('a cursor reads on as it was opened, as in PostgreSQL; what is opened then does not', async () => {
    await run('admin', 'GRANT bob TO ada')
    const ada = await answers.as('ada')
    await ada.query('BEGIN')
    await ada.query('DECLARE c CURSOR FOR SELECT id FROM notes')
    await ada.query('SET ROLE bob')
    expect((await ada.query('FETCH ALL FROM c')).rowCount).toBe(5)
    expect((await ada.query('SELECT id FROM notes')).rowCount).toBe(2)
    await ada.query('ROLLBACK')
  })

  test('who may change the definition only comes to no row by it, and takes no policy away', async () => {
    await run('admin', "CREATE ROLE sly LOGIN PASSWORD 'sly'", 'GRANT SCHEMA ON SCHEMA public TO sly')
    await run('ada', 'GRANT ALL ON notes TO sly')
    for (const text of [
      'ALTER TABLE notes DISABLE ROW LEVEL SECURITY',
      'ALTER TABLE notes NO FORCE ROW LEVEL SECURITY',
      'ALTER TABLE notes OWNER TO sly',
      'DROP POLICY own ON notes',
      'ALTER POLICY own ON notes USING (true)',
      'CREATE POLICY mine ON notes USING (true)',
      'ALTER TABLE notes DROP COLUMN owner CASCADE',
      'ALTER TABLE notes ADD CHECK (1 / (n - 3) > -9)',
      'ALTER TABLE notes ALTER COLUMN n TYPE bigint USING 1 / (n - 3)',
      'CREATE UNIQUE INDEX ON notes (owner)',
    ]) {
      expect(await answers.to('sly', text), text).toMatch(/^E (42501|0A000)/)
    }
    expect(await answers.to('sly', 'SELECT count(*) FROM notes')).toBe('SELECT 1 [["0"]]')
  })

  test('a party of a transaction of another sees what it may, and leaves what it may', async () => {
    const [ada, bob] = [await answers.as('ada'), await answers.as('bob')]
    await ada.query('BEGIN')
    await ada.query("INSERT INTO notes VALUES (6, 'bob', 'six', 6), (7, 'ada', 'seven', 7)")
    const { rows } = await ada.query<{ token: string }>('SELECT polylog_transaction_token() AS token')
    await bob.query('BEGIN')
    await bob.query('SELECT polylog_join($1)', [rows[0]!.token])
    expect((await bob.query('SELECT id FROM notes ORDER BY id')).rows).toEqual([{ id: 2 }, { id: 4 }, { id: 6 }])
    expect((await ada.query('SELECT count(*)::int AS n FROM notes')).rows).toEqual([{ n: 7 }])
    expect((await bob.query('UPDATE notes SET n = 0')).rowCount).toBe(3)
    await expect(bob.query("INSERT INTO notes VALUES (8, 'ada', 'eight', 8)")).rejects.toMatchObject({ code: '42501' })
    await ada.query('ROLLBACK')
    await bob.query('ROLLBACK')
  })

  test('a search path does not change what a policy means', async () => {
    await run(
      'ada',
      'CREATE TABLE members (who text)',
      "INSERT INTO members VALUES ('ada')",
      'GRANT SELECT ON members TO bob',
    )
    await run('ada', 'ALTER POLICY own ON notes USING (EXISTS (SELECT 1 FROM members WHERE who = current_user))')
    await run('admin', 'CREATE SCHEMA fake', 'ALTER SCHEMA fake OWNER TO bob')
    await run('bob', 'CREATE TABLE fake.members (who text)', "INSERT INTO fake.members VALUES ('bob')")
    await run('bob', 'SET search_path = fake, public')
    expect(await answers.to('bob', 'SELECT count(*) FROM notes')).toBe('SELECT 1 [["0"]]')
  })

  test('an owner whom they are forced on changes the table over all rows, and sees what they let through', async () => {
    await run(
      'ada',
      'ALTER TABLE notes FORCE ROW LEVEL SECURITY',
      'ALTER TABLE notes ADD COLUMN more serial',
      'ALTER TABLE notes ALTER COLUMN n TYPE bigint',
      'CREATE INDEX ON notes (n)',
      'CREATE TABLE of_notes (id int REFERENCES notes DEFERRABLE INITIALLY DEFERRED)',
      'INSERT INTO of_notes VALUES (2)',
    )
    expect(await answers.to('ada', 'ALTER TABLE notes ADD CHECK (n < 5)')).toMatch(/^E 23514/)
    expect(await answers.to('ada', 'SELECT id FROM notes ORDER BY id')).toBe('SELECT 3 [[1],[3],[5]]')
    expect(await answers.to('ada', 'DELETE FROM notes WHERE id = 2')).toBe('DELETE 0 []')
  })

  test('sizes, and numbers of rows that are counted', async () => {
    const asked =
      "SELECT n_live_tup, pg_relation_size('notes'), pg_total_relation_size('notes') FROM pg_stat_user_tables"
    expect(await answers.to('bob', asked)).toBe('SELECT 1 [[null,null,null]]')
    expect(await answers.to('ada', asked)).toMatch(/^SELECT 1 \[\["5"/)
  })

  test('what recomputes what is stored', async () => {
    expect(await answers.to('bob', 'SELECT * FROM polylog_verify()')).toMatch(/^E 42501/)
  })
})
