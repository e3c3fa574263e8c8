/**
 * The rules of the matrix against the real PostgreSQL: what `rules.ts` expects of SQL's statements is what it answers, for
 * every row that is given in its own words. The walk holds Polylog to the same rules.
 */
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPostgresInstalled, type RealPostgres, startRealPostgres } from '../differential/postgres/real-postgres.ts'
import type { Operation } from './operation.ts'
import { type Subject, subjects } from './subjects.ts'
import { itemsAnew, tables, takingAll } from './tables.ts'
import { mayBe, operations } from './walk.ts'

/** Words that are Polylog's own. */
const own = /polylog[._]|SCHEMA (?:ON|shop TO ada, redis)|FEED|HISTORY|FORK|ADMINISTER|USAGE ON DATABASE|redis\.db0_/
/** On a schema, and on a database, PostgreSQL has no privileges but these. */
const onAll = /GRANT (?!USAGE|CREATE)\w+ ON (?:SCHEMA|DATABASE)/

const rows = subjects.filter(({ by, give }) => {
  return by === 'sql' && give.every((text) => !own.test(text as string) && !onAll.test(text as string))
})
const asked = operations.filter(({ door, thing, say, lacks }) => {
  const isAlike = thing === 'table' || thing === 'objects' || thing === 'server'
  return door === 'sql' && isAlike && lacks === undefined && !own.test(say as string)
})

/** Where PostgreSQL answers otherwise, on purpose. */
const known: Readonly<Record<string, string>> = {
  '`SUPERUSER`: SET SESSION AUTHORIZATION clerk; RESET SESSION AUTHORIZATION':
    'there it counts what the session was when it began',
  '`pg_write_all_data`: UPDATE shop.asking SET price = 5': 'what the condition of the view reads is asked for here',
  '`pg_read_all_data`: SELECT rolpassword FROM pg_authid': 'secrets are for superusers here',
}

/** In place of documents and keys. */
const standIns = [
  'CREATE TABLE shop.notes (_id int, n int)',
  'CREATE SCHEMA redis',
  'CREATE TABLE redis.db0 (key text)',
]

describe.skipIf(!isPostgresInstalled())('PostgreSQL answers as the rules say to who has', () => {
  let postgres: RealPostgres
  let root: pg.Client
  let ada: pg.Client

  async function connect(user: string, database: string): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', port: postgres.port, user, database })
    await client.connect()
    return client
  }

  beforeAll(async () => {
    postgres = await startRealPostgres()
    const first = await connect('postgres', 'postgres')
    for (const text of ['CREATE ROLE root SUPERUSER LOGIN', 'CREATE DATABASE polylog OWNER root'])
      await first.query(text)
    await first.end()
    root = await connect('root', 'polylog')
    for (const name of ['ada', 'clerk', 'crew', 'mate', 'spare', 'temp']) await root.query(`CREATE ROLE ${name} LOGIN`)
    await root.query('CREATE ROLE boss SUPERUSER')
    for (const text of [...tables, ...standIns, itemsAnew]) await root.query(text)
    ada = await connect('ada', 'polylog')
  })

  afterAll(async () => {
    await ada?.end()
    await root?.end()
    await postgres?.stop()
  })

  /** In a transaction that is rolled back, but for what cannot be in one. */
  async function answerTo(text: string): Promise<string> {
    const isApart = text.startsWith('CREATE DATABASE')
    if (!isApart) await ada.query('BEGIN')
    try {
      await ada.query(text)
      if (isApart) await root.query('DROP DATABASE fresh')
      return 'allowed'
    } catch (error) {
      const { code, message } = error as { code: string; message: string }
      return code === '42501' ? 'denied' : message
    } finally {
      if (!isApart) await ada.query('ROLLBACK')
    }
  }

  async function compared(subject: Subject, operation: Operation): Promise<string | undefined> {
    const title = `${subject.name}: ${String(operation.say)}`
    const expected = mayBe(subject.holds, operation) ? 'allowed' : 'denied'
    const found = await answerTo(operation.say as string)
    // What may not be given is passed over with a warning where something of the object may.
    const isPassedOver = operation.kind === 'give' && found === 'allowed'
    if (found === expected || isPassedOver || Object.hasOwn(known, title)) return undefined
    return `${title}: expected ${expected}, got ${found}`
  }

  test.each(rows.map((subject) => [subject.name, subject] as const))('%s', async (_, subject) => {
    for (const text of subject.give) await root.query(text as string)
    const complaints: string[] = []
    for (const operation of asked) complaints.push((await compared(subject, operation)) ?? '')
    for (const text of takingAll) await root.query(text)
    expect(complaints.filter((one) => one !== '')).toEqual([])
  })
})
