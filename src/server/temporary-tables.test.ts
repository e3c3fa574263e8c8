/** Temporary relations: what PostgreSQL 15 answers to the same statements (`golden/temporary.txt`), and that they go with their session. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Answers } from './testing-answers.ts'

let answers: Answers

beforeEach(async () => {
  answers = await Answers.start()
})

afterEach(() => answers.stop())

const counting = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pg_temp_%'"

describe('temporary relations', { timeout: 60_000 }, () => {
  test('as PostgreSQL answers', async () => {
    const { found, lines } = await answers.toGolden('temporary')
    expect(found).toEqual(lines)
  })

  test('go with their session, and are not there after a restart', async () => {
    for (const user of ['ada', 'bob']) await answers.to('admin', `CREATE ROLE ${user} LOGIN PASSWORD '${user}'`)
    for (const user of ['ada', 'bob']) {
      expect(await answers.to(user, 'CREATE TEMP TABLE t (a serial PRIMARY KEY)')).toMatch(/^CREATE/)
      expect(await answers.to(user, 'INSERT INTO t DEFAULT VALUES RETURNING a')).toBe('INSERT 1 [[1]]')
    }
    expect(await answers.to('admin', counting)).toBe('SELECT 1 [["2"]]')
    await answers.leave('ada')
    while ((await answers.to('admin', counting)) !== 'SELECT 1 [["1"]]') {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(await answers.to('bob', 'SELECT a FROM t')).toBe('SELECT 1 [[1]]')
    expect(await answers.to('ada', 'SELECT a FROM t')).toMatch(/^E 42P01/)
    await answers.restart()
    expect(await answers.to('bob', 'SELECT a FROM t')).toMatch(/^E 42P01/)
    expect(await answers.to('bob', 'CREATE TEMP TABLE t (b int)')).toMatch(/^CREATE/)
    expect(await answers.to('bob', 'SELECT * FROM t')).toBe('SELECT 0 []')
  })

  test('nobody puts anything into the schema of another session', async () => {
    await answers.to('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answers.to('ada', 'CREATE TEMP TABLE t (a int)')
    const [, name] = /\["(pg_temp_\d+)"\]/.exec(
      await answers.to('admin', "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'pg_temp_%'"),
    )!
    expect(await answers.to('admin', `CREATE TABLE ${name}.u (a int)`)).toMatch(/^E 42P16/)
    expect(await answers.to('admin', `CREATE SCHEMA pg_temp_99`)).toMatch(/^E 42939/)
  })
})
