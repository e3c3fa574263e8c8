/** pg_sleep: the statement waits, nobody else does, and what ends a statement ends its sleep. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { query, type TestClient, TestDoor } from './testing.ts'

let door: TestDoor

beforeEach(async () => {
  door = await TestDoor.open()
})

afterEach(() => door.close())

const connect = (...settings: string[]): Promise<TestClient> => door.connect(...settings)

async function ask(client: TestClient, text: string): Promise<string[]> {
  client.send(query(text))
  const lines: string[] = []
  while (!lines.some((line) => line.startsWith('Z'))) lines.push(...(await client.awaitAnswers()))
  return lines.filter((line) => /^[DEN]/.test(line))
}

const endless = 'select pg_sleep(1e9)'

describe('pg_sleep', () => {
  it.each([
    ['select pg_sleep(0.002)', ['D ']],
    ['select pg_sleep(0.002), pg_sleep(0.002), 1', ['D ||1']],
    ['select i, pg_sleep(0.001 * i) from generate_series(1, 3) i', ['D 1|', 'D 2|', 'D 3|']],
    ['select 1 from pg_sleep(0.002)', ['D 1']],
    ["select pg_sleep_for('2 ms'), pg_sleep_until(clock_timestamp() + '2 ms')", ['D |']],
    ["select pg_sleep(-1), pg_sleep('nan'), pg_sleep(null)", ['D ||null']],
    ['select count(pg_sleep(0.001)) from generate_series(1, 3)', ['D 3']],
    ['select 1 where pg_sleep(0.001) is not null', ['D 1']],
    ['select 1 order by pg_sleep(0.001) is null', ['D 1']],
    ['select (select pg_sleep(0.001)), exists (select pg_sleep(0.001))', ['D |t']],
    ['values (pg_sleep(0.001)), (pg_sleep(0.001))', ['D ', 'D ']],
    ['select i from generate_series(1, 2) i, lateral (select pg_sleep(0.001 * i)) s', ['D 1', 'D 2']],
    ['select 1 limit 1 + (pg_sleep(0.001) is null)::int', ['D 1']],
    [
      "do $$ begin perform pg_sleep(0.001); raise notice 'awake'; perform pg_sleep(0.001); end $$",
      ['N NOTICE 00000 awake'],
    ],
    ['select i from generate_series(1, 1 + (pg_sleep(0.001) is null)::int) i', ['D 1']],
    ['prepare p as select pg_sleep($1); execute p (0.002)', ['D ']],
  ])('%s', async (text, expected) => {
    expect(await ask(await connect(), text)).toEqual(expected)
  })

  it('waits within what a statement writes, and writes it once', async () => {
    const client = await connect()
    await ask(
      client,
      'create table t (a serial, b bool default (pg_sleep(0.001) is null), check (pg_sleep(0.001) is not null))',
    )
    await ask(client, 'insert into t (b) values (default), (pg_sleep(0.001) is null)')
    await ask(client, 'insert into t (b) select pg_sleep(0.001) is null from generate_series(1, 2)')
    await ask(client, 'update t set b = pg_sleep(0.001) is not null')
    expect(
      await ask(client, 'delete from t where pg_sleep(0.001) is not null returning a, b, pg_sleep(0.001)'),
    ).toEqual(['D 1|t|', 'D 2|t|', 'D 3|t|', 'D 4|t|'])
  })

  it('lets others go on meanwhile, and is ended by a cancel', async () => {
    const [sleeper, other] = [await connect(), await connect()]
    sleeper.send(query(`create table t (); ${endless}`))
    expect(await sleeper.answers()).toEqual([])
    expect(await ask(other, "select count(*) from pg_class where relname = 't'")).toEqual(['D 0'])
    for (const session of door.opened.sessions.all()) session.cancel()
    expect(await sleeper.answers()).toEqual([
      'C CREATE TABLE',
      'E ERROR 57014 canceling statement due to user request',
      'Z I',
    ])
    expect(door.opened.database.open.size).toBe(0)
  })

  it('is ended by statement_timeout', async () => {
    const client = await connect('statement_timeout', '5ms')
    expect(await ask(client, endless)).toEqual(['E ERROR 57014 canceling statement due to statement timeout'])
    expect(await ask(client, 'select 1')).toEqual(['D 1'])
  })
})
