/**
 * Who may do what, asked in SQL: what PostgreSQL 15 answers to the same statements of the same users, word for word, but for the
 * name of the database. `gateway/postgres/golden/privileges*.txt` has them: a statement and who says it, below it the answer.
 */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Answers } from './testing-answers.ts'

let answers: Answers

beforeEach(async () => {
  answers = await Answers.start()
})

afterEach(() => answers.stop())

const as = (user: string): Promise<pg.Client> => answers.as(user)
const answerTo = (user: string, text: string): Promise<string> => answers.to(user, text)

describe('the privileges of SQL', { timeout: 60_000 }, () => {
  test.each([
    'privileges',
    'privileges-of-parts',
    'privileges-of-rules',
    'privileges-of-defaults',
    'roles-in-blocks',
    'owners-of-databases',
  ])('%s: as PostgreSQL answers', async (name) => {
    const { found, lines } = await answers.toGolden(name)
    expect(found).toEqual(lines)
  })

  test('what PostgreSQL does not ask for is asked for: a WITH query that nobody reads', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE secret (id int)')
    expect(await answerTo('ada', 'WITH w AS (SELECT * FROM secret) SELECT 1')).toMatch(/^E 42501/)
  })

  test('a prepared transaction is ended by who has prepared it, and by superusers', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', "CREATE ROLE bob LOGIN PASSWORD 'bob'")
    const client = await as('ada')
    for (const gid of ['one', 'two', 'three']) await client.query(`BEGIN; PREPARE TRANSACTION '${gid}'`)
    expect(await answerTo('bob', "COMMIT PREPARED 'one'")).toBe(
      'E 42501 permission denied to finish prepared transaction',
    )
    expect(await answerTo('bob', "ROLLBACK PREPARED 'one'")).toMatch(/^E 42501/)
    expect(await answerTo('bob', "SELECT gid FROM pg_prepared_xacts WHERE owner = 'ada'")).toMatch(/one.*three.*two/)
    await answerTo('ada', "COMMIT PREPARED 'one'")
    await answerTo('admin', "ROLLBACK PREPARED 'two'")
    await answerTo('admin', "COMMIT PREPARED 'three'")
    expect(await answerTo('admin', 'SELECT gid FROM pg_prepared_xacts')).toBe('SELECT 0 []')
  })

  test('a statement that was prepared asks again when something was taken away', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int)')
    await answerTo('admin', 'GRANT SELECT ON t TO ada')
    const client = await as('ada')
    const ask = (): Promise<pg.QueryResult> => client.query({ name: 'kept', text: 'SELECT id FROM t' })
    expect((await ask()).rowCount).toBe(0)
    await answerTo('admin', 'REVOKE SELECT ON t FROM ada')
    await expect(ask()).rejects.toMatchObject({ code: '42501' })
    await answerTo('admin', 'GRANT SELECT ON t TO ada')
    expect((await ask()).rowCount).toBe(0)
  })

  test('what is taken away counts within open transactions, also those that see an older state', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int)')
    await answerTo('admin', 'GRANT SELECT ON t TO ada')
    const client = await as('ada')
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await client.query('SELECT * FROM t')
    await answerTo('admin', 'REVOKE SELECT ON t FROM ada')
    await expect(client.query('SELECT * FROM t')).rejects.toMatchObject({ code: '42501' })
  })

  test('what is given on a schema holds for tables that come, and what is given on the database for all', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE SCHEMA shop')
    await answerTo('admin', 'GRANT SELECT ON SCHEMA shop TO ada')
    await answerTo('admin', 'CREATE TABLE shop.later (id int)')
    expect(await answerTo('ada', 'SELECT * FROM shop.later')).toBe('SELECT 0 []')
    expect(await answerTo('ada', 'INSERT INTO shop.later VALUES (1)')).toMatch(/^E 42501/)
    await answerTo('admin', 'GRANT INSERT ON DATABASE polylog TO ada')
    expect(await answerTo('ada', 'INSERT INTO shop.later VALUES (1)')).toBe('INSERT 1 []')
  })

  test('who may change definitions only comes to rows by no way around', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE SCHEMA shop')
    await answerTo('admin', 'CREATE SCHEMA hers')
    await answerTo('admin', 'CREATE TABLE shop.secret (id int, word text)')
    await answerTo('admin', 'GRANT SCHEMA ON SCHEMA shop TO ada')
    await answerTo('admin', 'GRANT CREATE, SELECT ON SCHEMA hers TO ada')
    expect(await answerTo('ada', 'ALTER TABLE shop.secret RENAME word TO words')).toBe('ALTER null []')
    for (const text of [
      'SELECT * FROM shop.secret',
      'ALTER TABLE shop.secret OWNER TO ada',
      'REASSIGN OWNED BY admin TO ada',
      'GRANT SELECT ON shop.secret TO ada',
      'CREATE TABLE hers.copy AS SELECT * FROM shop.secret',
      'SELECT * FROM polylog_verify()',
    ]) {
      expect(await answerTo('ada', text), text).toMatch(/^E 42501|no privileges were granted/)
    }
    expect(await answerTo('ada', 'SELECT * FROM hers.secret')).toMatch(/^E 42P01/)
  })

  test('nobody becomes another by a setting that it begins with', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int)')
    for (const name of ['role', 'session_authorization']) {
      await answerTo('ada', `ALTER ROLE ada SET ${name} = 'admin'`)
      await answerTo('admin', `ALTER ROLE ada SET ${name} = 'admin'`)
    }
    await answers.leave('ada')
    expect(await answerTo('ada', 'SELECT * FROM t')).toMatch(/^E 42501/)
    expect(await answerTo('ada', 'SELECT current_user, session_user')).toBe('SELECT 1 [["ada","ada"]]')
    for (const options of ['-c role=admin', '-c session_authorization=admin']) {
      const given = {
        host: '127.0.0.1',
        port: answers.server.port,
        user: 'ada',
        password: 'ada',
        database: 'polylog',
        options,
      }
      const client = new pg.Client(given)
      client.on('error', () => undefined)
      await expect(client.connect()).rejects.toMatchObject({ code: '42501' })
    }
    expect(await answerTo('ada', "SELECT set_config('role', 'admin', false)")).toMatch(/^E 42501/)
  })

  test('the audit hears of what was given and taken, once that holds, and of who may not', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    for (const text of [
      'CREATE TABLE t (id int)',
      'GRANT SELECT ON t TO ada',
      'BEGIN',
      'GRANT INSERT ON t TO ada',
      'SAVEPOINT s',
      'GRANT UPDATE ON t TO ada',
      'ROLLBACK TO s',
      'COMMIT',
      'BEGIN',
      'GRANT DELETE ON t TO ada',
      'ROLLBACK',
      'REVOKE SELECT ON t FROM ada',
    ]) {
      await answerTo('admin', text)
    }
    await answerTo('ada', "SELECT * FROM t WHERE 'marker' = ''")
    await answerTo('admin', 'CREATE ROLE eva IN ROLE ada')
    const { rows } = await (
      await as('admin')
    ).query<{ event: string; principal: string; detail: string }>(
      "SELECT event, principal, detail FROM polylog.audit WHERE event ~ '^(privilege|member)' OR event = 'access denied'",
    )
    expect(rows.map(({ event, principal, detail }) => `${principal}: ${event}: ${detail}`)).toEqual([
      'admin: privilege granted: GRANT SELECT ON t TO ada',
      'admin: privilege granted: GRANT INSERT ON t TO ada',
      'admin: privilege revoked: REVOKE SELECT ON t FROM ada',
      'ada: access denied: permission denied for table t',
      'admin: member added: eva',
    ])
  })

  test('who sees what runs sees no values of others', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int PRIMARY KEY)')
    await answerTo('admin', 'INSERT INTO t VALUES (1)')
    const holder = new pg.Client({
      port: answers.server.port,
      host: '127.0.0.1',
      user: 'admin',
      password: 'admin',
      database: 'polylog',
    })
    holder.on('error', () => undefined)
    await holder.connect()
    await holder.query('BEGIN')
    await holder.query('DELETE FROM t')
    const waiting = (await as('admin')).query("DELETE FROM t WHERE 'marker' <> ''")
    const client = await as('ada')
    const running = "SELECT statement FROM polylog.sessions WHERE waits_for = 'lock'"
    let shown = ''
    while (shown === '')
      shown = ((await client.query(running)).rows[0] as { statement: string } | undefined)?.statement ?? ''
    expect(shown).toBe('<insufficient privilege>')
    const { rows } = await client.query("SELECT key FROM polylog.locks WHERE kind IN ('key', 'name')")
    expect(rows.length).toBeGreaterThan(0)
    expect(rows.every((row: { key: unknown }) => row.key === null)).toBe(true)
    await holder.query('ROLLBACK')
    await waiting
    await holder.end()
  })

  test('who may not connect cannot', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'REVOKE CONNECT ON DATABASE polylog FROM PUBLIC')
    expect(await answerTo('ada', 'SELECT 1')).toBe('E 42501 permission denied for database "polylog"')
  })

  test('who makes a database may do everything in it', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN CREATEDB PASSWORD 'ada'")
    expect(await answerTo('ada', 'CREATE DATABASE hers')).toBe('CREATE null []')
    const there = new pg.Client({
      port: answers.server.port,
      host: '127.0.0.1',
      user: 'ada',
      password: 'ada',
      database: 'hers',
    })
    await there.connect()
    await there.query('CREATE SCHEMA s')
    await there.query('CREATE TABLE public.t (id int)')
    await there.query('INSERT INTO t VALUES (1)')
    await there.end()
    expect(await answerTo('ada', 'DROP DATABASE hers')).toBe('DROP null []')
  })

  test('who is given a database has what an owner has there, and who gave it no more than others', async () => {
    for (const name of ['ada', 'bob']) await answerTo('admin', `CREATE ROLE ${name} LOGIN PASSWORD '${name}'`)
    await answerTo('admin', 'ALTER ROLE ada CREATEDB')
    await answerTo('ada', 'CREATE DATABASE hers')
    await answerTo('admin', 'CREATE DATABASE theirs')
    const may = async (user: string, database: string, privileges: string): Promise<string> => {
      const client = new pg.Client({ port: answers.server.port, host: '127.0.0.1', user, password: user, database })
      await client.connect()
      let found = ''
      for (const one of privileges.split(' ')) {
        const text = `SELECT has_database_privilege('${database}', '${one}') AS may`
        if ((await client.query<{ may: boolean }>(text)).rows[0]!.may) found += ` ${one}`
      }
      await client.end()
      return found.trim()
    }
    expect(await may('ada', 'hers', 'create temporary select')).toBe('create temporary select')
    await answerTo('admin', 'ALTER DATABASE hers OWNER TO bob')
    await answerTo('admin', 'ALTER DATABASE theirs OWNER TO bob')
    expect(await may('bob', 'hers', 'create temporary select')).toBe('create temporary select')
    expect(await may('ada', 'hers', 'create temporary select')).toBe('temporary')
    // Of one that a superuser has made, what PostgreSQL's owner has.
    expect(await may('bob', 'theirs', 'create temporary select')).toBe('create temporary')
  })

  test('is kept over a restart', async () => {
    await answerTo('admin', "CREATE ROLE ada LOGIN PASSWORD 'ada'")
    await answerTo('admin', 'CREATE TABLE t (id int, b int)')
    await answerTo('admin', 'GRANT SELECT (id) ON t TO ada')
    await answers.restart()
    expect(await answerTo('ada', 'SELECT id FROM t')).toBe('SELECT 0 []')
    expect(await answerTo('ada', 'SELECT b FROM t')).toMatch(/^E 42501/)
  })
})

