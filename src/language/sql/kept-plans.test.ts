/** Plans are kept for as long as their text is asked for: nothing of who asked first may be kept with them. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase } from '../../database/testing.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { openMemoryStore } from '../../storage/memory/memory.ts'
import type { SqlContext } from './contract.ts'
import { loadSql, parse, prepare } from './sql.ts'
import { TestSql } from './testing.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const tables = [
  'create table item (id int primary key, kind int default 7, note text unique)',
  'create table part (id int primary key, item int references item, weight numeric)',
  'create sequence numbers',
]

/** Of every kind whose plan is kept. */
const statements = [
  'select * from item where id = 1',
  "select note || 'x', kind::text, 'item'::regclass from item where kind in (1, 2) or note like 'a%' order by note limit 3",
  'select i.id, count(*), sum(weight), array_agg(p.id order by p.id) from item i left join part p on p.item = i.id group by i.id having count(*) > 0',
  'select id, (select max(weight) from part where item = i.id) from item i where exists (select from part where item = i.id)',
  'select * from item i, lateral (select * from part p where p.item = i.id limit 1) one',
  'with recent as (select * from item order by id desc limit 5) select * from recent where id not in (select item from part)',
  'select distinct kind from item union select id from part except values (1), (2) order by 1',
  'select g, g * random() from generate_series(1, 3) g',
  'select id from item for update',
  "select nextval('numbers'), current_user, now()",
  'select relname from pg_class where relkind = $$r$$',
  'values (1, 2), (3, 4)',
  'insert into item (id, note) values (1, $$a$$), (2, default) on conflict do nothing',
  'insert into item values (1, 2, $$b$$) on conflict (id) do update set note = excluded.note, kind = default where item.kind > 0 returning *',
  'insert into part select id + 10, id, random() from item returning id, weight * 2',
  'update item set kind = kind + 1, note = default where id > 1 returning id',
  'update part set weight = i.kind from item i where i.id = part.item',
  'delete from part using item i where i.id = part.item and i.kind > 100 returning part.id',
  'explain select * from item i join part p on p.item = i.id where i.kind = 3',
  'explain update part set weight = 1 where id = 2',
  'explain insert into part select id, id, 0 from item',
]

/** A caller who has prepared and is gone. */
function callerOf(text: string, sql: TestSql): WeakRef<SqlContext> {
  const context = Object.create(sql.context()) as SqlContext
  prepare(parse(text)[0]!, context)
  return new WeakRef(context)
}

/**
 * Those that something still holds. A reference that was made in this turn holds by itself, and what other files of this
 * process have left for a later turn (a timer, a promise) may hold a while longer: several turns are given.
 */
async function heldOf<T extends { held: WeakRef<object> }>(all: readonly T[]): Promise<T[]> {
  let held = [...all]
  for (let turn = 0; turn < 20 && held.length > 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, turn))
    collectGarbage()
    held = held.filter((one) => one.held.deref() !== undefined)
  }
  return held
}

beforeAll(loadSql)

describe('what is kept with a plan', () => {
  test('is nothing of who prepared it', async () => {
    const database = await openTestDatabase({ store: await openMemoryStore(createRealHost(), undefined) })
    const sql = new TestSql(database)
    for (const text of tables) await sql.query(text)
    const callers = statements.map((text) => ({ text, held: callerOf(text, sql) }))
    expect((await heldOf(callers)).map(({ text }) => text)).toEqual([])
    await database.close()
  })

  test('is nothing of the database that it ran in', async () => {
    const run = async (texts: readonly string[]): Promise<WeakRef<object>> => {
      const database = await openTestDatabase({ store: await openMemoryStore(createRealHost(), undefined) })
      const sql = new TestSql(database)
      for (const text of texts) await sql.query(text)
      await database.close()
      return new WeakRef(database)
    }
    const held = await run([...tables, ...statements])
    // Whose turn was the last is known until the next one.
    await run(['create table other (id int default 1)', 'insert into other values (default)'])
    expect(await heldOf([{ held }])).toEqual([])
  })
})
