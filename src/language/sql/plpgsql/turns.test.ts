/** Functions share the thread: whatever they do ends its turn, and what was computed in one is not taken for the next. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '../../../database/database.ts'
import { openTestDatabase } from '../../../database/testing.ts'
import { loadSql } from '../sql.ts'
import { TestSql } from '../testing.ts'

let database: Database
let session: TestSql

beforeAll(async () => {
  await loadSql()
  database = await openTestDatabase()
  session = new TestSql(database)
  await session.query(`
    CREATE TABLE fired (id int);
    CREATE FUNCTION counts() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN FOR i IN 1..100 LOOP END LOOP; RETURN NULL; END';
    CREATE TRIGGER behind AFTER INSERT ON fired FOR EACH ROW EXECUTE FUNCTION counts();
    CREATE FUNCTION calls(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN n; END'`)
})

afterAll(async () => database.close())

const block = (body: string): string => `DO $$ BEGIN ${body} END $$`

/** Each comes to an end, so that one that does not pause fails a test and does not hang it. */
const long: readonly (readonly [string, string])[] = [
  ['a loop without a body', block('FOR i IN 1..20000000 LOOP END LOOP;')],
  [
    'errors that are caught',
    block(`FOR i IN 1..2000 LOOP BEGIN PERFORM 1/0; EXCEPTION WHEN OTHERS THEN END; END LOOP;`),
  ],
  ['texts that are read', block(`FOR i IN 1..1500 LOOP EXECUTE 'SELECT 1'; END LOOP;`)],
  ['notices', block(`FOR i IN 1..20000 LOOP RAISE NOTICE 'x'; END LOOP;`)],
  ['triggers behind a statement', 'INSERT INTO fired SELECT generate_series(1, 5000)'],
  ['calls within a query', 'SELECT sum(calls(i)) FROM generate_series(1, 50000) i'],
]

describe('turns end', () => {
  test.each(long)('%s', async (_, text) => {
    await expect(new TestSql(database, false, 15).query(text)).rejects.toThrow('canceling statement')
  })
})

test('what is computed over many turns is computed of the variables as they are', async () => {
  const { notices } = await session.query(`
    DO $$ DECLARE wrong int := 0; t text;
    BEGIN
      FOR i IN 1..20000 LOOP
        t := 'x' || i;
        IF substr(t, 2)::int <> i THEN wrong := wrong + 1; END IF;
      END LOOP;
      RAISE NOTICE '% wrong', wrong;
    END $$`)
  expect(notices.join()).toContain(' 0 wrong')
})