/** What attackers have found, each as it was found. */
describe('ways around', { timeout: 60_000 }, () => {
  const make = async (name: string, more = ''): Promise<void> => {
    await answerTo('admin', `CREATE ROLE ${name} LOGIN PASSWORD '${name}' ${more}`)
  }
  const run = async (user: string, ...texts: readonly string[]): Promise<string> => {
    let last = ''
    for (const text of texts) last = await answerTo(user, text)
    return last
  }

  test('a session of a role that is gone becomes nobody', async () => {
    await make('dz')
    await run('dz', 'SELECT 1')
    await run('admin', 'DROP ROLE dz')
    await run('dz', 'SET SESSION AUTHORIZATION dz')
    expect(await run('dz', 'SET ROLE admin')).toMatch(/^E 42501/)
    await make('vic')
    await run('vic', 'SET SESSION AUTHORIZATION vic')
    await run('admin', 'ALTER ROLE vic RENAME TO vic2')
    expect(await run('vic', 'SET ROLE admin')).toMatch(/^E 42501/)
  })

  test('a role that comes later under a name is not the one that was said', async () => {
    await make('kl')
    await run('admin', 'CREATE ROLE kg', 'GRANT kg TO kl', 'CREATE TABLE t (id int)')
    await run('kl', 'SET ROLE kg')
    await run('admin', 'DROP ROLE kg', 'CREATE ROLE kg SUPERUSER')
    await run('kl', 'BEGIN', 'SET LOCAL ROLE none', 'ROLLBACK')
    expect(await run('kl', 'SELECT * FROM t')).toMatch(/^E 42P01/)
    expect(await run('kl', 'SELECT * FROM pg_authid')).toMatch(/^E 42501/)
  })

  test('who makes a database looks over nobody of the others', async () => {
    await make('cdx', 'CREATEDB')
    await run('cdx', 'CREATE DATABASE hers')
    const there = new pg.Client({
      port: answers.server.port,
      host: '127.0.0.1',
      user: 'cdx',
      password: 'cdx',
      database: 'hers',
    })
    await there.connect()
    const { rows } = await there.query<{ may: boolean }>("SELECT has_database_privilege('hers', 'administer') AS may")
    expect(rows).toEqual([{ may: false }])
    await there.end()
  })

  test('errors show no rows to who may not read them', async () => {
    await make('lim')
    await run(
      'admin',
      'CREATE TABLE sec (id int PRIMARY KEY, secret text, price int NOT NULL CHECK (price < 1000))',
      "INSERT INTO sec VALUES (1, 'TOPSECRET', 1)",
      'GRANT UPDATE (price), SELECT (id, price) ON sec TO lim',
    )
    const client = await as('lim')
    for (const price of ['NULL', '5000']) {
      const error = await client.query(`UPDATE sec SET price = ${price} WHERE id = 1`).catch((each: unknown) => each)
      expect(error).toMatchObject({ code: expect.stringMatching(/^23/), detail: undefined })
    }
    await expect((await as('admin')).query('UPDATE sec SET price = NULL')).rejects.toMatchObject({
      detail: 'Failing row contains (1, TOPSECRET, null).',
    })
  })

  test('what is taken of a table is taken of its columns, with what others had because of it', async () => {
    for (const name of ['rx', 'g1', 'g2']) await make(name)
    await run('admin', 'CREATE TABLE rc (id int, s text)', 'GRANT SELECT (id, s), UPDATE (s) ON rc TO rx')
    await run('admin', 'REVOKE ALL ON rc FROM rx')
    expect(await run('rx', 'SELECT * FROM rc')).toMatch(/^E 42501/)
    expect(await run('rx', "UPDATE rc SET s = 'x'")).toMatch(/^E 42501/)
    await run('admin', 'GRANT SELECT ON rc TO g1 WITH GRANT OPTION')
    await run('g1', 'GRANT SELECT (id) ON rc TO g2')
    expect(await run('g2', 'SELECT id FROM rc')).toBe('SELECT 0 []')
    await run('admin', 'REVOKE SELECT ON rc FROM g1 CASCADE')
    expect(await run('g2', 'SELECT id FROM rc')).toMatch(/^E 42501/)
    await run('admin', 'GRANT SELECT ON rc TO g1 WITH GRANT OPTION')
    await run('g1', 'GRANT SELECT ON rc TO g2')
    await run('admin', 'DROP OWNED BY g1')
    expect(await run('g2', 'SELECT id FROM rc')).toMatch(/^E 42501/)
  })

  test('what a member gives by its group is given by the group', async () => {
    for (const name of ['mem', 'third', 'fourth']) await make(name)
    await run('admin', 'CREATE ROLE grp', 'CREATE TABLE p (id int)', 'GRANT SELECT ON p TO grp WITH GRANT OPTION')
    await run('admin', 'GRANT grp TO mem')
    await run('mem', 'GRANT SELECT ON p TO third')
    await run('admin', 'GRANT SELECT ON p TO fourth')
    expect(await run('admin', 'REVOKE SELECT ON p FROM fourth')).toBe('REVOKE null []')
    expect(await run('third', 'SELECT * FROM p')).toBe('SELECT 0 []')
  })

  test('who may change definitions looks at no rows, nor writes them', async () => {
    await make('sch')
    await run('admin', 'CREATE TABLE s (id int, pub text, priv text)', "INSERT INTO s VALUES (1, 'a', 'TOPSECRET')")
    await run('admin', 'GRANT SCHEMA, SELECT (pub) ON s TO sch')
    for (const text of [
      'ALTER TABLE s ALTER pub TYPE text USING priv',
      "ALTER TABLE s ADD CHECK (priv <> 'TOPSECRET')",
      'ALTER TABLE s ALTER priv SET NOT NULL',
      'CREATE UNIQUE INDEX ON s (priv)',
    ]) {
      expect(await run('sch', text), text).toMatch(/^E 42501/)
    }
    expect(await run('sch', 'CREATE INDEX ON s (priv)')).toBe('CREATE null []')
  })

  test('who owns a schema gives what is in it by others to nobody', async () => {
    await make('so')
    await run('admin', 'CREATE SCHEMA shop', 'ALTER SCHEMA shop OWNER TO so', 'CREATE TABLE shop.t (id int)')
    await run('so', 'GRANT SELECT, DELETE ON SCHEMA shop TO so')
    expect(await run('so', 'SELECT * FROM shop.t')).toMatch(/^E 42501/)
  })

  test('sequences of others are not set by a default, nor owned by a table of others', async () => {
    await make('o1')
    await run(
      'admin',
      'GRANT CREATE ON SCHEMA public TO o1',
      'CREATE TABLE inv (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)',
      "INSERT INTO inv (v) VALUES ('a'), ('b')",
    )
    await run('o1', "CREATE TABLE k1 (x int, n bigint DEFAULT setval('inv_id_seq', 1))")
    expect(await run('o1', 'INSERT INTO k1 (x) VALUES (1)')).toMatch(/^E 42501/)
    expect(await run('o1', 'CREATE SEQUENCE os OWNED BY inv.id')).toMatch(/^E 42501/)
  })

  test('what is refused changes nothing: a role in a role that is not to be given', async () => {
    await make('bob', 'CREATEROLE')
    expect(await run('bob', "CREATE ROLE leftover LOGIN PASSWORD 'leftover' IN ROLE admin")).toMatch(/^E 42501/)
    expect(await run('leftover', 'SELECT 1')).toMatch(/^E 28P01/)
  })

  test('nobody comments on what it does not own, nor makes the schema of Redis', async () => {
    await make('lim')
    await run('admin', 'CREATE SCHEMA s')
    for (const text of ["COMMENT ON SCHEMA s IS 'x'", "COMMENT ON DATABASE polylog IS 'x'", 'CREATE SCHEMA redis']) {
      expect(await run('lim', text), text).toMatch(/^E 42501/)
    }
  })
})
