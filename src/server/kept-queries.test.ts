/**
 * As whom statements run that somebody else has begun. What PostgreSQL 15 answers to the same, but for this: of queries that a
 * definition keeps, it lets functions that are called write as the owner; here they read only (`language/sql/routine/as-owner.ts`).
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Answers } from './testing-answers.ts'

let answers: Answers

beforeEach(async () => {
  answers = await Answers.start()
})

afterEach(() => answers.stop())

test('who refreshes a materialized view lends it no rights', { timeout: 60_000 }, async () => {
  const { found, lines } = await answers.toGolden('kept-queries')
  expect(found).toEqual(lines)
})

test('a session authorization takes the role away, and what follows a change becomes nobody else', async () => {
  const { found, lines } = await answers.toGolden('acting-roles')
  expect(found).toEqual(lines)
})

test('what a joined party has put off is done as that party, whoever commits', async () => {
  for (const text of ["CREATE ROLE jp LOGIN PASSWORD 'jp'", 'CREATE SCHEMA s AUTHORIZATION jp']) {
    await answers.to('admin', text)
  }
  const noting = 'BEGIN INSERT INTO s.log VALUES (current_user, session_user); RETURN NULL; END'
  for (const text of [
    'CREATE TABLE s.log (who text, came text)',
    'CREATE TABLE s.d (a int)',
    `CREATE FUNCTION s.noting() RETURNS trigger LANGUAGE plpgsql AS $$ ${noting} $$`,
    'CREATE CONSTRAINT TRIGGER noting AFTER INSERT ON s.d DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION s.noting()',
  ]) {
    expect(await answers.to('jp', text)).toBe('CREATE null []')
  }
  const admin = await answers.as('admin')
  await admin.query('BEGIN')
  const { rows } = await admin.query<{ token: string }>('SELECT polylog_transaction_token() AS token')
  await answers.to('jp', 'BEGIN')
  await answers.to('jp', `SELECT polylog_join('${rows[0]!.token}')`)
  expect(await answers.to('jp', 'INSERT INTO s.d VALUES (1)')).toBe('INSERT 1 []')
  const ended = answers.to('jp', 'COMMIT')
  expect(await answers.to('admin', 'COMMIT')).toBe('COMMIT null []')
  expect(await ended).toBe('COMMIT null []')
  expect(await answers.to('admin', 'SELECT * FROM s.log')).toBe('SELECT 1 [["jp","jp"]]')
})
